"""`python -m reliability NAME…`: run experiments and say which figures were reached; 1 is returned if one was not."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from bench import machine

from reliability.experiment import EXPERIMENTS, Options, load
from reliability.servers import COMMANDS, pin


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    parser.add_argument("name", nargs="+", choices=[*EXPERIMENTS, "all"], help="experiments")
    parser.add_argument("--full", action="store_true", help="the counts and sizes of the specification")
    parser.add_argument("--server", action="append", choices=list(COMMANDS), help="only this one; may be repeated")
    parser.add_argument(
        "--baseline", action="store_true", help="a bare application on the same servers, for comparison"
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the soak lasts (30)")
    chosen = parser.parse_args()
    options = Options(chosen.full, tuple(chosen.server or ()), chosen.baseline, chosen.minutes)
    described = machine.describe()
    pin(server=0, load=1)
    print("\n".join(f"{key}: {value}" for key, value in described.items()), flush=True)
    names = [name for name in EXPERIMENTS if name not in _ON_DEMAND] if "all" in chosen.name else chosen.name
    missed = 0
    for name in names:
        missed += _run(name, options)
    return 1 if missed else 0


_ON_DEMAND = ("soak", "autobahn")
"""`all` leaves these out: the one lasts, the other needs Python 2.7."""


def _run(name: str, options: Options) -> int:
    experiment = load(name)
    form = ", ".join(["full" if options.full else "short", *(["a bare application"] if options.baseline else [])])
    print(f"\n{name} ({form}): {experiment.GOAL}", flush=True)
    begun = time.monotonic()
    missed = 0
    for finding in experiment.run(options):
        print(f"  {finding}", flush=True)
        missed += not finding.passed
    load_now = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"  {time.monotonic() - begun:.0f} s, load {load_now:.1f}", flush=True)
    return missed


if __name__ == "__main__":
    if not os.path.isdir("reliability") or not os.path.isdir("src"):
        sys.exit("run this from the root of the repository")
    # Leave every `with` block, as for Ctrl-C: the servers are processes of their own and would stay.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
