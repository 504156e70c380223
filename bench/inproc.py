"""The view `inproc`: what an application costs without a server, in nanoseconds per request."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Any

from bench.child import Child
from bench.effort import Effort
from bench.goals import INPROC_BLACKSHEEP, INPROC_RAW_MSGSPEC
from bench.tables import Table, at_most, ns, percent, ratio
from bench.targets import (
    BLACKSHEEP,
    NACRE_ASGI,
    NACRE_RSGI,
    NACRE_WSGI,
    RAW_ASGI,
    RAW_MSGSPEC,
    RAW_RSGI,
    RAW_WSGI,
    TARGETS,
)
from bench.workloads import WORKLOADS

_PEERS = ((NACRE_RSGI, RAW_RSGI), (NACRE_WSGI, RAW_WSGI))

_NOTE = """\
Least and median of the rounds in ns of CPU time, the driver's share included; ratios are of the least, and only those
within one run count. `raw asgi, msgspec` uses the JSON library that Nacre uses, the other raw ones the standard one."""


def measure(effort: Effort) -> dict[str, Any]:
    """Rounds by target and workload."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(effort.generations):
        with ExitStack() as stack:
            children = {
                name: stack.enter_context(Child("target", name, core=effort.core))
                for name, target in TARGETS.items()
                if target.present
            }
            for workload in WORKLOADS:
                for _ in range(effort.rounds):
                    for name, child in children.items():
                        taken = child.ask(workload=workload, seconds=effort.seconds)
                        found.setdefault(name, {}).setdefault(workload, []).append(taken)
    return found


def tables(data: dict[str, Any]) -> list[Table]:
    return [_absolute(data), *_by_blacksheep(data), *_by_raw(data)]


def _absolute(data: dict[str, Any]) -> Table:
    rows = [
        [name, *(f"{ns(min(rounds))} ({ns(statistics.median(rounds))})" for rounds in workloads.values())]
        for name, workloads in data.items()
    ]
    spreads = [max(rounds) / min(rounds) - 1 for workloads in data.values() for rounds in workloads.values()]
    note = f"{_NOTE} The worst round of a cell lies {percent(statistics.median(spreads))} above its best (median)."
    return Table("In process: ns per request, least (median)", ("", *WORKLOADS), rows, note)


def _least(data: dict[str, dict[str, list[float]]], name: str, workload: str) -> float:
    return min(data[name][workload])


def _by_blacksheep(data: dict[str, Any]) -> list[Table]:
    if BLACKSHEEP.name not in data:
        return []
    rows = []
    for workload, goal in INPROC_BLACKSHEEP.items():
        peer = _least(data, BLACKSHEEP.name, workload)
        asgi = _least(data, NACRE_ASGI.name, workload) / peer
        rsgi = _least(data, NACRE_RSGI.name, workload) / peer
        rows.append([workload, ratio(asgi), *at_most(asgi, goal), ratio(rsgi)])
    columns = ("", "nacre asgi", "target", "met", "nacre rsgi")
    return [Table("In process, by BlackSheep on ASGI", columns, rows)]


def _by_raw(data: dict[str, Any]) -> list[Table]:
    rows = []
    for workload in WORKLOADS:
        own = _least(data, NACRE_ASGI.name, workload)
        by_msgspec = own / _least(data, RAW_MSGSPEC.name, workload)
        others = [_least(data, n.name, workload) / _least(data, r.name, workload) for n, r in _PEERS]
        raw = own / _least(data, RAW_ASGI.name, workload)
        goal = at_most(by_msgspec, INPROC_RAW_MSGSPEC.get(workload))
        rows.append([workload, ratio(raw), *map(ratio, others), ratio(by_msgspec), *goal])
    columns = ("", "asgi", "rsgi", "wsgi", "asgi by raw with msgspec", "target", "met")
    return [Table("In process, Nacre by the raw application on the same protocol", columns, rows)]
