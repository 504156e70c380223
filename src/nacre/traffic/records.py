"""Records of the log, made from one that was made before."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import Any

_LEVEL = logging.INFO


class Records:
    """Makes records of one logger, at level INFO, whose message is one line: what `logger.info` would make.

    PERF: a `LogRecord` splits its path and asks for names of processes and levels anew: 22,000 instructions, and this
    takes 13,000 (bench/parts.py). A record of the logger's own is the pattern for all others of its second. Loggers and
    factories that are not the standard ones make their own.
    """

    def __init__(self, logger: logging.Logger, path: str, function: str) -> None:
        self._logger = logger
        self._is_standard = getattr(logger.makeRecord, "__func__", None) is logging.Logger.makeRecord
        self._path = path
        self._function = function
        self._pattern: tuple[int, int | None, dict[str, Any]] = -1, None, {}

    def make(self, line: str, access: dict[str, Any]) -> logging.LogRecord:
        """The record of a line; `access` are its fields."""
        if not self._is_standard or logging.getLogRecordFactory() is not logging.LogRecord:
            record = self._made(line)
            record.access = access
            return record
        now = time.time()
        this_second = int(now)
        second, process, pattern = self._pattern
        if second != this_second or process != os.getpid():
            pattern = self._new_pattern()
        values = pattern.copy()
        values["args"] = (line,)
        values["access"] = access
        values["created"] = now
        values["msecs"] = int((now - this_second) * 1000) + 0.0
        values["relativeCreated"] = pattern["relativeCreated"] + (now - pattern["created"]) * 1000
        if values["thread"] is not None:  # as `logging.logThreads` says
            values["thread"] = threading.get_ident()
            values["threadName"] = threading.current_thread().name
        if "taskName" in values:  # since Python 3.12
            values["taskName"] = _task_name()
        record = logging.LogRecord.__new__(logging.LogRecord)
        record.__dict__ = values
        return record

    def _made(self, line: str) -> logging.LogRecord:
        name = self._logger.name
        return self._logger.makeRecord(name, _LEVEL, self._path, 0, "%s", (line,), None, self._function)

    def _new_pattern(self) -> dict[str, Any]:
        pattern = vars(self._made(""))
        pattern["access"] = None  # so that a copy has room for it
        self._pattern = int(pattern["created"]), os.getpid(), pattern  # one assignment, which any thread may do
        return pattern


def _task_name() -> str | None:
    if not getattr(logging, "logAsyncioTasks", True):
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None
    return None if task is None else task.get_name()
