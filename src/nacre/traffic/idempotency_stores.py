"""Where idempotency keys are kept, with the responses that their requests got."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from nacre.errors import ConfigurationError, Location, Problem


@dataclass(frozen=True)
class KeptResponse:
    """A response as it is kept to be sent again."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def size(self) -> int:
        """How much memory it takes, roughly, in bytes."""
        return len(self.body) + sum(len(name) + len(value) + 128 for name, value in self.headers)


@dataclass(frozen=True)
class Attempt:
    """A request that has come with a key: what it was, and whether it is over.

    `token` tells it from other attempts. `response` is None while it is in flight, and where it is over but its
    response was not one to keep.
    """

    token: str
    fingerprint: str
    is_over: bool = False
    response: KeptResponse | None = None


class IdempotencyStore(Protocol):
    """Keeps keys, for one process or for many. Keys are digests of 64 letters and digits.

    `needs_loop` says whether a method ever waits for an event loop; a store that doesn't may be used in any thread.
    One that outlives the process bounds how long an attempt may be in flight: nobody frees the keys of one that died.
    """

    needs_loop: bool

    async def begin(self, key: str, attempt: Attempt) -> Attempt | None:
        """Take a key for this attempt, at once for all who ask; if it is taken, the attempt that has it."""
        ...

    async def finish(self, key: str, attempt: Attempt, ttl: float) -> None:
        """Replace the attempt of the same token by this one, which is over, for `ttl` seconds."""
        ...

    async def release(self, key: str, token: str) -> None:
        """Free a key if the attempt of this token has it and isn't over."""
        ...


class MemoryResponses:
    """Keeps keys and responses in the memory of this process.

    Past `max_size` bytes the responses that were kept first are forgotten. Their keys stay, so that what was done isn't
    done again, until these alone take so much; keys in flight are never forgotten. All methods may be called from any
    thread.
    """

    needs_loop = False

    def __init__(self, max_size: int = 16 * 1024 * 1024, *, clock: Callable[[], float] = time.monotonic) -> None:
        if max_size < 0:
            what = f"max_size is a number of bytes from 0 on, not {max_size}"
            raise ConfigurationError(Problem(what, Location.of_caller()))
        self.max_size = max_size
        self._clock = clock
        self._lock = threading.Lock()
        self._in_flight: dict[str, Attempt] = {}
        self._over: OrderedDict[str, tuple[float, Attempt]] = OrderedDict()
        self._with_response: OrderedDict[str, None] = OrderedDict()
        self._size = 0

    def __repr__(self) -> str:
        return f"MemoryResponses(max_size={self.max_size})"

    def __len__(self) -> int:
        return len(self._in_flight) + len(self._over)

    async def begin(self, key: str, attempt: Attempt) -> Attempt | None:
        with self._lock:
            self._forget()
            known = self._in_flight.get(key)
            if known is not None:
                return known
            if key in self._over:
                ends, over = self._over[key]
                if ends > self._clock():
                    return over
                self._drop(key)  # not the first one: a layer with a longer `ttl` shares the store
            self._in_flight[key] = attempt
            return None

    async def finish(self, key: str, attempt: Attempt, ttl: float) -> None:
        with self._lock:
            held = self._in_flight.get(key)
            if held is None or held.token != attempt.token:
                return
            del self._in_flight[key]
            self._over[key] = (self._clock() + ttl, attempt)
            self._size += _size(attempt)
            if attempt.response is not None:
                self._with_response[key] = None
            self._forget()

    async def release(self, key: str, token: str) -> None:
        with self._lock:
            held = self._in_flight.get(key)
            if held is not None and held.token == token:
                del self._in_flight[key]

    def _forget(self) -> None:
        # Of one layer all are kept equally long, so the first ones are over first.
        now = self._clock()
        while self._over and next(iter(self._over.values()))[0] <= now:
            self._drop(next(iter(self._over)))
        # SECURITY: else a client with large responses of its own would have the requests of others run again.
        while self._size > self.max_size and self._with_response:
            key, _ = self._with_response.popitem(last=False)
            ends, attempt = self._over[key]
            bare = replace(attempt, response=None)
            self._over[key] = (ends, bare)
            self._size += _size(bare) - _size(attempt)
        while self._size > self.max_size:
            self._drop(next(iter(self._over)))

    def _drop(self, key: str) -> None:
        _, attempt = self._over.pop(key)
        self._with_response.pop(key, None)
        self._size -= _size(attempt)


_KEY_SIZE = 512


def _size(attempt: Attempt) -> int:
    return _KEY_SIZE + (0 if attempt.response is None else attempt.response.size)
