"""See that mypy, pyright and ty find the planted mistakes, those only, and nothing in the files of `sound/`.

Run by `make check`: `python tests/typing/check.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
BIN = Path(sys.executable).parent
PLANTED = FOLDER / "planted.py"
SOUND = sorted(FOLDER.glob("sound/*.py"))

Found = set[tuple[str, int]]


def run(*command: object) -> str:
    result = subprocess.run([str(one) for one in command], cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout


def by_lines(output: str) -> Found:
    """What a checker reports as `file:line: …error…`."""
    places = re.findall(r"^(\S+?):(\d+):(?:\d+:)? error", output, re.MULTILINE)
    return {(Path(file).name, int(line)) for file, line in places}


def mypy(files: Iterable[Path]) -> Found:
    return by_lines(run(BIN / "mypy", "--no-error-summary", *files))


def pyright(files: Iterable[Path]) -> Found:
    report = json.loads(run(BIN / "pyright", "--outputjson", "--pythonpath", sys.executable, *files))
    found = report["generalDiagnostics"]
    return {(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in found if one["severity"] == "error"}


def ty(files: Iterable[Path]) -> Found:
    return by_lines(run(BIN / "ty", "check", "--python", sys.prefix, "--output-format", "concise", *files))


def main() -> int:
    lines = PLANTED.read_text(encoding="utf-8").splitlines()
    checkers: list[Callable[[Iterable[Path]], Found]] = [mypy, pyright, ty]
    failed = 0
    for checker in checkers:
        found = checker([*SOUND, PLANTED])
        wanted = {
            (PLANTED.name, number)
            for number, line in enumerate(lines, 1)
            if "  # wrong" in line and not line.endswith(f"unseen by {checker.__name__}")
        }
        for file, line in sorted(wanted - found):
            failed += 1
            sys.stderr.write(f"{checker.__name__} misses the mistake at {file}:{line}\n")
        for file, line in sorted(found - wanted):
            failed += 1
            sys.stderr.write(f"{checker.__name__} reports {file}:{line}, where nothing is wrong\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
