"""The view `growth`: what becomes dearer when an application grows."""

from __future__ import annotations

import time
from typing import Any

from bench.child import Child
from bench.drivers import driver_for
from bench.effort import Effort
from bench.goals import COMPILE_MS, ROUTES_GROWTH
from bench.measure import Rounds, alternate
from bench.tables import Table, at_most, ns, percent, ratio
from bench.workloads import Call, Setting, check, dynamic_path, get, static_path

ROUTES = (5, 500, 5000)
LAYERS = (1, 5, 10, 20, 50, 100)
_REQUESTED = 5


def measure(effort: Effort) -> dict[str, Any]:
    with Child("growth", core=effort.core) as child:
        found: dict[str, Any] = child.ask(
            rounds=effort.layer_rounds, seconds=effort.seconds, compilations=effort.compile_runs
        )
    return found


def measure_growth(*, rounds: int, seconds: float, compilations: int) -> dict[str, Any]:
    """Nanoseconds per request by size, and milliseconds per compilation, in this process."""
    # First, while the heap is small, as it is when an application starts.
    compiled = {
        f"{routes} routes, {layers} layers ({style})": _compilations(
            routes, layers, style, compilations if routes < 5000 else 1
        )
        for routes, layers, style in (
            (500, 0, "onion"),
            (500, 20, "onion"),
            (500, 20, "after hook"),
            (500, 20, "mixed"),
            (5000, 20, "onion"),
        )
    }
    return {"compile_ms": compiled, "routes": _routes(rounds, seconds), "layers": _layers(rounds, seconds)}


def _compilations(routes: int, layers: int, style: str, runs: int) -> list[float]:
    from bench.apps.nacre import build

    found = []
    for _ in range(runs):
        # `build` compiles once; the second time is only what a later declaration costs, and so is not it.
        app = build(Setting(layers=layers, style=style, routes=routes // 2), compile=False)
        begun = time.perf_counter()
        app.compile()
        found.append((time.perf_counter() - begun) * 1e3)
    return found


def _routes(rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    from bench.apps.nacre import build

    driver = driver_for("rsgi")
    runs = {}
    for size in ROUTES:
        app = build(Setting(routes=size))
        for kind in ("static", "dynamic"):
            calls = _spread(size, kind)
            for call in calls:
                check(call, Setting(), driver.answer(app, call))
            runs[f"{kind}:{size}"] = lambda count, app=app, calls=calls: driver.run(app, calls, count)
    measured = alternate(runs, rounds, seconds)
    return {
        kind: {str(size): list(measured[f"{kind}:{size}"].values) for size in ROUTES} for kind in ("static", "dynamic")
    }


def _spread(size: int, kind: str) -> list[Call]:
    """A few routes from all over the table: as many at each size, so that only the table differs."""
    indexes = range(0, size, size // _REQUESTED)
    if kind == "static":
        return [get(static_path(index), {"route": index}) for index in indexes]
    return [get(dynamic_path(index, 7), {"route": index, "number": 7}) for index in indexes]


def _layers(rounds: int, seconds: float) -> dict[str, list[float]]:
    from bench.apps.nacre import build

    driver = driver_for("rsgi")
    runs = {}
    for number in LAYERS:
        setting = Setting(layers=number, adding=False)
        app = build(setting)
        calls = [get("/json", {"message": "Hello, World!"})]
        check(calls[0], setting, driver.answer(app, calls[0]))
        runs[str(number)] = lambda count, app=app, calls=calls: driver.run(app, calls, count)
    return {number: list(found.values) for number, found in alternate(runs, rounds, seconds).items()}


def tables(data: dict[str, Any]) -> list[Table]:
    return [_route_table(data["routes"]), _layer_table(data["layers"]), _compile_table(data["compile_ms"])]


def _route_table(data: dict[str, dict[str, list[float]]]) -> Table:
    rows = []
    for kind, sizes in data.items():
        found = {int(size): Rounds(tuple(rounds)) for size, rounds in sizes.items()}
        for size, rounds in found.items():
            by_few = rounds.least / found[ROUTES[0]].least
            goal = at_most(by_few, ROUTES_GROWTH.get(size))
            figures = ns(rounds.least), ns(rounds.median), percent(rounds.spread), ratio(by_few)
            rows.append([f"{kind}, {size:,}", *figures, *goal])
    columns = ("routes of each kind", "ns", "median", "spread", "by 5 routes", "target", "met")
    note = f"A whole request on RSGI, in process; {_REQUESTED} routes from all over the table are requested in turn."
    return Table("Growth: routes", columns, rows, note)


def _layer_table(data: dict[str, list[float]]) -> Table:
    found = {int(number): Rounds(tuple(rounds)) for number, rounds in data.items()}
    rows = []
    before = None
    for number, rounds in found.items():
        each = "" if before is None else ns((rounds.least - found[before].least) / (number - before))
        rows.append([str(number), ns(rounds.least), ns(rounds.median), percent(rounds.spread), each])
        before = number
    columns = ("idle onion layers", "ns", "median", "spread", "per further layer")
    return Table("Growth: layers", columns, rows, "Linear when the last column stays the same.")


def _compile_table(data: dict[str, list[float]]) -> Table:
    rows = []
    for what, runs in data.items():
        goal = at_most(min(runs), COMPILE_MS if what.startswith("500 routes, 20") else None)
        rows.append([what, f"{min(runs):.0f}", f"{max(runs):.0f}", *goal])
    return Table("Compilation, ms", ("", "least", "most", "target", "met"), rows)
