"""The Content-Security-Policy: written as a dict, checked at startup, with a nonce of its own for each response."""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from nacre.errors import Location, Problem
from nacre.request import Request
from nacre.state import Key

NONCE = "'nonce'"
"""Stands in a policy for the nonce of the response; scripts and styles that have it are trusted."""

Policy = Mapping[str, Iterable[str]] | str
"""Directives and their sources: `{"script-src": ["'self'", NONCE]}`; or the text of a whole policy."""

_FETCH = (
    *("child-src", "connect-src", "default-src", "fenced-frame-src", "font-src", "frame-src", "img-src"),
    *("manifest-src", "media-src", "object-src", "script-src", "script-src-attr", "script-src-elem", "style-src"),
    *("style-src-attr", "style-src-elem", "worker-src"),
)
_OTHERS = (
    *("base-uri", "form-action", "frame-ancestors", "report-to", "report-uri", "require-trusted-types-for", "sandbox"),
    *("trusted-types", "upgrade-insecure-requests"),
)
_KEYWORDS = (
    *("self", "none", "unsafe-inline", "unsafe-eval", "unsafe-hashes", "strict-dynamic", "report-sample"),
    *("wasm-unsafe-eval", "inline-speculation-rules"),
)
_QUOTED = re.compile(
    rf"'({'|'.join((*_KEYWORDS, 'nonce', 'script', 'allow-duplicates'))}|sha(256|384|512)-[A-Za-z0-9+/_-]+={{0,2}})'",
    re.IGNORECASE,
)


class Nonce:
    """The nonce of one response: 128 bits of randomness as text, made when it is first looked at.

    Templates write `{{ csp_nonce() }}`.
    """

    def __init__(self) -> None:
        self._text: str | None = None

    @property
    def is_used(self) -> bool:
        """Whether somebody has looked at it."""
        return self._text is not None

    def __call__(self) -> str:
        if self._text is None:
            self._text = secrets.token_urlsafe(16)
        return self._text

    def __str__(self) -> str:
        return self()

    def __html__(self) -> str:
        return escape(self())


CSP_NONCE: Key[Nonce] = Key("csp_nonce")
"""Where the state holds the nonce of the response, if the policy has one."""


def csp_nonce(request: Request) -> str:
    """The nonce of the response to this request, for `<script nonce="…">`.

    Raises LookupError unless a `SecurityHeaders` layer with `NONCE` in its policy stands around.
    """
    nonce = request.state.get(CSP_NONCE)
    if nonce is None:
        raise LookupError("csp_nonce() needs a SecurityHeaders layer whose csp has NONCE among its sources")
    return nonce()


class CompiledPolicy:
    """A checked policy, ready to be written; `problems` holds what is wrong with it."""

    def __init__(self, policy: Policy, option: str, where: Location) -> None:
        self.problems: list[Problem] = []
        self._option, self._where = option, where
        self.directives = self._read(policy)
        self.has_nonce = any(NONCE in sources for sources in self.directives.values())
        self._plain = self._text(None)

    def text(self, nonce: Nonce | None) -> str:
        """The header's value; a nonce that nobody used is left out."""
        return self._plain if nonce is None or not nonce.is_used else self._text(nonce())

    def _text(self, nonce: str | None) -> str:
        return "; ".join(" ".join([name, *_sources(given, nonce)]) for name, given in self.directives.items())

    def _read(self, policy: Any) -> dict[str, tuple[str, ...]]:
        if isinstance(policy, str):
            parts = [part.split() for part in policy.split(";") if part.strip(" \t")]
            pairs: list[tuple[Any, Any]] = [(words[0], words[1:]) for words in parts if words]
            if any(not char.isprintable() for char in policy):
                self._problem("a policy has no control characters", "write it in one line")
        elif isinstance(policy, Mapping):
            pairs = list(policy.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        else:
            self._problem(
                f"a policy is a dict, not of type {type(policy).__name__}", 'write {"default-src": ["\'self\'"]}'
            )
            return {}
        if not pairs:
            self._problem("a policy without directives protects nothing", "None leaves the field out")
        read: dict[str, tuple[str, ...]] = {}
        for name, sources in pairs:
            for problem in self._wrong(name, sources):
                self.problems.append(problem)
            if name in read:
                self._problem(f"{name!a} is there twice, and browsers take the first", "put its sources into one")
            elif not self.problems:
                read[name] = tuple(sources)
        return read

    def _wrong(self, name: Any, sources: Any) -> Iterator[Problem]:
        if name not in _FETCH and name not in _OTHERS:
            near = difflib.get_close_matches(str(name).lower(), [*_FETCH, *_OTHERS], n=1)
            fix = f"did you mean {near[0]!r}?" if near else "the names are those of the standard, such as 'script-src'"
            yield self._told(f"there is no directive {str(name)[:60]!a}", fix)
            return
        if isinstance(sources, str) or not isinstance(sources, Iterable):
            yield self._told(f"the sources of {name} are a list", f"write {{{name!r}: [{sources!a}]}}")
            return
        found: list[Any] = list(sources)  # pyright: ignore[reportUnknownArgumentType]
        for source in found:
            yield from self._wrong_source(name, source)
        if "'none'" in found and len(found) > 1:
            yield self._told(f"{name} has 'none' and other sources", "browsers would leave 'none' out: leave one out")

    def _wrong_source(self, name: str, source: Any) -> Iterator[Problem]:
        if not isinstance(source, str) or not source or not source.isascii() or not source.isprintable():
            yield self._told(f"{source!a} in {name} is no source", "a source is text in ASCII")
        elif any(char in source for char in " ;,"):
            yield self._told(f"{source[:60]!a} in {name} is more than one source", "make it items of the list")
        elif (keyword := source.strip("'")) in (*_KEYWORDS, "nonce") and source != f"'{keyword}'":
            fix = "write NONCE" if keyword == "nonce" else f"""write "'{keyword}'\""""
            yield self._told(f"{source!a} in {name} is a host without its quotes", fix)
        elif source.startswith("'nonce-"):
            # SECURITY: who has seen one page could have scripts of their own run in every other.
            yield self._told(f"{source[:60]!a} in {name} is the same in every page", "write NONCE")
        elif "'" in source and _QUOTED.fullmatch(source) is None:
            near = difflib.get_close_matches(source.lower(), [f"'{word}'" for word in _KEYWORDS], n=1)
            fix = f'did you mean "{near[0]}"?' if near else "only keywords and hashes stand in quotes, two of them"
            yield self._told(f"{source[:60]!a} in {name} is no source", fix)
        elif source == NONCE and name not in _FETCH:
            yield self._told(f"{name} takes no nonce", "put NONCE into script-src or style-src")

    def _told(self, what: str, fix: str) -> Problem:
        return Problem(f"SecurityHeaders: {self._option}: {what}", self._where, fix)

    def _problem(self, what: str, fix: str) -> None:
        self.problems.append(self._told(what, fix))


def _sources(given: tuple[str, ...], nonce: str | None) -> list[str]:
    written = [f"'nonce-{nonce}'" if one == NONCE else one for one in given if nonce is not None or one != NONCE]
    # No source at all and 'none' are the same, and the second can be read; directives without sources have none given.
    return written or (["'none'"] if given else [])
