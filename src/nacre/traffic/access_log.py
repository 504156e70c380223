"""One line of the log for each request, written when its last byte is sent."""

from __future__ import annotations

import difflib
import itertools
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from nacre.chain.hooks import Hooks
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.state import Key
from nacre.traffic.functions import not_plain
from nacre.traffic.identity import user_id
from nacre.traffic.log_lines import TEXT_MAX, Redaction, as_json, as_text, loggable, one_line
from nacre.traffic.request_id import REQUEST_ID
from nacre.traffic.visits import Visit

_errors = logging.getLogger("nacre.error")

Field = Literal[
    "time",
    "request_id",
    "client",
    "user",
    "method",
    "path",
    "query",
    "route",
    "protocol",
    "scheme",
    "host",
    "referer",
    "agent",
    "status",
    "bytes",
    "duration",
    "outcome",
    "close_code",
]

DEFAULT_FIELDS: tuple[Field, ...] = (
    "time",
    "request_id",
    "client",
    "user",
    "method",
    "path",
    "query",
    "route",
    "status",
    "bytes",
    "duration",
    "outcome",
    "close_code",
    "agent",
)

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


_numbers = itertools.count(1)


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
        self._reads = tuple((field, _READ[field]) for field in fields)
        self._names = frozenset(fields)
        self._skip = skip
        self._user = user
        self._secrets = tuple(secrets)
        self._redaction = Redaction(secrets)
        self._clock = clock
        self._second = (-1, "")
        self._key: Key[Visit] = Key(f"nacre.access.{next(_numbers)}")

    def __repr__(self) -> str:
        return f"AccessLog({self._logger.name})"

    def find_risks(self) -> Iterable[Risk]:
        """That secrets in queries are logged."""
        if not self._secrets and "query" in self._names:
            fix = "leave out secrets=(), or the field `query`"
            yield Risk("AccessLog writes tokens and passwords in queries to the log", fix, where=self._where)

    def _before(self, request: Request) -> None:
        self._visit(request)

    def _finalize(self, request: Request, response: Response) -> None:
        visit = self._visit(request)
        if visit is not None:
            visit.user = self._user_of(request)
            visit.answered(response)

    def _visit(self, request: Request) -> Visit | None:
        """The visit of a request, begun now if it wasn't; None while nobody wants to know."""
        if not self._logger.isEnabledFor(logging.INFO):
            return None
        state = request.state
        visit = state.get(self._key)
        if visit is None:
            visit = state[self._key] = Visit(request, self._clock(), self._end)
            request.after_response(visit)
        return visit

    def _end(self, visit: Visit) -> None:
        if not visit.status:
            visit.user = self._user_of(visit.request)
        try:
            self._write(visit)
        finally:
            # PERF: else each holds the other until the garbage is collected.
            visit.request.state.shared.pop(str(self._key), None)

    def _write(self, visit: Visit) -> None:
        if self._skip is not None and self._skip(visit.request, visit.status) is True:
            return
        visit.seconds = self._clock() - visit.began
        fields: dict[str, Any] = {}
        for name, read in self._reads:
            value = read(self, visit)
            if value is not None:
                # PERF: most texts are ready, and need no call.
                is_ready = value.__class__ is str and len(value) <= TEXT_MAX and value.isprintable()
                fields[name] = value if is_ready else loggable(value)
        # PERF: what `logger.info` does, without looking for its caller, which is always here (a tenth of the time).
        line, logger = self._format(fields), self._logger
        record = logger.makeRecord(logger.name, logging.INFO, __file__, 0, "%s", (line,), None, "_write")
        record.access = fields
        logger.handle(record)

    def time_of_day(self) -> str:
        """The time in UTC. PERF: its seconds are written once for all requests of a second."""
        second, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
        known, text = self._second
        if known != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second, text  # one assignment, which any thread may do
        return f"{text}.{milliseconds:03}Z"

    def _user_of(self, request: Request) -> Any:
        """What is logged of the user."""
        if "user" not in self._names or request.user is None:
            return None
        try:
            return self._user(request.user)
        except Exception:
            _errors.exception("AccessLog could not tell who the user is")
            return None

    def query_of(self, request: Request) -> str | None:
        """The query, without secrets."""
        text = request.query_string
        return self._redaction.of_query(text) if text else None


def _client(layer: AccessLog, visit: Visit) -> str | None:
    address = visit.request.client
    return None if address is None else address[0]


def _path(layer: AccessLog, visit: Visit) -> str:
    return visit.request.root_path + visit.request.path


def _route(layer: AccessLog, visit: Visit) -> str | None:
    route = visit.request.route
    return None if route is None else route.path


_USER_INFO = re.compile(r"(?<=//)[^/]*@")


def _referer(layer: AccessLog, visit: Visit) -> str | None:
    given = visit.request.headers.get("referer")
    if given is None:
        return None
    # SECURITY: what stands before `@` and after `?` may be secrets; with `\\` for `/` too.
    return _USER_INFO.sub("", re.split("[?#]", given, maxsplit=1)[0].replace("\\", "/"))


_READ: Mapping[str, Callable[[AccessLog, Visit], Any]] = {
    "time": lambda layer, visit: layer.time_of_day(),
    "request_id": lambda layer, visit: visit.request.state.get(REQUEST_ID),
    "client": _client,
    "user": lambda layer, visit: visit.user,
    "method": lambda layer, visit: visit.request.method,
    "path": _path,
    "query": lambda layer, visit: layer.query_of(visit.request),
    "route": _route,
    "protocol": lambda layer, visit: f"HTTP/{visit.request.http_version}",
    "scheme": lambda layer, visit: visit.request.scheme,
    "host": lambda layer, visit: visit.request.headers.get("host"),
    "referer": _referer,
    "agent": lambda layer, visit: visit.request.headers.get("user-agent"),
    "status": lambda layer, visit: visit.status or None,
    "bytes": lambda layer, visit: visit.sent,
    "duration": lambda layer, visit: round(visit.seconds, 6),
    "outcome": lambda layer, visit: visit.outcome,
    "close_code": lambda layer, visit: visit.close_code,
}

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
