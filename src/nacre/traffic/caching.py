"""What caches may do with responses: `Cache-Control`, RFC 9111 §5.2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, ClassVar, TypedDict, TypeVar, Unpack

from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Location, Problem
from nacre.headers import TOKEN
from nacre.marks import mark
from nacre.request import Request
from nacre.response import Response

F = TypeVar("F", bound=Callable[..., Any])
Age = int | timedelta

_MARK = "cache control"
_CACHED_METHODS = ("GET", "HEAD")

# What stands between commas; those within quotes separate nothing.
_PART = re.compile(r'(?:[^,"]++|"(?:[^"\\]++|\\.)*+"?)++')


class Directives(TypedDict, total=False):
    """The keywords of `CacheControl` and `cache_control`: the directives of RFC 9111 §5.2.2, RFC 8246 and RFC 5861.

    Ages are whole seconds or a `timedelta`.
    """

    public: bool
    private: bool
    no_store: bool
    no_cache: bool
    no_transform: bool
    must_revalidate: bool
    proxy_revalidate: bool
    must_understand: bool
    immutable: bool
    max_age: Age
    s_maxage: Age
    stale_while_revalidate: Age
    stale_if_error: Age


@dataclass(frozen=True)
class _Policy:
    """Directives that fit together. Their order is that of the field."""

    no_store: bool = False
    public: bool = False
    private: bool = False
    no_cache: bool = False
    max_age: int | None = None
    s_maxage: int | None = None
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    no_transform: bool = False
    immutable: bool = False
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None

    @property
    def text(self) -> str:
        words: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            name = "s-maxage" if field.name == "s_maxage" else field.name.replace("_", "-")
            if value is True:
                words.append(name)
            elif value is not False and value is not None:
                words.append(f"{name}={value}")
        return ", ".join(words)

    @property
    def restricts(self) -> bool:
        """Whether it lets nobody reuse a response for others as it is, so that it may be said of any."""
        return self.no_store or self.private or self.no_cache


@dataclass(frozen=True)
class _Marked:
    policy: _Policy
    requires: tuple[str, ...] = (_MARK,)


class CacheControl(Hooks):
    """A layer that gives `Cache-Control` to the responses that don't bring one.

    What allows storing (`public`, `max_age`, …) is said of responses below 400 to GET and HEAD only; `no_store`,
    `private` and `no_cache` are said of all. `@cache_control(…)` gives a handler directives of its own; of responses
    that these may not be said of, the layer's still are. A `Cache-Control` that the handler has set is kept.

    SECURITY: whoever said so, no response with `Set-Cookie` leaves as one that shared caches may store: `public`,
    `s-maxage` and `proxy-revalidate` are taken off and `private` is added. So are those of the layer's own directives
    for a request with `Authorization` (RFC 9111 §3.5) and for a response that varies by that or by cookie; there the
    handler's own, by header or by mark, hold. To see the cookies that other layers set this one must stand outside of
    them, which is checked.

    Raises ConfigurationError for directives that contradict each other or say nothing.
    """

    provides: ClassVar = (_MARK,)
    outside_of: ClassVar = ("session", "user", "csrf")

    def __init__(self, **directives: Unpack[Directives]) -> None:
        self._settle(_policy("CacheControl", directives))

    def __repr__(self) -> str:
        return f"CacheControl({self._policy.text})"

    def for_route(self, place: Place) -> Hooks | str:
        marked: _Marked | None = place.mark(_MARK)
        if any(isinstance(layer, CacheControl) for layer in place.inside):
            return "a CacheControl further in says it"
        if marked is None:
            return self
        made = CacheControl.__new__(CacheControl)
        made._settle(marked.policy, self._policy)
        return made

    def _settle(self, policy: _Policy, default: _Policy | None = None) -> None:
        """Take directives: the layer's own, or those of a mark in place of `default`."""
        super().__init__(finalize=self._finalize, inline=True)
        self._policy, self._is_marked = policy, default is not None
        self._text = policy.text
        self._private_text = policy.text if policy.no_store or policy.private else _private(policy).text
        everywhere = policy if policy.restricts else default
        self._text_everywhere = everywhere.text if everywhere is not None and everywhere.restricts else None

    def _finalize(self, request: Request, response: Response) -> None:
        own: list[str] = []
        vary: list[str] = []
        sets_cookie = expires = False
        for name, value in response.raw_headers:  # PERF: one walk for all four
            if name == "cache-control":
                own.append(value)
            elif name == "vary":
                vary.append(value)
            elif name == "set-cookie":
                sets_cookie = True
            elif name == "expires":
                expires = True
        if own or expires:
            said = _without_sharing(own) if sets_cookie else None
        elif self._policy.restricts or (request.method in _CACHED_METHODS and response.status < 400):
            private = sets_cookie or (not self._is_marked and _is_personal(request, vary))
            said = self._private_text if private else self._text
        else:
            # Caches may store a 404 that says nothing (RFC 9111 §4.2.2).
            said = self._text_everywhere or ("private" if sets_cookie else None)
        if said is not None:
            response.headers.set("cache-control", said)


def cache_control(**directives: Unpack[Directives]) -> Callable[[F], F]:
    """Give a handler directives in place of those of the `CacheControl` layer around it.

    It may stand anywhere among the decorators. On a route without such a layer it is an error at startup. Raises
    ConfigurationError as `CacheControl` does.
    """
    marked = _Marked(_policy("cache_control()", directives))
    return lambda function: mark(function, _MARK, marked)


def parse_cache_control(values: Iterable[str]) -> dict[str, str | None]:
    """The directives of `Cache-Control` fields by their names in lower case; None for those without an argument.

    Of a directive that comes twice the first counts. Quotes around arguments are taken off. Any text is taken; what is
    no directive is left out.
    """
    found: dict[str, str | None] = {}
    for part in (part for value in values for part in _PART.findall(value)):
        name, equals, argument = part.partition("=")
        name = name.strip(" \t").lower()
        if name and not name.rstrip(TOKEN):
            found.setdefault(name, _unquoted(argument.strip(" \t")) if equals else None)
    return found


def _unquoted(argument: str) -> str:
    is_quoted = len(argument) > 1 and argument[0] == argument[-1] == '"'
    return argument[1:-1] if is_quoted else argument.strip('"')


def _private(policy: _Policy) -> _Policy:
    return replace(policy, public=False, s_maxage=None, proxy_revalidate=False, private=True)


def _is_personal(request: Request, vary: list[str]) -> bool:
    """Whether a response, which varies by these fields, may be for this client alone."""
    if "authorization" in request.headers:
        return True
    names = ",".join(vary).lower().split(",")
    return any(name.strip() in ("cookie", "authorization", "*") for name in names)


_OF_SHARED_CACHES = ("public", "s-maxage", "proxy-revalidate")


def _without_sharing(values: list[str]) -> str | None:
    """The directives with `private` in place of what allows shared caches to store; None if they don't."""
    said = parse_cache_control(values)
    is_private = "private" in said and said["private"] is None
    if "no-store" in said or (is_private and not said.keys() & _OF_SHARED_CACHES):
        return None
    kept = [_directive(*one) for one in said.items() if one[0] not in (*_OF_SHARED_CACHES, "private")]
    return ", ".join(["private", *kept])


def _directive(name: str, argument: str | None) -> str:
    if argument is None:
        return name
    # RFC 9111 §5.2.2.4: `no-cache` is quoted in any case; a comma in another one's argument must not begin a directive.
    is_token = argument != "" and not argument.strip(TOKEN)
    return f"{name}={argument}" if is_token and name != "no-cache" else f'{name}="{argument}"'


def _policy(name: str, given: Directives) -> _Policy:
    values: dict[str, Any] = dict(given)
    where = Location.of_caller()
    problems = [Problem(f"{name} {what}", where, fix) for what, fix in _contradictions(values)]
    for key, value in values.items():
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if key in _AGES and not (is_number and 0 <= seconds < _AGE_MAX):
            fix = "an age is a number of seconds from 0 on, and below 2^31"
            problems.append(Problem(f"{name} has {key}={value!r}", where, fix))
        elif key in _AGES:
            values[key] = int(seconds)
        elif not isinstance(value, bool):
            problems.append(Problem(f"{name} has {key}={value!r}", where, f"`{key}` is True or False"))
    if problems:
        raise ConfigurationError(problems)
    return _Policy(**values)


_AGE_MAX = 2**31  # what caches take larger ones for (RFC 9111 §1.2.2)
_AGES = ("max_age", "s_maxage", "stale_while_revalidate", "stale_if_error")


def _contradictions(values: dict[str, Any]) -> Iterable[tuple[str, str]]:
    said = {name for name, value in values.items() if value is not False and value is not None}
    if unknown := values.keys() - {field.name for field in fields(_Policy)}:
        yield f"takes no {', '.join(sorted(unknown))}", f"it takes {', '.join(field.name for field in fields(_Policy))}"
    if not said:
        yield "says nothing", "give it a directive, for instance `no_store=True`"
    if {"public", "private"} <= said:
        yield "says both public and private", "leave one of them out"
    if "no_store" in said and (others := said - {"no_store", "must_understand", "no_transform", "private"}):
        listed = ", ".join(sorted(others))
        yield f"says no_store, and {listed} for what is stored", "leave no_store or the others out"
    if "private" in said and (shared := said & {"s_maxage", "proxy_revalidate"}):
        yield f"says private, and {', '.join(sorted(shared))} for shared caches", "leave one of them out"
    if "immutable" in said and not said & {"max_age", "s_maxage"}:
        yield "says immutable without an age", "add max_age: immutable counts while a response is fresh (RFC 8246)"
    if "must_revalidate" in said and (stale := said & {"stale_while_revalidate", "stale_if_error"}):
        yield f"says must_revalidate, which forbids {', '.join(sorted(stale))}", "leave one of them out"
