"""Records of the log, made from one that was made before."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import Any

_LEVEL = logging.INFO

_new = object.__new__

_forks = 0
"""How many times this process was forked off from another. PERF: to ask for its number is a call of the system."""


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_count_fork)


class Records:
    """Makes records of one logger, at level INFO, whose message is one line: what `logger.info` would make.

    PERF: a `LogRecord` splits its path and asks for names of processes and levels anew: 22,000 instructions, and this
    takes 9,000 (bench/parts.py). A record of the logger's own is the pattern for all others of its second. Loggers and
    factories that are not the standard ones make their own.
    """

    def __init__(self, logger: logging.Logger, path: str, function: str) -> None:
        self._logger = logger
        self._is_standard = getattr(logger.makeRecord, "__func__", None) is logging.Logger.makeRecord
        self._path = path
        self._function = function
        self._pattern: tuple[float, int, dict[str, Any]] = 0.0, 0, {}

    def make(self, line: str, access: dict[str, Any], now: float) -> logging.LogRecord:
        """The record of a line that is made now; `access` are its fields."""
        if not self._is_standard or logging.getLogRecordFactory() is not logging.LogRecord:
            record = self._made(line)
            record.access = access
            return record
        second, forks, pattern = self._pattern
        if not 0 <= now - second < 1 or forks != _forks:
            second, _, pattern = self._pattern = self._new_pattern(now)  # one assignment, which any thread may do
        milliseconds = (now - second) * 1000
        values = pattern.copy()
        values["args"] = (line,)
        values["access"] = access
        values["created"] = now
        values["msecs"] = milliseconds // 1
        values["relativeCreated"] += milliseconds
        main = values["thread"]
        if main is not None and main != (thread := threading.get_ident()):
            values["thread"] = thread
            values["threadName"] = threading.current_thread().name
        if "taskName" in values:  # since Python 3.12
            values["taskName"] = _task_name()
        record = _new(logging.LogRecord)
        record.__dict__ = values
        return record

    def _made(self, line: str) -> logging.LogRecord:
        name = self._logger.name
        return self._logger.makeRecord(name, _LEVEL, self._path, 0, "%s", (line,), None, self._function)

    def _new_pattern(self, now: float) -> tuple[float, int, dict[str, Any]]:
        """A second, how many forks ago it is, and the record of its first moment in the main thread."""
        second, forks = now // 1, _forks
        pattern = vars(self._made(""))
        pattern["access"] = None  # so that a copy has room for it
        pattern["relativeCreated"] += (second - pattern["created"]) * 1000
        if pattern["thread"] is not None:  # as `logging.logThreads` says
            main = threading.main_thread()  # no other thread will ever have its number
            pattern["thread"], pattern["threadName"] = main.ident, main.name
        return second, forks, pattern


def _task_name() -> str | None:
    if not getattr(logging, "logAsyncioTasks", True):
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None
    return None if task is None else task.get_name()
