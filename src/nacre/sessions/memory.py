"""Sessions in the memory of one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nacre.sessions.records import Record

_SWEEP = 60.0  # seconds; 100,000 records are looked through in 6 ms


class MemoryStore:
    """Keeps sessions in this process: for tests, for development, and for a site that has one process.

    They end with the process, and another worker process doesn't know them. At most `max_records` are kept; beyond
    that, those that were written longest ago go.
    """

    inline = True

    def __init__(self, *, max_records: int = 100_000, clock: Callable[[], float] = time.time) -> None:
        self._records: dict[str, Record] = {}  # what was written last comes last
        self._lock = threading.Lock()
        self._max_records = max_records
        self._clock = clock
        self._next_sweep = 0.0

    def __repr__(self) -> str:
        return "MemoryStore()"

    def __len__(self) -> int:
        return len(self._records)

    def read(self, key: str) -> Record | None:
        return self._records.get(key)

    def write(self, key: str, record: Record, replaces: int | None) -> bool:
        with self._lock:
            present = self._records.get(key)
            if (None if present is None else present.version) != replaces:
                return False
            self._records.pop(key, None)
            self._records[key] = record
            self._make_room()
            return True

    def delete(self, key: str, version: int | None = None) -> bool:
        with self._lock:
            present = self._records.get(key)
            if present is None or version not in (None, present.version):
                return False
            del self._records[key]
            return True

    def _make_room(self) -> None:
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP
            self._records = {key: record for key, record in self._records.items() if record.expires > now}
        while len(self._records) > self._max_records:
            del self._records[next(iter(self._records))]
