"""How often a client may ask: counts per key and window, a 429, and the header fields that tell beforehand.

The fields are those of draft-ietf-httpapi-ratelimit-headers, revision 8 and later, which says them in two lists of
structured fields: `RateLimit-Policy` with the quota `q` and the window `w`, `RateLimit` with what remains `r` and the
seconds `t` until there is more. COMPAT: the three fields of revisions before 7 (`RateLimit-Limit`, …) and the
`X-RateLimit-…` of other systems aren't sent; each of them means something else in every one.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple, TypeVar, get_args

from nacre.callables import Call, is_async
from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Location, Problem, TooManyRequests
from nacre.marks import mark
from nacre.request import Request
from nacre.response import Response
from nacre.route import Route
from nacre.state import Key
from nacre.traffic.identity import address_of, user_key
from nacre.traffic.ratelimit_stores import Bucket, MemoryCounts, Rate, RateLimitStore, Standing, Strategy

F = TypeVar("F", bound=Callable[..., Any])

KeyOf = Callable[[Request], str | None]
"""Whose count a request is in; None for in none."""

KeyInput = str | KeyOf | Sequence[str | KeyOf]

_MARK = "rate limit"
_WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"([0-9]{1,9}) ?(?:/|per) ?(?:([0-9]{1,6}) ?)?(second|minute|hour|day)s?")
_KINDS = ("address", "user", "route", "all")
_MOVING_MAX = 10_000
"""The most that a rate of the strategy "moving" may allow: it remembers the time of each request."""


class _Said(NamedTuple):
    """What the header fields of a response say."""

    policy: str
    left: str
    wait: float


_SAID: Key[dict[int, _Said]] = Key("rate limits")
"""What each layer has counted for this request, by its number: once, however often it is passed.

SECURITY: one that was refused is refused each time, as a layer outside may catch the 429 and try again.
"""


@dataclass(frozen=True)
class _Group:
    """Rates that are counted under one key."""

    rates: tuple[Rate, ...]
    kinds: tuple[str | KeyOf, ...]
    cost: int | Callable[[Request], int] | None
    strategy: Strategy | None = None
    replaces: bool = False
    requires: tuple[str, ...] = (_MARK,)

    def like(self, other: _Group) -> _Group:
        """These rates with the cost and the strategy of others, where they have none of their own."""
        cost = other.cost if self.cost is None else self.cost
        if self.strategy is not None:
            return replace(self, cost=cost)
        rates = tuple(replace(rate, strategy=other.rates[0].strategy) for rate in self.rates)
        return replace(self, cost=cost, rates=rates)


_EXEMPT = _Group((), (), None, requires=())


class RateLimit(Hooks):
    """A layer that refuses with 429 and `Retry-After` the requests of who asks too often.

    Each of `rates` is like "100/minute", "5/10 seconds" or "1000 per day"; a request must fit in all of them, and is
    counted in all or, if it is refused, in none. `key` says who is counted: "address", "user" (the address where nobody
    is logged in), "route", "all" (everybody together), a function of the request that returns text, or None for a
    request that isn't counted, or a sequence of these for their combination.

    `strategy` is "sliding" (the last two windows, weighted), "fixed" (a window from the first request on), or "moving"
    (the time of every request: exact, and as large as the limit). `cost` is what a request counts, a number or a
    function of the request. Requests for which `exempt(request)` is true aren't counted. `name` is what the header
    fields call the rates, and tells apart layers that share a `store`.

    Handshakes of WebSockets count as requests. `@limit("5/minute")` gives a handler rates of its own, `@exempt` takes
    it out. Every response says in `RateLimit-Policy` and `RateLimit` what is allowed and what is left.

    Raises ConfigurationError for rates, keys and strategies that don't exist.

    SECURITY: the address is `request.client`, never a header field; IPv6 addresses count by their /64.
    """

    provides: ClassVar = (_MARK,)
    inside_of: ClassVar = ("client address",)
    responses: ClassVar = {429: "Too many requests; `Retry-After` says when to try again"}

    def __init__(
        self,
        *rates: str,
        key: KeyInput = "address",
        strategy: Strategy = "sliding",
        store: RateLimitStore | None = None,
        cost: int | Callable[[Request], int] = 1,
        exempt: Callable[[Request], bool] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self._group = _group("RateLimit", rates, key, strategy, cost, name)
        # The keys of layers that share a store differ by this.
        self._scope = name or ""
        self.requires: tuple[str, ...] = tuple(one for one in self._group.requires if one != _MARK)
        self.store: RateLimitStore = MemoryCounts() if store is None else store
        self._exempt = exempt

    def __repr__(self) -> str:
        return f"RateLimit({', '.join(f'{rate.amount}/{rate.window}s' for rate in self._group.rates)})"

    def for_route(self, place: Place) -> Hooks | str:
        marked: _Group | None = place.mark(_MARK)
        if marked is _EXEMPT:
            return "the handler is marked with `exempt`"
        if any(layer is self for layer in place.outside):
            return "the same layer stands further out"
        label = "" if place.route is None else _label(place.route)
        groups = [_Counted(self._group, label, self._scope)]
        if marked is not None and not any(isinstance(layer, RateLimit) for layer in place.inside):
            of_route = _Counted(marked.like(self._group), label, f"{self._scope} {label}")
            groups = [of_route] if marked.replaces else [*groups, of_route]
        return _Counter(self, groups)

    def exempts(self, request: Request) -> bool:
        """Whether the option `exempt` takes a request out."""
        return self._exempt is not None and self._exempt(request)


class _Counted:
    """A group of rates as it is counted on one route."""

    def __init__(self, group: _Group, label: str, scope: str) -> None:
        self.cost = group.cost
        self.policy = ", ".join(f'"{rate.name}";q={rate.amount};w={rate.window}' for rate in group.rates)
        self._rates = group.rates
        self._keys = [_key_of(kind, label) for kind in group.kinds]
        self._scope = scope

    def buckets(self, request: Request) -> list[Bucket]:
        """The counts that a request is in."""
        parts = [self._scope]
        for key_of in self._keys:
            part = key_of(request)
            if part is None:
                return []
            parts.append(part)
        key = _joined(parts)
        return [Bucket(rate, key) for rate in self._rates]


class _Counter(Hooks):
    """A `RateLimit` as it stands in one chain."""

    def __init__(self, layer: RateLimit, groups: Sequence[_Counted]) -> None:
        store = layer.store
        if isinstance(store, MemoryCounts):
            before: Any = self._count_now
        else:
            before = Call(self._count, None if store.needs_loop else self._count)
        super().__init__(before=before, finalize=self._finalize, inline=True)
        self._layer = layer
        self._groups = groups
        self._number = id(layer)
        self._store = store

    def _count_now(self, request: Request) -> None:
        if self._is_counted(request):
            return
        counted, buckets = self._buckets(request)
        if buckets:
            assert isinstance(self._store, MemoryCounts)
            self._settle(request, counted, buckets, self._store.hit_now(buckets, self._cost(request)))

    async def _count(self, request: Request) -> None:
        if self._is_counted(request):
            return
        counted, buckets = self._buckets(request)
        if buckets:
            self._settle(request, counted, buckets, await self._store.hit(buckets, self._cost(request)))

    def _is_counted(self, request: Request) -> bool:
        """Whether it was counted before, or isn't to be. Raises TooManyRequests if it was refused before."""
        said = (request.state.get(_SAID) or _NOTHING_SAID).get(self._number)
        if said is not None and said.wait > 0:
            raise _refusal(said.wait)
        return said is not None or self._layer.exempts(request)

    def _buckets(self, request: Request) -> tuple[list[_Counted], list[Bucket]]:
        """The groups of rates that count a request, and all its counts."""
        counted: list[_Counted] = []
        buckets: list[Bucket] = []
        for group in self._groups:
            if found := group.buckets(request):
                counted.append(group)
                buckets += found
        return counted, buckets

    def _cost(self, request: Request) -> int:
        cost = next((group.cost for group in reversed(self._groups) if group.cost is not None), 1)
        return cost(request) if callable(cost) else cost

    def _settle(
        self, request: Request, counted: Sequence[_Counted], buckets: Sequence[Bucket], standings: Sequence[Standing]
    ) -> None:
        left = [
            f'"{bucket.rate.name}";r={standing.remaining};t={math.ceil(standing.reset)}'
            for bucket, standing in zip(buckets, standings, strict=True)
        ]
        wait = max([standing.wait for standing in standings])
        said = _Said(", ".join([group.policy for group in counted]), ", ".join(left), wait)
        before = request.state.get(_SAID)
        request.state[_SAID] = {self._number: said} if before is None else {**before, self._number: said}
        if wait > 0:
            raise _refusal(wait)

    def _finalize(self, request: Request, response: Response) -> None:
        said = (request.state.get(_SAID) or _NOTHING_SAID).get(self._number)
        if said is not None:
            # Names and numbers that were checked at startup.
            response.raw_headers += [("ratelimit-policy", said.policy), ("ratelimit", said.left)]


_NOTHING_SAID: dict[int, _Said] = {}


def _refusal(wait: float) -> TooManyRequests:
    seconds = math.ceil(wait)
    unit = "second" if seconds == 1 else "seconds"
    detail = f"too many requests; try again in {seconds} {unit}"
    return TooManyRequests(detail, headers=[("retry-after", str(seconds))])


def limit(
    *rates: str,
    key: KeyInput = "address",
    strategy: Strategy | None = None,
    cost: int | Callable[[Request], int] | None = None,
    replace: bool = True,
    name: str | None = None,
) -> Callable[[F], F]:
    """Give a handler rates of its own in the innermost `RateLimit` around it, counted for each of its routes apart.

    They take the place of the layer's, or with `replace=False` come on top of them. `strategy` and `cost` are the
    layer's unless given. It may stand anywhere among the decorators. On a route without such a layer it is an error at
    startup. Raises ConfigurationError as `RateLimit` does.
    """
    group = _group("ratelimit.limit()", rates, key, strategy, cost, name, replaces=replace)
    return lambda function: mark(function, _MARK, group)


def exempt(function: F) -> F:
    """Take a handler out of all `RateLimit` layers around it. It may stand anywhere among the decorators."""
    return mark(function, _MARK, _EXEMPT)


def _label(route: Route) -> str:
    # Not the method of the request: HEAD counts with GET.
    return f"{','.join(sorted(route.methods))} {route.host or ''}{route.path}"


def _key_of(kind: str | KeyOf, label: str) -> KeyOf:
    if callable(kind):
        return kind
    return {"address": address_of, "user": _user_of, "route": lambda _: label, "all": lambda _: ""}[kind]


def _user_of(request: Request) -> str:
    return user_key(request) or f"address {address_of(request)}"


def _joined(parts: Sequence[str]) -> str:
    """One text of several, of bounded length; different parts never give the same."""
    if all(len(part) <= 64 for part in parts):
        return "".join(f"{len(part)}:{part}" for part in parts)
    whole = "".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")
    return blake2b(whole, digest_size=16).hexdigest()  # begins with no number and colon


# Reading what was declared.


def _group(
    subject: str,
    rates: Sequence[str],
    key: KeyInput,
    strategy: Strategy | None,
    cost: int | Callable[[Request], int] | None,
    name: str | None,
    *,
    replaces: bool = False,
) -> _Group:
    where = Location.of_caller()
    kinds: tuple[Any, ...] = (key,) if isinstance(key, str) or callable(key) else tuple(key)
    problems = [Problem(f"{subject} {what}", where, fix) for what, fix in _mistakes(rates, kinds, strategy, cost, name)]
    if problems:
        raise ConfigurationError(problems)
    found = tuple(_rate(text, strategy or "sliding", name, len(rates) > 1) for text in rates)
    requires = (_MARK, "user") if "user" in kinds else (_MARK,)
    return _Group(found, kinds, cost, strategy, replaces, requires)


def _rate(text: str, strategy: Strategy, name: str | None, several: bool) -> Rate:
    match = _RATE.fullmatch(text)
    assert match is not None
    count, unit = int(match[2] or 1), match[3]
    window = f"{unit}" if count == 1 else f"{count}-{unit}s"
    of_rate = f"{match[1]}-per-{window}"
    full_name = of_rate if name is None else f"{name}-{of_rate}" if several else name
    return Rate(int(match[1]), count * _WINDOWS[unit], full_name, strategy)


def _mistakes(
    rates: Sequence[Any], kinds: Sequence[Any], strategy: Any, cost: Any, name: Any
) -> Iterator[tuple[str, str]]:
    if not rates:
        yield "has no rate", 'give it one, for instance "100/minute"'
    for text in rates:
        match = _RATE.fullmatch(text) if isinstance(text, str) else None
        if match is None or int(match[1]) == 0 or match[2] in ("0", "00"):
            yield f"has the rate {text!r}", 'a rate is like "100/minute", "5/10 seconds" or "1000 per day"'
        elif strategy == "moving" and int(match[1]) > _MOVING_MAX:
            yield f"has the rate {text!r}, which `moving` would remember each request of", "use the strategy `sliding`"
    if not kinds:
        yield "has no key", f"name one of {', '.join(_KINDS)}, or give a function of the request"
    for kind in kinds:
        if isinstance(kind, str) and kind not in _KINDS:
            near = difflib.get_close_matches(kind, _KINDS, 1)
            yield f"has the key {kind!r}", f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KINDS)}"
        elif not isinstance(kind, str) and (not callable(kind) or is_async(kind)):
            yield f"has the key {kind!r}", "a key is a name or a plain function of the request"
    if strategy is not None and strategy not in get_args(Strategy):
        yield f"has the strategy {strategy!r}", f"there are {', '.join(get_args(Strategy))}"
    if cost is not None and not callable(cost) and (isinstance(cost, bool) or not isinstance(cost, int) or cost < 1):
        yield f"has the cost {cost!r}", "a cost is a number from 1 on, or a function of the request"
    if name is not None and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
        yield f"has the name {name!r}", "a name has up to 64 letters, digits, dots, dashes and underscores"
