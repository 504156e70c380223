"""Servers as processes: started on a free port, ready when the port answers, stopped by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parents[1] / "src"

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "granian-rsgi": ("granian", "--interface", "rsgi", "--workers-kill-timeout", "10", "--port", "{port}", "{app}"),
    "granian-asgi": ("granian", "--interface", "asgi", "--workers-kill-timeout", "10", "--port", "{port}", "{app}"),
    "granian-wsgi": (
        *("granian", "--interface", "wsgi", "--workers-kill-timeout", "10", "--blocking-threads", "16"),
        *("--port", "{port}", "{app}"),
    ),
    "uvicorn": ("uvicorn", "--port", "{port}", "{app}"),
    "uvicorn-h11": ("uvicorn", "--http", "h11", "--loop", "asyncio", "--port", "{port}", "{app}"),
    "hypercorn": ("hypercorn", "--bind", "127.0.0.1:{port}", "{app}"),
    "gunicorn-sync": ("gunicorn", "--worker-class", "sync", "--bind", "127.0.0.1:{port}", "{app}"),
    "gunicorn-gthread": ("gunicorn", "--threads", "16", "--bind", "127.0.0.1:{port}", "{app}"),
    "nacre": ("{module}", "{port}", "1"),
}
ASYNC = ("nacre", "granian-rsgi", "granian-asgi", "uvicorn", "uvicorn-h11", "hypercorn")
THREADED = ("granian-wsgi", "gunicorn-sync", "gunicorn-gthread")
ALL = (*ASYNC, *THREADED)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], object], *, seconds: float = 5, what: str = "it") -> None:
    """Wait until `check()` is true."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.01)


@dataclass
class Server:
    """A server process and the file its output goes to."""

    kind: str
    port: int
    process: subprocess.Popen[bytes]
    output: Path
    notes: Path

    def connect(self, timeout: float = 5) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def noted(self, what: str) -> int:
        """How often the application left this note."""
        if not self.notes.exists():
            return 0
        return sum(line.split()[0] == what for line in self.notes.read_text(encoding="utf-8").splitlines())

    def listening(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"{self.kind} ended with {self.process.returncode}:\n{self.log()}")
        with contextlib.suppress(OSError):
            self.connect().close()
            return True
        return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 10) -> int:
        return self.process.wait(seconds)


@contextlib.contextmanager
def started(
    command: str | tuple[str, ...],
    folder: Path,
    *,
    app: str = "application:app",
    ready: bool = True,
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    """Start a server, by its kind or by `python` arguments, and end it on the way out, however that comes."""
    kind = command if isinstance(command, str) else Path(command[0]).stem
    pattern = COMMANDS[command] if isinstance(command, str) else command
    port = port or free_port()
    arguments = [part.format(port=port, app=app, module=FOLDER / "application.py") for part in pattern]
    if isinstance(command, str) and command != "nacre":
        arguments = ["-m", *arguments]
    output, notes = folder / f"{kind}.log", folder / f"{kind}.notes"
    variables = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(SOURCE), str(FOLDER)]),
        "PYTHONUNBUFFERED": "1",
        "NOTES": str(notes),
        **(environment or {}),
    }
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=FOLDER,
            env=variables,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(kind, port, process, output, notes)
    try:
        if ready:
            eventually(server.listening, seconds=15, what=f"{kind} listening")
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        # Whatever is left of it, its workers included.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
