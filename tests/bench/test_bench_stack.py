"""The view `stack` measures sites that answer alike, whatever they are made with, and notices one that doesn't."""

import gc
import json
import logging
from dataclasses import replace

import pytest
from bench.apps.stack_site import ORIGIN, access_logger
from bench.drivers import driver_for
from bench.goals import STACK
from bench.stack import BEGIN, KINDS, TARGETS, begin_and_check, check_line, check_site, site_calls, tables
from bench.workloads import Answer, Call, Setting, WrongAnswer


class Lines(logging.Handler):
    """The lines of an access log. They are kept here, since a file would be written on the event loop."""

    def __init__(self):
        super().__init__()
        self._lines = []

    def emit(self, record):
        self._lines.append(record.getMessage())

    def take(self):
        lines, self._lines = self._lines, []
        return lines


@pytest.fixture
def log(monkeypatch):
    """What every application of the view logs in this test."""
    lines = Lines()
    for name in ("nacre", "by_hand", "starlette", "starlette_http", "fastapi", "litestar"):
        logger = access_logger(f"bench.access.{name}")
        monkeypatch.setattr(logger, "handlers", [lines])
    return lines


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_site_answers_alike_and_logs_each_request_once(target, log):
    if not target.present:
        pytest.skip(f"{target.needs} is not installed")
    driver = driver_for(target.protocol)
    app = target.build(Setting())
    calls = begin_and_check(lambda call: driver.answer(app, call), log.take)
    assert sorted(calls) == sorted(KINDS)
    assert driver.run(app, calls["mix"], 10) > 0
    assert len(log.take()) == 10
    for refused in (
        replace(
            calls["change"][0], fields=tuple(pair for pair in calls["change"][0].fields if pair[0] != "x-csrf-token")
        ),
        replace(calls["read"][0], fields=(("authorization", "Bearer wrong"),)),
    ):
        assert driver.answer(app, refused).status in (401, 403)
    driver.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["nacre asgi", "nacre rsgi"])
def test_a_request_behind_all_layers_leaves_nothing_for_the_garbage_collector(name, kind, log):
    target = TARGETS[name]
    driver = driver_for(target.protocol)
    app = target.build(Setting())
    calls = site_calls(driver.answer(app, BEGIN))[kind]
    driver.run(app, calls, 50)  # what is made once
    gc.collect()
    gc.disable()
    try:
        driver.run(app, calls, 50)  # collects before it begins
        assert gc.collect() < 50
    finally:
        gc.enable()
        driver.close()


RIGHT = (
    ("x-request-id", "a"),
    ("access-control-allow-origin", ORIGIN),
    ("access-control-allow-credentials", "true"),
    ("vary", "Origin"),
)


@pytest.mark.parametrize(
    ("status", "headers", "body", "complaint"),
    [
        (500, RIGHT, b"{}", "status"),
        (200, RIGHT, b"[]", "body"),
        (200, RIGHT[1:], b"{}", "no request id"),
        (200, (*RIGHT, ("set-cookie", "a=b")), b"{}", "set-cookie"),
        (200, (RIGHT[0], *RIGHT[2:]), b"{}", "origin"),
        (200, (*RIGHT[:2], RIGHT[3]), b"{}", "credentials"),
        (200, RIGHT[:3], b"{}", "vary"),
    ],
)
def test_wrong_answers_are_noticed(status, headers, body, complaint):
    call = Call("GET", "/cart", "", b"", {}, fields=(("origin", ORIGIN),))
    with pytest.raises(WrongAnswer, match=complaint):
        check_site(call, Answer(status, headers, body))


def test_a_line_that_is_missing_or_about_something_else_is_noticed():
    line = {"method": "GET", "path": "/begin", "outcome": "complete", "request_id": "a"}
    check_line(BEGIN, [json.dumps(line)])
    for lines in ([], [line, line], [{**line, "path": "/cart"}], [{**line, "request_id": None}]):
        with pytest.raises(WrongAnswer, match="the log has"):
            check_line(BEGIN, [json.dumps(one) for one in lines])


def test_the_tables_say_whether_the_goals_are_met():
    rounds = {"nacre asgi": 10.0, "starlette": 31.0, "litestar": 15.0}
    inproc = {name: {kind: [value, value + 1] for kind in KINDS} for name, value in rounds.items()}
    on_server = {f"{name} (granian asgi)": [value] for name, value in rounds.items()}
    first, second = tables({"inproc_ns": inproc, "cpu_us": on_server})
    assert [row[-1] for row in first.rows] == ["1.00", "3.10", "1.50"]
    assert {row[0]: row[4] for row in second.rows} == {
        "nacre asgi (granian asgi)": "",
        "starlette (granian asgi)": "yes",
        "litestar (granian asgi)": "no",
    }
    assert set(STACK) == {"starlette", "starlette, BaseHTTPMiddleware", "litestar"}
    assert tables({"inproc_ns": inproc, "missing": "no wrk"})[1].rows == [["no wrk"]]
