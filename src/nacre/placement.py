"""Which routes a layer covers: its `only` and `skip` words against each route, settled at startup."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from nacre.errors import Location, Problem
from nacre.routing import ANY_METHOD
from nacre.websocket import WEBSOCKET


class Selective(Protocol):
    """A layer, as far as placement goes."""

    only: tuple[str, ...] | None
    skip: tuple[str, ...]


class Placed(Selective, Protocol):
    """A layer, as far as messages about its place go."""

    where: Location | None

    @property
    def label(self) -> str: ...


class Placement(Struct, frozen=True):
    """What a word may name of one route and method: its whole path pattern, the method, its name and tags."""

    path: str
    method: str
    name: str | None
    tags: tuple[str, ...]

    def matches(self, word: str) -> bool:
        """Whether a word names this route.

        A word with a slash in front is a path pattern: `*` at its end covers everything below, anything else is the
        pattern itself. Others are a method, a route's name or a tag.
        """
        if word.startswith("/"):
            if word.endswith("/*"):
                return self.path == word[:-2] or self.path.startswith(word[:-1])
            return self.path == word
        return word == self.method or word == self.name or word in self.tags

    def below(self, prefix: str) -> Placement:
        """The same place as a mounted application names it."""
        return replace(self, path=self.path[len(prefix) :] or "/") if self.path.startswith(prefix) else self

    def is_covered(self, word: str) -> bool:
        """Whether a layer placed by `only` with this word stands here.

        SECURITY: a guard of GET guards HEAD too and the other way round, since one route answers both; it guards the
        handshake of a WebSocket, which is a GET; and a guard of any method guards a mounted application, which takes
        all of them.
        """
        if self.matches(word) or (self.method == WEBSOCKET and word == "GET"):
            return True
        if self.method == ANY_METHOD:
            return word.isupper() and word.isalpha()
        return {word, self.method} == {"GET", "HEAD"}

    def skips(self, layer: Selective) -> str | None:
        """Why this route doesn't pass the layer; None if it does."""
        if layer.only is not None and not any(self.is_covered(word) for word in layer.only):
            return f"only={', '.join(layer.only) or '()'}"
        word = next((word for word in layer.skip if self.matches(word)), None)
        return None if word is None else f"skip={word}"


def words_of(layer: Selective) -> tuple[str, ...]:
    """All words that place a layer."""
    return (*(layer.only or ()), *layer.skip)


def names_nothing(layer: Placed, word: str, places: Iterable[Placement]) -> Problem:
    """The problem of a word that selects none of these places: it is likely a misspelt one."""
    kind = "skip" if word in layer.skip else "only"
    known = {name for place in places for name in (place.path, place.method, place.name, *place.tags) if name}
    near = [word.upper()] if word.upper() in known else difflib.get_close_matches(word, known, n=1)
    fix = "write a path pattern of a route, a method in capitals, or a route's name or tag"
    return Problem(
        f"{layer.label}: {kind} {word!r} matches no route", layer.where, f"did you mean {near[0]!r}?" if near else fix
    )
