"""The view `inproc`: what an application costs without a server, in nanoseconds per request."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from bench import peers
from bench.child import Child
from bench.effort import Effort
from bench.goals import INPROC_BLACKSHEEP, INPROC_RAW_MSGSPEC
from bench.tables import Table, at_most, ns, percent, ratio
from bench.targets import (
    BLACKSHEEP,
    LAYERED,
    NACRE_ASGI,
    NACRE_RSGI,
    NACRE_WSGI,
    OURS,
    PEERS,
    RAW_ASGI,
    RAW_MSGSPEC,
    RAW_RSGI,
    RAW_WSGI,
    STYLED,
    TARGETS,
    Target,
)
from bench.workloads import BASIC, FURTHER, WORKLOADS

Found = dict[str, dict[str, list[float]]]
"""Rounds by target and workload."""

_NOTE = """\
Least and median of the rounds in ns of CPU time, the driver's share included; ratios are of the least, and only those
within one run count. `raw asgi, msgspec` uses the JSON library that Nacre uses, the other raw ones the standard one.
Each application has layers of its framework's best style; Nacre's are hooks, and its other styles have a table of their
own. What a framework has nothing for is empty, and so are 5000 routes where building them takes long."""

_PEERS_NOTE = """\
Each peer's time by that of Nacre on the same protocol: 3.00 takes three times as long as Nacre."""


def measure(effort: Effort) -> Found:
    """Nanoseconds per request, round by round."""
    present = {name: target for name, target in _targets(effort).items() if target.present}
    # Many routes take long to be built, and a short run has no time for that.
    workloads = [name for name in WORKLOADS if effort.all_servers or name != "routes5000"]
    found: Found = {name: {} for name in present}
    for _ in range(effort.generations):
        with ExitStack() as stack:
            children = {
                name: stack.enter_context(Child("target", name, core=effort.core, python=target.python))
                for name, target in present.items()
            }
            for workload in workloads:
                here = [name for name, target in present.items() if target.answers(workload)]
                for name in here * effort.rounds:
                    taken = children[name].ask(workload=workload, seconds=effort.seconds)
                    found[name].setdefault(workload, []).append(taken)
    return found


def _targets(effort: Effort) -> dict[str, Target]:
    if effort.all_servers:
        return TARGETS | peers.in_process()
    return {target.name: target for target in (*OURS, RAW_ASGI, RAW_MSGSPEC, RAW_RSGI, RAW_WSGI, BLACKSHEEP)}


def tables(data: Found) -> list[Table]:
    return [
        _absolute(data, BASIC, "In process: ns per request, least (median)", _all_notes(data)),
        _absolute(data, FURTHER, "In process, further workloads: ns per request, least (median)"),
        *_by_blacksheep(data),
        *_by_raw(data),
        *_peers(data),
        *_styles(data),
    ]


def _all_notes(data: Found) -> str:
    spreads = [max(rounds) / min(rounds) - 1 for workloads in data.values() for rounds in workloads.values()]
    return f"{_NOTE} The worst round of a cell lies {percent(statistics.median(spreads))} above its best (median)."


def _absolute(data: Found, workloads: Sequence[str], title: str, note: str = "") -> Table:
    styled = {target.name for target in STYLED}
    rows = [
        [name, *(_figures(own.get(workload)) for workload in workloads)]
        for name, own in data.items()
        if name not in styled
    ]
    return Table(title, ("", *workloads), rows, note)


def _figures(rounds: list[float] | None) -> str:
    return f"{ns(min(rounds))} ({ns(statistics.median(rounds))})" if rounds else ""


def _by(data: Found, workload: str, target: Target, base: Target) -> float | None:
    """A target's time by another's; None where one of them has none."""
    own, other = (data.get(one.name, {}).get(workload) for one in (target, base))
    return min(own) / min(other) if own and other else None


def _cell(value: float | None) -> str:
    return "" if value is None else ratio(value)


def _met(value: float | None, goal: float | None) -> tuple[str, str]:
    return at_most(value, goal) if value is not None else ("", "")


def _by_blacksheep(data: Found) -> Iterator[Table]:
    if BLACKSHEEP.name not in data:
        return
    rows = []
    for workload in WORKLOADS:
        asgi = _by(data, workload, NACRE_ASGI, BLACKSHEEP)
        rsgi = _by(data, workload, NACRE_RSGI, BLACKSHEEP)
        rows.append([workload, _cell(asgi), *_met(asgi, INPROC_BLACKSHEEP.get(workload)), _cell(rsgi)])
    yield Table("In process, by BlackSheep on ASGI", ("", "nacre asgi", "target", "met", "nacre rsgi"), rows)


def _by_raw(data: Found) -> Iterator[Table]:
    pairs = ((NACRE_ASGI, RAW_ASGI), (NACRE_RSGI, RAW_RSGI), (NACRE_WSGI, RAW_WSGI))
    rows = []
    for workload in WORKLOADS:
        by_msgspec = _by(data, workload, NACRE_ASGI, RAW_MSGSPEC)
        cells = [_cell(_by(data, workload, own, raw)) for own, raw in pairs]
        rows.append([workload, *cells, _cell(by_msgspec), *_met(by_msgspec, INPROC_RAW_MSGSPEC.get(workload))])
    columns = ("", "asgi", "rsgi", "wsgi", "asgi by raw with msgspec", "target", "met")
    yield Table("In process, Nacre by the raw application on the same protocol", columns, rows)


def _peers(data: Found) -> Iterator[Table]:
    ours = {target.protocol: target for target in OURS}
    beside = [peer for peer in PEERS if peer.name in data]
    rows = [
        [workload, *(_cell(_by(data, workload, peer, ours[peer.protocol])) for peer in beside)]
        for workload in WORKLOADS
    ]
    if beside:
        yield Table("In process, peers by Nacre", ("", *(peer.name for peer in beside)), rows, _PEERS_NOTE)


def _styles(data: Found) -> Iterator[Table]:
    rows = []
    for target in (*OURS, *STYLED):
        if target.name not in data:
            continue
        cells = [data[target.name][workload] for workload in LAYERED]
        by = [_cell(_by(data, workload, target, BLACKSHEEP)) for workload in LAYERED]
        rows.append([f"{target.protocol}, {target.setting.style}", *map(_figures, cells), *by])
    columns = ("", *LAYERED, *(f"{workload} by BlackSheep" for workload in LAYERED))
    yield Table("In process, Nacre's layers by style: ns per request, least (median)", columns, sorted(rows))
