"""Functions that make responses, each called for what it says."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from enum import Enum
from io import BytesIO
from typing import Any

from nacre.dialects.blacksheep.contents import Content, JSONContent, StreamedContent, TextContent
from nacre.dialects.blacksheep.messages import Response, own_response, ready_response
from nacre.dialects.blacksheep.settings.json import json_settings
from nacre.disposition import content_disposition as write_disposition
from nacre.files import FileResponse
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


def ok(message: Any = None) -> Response:
    return status_code(200, message)


def created(message: Any = None, location: str | bytes = "") -> Response:
    """201, with the place of what was made. Raises ValueError for a location that isn't one."""
    response = status_code(201, message)
    if location:
        response.headers.set("location", _location(location))
    return response


def accepted(message: Any = None) -> Response:
    return status_code(202, message)


def no_content() -> Response:
    return Response(204)


def text(value: str, status: int = 200) -> Response:
    return ready_response(value.encode(), _TEXT, status)


def html(value: str, status: int = 200) -> Response:
    return ready_response(value.encode(), _HTML, status)


def json(data: Any, status: int = 200) -> Response:
    return ready_response(json_settings.encode(data), _JSON, status)


def pretty_json(data: Any, status: int = 200, indent: int = 4) -> Response:
    """JSON for people, with `indent` spaces for each level."""
    written = json_settings.pretty_dumps(data)
    if indent != 4:
        lines = [(line, len(line) - len(line.lstrip(" "))) for line in written.split("\n")]
        written = "\n".join(" " * (depth // 4 * indent) + line.lstrip(" ") for line, depth in lines)
    return Response(status, None, Content(b"application/json", written.encode()))


def _redirect(status: int, location: str | bytes) -> Response:
    response = Response(status)
    response.headers.set("location", _location(location))
    return response


def _location(location: str | bytes) -> str:
    # SECURITY: no line ends and no other schemes; whether it leads where it may is for the caller to decide.
    return check_redirect(location.decode() if isinstance(location, bytes) else location, ("http", "https"))


def redirect(location: str | bytes) -> Response:
    """302. Raises ValueError for a location that isn't one, or of another scheme than HTTP's."""
    return _redirect(302, location)


def see_other(location: str | bytes) -> Response:
    return _redirect(303, location)


def moved_permanently(location: str | bytes) -> Response:
    return _redirect(301, location)


def temporary_redirect(location: str | bytes) -> Response:
    return _redirect(307, location)


def permanent_redirect(location: str | bytes) -> Response:
    return _redirect(308, location)


def not_modified() -> Response:
    return Response(304)


def bad_request(message: Any = None) -> Response:
    return status_code(400, message)


def unauthorized(message: Any = None) -> Response:
    return status_code(401, message)


def forbidden(message: Any = None) -> Response:
    return status_code(403, message)


def not_found(message: Any = None) -> Response:
    return status_code(404, message)


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
    if file_name is not None or content_disposition is ContentDispositionType.INLINE:
        kind = content_disposition.value
        response.headers.set("content-disposition", write_disposition(kind, file_name) if file_name else kind)
    return response
