"""The view `start`: importing Nacre in a fresh interpreter, and a server's way to its first answer."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench.effort import Effort
from bench.goals import COLD_START, IMPORT_MS, RESIDENT
from bench.machine import environment, on_core, version_of
from bench.measure import Rounds
from bench.servers import GRANIAN_RSGI, Server, Serving
from bench.tables import Table, at_most
from bench.targets import NACRE_RSGI, RAW_RSGI
from bench.workloads import WORKLOADS

_STATEMENTS = {
    "python": "pass",
    "nacre": "import nacre",
    "msgspec": "import msgspec",
    "starlette": "import starlette.applications, starlette.routing, starlette.responses",
    "blacksheep": "import blacksheep",
}

# Run by a process that measures nothing itself: the wall time from its start of the other one to that one's end.
_TIMER = """
import json, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run([sys.executable, "-c", sys.argv[1]], capture_output=True, text=True, check=True)
print(json.dumps([(time.perf_counter() - begun) * 1e3, *json.loads(done.stdout)]))
"""
_REPORT = """
import json, resource, sys
print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(sys.modules)]))
"""


def measure(effort: Effort) -> dict[str, Any]:
    """Milliseconds, MiB and modules by statement; the same of cold starts by target."""
    wanted = [name for name in _STATEMENTS if name == "python" or version_of(name)]
    imports: dict[str, list[list[float]]] = {name: [] for name in wanted}
    for turn in range(effort.starts + 1):
        for name in wanted:
            found = _import(_STATEMENTS[name], effort.core)
            if turn:  # the first time reads the files from the disk and may compile them
                imports[name].append(found)
    return {"imports": imports, "cold": _cold_starts(effort)}


def _import(statement: str, core: int) -> list[float]:
    with on_core(core):
        done = subprocess.run(
            [sys.executable, "-c", _TIMER, f"{statement}\n{_REPORT}"],
            capture_output=True,
            text=True,
            check=True,
            env=environment(),
        )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _cold_starts(effort: Effort) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {}
    if version_of("granian") is None:
        return found
    workload = WORKLOADS["json"]
    for _ in range(effort.cold_starts):
        for target in (RAW_RSGI, NACRE_RSGI):
            with Server(Serving(target, GRANIAN_RSGI), workload.under(target.setting), effort.core) as server:
                server.answer(workload.calls[0])
                found.setdefault(target.name, []).append([server.age * 1e3, server.largest_resident])
    return found


def tables(data: dict[str, Any]) -> list[Table]:
    return [_import_table(data["imports"]), *([_cold_table(data["cold"])] if data["cold"] else [])]


def _import_table(data: dict[str, list[list[float]]]) -> Table:
    bare = min(run[0] for run in data["python"])
    rows = []
    for name, runs in data.items():
        wall = Rounds(tuple(run[0] for run in runs))
        beyond = wall.least - bare
        goal = at_most(beyond, IMPORT_MS if name == "nacre" else None)
        rows.append(
            [
                f"`{_STATEMENTS[name]}`",
                f"{wall.least:.1f}",
                f"{wall.median:.1f}",
                f"{beyond:.1f}",
                *goal,
                f"{runs[0][1]:.1f}",
                f"{runs[0][2]:.0f}",
            ]
        )
    columns = ("", "wall ms, least", "median", "beyond `pass`", "target", "met", "RSS MiB", "modules")
    return Table("Import, in a fresh interpreter", columns, rows)


def _cold_table(data: dict[str, list[list[float]]]) -> Table:
    raw = [min(run[at] for run in data[RAW_RSGI.name]) for at in (0, 1)]
    rows = []
    for name, runs in data.items():
        wall, resident = (Rounds(tuple(run[at] for run in runs)) for at in (0, 1))
        own = name == NACRE_RSGI.name
        by_raw = wall.least / raw[0], resident.median / raw[1]
        rows.append(
            [
                name,
                f"{wall.least:.0f}",
                f"{wall.median:.0f}",
                f"{by_raw[0]:.2f}",
                *at_most(by_raw[0], COLD_START if own else None),
                f"{resident.median:.1f}",
                f"{by_raw[1]:.2f}",
                *at_most(by_raw[1], RESIDENT if own else None),
            ]
        )
    columns = ("", "ms to the first answer", "median", "by raw", "target", "met", "RSS MiB", "by raw", "target", "met")
    note = "Granian, one worker; the resident set of its largest process."
    return Table("Cold start, from the server's start to its first answer", columns, rows, note)
