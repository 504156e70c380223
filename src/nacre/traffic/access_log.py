"""One line of the log for each request, written when its last byte is sent."""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

from nacre.chain.hooks import Hooks
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.traffic.functions import not_plain
from nacre.traffic.identity import user_id
from nacre.traffic.log_fields import DEFAULT_FIELDS, Field, reader
from nacre.traffic.log_lines import Redaction, as_json, as_text, one_line
from nacre.traffic.records import Records
from nacre.traffic.visits import Visit

_errors = logging.getLogger("nacre.error")

SECRET_WORDS = (
    "token",
    "pass",
    "pwd",
    "secret",
    "key",
    "code",
    "auth",
    "sig",
    "session",
    "credential",
    "jwt",
    "otp",
    "assertion",
    "saml",
    "ticket",
)
"""A field of the query whose name holds one of these is logged without its value."""

Format = Literal["json", "text"]


class AccessLog(Hooks):
    """A layer that logs each request in one line, at level INFO, when its last byte is sent or nothing more will be.

    `format` is "json", "text", or a function that makes text of the fields. The record has them as the mapping
    `record.access`, for handlers of the log that make something else of them. `fields` are those of `Field`; absent
    ones are left out. `duration` is in seconds, `bytes` those of the body that were handed to the server. `outcome` is
    "complete", "disconnected" where the client left before the end, "cancelled" where the server stopped the request,
    or "failed" for a stream that broke off. A WebSocket's line comes at its end, with its close code.

    Requests for which `skip(request, status)` is True aren't logged. `user(user)` gives what is logged of
    `request.user`; by default it is its `id`. It is asked when the response is ready, while what providers gave is
    open; if it raises, the line has no user. The layer stands outside of all whose work is to be timed; a layer outside
    of it that answers by itself is logged without it.

    SECURITY: lines are ASCII without control characters and at most 2 KiB long, whatever clients send; what records
    hold is short and printable. Header fields with credentials aren't logged at all, and values in the query are `***`
    where the name, or that of a field within the value, holds one of the words in `secrets`.

    All functions are plain ones. Raises ConfigurationError for those that aren't, and for fields and formats that don't
    exist.
    """

    def __init__(
        self,
        *,
        format: Format | Callable[[Mapping[str, Any]], str] = "json",
        logger: str | logging.Logger = "nacre.access",
        fields: Sequence[Field] = DEFAULT_FIELDS,
        skip: Callable[[Request, int], bool] | None = None,
        user: Callable[[Any], str | int | None] = user_id,
        secrets: Sequence[str] = SECRET_WORDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(before=self._before, finalize=self._finalize, inline=True)
        self._where = Location.of_caller()
        problems = _mistakes(format, fields, secrets)
        problems += not_plain("AccessLog", self._where, skip=skip, user=user)
        if problems:
            raise ConfigurationError(problems)
        self._format = _FORMATS[format] if isinstance(format, str) else _in_one_line(format)
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._records = Records(self._logger, __file__, "end")
        self._read = reader(fields, self.time_of_day, Redaction(secrets).of_query)
        self._names = frozenset(fields)
        self._skip = skip
        self._user = user
        self._secrets = tuple(secrets)
        self._clock = clock
        self._second = (0.0, "")

    def __repr__(self) -> str:
        return f"AccessLog({self._logger.name})"

    def find_risks(self) -> Iterable[Risk]:
        """That secrets in queries are logged."""
        if not self._secrets and "query" in self._names:
            fix = "leave out secrets=(), or the field `query`"
            yield Risk("AccessLog writes tokens and passwords in queries to the log", fix, where=self._where)

    def _before(self, request: Request) -> None:
        if self._logger.isEnabledFor(logging.INFO) and self._visit_of(request) is None:
            self._begin(request)

    def _finalize(self, request: Request, response: Response) -> None:
        # PERF: a visit that was begun says that somebody wants to know.
        visit = self._visit_of(request)
        if visit is None:  # a layer outside has answered
            if not self._logger.isEnabledFor(logging.INFO):
                return
            visit = self._begin(request)
        visit.user = self._user_of(request)
        visit.answered(response)

    def _visit_of(self, request: Request) -> Visit | None:
        """The visit that was begun, if one was: it stands with what follows the response, which is once per request."""
        for callback in request.after_callbacks or ():
            if isinstance(callback, Visit) and callback.log is self:
                return callback
        return None

    def _begin(self, request: Request) -> Visit:
        return request.after_response(Visit(request, self, self._clock(), self._skip is None))

    def end(self, visit: Visit) -> None:
        """Write the line of a visit that is over."""
        request = visit.request
        if not visit.status:
            visit.user = self._user_of(request)
        if self._skip is not None and self._skip(request, visit.status) is True:
            return
        seconds, now = self._clock() - visit.began, time.time()
        fields = self._read(visit, seconds, now)
        # PERF: what `logger.info` does, without looking for its caller, which is always here (a tenth of the time).
        self._logger.handle(self._records.make(self._format(fields), fields, now))

    def time_of_day(self, now: float) -> str:
        """A time in UTC. PERF: its seconds are written once for all requests of a second."""
        second, text = self._second
        if not 0 <= now - second < 1:
            second = now // 1
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second, text  # one assignment, which any thread may do
        return text + _fraction(int((now - second) * 1000))

    def _user_of(self, request: Request) -> Any:
        """What is logged of the user."""
        user = request.user if "user" in self._names else None
        if user is None:
            return None
        try:
            return self._user(user)
        except Exception:
            _errors.exception("AccessLog could not tell who the user is")
            return None


@lru_cache(maxsize=1000)
def _fraction(milliseconds: int) -> str:
    """How the time ends. PERF: a third of what it takes to write the number."""
    return f".{milliseconds:03}Z"


_FORMATS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"json": as_json, "text": as_text}


def _in_one_line(write: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    return lambda fields: one_line(write(fields))


def _mistakes(format: object, fields: Sequence[str], secrets: Sequence[str]) -> list[Problem]:
    where = Location.of_caller()
    problems: list[Problem] = []
    if callable(format):
        problems += not_plain("AccessLog", where, format=format)
    elif format not in get_args(Format):
        fix = f"there are {', '.join(get_args(Format))}, or give a function of the fields"
        problems.append(Problem(f"AccessLog has the format {format!r}", where, fix))
    for name, value in (("fields", fields), ("secrets", secrets)):
        if isinstance(value, str):
            problems.append(Problem(f"AccessLog has {name}={value!r}", where, f"give it a list: [{value!r}]"))
    if isinstance(fields, str):
        return problems
    for field in fields:
        if field not in get_args(Field):
            near = difflib.get_close_matches(str(field), get_args(Field), 1)
            fix = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(get_args(Field))}"
            problems.append(Problem(f"AccessLog has the field {field!r}", where, fix))
    return problems
