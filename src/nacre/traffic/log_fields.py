"""What a line of the log says of one request: a function that reads the chosen fields, written for one AccessLog."""

from __future__ import annotations

import hashlib
import linecache
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from nacre.request import Request
from nacre.traffic.log_lines import TEXT_MAX, loggable
from nacre.traffic.request_id import REQUEST_ID
from nacre.traffic.visits import Visit

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

_USER_INFO = re.compile(r"(?<=//)[^/]*@")


def _referer(request: Request) -> str | None:
    given = request.headers.get("referer")
    if given is None:
        return None
    # SECURITY: what stands before `@` and after `?` may be secrets; with `\` for `/` too.
    return _USER_INFO.sub("", re.split("[?#]", given, maxsplit=1)[0].replace("\\", "/"))


_GIVEN: Mapping[str, str] = {
    "request_id": "request.state.shared.get(REQUEST_ID)",
    "client": "address[0] if (address := request.client) is not None else None",
    "user": "visit.user",
    "method": "request.method",
    "path": "request.root_path + request.path",
    "query": "without_secrets(query) if (query := request.query_string) else None",
    "route": "route.path if (route := request.route) is not None else None",
    "protocol": 'f"HTTP/{request.http_version}"',
    "scheme": "request.scheme",
    "host": 'request.headers.get("host")',
    "referer": "referer(request)",
    "agent": 'request.headers.get("user-agent")',
}
"""Fields that others give a value, None if there is none: they are looked at before they are logged."""

_OURS: Mapping[str, tuple[str, str]] = {
    "time": ("", "time_of_day(now)"),
    "status": ("visit.status", "visit.status"),
    "bytes": ("", "visit.sent"),
    "duration": ("", "round(seconds * 1_000_000) / 1_000_000"),
    "outcome": ("", '"complete" if visit.ended and visit.status != 101 else visit.outcome'),
    "close_code": ("visit.status == 101 and visit.close_code is not None", "visit.close_code"),
}
"""Fields that nobody but us gives a value: when there is one, "" for always, and what it is.

PERF: `round` to six digits writes the number as decimal text and reads it again, twice the work.
"""


def reader(
    fields: Sequence[Field], time_of_day: Callable[[float], str], without_secrets: Callable[[str], str]
) -> Callable[[Visit, float, float], dict[str, Any]]:
    """The function that makes the fields of a visit, in their order, without those that have no value.

    It is told of the visit how many seconds it took, and the time.

    PERF: written as source; with a function for each field the fields take half as long again (bench/parts.py).
    """
    source = source_of(fields)
    digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()[:12]
    name = f"<nacre access log {digest}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    names: dict[str, Any] = {
        "REQUEST_ID": str(REQUEST_ID),  # PERF: no subclass, of which a dict asks more
        "loggable": loggable,
        "referer": _referer,
        "time_of_day": time_of_day,
        "without_secrets": without_secrets,
    }
    exec(compile(source, name, "exec"), names)  # noqa: S102 - written below, of known fields  # nosec B102
    return names["read"]  # type: ignore[no-any-return]


def source_of(fields: Sequence[Field]) -> str:
    """The source of the function that `reader` makes."""
    lines = ["request = visit.request", "fields = {}"]
    for field in fields:
        lines += _read(field)
    body = "\n".join(f"    {line}" for line in [*lines, "return fields"])
    return f"def read(visit, seconds, now):\n{body}\n"


def _read(field: str) -> list[str]:
    if field in _OURS:
        condition, value = _OURS[field]
        line = f"fields[{field!r}] = {value}"
        return [f"if {condition}:", f"    {line}"] if condition else [line]
    # PERF: most texts are ready, and need no call.
    ready = f"value.__class__ is str and len(value) <= {TEXT_MAX} and value.isprintable()"
    return [
        f"value = {_GIVEN[field]}",
        "if value is not None:",
        f"    fields[{field!r}] = value if {ready} else loggable(value)",
    ]
