"""Which route answers a request: a table built once, read by every request.

Of the routes that match a path and have the method, the one wins that is best at the first position from the left where
they differ: text beats a variable. Where they are alike throughout, the one registered first wins. So between two
routes no third one has a say, and a route without the method hides nothing.

The trie has one branch per text and one for "some variable"; which variable it is, only the routes at the end of the
branch ask, in the order of their registration. That gives exactly the order above, converts no value for a branch that
leads nowhere, and makes the way back linear: a node stands for one choice of text or variable at each position, so a
request reaches it by one way only and visits it once at most.

A `path` variable takes several positions, so its route hangs where the variable begins and competes there.

Routes may ask for another order, that of their registration alone. They hang in the same trie, and one that would win
over an earlier one of them asks that one first: which these are is settled when the table is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Final, Generic, Literal, TypeAlias, TypeVar, get_args

from msgspec import Struct

from nacre.errors import ConfigurationError, Location, Problem
from nacre.routing.capture import Capture, write_capture
from nacre.routing.hosts import HostPattern, normalize_host
from nacre.routing.parts import PartsMatcher, Variable
from nacre.routing.pattern import PathPattern, Segment

T = TypeVar("T")

Slashes: TypeAlias = Literal["strict", "redirect", "ignore"]

ANY_METHOD: Final = "*"
"""In `RouteEntry.methods`: the route takes every method, those nobody has heard of included."""

_METHOD_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
_NO_PARAMS: Mapping[str, object] = MappingProxyType({})


class RouteEntry(Struct, Generic[T], frozen=True):
    """One route as it was declared.

    `order` counts registrations: of groups, from the outermost one, and then of routes. `defaults` are parameters that
    the path may override. `slashes` says what happens to a request that differs from the pattern by a final slash only,
    when nothing matches it as it is. A route that is `in_order` yields to all others of that kind that were registered
    before it, whatever their patterns are like. Texts that are not `case_sensitive` match in another case as well, when
    nothing matches them as they are.
    """

    pattern: PathPattern
    methods: frozenset[str]
    payload: T
    host: HostPattern | None = None
    where: Location | None = None
    order: tuple[int, ...] = (0,)
    defaults: Mapping[str, object] = {}
    slashes: Slashes = "strict"
    in_order: bool = False
    case_sensitive: bool = True


class Found(Struct, Generic[T]):
    """A route has the path and the method.

    `params` are the caller's own when there are any. Routes without them share an empty mapping that refuses writing,
    and all requests to a static route share the `Found`, so don't change its fields.
    """

    payload: T
    params: Mapping[str, object]


class WrongMethod(Struct, frozen=True):
    """Routes have the path, but none the method; `allowed` are theirs, in the order GET, HEAD, POST, PUT, …"""

    allowed: tuple[str, ...]


class OtherSlash(Struct, frozen=True):
    """A route with `slashes="redirect"` answers at `path`, which is in the form of the path that was asked for."""

    path: str


class Unknown(Struct, frozen=True):
    """No route has the path."""


Match: TypeAlias = Found[T] | WrongMethod | OtherSlash | Unknown

_UNKNOWN = Unknown()


class Router(Generic[T]):
    """The compiled routes of an application.

    Paths are percent-decoded, except that `%2F` and `%25` may have been left; then `decode` undoes these, for text that
    was cut at the real slashes and before anything is compared or converted. Raises one ConfigurationError for all
    problems of the entries. HEAD is answered by GET routes unless the same pattern has its own.
    """

    def __init__(self, entries: Iterable[RouteEntry[T]], *, decode: Callable[[str], str] = str) -> None:
        self.entries: tuple[RouteEntry[T], ...] = tuple(sorted(entries, key=lambda entry: entry.order))
        """The entries in the order of their registration."""
        self.has_hosts: bool = any(entry.host for entry in self.entries)
        """True when some entry has a host pattern, so that the path alone does not decide."""
        self._decode = decode
        routes = _compile(self.entries)
        self._trees = _Trees(routes)
        loose = [route for route in routes if route.entry.slashes != "strict"]
        self._loose_trees = _Trees(loose)
        self._caseless_trees = _Trees([route for route in routes if not route.entry.case_sensitive], folded=True)
        self._loose_caseless_trees = _Trees([one for one in loose if not one.entry.case_sensitive], folded=True)
        self._found: dict[str, dict[str, Found[T]]] = {} if self.has_hosts else _static(routes)
        refusals = ((path, self._refusal_at(path)) for path in self._found)
        self._refusals = {path: refusal for path, refusal in refusals if refusal is not None}
        self.static: dict[str, dict[str, T]] = {
            path: {method: found.payload for method, found in methods.items()} for path, methods in self._found.items()
        }
        """Payloads by path and method, for callers that can do without `find`: a hit here is what `find` would answer.

        Holds the static routes without defaults and without `%`, by the methods they name; a miss says nothing. Empty
        when `has_hosts`.
        """

    def find(self, method: str, path: str, host: str = "") -> Match[T]:
        """Say which route answers, or why none does; `host`, the `Host` header's value, matters with `has_hosts`."""
        methods = self._found.get(path)
        if methods is not None:
            if method in methods:
                return methods[method]
            refusal = self._refusals.get(path)
            if refusal is not None and method not in refusal.allowed:
                return refusal
        segments = self._split(path) if "%" in path else path.split("/")
        if segments[0]:
            return _UNKNOWN
        if self.has_hosts:
            return self._find_by_host(method, path, segments, normalize_host(host))
        hit = _descend(self._trees.anywhere, 1, segments, method)
        if hit is not None:
            return Found(hit[0].payload, hit[1] or _NO_PARAMS)
        return self._find_otherwise(method, path, segments, host)

    def find_variable(self, method: str, path: str) -> _Hit[T] | None:
        """A route with variables and its parameters, if `find` would answer with its payload; None says nothing.

        `path` holds no `%`. PERF: for callers on the way of every request; `find` wraps its answer, and where all paths
        end at one place, its routes are asked without walking there (bench/parts.py).
        """
        segments = path.split("/")
        if segments[0] or self.has_hosts:
            return None
        node, depth = self._trees.anywhere, 1
        while (last := node.sole_end) is None:
            following = node.texts.get(segments[depth]) if depth < len(segments) else None
            if following is None or node.has_rivals:
                return _descend(node, depth, segments, method)
            node = following
            depth += 1
        for route in last.routes_by_method.get(method, last.any_method):
            params = route.bind(segments)
            if params is not None:
                return route, params
        return None

    def _find_by_host(self, method: str, path: str, segments: Sequence[str], host: str) -> Match[T]:
        for root in self._trees.of(host):
            hit = _descend(root, 1, segments, method)
            if hit is not None:
                return _found(hit, host)
        return self._find_otherwise(method, path, segments, host)

    def _find_otherwise(self, method: str, path: str, segments: Sequence[str], host: str) -> Match[T]:
        """Try the path in another case and with its final slash turned, among the routes that take it so.

        If none does, say what is known of it.
        """
        known = self._trees.having(segments, host)
        if not self._caseless_trees.is_empty:
            caseless = self._caseless_trees.having(segments, host)
            hit = _best(caseless, segments, method)
            if hit is not None:
                return _found(hit, host)
            known += caseless
        other = None if self._loose_trees.is_empty else _turn_slash(path)
        if other is not None:
            turned = self._split(other)
            for trees in (self._loose_trees, self._loose_caseless_trees):
                having = trees.having(turned, host)
                hit = _best(having, turned, method)
                if hit is not None:
                    return OtherSlash(other) if hit[0].entry.slashes == "redirect" else _found(hit, host)
                known += [route for route in having if route.entry.slashes == "ignore"]
        return _refusal(known) if known else _UNKNOWN

    def _refusal_at(self, path: str) -> WrongMethod | None:
        """What `find` says at a static path of methods that this doesn't allow; None if that is for others to say.

        Those are variables, which may take the path at one time and not at another, and routes that take every method
        or send elsewhere.
        """
        segments, other = path.split("/"), _turn_slash(path)
        known = [*self._trees.reached(segments), *self._caseless_trees.reached(segments)]
        if other is not None:
            turned = other.split("/")
            loose = [*self._loose_trees.reached(turned), *self._loose_caseless_trees.reached(turned)]
            if any(route.entry.slashes == "redirect" for route in loose):
                return None
            known += loose
        if any(ANY_METHOD in route.methods or not route.entry.pattern.is_static for route in known):
            return None
        return _refusal(known)

    def _split(self, path: str) -> list[str]:
        return [self._decode(segment) if "%" in segment else segment for segment in path.split("/")]


_Hit: TypeAlias = "tuple[_Route[T], dict[str, object]]"


def _found(hit: _Hit[T], host: str) -> Found[T]:
    route, params = hit
    if route.host is not None:
        params.update(route.host.match(host) or {})
    return Found(route.payload, params or _NO_PARAMS)


def _best(routes: Iterable[_Route[T]], segments: Sequence[str], method: str) -> _Hit[T] | None:
    """The best of the routes that have a path, by this method; hosts count as in the order of the routes."""
    having = [route for route in routes if route.takes(method)]
    alike = [route for route in having if route.host == having[0].host]
    best = min(alike, key=lambda route: route.rank(len(segments) - 1), default=None)
    params = None if best is None else best.bind(segments)
    return None if best is None or params is None else (best, params)


def _refusal(known: Sequence[_Route[T]]) -> WrongMethod:
    """What is said where these routes have the path, and none the method."""
    first, *others = known
    return _wrong_method(first.methods.union(*[route.methods for route in others]) if others else first.methods)


@lru_cache(maxsize=1024)
def _wrong_method(methods: frozenset[str]) -> WrongMethod:
    """PERF: only methods that routes have come here, and those of an application are few sets: half a microsecond."""
    others = sorted(methods.difference(_METHOD_ORDER))
    return WrongMethod((*(method for method in _METHOD_ORDER if method in methods), *others))


def _turn_slash(path: str) -> str | None:
    """The path with a final slash added or removed; None where that would be no path of this host."""
    # SECURITY: `//evil.example/` and `/\evil.example/` in a Location header name another host.
    if path in ("", "/") or path[0] != "/" or path[1] in "/\\":
        return None
    return path[:-1] if path[-1] == "/" else path + "/"


# Routes: entries made ready to be asked "is this path yours?".


class _Route(Generic[T]):
    """An entry, the methods it answers and `bind`: from the segments of a path to parameters, None for no match.

    ANY_METHOD stands for all methods but those that the route `leaves` to others. Unless it `looks_at_all`, `bind` is
    asked only where the texts of the pattern are known to fit, up to the segment of a `path` variable.
    """

    __slots__ = ("bind", "branch", "depth", "entry", "host", "leaves", "looks_at_all", "methods", "payload")

    def __init__(self, entry: RouteEntry[T], methods: frozenset[str], leaves: frozenset[str] = frozenset()) -> None:
        self.entry = entry
        self.host = entry.host
        self.payload = entry.payload
        self.methods = methods
        self.leaves = leaves
        segments = entry.pattern.segments
        self.depth = next((at for at, segment in enumerate(segments) if _spans(segment)), len(segments))
        self.branch: _Branch = (
            entry.host.shape if entry.host else None,
            self.is_tail,
            tuple(segment if isinstance(segment, str) else None for segment in segments[: self.depth]),
        )
        variables = _whole_variables(segments, 1)
        self.looks_at_all = entry.case_sensitive and not self.is_tail and variables is not None
        if self.looks_at_all and variables is not None:
            texts = [(at, segment) for at, segment in enumerate(segments, 1) if isinstance(segment, str)]
            self.bind = write_capture(variables, entry.defaults, texts, len(segments) + 1)
        else:
            self.bind = _binder(segments, self.depth, entry.defaults)

    @property
    def is_tail(self) -> bool:
        return self.depth < len(self.entry.pattern.segments)

    def takes(self, method: str) -> bool:
        """Whether it answers this method."""
        return method in self.methods or (ANY_METHOD in self.methods and method not in self.leaves)

    def rank(self, length: int) -> tuple[object, ...]:
        """Sorts the better of two routes lower that both match a path of `length` segments."""
        kinds = [not isinstance(segment, str) for segment in self.entry.pattern.segments]
        if self.is_tail:
            kinds[self.depth : self.depth + 1] = [True] * (length - len(kinds) + 1)
        return (*kinds, self.entry.order)

    def has(self, path: Sequence[str]) -> bool:
        """Whether this route's pattern matches the segments of a path."""
        segments = self.entry.pattern.segments
        if len(path) - 1 < len(segments) or (len(path) - 1 > len(segments) and not self.is_tail):
            return False
        texts = enumerate(segments[: self.depth], 1)
        return all(path[at] == text for at, text in texts if isinstance(text, str)) and self.bind(path) is not None


_Branch: TypeAlias = tuple["tuple[object, ...] | None", bool, "tuple[str | None, ...]"]
"""Where a route hangs: its host, whether it `is_tail`, and its texts up to its end or tail, None for variables."""


def _spans(segment: Segment) -> bool:
    return not isinstance(segment, str) and any(
        isinstance(part, Variable) and part.converter.spans_segments for part in segment
    )


def _binder(segments: Sequence[Segment], depth: int, defaults: Mapping[str, object]) -> Capture:
    head = _bind_segments(segments[:depth], 1, defaults)
    if depth == len(segments):
        return head
    return _bind_tail(head, depth + 1, segments[depth], segments[depth + 1 :])


def _whole_variables(segments: Sequence[Segment], first: int) -> list[tuple[int, Variable]] | None:
    """The variables with their indexes if each is all of its segment, the common case; None if not."""
    dynamic = [(at, segment) for at, segment in enumerate(segments, first) if not isinstance(segment, str)]
    whole = [(at, parts[0]) for at, parts in dynamic if len(parts) == 1 and isinstance(parts[0], Variable)]
    return whole if len(whole) == len(dynamic) else None


def _bind_segments(segments: Sequence[Segment], first: int, defaults: Mapping[str, object]) -> Capture:
    variables = _whole_variables(segments, first)
    if variables is not None:
        return write_capture(variables, defaults)
    dynamic = [(at, segment) for at, segment in enumerate(segments, first) if not isinstance(segment, str)]
    matchers = [(at, PartsMatcher(parts)) for at, parts in dynamic]

    def bind(path: Sequence[str]) -> dict[str, object] | None:
        params = dict(defaults)
        for at, matcher in matchers:
            if not matcher.match(path[at], params):
                return None
        return params

    return bind


def _bind_tail(head: Capture, start: int, tail: Segment, rest: Sequence[Segment]) -> Capture:
    """A `path` variable in segment `start`: it ends where as many segments are left as the pattern has after it."""
    assert not isinstance(tail, str)
    matcher = PartsMatcher(tail)
    texts = [(at - len(rest), segment) for at, segment in enumerate(rest) if isinstance(segment, str)]
    bind_rest = _bind_segments(rest, -len(rest), {})

    def bind(path: Sequence[str]) -> dict[str, object] | None:
        end = len(path) - len(rest)
        if end <= start or any(path[at] != text for at, text in texts):
            return None
        params = head(path)
        if params is None or not matcher.match("/".join(path[start:end]), params):
            return None
        last = bind_rest(path)
        return None if last is None else {**params, **last}

    return bind


def _static(routes: Iterable[_Route[T]]) -> dict[str, dict[str, Found[T]]]:
    found: dict[str, dict[str, Found[T]]] = {}
    in_order: dict[str, list[_Route[T]]] = {}
    for route in routes:
        entry = route.entry
        path = entry.pattern.text
        # A `%` in a path that was asked for may be half of an escape; such paths are compared after decoding only.
        if not entry.pattern.is_static or "%" in path:
            continue
        earlier = in_order.setdefault(path, []) if entry.in_order else []
        if not entry.defaults:
            for method in route.methods - {ANY_METHOD}:
                if not any(one.takes(method) for one in earlier):
                    found.setdefault(path, {}).setdefault(method, Found(entry.payload, _NO_PARAMS))
        earlier.append(route)
    return found


# The trie.


class _Node(Generic[T]):
    """What may follow the positions up to here, and the routes that end here."""

    __slots__ = (
        "any_method",
        "has_rivals",
        "only_way",
        "routes",
        "routes_by_method",
        "sole_end",
        "tails",
        "texts",
        "variable",
    )

    def __init__(self) -> None:
        self.texts: dict[str, _Node[T]] = {}
        self.variable: _Node[T] | None = None
        self.tails: list[_Route[T]] = []
        self.has_rivals = False  # whether a text that fits isn't the only way on
        self.only_way: _OnlyWay[T] | None = None
        self.sole_end: _Node[T] | None = None  # that of the only way, if its routes look at all of a path
        self.routes: list[_Route[T]] = []
        self.routes_by_method: dict[str, list[_Route[T]]] = {}
        self.any_method: list[_Route[T]] = []

    def child(self, segment: Segment) -> _Node[T]:
        if isinstance(segment, str):
            if segment not in self.texts:
                self.texts[segment] = _Node()
            return self.texts[segment]
        if self.variable is None:
            self.variable = _Node()
            self.has_rivals = True
        return self.variable

    def add_tail(self, route: _Route[T]) -> None:
        """Add a route whose `path` variable begins here."""
        self.tails.append(route)
        self.has_rivals = True

    def add(self, route: _Route[T]) -> None:
        """Add a route that ends here; routes come in the order of their registration."""
        self.routes.append(route)
        for method in (route.methods | route.leaves) - {ANY_METHOD}:
            self.routes_by_method.setdefault(method, list(self.any_method))
        if ANY_METHOD in route.methods:
            self.any_method.append(route)
        for method, others in self.routes_by_method.items():
            if route.takes(method):
                others.append(route)


_OnlyWay: TypeAlias = "tuple[int, tuple[tuple[int, str], ...], _Node[T]]"
"""Where all paths below a node end: their number of segments, the texts that they have by index, and the last node."""


def _grow(routes: Iterable[_Route[T]], *, folded: bool) -> _Node[T]:
    """The root of a trie; a path begins with a slash, so its first segment is empty and is not part of it.

    In a trie that is `folded` the texts are in lower case.
    """
    root: _Node[T] = _Node()
    for route in routes:
        node = root
        for segment in route.entry.pattern.segments[: route.depth]:
            node = node.child(segment.lower() if folded and isinstance(segment, str) else segment)
        if route.is_tail:
            node.add_tail(route)
        else:
            node.add(route)
    _mark_only_ways(root, 1)
    return root


def _mark_only_ways(node: _Node[T], depth: int) -> None:
    """Note, from `node` downwards, where paths can go one way only: most routes are alone below their second text."""
    for child in node.texts.values():
        _mark_only_ways(child, depth + 1)
    if node.variable is not None:
        _mark_only_ways(node.variable, depth + 1)
    if node.tails:
        return
    match [*node.texts.items(), *([(None, node.variable)] if node.variable else [])]:
        case []:
            node.only_way = depth, (), node
        case [(text, child)] if not node.routes and child.only_way is not None:
            length, texts, last = child.only_way
            node.only_way = length, texts if text is None else ((depth, text), *texts), last
        case _:
            pass
    if node.only_way is not None and all(route.looks_at_all for route in node.only_way[2].routes):
        node.sole_end = node.only_way[2]


def _descend(node: _Node[T], depth: int, segments: Sequence[str], method: str) -> _Hit[T] | None:
    """The best route below `node` that has the method; straight on while there is one way only.

    PERF: where all that is left is one way, its texts are compared without looking for them in the nodes on it, which
    spares a quarter of the time where a route is alone below its first text (bench/parts.py).
    """
    count = len(segments)
    while node.only_way is None and depth < count:
        following = node.texts.get(segments[depth])
        if following is None:
            if node.tails:
                return _fork(node, depth, segments, method)
            following = node.variable
            if following is None:
                return None
        elif node.has_rivals:
            return _fork(node, depth, segments, method)
        node = following
        depth += 1
    if node.only_way is not None:
        length, texts, node = node.only_way
        if count != length:
            return None
        for at, text in texts:
            if segments[at] != text:
                return None
    for route in node.routes_by_method.get(method, node.any_method):
        params = route.bind(segments)
        if params is not None:
            return route, params
    return None


def _fork(node: _Node[T], depth: int, segments: Sequence[str], method: str) -> _Hit[T] | None:
    """Descend where there is more than one way on: by the text, and only if that fails by the variables."""
    text = node.texts.get(segments[depth])
    hit = None if text is None else _descend(text, depth + 1, segments, method)
    if hit is not None:
        return hit
    if node.variable is not None:
        hit = _descend(node.variable, depth + 1, segments, method)
    hits = [hit] if hit is not None else []
    for tail in node.tails:
        params = tail.bind(segments) if tail.takes(method) else None
        if params is not None:
            hits.append((tail, params))
    return min(hits, key=lambda hit: hit[0].rank(len(segments) - 1), default=None)


def _reached(node: _Node[T], depth: int, texts: Sequence[str]) -> list[_Route[T]]:
    """All routes below `node` that a path of these texts leads to, whatever the method; the list isn't the caller's."""
    while depth < len(texts):
        text, variable = node.texts.get(texts[depth]), node.variable
        if node.tails or (text is not None and variable is not None):
            ways = [way for way in (text, variable) if way is not None]
            return [*(route for way in ways for route in _reached(way, depth + 1, texts)), *node.tails]
        following = variable if text is None else text
        if following is None:
            return []
        node = following
        depth += 1
    return node.routes


class _Trees(Generic[T]):
    """The trees by host, in the order they are asked: from the most specific host to routes without one."""

    def __init__(self, routes: Iterable[_Route[T]], *, folded: bool = False) -> None:
        self._folded = folded
        by_host: dict[tuple[object, ...] | None, list[_Route[T]]] = {}
        for route in routes:
            by_host.setdefault(route.host.shape if route.host else None, []).append(route)
        self.is_empty = not by_host
        self.anywhere: _Node[T] = _grow(by_host.pop(None, []), folded=folded)
        self._exact: dict[str, _Node[T]] = {}
        self._patterns: list[tuple[HostPattern, _Node[T]]] = []
        for alike in by_host.values():
            host = alike[0].host
            assert host is not None
            if host.is_exact:
                self._exact[normalize_host(host.text)] = _grow(alike, folded=folded)
            else:
                self._patterns.append((host, _grow(alike, folded=folded)))
        self._patterns.sort(key=lambda pair: pair[0].specificity)
        self.has_hosts = bool(self._exact or self._patterns)

    def of(self, host: str) -> Iterable[_Node[T]]:
        """The trees a request to this normalized host is looked up in."""
        return self._of(host) if self.has_hosts else (self.anywhere,)

    def having(self, segments: Sequence[str], host: str) -> list[_Route[T]]:
        """All routes that have the path, whatever the method, those of the most specific host first."""
        reached = self.reached(segments, host)
        return [route for route in reached if route.bind(segments) is not None]

    def reached(self, segments: Sequence[str], host: str = "") -> list[_Route[T]]:
        """The same with those of which a variable takes no such value; not the caller's own list."""
        if self.is_empty:
            return []
        texts = [segment.lower() for segment in segments] if self._folded else segments
        if not self.has_hosts:
            return _reached(self.anywhere, 1, texts)
        return [route for root in self.of(host) for route in _reached(root, 1, texts)]

    def _of(self, host: str) -> Iterator[_Node[T]]:
        if host in self._exact:
            yield self._exact[host]
        for pattern, root in self._patterns:
            if pattern.match(host) is not None:
                yield root
        yield self.anywhere


# From entries to routes, with all that is wrong with them.


def _compile(entries: Sequence[RouteEntry[T]]) -> list[_Route[T]]:
    problems = [problem for entry in entries for problem in _problems(entry)]
    problems += _duplicates(entries)
    if problems:
        raise ConfigurationError(problems)
    own_head = {_shape(entry) for entry in entries if "HEAD" in entry.methods}
    routes = [_Route(entry, _with_head(entry, own_head)) for entry in entries]
    in_order = [route for route in routes if route.entry.in_order]
    if not in_order:
        return routes
    earlier: _Earlier[T] = _Earlier()
    settled: list[_Route[T]] = []
    for route in in_order:
        settled += _yield_to(route, earlier.rivals_of(route))
        earlier.add(route)
    others = [route for route in routes if not route.entry.in_order]
    return sorted([*others, *settled], key=lambda route: route.entry.order)


def _yield_to(route: _Route[T], rivals: Sequence[_Route[T]]) -> Iterator[_Route[T]]:
    """A route that doesn't take what its rivals do; more than one where they have only some of its methods."""
    # One for all methods has those that its rivals name, and leaves them where they take its path.
    is_open = ANY_METHOD in route.methods
    all_methods = route.methods.union(*(rival.methods for rival in rivals)) if is_open else route.methods
    by_rivals: dict[tuple[_Route[T], ...], set[str]] = {}
    for method in all_methods:
        asked = tuple(rival for rival in rivals if rival.takes(method))
        by_rivals.setdefault(asked, set()).add(method)
    for asked, methods in by_rivals.items():
        leaves = all_methods - methods if ANY_METHOD in methods else frozenset[str]()
        if not asked:
            yield _Route(route.entry, frozenset(methods), leaves)
        elif not route.entry.pattern.is_static or not any(rival.has(("", *_texts(route))) for rival in asked):
            yielding = _Route(route.entry, frozenset(methods), leaves)
            yielding.bind = _unless(asked, route.bind)
            yield yielding


class _Earlier(Generic[T]):
    """The routes that were registered before another one, and which of them it has to ask.

    These have a variable or their tail where the other one first differs from them: one that has a text there wins by
    its place in the trie, or has no path in common. PERF: so a route finds them at its own beginnings. To compare every
    two of a thousand routes takes seconds.
    """

    def __init__(self) -> None:
        self._branches: dict[_Branch, list[_Route[T]]] = {}
        self._by_beginning: dict[tuple[object, ...], dict[tuple[bool, int], _ByText]] = {}

    def add(self, route: _Route[T]) -> None:
        """Add a route that is registered before all that are asked for from now on."""
        host, is_tail, texts = route.branch
        if route.branch not in self._branches:
            for at, text in enumerate((*texts, None) if is_tail else texts):
                if text is None:
                    kinds = self._by_beginning.setdefault((host, texts[:at]), {})
                    by_text = kinds.setdefault((is_tail, len(texts)), {})
                    for place in (_ANYWHERE, *enumerate(texts)):
                        by_text.setdefault(place, []).append(route.branch)
        self._branches.setdefault(route.branch, []).append(route)

    def rivals_of(self, route: _Route[T]) -> list[_Route[T]]:
        """Those that may match the same path, and that don't win by their place in the trie alone."""
        host, is_tail, texts = route.branch
        met: list[_Branch] = []
        for at in range(len(texts) + 1):
            differs = texts[at] is not None if at < len(texts) else is_tail
            for (tail, depth), by_text in self._by_beginning.get((host, texts[:at]), {}).items():
                if (differs or (tail and depth == at)) and (tail or is_tail or depth == len(texts)):
                    met += [one for one in _fewest(by_text, texts[:depth]) if _may_meet(one, route.branch)]
        rivals = [rival for branch in met for rival in self._branches[branch]]
        return sorted(rivals, key=lambda rival: rival.entry.order)


_ByText: TypeAlias = "dict[tuple[int, str | None], list[_Branch]]"
"""Branches of one length, by the text (None: a variable) that they have at a position; `_ANYWHERE` has them all."""

_ANYWHERE: Final = (-1, None)


def _fewest(by_text: _ByText, texts: Sequence[str | None]) -> Iterator[_Branch]:
    """The branches that fit one of the texts, the one that the fewest do."""
    fitting = [
        (by_text.get((at, text), ()), by_text.get((at, None), ())) for at, text in enumerate(texts) if text is not None
    ]
    return chain(*min(fitting, key=lambda lists: sum(map(len, lists)), default=(by_text[_ANYWHERE],)))


def _may_meet(first: _Branch, second: _Branch) -> bool:
    """Whether a path may match in both of two branches of one host, of the same length if neither is a tail.

    Routes that end at one place are asked in order there; of tails, what follows the variable counts before that.
    """
    pairs = zip(first[2], second[2], strict=False)
    return (first != second or first[1]) and not any(one != other and None not in (one, other) for one, other in pairs)


def _texts(route: _Route[T]) -> list[str]:
    return [segment for segment in route.entry.pattern.segments if isinstance(segment, str)]


def _unless(rivals: Sequence[_Route[T]], bind: Capture) -> Capture:
    return lambda path: None if any(rival.has(path) for rival in rivals) else bind(path)


def _shape(entry: RouteEntry[T]) -> tuple[object, ...]:
    return (entry.host.shape if entry.host else None, entry.pattern.shape)


def _with_head(entry: RouteEntry[T], own_head: set[tuple[object, ...]]) -> frozenset[str]:
    if "GET" in entry.methods and _shape(entry) not in own_head:
        return entry.methods | {"HEAD"}
    return entry.methods


def _problems(entry: RouteEntry[T]) -> Iterator[Problem]:
    if not entry.methods:
        yield Problem(f"route `{entry.pattern}` has no methods", entry.where, 'name some, e.g. `methods=["GET"]`')
    if entry.slashes not in get_args(Slashes):
        what = f"route `{entry.pattern}` has the unknown slash policy `{entry.slashes}`"
        yield Problem(what, entry.where, "use `strict`, `redirect` or `ignore`")
    for name, _ in entry.pattern.variables:
        if entry.host is not None and name in entry.host.variables:
            what = f"route `{entry.pattern}` and its host `{entry.host}` both have a variable `{name}`"
            yield Problem(what, entry.where, "rename one of them")


def _duplicates(entries: Iterable[RouteEntry[T]]) -> Iterator[Problem]:
    firsts: dict[tuple[object, ...], RouteEntry[T]] = {}
    for entry in entries:
        taken: dict[int, tuple[RouteEntry[T], list[str]]] = {}
        for method in sorted(entry.methods):
            first = firsts.setdefault((*_shape(entry), method), entry)
            if first is not entry and not (first.in_order and entry.in_order):
                taken.setdefault(id(first), (first, []))[1].append(method)
        yield from (_duplicate(first, entry, methods) for first, methods in taken.values())


def _duplicate(first: RouteEntry[T], second: RouteEntry[T], methods: Sequence[str]) -> Problem:
    names = ", ".join(methods)
    if first.pattern.text == second.pattern.text:
        what = f"`{names} {second.pattern}` is declared twice"
    else:
        what = f"`{names} {second.pattern}` and `{names} {first.pattern}` match the same paths"
    place = f", declared at {first.where}" if first.where else ""
    return Problem(what, second.where, f"the first one{place}, always wins: remove one, or change its path or methods")
