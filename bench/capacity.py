"""The view `server`: what a request costs on a real server, in CPU time of the server's process tree.

One workload after the other, all targets in turn, round by round. Throughput would depend on what the load generator's
core leaves; CPU time per request is what decides how much one core can serve.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from bench import wrk
from bench.effort import Effort
from bench.goals import CAPACITY
from bench.machine import version_of
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, GRANIAN_WSGI, UVICORN, Server, Serving
from bench.tables import Table, at_least, percent, ratio
from bench.targets import BLACKSHEEP, NACRE_ASGI, NACRE_RSGI, NACRE_WSGI, RAW_ASGI, RAW_RSGI, RAW_WSGI, STARLETTE
from bench.workloads import WORKLOADS, Setting, Workload, check

_ON_GRANIAN = Serving(RAW_ASGI, GRANIAN_ASGI)
_ON_UVICORN = Serving(RAW_ASGI, UVICORN)
_ALL = ("plain", "json", "params", "body", "layers5", "layers20", "routes")
_SOME = ("json", "body", "layers20")

MATRIX: dict[Serving, tuple[str, ...]] = {
    _ON_GRANIAN: _ALL,
    Serving(NACRE_ASGI, GRANIAN_ASGI): _ALL,
    Serving(NACRE_RSGI, GRANIAN_RSGI): _ALL,
    Serving(NACRE_WSGI, GRANIAN_WSGI): _ALL,
    Serving(RAW_RSGI, GRANIAN_RSGI): _SOME,
    Serving(RAW_WSGI, GRANIAN_WSGI): _SOME,
    Serving(BLACKSHEEP, GRANIAN_ASGI): _SOME,
    Serving(STARLETTE, GRANIAN_ASGI): _SOME,
    _ON_UVICORN: ("json", "body"),
    Serving(NACRE_ASGI, UVICORN): ("json", "body"),
}
_QUICK = ("json", "layers20")

Found = dict[str, dict[str, list[float]]]
"""Rounds by `Serving.name` and workload."""

_NOTE = """\
Raw ASGI's CPU time per request on the same server by the target's, medians of the rounds; higher is better. In brackets
its own time per request. `spread` is how far the worst round of any cell in the row lies above its best."""


def measure(effort: Effort) -> dict[str, Any]:
    """Microseconds of CPU time per request, by target and workload, round by round."""
    if not wrk.is_present():
        print(wrk.HOW_TO_GET, file=sys.stderr)
        return {"missing": wrk.HOW_TO_GET}
    return {"cpu_us": measure_matrix(effort, _matrix(effort))}


def measure_matrix(effort: Effort, matrix: Mapping[Serving, tuple[str, ...]]) -> Found:
    """The same for the workloads named for each target on its server.

    Raises RuntimeError for a server that doesn't start, WrongAnswer for an application that answers wrongly.
    """
    found: Found = {}
    for setting in dict.fromkeys(WORKLOADS[name].setting for names in matrix.values() for name in names):
        _measure_setting(effort, setting, matrix, found)
    return found


def _matrix(effort: Effort) -> dict[Serving, tuple[str, ...]]:
    present = {
        serving: names
        for serving, names in MATRIX.items()
        if serving.target.present and version_of(serving.kind.package) is not None
    }
    if effort.all_servers:
        return present
    ours = (NACRE_ASGI, NACRE_RSGI, NACRE_WSGI, RAW_ASGI)
    return {serving: _QUICK for serving in present if serving.kind is not UVICORN and serving.target in ours}


def _measure_setting(effort: Effort, setting: Setting, matrix: Mapping[Serving, tuple[str, ...]], found: Found) -> None:
    """Start each target once for all workloads of one setting, and measure these."""
    workloads = [workload for workload in WORKLOADS.values() if workload.setting == setting]
    with ExitStack() as stack:
        servers = {}
        for serving, names in matrix.items():
            if any(workload.name in names for workload in workloads):
                own = workloads[0].under(serving.target.setting)
                servers[serving] = stack.enter_context(Server(serving, own, effort.core))
        for workload in workloads:
            here = [server for serving, server in servers.items() if workload.name in matrix[serving]]
            for server in here:
                _verify(server, workload)
            for _ in range(effort.server_rounds):
                for server in here:
                    rounds = found.setdefault(server.serving.name, {}).setdefault(workload.name, [])
                    rounds.append(_round(server, workload, effort))


def _verify(server: Server, workload: Workload) -> None:
    setting = workload.under(server.serving.target.setting)
    for call in workload.calls:
        check(call, setting, server.answer(call))


def _round(server: Server, workload: Workload, effort: Effort) -> float:
    before = server.cpu_seconds
    done = wrk.load(server.port, workload, effort.server_seconds, effort.load_core)
    return (server.cpu_seconds - before) / done.requests * 1e6


def tables(data: dict[str, Any]) -> list[Table]:
    if "missing" in data:
        return [Table("On a server", ("not measured",), [[data["missing"]]])]
    return [_table(data["cpu_us"], base) for base in (_ON_GRANIAN, _ON_UVICORN) if base.name in data["cpu_us"]]


def _table(data: Found, base: Serving) -> Table:
    raw = {workload: statistics.median(rounds) for workload, rounds in data[base.name].items()}
    rows = []
    for serving in MATRIX:
        if serving.name not in data or serving.kind.package != base.kind.package:
            continue
        own = data[serving.name]
        goals = CAPACITY.get(serving.target.name, {}) if base is _ON_GRANIAN else {}
        cells, wanted, met = [], [], []
        for workload in raw:
            if workload not in own:
                cells.append("")
                wanted.append("")
                met.append("")
                continue
            took = statistics.median(own[workload])
            cells.append(f"{ratio(raw[workload] / took)} ({took:.1f} us)")
            goal = at_least(raw[workload] / took, goals.get(workload))
            wanted.append(goal[0])
            met.append(goal[1])
        spread = max(max(rounds) / min(rounds) - 1 for rounds in own.values())
        rows.append([serving.name, *cells, percent(spread)])
        if goals:
            rows += [["  target", *wanted, ""], ["  met", *met, ""]]
    title = f"On a server: capacity by raw ASGI on {base.kind.package}"
    return Table(title, ("", *raw, "spread"), rows, _NOTE if base is _ON_GRANIAN else "")
