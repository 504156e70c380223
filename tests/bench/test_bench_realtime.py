"""The view `realtime` measures applications that deliver every event and send every message back."""

import pytest
from bench.machine import version_of
from bench.realtime import SERVINGS, WORK, load, tables
from bench.servers import Server
from bench.workloads import Setting


@pytest.mark.parametrize("serving", SERVINGS, ids=[one.name for one in SERVINGS])
def test_every_application_delivers_all(serving):
    if not serving.target.present or version_of(serving.kind.package) is None:
        pytest.skip(f"{serving.name} is not installed")
    with Server(serving, Setting(), 0) as server:
        assert load(server.port, "events", 3, 20, 1) == 60
        assert load(server.port, "events", 2, 5, 1) == 10  # nobody of the first round listens any more
        assert load(server.port, "echo", 3, 20, 1) == 60


def test_the_table_has_ratios_to_raw_asgi_on_the_same_server():
    found = {
        "raw asgi (granian asgi)": {work: [10.0, 12.0, 11.0] for work in WORK},
        "nacre rsgi (granian rsgi)": {work: [22.0] for work in WORK},
        "raw asgi (uvicorn)": {work: [5.0] for work in WORK},
        "starlette (uvicorn)": {work: [10.0] for work in WORK},
    }
    (table,) = tables({"cpu_us": found})
    assert [row[1] for row in table.rows] == ["11.0 us (1.00)", "22.0 us (0.50)", "5.0 us (1.00)", "10.0 us (0.50)"]
    assert tables({"missing": "no client"})[0].rows == [["no client"]]
