"""The systems that Nacre has dialects of: each in an environment of its own, by `make originals`.

A program for one of them becomes one for its dialect when the package's name in its import lines is replaced.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMES = ("microdot", "madara", "flama", "blacksheep", "rapidy")

HOW_TO_GET = "the dialects' originals are not installed: make originals"


def python_of(name: str) -> Path | None:
    """The interpreter that has this system; None without one.

    The environments stand in `.venv/originals`, or where the variable NACRE_ORIGINALS says.
    """
    folder = Path(os.environ.get("NACRE_ORIGINALS") or ROOT / ".venv" / "originals")
    python = folder / name / "bin" / "python"
    return python if python.exists() else None


def version_at(python: Path, name: str) -> str:
    """The version of a system, as its own environment says."""
    program = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def in_dialect(source: str, name: str) -> str:
    """A program with its import lines rewritten to the dialect of that name."""
    dialect = f"nacre.dialects.{name}"
    source = re.sub(rf"^(\s*from ){name}\b", rf"\1{dialect}", source, flags=re.MULTILINE)
    source = re.sub(rf"^(\s*import ){name}(?=[\w.]* as )", rf"\1{dialect}", source, flags=re.MULTILINE)
    # `import microdot.cors` loads the module and binds the package.
    both = rf"\1import {dialect}\2\n\1import {dialect} as {name}"
    source = re.sub(rf"^(\s*)import {name}(\.[\w.]+)$", both, source, flags=re.MULTILINE)
    return re.sub(rf"^(\s*)import {name}$", rf"\1import {dialect} as {name}", source, flags=re.MULTILINE)
