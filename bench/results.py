"""The files a run leaves: `results.json` with every round, `RESULTS.md` and a picture made of it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import picture, summary
from bench.tables import Table

FOLDER = Path(__file__).parent
RAW = FOLDER / "results.json"
REPORT = FOLDER / "RESULTS.md"
PICTURE = FOLDER / "results.svg"

VIEWS: Mapping[str, str] = {
    "inproc": "bench.inproc",
    "layers": "bench.layers",
    "growth": "bench.growth",
    "parts": "bench.parts",
    "costs": "bench.costs",
    "server": "bench.capacity",
    "stack": "bench.stack",
    "realtime": "bench.realtime",
    "dialects": "bench.dialects",
    "memory": "bench.memory",
    "start": "bench.start",
}
"""By name, modules with `measure(effort)`, which gives JSON, and `tables(data)`."""

_HEAD = """\
# What Nacre costs

Written by `make bench`; how to read it stands in [README.md](README.md). Targets are those of `bench/goals.py`: ratios
to what was measured in the same run, set from measurements of the peers.

![Capacity by raw ASGI](results.svg)
"""


def view(name: str) -> Any:
    """A view's module, imported when it is wanted."""
    return importlib.import_module(VIEWS[name])


def tables_of(name: str, data: Any) -> list[Table]:
    tables: list[Table] = view(name).tables(data)
    return tables


def held() -> dict[str, Any]:
    """What the last runs have left: by view, its machine and its data."""
    if not RAW.exists():
        return {}
    found: dict[str, Any] = json.loads(RAW.read_text(encoding="utf-8"))
    return found


def save(measured: Mapping[str, tuple[dict[str, str], Any]]) -> None:
    """Put views, each with the description of its machine, in place of what the files hold of them."""
    kept = held()
    kept.update({name: {"machine": machine, "data": data} for name, (machine, data) in measured.items()})
    RAW.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    write_report(kept)


def write_report(kept: Mapping[str, Any]) -> None:
    """Write `RESULTS.md` and the picture anew, from what is held."""
    REPORT.write_text(_report(kept), encoding="utf-8")
    PICTURE.write_text(picture.draw(kept), encoding="utf-8")


def _report(kept: Mapping[str, Any]) -> str:
    parts = [_HEAD, summary.section(kept)]
    machine = None
    for name in VIEWS:
        if name not in kept:
            continue
        parts.append(f"## {name}\n")
        if kept[name]["machine"] != machine:
            machine = kept[name]["machine"]
            parts.append("\n".join(f"- {key}: {value}" for key, value in machine.items()) + "\n")
        parts += [table.markdown() + "\n" for table in tables_of(name, kept[name]["data"])]
    return "\n".join(parts)
