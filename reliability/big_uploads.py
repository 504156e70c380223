"""R10: a file of 4 GiB in a multipart form, stored on disk.

Once through `request.form()` and `UploadFile.save`, once through `request.parts()` and the part's `save`. The peak of
the resident set may lie 32 MiB above the idle server's. Meanwhile another client asks for a small answer 50 times a
second, each time on a connection of its own; 99 of 100 of these must take 20 ms at most, connecting included. What they
take without the upload stands beside it. Then 1 000 clients begin such an upload and leave after 1 MiB, half of them
with FIN and half with RST: afterwards no file may be left, stored or temporary, and the server may have no more
descriptors open than before.

The short form sends 256 MiB, 100 clients leave, and the time isn't judged: other work on the machine decides it.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from reliability import clients
from reliability.experiment import Finding, Options
from reliability.servers import ALL, Server, settled

GOAL = (
    "memory peaks 32 MiB above idle at most, p99 of others is 20 ms at most, 1 000 aborted uploads leave nothing behind"
)

_MIB = 1024 * 1024
_SIZE = 4096 * _MIB
_SHORT_SIZE = 256 * _MIB
_PEAK = 32.0
_P99 = 20.0
_ABORTED = 1000
_SENT_BEFORE_LEAVING = 1 * _MIB
_TOGETHER = 20
_BOUNDARY = "----experiment"
_HEAD = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
).encode()
_TAIL = f"\r\n--{_BOUNDARY}--\r\n".encode()
_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"


def run(options: Options) -> Iterator[Finding]:
    size = _SIZE if options.full else _SHORT_SIZE
    aborted = _ABORTED if options.full else _ABORTED // 10
    for kind in options.chosen(ALL):
        with tempfile.TemporaryDirectory(prefix="nacre-uploads-") as folder:
            stored, temporary = Path(folder, "stored"), Path(folder, "temporary")
            stored.mkdir()
            temporary.mkdir()
            for way in ("form", "parts"):
                with Server(kind, TMPDIR=str(temporary), NACRE_UPLOADS=str(stored)) as server:
                    yield _store(server, way, size, Path(folder), timed=options.full)
                    yield _abort(server, way, aborted, Path(folder))


def _store(server: Server, way: str, size: int, folder: Path, *, timed: bool) -> Finding:
    _upload(server, way, _MIB, folder)
    alone = _Others(server.port)
    with alone:
        time.sleep(2.0)
    idle = settled(lambda: server.resident)
    server.forget_peak()
    others = _Others(server.port)
    begun = time.monotonic()
    with others:
        stored = _upload(server, way, size, folder)
    took = time.monotonic() - begun
    growth = server.peak - idle
    p99, own = others.percentile(0.99) * 1000, alone.percentile(0.99) * 1000
    said = f"peak {growth:+.1f} MiB; {size / took / _MIB:.0f} MiB/s; "
    said += f"p99 {p99:.1f} ms of {len(others.times)} others ({own:.1f} ms without the upload)"
    if not (whole := stored == [size]):
        said += f"; stored were {stored}"
    passed = whole and growth <= _PEAK and (p99 <= _P99 or not timed)
    return Finding(f"{server.kind}, {way}, {size // _MIB} MiB", said, passed)


def _upload(server: Server, way: str, size: int, folder: Path) -> list[int]:
    """Send a file of zeros; the sizes of the files that are stored then, and which are removed."""
    with tempfile.TemporaryFile(dir=folder) as content, clients.connect(server.port, timeout=120.0) as connection:
        content.truncate(size)
        connection.sendall(clients.post(f"/upload/{way}", len(_HEAD) + size + len(_TAIL), _TYPE) + _HEAD)
        connection.sendfile(content)  # by the kernel, so that this process is free for the requests of others
        connection.sendall(_TAIL)
        connection.recv(65536)
    paths = list(Path(folder, "stored").iterdir())
    sizes = [path.stat().st_size for path in paths]
    for path in paths:
        path.unlink()
    return sizes


def _abort(server: Server, way: str, number: int, folder: Path) -> Finding:
    before = int(settled(lambda: float(server.descriptors)))
    server.ask("/forget")
    data = b"x" * _SENT_BEFORE_LEAVING
    for first in range(0, number, _TOGETHER):
        together = min(_TOGETHER, number - first)
        connections = [_begin(server, way, data) for _ in range(together)]
        clients.until(lambda done=first + together: server.ask("/counters").get("begun", 0) >= done, 10.0)  # type: ignore[misc]
        for index, connection in enumerate(connections):
            list(clients.DEPARTURES.values())[index % 2](connection)
    clients.until(lambda: server.descriptors <= before and not _files(folder), 5.0)
    files, descriptors = _files(folder), server.descriptors - before
    said = f"{len(files)} files and {descriptors} descriptors left"
    return Finding(f"{server.kind}, {way}, {number} aborted", said, not files and descriptors <= 0)


def _begin(server: Server, way: str, data: bytes) -> socket.socket:
    connection = clients.connect(server.port)
    connection.sendall(clients.post(f"/upload/{way}", 1024 * _MIB, _TYPE) + _HEAD + data)
    return connection


def _files(folder: Path) -> list[str]:
    return [name for _, _, names in os.walk(folder) for name in names]


class _Others:
    """Asks for a small answer again and again while the block runs."""

    def __init__(self, port: int) -> None:
        self.times: list[float] = []
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def percentile(self, part: float) -> float:
        """The time that this part of the requests took at most."""
        times = sorted(self.times)
        return times[min(len(times) - 1, int(len(times) * part))] if times else float("inf")

    def _ask(self) -> None:
        while not self._over.wait(0.02):
            begun = time.monotonic()
            with clients.connect(self._port) as connection:
                connection.sendall(clients.get("/quick"))
                if b"200" not in connection.recv(65536)[:16]:
                    return
            self.times.append(time.monotonic() - begun)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
