"""Middlewares: ASGI classes and their options, and those that come with the framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal, Self

import nacre
from nacre.chain.middleware import Where
from nacre.compression import Compression
from nacre.dialects.flama.http import PlainTextResponse, Request, Response
from nacre.errors import ClientDisconnect, HTTPError
from nacre.groups import Entry, MiddlewareList
from nacre.security import CORS, HTTPSRedirect, TrustedHosts
from nacre.sessions import Sessions

__all__ = [
    "BaseHTTPMiddleware",
    "CORSMiddleware",
    "GZipMiddleware",
    "HTTPSRedirectMiddleware",
    "Middleware",
    "ServerErrorMiddleware",
    "SessionMiddleware",
    "TrustedHostMiddleware",
]


class Middleware(nacre.ASGIMiddleware):
    """An ASGI class with the keywords that it is built with; all of them are the class's, whatever they are called.

    `placed` says which routes of an application it covers.
    """

    dialect = "flama"

    def __init__(self, middleware: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(middleware)
        self.options = kwargs

    @property
    def middleware(self) -> Any:
        return self.target

    @property
    def kwargs(self) -> dict[str, Any]:
        return self.options

    def placed(self, *, name: str | None = None, only: Where | None = None, skip: Where = ()) -> Self:
        """Give the layer a name, or the routes that it covers: `only` and `skip` as for `nacre.Middleware`."""
        place = nacre.Middleware(self.target, name=name or self.name, only=only, skip=skip)
        self.name, self.only, self.skip = place.name, place.only, place.skip
        return self

    def __call__(self, app: Any) -> Any:
        """The class's instance around an ASGI application."""
        return self.target(app, **self.options)

    def __repr__(self) -> str:
        # Options may hold secrets, so only their names are shown.
        shown = ", ".join([getattr(self.target, "__name__", type(self.target).__name__), *self.options])
        return f"Middleware({shown})"


def layer(middleware: Callable[..., Any], **kwargs: Any) -> nacre.Middleware:
    """An item for any application's list: an ASGI class, or a middleware of the framework, with its keywords."""
    return _settled(Middleware(middleware, **kwargs))


UNHANDLED = "nacre.flama.unhandled"
"""Where a scope holds the exceptions that were reported already, and are on their way out through the middlewares."""


class ServerErrorMiddleware:
    """Stands outside of the middlewares at the head of a list: answers the exceptions that come through them all."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # In an application that is mounted, the exception is for those around it; scopes are of a route there.
        if scope["type"] != "http" or "path_params" in scope:
            await self.app(scope, receive, send)
            return
        reported: list[Exception] = []
        scope[UNHANDLED] = reported
        has_begun = False

        async def begin(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, begin)
        except Exception as error:
            page = _page(error, scope, is_known=error in reported)
            if has_begun or isinstance(error, ClientDisconnect):
                raise
            await page(scope, receive, send)


def _page(error: Exception, scope: Any, *, is_known: bool) -> Response:
    """What answers an exception that has come through all middlewares; it is reported, if it isn't the client's."""
    request, app = Request(scope).native, scope["app"]
    if isinstance(error, HTTPError):
        page = app.error_page(request, error)
    else:
        page = None if is_known else app.report(request, error)
    return PlainTextResponse("Internal Server Error", 500) if page is None else page.as_kind(Response)


class Middlewares(MiddlewareList):
    """An application's list; the middlewares that come with the framework are layers of the core."""

    def __init__(self, *args: Any) -> None:
        self.outermost = Middleware(ServerErrorMiddleware)
        super().__init__(*args)

    @property
    def entries(self) -> Sequence[Entry]:
        found = super().entries
        has_head = bool(found) and isinstance(found[0].item, Middleware)
        return (Entry(self.outermost, found[0].where), *found) if has_head else found

    def prepare(self, item: Any) -> Any:
        return _settled(item) if isinstance(item, Middleware) else item


def _settled(item: Middleware) -> nacre.Middleware:
    """The item itself, or the core's layer that a middleware of the framework stands for."""
    target = item.target
    if not isinstance(target, type) or not issubclass(target, BuiltIn):
        return item
    made = _BuiltInLayer(target.build(**item.options), name=item.name or target.__name__)
    made.only, made.skip, made.where = item.only, item.skip, item.where
    return made


class _BuiltInLayer(nacre.Middleware):
    dialect = "flama"


class BuiltIn:
    """A middleware of the framework: its keywords are Flama's, what they make is a layer of the core."""

    build: ClassVar[Callable[..., Any]]
    """Makes the layer."""


CallNext = Callable[[Request], Awaitable[Response]]


class BaseHTTPMiddleware(BuiltIn):
    """Derive from it and write `async def dispatch(self, request, call_next)`, or give one as `dispatch`."""

    app: Any = None

    def __init__(self, app: Any = None, dispatch: Callable[[Request, CallNext], Awaitable[Any]] | None = None) -> None:
        self.app = app
        if dispatch is not None:
            vars(self)["dispatch"] = dispatch

    async def dispatch(self, request: Request, call_next: CallNext) -> Any:
        """Answer the request, by `await call_next(request)` or otherwise."""
        return await call_next(request)

    @classmethod
    def build(cls, **options: Any) -> Any:
        return _Dispatching(cls(None, **options))


class _Dispatching:
    """A `BaseHTTPMiddleware` as an onion layer."""

    def __init__(self, middleware: BaseHTTPMiddleware) -> None:
        self._answer = middleware.dispatch

    async def __call__(self, request: nacre.Request, call_next: nacre.CallNext) -> Any:
        async def further(view: Request) -> Response:
            return (await call_next(view.native)).as_kind(Response)

        return await self._answer(Request.of(request), further)


class CORSMiddleware(BuiltIn):
    """Which pages of other origins may read the answers; a preflight that isn't allowed is refused."""

    @classmethod
    def build(
        cls,
        *,
        allow_origins: Sequence[str] = (),
        allow_methods: Sequence[str] = ("GET",),
        allow_headers: Sequence[str] = (),
        allow_credentials: bool = False,
        allow_origin_regex: str | None = None,
        expose_headers: Sequence[str] = (),
        max_age: int = 600,
    ) -> Any:
        return CORS(
            allow_origins,
            origin_regex=allow_origin_regex,
            credentials=allow_credentials,
            methods=None if "*" in allow_methods else allow_methods,
            headers=None if "*" in allow_headers else (*_SAFE_HEADERS, *allow_headers),
            expose=expose_headers,
            max_age=max_age,
        )


_SAFE_HEADERS = ("Accept", "Accept-Language", "Content-Language", "Content-Type")


class GZipMiddleware(BuiltIn):
    """Compresses answers of at least `minimum_size` bytes for clients that take gzip."""

    @classmethod
    def build(cls, *, minimum_size: int = 500, compresslevel: int = 9) -> Any:
        return Compression(minimum_size=minimum_size, algorithms=["gzip"], levels={"gzip": compresslevel})


class HTTPSRedirectMiddleware(BuiltIn):
    """Sends clients of http to https with 307; the hosts must be named by a `TrustedHostMiddleware` outside of it."""

    @classmethod
    def build(cls) -> Any:
        return HTTPSRedirect(status=307)


class TrustedHostMiddleware(BuiltIn):
    """Refuses requests for other hosts than these with 400."""

    @classmethod
    def build(cls, *, allowed_hosts: Iterable[str] | None = None, www_redirect: bool = True) -> Any:
        return TrustedHosts(("*",) if allowed_hosts is None else allowed_hosts, www_redirect=www_redirect)


_TWO_WEEKS = 14 * 24 * 60 * 60


class SessionMiddleware(BuiltIn):
    """Keeps `request.session` in a signed cookie; `max_age` in seconds, None for as long as the browser runs."""

    @classmethod
    def build(
        cls,
        *,
        secret_key: str,
        session_cookie: str = "session",
        max_age: int | None = _TWO_WEEKS,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = False,
        domain: str | None = None,
    ) -> Any:
        return Sessions(
            secret_key,
            cookie=session_cookie,
            max_age=_TWO_WEEKS if max_age is None else max_age,
            persistent=max_age is not None,
            path=path,
            samesite=same_site,
            secure=True if https_only else "auto",
            domain=domain,
        )
