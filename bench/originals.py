"""The systems that Nacre has dialects of: each in an environment of its own, by `make originals`.

A program for one of them becomes one for its dialect when the package's name in its import lines is replaced.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.environments import ORIGINALS

NAMES = ("microdot", "madara", "flama", "blacksheep", "rapidy")

HOW_TO_GET = "the dialects' originals are not installed: make originals"


def python_of(name: str) -> Path | None:
    """The interpreter that has this system; None without one."""
    return ORIGINALS.python_of(name)


def in_dialect(source: str, name: str) -> str:
    """A program with its import lines rewritten to the dialect of that name."""
    dialect = f"nacre.dialects.{name}"
    source = re.sub(rf"^(\s*from ){name}\b", rf"\1{dialect}", source, flags=re.MULTILINE)
    source = re.sub(rf"^(\s*import ){name}(?=[\w.]* as )", rf"\1{dialect}", source, flags=re.MULTILINE)
    # `import microdot.cors` loads the module and binds the package.
    both = rf"\1import {dialect}\2\n\1import {dialect} as {name}"
    source = re.sub(rf"^(\s*)import {name}(\.[\w.]+)$", both, source, flags=re.MULTILINE)
    return re.sub(rf"^(\s*)import {name}$", rf"\1import {dialect} as {name}", source, flags=re.MULTILINE)
