"""How often a client may ask: counts per key and window, a 429, and the header fields that tell beforehand.

The fields are those of draft-ietf-httpapi-ratelimit-headers, revision 8 and later, which says them in two lists of
structured fields: `RateLimit-Policy` with the quota `q` and the window `w`, `RateLimit` with what remains `r` and the
seconds `t` until there is more. COMPAT: the three fields of revisions before 7 (`RateLimit-Limit`, …) and the
`X-RateLimit-…` of other systems aren't sent; each of them means something else in every one.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from nacre.risks import Risk
from nacre.route import Route
from nacre.state import Key
from nacre.traffic.functions import not_plain
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
    """What became of a request in one group of rates. It is counted once, however often it passes.

    SECURITY: one that was refused is refused each time, as a layer outside may catch the 429 and try again.
    """

    standings: Sequence[Standing]
    wait: float
    by: _Counter


_numbers = itertools.count(1)


def _new_key() -> Key[_Said]:
    return Key(f"nacre.ratelimit.{next(_numbers)}")


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
    request that isn't counted, or a sequence of these for their combination. Users of two classes, or of two issuers of
    tokens, are two users.

    `strategy` is "sliding" (the last two windows, weighted), "fixed" (a window from the first request on), or "moving"
    (the time of every request: exact, and as large as the limit). `cost` is what a request counts, a number or a
    function of the request; 0 or less counts nothing. Requests for which `exempt(request)` is True aren't counted.
    `name` is what the header fields call the rates, and tells apart layers that share a `store`.

    Handshakes of WebSockets count as requests. `@limit("5/minute")` gives a handler rates of its own, `@exempt` takes
    it out. Every response says in `RateLimit-Policy` and `RateLimit` what is allowed and what is left.

    All functions are plain ones. Raises ConfigurationError for those that aren't, and for rates, keys and strategies
    that don't exist.

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
        self._group = _group("RateLimit", rates, key, strategy, cost, name, exempt=exempt)
        # The keys of layers that share a store differ by this.
        self._scope = name or ""
        self.requires: tuple[str, ...] = tuple(one for one in self._group.requires if one != _MARK)
        self.store: RateLimitStore = MemoryCounts() if store is None else store
        self._exempt = exempt
        self._said = _new_key()
        self._where = Location.of_caller()

    def __repr__(self) -> str:
        return f"RateLimit({', '.join(f'{rate.amount}/{rate.window}s' for rate in self._group.rates)})"

    def for_route(self, place: Place) -> Hooks | str:
        marked: _Group | None = place.mark(_MARK)
        if marked is _EXEMPT:
            return "the handler is marked with `exempt`"
        if any(layer is self for layer in place.outside):
            return "the same layer stands further out"
        label = "" if place.route is None else _label(place.route)
        groups = [_Counted(self._group, label, self._scope, self._said)]
        if marked is not None and self._is_innermost(place):
            of_route = _Counted(marked.like(self._group), label, f"{self._scope} {label}", _new_key())
            groups = [of_route] if marked.replaces else [*groups, of_route]
        return _Counter(groups, self.store, self._exempt)

    def find_risks(self) -> Iterable[Risk]:
        """That each process has counts of its own."""
        if isinstance(self.store, MemoryCounts):
            what = "RateLimit counts in each worker process apart, so several allow several times the rate"
            fix = "give it a store that they share, or a rate that is smaller by their number"
            yield Risk(what, fix, "low", self._where)

    def _is_innermost(self, place: Place) -> bool:
        """Whether no other layer of this kind counts further in; one that stands twice counts at its first place."""
        around = (*place.outside, self, *place.inside)
        layers = {id(layer): layer for layer in around if isinstance(layer, RateLimit)}
        return [*layers.values()][-1] is self


class _Counted:
    """A group of rates as it is counted on one route. `said` is where the state of a request has what became of it."""

    def __init__(self, group: _Group, label: str, scope: str, said: Key[_Said]) -> None:
        self.said = said
        self.cost = group.cost
        self.policy = ", ".join(f'"{rate.name}";q={rate.amount};w={rate.window}' for rate in group.rates)
        self.rates = group.rates
        self._names = [f'"{rate.name}";r=' for rate in group.rates]
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
        return [Bucket(rate, key) for rate in self.rates]

    def left(self, standings: Sequence[Standing]) -> str:
        """What remains, as the field `RateLimit` has it."""
        together = zip(self._names, standings, strict=True)
        return ", ".join([f"{name}{remaining};t={math.ceil(reset)}" for name, (remaining, reset, _) in together])


class _Counter(Hooks):
    """A `RateLimit` as it stands in one chain."""

    def __init__(
        self, groups: Sequence[_Counted], store: RateLimitStore, exempt: Callable[[Request], bool] | None
    ) -> None:
        if type(store) is MemoryCounts:
            before: Any = self._count_now
        else:
            before = Call(self._count, None if store.needs_loop else self._count)
        super().__init__(before=before, finalize=self._finalize, inline=True)
        self._groups = groups
        self._store = store
        self._exempt = exempt
        self._cost = next((group.cost for group in reversed(groups) if group.cost is not None), 1)

    def _count_now(self, request: Request) -> None:
        counted, buckets = self._uncounted(request)
        if buckets:
            assert isinstance(self._store, MemoryCounts)
            self._settle(request, counted, self._store.hit_now(buckets, self._cost_of(request)))

    async def _count(self, request: Request) -> None:
        counted, buckets = self._uncounted(request)
        if buckets:
            self._settle(request, counted, await self._store.hit(buckets, self._cost_of(request)))

    def _uncounted(self, request: Request) -> tuple[list[_Counted], list[Bucket]]:
        """The groups that haven't counted the request yet, and all its counts in them.

        Raises TooManyRequests if one has refused it before.
        """
        counted: list[_Counted] = []
        buckets: list[Bucket] = []
        if self._exempt is not None and self._exempt(request) is True:
            return counted, buckets
        state = request.state
        for group in self._groups:
            said = state.get(group.said)
            if said is None:
                if found := group.buckets(request):
                    counted.append(group)
                    buckets += found
            elif said.wait > 0:
                raise _refusal(said.wait)
        return counted, buckets

    def _cost_of(self, request: Request) -> int:
        cost = self._cost
        return max(cost(request), 0) if callable(cost) else cost

    def _settle(self, request: Request, counted: Sequence[_Counted], standings: Sequence[Standing]) -> None:
        state, wait, at = request.state, 0.0, 0
        for standing in standings:
            wait = max(wait, standing.wait)
        for group in counted:
            end = at + len(group.rates)
            state[group.said] = _Said(standings[at:end], wait, self)
            at = end
        if wait > 0:
            raise _refusal(wait)

    def _finalize(self, request: Request, response: Response) -> None:
        state = request.state
        for group in self._groups:
            said = state.get(group.said)
            if said is not None and said.by is self:
                # Names and numbers that were checked at startup.
                fields = ("ratelimit-policy", group.policy), ("ratelimit", group.left(said.standings))
                response.raw_headers += fields


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
    text = "".join([f"{len(part)}:{part}" for part in parts])
    if len(text) <= _KEY_MAX:
        return text
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()  # begins with no number and colon


_KEY_MAX = 256


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
    exempt: Callable[[Request], bool] | None = None,
) -> _Group:
    where = Location.of_caller()
    kinds: tuple[Any, ...] = (key,) if isinstance(key, str) or callable(key) else tuple(key)
    problems = [Problem(f"{subject} {what}", where, fix) for what, fix in _mistakes(rates, kinds, strategy, cost, name)]
    problems += not_plain(subject, where, exempt=exempt, cost=cost if callable(cost) else None)
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
    if len({*map(str, rates)}) < len(rates):
        yield "has a rate twice", "leave one of them out"
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
