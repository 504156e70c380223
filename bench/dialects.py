"""The view `dialects`: a program on the system it was written for, and on Nacre's dialect of that system.

The program is the same file of `apps/`; for the dialect its import lines are rewritten. Each original runs in its own
environment, on Granian or on the server that it brings.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import wrk
from bench.capacity import Found, measure_matrix
from bench.effort import Effort
from bench.environments import ROOT, version_at
from bench.goals import DIALECTS
from bench.originals import HOW_TO_GET, NAMES, in_dialect, python_of
from bench.servers import GRANIAN_ASGI, GRANIAN_RSGI, GRANIAN_WSGI, OWN, ServerKind, Serving
from bench.tables import Table, at_least, percent, ratio
from bench.targets import Protocol, Target
from bench.workloads import WrongAnswer

WORKLOADS = ("plain", "json", "layers5")


@dataclass(frozen=True)
class Comparison:
    """How an original is served, and how its dialect is; the goal is for the first of these."""

    system: str
    original: ServerKind
    dialect: tuple[ServerKind, ...]

    def kinds(self, effort: Effort) -> tuple[ServerKind, ...]:
        """How the dialect is served in a run of so much effort."""
        return self.dialect if effort.all_servers else self.dialect[:1]


COMPARISONS = (
    Comparison("microdot", GRANIAN_ASGI, (GRANIAN_RSGI, GRANIAN_ASGI)),
    Comparison("microdot", OWN, (OWN,)),
    Comparison("madara", GRANIAN_WSGI, (GRANIAN_WSGI,)),
    # Its layers are ASGI classes, which RSGI has to be translated for.
    Comparison("flama", GRANIAN_ASGI, (GRANIAN_ASGI, GRANIAN_RSGI)),
    Comparison("blacksheep", GRANIAN_ASGI, (GRANIAN_RSGI, GRANIAN_ASGI)),
    # It is made for the server of aiohttp, and for no other.
    Comparison("rapidy", OWN, (OWN, GRANIAN_RSGI, GRANIAN_ASGI)),
)
PROTOCOLS: dict[ServerKind, Protocol] = {
    GRANIAN_ASGI: "asgi",
    GRANIAN_RSGI: "rsgi",
    GRANIAN_WSGI: "wsgi",
    OWN: "rsgi",
}

_NOTE = """\
The original's CPU time per request by its dialect's, for the same program, medians of the rounds; higher is better. In
brackets the row's own time per request. The target is for the protocol that suits the dialect: WSGI for Madara, a WSGI
system; ASGI for Flama, whose layers are ASGI classes; RSGI for the others. `met` answers for each workload. *Its own
run* is what the program does when it is started by itself: an original brings a server, a dialect starts Granian.
Microdot's server ends the connection after each answer; Rapidy runs on that of aiohttp only. `spread` is how far the
worst round of any cell in the row lies above its best."""


def measure(effort: Effort) -> dict[str, Any]:
    """Microseconds of CPU time per request by system, target and workload, round by round; each system's version.

    A system that fails is left out with what went wrong, in `failed`.
    """
    missing = HOW_TO_GET if not any(map(python_of, NAMES)) else None if wrk.is_present() else wrk.HOW_TO_GET
    if missing:
        print(missing, file=sys.stderr)
        return {"missing": missing}
    data: dict[str, Any] = {"versions": {}, "cpu_us": {}, "failed": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            try:
                data["versions"][name], data["cpu_us"][name] = _measure_system(effort, name, Path(folder))
            except (RuntimeError, WrongAnswer, OSError, subprocess.SubprocessError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                data["failed"][name] = _last_word(str(error))
    return data


def _last_word(message: str) -> str:
    """The line that says what went wrong, of a message with a server's output in it."""
    lines = [line for line in message.splitlines() if line.strip()]
    # Granian's own last line is that a worker has ended.
    return next((line for line in reversed(lines) if not line.startswith("[")), message)


def _measure_system(effort: Effort, name: str, folder: Path) -> tuple[str, Found]:
    python = python_of(name)
    if python is None:
        raise RuntimeError(HOW_TO_GET)
    workloads = WORKLOADS if effort.all_servers else WORKLOADS[-1:]
    matrix = {
        serving: workloads
        for comparison in COMPARISONS
        if comparison.system == name
        for serving in (
            Serving(original_target(name, comparison.original, python), comparison.original),
            *(Serving(dialect_target(name, kind, folder), kind) for kind in comparison.kinds(effort)),
        )
    }
    found = measure_matrix(effort, matrix)
    return version_at(python, name), found


def original_target(name: str, kind: ServerKind, python: Path) -> Target:
    """The program as it is, run by the interpreter that has its system."""
    return Target(name, f"bench.apps.{name}", PROTOCOLS[kind], python=str(python))


def dialect_target(name: str, kind: ServerKind, folder: Path) -> Target:
    """The program with its import lines rewritten, as a module in `folder`."""
    module = f"{name}_in_dialect"
    source = (ROOT / "bench" / "apps" / f"{name}.py").read_text(encoding="utf-8")
    (folder / f"{module}.py").write_text(in_dialect(source, name), encoding="utf-8")
    return Target(f"nacre.dialects.{name}", module, PROTOCOLS[kind], folder=folder)


def tables(data: dict[str, Any]) -> list[Table]:
    title = "Dialects: capacity by the original"
    if "missing" in data:
        return [Table(title, ("not measured",), [[data["missing"]]])]
    rows = []
    for comparison in COMPARISONS:
        if comparison.system in data["versions"]:
            rows += _rows(comparison, data["versions"][comparison.system], data["cpu_us"][comparison.system])
    rows += [[f"{name}: {error}", *[""] * (len(WORKLOADS) + 3)] for name, error in data["failed"].items()]
    return [Table(title, ("", *WORKLOADS, "target", "met", "spread"), rows, _NOTE)]


def _rows(comparison: Comparison, version: str, found: Found) -> list[list[str]]:
    name = comparison.system
    original = found[f"{name} ({comparison.original.name})"]
    rows = [[f"{name} {version} ({comparison.original.name})", *_cells(original, original), "", "", _spread(original)]]
    for kind in comparison.dialect:
        own = found.get(f"nacre.dialects.{name} ({kind.name})")
        if own is None:
            continue
        goal = DIALECTS[name] if kind is comparison.dialect[0] else None
        met = [at_least(_by(original, own, workload), goal) for workload in WORKLOADS if workload in own]
        answers = " / ".join(answer for _, answer in met) if goal else ""
        rows.append([f"  dialect ({kind.name})", *_cells(original, own), met[0][0], answers, _spread(own)])
    return rows


def _by(original: dict[str, list[float]], own: dict[str, list[float]], workload: str) -> float:
    return statistics.median(original[workload]) / statistics.median(own[workload])


def _cells(original: dict[str, list[float]], own: dict[str, list[float]]) -> list[str]:
    return [
        f"{ratio(_by(original, own, workload))} ({statistics.median(own[workload]):.1f} us)" if workload in own else ""
        for workload in WORKLOADS
    ]


def _spread(own: dict[str, list[float]]) -> str:
    return percent(max(max(rounds) / min(rounds) - 1 for rounds in own.values()))
