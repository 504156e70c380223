"""Microdot's response, and the rules by which what a function returns becomes one."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from operator import index
from typing import Any, ClassVar, cast

from nacre.cookies import format_cookie
from nacre.files import FileResponse
from nacre.headers import MutableHeaders, check_pair, pairs_of
from nacre.lazy import lazy
from nacre.pieces import FilePieces, is_readable
from nacre.response import RedirectResponse, ready_response
from nacre.response import Response as NativeResponse
from nacre.results import Converter, Results, is_stream

_JSON_PAIR = ("content-type", "application/json; charset=UTF-8")


def _plain(value: Any) -> Any:
    """What JSON has for the mappings of a request, such as its header fields."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    raise TypeError(f"{type(value).__name__} is no JSON")


_encode = json.JSONEncoder(default=_plain).encode
"""As `json.dumps` does, spaces and all. PERF: that one makes an encoder of each call's arguments."""

_LONG_AGO = "Thu, 01 Jan 1970 00:00:01 GMT"


class ResponseHeaders(MutableHeaders):
    """Header fields that also take lists, of one value each, and numbers, as text."""

    def add(self, name: Any, value: Any) -> None:
        super().add(name, value if isinstance(value, str | bytes) else str(value))

    def set(self, name: Any, value: Any) -> None:
        if isinstance(value, list):
            self.remove(name)
            for one in value:
                self.add(name, one)
        else:
            super().set(name, value if isinstance(value, str | bytes) else str(value))

    def update(self, source: Any = (), /) -> None:
        """Replace the values of each name in `source`."""
        for name, value in pairs_of(source):
            self.set(name, value)


class Response(NativeResponse):
    """A response as programs for Microdot know it.

    `body` is text, bytes, data for JSON (a dict or list), a file, or an iterable of pieces, plain or async. A header's
    value may be a list of values. Raises ValueError for header fields that can't be sent.
    """

    default_content_type: ClassVar[str] = "text/plain"
    default_send_file_max_age: ClassVar[int | None] = None
    send_file_buffer_size: ClassVar[int] = 1024
    """COMPAT: has no effect. Files are read in blocks of 64 KiB."""

    types_map: ClassVar[dict[str, str]] = {
        "css": "text/css",
        "gif": "image/gif",
        "html": "text/html",
        "jpg": "image/jpeg",
        "js": "application/javascript",
        "json": "application/json",
        "png": "image/png",
        "svg": "image/svg+xml",
        "txt": "text/plain",
    }
    already_handled: ClassVar[Response]
    """What a route returns when its WebSocket session is over."""

    reason: str | None = None
    """COMPAT: has no effect. The reason phrase is the server's."""

    def __init__(
        self,
        body: Any = "",
        status_code: int = 200,
        headers: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__()
        self.status_code = 204 if body is None and status_code == 200 else status_code
        if reason is not None:
            self.reason = reason
        if isinstance(body, dict | list):
            self.body = _encode(body).encode()
            self.raw_headers.append(_JSON_PAIR)
        elif body is not None:
            self.body = body
            if body.__class__ is not bytes:
                self._place(body)
        if headers:
            self.headers.update(headers)
        if "content-type" not in self.headers:
            self.raw_headers.append(default_type(self.default_content_type))

    @lazy
    def headers(self) -> ResponseHeaders:
        """The header fields."""
        return ResponseHeaders(self.raw_headers)

    def _place(self, body: Any) -> None:
        """Put a body where the core has it, if it is one that can be sent."""
        if isinstance(body, str):
            self.body = body.encode()
        elif isinstance(body, bytearray | memoryview):
            self.body = bytes(body)
        elif is_readable(body) or is_stream(body):
            self.body, self.stream = b"", FilePieces(body) if is_readable(body) else body

    def settle(self) -> None:
        """Take in what a program has set as `body`. Raises TypeError for what can't be sent."""
        if self.body.__class__ is bytes:
            return
        given: Any = self.body
        self.stream = None
        self._place(given)
        if self.body.__class__ is not bytes:
            raise TypeError(f"a response's body is text, bytes or a stream, not {type(given).__name__}")

    @property
    def status_code(self) -> int:
        """The status. Raises ValueError for a number that is the status of no response, TypeError for what is none."""
        return self.status

    @status_code.setter
    def status_code(self, status_code: int) -> None:
        if not 200 <= index(status_code) <= 999:
            raise ValueError(f"{status_code!r} is the status of no response; they go from 200 to 999")
        self.status = status_code

    def set_cookie(
        self,
        cookie: str,
        value: str,
        path: str | None = None,
        domain: str | None = None,
        expires: datetime | str | None = None,
        max_age: int | timedelta | None = None,
        secure: bool = False,
        http_only: bool = False,
        partitioned: bool = False,
    ) -> None:
        """Add a cookie; `max_age` in seconds. Raises ValueError for what no cookie can hold."""
        text = str(value)
        if ";" in text or not text.isascii():
            fix = "encode the value, for instance with urllib.parse.quote"
            raise ValueError(f"cookie {cookie!a} can't hold ';' and what is not ASCII; {fix}")
        pair, *attributes = format_cookie(
            cookie,
            "",
            max_age=max_age,
            expires=expires or None,
            path=path or None,
            domain=domain or None,
            secure=secure,
            httponly=http_only,
            samesite=None,
            partitioned=partitioned,
        ).split("; ")
        if path and domain:
            # The core has these two the other way round, and programs compare the whole text.
            attributes[:2] = reversed(attributes[:2])
        # COMPAT: browsers keep what RFC 6265 §4.1.1 has no place for, such as spaces and quotes.
        self.headers.add("set-cookie", "; ".join([pair + text, *attributes]))

    def delete_cookie(self, cookie: str, **kwargs: Any) -> None:
        """Have the client forget a cookie; the arguments are those that it was set with."""
        kwargs["expires"], kwargs["max_age"] = _LONG_AGO, 0
        self.set_cookie(cookie, "", **kwargs)

    @classmethod
    def redirect(cls, location: str, status_code: int = 302) -> Response:
        """Send the client to another URL. Raises ValueError for control characters and schemes besides http(s)."""
        to = RedirectResponse(location).headers["location"]
        return cls(status_code=status_code, headers={"Location": to})

    @classmethod
    def send_file(
        cls,
        filename: str,
        status_code: int = 200,
        content_type: str | None = None,
        stream: Any = None,
        max_age: int | None = None,
        compressed: bool | str = False,
        file_extension: str = "",
    ) -> Response:
        """Send a file, or what is read from `stream`; the type goes by the ending of `filename`.

        If it is `compressed`, by what stands before `.gz`; the argument names the content coding that the file is in,
        True gzip. `max_age` is in seconds; `file_extension` is what the file's name ends in besides. A missing file is
        a 404, and conditions and ranges of the request are answered. Whether a client may name the file is for the
        caller to decide.
        """
        if content_type is None:
            ending = (filename.removesuffix(".gz") if compressed else filename).rpartition(".")[2]
            content_type = cls.types_map.get(ending, "application/octet-stream")
        age = cls.default_send_file_max_age if max_age is None else max_age
        source = filename + file_extension if stream is None else stream
        response = FileResponse(source, status_code, content_type=content_type, max_age=age).as_kind(cls)
        if compressed:
            response.headers.set("content-encoding", compressed if isinstance(compressed, str) else "gzip")
        return response


@cache
def default_type(content_type: str) -> tuple[str, str]:
    """The header pair of the default content type, with a charset if it says none."""
    text = content_type if "charset=" in content_type else content_type + "; charset=UTF-8"
    return check_pair("content-type", text)


Response.already_handled = Response(None)


class MicrodotResults(Results):
    """What functions of Microdot's programs return: a body; a status; a body, a status and headers in a tuple."""

    def compile(self, annotation: Any) -> Converter:
        # Annotations say nothing here.
        return super().compile(inspect.Signature.empty)

    def splits_tuples(self, annotation: Any) -> bool:
        return True

    def text(self, value: str) -> NativeResponse:
        return ready_response(value.encode(), default_type(Response.default_content_type), Response)

    def binary(self, value: Any) -> NativeResponse:
        return Response(value)

    nothing = stream = binary

    def data(self, value: object) -> NativeResponse:
        return ready_response(_encode(value).encode(), _JSON_PAIR, Response)

    def status(self, value: int) -> NativeResponse:
        return Response("", value)

    def parts(self, value: tuple[Any, ...]) -> NativeResponse:
        """`(body, status)`, `(body, status, headers)`, `(body, headers)`, `(status, headers)`."""
        match value:
            case (int() as status, dict() as headers) if not isinstance(status, bool):
                body, code = "", status
            case (body, int() as code):
                headers = {}
            case (body, int() as code, dict() as headers):
                pass
            case (body, dict() as headers):
                code = 200
            case _:
                return super().parts(value)
        return Response(body, code, cast("dict[str, Any]", headers))

    def other(self, value: Any) -> NativeResponse:
        if isinstance(value, Response):
            value.settle()
            return value
        if isinstance(value, Mapping):
            return self.data(cast("object", value))
        return Response(value) if is_readable(value) else super().other(value)


redirect: Callable[..., Response] = Response.redirect
send_file: Callable[..., Response] = Response.send_file
