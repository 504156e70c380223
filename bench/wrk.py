"""Load from `wrk`: on one core, in one thread, over 64 connections."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.machine import on_core
from bench.workloads import Workload

HOW_TO_GET = "the server view needs wrk, which is not installed: apt-get install wrk"

_CONNECTIONS = 64
_GRACE = 20


@dataclass(frozen=True)
class Load:
    """What one run of `wrk` did."""

    requests: int
    per_second: float
    p99: str


def is_present() -> bool:
    return shutil.which("wrk") is not None


def load(port: int, workload: Workload, seconds: int, core: int) -> Load:
    """Send a workload's calls for so long. Raises RuntimeError if some were answered with an error."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "calls.lua"
        script.write_text(_script(workload), encoding="utf-8")
        command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script)]
        with on_core(core):
            done = subprocess.run(
                [*command, f"http://127.0.0.1:{port}/"],
                capture_output=True,
                text=True,
                check=True,
                timeout=seconds + _GRACE,
            )
    return _parse(done.stdout)


def _parse(text: str) -> Load:
    for trouble in ("Non-2xx or 3xx responses", "Socket errors"):
        if trouble in text:
            raise RuntimeError(f"wrk reports errors:\n{text}")
    requests = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+(\S+)", text)
    if requests is None or rate is None or not int(requests[1]):
        raise RuntimeError(f"wrk made no requests:\n{text}")
    return Load(int(requests[1]), float(rate[1]), p99[1] if p99 else "")


def _script(workload: Workload) -> str:
    """All calls, formatted once per connection and sent in turn."""
    lines = ["local calls = {}", "local at = 0", "function init(args)"]
    for call in workload.calls:
        body = f"[[{call.body.decode()}]]" if call.body else "nil"
        fields = '{["content-type"] = "application/json"}' if call.body else "{}"
        lines.append(f'  calls[#calls + 1] = wrk.format("{call.method}", "{call.target}", {fields}, {body})')
    lines += ["end", "function request()", "  at = at % #calls + 1", "  return calls[at]", "end"]
    return "\n".join(lines) + "\n"
