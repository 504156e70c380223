"""The view `server`: what a request costs on a real server, in CPU time of the server's process tree.

One workload after the other, all targets in turn, round by round. Throughput would depend on what the load generator's
core leaves; CPU time per request is what decides how much one core can serve.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bench import peers, wrk
from bench.effort import Effort
from bench.goals import CAPACITY
from bench.machine import version_of
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, GRANIAN_WSGI, UVICORN, Server, ServerKind, Serving
from bench.tables import Table, at_least, percent, ratio
from bench.targets import (
    BLACKSHEEP,
    FALCON,
    FASTAPI,
    LITESTAR,
    NACRE_ASGI,
    NACRE_RSGI,
    NACRE_WSGI,
    RAW_ASGI,
    RAW_MSGSPEC,
    RAW_RSGI,
    RAW_WSGI,
    STARLETTE,
)
from bench.workloads import BASIC, FURTHER, WORKLOADS, Setting, Workload, WrongAnswer, check

_ON_GRANIAN = Serving(RAW_ASGI, GRANIAN_ASGI)
_ON_UVICORN = Serving(RAW_ASGI, UVICORN)
_KINDS: dict[str, ServerKind] = {"asgi": GRANIAN_ASGI, "rsgi": GRANIAN_RSGI, "wsgi": GRANIAN_WSGI}

# What has no layers is `json`.
_BASIC = tuple(name for name in BASIC if name != "layers0")
_UVICORN = ("plain", "json", "body", "layers5")
# One of each kind is enough for peers: what 5000 routes cost stands in the view `inproc`.
_FURTHER = tuple(name for name in FURTHER if name != "routes5000")
_QUICK = ("json", "body", "layers20")

_OURS = (RAW_ASGI, NACRE_ASGI, NACRE_RSGI, NACRE_WSGI)
_PEERS = (BLACKSHEEP, STARLETTE, FASTAPI, LITESTAR, FALCON)

Found = dict[str, dict[str, list[float]]]
"""Rounds by `Serving.name` and workload."""

Plan = Mapping[Serving, Mapping[str, int]]
"""How many rounds of which workloads each target on its server gets."""

_NOTE = """\
Raw ASGI's CPU time per request on the same server by the target's, medians of the rounds; higher is better. In brackets
its own time per request. Raw ASGI uses the standard library's JSON, `raw asgi, msgspec` the one that Nacre uses: what
Nacre gains by that, it gains too. `spread` is how far the worst round of any cell in the row lies above its best."""

_OWN_NOTE = """\
Programs that bring a server (*its own run*) stand beside raw ASGI on Granian."""


def measure(effort: Effort) -> dict[str, Any]:
    """Microseconds of CPU time per request, by target and workload, round by round; a word for each that failed."""
    if not wrk.is_present():
        print(wrk.HOW_TO_GET, file=sys.stderr)
        return {"missing": wrk.HOW_TO_GET}
    found, failed = _measure_plan(effort, plan(effort))
    for name, error in failed.items():
        print(f"{name}: {error}", file=sys.stderr)
    words = [f"{name} failed: {str(error).splitlines()[0]}" for name, error in failed.items()]
    return {"cpu_us": found, "versions": peers.versions(), "without": [*peers.missing(), *words]}


def plan(effort: Effort) -> Plan:
    """What there is time for: all of Nacre, of the peers what they are compared with."""
    chosen = dict(_full(effort) if effort.all_servers else _quick(effort))
    return {
        serving: {name: rounds for name, rounds in names.items() if serving.target.answers(name)}
        for serving, names in chosen.items()
        if serving.target.present and (not serving.kind.package or version_of(serving.kind.package) is not None)
    }


def _full(effort: Effort) -> Iterator[tuple[Serving, dict[str, int]]]:
    for target in _OURS:
        basic, further = dict.fromkeys(_BASIC, effort.server_rounds), dict.fromkeys(FURTHER, effort.peer_rounds)
        yield Serving(target, _KINDS[target.protocol]), basic | further
    for target in (RAW_MSGSPEC, RAW_RSGI, RAW_WSGI):
        yield Serving(target, _KINDS[target.protocol]), dict.fromkeys(_BASIC, effort.peer_rounds)
    for target in _PEERS:
        yield Serving(target, GRANIAN_ASGI), dict.fromkeys((*_BASIC, *_FURTHER), effort.peer_rounds)
    for serving, names in peers.served().items():
        yield serving, dict.fromkeys(names, effort.peer_rounds)
    for target in (RAW_ASGI, NACRE_ASGI, *_PEERS):
        yield Serving(target, UVICORN), dict.fromkeys(_UVICORN, effort.peer_rounds)


def _quick(effort: Effort) -> Iterator[tuple[Serving, dict[str, int]]]:
    for target in (*_OURS, BLACKSHEEP, STARLETTE):
        yield Serving(target, _KINDS[target.protocol]), dict.fromkeys(_QUICK, effort.server_rounds)


def measure_matrix(effort: Effort, matrix: Mapping[Serving, tuple[str, ...]]) -> Found:
    """Microseconds of CPU time per request of the workloads named for each target on its server, round by round.

    Raises RuntimeError for a server that doesn't start, WrongAnswer for an application that answers wrongly.
    """
    rounds = effort.server_rounds
    found, failed = _measure_plan(effort, {one: dict.fromkeys(names, rounds) for one, names in matrix.items()})
    for error in failed.values():
        raise error
    return found


def _measure_plan(effort: Effort, plan: Plan) -> tuple[Found, dict[str, Exception]]:
    """The same, and what went wrong by target: one that fails is measured no further, and the others go on."""
    run = _Run(effort, plan)
    for setting in dict.fromkeys(WORKLOADS[name].setting for names in plan.values() for name in names):
        run.measure(setting)
    return run.found, run.failed


class _Run:
    """What has been found so far."""

    def __init__(self, effort: Effort, plan: Plan) -> None:
        self.found: Found = {serving.name: {} for serving in plan}
        self.failed: dict[str, Exception] = {}
        self._effort = effort
        self._plan = plan

    def measure(self, setting: Setting) -> None:
        """Start each target once for all workloads of one setting, and measure these."""
        workloads = [workload for workload in WORKLOADS.values() if workload.setting == setting]
        with ExitStack() as stack:
            servers = {}
            for serving, names in self._plan.items():
                if serving.name not in self.failed and any(workload.name in names for workload in workloads):
                    own = workloads[0].under(serving.target.setting)
                    with self._keeping_failure(serving):
                        servers[serving] = stack.enter_context(Server(serving, own, self._effort.core))
            for workload in workloads:
                self._measure_workload(workload, servers)

    def _measure_workload(self, workload: Workload, servers: Mapping[Serving, Server]) -> None:
        rounds = {serving: self._plan[serving].get(workload.name, 0) for serving in servers}
        for at in range(max(rounds.values(), default=0)):
            for serving, server in servers.items():
                if at < rounds[serving] and serving.name not in self.failed:
                    with self._keeping_failure(serving):
                        self._round(server, workload, first=at == 0)

    @contextmanager
    def _keeping_failure(self, serving: Serving) -> Generator[None, None, None]:
        try:
            yield
        except (RuntimeError, WrongAnswer, OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
            self.failed[serving.name] = error

    def _round(self, server: Server, workload: Workload, *, first: bool) -> None:
        if first:
            _verify(server, workload)
        before = server.cpu_seconds
        done = wrk.load(server.port, workload, self._effort.server_seconds, self._effort.load_core)
        rounds = self.found[server.serving.name].setdefault(workload.name, [])
        rounds.append((server.cpu_seconds - before) / done.requests * 1e6)


def _verify(server: Server, workload: Workload) -> None:
    setting = workload.under(server.serving.target.setting)
    for call in workload.calls:
        check(call, setting, server.answer(call))


def tables(data: dict[str, Any]) -> list[Table]:
    if "missing" in data:
        return [Table("On a server", ("not measured",), [[data["missing"]]])]
    found: Found = data["cpu_us"]
    on_uvicorn = {name: own for name, own in found.items() if name.endswith(f"({UVICORN.name})")}
    others = {name: own for name, own in found.items() if name not in on_uvicorn}
    note = "\n".join((_NOTE, _OWN_NOTE, *data.get("without", ())))
    title = "On a server: capacity by raw ASGI on granian"
    return [
        *_table(title, others, _ON_GRANIAN, BASIC, note),
        *_table(f"{title}, further workloads", others, _ON_GRANIAN, FURTHER),
        *_table("On a server: capacity by raw ASGI on uvicorn", on_uvicorn, _ON_UVICORN, BASIC),
    ]


def _table(title: str, found: Found, base: Serving, workloads: Sequence[str], note: str = "") -> Iterator[Table]:
    measured = found.get(base.name, {})
    raw = {workload: statistics.median(measured[workload]) for workload in workloads if workload in measured}
    if not raw:
        return
    rows: list[list[str]] = []
    for name, own in found.items():
        here = {workload: own[workload] for workload in raw if workload in own}
        if here:
            goals = CAPACITY.get(name.partition(" (")[0], {}) if base is _ON_GRANIAN else {}
            rows += _rows(name, raw, here, {workload: goals[workload] for workload in raw if workload in goals})
    yield Table(title, ("", *raw, "spread"), rows, note)


def _rows(
    name: str, raw: Mapping[str, float], own: Mapping[str, list[float]], goals: Mapping[str, float]
) -> Iterator[list[str]]:
    """A target's row and, where there are goals, two more of what was wanted."""
    took = {workload: statistics.median(rounds) for workload, rounds in own.items()}
    capacity = {workload: raw[workload] / value for workload, value in took.items()}
    spread = max(max(rounds) / min(rounds) - 1 for rounds in own.values())
    cells = [f"{ratio(capacity[one])} ({took[one]:.1f} us)" if one in took else "" for one in raw]
    yield [name, *cells, percent(spread)]
    if goals:
        met = [at_least(capacity[one], goals.get(one)) if one in took else ("", "") for one in raw]
        yield ["  target", *(goal for goal, _ in met), ""]
        yield ["  met", *(answer for _, answer in met), ""]
