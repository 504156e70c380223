"""A server in a process tree of its own: started, asked, watched, stopped."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.machine import environment, on_core
from bench.processes import end_session, free_port, kib, read, tree
from bench.targets import Target
from bench.workloads import Answer, Call, Setting

ROOT = Path(__file__).parents[1]
_START_LIMIT = 20.0


@dataclass(frozen=True)
class ServerKind:
    """A server's package, and what the interpreter is given to serve `{module}` at `{port}`.

    A program that serves itself has no such package.
    """

    name: str
    package: str
    arguments: tuple[str, ...]


def _granian(interface: str) -> ServerKind:
    loop = () if interface == "wsgi" else ("--loop", "uvloop")
    chosen = ("--interface", interface, *loop, "--workers", "1", "--log-level", "warning")
    where = ("--host", "127.0.0.1", "--port", "{port}", "{module}:app")
    return ServerKind(f"granian {interface}", "granian", ("-m", "granian", *chosen, *where))


GRANIAN_ASGI, GRANIAN_RSGI, GRANIAN_WSGI = _granian("asgi"), _granian("rsgi"), _granian("wsgi")
UVICORN = ServerKind(
    "uvicorn",
    "uvicorn",
    (
        *("-m", "uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
        *("--port", "{port}", "{module}:app"),
    ),
)
OWN = ServerKind("its own run", "", ("-m", "{module}", "{port}"))


@dataclass(frozen=True)
class Serving:
    """A target on a server."""

    target: Target
    kind: ServerKind

    @property
    def name(self) -> str:
        return f"{self.target.name} ({self.kind.name})"


class Server:
    """One running server, pinned to a core, ready when the `with` block is entered."""

    def __init__(self, serving: Serving, setting: Setting, core: int) -> None:
        self.serving = serving
        self.port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- `stop` closes it
        target = serving.target
        arguments = [part.format(module=target.module, port=self.port) for part in serving.kind.arguments]
        self._begun = time.perf_counter()
        with on_core(core):
            self._process = subprocess.Popen(
                [target.python, *arguments],
                cwd=ROOT,
                env=environment(**target.search_path(), **setting.environment()),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        self.age = 0.0

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
        while time.perf_counter() - self._begun < _START_LIMIT:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                time.sleep(0.003)
        self._log.seek(0)
        said = self._log.read()[-2000:].decode("utf-8", "replace")
        raise RuntimeError(f"{self.serving.name} did not start: {said}")

    def answer(self, call: Call) -> Answer:
        """One request on a connection of its own; `age` is the server's after the first of them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(call.method, call.target, call.body or None, dict(call.headers[3:]))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        self.age = self.age or time.perf_counter() - self._begun
        headers = tuple((name.lower(), value) for name, value in response.getheaders())
        return Answer(response.status, headers, body)

    @property
    def process(self) -> int:
        """The number of its first process."""
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the process tree so far, in user code and in the kernel."""
        ticks = 0
        for process in tree(self.process):
            fields = read(f"/proc/{process}/stat").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if fields else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    @property
    def largest_resident(self) -> float:
        """The resident set of the largest process, in MiB."""
        return max([kib(process, "VmRSS") for process in tree(self.process)]) / 1024

    def stop(self) -> None:
        """End it with its whole session."""
        end_session(self._process)
        self._log.close()
