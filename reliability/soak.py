"""R17 in part and the long form of R18: a server that is asked for everything, for half an hour.

Four clients ask Granian (over RSGI, unless other servers are named) for the kinds of `reliability.mixed` in turn, each
request with data of its own, with clients that leave, WebSocket connections, refused bodies and exceptions among them.
The resident set is read every 5 s; from the fifth minute on (a fifth of a shorter run) it may rise by 1 MiB an hour, by
the line that fits the readings best. At the end as many descriptors may be open as before. The log may hold nothing but
the tracebacks that the kind `exceptions` asks for.

The line says the rise with its standard error: a run of half an hour tells it to some 0.3 MiB an hour. The short form
lasts a minute, and there only the descriptors and the log are judged.
"""

from __future__ import annotations

import itertools
import math
import socket
import threading
import time
from collections.abc import Iterator

from reliability import clients
from reliability.experiment import Finding, Options
from reliability.mixed import KINDS, Call
from reliability.servers import Server, settled

GOAL = "memory rises by 1 MiB an hour at most, descriptors stay, 0 unexpected lines in the log"

_CLIENTS = 4
_RISE = 1.0
_WARM_UP = 300.0
_READING = 5.0


def run(options: Options) -> Iterator[Finding]:
    seconds = options.minutes * 60 if options.full else 60.0
    for kind in options.servers or ("granian-rsgi",):
        with Server(kind, app="reliability.mixed:app") as server:
            yield from _measure(server, seconds, judged=options.full)


def _measure(server: Server, seconds: float, *, judged: bool) -> Iterator[Finding]:
    load = _Load(server.port)
    with load:
        time.sleep(min(10.0, seconds / 5))  # for the threads that are started when they are needed
    before = int(settled(lambda: float(server.descriptors)))
    readings: list[tuple[float, float]] = []
    begun = time.monotonic()
    with load:
        while (now := time.monotonic() - begun) < seconds:
            if now >= min(_WARM_UP, seconds / 5):
                readings.append((now / 3600, server.resident))
            time.sleep(_READING)
    after = int(settled(lambda: float(server.descriptors)))
    rise, error = slope(readings)
    said = f"{rise:+.2f} ± {error:.2f} MiB/h, {readings[-1][1]:.0f} MiB in the end"
    yield Finding(f"{server.kind}, memory", said, rise <= _RISE or not judged)
    yield Finding(f"{server.kind}, descriptors", f"{before} before, {after} after", after <= before)
    lines = unexpected(server.log())
    said = f"{len(lines)} unexpected lines" + (f", the first: {lines[0][:100]}" if lines else "")
    yield Finding(f"{server.kind}, log", said, not lines)
    said = f"{load.done} in {seconds / 60:.0f} min, {len(load.wrong)} not as they should be"
    yield Finding(f"{server.kind}, answers", said + (f", e.g. {load.wrong[0]}" if load.wrong else ""), not load.wrong)


def slope(readings: list[tuple[float, float]]) -> tuple[float, float]:
    """The slope of the line that fits best, and its standard error."""
    count = len(readings)
    middle_x = math.fsum(x for x, _ in readings) / count
    middle_y = math.fsum(y for _, y in readings) / count
    spread = math.fsum((x - middle_x) ** 2 for x, _ in readings)
    if count < 3 or not spread:
        return 0.0, math.inf
    rise = math.fsum((x - middle_x) * (y - middle_y) for x, y in readings) / spread
    rest = math.fsum((y - middle_y - rise * (x - middle_x)) ** 2 for x, y in readings)
    return rise, math.sqrt(rest / (count - 2) / spread)


def unexpected(log: str) -> list[str]:
    """The lines of a log but for the tracebacks that were asked for."""
    lines = []
    asked_for = False
    for line in log.splitlines():
        if "/fail/reason-" in line:
            asked_for = True
        if not asked_for and line.strip():
            lines.append(line)
        if line.startswith("ZeroDivisionError: reason-"):
            asked_for = False
    return lines


class _Load:
    """Clients that ask for the kinds in turn while the block runs."""

    def __init__(self, port: int) -> None:
        self.done = 0
        self.wrong: list[str] = []
        self._port = port
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def _ask(self) -> None:
        makers = list(KINDS.items())
        while not self._over.is_set():
            with self._lock:
                number = next(self._numbers)
                self.done += 1
            name, make = makers[number % len(makers)]
            call = make(number)
            try:
                status = _perform(self._port, call)
            except OSError as error:
                status = type(error).__name__
            expected = 101 if call.talks else call.status
            if status != expected and len(self.wrong) < 1000:
                self.wrong.append(f"{name} {number}: {status}")

    def __enter__(self) -> None:
        self._over.clear()
        self._threads = [threading.Thread(target=self._ask) for _ in range(_CLIENTS)]
        for thread in self._threads:
            thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def _perform(port: int, call: Call) -> int | str:
    """Make a request on a connection of its own; the status of its answer."""
    with clients.connect(port) as connection:
        if call.talks:
            return clients.talk(connection, call.target, b"hello")
        connection.sendall(_bytes(call))
        received = connection.recv(65536)
        status = int(received.split(b" ", 2)[1])
        if not call.leaves:
            _to_the_end(connection)
        return status


def _to_the_end(connection: socket.socket) -> None:
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass  # of a body that the server didn't want


def _bytes(call: Call) -> bytes:
    named = {name for name, _ in call.headers}
    fields = [f"{name}: {value}" for name, value in call.headers]
    if "host" not in named:
        fields.append("host: localhost")
    if call.body and "content-length" not in named:
        fields.append(f"content-length: {len(call.body)}")
    lines = [f"{call.method} {call.target} HTTP/1.1", *fields, "connection: close", "", ""]
    return "\r\n".join(lines).encode() + call.body
