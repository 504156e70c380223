"""Instructions that a piece of Python takes, counted by valgrind's callgrind: a figure without noise.

The counted process runs at a fiftieth of its speed. It calls `counted` around each thing to count; callgrind writes its
counts down and begins anew at each call of `getppid`, which nothing else calls.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.machine import environment

HOW_TO_GET = "there is no valgrind to count instructions with (Debian: apt-get install valgrind)"

_MARK = "getppid"
_WARM = 100
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
_TIME_LIMIT = 900


def is_present() -> bool:
    return sys.platform == "linux" and shutil.which("valgrind") is not None


def counted(name: str, run: Callable[[int], object], count: int) -> None:
    """In the counted process: have `run` do something so many times, warm, and say which it was."""
    run(_WARM)
    # The caches of one thing to count must not be garbage that is collected in the next one's count.
    gc.collect()
    gc.freeze()
    gc.disable()
    os.getppid()
    run(count)
    os.getppid()
    gc.enable()
    print(json.dumps([name, count]), flush=True)


def count(module: str, runs: Iterable[Sequence[str]]) -> dict[str, float]:
    """Instructions for each time something was done, by the names that `module` gave `counted`.

    It is run once with each list of arguments, as many of them at a time as there are cores. Raises RuntimeError with
    what a process said that failed.
    """
    found: dict[str, float] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(lambda arguments: _count(module, arguments), runs):
            found.update(part)
    return found


def _count(module: str, arguments: Sequence[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        tool = ("valgrind", "--tool=callgrind", f"--dump-before={_MARK}", f"--callgrind-out-file={folder}/out")
        done = subprocess.run(
            [*tool, sys.executable, "-m", module, *arguments],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=_TIME_LIMIT,
        )
        if done.returncode:
            raise RuntimeError(f"counting {' '.join(arguments)} failed: {done.stderr[-3000:]}")
        totals = [_total(path) for path in sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))]
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    # What comes before the first mark, between two and after the last is not counted.
    return {name: total / times for (name, times), total in zip(said, totals[1::2], strict=False)}


def _total(path: Path) -> int:
    found = _TOTAL.search(path.read_text(encoding="utf-8"))
    assert found is not None, f"{path} has no total"
    return int(found[1])
