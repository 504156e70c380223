"""`python -m bench`: measure, print the tables, write them down."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from typing import Any

from bench import machine
from bench.effort import FULL, QUICK, Effort
from bench.results import VIEWS, save, tables_of


def main() -> None:
    options = _options()
    effort = _effort(options)
    measured: dict[str, tuple[dict[str, str], Any]] = {}
    described = machine.describe()
    print("\n".join(f"{key}: {value}" for key, value in described.items()), flush=True)
    begun = time.monotonic()
    for view in options.view or list(VIEWS):
        begun_view = time.monotonic()
        data = VIEWS[view].measure(effort)
        print(f"\n{view}: {time.monotonic() - begun_view:.0f} s", flush=True)
        measured[view] = described, data
        for table in tables_of(view, data):
            print(f"\n{table.markdown()}", flush=True)
    print(f"\n{time.monotonic() - begun:.0f} s")
    if options.quick:
        print("Nothing was written: --quick is too short for figures to keep.")
    else:
        save(measured)
        print("Written: bench/RESULTS.md and bench/results.json")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--view", action="append", choices=list(VIEWS), help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="at most 90 s, and nothing is written")
    parser.add_argument("--rounds", type=int, help="rounds of the server view (2)")
    parser.add_argument("--generations", type=int, help="how often the in-process view starts fresh processes (3)")
    parser.add_argument("--core", type=int, help="the core of what is measured (0)")
    parser.add_argument("--load-core", type=int, help="the core of the load (1)")
    return parser.parse_args()


def _effort(options: argparse.Namespace) -> Effort:
    given = {
        "server_rounds": options.rounds,
        "generations": options.generations,
        "core": options.core,
        "load_core": options.load_core,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(QUICK if options.quick else FULL, **chosen)


if __name__ == "__main__":
    if not os.path.isdir("bench") or not os.path.isdir("src"):
        sys.exit("run this from the root of the repository")
    main()
