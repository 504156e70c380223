"""When stores delete what has expired."""

from __future__ import annotations

import logging
from collections.abc import Callable

_log = logging.getLogger("nacre.sessions")


class Sweep:
    """Deletes what has expired, once in `interval` seconds at most, beside the writing that a request asks for."""

    def __init__(self, interval: float, delete: Callable[[float], object], clock: Callable[[], float]) -> None:
        self._interval = interval
        self._delete = delete
        self._clock = clock
        self._last = float("-inf")

    def run_if_due(self) -> None:
        """Delete what has expired by now. What fails is logged, since the request has nothing to do with it."""
        now = self._clock()
        if 0 <= now - self._last < self._interval:  # a clock that was set back doesn't put it off
            return
        self._last = now
        try:
            self._delete(now)
        except Exception:
            _log.exception(
                "deleting sessions that have expired failed; it is tried again in %d seconds", self._interval
            )
