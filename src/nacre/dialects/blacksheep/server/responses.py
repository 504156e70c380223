"""Functions that make responses, each called for what it says."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from enum import Enum
from functools import partial
from io import BytesIO
from typing import Any, Literal

from nacre.dialects.blacksheep.contents import Content, JSONContent, StreamedContent, TextContent
from nacre.dialects.blacksheep.messages import Response, own_response
from nacre.dialects.blacksheep.settings.json import json_settings
from nacre.disposition import content_disposition as write_disposition
from nacre.files import FileResponse
from nacre.response import ready_response
from nacre.urls import check_redirect

FileInput = Callable[[], AsyncIterable[bytes]] | str | bytes | bytearray | BytesIO


_TEXT = ("content-type", "text/plain; charset=utf-8")
_HTML = ("content-type", "text/html; charset=utf-8")
_JSON = ("content-type", "application/json")


class ContentDispositionType(Enum):
    INLINE = "inline"
    ATTACHMENT = "attachment"


def _content(message: Any) -> Content | None:
    if message is None or isinstance(message, Content):
        return message
    return TextContent(message) if isinstance(message, str) else JSONContent(message)


def status_code(status: int = 200, message: Any = None) -> Response:
    """A response of this status: text for a `str`, JSON for other values, no body for None."""
    return Response(status, None, _content(message))


ok = partial(status_code, 200)
accepted = partial(status_code, 202)


def created(message: Any = None, location: str | bytes = "") -> Response:
    """201, with the place of what was made. Raises ValueError for a location that isn't one."""
    response = status_code(201, message)
    if location:
        response.headers.set("location", _location(location))
    return response


def no_content() -> Response:
    return Response(204)


def text(value: str, status: int = 200) -> Response:
    # PERF: without the constructor and the content, which cost ten times as much.
    response = ready_response(value.encode(), _TEXT, Response)
    response.status = status
    return response


def html(value: str, status: int = 200) -> Response:
    response = ready_response(value.encode(), _HTML, Response)
    response.status = status
    return response


def json(data: Any, status: int = 200) -> Response:
    response = ready_response(json_settings.encode(data), _JSON, Response)
    response.status = status
    return response


def pretty_json(data: Any, status: int = 200, indent: int = 4) -> Response:
    """JSON for people, with `indent` spaces for each level."""
    written = json_settings.pretty_dumps(data)
    if indent != 4:
        lines = [(line, len(line) - len(line.lstrip(" "))) for line in written.split("\n")]
        written = "\n".join(" " * (depth // 4 * indent) + line.lstrip(" ") for line, depth in lines)
    return Response(status, None, Content(b"application/json", written.encode()))


def _redirect(status: int, location: str | bytes) -> Response:
    """A redirect. Raises ValueError for a location that isn't one, or of another scheme than HTTP's."""
    response = Response(status)
    response.headers.set("location", _location(location))
    return response


def _location(location: str | bytes) -> str:
    # SECURITY: no line ends and no other schemes; whether it leads where it may is for the caller to decide.
    return check_redirect(location.decode() if isinstance(location, bytes) else location, ("http", "https"))


redirect = partial(_redirect, 302)
see_other = partial(_redirect, 303)
moved_permanently = partial(_redirect, 301)
temporary_redirect = partial(_redirect, 307)
permanent_redirect = partial(_redirect, 308)


def not_modified() -> Response:
    return Response(304)


bad_request = partial(status_code, 400)
unauthorized = partial(status_code, 401)
forbidden = partial(status_code, 403)
not_found = partial(status_code, 404)


def file(
    value: FileInput,
    content_type: str,
    *,
    file_name: str | None = None,
    content_disposition: ContentDispositionType = ContentDispositionType.ATTACHMENT,
) -> Response:
    """A file: of a path that is yours to choose, bytes, an open `BytesIO`, or a function that gives its pieces.

    One at a path gets what Nacre's `FileResponse` gives it: `ETag`, conditional requests and ranges.
    """
    if isinstance(value, str):
        response = own_response(FileResponse(value, content_type=content_type))
    elif callable(value):
        response = Response(200, None, StreamedContent(content_type.encode(), value))
    else:
        data = value.read() if isinstance(value, BytesIO) else bytes(value)
        response = Response(200, None, Content(content_type.encode(), data))
    kind: Literal["attachment", "inline"] = content_disposition.value
    response.headers.set("content-disposition", write_disposition(kind, file_name) if file_name else kind)
    return response
