"""Where the counts of rate limits are kept, and how each strategy counts."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol

from nacre.errors import ConfigurationError, Location, MissingExtra, Problem

Strategy = Literal["sliding", "fixed", "moving"]


@dataclass(frozen=True)
class Rate:
    """So many requests in a window of so many seconds; `name` is what the header fields call it."""

    amount: int
    window: int
    name: str
    strategy: Strategy = "sliding"


class Bucket(NamedTuple):
    """One count: a rate, and whose."""

    rate: Rate
    key: str


class Standing(NamedTuple):
    """Where a bucket stands after a request: `wait` is 0 if the request fits, else the seconds until it would."""

    remaining: int
    reset: float
    """Seconds until the count is lower again."""
    wait: float = 0.0


class RateLimitStore(Protocol):
    """Keeps counts, for one process or for many.

    `needs_loop` says whether `hit` ever waits for an event loop; one that doesn't may run in any thread.
    """

    needs_loop: bool

    async def hit(self, buckets: Sequence[Bucket], cost: int) -> Sequence[Standing]:
        """Count a request in all buckets if it fits in all of them, else in none; the standing of each, in order."""
        ...


class MemoryCounts:
    """Keeps the counts of this process in memory.

    Of each rate at most `max_keys` keys are kept. Past that the one that has been silent longest is forgotten, so who
    keeps hitting a limit stays limited. What is over is dropped a little at each request. All methods may be called
    from any thread.
    """

    needs_loop = False

    def __init__(self, max_keys: int = 100_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        if max_keys < 1:
            raise ConfigurationError(Problem(f"max_keys is a number from 1 on, not {max_keys}", Location.of_caller()))
        self.max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()
        self._tables: dict[Rate, OrderedDict[str, _Count]] = {}

    def __repr__(self) -> str:
        return f"MemoryCounts(max_keys={self.max_keys})"

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))

    async def hit(self, buckets: Sequence[Bucket], cost: int) -> Sequence[Standing]:
        return self.hit_now(buckets, cost)

    def hit_now(self, buckets: Sequence[Bucket], cost: int) -> Sequence[Standing]:
        """The same as `hit`, without a coroutine."""
        with self._lock:
            now = self._clock()
            if len(buckets) == 1:  # PERF: the usual case, without four lists
                count = self._count(*buckets[0], now)
                wait = count.wait(now, cost)
                if not wait:
                    count.take(now, cost)
                return (count.standing(now, wait),)
            counts = [self._count(rate, key, now) for rate, key in buckets]
            waits = [count.wait(now, cost) for count in counts]
            if not any(waits):
                for count in counts:
                    count.take(now, cost)
            return [count.standing(now, wait) for count, wait in zip(counts, waits, strict=True)]

    def _count(self, rate: Rate, key: str, now: float) -> _Count:
        table = self._tables.get(rate)
        if table is None:
            table = self._tables[rate] = OrderedDict()
        count = table.get(key)
        if count is None:
            count = table[key] = _COUNTS[rate.strategy](rate)
            if len(table) > self.max_keys:
                table.popitem(last=False)
        else:
            table.move_to_end(key)
        # All of a table last equally long after their last request, so the first ones are over first.
        for _ in range(2):
            oldest = next(iter(table))
            if oldest == key or not table[oldest].is_over(now):
                break
            del table[oldest]
        return count


class _Count(Protocol):
    """One key's count of one rate. `wait` comes first: it brings the count to the time that the others go by."""

    def wait(self, now: float, cost: int) -> float: ...

    def take(self, now: float, cost: int) -> None: ...

    def standing(self, now: float, wait: float) -> Standing: ...

    def is_over(self, now: float) -> bool: ...


class _Fixed:
    """A window that begins with its first request."""

    __slots__ = ("_began", "_rate", "_used")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._began = float("-inf")
        self._used = 0

    def wait(self, now: float, cost: int) -> float:
        if self.is_over(now):
            self._began, self._used = now, 0
        return 0.0 if self._used + cost <= self._rate.amount else self._began + self._rate.window - now

    def take(self, now: float, cost: int) -> None:
        self._used += cost

    def standing(self, now: float, wait: float) -> Standing:
        return Standing(self._rate.amount - self._used, self._began + self._rate.window - now, wait)

    def is_over(self, now: float) -> bool:
        return now >= self._began + self._rate.window


class _Sliding:
    """Two neighbouring windows: the one before counts by the part of it that is within the last `window` seconds."""

    __slots__ = ("_amount", "_before", "_index", "_passed", "_used", "_window")

    def __init__(self, rate: Rate) -> None:
        self._amount = rate.amount
        self._window = rate.window
        self._index = 0
        self._passed = 0.0
        """How much of the window that runs is over, from 0 to 1."""
        self._before = self._used = 0

    def wait(self, now: float, cost: int) -> float:
        window = self._window
        index = now // window
        if index != self._index:
            self._before = self._used if index == self._index + 1 else 0
            self._index, self._used = int(index), 0
        passed = self._passed = now / window - index
        free = self._amount - cost
        if self._before * (1 - passed) + self._used <= free:
            return 0.0
        if self._used <= free:  # enough of the window before goes out of sight while this one lasts
            return max((1 - (free - self._used) / self._before - passed) * window, 0.001)
        rest = max(1 - free / self._used, 0.0) if free >= 0 else 1.0
        return (1 - passed + rest) * window

    def take(self, now: float, cost: int) -> None:
        self._used += cost

    def standing(self, now: float, wait: float) -> Standing:
        left = 1 - self._passed
        return Standing(max(int(self._amount - self._before * left - self._used), 0), left * self._window, wait)

    def is_over(self, now: float) -> bool:
        return now // self._window > self._index + 1


class _Moving:
    """The time of each request of the last `window` seconds."""

    __slots__ = ("_rate", "_times")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._times: deque[float] = deque()

    def wait(self, now: float, cost: int) -> float:
        times, window = self._times, self._rate.window
        # As the wait is reckoned below: `times[0] <= now - window` is rounded otherwise.
        while times and times[0] + window <= now:
            times.popleft()
        missing = len(times) + cost - self._rate.amount
        if missing <= 0:
            return 0.0
        return float(window) if missing > len(times) else times[missing - 1] + window - now

    def take(self, now: float, cost: int) -> None:
        self._times.extend([now] * cost)

    def standing(self, now: float, wait: float) -> Standing:
        oldest = self._times[0] if self._times else now
        return Standing(self._rate.amount - len(self._times), oldest + self._rate.window - now, wait)

    def is_over(self, now: float) -> bool:
        return not self._times or self._times[-1] + self._rate.window <= now


_COUNTS: dict[Strategy, Callable[[Rate], _Count]] = {"fixed": _Fixed, "sliding": _Sliding, "moving": _Moving}


class LimitsStore:
    """Keeps counts where the library `limits` does: Redis, Valkey, Memcached, MongoDB, for all processes that use it.

    `uri` is the library's (`redis://localhost:6379`), without `async+`; `options` go to its storage. The requests of
    many processes are counted one rate after the other, so under contention a request that one rate refuses may have
    been counted by another. Storages see digests of the keys: addresses, users and what functions return stay here, and
    no text breaks what a storage takes for a key. Raises MissingExtra without the library, and what its storage raises.
    """

    needs_loop = True

    def __init__(self, uri: str, **options: Any) -> None:
        try:
            from limits import RateLimitItemPerSecond
            from limits.aio import strategies
            from limits.storage import storage_from_string
        except ImportError:
            raise MissingExtra("LimitsStore", "ratelimit") from None
        storage: Any = storage_from_string(f"async+{uri}", **options)
        self._scheme = uri.partition(":")[0]  # the rest may hold a password
        self._item = RateLimitItemPerSecond
        self._limiters: dict[Strategy, Any] = {
            "fixed": strategies.FixedWindowRateLimiter(storage),
            "sliding": strategies.SlidingWindowCounterRateLimiter(storage),
            "moving": strategies.MovingWindowRateLimiter(storage),
        }

    def __repr__(self) -> str:
        return f"LimitsStore({self._scheme})"

    async def hit(self, buckets: Sequence[Bucket], cost: int) -> Sequence[Standing]:
        items = [
            (self._limiters[rate.strategy], self._item(rate.amount, rate.window, "nacre"), (rate.name, _digest(key)))
            for rate, key in buckets
        ]
        fits = [await limiter.test(item, *names, cost=cost) for limiter, item, names in items]
        if all(fits):
            fits = [await limiter.hit(item, *names, cost=cost) for limiter, item, names in items]
        standings: list[Standing] = []
        for (limiter, item, names), fit in zip(items, fits, strict=True):
            stats = await limiter.get_window_stats(item, *names)
            reset = max(stats.reset_time - time.time(), 0.0)
            standings.append(Standing(max(stats.remaining, 0), reset, 0.0 if fit else max(reset, 0.001)))
        return standings


def _digest(key: str) -> str:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
