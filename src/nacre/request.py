"""The request: what came in, read lazily."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from nacre.body import Body, BodySource
from nacre.codecs import decode_json
from nacre.cookies import parse_cookies
from nacre.errors import BadRequest, BodyConsumed, HTTPError, RequestTimeout, UnsupportedMediaType
from nacre.fields import CODECS, FORM_LIMITS, FormLimits
from nacre.forms import FormData, FormParts, read_form
from nacre.headers import Headers
from nacre.lazy import lazy
from nacre.media import MediaType, best_match, is_json, parse_media_type
from nacre.response import Response
from nacre.route import Route
from nacre.session import Session, Unopened
from nacre.state import State
from nacre.tasks import RequestTasks, Tasks
from nacre.threads import Threads
from nacre.types import Address, Scope
from nacre.urls import URL, QueryParams, parse_host, plain_firsts

Callback = Callable[[], object]
"""Something to call without arguments, plain or async."""

AfterHook = Callable[..., object]
"""`(request, response)`, plain or async; a returned response replaces the one that was given."""

HookT = TypeVar("HookT", bound=AfterHook)
CallbackT = TypeVar("CallbackT", bound=Callback)

_MISSING: Any = object()

# SECURITY: some codecs that Python knows take minutes for a short text (punycode), and it remembers every name that it
# is asked for.
_TEXT_CODECS = CODECS | {"latin-1": "latin-1", "latin1": "latin-1", "utf-16": "utf-16", "windows-1252": "cp1252"}
NO_PARAMS: Mapping[str, Any] = MappingProxyType({})
"""The `path_params` of requests without any."""

_NOT_YET: Any = None


class Application(Protocol):
    """What a request knows of the application that serves it."""

    state: State
    lifespan_state: dict[str, Any]
    form_limits: FormLimits | None
    body_timeout: float | None

    @property
    def workers(self) -> Threads: ...

    @property
    def tasks(self) -> Tasks: ...

    def url_for(self, name: str, /, **values: object) -> str: ...

    def report(self, request: Request, error: Exception) -> object: ...

    def shutdown(self) -> None: ...


class Carrier(Protocol):
    """How one protocol (ASGI, RSGI, WSGI) carries a request: stateless readers of its raw objects."""

    protocol: str

    def headers(self, raw: Any) -> Headers: ...

    def body_fields(self, request: Request) -> tuple[str | None, str | None]: ...

    def query_string(self, raw: Any) -> str: ...

    def scheme(self, raw: Any) -> str: ...

    def http_version(self, raw: Any) -> str: ...

    def client(self, raw: Any) -> Address | None: ...

    def server(self, raw: Any) -> Address | None: ...

    def root_path(self, raw: Any) -> str: ...

    def raw_path(self, raw: Any) -> bytes | None: ...

    def body(self, raw: Any, channel: Any) -> BodySource: ...

    def body_at_once(self, request: Request, length: int) -> bytes | None:
        """All of a body that nobody has begun to read, if it is here in one piece of at most the declared length.

        With any other, `request.opened_source` goes on.
        """
        ...

    def state(self, raw: Any) -> dict[str, Any] | None: ...

    def scope(self, request: Request) -> Scope: ...

    async def wait_disconnect(self, request: Request) -> None: ...

    async def is_disconnected(self, request: Request) -> bool: ...


class Request(Struct, dict=True, weakref=True, eq=False):
    """One HTTP request, on any transport.

    Reading an attribute costs nothing until it is read. The body is received when it is first wanted and kept, so a
    layer and the handler may both read it. Any attribute may be set by a layer for those inside it
    (`request.user = …`). A request lives until its response and all that runs after it are done.

    PERF: a `Struct`, since its fields are filled in C: to make one takes a third of the time that as many assignments
    in an `__init__` take, and to read a field is as fast. Setting one later is slower, so a transport
    makes the request when it has been matched.
    """

    carrier: Carrier
    raw: Any
    channel: Any
    method: str
    path: str
    app: Application = _NOT_YET
    route: Route | None = None
    """The route this request was matched to; None for 404 and for layers before routing."""

    path_params: Mapping[str, Any] = NO_PARAMS
    """The parsed path variables and the route's defaults."""

    max_body: int | None = None
    refusal: HTTPError | None = None
    handled: bool = False
    streams: list[Response] | None = None
    after_hooks: list[AfterHook] | None = None
    after_callbacks: list[Callback] | None = None
    opened_source: Any = None
    opened_body: Body | None = None
    """What `body_reader` gave, if it was asked for."""

    whole_body: bytes | None = None
    """What `body_at_once` gave."""

    _headers: Headers | None = None
    _query: QueryParams | None = None
    _body_fields: tuple[str | None, str | None] | None = None
    _session: Session | Unopened | None = None
    _user: Any = None
    known_scope: Scope | None = None
    """The ASGI scope, where one was made or given; None as long as nobody asked for it."""

    following: Any = None
    """What stands inside of the Django-style layer that runs now."""

    views: dict[type, Any] | None = None
    """What `nacre.views.RequestView` has made of it, by class."""

    provided: dict[Any, Any] | None = None
    """What providers gave for this request, by their functions and what those take."""

    # PERF: without an annotation they are no fields, for few requests have them, and each field costs 4 ns.
    visit = cast("Any", None)
    websocket = cast("Any", None)
    """The `nacre.websocket.WebSocket` of a handshake, which passes through the layers too; None for other requests."""

    failure = cast("BaseException | None", None)
    """What the request failed with, if it did; the teardown of providers is told."""

    opened_sessions = cast("list[Session] | None", None)
    """The sessions that were opened for this request, for the layers that keep them."""

    replaced_readers = cast("tuple[Body, ...]", ())
    """Readers of the body that layers have put others in the place of, in order."""

    _client = cast("Address | None", _MISSING)
    _root_path = cast("str | None", None)
    _query_string = cast("str | None", None)
    _json = _MISSING
    _form = cast("FormData | None", None)
    _form_refusal = cast("HTTPError | None", None)
    client_left = False
    allowed_methods = cast("tuple[str, ...]", ())
    other_path = ""

    # What the client sent.

    @property
    def headers(self) -> Headers:
        """The request header fields, in order."""
        headers = self._headers
        if headers is None:
            headers = self._headers = self.carrier.headers(self.raw)
        return headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers
        self._body_fields = None

    def body_fields(self) -> tuple[str | None, str | None]:
        """The fields `Content-Type` and `Content-Length` as they are in `headers`; None where there is none.

        Raises BadRequest for two Content-Types: who looks at the other one would judge another request.

        PERF: most requests with a body are asked for these two and no others, which needn't be decoded then: 1 µs for
        five fields (bench/parts.py).
        """
        fields = self._body_fields
        if fields is None:
            headers = self._headers
            if headers is None:
                fields = self.carrier.body_fields(self)
            else:
                kinds = [value for name, value in headers.pairs() if name == "content-type"]
                fields = sole_content_type(kinds), headers.get("content-length")
            self._body_fields = fields
        return fields

    @property
    def query_string(self) -> str:
        """The raw query, without the question mark."""
        text = self._query_string
        return self.carrier.query_string(self.raw) if text is None else text

    @query_string.setter
    def query_string(self, text: str) -> None:
        self._query_string = text

    @property
    def query(self) -> QueryParams:
        """The query's fields. Raises BadRequest for more than 1,000 of them."""
        query = self._query
        if query is None:
            try:
                query = self._query = QueryParams(self.query_string)
            except ValueError as error:
                raise BadRequest(str(error)) from None
        return query

    @query.setter
    def query(self, query: QueryParams) -> None:
        self._query = query

    def query_firsts(self) -> Mapping[str, str]:
        """The first value of each field of `query`, for who wants nothing else of it; raises BadRequest as that does.

        PERF: a quarter of the cost of `query`, where the query has no escapes (bench/parts.py).
        """
        if self._query is not None:
            return self._query
        text = self._query_string
        firsts = plain_firsts(self.carrier.query_string(self.raw) if text is None else text)
        return self.query if firsts is None else firsts

    @lazy
    def cookies(self) -> dict[str, str]:
        """The cookies of the `Cookie` header; of two with one name the first counts."""
        return parse_cookies("; ".join(self.headers.getlist("cookie")))

    @lazy
    def scheme(self) -> str:
        """`http` or `https`, as the server says."""
        return self.carrier.scheme(self.raw)

    @lazy
    def http_version(self) -> str:
        """`1.0`, `1.1`, `2` or `3`."""
        return self.carrier.http_version(self.raw)

    @property
    def client(self) -> Address | None:
        """The peer's address; None where the server doesn't tell."""
        client = self._client
        return self.carrier.client(self.raw) if client is _MISSING else client

    @client.setter
    def client(self, client: Address | None) -> None:
        self._client = client

    @lazy
    def server(self) -> Address | None:
        """The address the request arrived at."""
        return self.carrier.server(self.raw)

    @property
    def root_path(self) -> str:
        """The prefix in front of `path` in the public URL: the server's, then that of each mount."""
        prefix = self._root_path
        return self.carrier.root_path(self.raw) if prefix is None else prefix

    @root_path.setter
    def root_path(self, prefix: str) -> None:
        self._root_path = prefix

    @lazy
    def raw_path(self) -> bytes | None:
        """The path as it was sent, still percent-encoded; None where the server doesn't tell."""
        return self.carrier.raw_path(self.raw)

    @lazy
    def host(self) -> str:
        """The host of the `Host` header, lower case, without port; "" if there is none. Raises BadRequest."""
        return _host_of(self.headers["host"])[0] if "host" in self.headers else ""

    @lazy
    def url(self) -> URL:
        """The request's URL, put together from its parts and never parsed again from text."""
        name = self.headers.get("host")
        if name is not None:
            host, port = _host_of(name)
        else:
            host, port = self.server or ("localhost", None)
        return URL(self.scheme, host, port, self.root_path + self.path, self.query_string)

    @lazy
    def content_type(self) -> MediaType | None:
        """The media type of the body; None without one or with one that can't be parsed."""
        value = self.body_fields()[0]
        if value is None:
            return None
        try:
            return parse_media_type(value)
        except ValueError:
            return None

    @property
    def content_length(self) -> int | None:
        """The declared length in bytes. Raises BadRequest if it is no number."""
        value = self.body_fields()[1]
        return _length(value) if value else None

    def accepts(self, *offers: str) -> str | None:
        """The media type of `offers` that the client likes best (RFC 9110 §12.5.1); None if it takes none of them."""
        return best_match(self.headers.get("accept"), offers)

    # The body.

    def open_source(self) -> Any:
        """The transport's side of the body: one object, opened when it is first wanted."""
        source = self.opened_source
        if source is None:
            source = self.opened_source = self.carrier.body(self.raw, self.channel)
        return source

    @property
    def body_reader(self) -> Body:
        """The body's one reader, which all the methods below share."""
        body = self.opened_body
        if body is None:
            carrier, raw = self.carrier, self.raw
            # Under WSGI the server reads the body, and times it.
            timeout = None if carrier.protocol == "wsgi" else self.app.body_timeout
            body = self.opened_body = Body(
                self.open_source(),
                self.content_length,
                self.max_body,
                timeout,
                lambda: _late(carrier.http_version(raw)),
                _data=self.whole_body,
            )
        return body

    @body_reader.setter
    def body_reader(self, body: Body) -> None:
        self.opened_body = body

    def body_at_once(self) -> bytes | None:
        """The whole body, if it is here in one piece and nobody has begun to read it; None: await `body_reader.read()`.

        Raises what that raises. PERF: most bodies come so, and this takes a third of the time: it needs no reader, no
        coroutine and no timer (bench/parts.py).
        """
        if self.opened_body is not None or self.opened_source is not None or self.whole_body is not None:
            return None if self.opened_body is not None else self.whole_body
        text = self.body_fields()[1]
        length = _length(text) if text else None
        if length is None or (self.max_body is not None and length > self.max_body):
            return None
        data = self.whole_body = self.carrier.body_at_once(self, length)
        return data

    def replace_body(self, source: BodySource, length: int | None = None) -> None:
        """Let all later readers read from `source`, as a layer that decompresses or decrypts does.

        `Content-Length` becomes `length` or, if that isn't known, goes away. Other fields, such as `Content-Encoding`,
        are left to the layer.
        """
        self._json = _MISSING
        self._form = self._form_refusal = None
        if length != self.content_length:
            others = [pair for pair in self.headers.pairs() if pair[0] != "content-length"]
            self.replace_headers(Headers(others if length is None else [*others, ("content-length", str(length))]))
            encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.pairs()]
            self.scope = {**self.scope, "headers": encoded}
        self.replaced_readers = (*self.replaced_readers, self.body_reader)
        self.body_reader = Body(source, length, self.max_body)

    def replace_headers(self, headers: Headers) -> None:
        """Let all later readers see these header fields, and what is read from them."""
        for name in ("content_type", "cookies", "host", "url"):
            vars(self).pop(name, None)
        self.headers = headers

    async def body(self) -> bytes:
        """The whole body.

        Raises ContentTooLarge over `max_body` bytes, BodyConsumed after a stream was begun, ClientDisconnect.
        """
        data = self.body_at_once()
        return await self.body_reader.read() if data is None else data

    def undecoded(self) -> UnsupportedMediaType | None:
        """The error for a body that is in a content coding still, as no layer has undone it; None if it is in none.

        PERF: asked when a body can't be read, so that those that can pay nothing. None of the codings gives JSON.
        """
        if self.headers.get("content-encoding", "identity").strip().lower() in ("", "identity"):
            return None
        return UnsupportedMediaType(
            "the body has a Content-Encoding, and none is taken here", headers=[("accept-encoding", "identity")]
        )

    async def text(self) -> str:
        """The whole body as text in the charset it names, UTF-8 by default.

        Raises BadRequest for text that isn't in it, and for charsets other than UTF-8, UTF-16, US-ASCII, ISO-8859-1 and
        windows-1252.
        """
        data = await self.body()
        named = (self.content_type.charset if self.content_type else None) or "utf-8"
        charset = _TEXT_CODECS.get(named.lower())
        if charset is None:
            raise BadRequest("the body is in a charset that isn't understood; send UTF-8")
        try:
            return data.decode(charset)
        except ValueError:
            raise self.undecoded() or BadRequest(f"the body is not valid {charset!r} text") from None

    async def json(self) -> Any:
        """The body decoded from JSON, once; every call returns the same object.

        Raises UnsupportedMediaType unless the content type is JSON (`application/json` or `…+json`): a form that a
        browser posts across sites is never taken for JSON. Raises BadRequest for malformed JSON.
        """
        # PERF: to read `__dict__` would make a dict of the attributes, and slow down every one of them.
        if self._json is _MISSING:
            essence = self.content_type.essence if self.content_type else ""
            if not is_json(essence):
                raise UnsupportedMediaType("the body must be JSON, with Content-Type: application/json")
            data = await self.body()
            try:
                self._json = decode_json(data)
            except ValueError:
                raise self.undecoded() or BadRequest("the body is not valid JSON") from None
        return self._json

    async def form(self, limits: FormLimits | None = None) -> FormData:
        """The fields and files of a form, urlencoded or multipart, parsed once; every call returns the same object.

        It is refused as it arrives, as soon as it passes a limit or `max_body`; the limits are those of the route
        unless given. A file over `FormLimits.file_memory` is in a temporary file until the response is sent. A form of
        more than `FormLimits.memory` bytes isn't kept for other readers. Raises UnsupportedMediaType for another
        content type, BadRequest for a malformed form, ContentTooLarge, InsufficientStorage, and what `body` raises.
        """
        if self._form is None:
            if (refusal := self.undecoded()) is not None:
                raise refusal
            limits = limits or self.form_limits
            try:
                self._form = await read_form(self.body_reader, self.content_type, limits, self)
            except BodyConsumed:
                # What a layer was told when it looked at a form too large to be kept, the handler is told too.
                if self._form_refusal is not None:
                    raise self._form_refusal from None
                raise
            except HTTPError as error:
                self._form_refusal = error.copy()
                raise
        return self._form

    def parts(self, limits: FormLimits | None = None) -> FormParts:
        """The parts of a form one by one, as they arrive, of any size: `async for part in request.parts()`.

        Nothing is kept, so it is for one reader, unless the body was read before; `max_body` doesn't bound it, the
        limits do. Raises UnsupportedMediaType for another content type; the iteration raises BadRequest for a malformed
        form, ContentTooLarge over a limit, and what `stream` raises.
        """
        return FormParts(self.stream(), self.content_type, limits or self.form_limits, self)

    @property
    def form_limits(self) -> FormLimits:
        """What a form may hold here: the option `form_limits` of the route, its groups or the application."""
        route = self.route
        return (route.form_limits if route is not None else self.app.form_limits) or FORM_LIMITS

    def stream(self) -> AsyncIterator[bytes]:
        """The body piece by piece, of any size, without keeping it; replayed if it was read before."""
        return self.body_reader.stream()

    async def is_disconnected(self) -> bool:
        """True when the client is known to have gone. Under WSGI nobody can know, and it is False."""
        return await self.carrier.is_disconnected(self)

    # The application's side.

    @lazy
    def state(self) -> State:
        """What layers leave for each other; starts with what the lifespan yielded."""
        if self.known_scope is not None:
            return State(self.known_scope["state"])
        # PERF: a scope costs more, tenfold if it is made from another protocol's request. One made later shares this.
        given = self.carrier.state(self.raw)
        return State(dict(self.app.lifespan_state) if given is None else given)

    @property
    def scope(self) -> Scope:
        """The ASGI scope; made from the raw request on other protocols, kept from then on."""
        scope = self.known_scope
        if scope is None:
            scope = self.known_scope = self.carrier.scope(self)
        return scope

    @scope.setter
    def scope(self, scope: Scope) -> None:
        self.known_scope = scope

    @property
    def session(self) -> Session:
        """What is kept for this client from request to request. Raises LookupError without a layer for sessions."""
        session = self._session
        if session is None:
            raise LookupError(
                "request.session needs a layer for sessions around the handler, such as `nacre.sessions.Sessions`"
            )
        if isinstance(session, Unopened):
            session = self._session = session.open(self)
        return session

    @session.setter
    def session(self, session: Session) -> None:
        self._session = session

    @property
    def user(self) -> Any:
        """Who the request is from, as a layer for authentication found out; None if nobody knows."""
        return self._user

    @user.setter
    def user(self, user: Any) -> None:
        self._user = user

    @lazy
    def tasks(self) -> RequestTasks:
        """Tasks that are cancelled and awaited when this request is over; those of `app.tasks` go on."""
        return RequestTasks(self)

    def url_for(self, name: str, /, **values: object) -> str:
        """The path of the route with this name, with `root_path` in front. Raises ValueError as `app.url_for` does."""
        return self.root_path + self.app.url_for(name, **values)

    def after_request(self, hook: HookT) -> HookT:
        """Call `hook(request, response)` for this request, after all other after-hooks, if no error occurred."""
        if self.after_hooks is None:
            self.after_hooks = []
        self.after_hooks.append(hook)
        return hook

    def after_response(self, callback: CallbackT) -> CallbackT:
        """Call `callback()` once after the last byte, or after the client has gone; in reverse order, like `finally`.

        An exception in it is logged and stops none of the others.
        """
        if self.after_callbacks is None:
            self.after_callbacks = []
        self.after_callbacks.append(callback)
        return callback

    def __copy__(self) -> Request:
        """The same request for those further in, whose attributes may be set without those outside seeing it.

        What there is once per request is shared: the body, the state, the sessions, the streams to close, and what
        follows the response.
        """
        shared = self.body_reader, self.state
        if self.streams is None:
            self.streams = []
        if self.after_callbacks is None:
            self.after_callbacks = []
        if self._session is not None:
            self._session = self.session
        if self.opened_sessions is None:
            self.opened_sessions = []
        twin = replace(self)
        vars(twin).update(vars(self))
        twin.body_reader, twin.state = shared
        twin.views = None
        return twin

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


def sole_content_type(values: Sequence[str]) -> str | None:
    """The one `Content-Type` of a request, None without any. Raises BadRequest for two."""
    if len(values) > 1:
        raise BadRequest("the request has two Content-Type headers")
    return values[0] if values else None


@lru_cache(maxsize=1024)
def _length(declared: str) -> int:
    """A declared length. PERF: bodies of the same few lengths come again and again; a third of the cost."""
    if not (declared.isascii() and declared.isdigit() and len(declared) < 20):
        raise BadRequest("Content-Length is not a number")
    return int(declared)


def _late(http_version: str) -> RequestTimeout:
    # RFC 9110 §15.5.9 wants the connection to be closed; HTTP/2 knows no such field (RFC 9113 §8.2.2).
    headers = {"connection": "close"} if http_version.startswith("1") else None
    return RequestTimeout("the body came too slowly", headers=headers)


def _host_of(value: str) -> tuple[str, int | None]:
    try:
        return parse_host(value)
    except ValueError as error:
        raise BadRequest("the Host header is malformed") from error


CallNext = Callable[[Request], Awaitable[Response]]
"""What an onion layer awaits to run everything inside it."""

Handler = Callable[[Request], Awaitable[Response]]
"""A request in, a response out: what every compiled step is."""

__all__ = ["AfterHook", "Application", "CallNext", "Callback", "Carrier", "HTTPError", "Handler", "Request"]
