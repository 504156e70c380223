"""An identifier for each request, in its state, on its response, and in what is logged while it runs."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, ClassVar

from nacre.chain.hooks import Hooks
from nacre.errors import ConfigurationError, Location, Problem
from nacre.headers import check_name
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.state import Key
from nacre.traffic.functions import not_plain

REQUEST_ID: Key[str] = Key("request id")
"""Where `RequestId` leaves the identifier: `request.state[REQUEST_ID]`."""

_NAME = str(REQUEST_ID)

_VALID = re.compile(r"[A-Za-z0-9._:=+/@-]{1,128}")

_current: ContextVar[str | None] = ContextVar("nacre_request_id", default=None)


_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""A hexadecimal digit of random bits as the one that tells the variant, 2, in its upper two bits (RFC 9562 §4.1)."""


def new_request_id() -> str:
    """A new identifier: a UUID of version 7 (RFC 9562 §5.7), so that identifiers sort by time. It is no secret.

    PERF: written as text, which takes a third of the time that a `UUID` does.
    """
    global _clock
    now = time.time_ns() // 1_000_000
    known, clock = _clock
    if known != now:
        digits = f"{now & _MILLISECONDS:012x}"
        clock = f"{digits[:8]}-{digits[8:]}-7"
        _clock = now, clock  # one assignment, which any thread may do
    try:
        random = _drawn.pop()
    except IndexError:
        random = _draw()
    return f"{clock}{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"


_MILLISECONDS = (1 << 48) - 1

_clock = (-1, "")
"""The last millisecond that an identifier was made in, and how those of it begin."""

_DIGITS = 20
_drawn: list[str] = []
"""Random digits for identifiers to come. PERF: drawn for many at once, since each draw is a call of the system.

Each is taken off once, whichever thread takes it; a forked process has to draw its own.
"""
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_drawn.clear)


def _draw(count: int = 64) -> str:
    digits = os.urandom(count * _DIGITS // 2).hex()
    first, *others = (digits[start : start + _DIGITS] for start in range(0, count * _DIGITS, _DIGITS))
    _drawn.extend(others)
    return first


def current_request_id() -> str | None:
    """The identifier of the request that this code runs for; None outside of one."""
    return _current.get()


class RequestId(Hooks):
    """A layer that gives each request an identifier, and sends it back in `header` on every response.

    It is in `request.state[REQUEST_ID]`, and `current_request_id()` has it wherever code runs for the request: in
    worker threads, streams, background callables, and tasks that were started there.

    An identifier that the client sends is taken only where `trust` is True, or is a function that returns True for the
    request, and only if it has 1 to 128 of the characters `A-Z a-z 0-9 . _ : = + / @ -`; a field that comes twice is
    not. Else `make()` makes one, a UUID of version 7 by default. Both functions are plain ones. Raises
    ConfigurationError for those that aren't, and for a malformed header name.
    """

    provides: ClassVar = (REQUEST_ID,)

    def __init__(
        self,
        header: str = "X-Request-Id",
        *,
        trust: bool | Callable[[Request], bool] = False,
        make: Callable[[], str] = new_request_id,
    ) -> None:
        super().__init__(before=self._before, finalize=self._finalize, inline=True)
        where = self._where = Location.of_caller()
        problems = not_plain("RequestId", where, trust=None if isinstance(trust, bool) else trust, make=make)
        try:
            self.header = check_name(header)
        except ValueError as error:
            problems.append(Problem(f"the header of RequestId: {error}", where))
        if problems:
            raise ConfigurationError(problems)
        self._trust = trust
        self._make = make

    def __repr__(self) -> str:
        return f"RequestId({self.header})"

    def find_risks(self) -> Iterable[Risk]:
        """That any client chooses its identifier, which another request may have."""
        if self._trust is True:
            fix = "give it a function that knows the proxy, unless every request comes through one that sets the field"
            yield Risk("RequestId takes the identifier that any client sends", fix, "low", self._where)

    def _before(self, request: Request) -> None:
        items = request.state.shared
        known: str | None = items.get(_NAME)
        if known is None:
            known = items[_NAME] = self._trusted(request) or self._make()
        _current.set(known)

    def _finalize(self, request: Request, response: Response) -> None:
        items = request.state.shared
        known: Any = items.get(_NAME)
        if known is None or _current.get() is not known:
            self._before(request)  # a layer outside has answered, or has given the request a new context
            known = items[_NAME]
        # PERF: what needs no other look is not kept among the pairs that were checked, where it would take the room of
        # those that come again.
        if known.__class__ is str and known.isascii() and known.isprintable() and known and " " not in known:
            header = self.header
            for name, _ in response.raw_headers:
                if name == header:
                    break
            else:
                response.raw_headers.append((header, known))
                return
        response.headers.set(self.header, known)

    def _trusted(self, request: Request) -> str | None:
        if self._trust is False or (self._trust is not True and self._trust(request) is not True):
            return None
        given = request.headers.getlist(self.header)
        return given[0] if len(given) == 1 and _VALID.fullmatch(given[0]) else None


class RequestIdFilter(logging.Filter):
    """A filter for handlers of the log: it adds `request_id` to each record, "-" outside of requests.

    So `%(request_id)s` may stand in a format. It drops no record.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = _current.get() or "-"
        return True
