"""The response: a status, header fields, and a body that is bytes or a stream."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, cast, overload

from nacre.codecs import encode_json
from nacre.cookies import format_cookie, format_deletion
from nacre.headers import MutableHeaders, check_name, check_value, pairs_of
from nacre.lazy import lazy, reserve
from nacre.pieces import FilePieces, Readable, close_stream, encoded, is_readable
from nacre.urls import check_redirect

SameSite = Literal["lax", "strict", "none"]
Stream = AsyncIterable[bytes] | AsyncIterable[str] | Iterable[bytes] | Iterable[str]
"""A body that comes in pieces; text is encoded as UTF-8. It is closed (`aclose` or `close`) whatever happens."""

HeaderInput = Mapping[str, str] | Iterable[tuple[str, str]]

R = TypeVar("R", bound="Response")

_TEXT = ("content-type", "text/plain; charset=utf-8")
_BINARY = ("content-type", "application/octet-stream")
_JSON = ("content-type", "application/json")
_HTML = ("content-type", "text/html; charset=utf-8")
_NDJSON = ("content-type", "application/x-ndjson")


_new = object.__new__


class Response:
    """An answer.

    A str body is sent as UTF-8 `text/plain`, bytes as `application/octet-stream`, None as no body and no content type.
    Header names and values, here and wherever they are set, raise ValueError for characters that may not stand on the
    wire. `Content-Length` is the transport's business: it is always that of the body that is sent.

    A response that outlives a request (a module-level constant) may be returned for many: each gets its own copy, as
    the response was when it was first returned.
    """

    stream: Stream | None
    """The body in pieces; `body` is not looked at then."""

    background: Callable[[], object] | None
    """Called after the last byte, once, also if the client has left."""

    eager = True
    """Whether a stream's first piece is awaited before the status goes out, so that an early failure is still a 500."""

    holds: Response | None = None
    """The response whose stream this one's stream is made of; it is not closed as long as this one isn't."""

    zlib_executor: Executor | None = None
    """Where a layer that compresses the body (`Compression`) is to do it, from the option of that name."""

    zlib_executor_size: int | None = None
    """The length in bytes from which on it is worth the executor."""

    sent_callbacks: list[Callable[[], object]] | None
    owner: object
    _pristine: tuple[Any, ...] | None = None

    def __init__(
        self,
        body: str | bytes | None = None,
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        content_type: str | None = None,
        background: Callable[[], object] | None = None,
    ) -> None:
        self.status = status
        # As in `Request.__init__`: what every response is asked for.
        self.stream = None
        self.background = background
        self.sent_callbacks = None
        self.owner = None
        if body is None:
            self.body = b""
            self.raw_headers: list[tuple[str, str]] = []
        elif isinstance(body, str):
            self.body = body.encode()
            self.raw_headers = [_TEXT]
        else:
            self.body = _checked_bytes(body)
            self.raw_headers = [_BINARY]
        if content_type is not None:
            self.raw_headers = [("content-type", check_value("content-type", content_type))]
        if headers is not None:
            self._take_headers(headers)

    def _take_headers(self, headers: HeaderInput) -> None:
        for name, value in pairs_of(headers):
            name = check_name(name)
            if name == "content-type":
                self.headers.set(name, value)
            else:
                self.raw_headers.append((name, check_value(name, value)))

    @lazy
    def headers(self) -> MutableHeaders:
        """The header fields: ordered, case-insensitive, several of a name allowed; changes show at once."""
        return MutableHeaders(self.raw_headers)

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | timedelta | None = None,
        expires: datetime | str | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a `Set-Cookie` field (RFC 6265bis); `max_age` in seconds.

        Raises ValueError for characters a cookie can't hold and for attributes that browsers refuse together:
        `__Host-`, `__Secure-`, `SameSite=None` and `Partitioned` all need `secure`.
        """
        self.raw_headers.append(
            (
                "set-cookie",
                format_cookie(
                    name,
                    value,
                    max_age=max_age,
                    expires=expires,
                    path=path,
                    domain=domain,
                    secure=secure,
                    httponly=httponly,
                    samesite=samesite,
                    partitioned=partitioned,
                ),
            )
        )

    def delete_cookie(
        self,
        name: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Tell the client to forget a cookie; path, domain and attributes must be those it was set with."""
        cookie = format_deletion(
            name,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self.raw_headers.append(("set-cookie", cookie))

    def on_sent(self, callback: Callable[[], object]) -> None:
        """Call `callback()` once after the last byte, or when the response was cancelled or the client has left."""
        if self.sent_callbacks is None:
            self.sent_callbacks = []
        self.sent_callbacks.append(callback)

    async def aclose(self) -> None:
        """Close the stream, if there is one: its `finally` blocks run, its file is closed. Safe to call twice."""
        stream, self.stream = self.stream, None
        if stream is not None:
            await close_stream(stream)

    def claim(self, owner: object) -> Response:
        """Return the response to work on for `owner` (a request): this one, or a fresh copy if it had another owner.

        Raises RuntimeError for a stream that was used before: it can be sent only once, unless it says otherwise.
        """
        if self.owner is owner:
            return self
        pristine = self._pristine
        if pristine is None:
            # What layers set on the object from now on is the first request's alone.
            attributes = self.__dict__.copy()
            attributes.pop("headers", None)
            mine = tuple(self.raw_headers), tuple(self.sent_callbacks or ()), attributes
            # Under WSGI two requests may come here at once; `setdefault` lets one of them have the object itself.
            pristine = self.__dict__.setdefault("_pristine", mine)
            if pristine is mine:
                self.owner = owner
                return self
        pairs, callbacks, attributes = pristine
        if attributes["stream"] is not None and not getattr(attributes["stream"], "reusable", False):
            raise RuntimeError("a streaming response was returned for a second request; build a new one for each")
        fresh = _new(type(self))
        fresh.__dict__.update(attributes)
        fresh.raw_headers = list(pairs)
        fresh.sent_callbacks = list(callbacks) or None
        fresh.owner = owner
        return fresh

    def as_kind(self, kind: type[R]) -> R:
        """This response as an object of another class, to send in its place; itself if it is one.

        What it is made of (body, stream, header fields, callbacks) goes over; its constructor isn't called.
        """
        if isinstance(self, kind):
            return self
        other = _new(kind)
        other.__dict__.update(self.__dict__)
        other.__dict__.pop("headers", None)  # of this class; that one may have its own
        if self.stream is not None:
            other.holds = self
        return other

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status}>"


reserve(Response(), ("headers",))


@overload
def ready_response(body: bytes, content_type: tuple[str, str]) -> Response: ...
@overload
def ready_response(body: bytes, content_type: tuple[str, str], kind: type[R]) -> R: ...
def ready_response(body: bytes, content_type: tuple[str, str], kind: Any = Response) -> Any:
    """A 200 of bytes that are encoded already, with a header pair that is known to be sound; `kind` is its class.

    PERF: half the cost of the constructor, which has to look at what it was given (bench/parts.py).
    """
    response = _new(kind)
    response.status = 200
    response.body = body
    response.raw_headers = [content_type]
    # As in `Request.__init__`: what every response is asked for.
    response.stream = None
    response.background = None
    response.sent_callbacks = None
    response.owner = None
    return response


def _checked_bytes(body: object) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"a response takes a str or bytes body, not {type(body).__name__}; JSONResponse encodes data")


class JSONResponse(Response):
    """Data as JSON. Raises TypeError at once for data that has no JSON form."""

    def __init__(
        self,
        data: object,
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        content_type: str | None = None,
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(encode_json(data), status, None, content_type=content_type, background=background)
        if content_type is None:
            self.raw_headers = [_JSON]
        if headers is not None:
            self._take_headers(headers)


class HTMLResponse(Response):
    """A page: text sent as `text/html; charset=utf-8`."""

    def __init__(
        self,
        body: str | bytes = b"",
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(body, status, None, background=background)
        self.raw_headers = [_HTML]
        if headers is not None:
            self._take_headers(headers)


class PlainTextResponse(Response):
    """Text sent as `text/plain; charset=utf-8`, also when it is given as bytes."""

    def __init__(
        self,
        body: str | bytes = b"",
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(body, status, None, background=background)
        self.raw_headers = [_TEXT]
        if headers is not None:
            self._take_headers(headers)


class RedirectResponse(Response):
    """Send the client to another URL: 302 unless `status` says 301, 303, 307 or 308.

    Non-ASCII characters and spaces of `location` are percent-encoded, escapes already there are kept. Raises ValueError
    for control characters, and for a URL of a scheme that isn't one of `schemes`. Whether a location that a client
    supplied is a safe one is for the caller to decide (`nacre.auth.safe_redirect_target`).
    """

    def __init__(
        self,
        location: str,
        status: int = 302,
        headers: HeaderInput | None = None,
        *,
        schemes: Collection[str] = ("http", "https"),
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(None, status, headers, background=background)
        self.raw_headers.append(("location", check_redirect(location, schemes)))


class StreamingResponse(Response):
    """A body in pieces, from a sync or async iterable of bytes or str, or from a file, which is read in blocks.

    Pieces are sent as they come and nothing is buffered; a slow client slows the iterable down. When the client leaves,
    an async generator gets `CancelledError` at its `await` or `yield` and runs its `finally` blocks; any iterable is
    closed. With `eager` (the default) the first piece is awaited before the status is sent, so a failure before it
    is a 500.
    """

    def __init__(
        self,
        stream: Stream | Readable,
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        content_type: str | None = None,
        background: Callable[[], object] | None = None,
        eager: bool = True,
    ) -> None:
        super().__init__(None, status, None, content_type=content_type, background=background)
        if content_type is None:
            self.raw_headers = [_TEXT]
        self.stream = FilePieces(stream) if is_readable(stream) else cast("Stream", stream)
        if not eager:
            self.eager = False
        if headers is not None:
            self._take_headers(headers)


class NDJSONResponse(Response):
    """Data as JSON, one item to a line, from a sync or async iterable: each line is sent when its item comes.

    An item is anything that `JSONResponse` takes; one that has no JSON form ends the stream with a TypeError. All else
    is as with `StreamingResponse`.
    """

    def __init__(
        self,
        items: AsyncIterable[Any] | Iterable[Any],
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        content_type: str | None = None,
        background: Callable[[], object] | None = None,
        eager: bool = True,
    ) -> None:
        super().__init__(None, status, None, content_type=content_type, background=background)
        if content_type is None:
            self.raw_headers = [_NDJSON]
        self.stream = encoded(items, _json_line)
        if not eager:
            self.eager = False
        if headers is not None:
            self._take_headers(headers)


def _json_line(item: object) -> bytes:
    return encode_json(item) + b"\n"
