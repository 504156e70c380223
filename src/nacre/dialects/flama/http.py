"""Requests and responses."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from http.cookies import SimpleCookie
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

import nacre
from nacre.callables import is_async
from nacre.chain.asgi import TAKEN_OVER, replay, scope_of, send_messages
from nacre.codecs import decode_json, encode_json
from nacre.cookies import format_cookie
from nacre.dialects.flama import types
from nacre.dialects.flama.exceptions import HTTPException, SerializationError
from nacre.disposition import content_disposition
from nacre.errors import ResponseValidationError
from nacre.files import FileResponse as NativeFileResponse
from nacre.files import guess_content_type
from nacre.forms import FormData as NativeFormData
from nacre.forms import FormValue
from nacre.headers import check_pair
from nacre.lazy import lazy
from nacre.response import SameSite, Stream
from nacre.shaping.conversion import compile_conversion
from nacre.state import State
from nacre.streams import iterate
from nacre.transports.asgi import CARRIER
from nacre.types import Receive, Scope, Send
from nacre.urls import check_redirect
from nacre.views import RequestView

__all__ = [
    "APIErrorResponse",
    "APIResponse",
    "FileResponse",
    "HTMLFileResponse",
    "HTMLResponse",
    "HTMLTemplateResponse",
    "JSONResponse",
    "Method",
    "OpenAPIResponse",
    "PlainTextResponse",
    "RedirectResponse",
    "Request",
    "Response",
    "StreamingResponse",
]


class Method(StrEnum):
    """The methods that routes have."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    CONNECT = "CONNECT"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"
    PATCH = "PATCH"


class Address(NamedTuple):
    """A peer; the port is None for a Unix socket."""

    host: str
    port: int | None


class Connection(RequestView):
    """What requests and WebSockets have in common. Keys are those of the ASGI scope."""

    @property
    def scope(self) -> Scope:
        """The ASGI scope; what is put into it stays for those further in."""
        return scope_of(self.native)

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def get(self, key: str, default: Any = None) -> Any:
        """An item of the scope."""
        return self.scope.get(key, default)

    @property
    def app(self) -> Any:
        return self.native.app

    @property
    def url(self) -> types.URL:
        return types.URL(str(self.native.url))

    @property
    def base_url(self) -> types.URL:
        path = self.native.root_path.rstrip("/") + "/"
        return types.URL(str(self.native.url.replace(path=path, query="")))

    @property
    def headers(self) -> types.Headers:
        return types.Headers(self.native.headers)

    @property
    def query_params(self) -> types.QueryParams:
        return types.QueryParams(self.native.query)

    @property
    def path_params(self) -> dict[str, Any]:
        return dict(self.native.path_params)

    @property
    def cookies(self) -> dict[str, str]:
        return self.native.cookies

    @property
    def client(self) -> Address | None:
        found = self.native.client
        return None if found is None else Address(*found)

    @property
    def session(self) -> Any:
        """What is kept for this client; raises LookupError without a `SessionMiddleware`."""
        return self.native.session

    @property
    def auth(self) -> Any:
        """What a middleware for authentication has left as `scope["auth"]`; raises LookupError without one."""
        found = getattr(self.native, "auth", None)
        if found is None:
            raise LookupError("request.auth needs a middleware that sets scope['auth']")
        return found

    @property
    def user(self) -> Any:
        """What a middleware for authentication has left as `scope["user"]`; None without one."""
        return self.native.user

    @property
    def state(self) -> State:
        return self.native.state

    def url_for(self, name: str, /, **path_params: Any) -> types.URL:
        """The whole URL of a route; raises ValueError if there is none of this name."""
        path = self.native.url_for(name, **path_params)
        return self.base_url.replace(path=path)


class FormData(NativeFormData):
    """The fields and files of a form: of a repeated one the last value counts, `getlist` has all of them."""

    def __getitem__(self, name: str) -> FormValue:
        values = self.getlist(name)
        if not values:
            raise KeyError(name)
        return values[-1]

    def multi_items(self) -> list[tuple[str, FormValue]]:
        """All fields and files, in order."""
        return self.pairs()


class FormReading:
    """A form that is being read; its files are kept until the request is over."""

    def __init__(self, native: nacre.Request) -> None:
        self.native = native

    async def __aenter__(self) -> FormData:
        return FormData((await self.native.form()).pairs())

    async def __aexit__(self, *error: object) -> None: ...

    def __await__(self) -> Generator[Any, None, FormData]:
        return self.__aenter__().__await__()


class Request(Connection):
    """One HTTP request, as handlers and error handlers are given it; ASGI middlewares make it of their scope."""

    own_scope: Scope | None = None  # that of the middleware which has made it

    def __init__(self, scope: Scope, receive: Receive | None = None, send: Send | None = None) -> None:
        path = scope["path"].removeprefix((scope.get("root_path") or "").rstrip("/")) or "/"
        native = nacre.Request(CARRIER, scope, receive or _receive_nothing, scope["method"], path)
        app: Any = scope.get("app") or _no_app()
        native.app, native.max_body = app, app.max_body
        native.path_params = scope.get("path_params") or {}
        scope.setdefault("state", {})
        for name in TAKEN_OVER:
            if name in scope:
                setattr(native, name, scope[name])
        self.native, self.own_scope = native, scope

    @property
    def scope(self) -> Scope:
        return scope_of(self.native) if self.own_scope is None else self.own_scope

    @property
    def method(self) -> str:
        return self.native.method

    @property
    def receive(self) -> types.Receive:
        """Gives the body's events, also if it was read before."""
        return replay(self.native)

    async def body(self) -> bytes:
        """The whole body; raises 413 over the limit of the route or the application."""
        return await self.native.body()

    async def json(self) -> Any:
        """The body decoded from JSON, whatever its content type; raises a 400 for malformed JSON."""
        try:
            return decode_json(await self.native.body())
        except ValueError:
            raise HTTPException(400, "the body is not valid JSON") from None

    def form(self) -> FormReading:
        """The fields and files of a form, by `await` or `async with`; raises 415 for another content type."""
        return FormReading(self.native)

    def stream(self) -> AsyncIterator[bytes]:
        """The body piece by piece."""
        return self.native.stream()

    async def is_disconnected(self) -> bool:
        """Whether the client is known to have left."""
        return await self.native.is_disconnected()


async def _receive_nothing() -> dict[str, Any]:
    return {"type": "http.request"}


@lru_cache(maxsize=1)
def _no_app() -> nacre.Nacre:
    """Stands for the application of a scope that tells none, such as a test's; it has the limits of all."""
    return nacre.Nacre()


class Response(nacre.Response):
    """A response; `content` is text or bytes, `media_type` the content type, which for text is given a charset."""

    media_type: str | None = None
    charset: str = "utf-8"

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(None, status_code, headers, background=background)
        if media_type is not None:
            self.media_type = media_type
        self.body = self.render(content)
        if self.media_type is not None:
            pair = _content_type(self.media_type, self.charset)
            if not self.raw_headers:
                self.raw_headers = [pair]
            elif not any(name == "content-type" for name, _ in self.raw_headers):
                self.raw_headers.append(pair)

    def render(self, content: Any) -> bytes:
        """The body's bytes; subclasses may make them of anything."""
        if content is None:
            return b""
        if isinstance(content, bytes | bytearray | memoryview):
            return bytes(content)
        return str(content).encode(self.charset)

    @lazy
    def headers(self) -> types.MutableHeaders:
        return types.MutableHeaders(self.raw_headers)

    @property
    def status_code(self) -> int:
        return self.status

    @status_code.setter
    def status_code(self, status_code: int) -> None:
        self.status = status_code

    @property
    def body_iterator(self) -> AsyncIterator[bytes]:
        """The body piece by piece, streamed or whole, to be read once; another one may be set."""
        stream, self.stream = self.stream, None
        app: Any = getattr(self.owner, "app", None)
        return iterate([self.body] if stream is None else stream, None, app and app.workers)

    @body_iterator.setter
    def body_iterator(self, pieces: Stream) -> None:
        self.stream, self.body = pieces, b""

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: int | timedelta | None = None,
        expires: datetime | str | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a cookie; `expires` is a time, or in how many seconds. Raises ValueError as the core does."""
        if isinstance(expires, int):
            expires = datetime.now(UTC) + timedelta(seconds=expires)
        line = format_cookie(
            key,
            "",
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        # COMPAT: what a cookie can't hold as it is goes out in quotes, with the standard library's escapes.
        quoted = SimpleCookie().value_encode(value)[1]
        self.headers.add("set-cookie", line.replace("=", f"={quoted}", 1))

    def delete_cookie(
        self,
        key: str,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
    ) -> None:
        """Tell the client to forget a cookie."""
        super().delete_cookie(key, path=path, domain=domain, secure=secure, httponly=httponly, samesite=samesite)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it as the answer of an ASGI application, as middlewares that refuse a request do."""
        # Plain iterables are advanced in the application's worker threads.
        threads: Any = getattr(scope.get("app"), "workers", None)
        await send_messages(self, _bodiless(send) if scope.get("method") == "HEAD" else send, None, threads)
        background, self.background = self.background, None
        if background is not None:
            result: Any = background()
            if is_async(background):
                await result


def _bodiless(send: Send) -> Send:
    """A `send` for the answers to HEAD, which have no body (RFC 9110 §9.3.2)."""

    async def begin(message: Any) -> None:
        if message["type"] == "http.response.start":
            await send(message)
        elif not message["more_body"]:
            await send({**message, "body": b""})

    return begin


@lru_cache(maxsize=256)
def _content_type(media_type: str, charset: str) -> tuple[str, str]:
    """The header pair of a content type; raises ValueError for what may not stand in one."""
    is_text = media_type.startswith("text/") and "charset=" not in media_type.lower()
    return check_pair("content-type", f"{media_type}; charset={charset}" if is_text else media_type)


class PlainTextResponse(Response):
    """Text."""

    media_type = "text/plain"


class HTMLResponse(Response):
    """A page."""

    media_type = "text/html"


class JSONResponse(Response):
    """Data as compact JSON; paths are text, exceptions their `repr`. Raises TypeError for data without a JSON form."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)


def _plain(value: Any) -> Any:
    """What stands in JSON for a value of a kind that JSON hasn't. Raises TypeError if nothing does."""
    if isinstance(value, str | os.PathLike | types.URL):  # text of a class of its own, as `types.Method` is
        return str(value)
    if isinstance(value, int | float):
        return value.real
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, BaseException):
        return repr(value)
    if isinstance(value, type) and issubclass(value, BaseException):
        return value.__name__
    return msgspec.Raw(encode_json(value))


to_json = msgspec.json.Encoder(enc_hook=_plain).encode
"""Encode data as a `JSONResponse` does."""


class APIResponse(JSONResponse):
    """Data as JSON, made to fit `schema` if one is given; None is an empty body.

    Raises SerializationError, a 500, for data that doesn't fit.
    """

    def __init__(self, content: Any = None, schema: Any = None, *args: Any, **kwargs: Any) -> None:
        self.schema = schema
        super().__init__(content, *args, **kwargs)

    def render(self, content: Any) -> bytes:
        if content is None:
            return b""
        return super().render(content if self.schema is None else _fitted(content, self.schema))


class APIErrorResponse(APIResponse):
    """The JSON of an error: `status_code`, `detail`, and the name of the exception's class as `error`."""

    def __init__(
        self,
        detail: Any,
        status_code: int = 400,
        exception: Exception | None = None,
        headers: Mapping[str, str] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        error = None if exception is None else type(exception).__name__
        content = {"status_code": status_code, "detail": detail, "error": error}
        super().__init__(content, None, status_code, headers, *args, **kwargs)
        self.detail, self.exception = detail, exception


class OpenAPIResponse(Response):
    """An OpenAPI document, given as a dict."""

    media_type = "application/vnd.oai.openapi"

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


class RedirectResponse(Response):
    """Send the client to another URL; raises ValueError for schemes other than http and https."""

    def __init__(
        self,
        url: str | types.URL,
        status_code: int = 307,
        headers: Mapping[str, str] | None = None,
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(b"", status_code, headers, background=background)
        self.headers.set("location", check_redirect(str(url), ("http", "https")))


class StreamingResponse(Response):
    """A body in pieces, from an iterable of either kind."""

    def __init__(
        self,
        content: Stream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(None, status_code, headers, media_type, background)
        self.stream = content


class FileResponse(Response):
    """A file, sent as it is read, with ranges and validators (RFC 9110 §13, §14); a missing one is a 404.

    With `filename` browsers save it under that name, or show it if `content_disposition_type` is "inline".
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: Callable[[], object] | None = None,
        filename: str | None = None,
        content_disposition_type: Literal["attachment", "inline"] = "attachment",
    ) -> None:
        kind = media_type or self.media_type or guess_content_type(os.fspath(path))
        super().__init__(None, status_code, headers, kind, background)
        if filename is not None:
            self.headers.set("content-disposition", content_disposition(content_disposition_type, filename))
        self.stream = NativeFileResponse(path).stream


class HTMLFileResponse(FileResponse):
    """A page that stands in a file."""

    media_type = "text/html"

    def __init__(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(path, *args, **kwargs)


class HTMLTemplateResponse(HTMLResponse):
    """A page made of a template in the folder `templates` of the working directory; what it prints is escaped.

    Set `templates` to another `HTMLTemplatesEnvironment` for templates elsewhere. Raises MissingExtra without Jinja.
    """

    templates: ClassVar[Any] = None

    def __init__(self, template: str, context: dict[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        environment = type(self).templates
        if environment is None:
            from nacre.dialects.flama.templates import standard as environment
        super().__init__(environment.get_template(template).render(context or {}), *args, **kwargs)


def __getattr__(name: str) -> Any:
    """`HTMLTemplatesEnvironment`, whose module needs Jinja."""
    if name != "HTMLTemplatesEnvironment":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nacre.dialects.flama.templates import HTMLTemplatesEnvironment

    return HTMLTemplatesEnvironment


def _fitted(content: Any, schema: Any) -> Any:
    # What is wrong is told to the log by its cause, not to the client.
    try:
        return _conversion(list[schema] if isinstance(content, list) else schema)(content)
    except ResponseValidationError as error:
        raise SerializationError("the content doesn't fit its schema") from error


@lru_cache(maxsize=256)
def _conversion(kind: Any) -> Callable[[Any], Any]:
    return compile_conversion(kind, "an APIResponse").convert
