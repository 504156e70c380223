"""Aligned columns for people; colours only where the output is a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click


def echo_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Print rows under titles, each column as wide as its longest cell; the first column of letters stands out."""
    table = [list(titles), *(list(row) for row in rows)]
    widths = [max(len(row[at]) for row in table) for at in range(len(titles))]
    for number, row in enumerate(table):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(indent + (click.style(line, dim=True) if number == 0 else line))


def echo_json(data: Any) -> None:
    """Print data for programs."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def heading(text: str) -> str:
    """A line above a part of the output."""
    return click.style(text, bold=True)


def size(limit: int | None) -> str:
    """A number of bytes as people write it."""
    if limit is None:
        return "no limit"
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if limit >= factor and limit % factor == 0:
            return f"{limit // factor} {unit}"
    return f"{limit:,} bytes"
