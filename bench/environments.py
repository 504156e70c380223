"""Interpreters with packages of their own beside ours: what `make originals` and `make peers` build."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Environments:
    """One for each list in `requirements/KIND`, built by `make KIND`.

    They stand in `.venv/KIND`, or where the variable NACRE_KIND says.
    """

    kind: str

    @property
    def lists(self) -> Path:
        return ROOT / "requirements" / self.kind

    def python_of(self, name: str) -> Path | None:
        """The interpreter that has this system; None without one."""
        folder = Path(os.environ.get(f"NACRE_{self.kind.upper()}") or ROOT / ".venv" / self.kind)
        python = folder / name / "bin" / "python"
        return python if python.exists() else None


ORIGINALS = Environments("originals")
PEERS = Environments("peers")


def version_at(python: Path, name: str) -> str:
    """The version of a system, as its own environment says."""
    program = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
