"""R11: clients that leave in the middle of a response.

Six kinds of body (an async generator, a plain one, a file, server-sent events, a response with a background callable,
and a stream inside of layers of every style), left with FIN and with RST, before and after the first byte, 200 times
each. Before the first byte means that the handler has been called and the stream waits for what it is to send first. On
the async servers the async generators wait for ever, so nothing but the news of the departure can end them; on WSGI,
where there is no such news, they write every 50 ms, as the plain generators do everywhere.

Within 1 s of the departure the `finally` of the generator, of every layer, and each callback must have run, once. At
the end no task may be left over, no file open, and no line in the server's log may speak of what was never retrieved or
awaited, or hold a traceback.

The short form leaves 10 times each.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from reliability import clients
from reliability.experiment import Finding, Options
from reliability.servers import ALL, ASYNC, Server

GOAL = (
    "every finally and callback once within 1 s, in every run; 0 tasks, 0 open files, 0 lines of complaint in the log"
)

_RUNS = 200
_TOGETHER = 50
_WITHIN = 1.0
_PATIENCE = 5.0
_FILE_SIZE = 64 * 1024 * 1024
_COMPLAINTS = ("never retrieved", "never awaited", "Traceback", "was destroyed")

_ALWAYS = {"begun": 1, "after_response": 1, "onion": 1}
_EXPECTED: dict[str, dict[str, int]] = {
    "async": {**_ALWAYS, "finally": 1},
    "sync": {**_ALWAYS, "finally": 1},
    "file": _ALWAYS,
    "sse": {**_ALWAYS, "finally": 1},
    "background": {**_ALWAYS, "finally": 1, "background": 1},
    "nested": {
        **{**_ALWAYS, "onion": 2},
        **{"finally": 1, "django": 1, "asgi": 1, "plain django": 1, "finalize": 1},
    },
}
_BARE = {"async": {"begun": 1, "finally": 1}}


@dataclass(frozen=True)
class _Case:
    """One kind of body, left in one way."""

    kind: str
    how: str
    when: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.how}-{self.when}"

    def target(self, run: int, *, waits: bool) -> str:
        """What is asked for; `waits` says whether the server tells of a departure."""
        forever = waits and self.kind != "sync"
        first = 3600.0 if forever else 0.2
        before = first if self.when == "before" else 0.0
        every = 3600.0 if forever else 0.05
        return f"/left/{self.kind}?key={self.name}-{run}&before={before}&every={every}"


def run(options: Options) -> Iterator[Finding]:
    runs = _RUNS if options.full else _RUNS // 20
    expected = _BARE if options.baseline else _EXPECTED
    with tempfile.NamedTemporaryFile(prefix="nacre-large-") as large:
        large.truncate(_FILE_SIZE)
        for kind in options.chosen(ALL):
            with Server(kind, baseline=options.baseline, NACRE_LARGE_FILE=large.name) as server:
                yield from _measure(server, expected, runs, large.name)


def _measure(server: Server, expected: dict[str, dict[str, int]], runs: int, large: str) -> Iterator[Finding]:
    idle = server.ask("/counters")["tasks"]
    right = 0
    slowest = 0.0
    wrong: dict[str, str] = {}
    cases = [_Case(*parts) for parts in product(expected, clients.DEPARTURES, ("before", "after"))]
    for case in cases:
        worst, told = _leave(server, case, runs, expected[case.kind])
        slowest = max(slowest, worst)
        right += runs - len(told)
        if told:
            wrong[case.name] = f"{len(told)} of {runs} wrong, e.g. {told[0]}"
    whole = len(cases) * runs
    late = f", the slowest after {slowest:.2f} s" if slowest else ""
    yield Finding(f"{server.kind}, departures", f"{right} of {whole} right{late}", right == whole)
    for name, what in wrong.items():
        yield Finding(f"{server.kind}, {name}", what, False)
    yield _left_behind(server, idle, large)


def _leave(server: Server, case: _Case, runs: int, expected: dict[str, int]) -> tuple[float, list[str]]:
    """Have so many clients leave; how long the slowest run took to be cleaned up, and what was wrong with others."""
    slowest = 0.0
    wrong: list[str] = []
    for first in range(0, runs, _TOGETHER):
        numbers = range(first, min(first + _TOGETHER, runs))
        begun = _visit(server, case, numbers)
        keys = {f"{case.name}-{number}" for number in numbers}
        deadline = time.monotonic() + _PATIENCE
        finished: dict[str, float] = {}
        found: dict[str, dict[str, int]] = {}
        while len(finished) < len(keys) and time.monotonic() < deadline:
            found = server.ask(f"/events?of={case.name}-")
            now = time.monotonic()
            for key in keys - finished.keys():
                if found.get(key) == expected:
                    finished[key] = now - begun
            time.sleep(0.01)
        time.sleep(0.05)
        found = server.ask(f"/events?of={case.name}-")
        for key in sorted(keys):
            # Once more, for what may have run twice meanwhile.
            if found.get(key) != expected:
                wrong.append(f"{key}: {found.get(key)}")
            elif finished.get(key, _PATIENCE) > _WITHIN:
                wrong.append(f"{key}: after {finished.get(key, _PATIENCE):.2f} s")
        slowest = max(slowest, *finished.values(), 0.0)
    return slowest, wrong


def _visit(server: Server, case: _Case, numbers: range) -> float:
    """Open the connections, wait until each is where it is to be left, and leave; when that was."""
    waits = server.kind in ASYNC
    connections = []
    for number in numbers:
        connection = clients.connect(server.port)
        connections.append(connection)
        connection.sendall(clients.get(case.target(number, waits=waits)))
    if case.when == "after":
        for connection in connections:
            connection.recv(1)
    else:
        names = [f"{case.name}-{number}" for number in numbers]
        clients.until(lambda: _have_begun(server, case, names), 5.0)
    leave = clients.DEPARTURES[case.how]
    begun = time.monotonic()
    for connection in connections:
        leave(connection)
    return begun


def _have_begun(server: Server, case: _Case, names: list[str]) -> bool:
    found = server.ask(f"/events?of={case.name}-")
    return all("begun" in found.get(name, {}) for name in names)


def _left_behind(server: Server, idle: int, large: str) -> Finding:
    clients.until(lambda: bool(server.ask("/counters")["tasks"] <= idle), 2.0)
    tasks = server.ask("/counters")["tasks"] - idle
    open_files = server.ask(f"/open?of={large.rpartition('/')[2]}").get("open", 0)
    log = server.log()
    lines = [line for line in log.splitlines() if any(complaint in line for complaint in _COMPLAINTS)]
    said = f"{max(tasks, 0)} tasks, {open_files} open files, {len(lines)} lines of complaint"
    if lines:
        said += f" (the first: {lines[0][:100]})"
    return Finding(f"{server.kind}, left behind", said, tasks <= 0 and not open_files and not lines)
