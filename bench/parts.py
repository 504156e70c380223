"""The view `parts`: single steps of a request, which comments in the sources refer to (`PERF: … (bench/parts.py)`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from bench.child import Child
from bench.drivers import cpu_time
from bench.effort import Effort
from bench.measure import Rounds, alternate
from bench.tables import Table, ns, percent

_MEASURABLE = 25


def measure(effort: Effort) -> dict[str, Any]:
    with Child("parts", core=effort.core) as child:
        found: dict[str, Any] = child.ask(rounds=effort.part_rounds, seconds=effort.seconds)
    return found


def measure_parts(*, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Nanoseconds each part takes, in this process; the loop around it is taken off."""
    parts: dict[str, Callable[[], object]] = {"nothing": lambda: None, **_parts()}
    measured = alternate({name: _repeated(part) for name, part in parts.items()}, rounds, seconds)
    empty = measured.pop("nothing").least
    return {name: [value - empty for value in found.values] for name, found in measured.items()}


def _repeated(part: Callable[[], object]) -> Callable[[int], int]:
    def run(count: int) -> int:
        def work() -> None:
            for _ in range(count):
                part()

        return cpu_time(work)

    return run


def _parts() -> dict[str, Callable[[], object]]:
    from bench.bindings import bindings
    from bench.layer_parts import layer_parts
    from bench.ready_parts import ready_parts

    own = {**_pieces(), **_fields(), **_attributes(), **_routing(), **_sources()}
    return {**own, **bindings(), **layer_parts(), **ready_parts()}


def _pieces() -> dict[str, Callable[[], object]]:
    from nacre import Response
    from nacre.codecs import decode_json, encode_json
    from nacre.response import ready_response
    from nacre.threads import run_at_once
    from nacre.transports.asgi import _start, _start_of_whole

    def plain() -> None:
        pass

    async def asynchronous() -> None:
        plain()

    async def around() -> None:
        await asynchronous()

    pair = ("content-type", "application/json")
    twenty = [(f"x-layer-{index}", "1") for index in range(20)]
    message = {"message": "Hello, World!"}
    encoded = encode_json(message)
    response = ready_response(encoded, pair)
    path = b"/users/42/posts/some-slug"
    percent = ord("%")
    return {
        "a plain call": plain,
        "a coroutine": lambda: run_at_once(asynchronous()),
        "a coroutine around a coroutine": lambda: run_at_once(around()),
        "b'%' in bytes": lambda: b"%" in path,
        "the number of '%' in bytes": lambda: percent in path,
        "any(…) over 20 pairs": lambda: any(name == "content-length" for name, _ in twenty),
        "a loop over 20 pairs": lambda: [None for name, _ in twenty if name == "content-length"],
        "Response(bytes)": lambda: Response(b"", content_type="application/json"),
        "ready_response(bytes)": lambda: ready_response(b"", pair),
        "the first message of a response, in two passes": lambda: _start(response, False),
        "the first message of a response, in one": lambda: _start_of_whole(response),
        "encode_json of a small dict": lambda: encode_json(message),
        "decode_json of a small dict": lambda: decode_json(encoded),
    }


def _fields() -> dict[str, Callable[[], object]]:
    from nacre.headers import Headers, MutableHeaders, check_name, check_pair, check_value, encode_pairs

    raw = [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"bench/1"), (b"accept", b"*/*")]
    received = Headers.from_bytes(raw)
    pairs = [("content-type", "application/json")]
    twenty = [(f"x-layer-{index}", "1") for index in range(20)]
    return {
        "encode_pairs of one pair": lambda: encode_pairs(pairs),
        "Headers.from_bytes of 3 fields": lambda: Headers.from_bytes(raw),
        "Headers.from_bytes of 3 fields, one get": lambda: Headers.from_bytes(raw).get("host"),
        "Headers.get in lower case": lambda: received.get("accept"),
        "Headers.get in another": lambda: received.get("Accept"),
        "MutableHeaders.add to an empty list": lambda: MutableHeaders([]).add("x-layer-0", "1"),
        "MutableHeaders.set among 20 others": lambda: MutableHeaders(twenty.copy()).set("x-layer-19", "1"),
        "check_name and check_value of a short pair": lambda: (check_name("x-layer-0"), check_value("x-layer-0", "1")),
        "check_pair of one that was checked before": lambda: check_pair("x-layer-0", "1"),
    }


def _attributes() -> dict[str, Callable[[], object]]:
    from nacre.lazy import lazy, reserve

    class Cached:
        @cached_property
        def value(self) -> int:
            return 1

    class Lazy:
        @lazy
        def value(self) -> int:
            return 1

    class Attributes:
        of_class = None

        def __init__(self) -> None:
            self.own = None

    class Reserved:
        early: int
        late: int

    class Closed:
        early: int
        late: int

    def set_late(instance: Reserved | Closed) -> None:
        instance.late = 1

    attributes = Attributes()
    reserve(Reserved(), ("early", "late"))
    for _ in range(100):
        Closed()
    Closed().early = 1  # takes the last place that there is
    return {
        "an attribute of the instance": lambda: attributes.own,
        "an attribute of its class, read through it": lambda: attributes.of_class,
        "an attribute set late, reserved": lambda: set_late(Reserved()),
        "an attribute set late, not reserved": lambda: set_late(Closed()),
        "functools.cached_property, first read": lambda: Cached().value,
        "lazy, first read": lambda: Lazy().value,
    }


def _routing() -> dict[str, Callable[[], object]]:
    from nacre.app import _is_host, _known_hosts
    from nacre.routing import NO_MATCH, Converters, RouteEntry, Router, parse_pattern
    from nacre.routing.capture import write_capture

    def router(*paths: str) -> Router[str]:
        patterns = [parse_pattern(path, Converters()) for path in paths]
        return Router(RouteEntry(pattern, frozenset({"GET"}), pattern.text) for pattern in patterns)

    alone = router("/users/<int:user_id>/posts/<slug>")
    others = router("/users/<int:user_id>/posts/<slug>", "/users/<int:user_id>", "/users/<int:user_id>/posts")
    path = "/users/42/posts/some-slug"
    segments = path.split("/")
    pattern = alone.entries[0].pattern
    variables = [
        (at, segment[0])
        for at, segment in enumerate(pattern.segments, 1)
        if not isinstance(segment, str) and not isinstance(segment[0], str)
    ]
    written = write_capture(variables, {})
    steps = [(at, variable.name, variable.converter.parse) for at, variable in variables]

    def looped() -> dict[str, object] | None:
        params: dict[str, object] = {}
        for at, name, parse in steps:
            value = parse(segments[at])
            if value is NO_MATCH:
                return None
            params[name] = value
        return params

    host = "127.0.0.1:8000"
    return {
        "_is_host of a known host": lambda: _is_host(host),
        "a known host among those": lambda: host in _known_hosts,
        "a route with two variables, alone below its first text": lambda: alone.find_variable("GET", path),
        "a route with two variables, others beside it": lambda: others.find_variable("GET", path),
        "its two variables, read by a written function": lambda: written(segments),
        "its two variables, read by a loop": looped,
    }


def _sources() -> dict[str, Callable[[], object]]:
    from nacre import Request
    from nacre.body import Body
    from nacre.threads import run_at_once
    from nacre.transports.asgi import CARRIER

    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"user-agent", b"bench/1"),
        (b"accept", b"*/*"),
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
    ]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"limit=10", "headers": headers}

    def request() -> Request:
        return Request(CARRIER, scope, None, "GET", "/")

    def two_fields() -> object:
        received = request().headers
        return received.get("content-type"), received.get("content-length")

    class Asked:
        """A source that says only when it is asked once more that there is nothing left."""

        def __init__(self) -> None:
            self.pieces = [b"{}"]

        async def read(self) -> bytes:
            return self.pieces.pop() if self.pieces else b""

    class Knowing(Asked):
        @property
        def ended(self) -> bool:
            return not self.pieces

    async def in_chunks() -> list[bytes]:
        return [chunk async for chunk in Body(Knowing(), 2, 9).chunks_within_limit(9)]

    return {
        "Request": request,
        "Request, query.get": lambda: request().query.get("limit"),
        "Request, query_firsts().get": lambda: request().query_firsts().get("limit"),
        "Request, headers of 5 fields, two gets": two_fields,
        "Request, body_fields of 5 fields": lambda: request().body_fields(),
        "Body.read of one piece, its source asked for the end": lambda: run_at_once(Body(Asked(), 2, 9).read()),
        "Body.read of one piece, its source knowing the end": lambda: run_at_once(Body(Knowing(), 2, 9).read()),
        "Body.in_one_piece of one piece": lambda: run_at_once(Body(Knowing(), 2, 9).in_one_piece(9)),
        "Body.chunks_within_limit of one piece": lambda: run_at_once(in_chunks()),
    }


def tables(data: dict[str, list[float]]) -> list[Table]:
    rows = []
    for name, values in data.items():
        found = Rounds(tuple(values))
        # Of what costs next to nothing, the loop that was taken off leaves no meaningful spread.
        spread = percent(found.spread) if found.least > _MEASURABLE else ""
        rows.append([name, ns(found.least), ns(found.median), spread])
    return [Table("Parts, ns", ("", "least", "median", "spread"), rows)]
