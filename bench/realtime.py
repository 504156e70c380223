"""The view `realtime`: what an event costs that goes to many clients, and a WebSocket message that is sent back.

In CPU time of the server's process tree, with clients in a process on the other core.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from bench.effort import Effort
from bench.machine import environment, on_core, version_of
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, ROOT, UVICORN, Server, Serving
from bench.tables import Table, percent, ratio
from bench.targets import Target
from bench.workloads import Setting

NACRE_ASGI = Target("nacre asgi", "bench.apps.realtime_nacre", "asgi")
NACRE_RSGI = Target("nacre rsgi", "bench.apps.realtime_nacre", "rsgi")
RAW_ASGI = Target("raw asgi", "bench.apps.realtime_raw", "asgi")
RAW_RSGI = Target("raw rsgi", "bench.apps.realtime_raw", "rsgi")
STARLETTE = Target("starlette", "bench.apps.realtime_starlette", "asgi", needs="starlette")
BLACKSHEEP = Target("blacksheep", "bench.apps.realtime_blacksheep", "asgi", needs="blacksheep")

SERVINGS = (
    Serving(RAW_ASGI, GRANIAN_ASGI),
    Serving(NACRE_ASGI, GRANIAN_ASGI),
    Serving(STARLETTE, GRANIAN_ASGI),
    Serving(BLACKSHEEP, GRANIAN_ASGI),
    Serving(RAW_RSGI, GRANIAN_RSGI),
    Serving(NACRE_RSGI, GRANIAN_RSGI),
    Serving(RAW_ASGI, UVICORN),
    Serving(NACRE_ASGI, UVICORN),
    Serving(STARLETTE, UVICORN),
)

WORK: Mapping[str, tuple[int, int]] = {"events": (50, 450), "echo": (20, 240)}
"""What clients do: how many they are, and how many events each is sent or messages each sends in a round."""

_ROUNDS, _TIMEOUT = 3, 90

_NOTE = """\
CPU time of the server per delivered event and per echo, median of the rounds; in brackets raw ASGI's on the same server
by the row's, higher is better. `events`: 50 clients, events of 64 bytes that come one by one. `echo`: text of 64 bytes
on 20 connections, each message sent when the last one is back. `spread` is how far the worst round of any cell lies
above its best."""

_HOW_TO_GET = "the view realtime needs the package websockets, which is not installed"


def measure(effort: Effort) -> dict[str, Any]:
    """Microseconds of CPU time per event and echo, by target on its server, round by round."""
    if version_of("websockets") is None:
        print(_HOW_TO_GET, file=sys.stderr)
        return {"missing": _HOW_TO_GET}
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(one, Setting(), effort.core)) for one in _servings(effort)]
        for work in WORK:
            for _ in range(_ROUNDS if effort.all_servers else 1):
                for server in servers:
                    rounds = found.setdefault(server.serving.name, {}).setdefault(work, [])
                    rounds.append(_round(server, work, effort))
    return {"cpu_us": found}


def _servings(effort: Effort) -> list[Serving]:
    present = [one for one in SERVINGS if one.target.present and version_of(one.kind.package) is not None]
    if effort.all_servers:
        return present
    return [one for one in present if one.kind is not UVICORN and one.target is not BLACKSHEEP]


def _round(server: Server, work: str, effort: Effort) -> float:
    """Microseconds per event or echo. Raises RuntimeError if one is missing."""
    before = server.cpu_seconds
    clients, count = WORK[work]
    if not effort.all_servers:
        count //= 3
    done = load(server.port, work, clients, count, effort.load_core)
    if done != clients * count:
        raise RuntimeError(f"{server.serving.name}: {done} of {clients * count} {work} came")
    return (server.cpu_seconds - before) / done * 1e6


def load(port: int, work: str, clients: int, count: int, core: int) -> int:
    """Let clients do their work; how much of it was done. Raises RuntimeError with what they say if they fail."""
    command = [sys.executable, "-m", "bench.realtime_load", work, str(port), str(clients), str(count)]
    with on_core(core):
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    if done.returncode:
        raise RuntimeError(f"the clients failed: {done.stderr[-1000:]}")
    return int(done.stdout)


def tables(data: dict[str, Any]) -> list[Table]:
    """One table."""
    title = "Events and WebSockets on a server"
    if "missing" in data:
        return [Table(title, ("not measured",), [[data["missing"]]])]
    found: Mapping[str, Mapping[str, Sequence[float]]] = data["cpu_us"]
    rows = []
    for serving in SERVINGS:
        if serving.name in found:
            own = found[serving.name]
            raw = found[Serving(RAW_ASGI, UVICORN if serving.kind is UVICORN else GRANIAN_ASGI).name]
            cells = [f"{_median(own[work]):.1f} us ({ratio(_median(raw[work]) / _median(own[work]))})" for work in WORK]
            spread = max(max(rounds) / max(min(rounds), 1e-9) - 1 for rounds in own.values())
            rows.append([serving.name, *cells, percent(spread)])
    return [Table(title, ("", *WORK, "spread"), rows, _NOTE)]


def _median(rounds: Sequence[float]) -> float:
    return statistics.median(rounds)
