"""Load from `wrk`: on one core, in one thread, over 64 connections."""

from __future__ import annotations

import json
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
    """Send a workload's calls for so long. Raises RuntimeError if some weren't answered as they are to be."""
    with tempfile.TemporaryDirectory() as folder:
        script = _script(workload, Path(folder))
        command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script)]
        with on_core(core):
            done = subprocess.run(
                [*command, f"http://127.0.0.1:{port}/"],
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds + _GRACE,
            )
    if done.returncode:
        raise RuntimeError(f"wrk failed: {done.stderr}{done.stdout}")
    return _parse(done.stdout, may_refuse=any(call.status >= 400 for call in workload.calls))


def _parse(text: str, *, may_refuse: bool = False) -> Load:
    troubles = ("Socket errors",) if may_refuse else ("Socket errors", "Non-2xx or 3xx responses")
    for trouble in troubles:
        if trouble in text:
            raise RuntimeError(f"wrk reports errors:\n{text}")
    requests = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+(\S+)", text)
    if requests is None or rate is None or not int(requests[1]):
        raise RuntimeError(f"wrk made no requests:\n{text}")
    return Load(int(requests[1]), float(rate[1]), p99[1] if p99 else "")


def _script(workload: Workload, folder: Path) -> Path:
    """All calls, formatted once and sent in turn. Bodies are read from files, since they may be of any bytes."""
    lines = ["local calls = {}", "local at = 0", "function init(args)"]
    for number, call in enumerate(workload.calls):
        body = "nil"
        if call.body:
            file = folder / f"{number}.body"
            file.write_bytes(call.body)
            body = f'io.open("{file}", "rb"):read("*a")'
        # The host and the length are `wrk`'s own.
        given = [(name, value) for name, value in call.headers[3:] if name != "content-length"]
        fields = ", ".join(f"[{_quoted(name)}] = {_quoted(value)}" for name, value in given)
        lines.append(f'  calls[#calls + 1] = wrk.format("{call.method}", "{call.target}", {{{fields}}}, {body})')
    lines += ["end", "function request()", "  at = at % #calls + 1", "  return calls[at]", "end"]
    script = folder / "calls.lua"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return script


def _quoted(text: str) -> str:
    """Text as Lua writes it, for which JSON's escapes of what headers hold will do."""
    return json.dumps(text)
