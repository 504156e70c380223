"""What a client or a program says, as it may stand in one line of a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text for one line of a log: at most 200 characters; if any isn't printable ASCII, those that aren't are escaped.

    SECURITY: UTF-8 has the bytes of the control characters 0x80 to 0x9f in it, and some terminals go by bytes.
    """
    short = text if len(text) <= 200 else text[:200] + "..."
    return short if short.isascii() and short.isprintable() else short.encode("unicode_escape").decode("ascii")
