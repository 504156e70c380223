"""Microdot's path patterns, and the types of path variables that programs register for all of their applications."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from nacre.routing import Converters, Found, RouteEntry, Router, parse_pattern

Parser = Callable[[str], Any]


class URLPattern:
    """A path pattern: text, and variables as `<name>`, `<type:name>` or `<re:REGEX:name>`."""

    types: ClassVar[dict[str, tuple[re.Pattern[str], Parser]]] = {}
    """The registered types: an expression, and what makes a value of the text."""

    def __init__(self, url_pattern: str) -> None:
        self.url_pattern = url_pattern

    @classmethod
    def register_type(cls, type_name: str, pattern: str = "[^/]+", parser: Parser | None = None) -> None:
        """Add a type of path variable for all applications, or replace the one of that name.

        A path matches if the segment fits all of `pattern` and `parser`, given its text, returns something but None;
        an exception of it is no match either. Raises re.error for a bad expression.
        """
        cls.types[type_name] = (re.compile(pattern), parser or str)

    @classmethod
    def teach(cls, converters: Converters, known: set[str]) -> None:
        """Give an application's converters the types they lack; `known` are those that were given to them."""
        for name in cls.types.keys() - known:
            converters.register(name, partial(cls._parse, name))
            known.add(name)

    @classmethod
    def _parse(cls, name: str, text: str) -> Any:
        pattern, parser = cls.types[name]
        if pattern.fullmatch(text) is None:
            return None
        try:
            return parser(text)
        except Exception:
            # COMPAT: Microdot drops the connection. The text is the client's, so that is a path nothing is found at.
            return None

    def match(self, path: str) -> dict[str, Any] | None:
        """The variables of a path, None if it doesn't match. Raises ConfigurationError for a bad pattern."""
        converters = Converters()
        self.teach(converters, set())
        router = Router([RouteEntry(parse_pattern(self.url_pattern, converters), frozenset(["GET"]), self)])
        match = router.find("GET", path)
        return dict(match.params) if isinstance(match, Found) else None

    def __repr__(self) -> str:
        return f"URLPattern: {self.url_pattern}"
