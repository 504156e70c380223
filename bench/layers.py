"""The view `layers`: what one layer of each style costs, beside a plain function call that does the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.child import Child
from bench.drivers import Driver, cpu_time, driver_for
from bench.effort import Effort
from bench.goals import ASGI_LAYER_NS, CONSTANT_HEADER, LAYER, LAYER_WSGI, MIXED_LAYER, SKIPPED_LAYER
from bench.measure import Rounds, alternate
from bench.tables import Table, at_most, ns, percent, ratio
from bench.workloads import WORKLOADS, Setting, check

SKIPPED = "skipped"

STYLES = {
    "asgi": (
        "onion",
        "onion, not annotated",
        "onion, looked at",
        "onion, bound (header)",
        "provider",
        "after hook",
        "after_request",
        "finalizer",
        "default headers",
        SKIPPED,
        "Django class, async",
        "ASGI class inside",
        "ASGI class at the head",
        "mixed",
    ),
    "rsgi": (
        "onion",
        "onion, looked at",
        "onion, bound (header)",
        "provider",
        "after hook",
        "finalizer",
        "default headers",
        SKIPPED,
        "Django class, async",
        "ASGI class inside",
        "mixed",
    ),
    "wsgi": (
        "onion, plain def",
        "after hook",
        "after_request",
        "finalizer",
        "default headers",
        SKIPPED,
        "Django class",
        "mixed, plain",
    ),
}
COUNT = 20
_CALL = "a plain function call"

_NOTE = f"""\
({COUNT} layers − none) / {COUNT}, least of the rounds, within one process. *Adding*: the layer adds a header with
`response.headers.add`; the call beside it does just that. *Idle*: the layer does nothing, and the function called
beside it is empty, so this ratio is the stricter one: all of it is the framework's. The target is for either, and
`met` answers for the first / the second. An onion layer that is *bound* asks for a header of at least one character, a
*provider* is asked by an onion layer, each layer its own. *Default headers* are known at startup: nothing is called,
the fields are sent. A *skipped* layer doesn't apply to the route, and adds nothing in either column. The call's own
figure includes its share of the loop over the functions. A mixed chain is to cost the mean of the styles it is made of,
which stands in place of a target."""


def measure(effort: Effort) -> dict[str, Any]:
    """By protocol, style and kind ("adding", "idle"): nanoseconds per layer, round by round."""
    found = {}
    for protocol in STYLES:
        with Child("layers", protocol, core=effort.core) as child:
            found[protocol] = child.ask(rounds=effort.layer_rounds, seconds=effort.seconds)
    return found


def measure_styles(protocol: str, *, rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """The same for one protocol, in this process."""
    driver = driver_for(protocol)
    plain = protocol == "wsgi"
    runs: dict[str, Callable[[int], int]] = {}
    for kind, adding in (("adding", True), ("idle", False)):
        runs[f"{kind}:{_CALL}:0"] = _calls(0, adding)
        runs[f"{kind}:{_CALL}:{COUNT}"] = _calls(COUNT, adding)
        for style in STYLES[protocol]:
            setting = Setting(layers=COUNT, style=style, adding=adding and style != SKIPPED, plain=plain)
            runs[f"{kind}:{style}:{COUNT}"] = _requests(driver, setting)
    runs["none"] = _requests(driver, Setting(plain=plain))
    measured = alternate(runs, rounds, seconds)
    return {kind: _per_layer(measured, kind, STYLES[protocol]) for kind in ("adding", "idle")}


def _per_layer(measured: dict[str, Rounds], kind: str, styles: tuple[str, ...]) -> dict[str, list[float]]:
    found = {_CALL: _difference(measured[f"{kind}:{_CALL}:{COUNT}"], measured[f"{kind}:{_CALL}:0"])}
    for style in styles:
        found[style] = _difference(measured[f"{kind}:{style}:{COUNT}"], measured["none"])
    return found


def _difference(many: Rounds, none: Rounds) -> list[float]:
    # The best round without layers is subtracted from all: subtracting round from round would add up their noise.
    return [(value - none.least) / COUNT for value in many.values]


def _requests(driver: Driver, setting: Setting) -> Callable[[int], int]:
    from bench.apps.nacre import build

    app = build(setting)
    calls = WORKLOADS["json"].calls
    for call in calls:
        check(call, setting, driver.answer(app, call))
    return lambda count: driver.run(app, calls, count)


def _calls(number: int, adding: bool) -> Callable[[int], int]:
    """So many functions called one after the other with a request and a fresh response."""
    from nacre import Response

    functions = tuple(_function(name, value, adding) for name, value in Setting(layers=number).added_headers())
    request = object()

    def run(count: int) -> int:
        def work() -> None:
            for _ in range(count):
                response = Response(b"")
                for function in functions:
                    function(request, response)

        return cpu_time(work)

    return run


def _function(name: str, value: str, adding: bool) -> Callable[[Any, Any], None]:
    def add(request: Any, response: Any) -> None:
        response.headers.add(name, value)

    def nothing(request: Any, response: Any) -> None:
        pass

    return add if adding else nothing


def tables(data: dict[str, Any]) -> list[Table]:
    return [_table(protocol, kinds) for protocol, kinds in data.items()]


def _table(protocol: str, kinds: dict[str, dict[str, list[float]]]) -> Table:
    adding, idle = (_rounds(kinds[kind]) for kind in ("adding", "idle"))
    rows = []
    for style in adding:
        by_adding = adding[style].least / adding[_CALL].least
        by_idle = idle[style].least / idle[_CALL].least
        goal, met = _goal(protocol, style, adding, by_adding, by_idle)
        spread = percent(adding[style].spread) if style != SKIPPED else ""  # of what is nothing, a spread means nothing
        rows.append(
            [style, ns(adding[style].least), spread, ratio(by_adding), ns(idle[style].least), ratio(by_idle), goal, met]
        )
    columns = (
        "one layer",
        "adding, ns",
        "spread",
        "by a call",
        "idle, ns",
        "by a call",
        "target",
        "met (adding / idle)",
    )
    return Table(f"Layers on {protocol.upper()}", columns, rows, _NOTE if protocol == "asgi" else "")


def _rounds(styles: dict[str, list[float]]) -> dict[str, Rounds]:
    return {style: Rounds(tuple(values)) for style, values in styles.items()}


def _goal(protocol: str, style: str, adding: dict[str, Rounds], by_adding: float, by_idle: float) -> tuple[str, str]:
    if style.startswith("mixed"):
        from bench.apps.nacre_layers import MIXED, MIXED_PLAIN

        parts = MIXED if style == "mixed" else MIXED_PLAIN
        known = [adding[part].least for part in parts if part in adding]
        if len(known) < len(parts):
            return "", ""
        mean = sum(known) / len(known)
        return f"≤ {ns(mean)} ns", "yes" if adding[style].least <= mean * MIXED_LAYER else "no"
    if style.startswith("ASGI class inside"):
        return f"≤ {ns(ASGI_LAYER_NS)} ns", "yes" if adding[style].least <= ASGI_LAYER_NS else "no"
    if style == "default headers":
        return at_most(by_adding, CONSTANT_HEADER)
    if style == SKIPPED:
        return at_most(by_adding, SKIPPED_LAYER)
    goal = (LAYER_WSGI if protocol == "wsgi" else LAYER).get(style)
    if goal is None:
        return "", ""
    return at_most(by_adding, goal)[0], f"{at_most(by_adding, goal)[1]} / {at_most(by_idle, goal)[1]}"
