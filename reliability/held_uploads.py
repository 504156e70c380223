"""R9: uploads that the handler doesn't read, or reads slowly.

The client pushes up to 1 GiB at a handler that sleeps for 6 s before it looks at the body, and at one that takes a
piece twenty times a second. What the client could send meanwhile, the kernel's buffers included, may be 8 MiB; for the
slow handler what it has read is taken off. The client's own send buffer is kept small, so that it is the server's side
that is measured. The resident set may grow by 8 MiB.

The short form sleeps for 2 s.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from reliability import clients
from reliability.experiment import Finding, Options
from reliability.servers import ALL, Server, settled

GOAL = (
    "of 1 GiB that is pushed at a handler that doesn't read, 8 MiB are accepted at most; memory grows by 8 MiB at most"
)

_MIB = 1024 * 1024
_PUSHED = 1024 * _MIB
_ACCEPTED = 8.0
_GROWTH = 8.0
_BUFFER = 128 * 1024
_PIECE = b"x" * 65536


def run(options: Options) -> Iterator[Finding]:
    seconds = 6.0 if options.full else 2.0
    for kind in options.chosen(ALL):
        for target in (f"/held?seconds={seconds}", "/sipped"):
            with Server(kind, baseline=options.baseline) as server:
                yield _measure(server, target, seconds)


def _measure(server: Server, target: str, seconds: float) -> Finding:
    _warm(server)
    server.ask("/forget")
    before = settled(lambda: server.resident)
    most = _Most(server)
    with clients.connect(server.port, send_buffer=_BUFFER) as connection, most:
        connection.sendall(clients.post(target, _PUSHED))
        clients.until(lambda: server.ask("/counters").get("begun", 0) == 1, 5.0)
        sent = clients.push(connection, _PIECE, seconds - 0.5, _PUSHED)
        read = server.ask("/counters").get("read", 0)
    ahead, growth = (sent - read) / _MIB, most.resident - before
    said = f"{ahead:.1f} MiB accepted, {read / _MIB:.1f} MiB read, {growth:+.1f} MiB resident"
    passed = ahead <= _ACCEPTED and growth <= _GROWTH
    return Finding(f"{server.kind}, {target.partition('?')[0]}", said, passed)


def _warm(server: Server) -> None:
    body = _PIECE * 64
    for _ in range(4):
        with clients.connect(server.port) as connection:
            connection.sendall(clients.post("/held?seconds=0", len(body)) + body)
            connection.recv(65536)


class _Most:
    """The largest resident set seen while the block runs."""

    def __init__(self, server: Server) -> None:
        self.resident = 0.0
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.resident = max(self.resident, self._server.resident)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
