"""A server in a process tree of its own: started, asked, watched, stopped."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.machine import environment
from bench.processes import end_session, free_port, kib, tree

ROOT = Path(__file__).parents[1]
_START_LIMIT = 20.0

_GRANIAN = ("granian", "--workers", "1", "--workers-kill-timeout", "5", "--log-level", "warning")
_THREADS = "220"
"""Threads for the plain servers: one for each of the 200 clients of an experiment, and some for what else is asked."""

COMMANDS = {
    "granian-rsgi": (*_GRANIAN, "--interface", "rsgi"),
    "granian-asgi": (*_GRANIAN, "--interface", "asgi"),
    "uvicorn": ("uvicorn", "--no-access-log", "--log-level", "warning"),
    "uvicorn-wsproto": ("uvicorn", "--ws", "wsproto", "--no-access-log", "--log-level", "warning"),
    "gunicorn-wsgi": ("gunicorn", "--threads", _THREADS, "--log-level", "warning"),
}
ASYNC = ("granian-rsgi", "granian-asgi", "uvicorn")
ALL = (*ASYNC, "gunicorn-wsgi")

_BARE = {
    "granian-rsgi": "rsgi",
    "granian-asgi": "asgi",
    "uvicorn": "asgi",
    "uvicorn-wsproto": "asgi",
    "gunicorn-wsgi": "wsgi",
}


_core: int | None = None


def pin(server: int, load: int) -> None:
    """Have servers started from now on stay on one core and this process on another, if the system can do that."""
    global _core
    if hasattr(os, "sched_setaffinity") and {server, load} <= os.sched_getaffinity(0):
        _core = server
        os.sched_setaffinity(0, {load})


@contextlib.contextmanager
def _on_core() -> Iterator[None]:
    """Processes started meanwhile stay on the servers' core; they take over that of the thread that starts them."""
    if _core is None:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


class Server:
    """One running server of an application, ready when the `with` block is entered."""

    def __init__(
        self, kind: str, *, app: str = "reliability.application:app", baseline: bool = False, **variables: str
    ) -> None:
        self.kind = kind
        self.port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- `stop` closes it
        app = f"reliability.bare:{_BARE[kind]}" if baseline else app
        package, *arguments = COMMANDS[kind]
        address = ["--bind", f"127.0.0.1:{self.port}"] if package == "gunicorn" else ["--port", str(self.port)]
        source = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        with _on_core():
            self._process = subprocess.Popen(
                [sys.executable, "-m", package, *arguments, *address, app],
                cwd=ROOT,
                env=environment(PYTHONPATH=source, PYTHONUNBUFFERED="1", **variables),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )

    def __enter__(self) -> Server:
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError(f"{self.kind} did not start: {self.log()[-2000:]}")

    # What it is asked.

    def ask(self, target: str, timeout: float = 30.0) -> Any:
        """The JSON that the application answers to a GET, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", target, headers={"connection": "close"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    # What is seen from outside.

    @property
    def resident(self) -> float:
        """The resident set of the process that serves, in MiB."""
        return max([kib(process, "VmRSS") for process in tree(self._process.pid)]) / 1024

    @property
    def peak(self) -> float:
        """The most that any of its processes had resident since `forget_peak`, in MiB."""
        return max([kib(process, "VmHWM") for process in tree(self._process.pid)]) / 1024

    def forget_peak(self) -> None:
        """Let the peak begin anew with what is resident now."""
        for process in tree(self._process.pid):
            with contextlib.suppress(OSError):
                Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")

    @property
    def descriptors(self) -> int:
        """How many files and sockets its processes have open."""
        count = 0
        for process in tree(self._process.pid):
            with contextlib.suppress(OSError):
                count += len(os.listdir(f"/proc/{process}/fd"))
        return count

    def log(self) -> str:
        """What it has written to its output so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """End it with its whole session."""
        end_session(self._process)
        self._log.close()


def settled(measure: Callable[[], float], *, within: float = 1.0, seconds: float = 5.0) -> float:
    """A measured value once two readings a quarter of a second apart differ by no more than `within`."""
    deadline = time.monotonic() + seconds
    before = measure()
    while True:
        time.sleep(0.25)
        now = measure()
        if abs(now - before) <= within or time.monotonic() > deadline:
            return now
        before = now
