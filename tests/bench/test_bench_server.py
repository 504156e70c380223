"""The view `server` asks for what there is time for, and says what it has found and what it has not."""

import dataclasses

import pytest
from bench import capacity, wrk
from bench.capacity import measure_matrix, plan, tables
from bench.effort import FULL, QUICK
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, UVICORN, ServerKind, Serving
from bench.targets import FALCON, LITESTAR, NACRE_ASGI, NACRE_RSGI, RAW_ASGI
from bench.workloads import BASIC, FURTHER, WORKLOADS, Call, Workload

BROKEN = ServerKind("broken", "", ("-c", "raise SystemExit('there is no such server')"))


def test_all_of_nacre_is_measured_and_of_peers_what_they_answer():
    chosen = plan(FULL)
    ours = chosen[Serving(NACRE_RSGI, GRANIAN_RSGI)]
    assert set(ours) == {*BASIC, *FURTHER} - {"layers0"}
    assert ours["json"] == FULL.server_rounds
    if LITESTAR.present:
        assert chosen[Serving(LITESTAR, GRANIAN_ASGI)]["json"] == FULL.peer_rounds
    if FALCON.present:
        assert "providers" not in chosen[Serving(FALCON, GRANIAN_ASGI)]
    assert sum(sum(names.values()) for names in chosen.values()) * FULL.server_seconds < 600


def test_a_short_run_has_a_few_workloads_on_one_server():
    chosen = plan(QUICK)
    assert not any(serving.kind is UVICORN for serving in chosen)
    assert sum(sum(names.values()) for names in chosen.values()) < 30


def test_tables_give_capacity_targets_and_what_is_missing():
    found = {
        "raw asgi (granian asgi)": {"json": [20.0, 21.0, 22.0], "form": [60.0]},
        "nacre asgi (granian asgi)": {"json": [21.0], "form": [30.0]},
        "aiohttp (its own run)": {"json": [42.0, 46.2]},
        "raw asgi (uvicorn)": {"json": [30.0]},
        "nacre asgi (uvicorn)": {"json": [40.0]},
    }
    on_granian, further, on_uvicorn = tables({"cpu_us": found, "without": ["sanic is not installed: make peers"]})
    rows = {row[0]: list(row[1:]) for row in on_granian.rows}
    assert rows["nacre asgi (granian asgi)"] == ["1.00 (21.0 us)", "0%"]
    assert rows["  target"] == ["≥ 0.92", ""]
    assert rows["  met"] == ["yes", ""]
    assert rows["aiohttp (its own run)"] == ["0.48 (44.1 us)", "10%"]
    assert "sanic is not installed" in on_granian.note
    assert [row[0] for row in further.rows] == ["raw asgi (granian asgi)", "nacre asgi (granian asgi)"]
    assert on_uvicorn.rows[1] == ["nacre asgi (uvicorn)", "0.75 (40.0 us)", "0%"]


def test_a_target_that_fails_leaves_the_others_their_figures(monkeypatch):
    monkeypatch.setattr(wrk, "is_present", lambda: True)
    monkeypatch.setattr(wrk, "load", lambda *given: wrk.Load(100, 100.0, ""))
    works, fails = Serving(RAW_ASGI, GRANIAN_ASGI), Serving(NACRE_ASGI, BROKEN)
    monkeypatch.setattr(capacity, "plan", lambda effort: {fails: {"json": 1}, works: {"json": 2}})
    data = capacity.measure(QUICK)
    assert len(data["cpu_us"][works.name]["json"]) == 2
    assert data["cpu_us"][fails.name] == {}
    assert any("there is no such server" in word for word in data["without"])
    with pytest.raises(RuntimeError, match="there is no such server"):
        measure_matrix(dataclasses.replace(QUICK, server_rounds=1), {fails: ("json",)})


def test_the_load_sends_bodies_of_any_bytes_and_all_headers(tmp_path):
    body = bytes(range(256))
    call = Call("POST", "/a", "b=c", body, None, kind="x/y", fields=(("cookie", 'a="b"'),))
    script = wrk._script(Workload("any", lambda: (call,)), tmp_path).read_text(encoding="utf-8")
    assert 'wrk.format("POST", "/a?b=c", {["cookie"] = "a=\\"b\\"", ["content-type"] = "x/y"}' in script
    assert (tmp_path / "0.body").read_bytes() == body


def test_refusals_are_no_errors_where_they_are_asked_for():
    text = "  Non-2xx or 3xx responses: 9\n  9 requests in 1.00s\nRequests/sec: 9.0\n"
    assert wrk._parse(text, may_refuse=True).requests == 9
    with pytest.raises(RuntimeError, match="Non-2xx"):
        wrk._parse(text)


def test_each_workload_belongs_to_one_table():
    assert sorted((*BASIC, *FURTHER)) == sorted(WORKLOADS)
