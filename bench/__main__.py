"""`python -m bench`: measure, print the tables, write them down."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from bench import machine, results
from bench.effort import FULL, QUICK, Effort
from bench.tables import Table


def main() -> None:
    options = _options()
    if options.report:
        results.write_report(results.held())
        return
    described = machine.describe()
    print("\n".join(f"{key}: {value}" for key, value in described.items()), flush=True)
    begun = time.monotonic()
    measured = _measure(options.view or list(results.VIEWS), _effort(options))
    print(f"\n{time.monotonic() - begun:.0f} s")
    if options.agree:
        from bench.agreement import agree

        _print(agree(results.held(), measured))
    elif options.quick:
        print("Nothing was written: --quick is too short for figures to keep.")
    else:
        results.save({name: (described, data) for name, data in measured.items()})
        print("Written: bench/RESULTS.md, bench/results.json and bench/results.svg")


def _measure(views: Iterable[str], effort: Effort) -> Mapping[str, Any]:
    measured = {}
    for name in views:
        begun = time.monotonic()
        measured[name] = results.view(name).measure(effort)
        print(f"\n{name}: {time.monotonic() - begun:.0f} s", flush=True)
        _print(results.tables_of(name, measured[name]))
    return measured


def _print(tables: Iterable[Table]) -> None:
    for table in tables:
        print(f"\n{table.markdown()}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--view", action="append", choices=list(results.VIEWS), help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="at most three minutes, and nothing is written")
    parser.add_argument(
        "--agree", action="store_true", help="say how it agrees with the recorded run; nothing is written"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing: write the report of what is recorded")
    parser.add_argument("--rounds", type=int, help="rounds of the server view")
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
