"""Sessions in the memory of one process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from nacre.sessions.records import Record
from nacre.sessions.sweeping import Sweep

_SWEEP = 60.0  # seconds; 100,000 records are looked through in 6 ms


class MemoryStore:
    """Keeps sessions in this process: for tests, for development, and for a site that has one process.

    They end with the process, and another worker process doesn't know them. At most `max_records` are kept; beyond
    that, those that were written longest ago go.
    """

    inline = True

    def __init__(self, *, max_records: int = 100_000, clock: Callable[[], float] = time.time) -> None:
        # What was written last comes last. A dict would look for the first one among all that were deleted.
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._lock = threading.Lock()
        self._max_records = max_records
        self._sweep = Sweep(_SWEEP, self._expire, clock)

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
            self._records[key] = record
            self._records.move_to_end(key)
            self._sweep.run_if_due()
            while len(self._records) > self._max_records:
                self._records.popitem(last=False)
            return True

    def delete(self, key: str, version: int | None = None) -> bool:
        with self._lock:
            present = self._records.get(key)
            if present is None or version not in (None, present.version):
                return False
            del self._records[key]
            return True

    def _expire(self, now: float) -> None:
        for key in [key for key, record in self._records.items() if record.expires <= now]:
            del self._records[key]
