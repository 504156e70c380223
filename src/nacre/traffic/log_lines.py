"""Fields of a request as one line of a log: printable ASCII of bounded length, without secrets.

SECURITY: a line break would begin a line that nobody wrote, an escape sequence would steer the terminal that shows it,
and the bytes of UTF-8 include those of the control characters 0x80 to 0x9f. So lines are ASCII.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from nacre.codecs import encode_json

LINE_MAX = 1920
"""The most characters of a line; 2 KiB with what a formatter of the log puts in front."""

_TEXT_MAX = 512
_CUT = "..."

_SIMPLE = re.compile(r"[!#-<>-\[\]-~]+")


def shortened(text: str, limit: int = _TEXT_MAX) -> str:
    """Text without control characters, which are escaped, and cut to `limit` characters."""
    if len(text) > limit:
        text = text[: limit - len(_CUT)] + _CUT
    if text.isprintable():
        return text
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escaped if len(escaped) <= limit else escaped[: limit - len(_CUT)] + _CUT


def one_line(text: str) -> str:
    """Any text as one line."""
    if len(text) <= LINE_MAX and text.isascii() and text.isprintable():
        return text
    return shortened(shortened(text, LINE_MAX).encode("ascii", "backslashreplace").decode("ascii"), LINE_MAX)


def as_json(values: Mapping[str, Any]) -> str:
    """Fields as one JSON object."""
    return _fitting(values, _json)


def _json(fields: Mapping[str, Any]) -> str:
    try:
        line = encode_json(fields)
    except ValueError:  # a lone surrogate
        line = b"\xff"
    # PERF: a fifth of the time; it doesn't escape what is outside of ASCII.
    return line.decode("ascii") if line.isascii() else json.dumps(fields, separators=(",", ":"))


def as_text(values: Mapping[str, Any]) -> str:
    """Fields as `name=value`, with quotes around values that need them, which are then as in JSON."""

    def write(fields: Mapping[str, Any]) -> str:
        return " ".join(f"{name}={_word(value)}" for name, value in fields.items())

    return _fitting(values, write)


def _word(value: Any) -> str:
    text = str(value)
    return text if _SIMPLE.fullmatch(text) else json.dumps(text)


def _fitting(values: Mapping[str, Any], write: Callable[[Mapping[str, Any]], str]) -> str:
    """The line, with all texts cut to one length at which it fits."""
    limit = _TEXT_MAX
    line = write(values)
    while len(line) > LINE_MAX:
        limit //= 2
        cut = {name: shortened(value, limit) if isinstance(value, str) else value for name, value in values.items()}
        line = write(cut)
    return line


def redacted(query: str, words: Sequence[str]) -> str:
    """A query with `***` for the values of fields whose name holds one of the words.

    Names are compared as they are decoded. A semicolon separates too: what one program takes for data is a field to
    another.
    """
    parts = re.split(r"([&;])", query[: 4 * _TEXT_MAX])
    return "".join(_redacted_field(part, words) for part in parts)


def _redacted_field(part: str, words: Sequence[str]) -> str:
    name, equals, _ = part.partition("=")
    if not equals:
        return part
    known = unquote_plus(name).lower()
    return f"{name}=***" if any(word in known for word in words) else part
