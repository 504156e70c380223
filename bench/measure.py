"""Rounds of one measurement, and how far apart they lie."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TimeRun = Callable[[int], int]
"""Does something so many times and says how many nanoseconds that took."""


@dataclass(frozen=True)
class Rounds:
    """What each round measured, in one unit."""

    values: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the worst round lies above the best, as a part of it."""
        return max(self.values) / self.least - 1


def calibrate(run: TimeRun, seconds: float) -> int:
    """How often something must be done to take about so long."""
    count = 20
    while True:
        taken = run(count)
        if taken > seconds * 1e9 / 8:
            return max(1, round(count * seconds * 1e9 / taken))
        count *= 4


def alternate(runs: Mapping[str, TimeRun], rounds: int, seconds: float) -> dict[str, Rounds]:
    """Measure several things in turn, round by round: nanoseconds each takes once.

    So whatever slows the machine down for a while slows all of them.
    """
    counts = {name: calibrate(run, seconds) for name, run in runs.items()}
    values: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            values[name].append(run(counts[name]) / counts[name])
    return {name: Rounds(tuple(found)) for name, found in values.items()}
