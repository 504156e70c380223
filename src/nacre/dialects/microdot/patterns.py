"""Microdot's path patterns, and the types of path variables that programs register for all of their applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from nacre.routing import Converters, Found, RouteEntry, Router, parse_pattern

Parser = Callable[[str], Any]

_SEGMENT = "[^/]+"


class URLPattern:
    """A path pattern: text, and variables as `<name>`, `<type:name>` or `<re:REGEX:name>`."""

    types: ClassVar[dict[str, tuple[str, Parser | None]]] = {}
    """The registered types: an expression, and what makes a value of the text."""

    def __init__(self, url_pattern: str) -> None:
        self.url_pattern = url_pattern

    @classmethod
    def register_type(cls, type_name: str, pattern: str = _SEGMENT, parser: Parser | None = None) -> None:
        """Add a type of path variable for applications that are made, or serve their first request, from now on.

        A path matches if the segment fits all of `pattern` and `parser`, given its text, returns something but None;
        a ValueError of it is no match either. Raises nothing: a bad expression is told when a route uses it.
        """
        cls.types[type_name] = (pattern, parser)

    @classmethod
    def teach(cls, converters: Converters, known: dict[str, tuple[str, Parser | None]]) -> None:
        """Give an application's converters the types they lack; `known` are those that were given to them."""
        for name, (pattern, parser) in cls.types.items():
            if name not in known:
                known[name] = (pattern, parser)
                converters.register(name, parser or str, pattern=None if pattern == _SEGMENT else pattern)

    def match(self, path: str) -> dict[str, Any] | None:
        """The variables of a path, None if it doesn't match. Raises ConfigurationError for a bad pattern."""
        converters = Converters()
        self.teach(converters, {})
        router = Router([RouteEntry(parse_pattern(self.url_pattern, converters), frozenset(["GET"]), self)])
        match = router.find("GET", path)
        return dict(match.params) if isinstance(match, Found) else None

    def __repr__(self) -> str:
        return f"URLPattern: {self.url_pattern}"
