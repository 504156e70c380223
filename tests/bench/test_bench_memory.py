"""The view `memory` asks applications that answer rightly, and tells growth from noise."""

import gc

import pytest
from bench.effort import QUICK
from bench.memory import _GET, _UPGRADE, HELD, _open, hold, is_flat, live, tables
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, UVICORN, Server, Serving
from bench.workloads import Setting

KINDS = {"asgi": (GRANIAN_ASGI, UVICORN), "rsgi": (GRANIAN_RSGI,)}


@pytest.fixture(autouse=True)
def frozen():
    """Each round begins with a collection, which would go through all that the other tests have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        pytest.param(target, kind, id=f"{name}-{kind.name}")
        for name, target in HELD.items()
        for kind in KINDS[target.protocol]
    ],
)
def test_every_application_keeps_connections_and_websockets(target, kind):
    if not target.present:
        pytest.skip(f"{target.needs} is not installed")
    with Server(Serving(target, kind), Setting(), QUICK.core) as server:
        for opening in (_GET, _UPGRADE):
            with _open(server.port, opening), _open(server.port, opening):
                pass


@pytest.mark.parametrize("target", HELD.values(), ids=HELD)
def test_requests_wait_in_their_handlers_and_hold_something(target):
    if not target.present:
        pytest.skip(f"{target.needs} is not installed")
    found = hold(target)
    assert 500 < found["in flight"] < 50_000
    assert 0 < found["most"] < 50_000


def test_a_life_is_looked_at_three_times():
    rows = live(requests=300)
    assert [len(row) for row in rows] == [4, 4, 4]
    assert rows[0][0] < rows[1][0] < rows[2][0] <= 300


@pytest.mark.parametrize(
    ("last", "flat"),
    [
        ([1_000_000, 40_900, 50_010, 100_100], True),
        ([1_000_000, 42_000, 50_000, 100_000], False),
        ([1_000_000, 40_000, 50_000, 102_000], False),
    ],
    ids=["noise", "resident", "blocks"],
)
def test_growth_is_told_from_noise(last, flat):
    assert is_flat([[100_000, 40_000, 50_000, 100_000], [500_000, 40_000, 50_000, 100_000], last]) is flat


def test_the_tables_show_all_three():
    life = [[100, 40_000, 50_000, 100_000], [500, 40_000, 50_000, 100_000], [1_000, 40_512, 50_000, 100_000]]
    connection = {"server": "granian asgi", "target": "nacre", "idle": 20_480.0, "websocket": 153_600.0}
    first, second, third = tables(
        {"connections": [connection], "requests": {"nacre": {"in flight": 2000.0, "most": 1000.0}}, "life": life}
    )
    assert first.rows == [["nacre (granian asgi)", "20.0", "150.0"]]
    assert second.rows == [["nacre", "2,000", "1,000"]]
    assert third.rows[-1] == ["1,000 requests", "39.6", "50,000", "100,000"]
    assert "it does not grow" in third.note
