"""The kernel's side of a connection, for what Granian neither tells nor does (2.8).

Granian takes the pieces of a stream at once (RSGI) or many of them (ASGI), however slowly the client reads them:
`written` says how far they got, and `Throttle` waits for that. It ends the body of a response properly when the
application fails in the middle, so that the client takes a part for the whole: `cut` shuts the connection down before
that. It closes a WebSocket without a code: `write` puts the frame that has one in front.

The process's descriptors are searched for the connection by its two ends, and nothing is kept open in between. Where it
isn't found (a Unix socket, a changed client address, Windows) they say so and do nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator

from nacre.types import Address

_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
_BYTES_ACKED = 120
"""Where `tcpi_bytes_acked` stands in Linux's `struct tcp_info` (linux/tcp.h, since 4.1)."""


class Connection:
    """One TCP connection of this process, known by the addresses of its ends."""

    def __init__(self, client: Address | None, server: Address | None) -> None:
        self._client = client
        self._port = server[1] if server is not None else None
        self._number: int | None = None

    def cut(self) -> bool:
        """Shut the connection down both ways; False if it isn't found."""
        found = self._find()
        if found is None:
            return False
        with found:
            try:
                found.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client was faster
        return True

    def write(self, data: bytes) -> bool:
        """Put a few bytes behind what was written; False if the connection isn't found, or they don't fit at once."""
        found = self._find()
        if found is None:
            return False
        with found:
            try:
                return found.send(data, socket.MSG_DONTWAIT) == len(data)
            except OSError:
                return False

    def written(self) -> tuple[int, int] | None:
        """How many bytes the client's side has received since the connection began, and how many more the kernel has to
        send; None if that can't be told."""
        if sys.platform != "linux":
            return None
        found = self._find()
        if found is None:
            return None
        with found:
            return _written(found)

    def _find(self) -> socket.socket | None:
        """A duplicate of the connection's socket, to be closed."""
        if self._client is None or self._client[1] is None or self._port is None:
            return None
        known = [] if self._number is None else [self._number]
        for numbers in (known, _descriptors()):
            for number in numbers:
                found = _duplicate(number)
                if found is not None and self._is_it(found):
                    self._number = number
                    return found
                if found is not None:
                    found.close()
        return None

    def _is_it(self, found: socket.socket) -> bool:
        # Our own client connected to our own server has the same addresses the other way round.
        try:
            return bool(found.getpeername()[:2] == self._client and found.getsockname()[1] == self._port)
        except (OSError, IndexError):
            return False


class Throttle:
    """Keeps a stream from running far ahead of its client, where the server takes all that it is given.

    A client that takes nothing is given 128 KiB and what the kernel holds. From then on it may be behind by what it has
    received, up to a mebibyte, so that one that reads isn't kept waiting.
    """

    _LEAST = 64 * 1024
    _MOST = 1024 * 1024
    _SLEEPS = (0.001, 0.1)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._allowed = self._LEAST
        self._unchecked = 0
        self._ahead = 0
        self._before: tuple[int, int] | None = None
        self._blind = False

    def count(self, size: int) -> bool:
        """Count what the server was given; whether that may be too much, so that `wait` is to be awaited."""
        self._unchecked += size
        return self._unchecked >= self._allowed and not self._blind

    async def wait(self) -> None:
        """Wait while the server has too much."""
        self._ahead += self._unchecked
        self._unchecked = 0
        sleep, longest = self._SLEEPS
        while self._is_too_far():
            await asyncio.sleep(sleep)
            sleep = min(2 * sleep, longest)

    def _is_too_far(self) -> bool:
        counted = self._connection.written()
        if counted is None:
            self._blind = True
            return False
        received, queued = counted
        written = received + queued
        if self._before is None:
            # What was written so far may have been other responses on the connection.
            self._ahead, self._before = 0, (received, written)
            return False
        begun, before = self._before
        # Framing and encryption count as written too: so what is ahead is taken for less, but never below 0.
        self._ahead = max(0, self._ahead - (written - before))
        self._allowed = min(self._MOST, max(self._LEAST, received - begun))
        self._before = begun, written
        return self._ahead >= self._allowed


def _descriptors() -> Iterator[int]:
    try:
        names = os.listdir(_DESCRIPTORS)
    except OSError:
        return
    yield from (int(name) for name in names if name.isdigit())


def _duplicate(number: int) -> socket.socket | None:
    """The socket of this number, if it is one. Duplicated before it is looked at, since the server may close it."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        copy = os.dup(number)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _written(connection: socket.socket) -> tuple[int, int] | None:
    import fcntl
    import termios

    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
        waiting = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
        return struct.unpack_from("=Q", info, _BYTES_ACKED)[0], struct.unpack("=i", waiting)[0]
    except (OSError, struct.error):
        return None
