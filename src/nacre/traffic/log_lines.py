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

TEXT_MAX = 512
"""The most characters of a field."""

_TEXT_MIN = 4  # at which all fields fit, even if each character is escaped as two surrogates
_CUT = "..."
_DEPTH = 3
"""How many times a URL may be encoded within others and still be looked into."""

_SIMPLE = re.compile(r"[!#-<>-\[\]-~]+")


def shortened(text: str, limit: int = TEXT_MAX) -> str:
    """Text without control characters, which are escaped, and cut to `limit` characters."""
    if len(text) > limit:
        text = text[: limit - len(_CUT)] + _CUT
    if text.isprintable():
        return text
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escaped if len(escaped) <= limit else escaped[: limit - len(_CUT)] + _CUT


def loggable(value: Any) -> Any:
    """A value of a field: short printable text, or a number of at most 64 bits."""
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 64):
        return value
    # In decimal a number of more than 4,300 digits is an error.
    return shortened(hex(value) if isinstance(value, int) else str(value))


def one_line(text: str) -> str:
    """Any text as one line."""
    if len(text) <= LINE_MAX and text.isascii() and text.isprintable():
        return text
    return shortened(shortened(text, LINE_MAX).encode("ascii", "backslashreplace").decode("ascii"), LINE_MAX)


def as_json(values: Mapping[str, Any]) -> str:
    """Fields as one JSON object."""
    line = _json(values)
    return line if len(line) <= LINE_MAX else _fitting(values, _json)


def _json(fields: Mapping[str, Any]) -> str:
    try:
        return encode_json(fields).decode("ascii")  # PERF: a fifth of the time
    except ValueError:  # it doesn't escape what is outside of ASCII, and refuses a lone surrogate
        return json.dumps(fields, separators=(",", ":"))


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
    limit = TEXT_MAX
    line = write(values)
    while len(line) > LINE_MAX and limit > _TEXT_MIN:
        limit //= 2
        cut = {name: shortened(value, limit) if isinstance(value, str) else value for name, value in values.items()}
        line = write(cut)
    return line


class Redaction:
    """Takes the values of secret fields out of queries: those whose name holds one of some words, in any case."""

    def __init__(self, words: Sequence[str]) -> None:
        known = "|".join(re.escape(word.lower()) for word in words) or "(?!)"
        self._word = re.compile(known)
        # A URL within a value may have such a field too, and so may JSON.
        self._field = re.compile(rf'(?:{known})[^=&;?]{{0,64}}?(?:=|"\s*:)')

    def of_query(self, query: str) -> str:
        """A query, cut to 2 KiB, with `***` for the values of such fields.

        Names and values are compared as they are decoded. A semicolon separates too: what one program takes for data is
        a field to another.
        """
        query = query[: 4 * TEXT_MAX]
        # PERF: most queries have neither an escape nor such a word.
        if "%" not in query and "+" not in query and self._word.search(query.lower()) is None:
            return query
        return "".join(map(self._of_field, re.split(r"([&;])", query)))

    def _of_field(self, field: str) -> str:
        name, equals, value = field.partition("=")
        if not equals:
            return field
        if self._word.search(unquote_plus(name).lower()) is not None or self._holds_field(value):
            return f"{name}=***"
        return field

    def _holds_field(self, value: str) -> bool:
        for _ in range(_DEPTH):
            value = unquote_plus(value)
            if self._field.search(value.lower()) is not None:
                return True
            if "%" not in value:
                break
        return False
