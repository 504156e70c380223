"""The files a run leaves: `results.json` with every round, `RESULTS.md` with the tables made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import capacity, dialects, growth, inproc, layers, parts, start
from bench.tables import Table

FOLDER = Path(__file__).parent
RAW = FOLDER / "results.json"
REPORT = FOLDER / "RESULTS.md"

VIEWS: Mapping[str, Any] = {
    "inproc": inproc,
    "layers": layers,
    "growth": growth,
    "parts": parts,
    "server": capacity,
    "dialects": dialects,
    "start": start,
}
"""By name, modules with `measure(effort)`, which gives JSON, and `tables(data)`."""

_HEAD = """\
# What Nacre costs

Written by `make bench`; how to read it stands in [README.md](README.md). Targets are those of `bench/goals.py`: ratios
to what was measured in the same run, set from measurements of the peers.
"""


def tables_of(view: str, data: Any) -> list[Table]:
    tables: list[Table] = VIEWS[view].tables(data)
    return tables


def save(measured: Mapping[str, tuple[dict[str, str], Any]]) -> None:
    """Put views, each with the description of its machine, in place of what the files hold of them."""
    held = json.loads(RAW.read_text(encoding="utf-8")) if RAW.exists() else {}
    held.update({view: {"machine": machine, "data": data} for view, (machine, data) in measured.items()})
    RAW.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    REPORT.write_text(_report(held), encoding="utf-8")


def _report(held: Mapping[str, Any]) -> str:
    parts = [_HEAD]
    machine = None
    for view in VIEWS:
        if view not in held:
            continue
        parts.append(f"## {view}\n")
        if held[view]["machine"] != machine:
            machine = held[view]["machine"]
            parts.append("\n".join(f"- {key}: {value}" for key, value in machine.items()) + "\n")
        parts += [table.markdown() + "\n" for table in tables_of(view, held[view]["data"])]
    return "\n".join(parts)
