"""How one piece of a path is divided between the variables and the text that a pattern has there.

`<id>-<slug>.html` is text, variables and the separators between them. Each variable takes as much as it can (so
`<name>.<ext>` reads `a.tar.gz` as `a.tar` and `gz`), and less when what it or a later one got does not convert (so
`<int:id>-<slug>` reads `7-a-b` as 7 and `a-b`).

SECURITY: this is a search over text that clients choose, and a regular expression made of the same parts takes time
that grows with a power of the length. Here a start that failed is remembered, and the conversions tried for one piece
are limited: past `_MAX_TRIES` the piece does not match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from nacre.routing.converters import NO_MATCH, Converter

_MAX_TRIES = 200


class Variable(NamedTuple):
    """A variable of a pattern: the name its value is passed by, and how it is read."""

    name: str
    converter: Converter


Parts: TypeAlias = tuple[str | Variable, ...]


class _Search(Struct):
    """One piece of text being divided: the (variable, start) pairs that failed, and the tries that are left."""

    text: str
    failed: set[tuple[int, int]] = set()
    tries: int = _MAX_TRIES


class PartsMatcher:
    """Divides text between `parts`, which have text between any two variables."""

    def __init__(self, parts: Parts) -> None:
        self._prefix = parts[0] if isinstance(parts[0], str) else ""
        self._suffix = parts[-1] if isinstance(parts[-1], str) else ""
        self._variables = tuple(part for part in parts if isinstance(part, Variable))
        inner = parts[1 if self._prefix else 0 : -1 if self._suffix else None]
        self._separators = tuple(part for part in inner if isinstance(part, str))
        # Next to a `path` variable a slash is a real one; within one segment it was `%2F` and splits nothing.
        self._slashes_split = any(variable.converter.spans_segments for variable in self._variables)

    def match(self, text: str, params: dict[str, object]) -> bool:
        """Put the value of each variable into `params`, or answer False and put nothing."""
        end = len(text) - len(self._suffix)
        if end <= len(self._prefix) or not text.startswith(self._prefix) or not text.endswith(self._suffix):
            return False
        values = self._values(_Search(text[len(self._prefix) : end]), 0, 0)
        if values is None:
            return False
        params.update(zip((variable.name for variable in self._variables), values, strict=True))
        return True

    def _values(self, search: _Search, index: int, start: int) -> list[object] | None:
        """The values of the variables from `index` on, for the text from `start` on."""
        if (index, start) in search.failed:
            return None
        parse = self._variables[index].converter.parse
        for end in self._ends(search.text, index, start):
            if search.tries == 0:
                return None
            search.tries -= 1
            value = parse(search.text[start:end])
            if value is NO_MATCH:
                continue
            if index == len(self._separators):
                return [value]
            rest = self._values(search, index + 1, end + len(self._separators[index]))
            if rest is not None:
                return [value, *rest]
        search.failed.add((index, start))
        return None

    def _ends(self, text: str, index: int, start: int) -> Iterable[int]:
        """Where variable `index` may end when it begins at `start`, the farthest first."""
        limit = len(text)
        if self._slashes_split and not self._variables[index].converter.spans_segments:
            slash = text.find("/", start)
            limit = limit if slash < 0 else slash
        if index < len(self._separators):
            return _occurrences(text, self._separators[index], start + 1, limit)
        return (limit,) if start < limit == len(text) else ()


def _occurrences(text: str, separator: str, first: int, last: int) -> Iterator[int]:
    at = text.rfind(separator, first, last + len(separator))
    while at >= 0:
        yield at
        at = text.rfind(separator, first, at + len(separator) - 1)
