"""What a client or a program says, as it may stand in one line of a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text for one line of a log: control characters escaped, at most 200 characters."""
    short = text if len(text) <= 200 else text[:200] + "…"
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")
