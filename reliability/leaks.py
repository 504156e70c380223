"""R18: what stays behind after a request.

Every kind of request of `reliability.mixed` is made 20 000 times over ASGI, RSGI and WSGI, in process and by the
transports' doubles, so that nothing but Nacre is counted. Each request has data of its own: paths, methods, hosts,
cookies, entity tags, queries, header names, bodies, forms, charsets, messages of exceptions.

What is counted after every eighth request are the objects that the garbage collector knows and the blocks of memory
that the interpreter has allocated (what tracemalloc counts, without its cost). A bounded cache fills up and stays, or
is emptied and fills up again, so the figure is how much higher the highest count of the second half is than that of the
first, by the requests of a half: 0.1 at most. What misses it is measured again, twice, since a cache may not have been
full; a leak goes on. Then tracemalloc names the lines that allocated what stayed.

The short form makes about 1 000 of each kind, for caches of 512 entries to be seen emptied in each half. By so few
requests a cache's entries weigh more, so half of one is allowed there.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nacre.testing import TestClient
from nacre.testing.client import TransportName
from reliability.experiment import Finding, Options
from reliability.mixed import KINDS, Call, app

GOAL = "no more than 0.1 objects stay behind per request, of any kind"

Make = Callable[[int], Call]

PROTOCOLS: tuple[TransportName, ...] = ("asgi", "rsgi", "wsgi")
_REQUESTS = 20_000
_FEW_REQUESTS = 1040
_WARM_UP = 100
_ATTEMPTS = 3

_SAMPLE = 8
_ALLOWED = 0.1
_ALLOWED_OF_FEW = 0.5
_ROOT = Path(__file__).parents[1]


def run(options: Options) -> Iterator[Finding]:
    requests = _REQUESTS if options.full else _FEW_REQUESTS
    for protocol in PROTOCOLS:
        if not options.servers or any(protocol in server for server in options.servers):
            yield from check(protocol, requests)


def check(
    protocol: TransportName, requests: int = _FEW_REQUESTS, kinds: Mapping[str, Make] = KINDS
) -> Iterator[Finding]:
    """Measure these kinds of request over one protocol."""
    log = logging.getLogger("nacre.error")
    silent, log.disabled = log.disabled, True
    gc.collect()
    gc.freeze()  # what was there before would be looked at in each collection
    try:
        with asyncio.Runner() as runner:
            worst = "", _Kept(0, 0)
            for name, make in kinds.items():
                kept = runner.run(_measure(protocol, make, requests))
                if not kept.within(requests):
                    yield Finding(f"{protocol}, {name}", str(kept), False)
                worst = max(worst, (name, kept), key=lambda one: one[1].most)
            said = f"at most {worst[1]} ({worst[0]}), {len(kinds)} kinds, {requests} requests each"
            yield Finding(protocol, said, worst[1].within(requests))
    finally:
        gc.unfreeze()
        log.disabled = silent


@dataclass(frozen=True)
class _Kept:
    """What stayed behind per request."""

    objects: float
    blocks: float
    lines: tuple[str, ...] = ()

    @property
    def most(self) -> float:
        return max(self.objects, self.blocks)

    def within(self, requests: int) -> bool:
        """Whether it is no more than is allowed of so many requests."""
        return self.most <= (_ALLOWED if requests >= _REQUESTS else _ALLOWED_OF_FEW)

    def __str__(self) -> str:
        said = f"{self.objects:.3f} objects and {self.blocks:.3f} blocks per request"
        return "; ".join([said, *self.lines])


async def _measure(protocol: TransportName, make: Make, requests: int) -> _Kept:
    numbers = itertools.count()
    async with TestClient(app, protocol) as client:
        await _repeat(client, make, numbers, _WARM_UP)
        kept = _Kept(0, 0)
        for _ in range(_ATTEMPTS):
            first = await _peak(client, make, numbers, requests // 2)
            second = await _peak(client, make, numbers, requests // 2)
            half = requests // 2
            kept = _Kept((second[0] - first[0]) / half, (second[1] - first[1]) / half)
            if kept.within(requests):
                return kept
        return _Kept(kept.objects, kept.blocks, await _lines(client, make, numbers, _FEW_REQUESTS))


async def _peak(client: TestClient, make: Make, numbers: Iterator[int], requests: int) -> tuple[int, int]:
    """The highest counts of objects and of blocks within so many requests."""
    objects = blocks = 0
    for _ in range(requests // _SAMPLE):
        await _repeat(client, make, numbers, _SAMPLE)
        gc.collect()
        objects, blocks = max(objects, len(gc.get_objects())), max(blocks, sys.getallocatedblocks())
    return objects, blocks


async def _repeat(client: TestClient, make: Make, numbers: Iterator[int], times: int) -> None:
    for number in itertools.islice(numbers, times):
        call = make(number)
        if call.leaves:
            async with client.stream(call.method, call.target, headers=call.headers) as stream:
                await anext(aiter(stream))
            continue
        if call.talks:
            await _talk(client, call)
            continue
        content = call.body or None
        response = await client.request(call.method, call.target, headers=call.headers, content=content)
        if response.status != call.status:
            raise AssertionError(f"{call.method} {call.target} was answered with {response.status}: {response.text}")


async def _talk(client: TestClient, call: Call) -> None:
    path, _, query = call.target.partition("?")
    async with client.websocket(path, query=query) as connection:
        await connection.send("hello")
        await connection.receive_text()


async def _lines(client: TestClient, make: Make, numbers: Iterator[int], window: int) -> tuple[str, ...]:
    """Where what stays behind is allocated, most first."""
    tracemalloc.start(1)
    try:
        await _repeat(client, make, numbers, 20)
        gc.collect()
        before = tracemalloc.take_snapshot()
        await _repeat(client, make, numbers, window)
        gc.collect()
        grown = tracemalloc.take_snapshot().compare_to(before, "lineno")
    finally:
        tracemalloc.stop()
    grown.sort(key=lambda line: -line.count_diff)
    return tuple(
        f"{line.count_diff} at {_short(line.traceback[0].filename)}:{line.traceback[0].lineno}" for line in grown[:4]
    )


def _short(filename: str) -> str:
    return filename.removeprefix(f"{_ROOT}/")
