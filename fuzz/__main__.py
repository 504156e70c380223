"""`python -m fuzz NAME…`: run targets with atheris, one after another, and say how often each was executed.

What an input breaks is written to `.cache/fuzz/NAME/`; a small one belongs into `fuzz/corpus/NAME/`, where the tests
run it for ever. New inputs that reach new code are kept in `.cache/fuzz/NAME/found/` for the next time.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent
CACHE = ROOT.parent / ".cache" / "fuzz"
LENGTH_MAX = 4096


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("name", nargs="*", help="targets; none means all")
    parser.add_argument("--seconds", type=int, default=60, help="how long each runs (60)")
    parser.add_argument("--here", action="store_true", help="run one target in this process")
    parser.add_argument("--list", action="store_true", help="say which targets there are")
    chosen = parser.parse_args()
    if chosen.here:
        fuzz(chosen.name[0], chosen.seconds)
        return 0
    from fuzz.targets import TARGETS

    unknown = [name for name in chosen.name if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    if chosen.list:
        print("\n".join(TARGETS))
        return 0
    broken = [name for name in chosen.name or TARGETS if not _run(name, chosen.seconds)]
    return 1 if broken else 0


def _run(name: str, seconds: int) -> bool:
    command = [sys.executable, "-m", "fuzz", name, "--here", "--seconds", str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = re.search(r"number_of_executed_units: *(\d+)", done.stdout)
    count = f"{int(found[1]):,}" if found else "?"
    print(f"{name}: {count} executions in {seconds} s, {'passed' if done.returncode == 0 else 'BROKEN'}", flush=True)
    if done.returncode:
        print(done.stdout[-3000:], flush=True)
    return done.returncode == 0


def fuzz(name: str, seconds: int) -> None:
    """Run one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["nacre", "multipart"]):
        from fuzz.targets import TARGETS
    found = CACHE / name / "found"
    found.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "corpus" / name
    arguments = [
        *(f"-max_total_time={seconds}", f"-max_len={LENGTH_MAX}", "-print_final_stats=1", "-timeout=10"),
        *(f"-artifact_prefix={CACHE / name}/", str(found), *([str(seeds)] if seeds.is_dir() else [])),
    ]
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
