"""Madara's log: one line for each message, its beginning coloured by the level where that is a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

default_stream_handler = logging.StreamHandler()

_RESET = "\x1b[0m"


class LogFormatter(logging.Formatter):
    """Formats `[E 261121 22:33:51 module:12] message`; further lines of a message are indented.

    `fmt` may name `%(color)s` and `%(end_color)s`; `colors` gives the number of an ANSI colour for each level. They are
    empty without `color`, and where standard error is no terminal.
    """

    DEFAULT_FORMAT = "%(color)s[%(levelname)1.1s %(asctime)s %(module)s:%(lineno)d]%(end_color)s %(message)s"
    DEFAULT_DATE_FORMAT = "%y%m%d %H:%M:%S"
    DEFAULT_COLORS: Mapping[int, int] = {logging.DEBUG: 4, logging.INFO: 2, logging.WARNING: 3, logging.ERROR: 1}

    def __init__(
        self,
        fmt: str = DEFAULT_FORMAT,
        datefmt: str = DEFAULT_DATE_FORMAT,
        style: Any = "%",
        color: bool = True,
        colors: Mapping[int, int] = DEFAULT_COLORS,
    ) -> None:
        # What it is formatted with is there from `format` on only.
        super().__init__(fmt, datefmt, style, validate=False)
        self._escapes = {level: f"\x1b[2;3{number}m" for level, number in colors.items()}
        self._in_color = color and sys.stderr is not None and sys.stderr.isatty()

    def format(self, record: logging.LogRecord) -> str:
        escape = self._escapes.get(record.levelno) if self._in_color else None
        record.color, record.end_color = (escape, _RESET) if escape else ("", "")
        return super().format(record).replace("\n", "\n    ")


def enable_pretty_logging(
    logger: logging.Logger, handler: logging.Handler | None = None, color: bool = True, level: int = logging.WARNING
) -> logging.Logger:
    """Log messages from `level` on by `handler`, or to standard error, in the form of `LogFormatter`."""
    handler = handler or default_stream_handler
    handler.setFormatter(LogFormatter(color=color))
    logger.addHandler(handler)
    logger.setLevel(level)
    return logger
