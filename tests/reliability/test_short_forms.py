"""The short forms of the experiments in `reliability/`, and whether these would notice what they are there for."""

from __future__ import annotations

import pytest
from reliability import leaks
from reliability.experiment import EXPERIMENTS, Finding, Options, load
from reliability.mixed import KINDS, Call
from reliability.soak import slope, unexpected

# The servers differ in what they do by themselves; one of each kind is enough here.
ON_SERVERS = {
    "slow-readers": ("granian-rsgi", "uvicorn"),
    "held-uploads": ("granian-rsgi",),
    "big-uploads": ("granian-rsgi",),
    "departures": ("granian-rsgi",),
    "isolation": ("granian-rsgi", "gunicorn-wsgi"),
    "logs": ("granian-rsgi", "gunicorn-wsgi"),
}

# Where the transports do the work; of the other kinds each protocol is asked for a third.
BY_TRANSPORT = ("multipart", "events", "async streams", "departures", "background", "connections", "too large")


def missed(findings: list[Finding]) -> list[str]:
    assert findings
    return [str(finding) for finding in findings if not finding.passed]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ON_SERVERS)
def test_an_experiment_reaches_its_figures(name: str) -> None:
    assert missed(list(load(name).run(Options(servers=ON_SERVERS[name])))) == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("protocol", leaks.PROTOCOLS)
def test_nothing_stays_behind_after_a_request_of_any_kind(protocol: leaks.TransportName) -> None:
    others = [name for name in KINDS if name not in BY_TRANSPORT][
        leaks.PROTOCOLS.index(protocol) :: len(leaks.PROTOCOLS)
    ]
    chosen = {name: KINDS[name] for name in (*BY_TRANSPORT, *others)}
    assert missed(list(leaks.check(protocol, kinds=chosen))) == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("make", [lambda number: f"text {number}", lambda number: [number]], ids=["text", "object"])
def test_what_is_kept_of_each_request_is_noticed(make: leaks.Callable[[int], object]) -> None:
    kept: dict[int, object] = {}

    def request(number: int) -> Call:
        kept[number] = make(number)
        return KINDS["paths"](number)

    findings = missed(list(leaks.check("asgi", kinds={"kept": request})))
    assert len(findings) == 2
    assert "test_short_forms.py:" in findings[0]


def test_every_experiment_can_be_loaded_and_says_its_goal() -> None:
    assert all(load(name).GOAL for name in EXPERIMENTS)


def test_the_rise_of_memory_is_that_of_the_line_that_fits_best() -> None:
    rise, error = slope([(0.0, 10.0), (0.1, 10.2), (0.2, 10.4), (0.3, 10.6)])
    assert rise == pytest.approx(2.0)
    assert error == pytest.approx(0.0, abs=1e-6)
    assert slope([(0.0, 10.0), (0.1, 11.0), (0.2, 10.0), (0.3, 11.0)])[1] > 1


def test_only_the_tracebacks_that_were_asked_for_are_expected_in_a_log() -> None:
    asked_for = "GET /fail/reason-7 failed\nTraceback (most recent call last):\nZeroDivisionError: reason-7\n"
    assert unexpected(asked_for * 2) == []
    assert unexpected(f"{asked_for}something else\n{asked_for}") == ["something else"]
    assert unexpected("Traceback (most recent call last):\nZeroDivisionError: reason-7\n") != []
