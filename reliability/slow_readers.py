"""R8: clients that read nothing of a stream without end.

200 clients with a receive buffer of 8 KiB ask for a generator that yields 64 KiB at a time for ever, and read nothing.
The resident set may grow by 64 MiB for all of them together, once it has settled. Then they all close, and each of the
200 generators must be finalised within 1 s. Once with an async generator, once with a plain one.

The short form is the same with 40 clients and a fifth of the memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from reliability import clients
from reliability.experiment import Finding, Options
from reliability.servers import ALL, Server, settled

GOAL = (
    "200 readers of nothing: memory grows by 64 MiB at most, and all generators are finalised within 1 s of the close"
)

_CLIENTS = 200
_BUFFER = 8 * 1024
_GROWTH = 64.0
_FINALISED = 1.0


def run(options: Options) -> Iterator[Finding]:
    number = _CLIENTS if options.full else _CLIENTS // 5
    for kind in options.chosen(ALL):
        for generator in ("async", "sync"):
            if generator == "sync" and options.baseline and kind != "gunicorn-wsgi":
                continue  # a bare application has no threads to run it in
            with Server(kind, baseline=options.baseline) as server:
                yield _measure(server, generator, number, settle=20.0 if options.full else 3.0)


def _measure(server: Server, generator: str, number: int, settle: float) -> Finding:
    target = f"/endless/{generator}"
    _warm(server, target)
    server.ask("/forget")
    before = settled(lambda: server.resident)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(clients.connect(server.port, receive_buffer=_BUFFER)) for _ in range(number)]
        for reader in readers:
            reader.sendall(clients.get(target))
        opened = clients.until(lambda: server.ask("/counters").get("opened", 0) == number, 60.0)
        growth = settled(lambda: server.resident, seconds=settle) - before
        early = server.ask("/counters").get("closed", 0)
    taken = clients.until(lambda: server.ask("/counters").get("closed", 0) == number, 10.0)
    allowed = _GROWTH * number / _CLIENTS
    said = "not all were opened; " if opened is None else f"{early} ended early; " if early else ""
    said += f"{growth:+.1f} MiB of {allowed:.0f}; finalised "
    said += "not within 10 s" if taken is None else f"in {taken:.2f} s"
    passed = opened is not None and not early and growth <= allowed and taken is not None and taken <= _FINALISED
    return Finding(f"{server.kind}, {generator} generator, {number} clients", said, passed)


def _warm(server: Server, target: str) -> None:
    """Have what the server makes at first use made before the measurement."""
    for _ in range(8):
        with clients.connect(server.port) as reader:
            reader.sendall(clients.get(target))
            reader.recv(65536)
    clients.until(lambda: server.ask("/counters").get("closed", 0) == 8, 5.0)
