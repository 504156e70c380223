"""A WSGI application that is older than the rest, mounted as it is."""

from __future__ import annotations

import csv
from collections import Counter

from examples.tour.library import DATA


def report(environ, start_response):
    """How many documents each area has, and how many of them are still in force."""
    if environ["PATH_INFO"] not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is only one report.\n"]
    with DATA.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    total = Counter(row["area"] for row in rows)
    current = Counter(row["area"] for row in rows if not row["obsoleted_by"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    lines = [f"{'AREA':<12}{'RFCS':>6}{'IN FORCE':>10}", "─" * 28]
    lines += [f"{area:<12}{count:>6}{current[area]:>10}" for area, count in total.most_common()]
    lines += ["─" * 28, f"{'':<12}{total.total():>6}{current.total():>10}", ""]
    return [f"{line}\n".encode() for line in lines]
