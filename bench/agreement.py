"""Whether a run agrees with the one that is recorded.

Days and machines differ, so only ratios are compared. Within a table, each figure of one run is divided by that of the
other; the median of these quotients is what the day has made of all of them. A cell agrees when its own quotient is no
further from the median than its rounds are apart.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.tables import Table, percent, ratio

_ON_SERVERS = ("server", "dialects", "stack", "realtime")
_LEAST_SPREAD = 0.05
# A difference below a tenth says nothing on a server.
_LEAST_SPREAD_ON_SERVERS = 0.1

Path = tuple[str, ...]

_NOTE = """\
*By the recorded*: the median of what this run's figures are by those of the recorded one. *Agree*: cells that lie no
further from this median than their rounds are apart, or by a twentieth, on a server by a tenth."""


@dataclass(frozen=True)
class Agreement:
    """One table: by cell, this run's figure by the recorded one, and how far they may lie from the median."""

    table: Path
    quotients: Mapping[Path, float]
    spreads: Mapping[Path, float]

    @property
    def median(self) -> float:
        return statistics.median(self.quotients.values())

    @property
    def deviations(self) -> dict[Path, float]:
        """How far each cell lies from the median, as a part of it."""
        return {cell: value / self.median - 1 for cell, value in self.quotients.items()}

    @property
    def disagreeing(self) -> list[Path]:
        """The cells that lie too far away, the furthest first."""
        apart = self.deviations
        found = [cell for cell, deviation in apart.items() if abs(deviation) > self.spreads[cell]]
        return sorted(found, key=lambda cell: -abs(apart[cell]))


def compare(view: str, held: Any, measured: Any) -> list[Agreement]:
    """The tables of a view of which both runs have figures."""
    recorded, new = dict(_cells(held)), dict(_cells(measured))
    by_table: dict[Path, list[Path]] = {}
    for cell in recorded:
        if cell in new:
            by_table.setdefault((view, *cell[:-2]), []).append(cell)
    return [
        Agreement(
            table,
            {cell: _centre(view, new[cell]) / _centre(view, recorded[cell]) for cell in cells},
            {cell: max(_spread(view, new[cell]), _spread(view, recorded[cell])) for cell in cells},
        )
        for table, cells in by_table.items()
    ]


def _cells(data: Any, path: Path = ()) -> Iterator[tuple[Path, list[float]]]:
    """The rounds of each cell of a view; a list of rows is a cell for each column."""
    if isinstance(data, Mapping):
        for name, inner in data.items():
            yield from _cells(inner, (*path, name))
    elif isinstance(data, list) and data:
        if all(isinstance(row, list) for row in data):
            for at, column in enumerate(zip(*data, strict=True)):
                yield from _cells(list(column), (*path, str(at)))
        # A difference that is nothing has no ratio.
        elif all(isinstance(value, int | float) and value > 0 for value in data):
            yield path, data


def _centre(view: str, rounds: list[float]) -> float:
    return statistics.median(rounds) if view in _ON_SERVERS else min(rounds)


def _spread(view: str, rounds: list[float]) -> float:
    least = _LEAST_SPREAD_ON_SERVERS if view in _ON_SERVERS else _LEAST_SPREAD
    return max(least, max(rounds) / min(rounds) - 1)


def agree(held: Mapping[str, Any], measured: Mapping[str, Any]) -> list[Table]:
    """One row per table. `held` is what `results.json` holds; `measured` has the data of each view of a new run."""
    rows = []
    for view, data in measured.items():
        for found in compare(view, held[view]["data"], data) if view in held else ():
            cells, away = len(found.quotients), found.disagreeing
            share = f"{cells - len(away)} of {cells} ({percent(1 - len(away) / cells)})"
            rows.append([" / ".join(found.table), ratio(found.median), share, _furthest(found)])
    return [Table("Agreement with the recorded run", ("", "by the recorded", "agree", "furthest"), rows, _NOTE)]


def _furthest(found: Agreement) -> str:
    if not found.disagreeing:
        return ""
    cell = found.disagreeing[0]
    return f"{', '.join(cell[-2:])}: {found.deviations[cell]:+.0%} (± {percent(found.spreads[cell])})"
