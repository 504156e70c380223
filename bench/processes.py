"""Processes with all that they have started: found, read, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

_STOP_LIMIT = 3.0


def tree(process: int) -> Iterator[int]:
    """A process and its descendants, by their numbers."""
    waiting = [process]
    while waiting:
        process = waiting.pop()
        yield process
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                waiting += map(int, read(f"/proc/{process}/task/{thread}/children").split())


def read(path: str) -> str:
    """A file of `/proc`; "" when its process has ended meanwhile."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def kib(process: int, name: str) -> int:
    """A field of a process's `status` that is a size, in KiB; 0 when it has ended."""
    for line in read(f"/proc/{process}/status").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session, and then what is left of that session."""
    # Some servers end at the second of these only.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_STOP_LIMIT)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
