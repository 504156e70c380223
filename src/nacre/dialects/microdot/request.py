"""Microdot's request: a view of the native one whose body has been received before the program's code is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from nacre import Nacre
from nacre.codecs import decode_json
from nacre.dialects.microdot.calls import after_hook
from nacre.dialects.microdot.mappings import MultiDict
from nacre.dialects.microdot.stream import BodyStream
from nacre.errors import BadRequest, ContentTooLarge
from nacre.fields import MULTIPART, URLENCODED
from nacre.lazy import lazy
from nacre.urls import QueryParams
from nacre.views import RequestView

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

ORIGIN = "microdot"
"""The option of a route that holds its `Origin`."""

_UNREAD: Any = object()
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "CONNECT", "TRACE"})


@dataclass(frozen=True, eq=False)
class Origin:
    """What a program wrote to declare a route, and the application it wrote it for."""

    app: Nacre
    pattern: str
    function: Callable[..., Any]


class Told(Generic[T]):
    """An attribute that the native request is asked for, until the program sets another value."""

    def __init__(self, ask: Callable[[Any], T]) -> None:
        self.ask = ask

    def __get__(self, view: Any, owner: Any = None) -> T:
        return cast("T", self) if view is None else self.ask(view)


class Request(RequestView):
    """A request as programs for Microdot know it. Its limits are class attributes, which programs may set at any time.

    A body of more than `max_content_length` bytes is refused with 413; one of up to `max_body_length` bytes is in
    `body`, a larger one in `stream` only.
    """

    max_content_length = 16 * 1024
    max_body_length = 16 * 1024
    max_readline = 2 * 1024
    """COMPAT: has no effect. The length of lines and header fields is bounded by the server."""

    class G:
        """What hooks and handlers of one request leave for each other."""

    # PERF: class-level, since most requests need none of these. None of them may hold the request itself, which would
    # leave it to the collector of cycles (bench/dialects.py).
    body: bytes = b""
    """The body; empty if it is larger than `max_body_length`, which leaves it to `stream`."""
    is_received = False
    reader: BodyStream | None = None
    fields: Any = None
    files: Any = None
    """The files of a multipart form by name, where `with_form_data` has read it."""
    data: Any = _UNREAD
    """What `json` has decoded."""

    @lazy
    def g(self) -> Any:
        """An object for whatever hooks and handlers of this request leave for each other."""
        return self.G()

    # The body.

    @property
    def is_pending(self) -> bool:
        """Whether there is a body to be received that hasn't been.

        What is on its way to a handler of another kind is received for hooks only if it is small and says so: that
        handler has limits of its own, and may want to read it piece by piece.
        """
        if self.is_received:
            return False
        native = self.native
        length = native.content_length
        if length is None:
            pending = native.method not in _BODILESS and not self.is_foreign
        else:
            pending = length > 0 and (length <= self.max_body_length or not self.is_foreign)
        self.is_received = not pending
        return pending

    @property
    def is_foreign(self) -> bool:
        """Whether another kind of handler answers."""
        return self.native.route is not None and self.origin is None

    async def receive(self) -> None:
        """Receive the body as far as it belongs into `body`. Raises ContentTooLarge, ClientDisconnect."""
        self.is_received = True
        native, limit = self.native, self.max_content_length
        length = native.content_length
        if self.is_foreign:
            self.body = await native.body()
            return
        native.max_body = limit
        if length is None:
            if not self.is_multipart:  # those are left to who reads forms
                await self._receive_unmeasured()
        elif length > limit:
            raise ContentTooLarge("the body is larger than Request.max_content_length allows")
        elif length <= self.max_body_length:
            self.body = await native.body()

    async def _receive_unmeasured(self) -> None:
        """Receive a body that doesn't tell its length; the first part of a large one is kept for `stream`."""
        stream, first = self.native.stream(), bytearray()
        async for piece in stream:
            first += piece
            if len(first) > self.max_body_length:
                self.reader = BodyStream(bytes(first), stream, self.max_content_length)
                return
        self.body = bytes(first)

    @property
    def is_multipart(self) -> bool:
        """Whether the body is a multipart form."""
        kind = self.native.content_type
        return kind is not None and kind.essence == MULTIPART

    @property
    def stream(self) -> BodyStream:
        """The body to be read piece by piece, of up to `max_content_length` bytes."""
        if self.reader is None:
            rest = None if self.body else self.native.stream()
            self.reader = BodyStream(self.body, rest, self.max_content_length)
        return self.reader

    @property
    def json(self) -> Any:
        """The body decoded from JSON, None unless its type is `application/json`. Raises BadRequest."""
        if self.data is _UNREAD:
            native = self.native
            self.data = None
            if native.content_type is not None and native.content_type.essence == "application/json":
                try:
                    self.data = decode_json(self.body)
                except ValueError:
                    raise native.undecoded() or BadRequest("the body is not valid JSON") from None
        return self.data

    @property
    def form(self) -> Any:
        """The fields of a form: a `MultiDict` of an urlencoded one, None of any other body. Raises BadRequest.

        `with_form_data` puts those of a multipart form here.
        """
        if self.fields is None:
            kind = self.native.content_type
            if kind is None or kind.essence != URLENCODED:
                return None
            try:
                pairs = QueryParams(self.body.decode()).pairs()
            except ValueError:
                raise self.native.undecoded() or BadRequest("the form is malformed") from None
            self.fields = MultiDict().add(pairs)
        return self.fields

    # What is as the native request has it.

    method = Told(attrgetter("native.method"))
    path = Told(attrgetter("native.path"))
    headers = Told(attrgetter("native.headers"))
    cookies = Told(attrgetter("native.cookies"))
    scheme = Told(attrgetter("native.scheme"))
    http_version = Told(attrgetter("native.http_version"))
    client_addr = Told(attrgetter("native.client"))
    """The client's address and port, None where the server doesn't tell."""
    app = Told(attrgetter("native.app"))
    """The application that serves it; of sub-applications, the one they are mounted in."""
    asgi_scope = Told(attrgetter("native.scope"))
    """The ASGI scope; made of the raw request where the server speaks another protocol."""

    @Told
    def url(self) -> str:
        """Path and query, without scheme and host."""
        query = self.native.query_string
        return f"{self.native.path}?{query}" if query else self.native.path

    @Told
    def query_string(self) -> str | None:
        """The query without its question mark; None without one."""
        return self.native.query_string or None

    @lazy
    def args(self) -> MultiDict:
        """The fields of the query. Raises BadRequest for more than 1,000."""
        return MultiDict().add(self.native.query.pairs())

    @Told
    def content_type(self) -> str | None:
        """The field `Content-Type` as it came, None without one."""
        return self.native.body_fields()[0]

    @Told
    def content_length(self) -> int:
        """The declared length of the body in bytes, 0 if there is none."""
        return self.native.content_length or 0

    # Where it is served.

    @property
    def origin(self) -> Origin | None:
        """What declared the route; None for native routes and where none matches."""
        route = self.native.route
        return None if route is None else cast("Origin | None", route.options.get(ORIGIN))

    @Told
    def route(self) -> Callable[..., Any] | None:
        """The function of the route; None where none matches."""
        origin = self.origin
        if origin is not None:
            return origin.function
        route = self.native.route
        return None if route is None else route.endpoint

    @Told
    def subapp(self) -> Nacre | None:
        """The sub-application that declared the route; None if the application itself did."""
        origin = self.origin
        return None if origin is None or origin.app is self.native.app else origin.app

    @Told
    def url_prefix(self) -> str:
        """The prefix that the sub-application is mounted under, in applications of other kinds too; "" without one."""
        origin, route = self.origin, self.native.route
        return "" if origin is None or route is None else route.path.removesuffix(origin.pattern)

    @Told
    def url_args(self) -> dict[str, Any]:
        """The values of the path's variables."""
        return dict(self.native.path_params)

    @Told
    def environ(self) -> dict[str, Any] | None:
        """The WSGI environment, None where the server speaks another protocol."""
        return cast("dict[str, Any]", self.native.raw) if self.native.carrier.protocol == "wsgi" else None

    def after_request(self, f: F) -> F:
        """Call `f(request, response)` for this request, after the hooks of the application, if no error occurred."""
        self.native.after_request(after_hook(f, type(self).of))
        return f
