"""R4: no input makes a parser take longer than its length warrants.

Each parser gets each of its hostile inputs at 4, 16 and 64 KiB. Sixteen times the input may take 24 times as long: what
is linear takes 16 times, what is quadratic 256 times. Processor time is measured, the least of several runs. With
`--full` instructions are counted too, by `perf` or, where the machine doesn't let it, by valgrind; they don't depend on
what else runs; that takes an hour.
"""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from reliability.experiment import Finding, Options
from reliability.parsers import PARSERS, Parser

GOAL = "64 KiB take at most 24 times as long as 4 KiB, and at most 50 ms"

SMALL, MIDDLE, LARGE = 4 * 1024, 16 * 1024, 64 * 1024
RATIO = 24.0
_LIMIT = 0.05
_SAMPLE = 0.002
_NOISE = 20e-6
"""Seconds that are too short to say anything about how they grow."""


def run(options: Options) -> Iterator[Finding]:
    """Measure every input of every parser."""
    counter = _counter() if options.full else None
    for parser in PARSERS:
        for name in parser.inputs:
            small, middle, large = (seconds(parser, name, size) for size in (SMALL, MIDDLE, LARGE))
            ratio = growth(parser, name)
            figure = f"{small * 1e6:.0f}, {middle * 1e6:.0f}, {large * 1e6:.0f} µs, 64 K / 4 K: {ratio:.1f}"
            yield Finding(f"{parser.name}, {name}", figure, ratio <= RATIO and large <= _LIMIT)
        if counter is not None:
            ratio = _instructions(counter, PARSERS.index(parser))
            yield Finding(parser.name, f"instructions, 64 K / 4 K: {ratio:.1f}", ratio <= RATIO)


def growth(parser: Parser, name: str, attempts: int = 8) -> float:
    """How many times as long 64 KiB take; measured again if it is too much, since another process may have been."""
    least = float("inf")
    for _ in range(attempts):
        large = seconds(parser, name, LARGE)
        least = min(least, large / max(seconds(parser, name, SMALL), _NOISE))
        if least <= RATIO:
            break
    return least


def seconds(parser: Parser, name: str, size: int) -> float:
    """The processor time of one call with an input of this size: the least of five samples."""
    function, given = parser.load(), parser.inputs[name](size)
    function(given)
    # What a collection costs depends on all objects that there are.
    collects = gc.isenabled()
    gc.disable()
    try:
        count = 1
        while (spent := _spent(function, given, count)) < _SAMPLE:
            count = max(count * 2, int(count * _SAMPLE / max(spent, 1e-6)))
        return min(spent, *(_spent(function, given, count) for _ in range(4))) / count
    finally:
        if collects:
            gc.enable()


def _spent(function: Callable[[object], object], given: object, count: int) -> float:
    begun = time.process_time()
    for _ in range(count):
        function(given)
    return time.process_time() - begun


# Counted instructions.


def _counter() -> tuple[str, ...] | None:
    perf = ("perf", "stat", "-x,", "-e", "instructions:u", "--")
    if shutil.which("perf") and "not supported" not in _standard_error((*perf, "true")):
        return perf
    if shutil.which("valgrind"):
        return ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--")
    return None


def _instructions(counter: tuple[str, ...], at: int) -> float:
    """The ratio of the instructions for 64 KiB and for 4 KiB of each input, less those of a run without these calls."""
    nothing, small, large = (_count(counter, at, size) for size in (0, SMALL, LARGE))
    return (large - nothing) / max(small - nothing, 100_000)


def _count(counter: tuple[str, ...], at: int, size: int) -> int:
    program = f"from reliability.quadratic import call; call({at}, {size})"
    text = _standard_error((*counter, sys.executable, "-c", program))
    for line in text.splitlines():
        if "instructions" in line:
            return int(line.split(",")[0])
        if "Collected :" in line:
            return int(line.split(":")[-1])
    raise RuntimeError(f"no instructions were counted: {text[-500:]}")


def _standard_error(command: tuple[str, ...]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def call(at: int, size: int) -> None:
    """What is counted: one call for each input of a parser, or with no size everything but these."""
    function = PARSERS[at].load()
    for make in PARSERS[at].inputs.values():
        function(make(16))
        given = make(size or SMALL)
        if size:
            function(given)
