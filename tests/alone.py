"""Programs in a process of their own: what forks must have no threads of other tests."""

from __future__ import annotations

import subprocess
import sys


def run_alone(program: str, *arguments: object) -> None:
    """Run a program, which must end well and say nothing."""
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=25)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
