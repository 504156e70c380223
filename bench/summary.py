"""Every target beside its figure, and why it isn't met where it isn't: the beginning of `RESULTS.md`.

A row's name, or a pattern of several, is the key in `reasons.toml`, which says what was measured to be in the way.
"""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench import goals
from bench.tables import Table, at_least, at_most, ratio

REASONS = Path(__file__).with_name("reasons.toml")
NO_REASON = "NO REASON"

_CALL = "a plain function call"


@dataclass(frozen=True)
class Row:
    """One target. `figure` and `target` are text."""

    name: str
    figure: str
    target: str
    met: bool


def rows(held: Mapping[str, Any]) -> list[Row]:
    """The targets that these results have a figure for; `held` is `results.json`."""
    return [
        row
        for view, make in _ROWS.items()
        if view in held and "missing" not in held[view]["data"]
        for row in make(held[view]["data"])
    ]


def reasons() -> dict[str, dict[str, str]]:
    """What is in the way of a target, by its row: `reason`, and where they are known `tried` and `floor`."""
    if not REASONS.exists():
        return {}
    return tomllib.loads(REASONS.read_text(encoding="utf-8"))


def section(held: Mapping[str, Any]) -> str:
    """The summary as Markdown."""
    found = rows(held)
    unmet = [row for row in found if not row.met]
    cells = [[row.name, row.figure, row.target, "yes" if row.met else "NO"] for row in found]
    known = reasons()
    lines = [
        f"Of {len(found)} targets {len(found) - len(unmet)} are met.\n",
        Table("Targets", ("", "figure", "target", "met"), cells).markdown() + "\n",
    ]
    if unmet:
        lines.append("### What is not met, and why\n")
        lines += [f"- **{row.name}**, {row.figure} ({row.target}): {_why(reason_of(row.name, known))}" for row in unmet]
        lines.append("")
    return "\n".join(lines)


def reason_of(name: str, known: Mapping[str, Mapping[str, str]]) -> Mapping[str, str] | None:
    """What is known to be in the way of a row: under its own name, or under a pattern that it matches."""
    if name in known:
        return known[name]
    return next((reason for pattern, reason in known.items() if fnmatchcase(name, pattern)), None)


def _why(reason: Mapping[str, str] | None) -> str:
    if reason is None or not reason.get("reason"):
        return NO_REASON
    parts = [reason["reason"]]
    if reason.get("tried"):
        parts.append(f"Tried: {reason['tried']}")
    if reason.get("floor"):
        parts.append(f"Floor: {reason['floor']}")
    return " ".join(parts)


def _row(name: str, value: float, goal: tuple[str, str], text: str | None = None) -> Row:
    return Row(name, ratio(value) if text is None else text, goal[0], goal[1] == "yes")


def _inproc(data: Mapping[str, Any]) -> Iterator[Row]:
    def least(target: str, workload: str) -> float | None:
        rounds = data.get(target, {}).get(workload)
        return min(rounds) if rounds else None

    for peer, wanted in (("blacksheep", goals.INPROC_BLACKSHEEP), ("raw asgi, msgspec", goals.INPROC_RAW_MSGSPEC)):
        for workload, goal in wanted.items():
            own, other = least("nacre asgi", workload), least(peer, workload)
            if own is not None and other is not None:
                yield _row(f"in process, {workload}: ASGI by {peer}", own / other, at_most(own / other, goal))


def _server(data: Mapping[str, Any]) -> Iterator[Row]:
    found = data["cpu_us"]
    raw = found["raw asgi (granian asgi)"]
    for target, wanted in goals.CAPACITY.items():
        own = found.get(f"{target} (granian {target.split()[-1]})", {})
        for workload, goal in wanted.items():
            if workload in own and workload in raw:
                by_raw = statistics.median(raw[workload]) / statistics.median(own[workload])
                yield _row(f"on Granian, {workload}: capacity of {target} by raw asgi", by_raw, at_least(by_raw, goal))


def _layers(data: Mapping[str, Any]) -> Iterator[Row]:
    for protocol, kinds in data.items():
        for style, goal in (goals.LAYER_WSGI if protocol == "wsgi" else goals.LAYER).items():
            for kind in ("adding", "idle"):
                if style in kinds[kind]:
                    by_call = min(kinds[kind][style]) / min(kinds[kind][_CALL])
                    name = f"a layer on {protocol.upper()}, {style}, {kind}: by a plain call"
                    yield _row(name, by_call, at_most(by_call, goal))
        yield from _nearly_free(protocol, kinds)
        if "ASGI class inside" in kinds["adding"]:
            cost = min(kinds["adding"]["ASGI class inside"])
            name = f"a layer on {protocol.upper()}, ASGI class inside: ns"
            yield _row(name, cost, at_most(cost, goals.ASGI_LAYER_NS), f"{cost:,.0f}")
        yield from _mixed(protocol, kinds["adding"])


def _nearly_free(protocol: str, kinds: Mapping[str, Mapping[str, list[float]]]) -> Iterator[Row]:
    """What costs nothing but its fields, and what nothing at all."""
    adding = kinds["adding"]
    for style, goal in (("default headers", goals.CONSTANT_HEADER), ("skipped", goals.SKIPPED_LAYER)):
        if style in adding:
            by_call = min(adding[style]) / min(adding[_CALL])
            yield _row(f"a layer on {protocol.upper()}, {style}: by a plain call", by_call, at_most(by_call, goal))


def _mixed(protocol: str, styles: Mapping[str, list[float]]) -> Iterator[Row]:
    """A mixed chain is to cost the sum of its layers."""
    from bench.apps.nacre_layers import MIXED, MIXED_PLAIN

    for name, parts in (("mixed", MIXED), ("mixed, plain", MIXED_PLAIN)):
        if name in styles and all(part in styles for part in parts):
            by_parts = min(styles[name]) / statistics.mean(min(styles[part]) for part in parts)
            what = f"a layer on {protocol.upper()}, {name}: by the mean of its styles"
            yield _row(what, by_parts, at_most(by_parts, goals.MIXED_LAYER))


def _growth(data: Mapping[str, Any]) -> Iterator[Row]:
    for kind, sizes in data["routes"].items():
        few = min(sizes[min(sizes, key=int)])
        for size, goal in goals.ROUTES_GROWTH.items():
            if str(size) in sizes:
                by_few = min(sizes[str(size)]) / few
                yield _row(f"a request at {size:,} {kind} routes: by one at 5", by_few, at_most(by_few, goal))
    one, twenty, hundred = (min(data["layers"][number]) for number in ("1", "20", "100"))
    further = ((hundred - twenty) / 80) / ((twenty - one) / 19)
    yield _row("a layer from the 21st to the 100th: by one to the 20th", further, at_most(further, goals.LAYERS_GROWTH))
    for what, runs in data["compile_ms"].items():
        if what.startswith("500 routes, 20"):
            least = min(runs)
            yield _row(f"compilation of {what}: ms", least, at_most(least, goals.COMPILE_MS), f"{least:.0f}")


def _start(data: Mapping[str, Any]) -> Iterator[Row]:
    imports = data["imports"]
    beyond = min(run[0] for run in imports["nacre"]) - min(run[0] for run in imports["python"])
    yield _row("import nacre: ms beyond an empty program", beyond, at_most(beyond, goals.IMPORT_MS), f"{beyond:.1f}")
    cold = data["cold"]
    if "nacre rsgi" in cold and "raw rsgi" in cold:
        own, raw = cold["nacre rsgi"], cold["raw rsgi"]
        started = min(run[0] for run in own) / min(run[0] for run in raw)
        resident = statistics.median(run[1] for run in own) / statistics.median(run[1] for run in raw)
        yield _row("cold start on Granian: by raw rsgi", started, at_most(started, goals.COLD_START))
        yield _row("resident memory on Granian: by raw rsgi", resident, at_most(resident, goals.RESIDENT))


def _dialects(data: Mapping[str, Any]) -> Iterator[Row]:
    from bench.dialects import COMPARISONS

    for comparison in COMPARISONS:
        name = comparison.system
        found = data["cpu_us"].get(name, {})
        original = found.get(f"{name} ({comparison.original.name})", {})
        own = found.get(f"nacre.dialects.{name} ({comparison.dialect[0].name})", {})
        for workload, rounds in own.items():
            if workload in original:
                by = statistics.median(original[workload]) / statistics.median(rounds)
                what = f"dialect of {name} ({comparison.original.name}), {workload}: capacity by the original"
                yield _row(what, by, at_least(by, goals.DIALECTS[name]))


def _stack(data: Mapping[str, Any]) -> Iterator[Row]:
    found = data["cpu_us"]
    for protocol in ("rsgi", "asgi"):
        own = found.get(f"nacre {protocol} (granian {protocol})")
        for peer, goal in goals.STACK.items():
            other = found.get(f"{peer} (granian asgi)")
            if own and other:
                by = statistics.median(other) / statistics.median(own)
                yield _row(f"the stack on Granian: capacity of nacre {protocol} by {peer}", by, at_least(by, goal))


def _memory(data: Mapping[str, Any]) -> Iterator[Row]:
    from bench.memory import is_flat

    first, last = data["life"][0], data["life"][-1]
    yield Row(
        f"memory after {last[0]:,.0f} requests: MiB more than after {first[0]:,.0f}",
        f"{(last[1] - first[1]) / 1024:.2f}",
        "no growth",
        is_flat(data["life"]),
    )


_ROWS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Row]]] = {
    "inproc": _inproc,
    "layers": _layers,
    "growth": _growth,
    "server": _server,
    "stack": _stack,
    "dialects": _dialects,
    "memory": _memory,
    "start": _start,
}
