"""The kernel's side of a connection, for what Granian neither tells nor does (2.8).

Granian takes the pieces of an RSGI stream at once, however slowly the client reads them: `written` says how far they
got. It ends the body of a response properly when the application fails in the middle, so that the client takes a part
for the whole: `cut` shuts the connection down before that. It closes a WebSocket without a code: `write` puts the frame
that has one in front.

The process's descriptors are searched for the connection by its two ends, and nothing is kept open in between. Where it
isn't found (a Unix socket, a changed client address, Windows) they say so and do nothing.
"""

from __future__ import annotations

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

    def written(self) -> int | None:
        """How many bytes were given to the kernel to send since the connection began; None if that can't be told."""
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


def _written(connection: socket.socket) -> int | None:
    import fcntl
    import termios

    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
        waiting = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
        return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0] + struct.unpack("=i", waiting)[0])
    except (OSError, struct.error):
        return None
