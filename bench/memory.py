"""The view `memory`: what connections, WebSockets and requests hold, and that a long life holds no more than a short.

Connections are opened to a server, and the growth of its process tree is divided by their number: PSS, so that what
processes share counts once. Requests are looked at in process. All of it is on the loopback.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import socket
import sys
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from bench.child import Child
from bench.drivers import driver_for
from bench.effort import Effort
from bench.machine import version_of
from bench.measure import TimeRun
from bench.processes import kib, read, tree
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, UVICORN, Server, ServerKind, Serving
from bench.tables import Table
from bench.targets import NACRE_ASGI, NACRE_RSGI, NACRE_WSGI, TARGETS, Target
from bench.workloads import WORKLOADS, Setting, get

_NACRE = Target("nacre", "bench.apps.held_nacre", "asgi")
_NACRE_RSGI = Target("nacre rsgi", "bench.apps.held_nacre", "rsgi")
_RAW = Target("raw asgi", "bench.apps.held_raw_asgi", "asgi")
_RAW_RSGI = Target("raw rsgi", "bench.apps.held_raw_rsgi", "rsgi")
_STARLETTE = Target("starlette", "bench.apps.held_starlette", "asgi", needs="starlette")
_BLACKSHEEP = Target("blacksheep", "bench.apps.held_blacksheep", "asgi", needs="blacksheep")

HELD = {target.name: target for target in (_RAW, _NACRE, _STARLETTE, _BLACKSHEEP, _RAW_RSGI, _NACRE_RSGI)}
_SERVERS: dict[ServerKind, tuple[Target, ...]] = {
    GRANIAN_ASGI: (_RAW, _NACRE, _STARLETTE, _BLACKSHEEP),
    GRANIAN_RSGI: (_RAW_RSGI, _NACRE_RSGI),
    UVICORN: (_RAW, _NACRE, _STARLETTE, _BLACKSHEEP),
}

_WARM = 20
_HELD = 1000
_NOISE_KIB = 1024
_NOISE_BLOCKS = 0.001
"""By so much, and so many blocks per request, a process may grow. What is left behind by each of 900,000 requests, one
object of 16 bytes at least, makes 14 MiB."""

_LIVED = (NACRE_ASGI, NACRE_RSGI, NACRE_WSGI)
_MIX = ("plain", "json", "params", "body", "layers5", "error")

_GET = b"GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_FRAME = b"\x81\x82\x00\x00\x00\x00hi"
"""A text frame from a client, its mask zero."""

_ECHO = b"\x81\x02hi"

Entered = Callable[[], Coroutine[Any, Any, None]]


def measure(effort: Effort) -> dict[str, Any]:
    return {"connections": _connections(effort), "requests": _requests(effort), "life": _life(effort)}


# Connections to a server.


def _connections(effort: Effort) -> list[dict[str, Any]]:
    """Bytes for each idle connection and each WebSocket, by server and application."""
    rows = []
    for kind, targets in _SERVERS.items():
        if version_of(kind.package) is None or (kind is UVICORN and not effort.all_servers):
            continue
        for target in targets:
            if target.present:
                serving = Serving(target, kind)
                grown = {
                    name: _growth(serving, effort, opening)
                    for name, opening in (("idle", _GET), ("websocket", _UPGRADE))
                }
                rows.append({"server": kind.name, "target": target.name, **grown})
    return rows


def _growth(serving: Serving, effort: Effort, opening: bytes) -> float:
    with Server(serving, Setting(), effort.core) as server, ExitStack() as stack:
        for _ in range(_WARM):
            _open(server.port, opening).close()
        before = _settled(server.process)
        for _ in range(effort.connections):
            stack.enter_context(_open(server.port, opening))
        return (_settled(server.process) - before) * 1024 / effort.connections


def _open(port: int, opening: bytes) -> socket.socket:
    """A connection on which a request was answered, or a WebSocket that has sent a message back."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(opening)
    if opening is _UPGRADE:
        _read_until(connection, b"\r\n\r\n", b"101")
        connection.sendall(_FRAME)
        _read_until(connection, _ECHO, b"")
    else:
        _read_until(connection, b"Hello, World!", b"200")
    return connection


def _read_until(connection: socket.socket, end: bytes, status: bytes) -> None:
    got = b""
    while not got.endswith(end):
        piece = connection.recv(4096)
        got += piece
        if not piece or not got.startswith((b"HTTP/1.1 " + status, b"\x81")):
            raise RuntimeError(f"the server answered {got[:200]!r}")


def _settled(process: int) -> int:
    """The PSS of a process tree in KiB, once it has stopped to change."""
    last = -1
    for _ in range(20):
        time.sleep(0.1)
        now = _proportional(process)
        if now == last:
            break
        last = now
    return last


def _proportional(process: int) -> int:
    total = 0
    for number in tree(process):
        for line in read(f"/proc/{number}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


# Requests, in a process of their own.


def serve_memory(what: str, *arguments: str, **question: Any) -> Any:
    """Answer a question of `measure`, in the process that was started for it."""
    return hold(HELD[arguments[0]]) if what == "hold" else live(**question)


def _requests(effort: Effort) -> dict[str, dict[str, float]]:
    found = {}
    for name, target in HELD.items():
        if target.present:
            with Child("memory", "hold", name, core=effort.core) as child:
                found[name] = child.ask()
    return found


def hold(target: Target) -> dict[str, float]:
    """Bytes that a request in flight holds, and the most that one request holds before it is done."""
    app: Any = importlib.import_module(target.module).app
    driver: Any = driver_for(target.protocol)
    driver.run(app, (get("/plain", b""),), 100)
    try:
        return driver.finish(_held(app, target.protocol))  # type: ignore[no-any-return]
    finally:
        driver.close()


async def _held(app: Any, protocol: str) -> dict[str, float]:
    await _in_flight([_entered(app, protocol, "/wait") for _ in range(_WARM)])
    calls = [_entered(app, protocol, "/wait") for _ in range(_HELD)]
    return {"in flight": await _in_flight(calls) / _HELD, "most": await _most(_entered(app, protocol, "/plain"))}


async def _in_flight(calls: Sequence[Entered]) -> int:
    """Bytes that these requests hold while all of them wait in their handlers, their tasks included."""
    from bench.apps import held

    with _traced() as begun:
        tasks = [asyncio.ensure_future(call()) for call in calls]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        grown = tracemalloc.get_traced_memory()[0] - begun
    assert len(held.waiting) == len(calls)
    held.let_go()
    await asyncio.gather(*tasks)
    return grown


async def _most(call: Entered) -> int:
    """The most bytes that one request holds at a time."""
    for _ in range(_WARM):
        await call()
    with _traced():
        await call()
        tracemalloc.reset_peak()
        begun = tracemalloc.get_traced_memory()[0]
        await call()
        return tracemalloc.get_traced_memory()[1] - begun


def _entered(app: Any, protocol: str, path: str) -> Entered:
    """One request, to be sent when this is called."""
    from bench.drivers import _asgi_scope, _RSGIProtocol, _RSGIScope

    call = get(path, b"")
    if protocol == "rsgi":
        return partial(getattr(app, "__rsgi__", app), _RSGIScope(call), _RSGIProtocol(b""))
    return partial(app, _asgi_scope(call), _receive, _send)


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    pass


@contextmanager
def _traced() -> Generator[int]:
    """Trace memory; gives the bytes that are traced at the beginning."""
    gc.collect()
    tracemalloc.start()
    try:
        yield tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


# A long life.


def _life(effort: Effort) -> list[list[float]]:
    with Child("memory", "live", core=effort.core) as child:
        found: list[list[float]] = child.ask(requests=effort.lifetime)
    return found


def live(*, requests: int) -> list[list[float]]:
    """Requests so far, KiB resident, objects of the garbage collector and blocks of memory: at a tenth, a half and the
    whole of so many requests of all kinds on all protocols."""
    with ExitStack() as stack:
        runs = [run for target in _LIVED for run in _runs(target, stack)]
        rows: list[list[float]] = []
        done = 0
        for until in (requests // 10, requests // 2, requests):
            share = max(1, (until - done) // len(runs))
            for run in runs:
                run(share)
            done += share * len(runs)
            gc.collect()
            rows.append([done, kib(os.getpid(), "VmRSS"), len(gc.get_objects()), sys.getallocatedblocks()])
    return rows


def _runs(target: Target, stack: ExitStack) -> Iterator[TimeRun]:
    driver = stack.enter_context(closing(driver_for(target.protocol)))
    for name in _MIX:
        workload = WORKLOADS[name]
        app = TARGETS[target.name].build(workload.under(target.setting))
        yield partial(driver.run, app, workload.calls)


# Tables.


def tables(data: Mapping[str, Any]) -> list[Table]:
    return [_connection_table(data["connections"]), _request_table(data["requests"]), _life_table(data["life"])]


def _connection_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = [
        [f"{row['target']} ({row['server']})", f"{row['idle'] / 1024:.1f}", f"{row['websocket'] / 1024:.1f}"]
        for row in rows
    ]
    note = (
        "Growth of the server's PSS by its open connections, each of which has been used once. Most of it is the "
        "server's: the application by hand shows how much."
    )
    return Table("Memory of connections, KiB each", ("", "idle", "WebSocket"), cells, note)


def _request_table(data: Mapping[str, Mapping[str, float]]) -> Table:
    rows = []
    for name, found in data.items():
        rows.append([name, f"{found['in flight']:,.0f}", f"{found['most']:,.0f}"])
    note = (
        f"*In flight*: {_HELD:,} requests wait in their handlers, each in a task. *Most*: what one request holds at "
        "its height, from its entry to the end of its response."
    )
    return Table("Memory of requests, bytes", ("", "in flight", "most"), rows, note)


def is_flat(rows: Sequence[Sequence[float]]) -> bool:
    """Whether the process has not grown from the first mark to the last."""
    (begun, resident, _, blocks), (done, resident_now, _, blocks_now) = rows[0], rows[-1]
    return resident_now - resident < _NOISE_KIB and blocks_now - blocks < (done - begun) * _NOISE_BLOCKS


def _life_table(data: Sequence[Sequence[float]]) -> Table:
    rows = [
        [f"{done:,.0f} requests", f"{resident / 1024:.1f}", f"{objects:,.0f}", f"{blocks:,.0f}"]
        for done, resident, objects, blocks in data
    ]
    kinds = ", ".join(_MIX)
    verdict = "it does not grow" if is_flat(data) else "it GROWS"
    note = f"One process answers {kinds} on ASGI, RSGI and WSGI in turn; {verdict}."
    columns = ("", "RSS MiB", "objects of the garbage collector", "blocks of memory")
    return Table("A long life", columns, rows, note)
