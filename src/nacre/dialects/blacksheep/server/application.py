"""The application."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, Self, TypeVar

from nacre.app import Nacre
from nacre.binding import Validation, read_parameters
from nacre.callables import describe, is_async
from nacre.chain.boundary import ErrorKey
from nacre.dialects.blacksheep.contents import TextContent
from nacre.dialects.blacksheep.exceptions import (
    HTTPException,
    InternalServerError,
    InvalidExceptionHandler,
    error_text,
    own_exception,
    status_of,
)
from nacre.dialects.blacksheep.messages import Request, Response, own_response
from nacre.dialects.blacksheep.middlewares import MiddlewareCategory, MiddlewareList
from nacre.dialects.blacksheep.server.controllers import register_controller
from nacre.dialects.blacksheep.server.cors import CORSLayer, CORSPolicy, CORSStrategy
from nacre.dialects.blacksheep.server.env import is_set
from nacre.dialects.blacksheep.server.files import ListedFiles
from nacre.dialects.blacksheep.server.normalization import BlackSheepResults, ensure_response
from nacre.dialects.blacksheep.server.routing import OrphanDefaultRouterError, Router
from nacre.dialects.blacksheep.server.routing import router as default_router
from nacre.dialects.blacksheep.server.services import Services
from nacre.dialects.blacksheep.sessions.abc import SessionStore
from nacre.dialects.blacksheep.sessions.cookies import CookieSessionStore
from nacre.dialects.blacksheep.sessions.memory import InMemorySessionStore
from nacre.errors import ConfigurationError, HTTPError, Location, Problem, UnsupportedMediaType
from nacre.lifespan import LifespanTask
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse
from nacre.sessions import Sessions

F = TypeVar("F", bound=Callable[..., Any])


class ApplicationEvent:
    """Functions to be called with the application, or with nothing: `app.on_start += function`, or as a decorator."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.handlers: list[Callable[..., Any]] = []

    def add(self, handler: Callable[..., Any]) -> None:
        """Call a function, plain or async, whenever it happens."""
        self.handlers.append(handler)

    def __iadd__(self, handler: Callable[..., Any]) -> Self:
        self.add(handler)
        return self

    def __isub__(self, handler: Callable[..., Any]) -> Self:
        self.handlers[:] = [one for one in self.handlers if one != handler]
        return self

    def __len__(self) -> int:
        return len(self.handlers)

    def __call__(self, handler: Callable[..., Any] | None = None) -> Any:
        """Decorate with it, with parentheses or without."""
        if handler is None:
            return self
        self.add(handler)
        return handler

    async def fire(self) -> None:
        for handler in self.handlers:
            result = _given(handler, self.context)
            if inspect.isawaitable(result):
                await result


class ApplicationSyncEvent(ApplicationEvent):
    """An event whose functions are plain."""

    def add(self, handler: Callable[..., Any]) -> None:
        """Call a function whenever it happens. Raises ConfigurationError for an async one, which nobody would await."""
        if is_async(handler):
            what = f"{describe(handler)} is async, and middlewares are configured by plain functions"
            raise ConfigurationError(Problem(what, Location.of(handler), "write `def`, or use app.on_start"))
        super().add(handler)

    def fire_sync(self) -> None:
        """Call them. Raises ConfigurationError where one fails: servers take other exceptions of this time for none."""
        for handler in self.handlers:
            try:
                _given(handler, self.context)
            except ConfigurationError:
                raise
            except Exception as error:
                what = (
                    f"{describe(handler)} failed while it configured the middlewares: {type(error).__name__}: {error}"
                )
                raise ConfigurationError(Problem(what, Location.of(handler), "mend what it does")) from error


def _given(function: Callable[..., Any], app: object) -> Any:
    """Call a function with the application, if it takes anything."""
    return function(app) if inspect.signature(function).parameters else function()


class ExceptionHandlers(MutableMapping[Any, Any]):
    """The handlers of exceptions by class and status, as `app.exceptions_handlers[key] = function` sets them."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._handlers: dict[Any, Callable[..., Any]] = {}

    def __getitem__(self, key: Any) -> Any:
        return self._handlers[key]

    def __setitem__(self, key: Any, handler: Callable[..., Any]) -> None:
        self._app.add_exception_handler(key, handler)
        self._handlers[key] = handler

    def __delitem__(self, key: Any) -> None:
        what = f"the handler of {key!r} can't be taken back"
        raise ConfigurationError(Problem(what, Location.of_caller(), "register another one in its place"))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)


class Application(Nacre):
    """An application of BlackSheep's kind, and a Nacre application with all that this can do.

    It serves the routes of `router`, those of the default router without one. `show_error_details` shows tracebacks to
    clients that ask under a name of this machine. Plain handlers run on the event loop. Errors pass the middlewares as
    responses. Raises SharedRouterError for a router that another application has.
    """

    dialect = "blacksheep"
    middleware_list: ClassVar[type[MiddlewareList]] = MiddlewareList
    middlewares: MiddlewareList

    def __init__(self, *, router: Router | None = None, show_error_details: bool = False) -> None:
        super().__init__(
            debug=show_error_details or is_set("APP_SHOW_ERROR_DETAILS"),
            inline=True,
            results=BlackSheepResults(),
            validation=Validation(status=400),
            slashes="ignore",
            case_sensitive=False,
        )
        if router is None:
            router = default_router if is_set("APP_USE_DEFAULT_ROUTER", default=True) else Router()
        self.router = router
        self.services = Services(self)
        self.exceptions_handlers = ExceptionHandlers(self)
        self.on_start = ApplicationEvent(self)
        """Fired when the application starts."""
        self.after_start = ApplicationEvent(self)
        """Fired when it has started, before the first request."""
        self.on_stop = ApplicationEvent(self)
        """Fired when it stops."""
        self.on_middlewares_configuration = ApplicationSyncEvent(self)
        """Fired once before the chains are made; its functions are plain."""
        self.is_configured = False
        """Whether `on_middlewares_configuration` was fired and the controllers are served."""
        self._configuring = RLock()
        self._is_configuring = False
        self._has_started = False
        self._running: LifespanTask | None = None
        self._contexts: list[Callable[[], Any]] = []
        self._cors: CORSStrategy | None = None
        self._default_headers: Sequence[tuple[str, str]] | None = None
        self.lifespan_context = self._live
        router.belong_to(self)

    # Events.

    def lifespan(self, callback: F) -> F:
        """Run an async generator function, or an async context manager's, around the application's life."""
        self._contexts.append(callback)
        return callback

    @asynccontextmanager
    async def _live(self) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.on_stop.fire)
            await self.on_start.fire()
            for callback in self._contexts:
                make: Any = asynccontextmanager(callback) if inspect.isasyncgenfunction(callback) else callback
                await stack.enter_async_context(_given(make, self))
            self._has_started = True
            self.services.check()
            self._configure()  # one that is mounted in an application of another kind
            await self.after_start.fire()
            yield

    async def start(self) -> None:
        """Start without a server, as tests do."""
        if self._running is None:
            self.compile()
            self._running = await self.live()

    async def stop(self) -> None:
        """Stop what `start` has started."""
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    def compile(self) -> None:
        """Check and compile now. Raises ConfigurationError, and OrphanDefaultRouterError for routes that are lost."""
        if default_router.is_orphan:
            raise OrphanDefaultRouterError
        for app in [one for one in self.all_groups() if isinstance(one, Application)]:
            app._configure()
            app._expect_services()
        super().compile()

    def _configure(self) -> None:
        """Have the middlewares configured, and the controllers served, once.

        SECURITY: what has failed here fails again. A request that came later would be served without what is missing.
        """
        with self._configuring:
            if self.is_configured or self._is_configuring:
                return
            self._is_configuring = True
            try:
                self.on_middlewares_configuration.fire_sync()
                for controller in self.router.controllers:
                    register_controller(self.router, controller)
                self.is_configured = True
            finally:
                self._is_configuring = False

    def _expect_services(self) -> None:
        """Wait for what the start is to register, where there are functions for it; without them it's told at once."""
        if not self._has_started and (self.on_start or self._contexts):
            self.services.expect(self.router.wanted())

    def register_controllers(self, controller_types: Iterable[type]) -> None:
        """Serve the methods of controllers that this application's router doesn't have already."""
        for controller in controller_types:
            register_controller(self.router, controller)

    # Errors.

    def exception_handler(self, exception_type: int | type[Exception]) -> Callable[[F], F]:
        """Answer exceptions of this class or status with `async def handler(app, request, exc)`."""

        def record(handler: F) -> F:
            self.exceptions_handlers[exception_type] = handler
            return handler

        return record

    def add_exception_handler(self, key: int | type[Exception], handler: Callable[..., Any]) -> None:
        """What `exception_handler` does. Raises InvalidExceptionHandler for a function of other parameters."""
        found = read_parameters(handler)
        if isinstance(found, Problem) or len([one for one in found if one.is_positional]) != 3:
            what = f"the exception handler {describe(handler)} takes other parameters than three"
            fix = "write `async def handler(app, request, exc)`"
            raise InvalidExceptionHandler(Problem(what, Location.of(handler) or Location.of_caller(), fix))
        is_general = isinstance(key, type) and issubclass(HTTPError, key)
        keys = _error_keys(key)
        for_bad = UnsupportedMediaType in keys

        @wraps(handler)
        async def answer(app: Any, request: NativeRequest, error: Exception) -> NativeResponse:
            status = status_of(error) if isinstance(error, HTTPError) else None
            if isinstance(error, HTTPError) and (is_general or (for_bad and status != HTTPStatus.BAD_REQUEST)):
                return self.error_page(request, error)
            is_asked_for = isinstance(key, type) and isinstance(error, key)
            shown = error if is_asked_for else own_exception(error)
            if key in (500, InternalServerError) and not isinstance(error, HTTPError):
                shown = InternalServerError(error)
            result = handler(self, Request.of(request), shown)
            return ensure_response(await result if inspect.isawaitable(result) else result)

        self.error_handler(*keys)(answer)

    def error_page(self, request: NativeRequest, error: HTTPError) -> NativeResponse:
        """The plain text of an HTTP error that no handler takes."""
        response = Response(status_of(error), None, TextContent(error_text(error)))
        response.headers.add_many(error.headers)
        return response

    def report(self, request: NativeRequest, error: Exception) -> NativeResponse | None:
        page = super().report(request, error)
        return None if page is None else own_response(page)

    # Features.

    @property
    def show_error_details(self) -> bool:
        return self.debug

    @show_error_details.setter
    def show_error_details(self, shown: bool) -> None:
        self.debug = shown

    @property
    def default_headers(self) -> Sequence[tuple[str, str]]:
        """Header fields that are added to all responses."""
        return self._default_headers or ()

    @default_headers.setter
    def default_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        is_first, self._default_headers = self._default_headers is None, headers
        if is_first:
            self.middlewares.append(self._add_default_headers, MiddlewareCategory.INIT)

    async def _add_default_headers(self, request: Request, handler: Callable[[Request], Any]) -> Response:
        response: Response = await handler(request)
        response.headers.add_many(self.default_headers)
        return response

    def mount(self, path: str, app: Any, **options: Any) -> None:
        """Hand everything under a path to another application: one of these, a Nacre, an ASGI or a WSGI one."""
        super().mount("/" + path.strip("/"), app, **options)

    def use_sessions(
        self,
        store: str | SessionStore | InMemorySessionStore | CookieSessionStore,
        *,
        session_cookie: str = "session",
        session_max_age: int | None = None,
    ) -> None:
        """Give requests a `session`: in a cookie that the secret `store` signs, or in a store."""
        if isinstance(store, SessionStore):
            self.middlewares.append(_StoredSessions(store), MiddlewareCategory.SESSION)
            return
        if isinstance(store, str):
            store = CookieSessionStore(store, session_cookie, session_max_age)
        if isinstance(store, CookieSessionStore):
            lasts: dict[str, Any] = {} if store.session_max_age is None else {"max_age": store.session_max_age}
            layer = Sessions(secret=store.secret_key, cookie=store.session_cookie, **lasts)
        else:
            layer = Sessions(store=store, cookie=store.cookie_name)
        self.middlewares.append(layer, MiddlewareCategory.SESSION)

    def use_cors(self, **policy: Any) -> CORSStrategy:
        """Let pages of other origins read the answers, as a `CORSPolicy` of these options allows."""
        if self._cors is None:
            self._cors = CORSStrategy(CORSPolicy(**policy))
            self.middlewares.append(CORSLayer(self._cors), MiddlewareCategory.INIT, -10)
        return self._cors

    def add_cors_policy(self, policy_name: str, **policy: Any) -> None:
        """Add a policy for the routes that are decorated with `@app.cors(policy_name)`."""
        (self._cors or self.use_cors()).add_policy(policy_name, CORSPolicy(**policy))

    @property
    def cors(self) -> CORSStrategy:
        """The decorator of routes that have a policy of their own. Raises ConfigurationError without `use_cors`."""
        if self._cors is None:
            what = "there are no CORS policies to choose from"
            raise ConfigurationError(Problem(what, Location.of_caller(), "call app.use_cors(…) before"))
        return self._cors

    def serve_files(
        self,
        source_folder: str | os.PathLike[str],
        *,
        discovery: bool = False,
        cache_time: int = 10800,
        extensions: set[str] | None = None,
        root_path: str = "",
        index_document: str | None = "index.html",
        fallback_document: str | None = None,
        allow_anonymous: bool = True,
    ) -> None:
        """Serve the files of a folder that have one of these extensions; a relative one is in the working directory."""
        if discovery:
            what = "serve_files(discovery=True) would list folders to everybody, which isn't there"
            raise ConfigurationError(Problem(what, Location.of_caller(), "write an index_document for each folder"))
        files = ListedFiles(
            Path(source_folder).absolute(),
            extensions=extensions,
            index=index_document,
            fallback=fallback_document,
            max_age=cache_time,
        )
        super().mount("/" + root_path.strip("/") if root_path.strip("/") else "", files)


class _StoredSessions:
    """A middleware that has a store load and save the sessions."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def __call__(self, request: Request, handler: Callable[[Request], Any]) -> Response:
        session = request.session = await self._store.load(request)
        response: Response = await handler(request)
        if session.modified:
            await self._store.save(request, response, session)
        return response


def _error_keys(key: int | type[Exception]) -> list[ErrorKey]:
    """The keys of Nacre's that stand for one of BlackSheep's: a class of a status stands for all errors of it."""
    if key is HTTPException:
        return [HTTPError]
    keys: list[ErrorKey] = [key]
    if not isinstance(key, int) and issubclass(key, HTTPException) and HTTPException.own.get(key.status) is key:
        keys.append(key.status)
    # A body of another type than a parameter asks for is a 400 here.
    return [*keys, UnsupportedMediaType] if HTTPStatus.BAD_REQUEST in keys else keys
