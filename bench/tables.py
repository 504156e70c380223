"""Tables, for the terminal and for `RESULTS.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One table of a view. Cells are text; `note` says how to read it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        widths = [max(len(row[at]) for row in (self.columns, *self.rows)) for at in range(len(self.columns))]
        lines = [_line(self.columns, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
        lines += [_line(row, widths) for row in self.rows]
        note = f"\n\n{self.note}" if self.note else ""
        return f"### {self.title}\n\n" + "\n".join(lines) + note


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if at == 0 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "| " + " | ".join(cells) + " |"


def ns(value: float) -> str:
    """Nanoseconds."""
    return f"{value:,.0f}"


def ratio(value: float) -> str:
    return f"{value:.2f}"


def percent(value: float) -> str:
    return f"{value:.0%}"


def at_most(value: float, goal: float | None) -> tuple[str, str]:
    """The cells of a goal and of whether it is met."""
    return ("", "") if goal is None else (f"≤ {goal:g}", "yes" if value <= goal else "no")


def at_least(value: float, goal: float | None) -> tuple[str, str]:
    return ("", "") if goal is None else (f"≥ {goal:g}", "yes" if value >= goal else "no")
