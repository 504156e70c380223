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
    from nacre import Response
    from nacre.codecs import decode_json, encode_json
    from nacre.headers import Headers, MutableHeaders, check_value
    from nacre.lazy import lazy
    from nacre.response import ready_response
    from nacre.threads import run_at_once
    from nacre.urls import QueryParams

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

    def plain() -> None:
        pass

    async def asynchronous() -> None:
        plain()

    async def around() -> None:
        await asynchronous()

    attributes = Attributes()
    pair = ("content-type", "application/json")
    twenty = [(f"x-layer-{index}", "1") for index in range(20)]
    raw = [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"bench/1"), (b"accept", b"*/*")]
    message = {"message": "Hello, World!"}
    encoded = encode_json(message)
    return {
        "a plain call": plain,
        "a coroutine": lambda: run_at_once(asynchronous()),
        "a coroutine around a coroutine": lambda: run_at_once(around()),
        "an attribute of the instance": lambda: attributes.own,
        "an attribute of its class, read through it": lambda: attributes.of_class,
        "any(…) over 20 pairs": lambda: any(name == "content-length" for name, _ in twenty),
        "a loop over 20 pairs": lambda: [None for name, _ in twenty if name == "content-length"],
        "Response(bytes)": lambda: Response(b"", content_type="application/json"),
        "ready_response(bytes)": lambda: ready_response(b"", pair),
        "functools.cached_property, first read": lambda: Cached().value,
        "lazy, first read": lambda: Lazy().value,
        "Headers.from_bytes of 3 fields": lambda: Headers.from_bytes(raw),
        "Headers.from_bytes of 3 fields, one get": lambda: Headers.from_bytes(raw).get("host"),
        "MutableHeaders.add to an empty list": lambda: MutableHeaders([]).add("x-layer-0", "1"),
        "MutableHeaders.set among 20 others": lambda: MutableHeaders(twenty.copy()).set("x-layer-19", "1"),
        "check_value of a short text": lambda: check_value("x-layer-0", "1"),
        "QueryParams of one field, one get": lambda: QueryParams("limit=10").get("limit"),
        "encode_json of a small dict": lambda: encode_json(message),
        "decode_json of a small dict": lambda: decode_json(encoded),
    }


def tables(data: dict[str, list[float]]) -> list[Table]:
    rows = []
    for name, values in data.items():
        found = Rounds(tuple(values))
        # Of what costs next to nothing, the loop that was taken off leaves no meaningful spread.
        spread = percent(found.spread) if found.least > _MEASURABLE else ""
        rows.append([name, ns(found.least), ns(found.median), spread])
    return [Table("Parts, ns", ("", "least", "median", "spread"), rows)]
