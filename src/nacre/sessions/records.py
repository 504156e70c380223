"""What is kept of a session, for how long, and what a place to keep it must be able to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from nacre.callables import is_async


@dataclass(frozen=True, slots=True)
class Record:
    """A session as it is kept: its content as JSON, and its times in seconds since 1970.

    `created` is when it began or got its present id; it is no session any more from `expires` on. `version` is 1 for a
    record that is written first, and one more each time that it is written again.
    """

    data: bytes
    created: float
    expires: float
    version: int = 1


class Store(Protocol):
    """Where records are kept on the server's side. A class needs these three methods and no base.

    They are all plain or all `async def`. Plain ones are called in a worker thread, unless an attribute `inline` of the
    store is True: that says that they never block. Each must be atomic, for calls from several threads and processes.
    A key is a text of 72 letters, digits and hyphens, made by hashing the id that the client has: who reads a store
    can't open the sessions in it.

    A store drops what has expired on its own account; `read` may give it or not.
    """

    def read(self, key: str) -> Record | Awaitable[Record | None] | None:
        """The record with this key, or None."""
        ...

    def write(self, key: str, record: Record, replaces: int | None) -> bool | Awaitable[bool]:
        """Put a record in place of the one of version `replaces`, or, if that is None, where there is none.

        Returns False, and changes nothing, if another version is there, or none: another request was faster.
        """
        ...

    def delete(self, key: str, version: int | None = None) -> bool | Awaitable[bool]:
        """Delete a record; with `version`, only if it has that one. Returns whether it was deleted."""
        ...


def is_inline(store: Store) -> bool:
    """Whether a store is plain code that says that it never blocks."""
    return bool(getattr(store, "inline", False)) and not is_async(store.read)


class Lifetime(Struct, frozen=True):
    """How long sessions live: `max_age` seconds from their beginning, and `idle` seconds without being used."""

    max_age: float
    idle: float | None
    clock: Callable[[], float]

    def begin(self, data: bytes) -> Record:
        """A session that begins now."""
        now = self.clock()
        return Record(data, now, self.end(now, now))

    def extend(self, record: Record, data: bytes) -> Record:
        """The next version of a record, used now."""
        return Record(data, record.created, self.end(record.created, self.clock()), record.version + 1)

    def is_over(self, record: Record) -> bool:
        now = self.clock()
        return now >= record.expires or now >= record.created + self.max_age

    def is_due(self, record: Record) -> bool:
        """Whether a session that is only read must be written to live on: once in a tenth of `idle` at most."""
        if self.idle is None:
            return False
        return self.end(record.created, self.clock()) - record.expires >= self.idle / 10

    def end(self, created: float, used: float) -> float:
        """When a session ends that began at `created` and was used last at `used`."""
        end = created + self.max_age
        return end if self.idle is None else min(end, used + self.idle)
