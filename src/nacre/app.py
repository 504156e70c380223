"""The application: declarations, compiled on demand, served over ASGI, RSGI and WSGI by one object."""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from nacre.binding import MISSING, Validation
from nacre.binding.providers import Override, override_of, ready_provider
from nacre.binding.singletons import Singletons
from nacre.chain.layer import Tools
from nacre.chain.middleware import Layers
from nacre.chain.pipeline import Dispatch, Pipeline, admitting
from nacre.chain.trace import layer_of
from nacre.compiler import Chain, Compiled, Compiler, Fallback
from nacre.errors import (
    BadRequest,
    ClientDisconnect,
    ConfigurationError,
    HTTPError,
    InternalServerError,
    Location,
    NotFound,
    Problem,
    UpgradeRequired,
)
from nacre.fields import FormLimits
from nacre.groups import Entry, Group, Inclusion, MountDeclaration, RouteOrder, Slashes
from nacre.headers import Headers, check_pair
from nacre.lifespan import Lifespan, LifespanHook, LifespanTask, foreign_lifespan, lived, serve_lifespan
from nacre.logline import printable
from nacre.overrides import check_override
from nacre.pages.answer import error_page
from nacre.pages.audience import may_see_details
from nacre.request import NO_PARAMS, Carrier, Request
from nacre.response import Response
from nacre.results import Results
from nacre.risks import Risk
from nacre.route import Route
from nacre.routing import ANY_METHOD, Converters, Found, OtherSlash, Unknown, WrongMethod
from nacre.state import State
from nacre.tasks import Tasks
from nacre.threads import Threads
from nacre.transports.asgi import serve_asgi
from nacre.transports.raw import RawStack, enter, pass_on, refuse_again
from nacre.transports.rsgi import serve_rsgi
from nacre.transports.websockets import serve_asgi_websockets, serve_rsgi_websockets
from nacre.transports.wsgi import LoopThread, serve_wsgi
from nacre.types import ASGIApp, Scope, WSGIApp
from nacre.urls import parse_host
from nacre.websocket import WEBSOCKET

if TYPE_CHECKING:
    from nacre.describe import AppDescription, Explanation

F = TypeVar("F", bound=Callable[..., Any])

_NO_CARRIER: Any = None  # of requests that are only matched

DEFAULT_MAX_BODY = 1024 * 1024


class Nacre(Group):
    """A web application, and a callable that any ASGI, RSGI or WSGI server serves.

    Declarations only record; they are checked and compiled together when the application is first used, and again when
    something is declared after that. `lifespan` is an async context manager function; what it yields starts each
    request's `state`. `max_body` is the largest request body, in bytes, that `request.body()` and its like read (1 MiB;
    None: no limit). `body_timeout` is how many seconds a client may keep those waiting who read its body, before they
    are given a 408 (30; None: no end); 500 bytes make up for a second, except in `request.stream()`, where each piece
    begins anew. WSGI servers have timeouts of their own. `form_limits` says what a form may hold. `threads` bounds the
    worker threads for plain `def` code. `results` holds the rules by which plain values become responses. `tasks`
    bounds the background tasks. `debug` shows tracebacks to clients that ask under a name of this machine, or one that
    `TrustedHosts` lists. `secure` puts `nacre.security.SecureDefaults`, or what is given in its place, before all
    layers but ASGI classes at the head of the list.

    A subclass may answer in its own words what no route of it answers: `error_page`, `answer_options` and
    `answer_unknown` are for that, and hold below its prefix where it is mounted.
    """

    dialect: ClassVar[str | None] = None
    """Whose conventions its hooks, handlers and error handlers follow, for chains; None for Nacre's own."""

    error_log: logging.Logger = logging.getLogger("nacre.error")
    """Where exceptions that nobody handles are told."""

    def __init__(
        self,
        *,
        middlewares: Iterable[Any] = (),
        routes: Iterable[Callable[..., Any]] = (),
        lifespan: Lifespan | None = None,
        name: str | None = None,
        debug: bool = False,
        host: str | None = None,
        slashes: Slashes = "strict",
        route_order: RouteOrder = "specific",
        case_sensitive: bool = True,
        max_body: int | None = DEFAULT_MAX_BODY,
        form_limits: FormLimits | None = None,
        body_timeout: float | None = 30.0,
        inline: bool = False,
        threads: int = 40,
        results: Results | None = None,
        providers: Iterable[Any] = (),
        validation: Validation | None = None,
        tasks: Tasks | None = None,
        secure: bool | Layers = False,
    ) -> None:
        self._compiled: Compiled | None = None
        self._is_ready = False
        """Whether it is compiled, and the providers that live as long as it does are made."""
        self._plain_http: ASGIApp | None = None
        """What serves HTTP over ASGI, once that is ready and known to have no layers at the head."""
        self._plain_wsgi: WSGIApp | None = None
        """The same over WSGI, once the lifespan has begun as well, or there is none."""
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self.debug = debug
        self.body_timeout = body_timeout
        self.lifespan_context = lifespan
        self.startup_hooks: list[LifespanHook] = []
        self.shutdown_hooks: list[LifespanHook] = []
        self.lifespan_state: dict[str, Any] = {}
        self.state = State()
        self.converters = Converters()
        self.tools = Tools(self, results or Results(), Threads(threads))
        self.adapted: dict[Any, Any] = {}
        self.overrides: list[Override] = []
        self.singletons = Singletons(self.tools.threads, self._settle)
        self.stopper: Callable[[], object] | None = None
        self._beside = LoopThread(lambda: _before_exit(_if_alive(self.close)))
        self._tasks = Tasks() if tasks is None else tasks
        self._tasks.aside = lambda: self._beside.loop
        self._wsgi_lifespan: LifespanTask | None = None
        self._wsgi_sessions: Any = None
        self._rsgi_lifespan: LifespanTask | None = None
        super().__init__(
            middlewares=middlewares,
            routes=routes,
            name=name,
            host=host,
            slashes=slashes,
            route_order=route_order,
            case_sensitive=case_sensitive,
            max_body=max_body,
            form_limits=form_limits,
            inline=inline,
            providers=providers,
            validation=validation,
        )
        self.first_layers = _secure_layers(secure, Location.of_caller())
        if sys.version_info < (3, 12):
            # COMPAT: until 3.11 is no longer supported. Servers look at `app.__call__` to tell ASGI from WSGI, and 3.11
            # can't mark the method; calls don't look at the instance.
            vars(self)["__call__"] = self._asgi
        self._prepare_transports()

    def _prepare_transports(self) -> None:
        self._raw = RawStack(self._serve_scope, self)
        self._asgi_http = serve_asgi(self._admit, self.tools.threads, self.report)
        self._asgi_behind_head = serve_asgi(admitting(self._dispatch_behind_head), self.tools.threads, self.report)
        self._asgi_websockets = serve_asgi_websockets(self._dispatch, self.tools.threads)
        self._asgi_websockets_behind_head = serve_asgi_websockets(self._dispatch_behind_head, self.tools.threads)
        self._rsgi_http = serve_rsgi(self._admit, self.tools.threads, self.report)
        self._rsgi_websockets = serve_rsgi_websockets(self._dispatch, self.tools.threads)
        self._wsgi_http = serve_wsgi(self._admit, self.tools.threads, self.report, self._beside)

    # Compilation.

    def compile(self) -> None:
        """Check and compile now. Raises one ConfigurationError that lists everything wrong."""
        with self._lock:
            self._use(Compiler(self).compile())

    def _use(self, compiled: Compiled) -> None:
        self._raw.build(compiled.raw_layers)
        self.singletons.expect(compiled.singletons)
        self._compiled = compiled
        self._settle()

    def _settle(self) -> None:
        self._is_ready = self._compiled is not None and self.singletons.are_made
        self._plain_http = self._asgi_http if self._is_ready and self._raw.app is None else None
        self._plain_wsgi = None  # until a request has found all in order

    def _ready(self) -> Compiled:
        compiled = self._compiled
        if compiled is None:
            self.compile()
            compiled = self._compiled
            assert compiled is not None
        return compiled

    def _declared(self) -> None:
        """Declared after the first compilation: compile again at once, so that a mistake shows where it was made."""
        if getattr(self, "_compiled", None) is not None:
            self.compile()
        super()._declared()

    @property
    def routes(self) -> tuple[Route, ...]:
        """All routes, those of groups and mounted Nacre applications included."""
        return self._ready().routes

    def describe(self) -> AppDescription:
        """A frozen picture of routes and chains, for tools."""
        from nacre.describe import describe_app

        return describe_app(self._ready(), self.name, debug=self.debug)

    def explain(self, method: str, path: str, host: str | None = None) -> Explanation:
        """What a request would come to, and the chain it would pass; nothing is run.

        `path` is percent-decoded, as `request.path`. Without `host` it is as if the request named none.
        """
        from nacre.describe import explain_request

        compiled = self._ready()
        request = Request(_NO_CARRIER, None, None, method.upper(), path)
        request.headers = Headers()
        chain = self._choose(compiled, request, host)
        return explain_request(compiled, chain, request, host)

    def find_risks(self) -> tuple[Risk, ...]:
        """What is unsafe about this application where it is deployed, the worst first: `nacre check --deploy`."""
        from nacre.assessment import assess  # it imports all layers that it looks for

        return assess(self, self._ready())

    def find_route(self, method: str, path: str) -> Route | None:
        """The route that answers this method and percent-decoded path, for any host; None if none does."""
        match = self._ready().router.find(method, path)
        return match.payload.route if isinstance(match, Found) else None

    def url_for(self, name: str, /, **values: object) -> str:
        """The path of the route with this name.

        Values are the path variables; others become the query. Routes of a named group or mount are called
        `group:route`. Raises ValueError, naming what is near, for an unknown name and for values that don't fit.
        """
        return self._ready().names.build(name, values).path

    def register_converter(
        self,
        name: str,
        parser: Callable[[str], object],
        *,
        pattern: str | None = None,
        format: Callable[[Any], str] = str,
    ) -> None:
        """Add a type of path variable: `<name:variable>`.

        `parser` gets one segment's text and returns the value; None or a ValueError means that the path doesn't match.
        `pattern` is a regular expression the whole text must fit first; `format` is the way back, for `url_for`.
        """
        self.converters.register(name, parser, pattern=pattern, format=format)

    def override(
        self, target: Any, replacement: Any = MISSING, /, *, value: Any = MISSING
    ) -> AbstractContextManager[None]:
        """Within `with app.override(get_session, fake):`, ask another provider instead, as tests do.

        `target` is a provider's function or class, or the type that it provides; `replacement` is one too, or what
        `Provide` makes of it, and `value` is taken as it is. It holds for this application's own routes, not for those
        of applications mounted in it: they have an `override` of their own, also while they are served as a part of
        this one. Overrides may be nested; of two for one target the inner one counts. Raises ConfigurationError if
        nothing asks for the target.
        """
        if (replacement is MISSING) is (value is MISSING):
            raise TypeError("override() takes either another provider or `value=…`")
        where = Location.of_caller()
        override = override_of(target, ready_provider(value) if replacement is MISSING else replacement, where)
        return self._overridden(override, where)

    @contextmanager
    def _overridden(self, override: Override, where: Location) -> Generator[None]:
        # What is mounted may be complete only with the layers around it.
        whole = self._serving()
        if whole._compiled is None:
            whole = [self, *self._around()][-1]
        check_override(override, whole._ready().chains, self, where)
        self.overrides.append(override)
        self._tell(lambda: self.overrides.remove(override))
        try:
            yield
        finally:
            self.overrides.remove(override)
            self._declared()

    @property
    def workers(self) -> Threads:
        """The worker threads for plain code."""
        return self.tools.threads

    @property
    def tasks(self) -> Tasks:
        """The background tasks: those of the application that is served, in one that is mounted in it too."""
        return self._serving()._tasks

    # Lifespan.

    def on_startup(self, hook: F) -> F:
        """Call `hook()` or `hook(app)`, plain or async, once per worker before the first request."""
        self.startup_hooks.append(hook)
        self._plain_wsgi = None
        return hook

    def on_shutdown(self, hook: F) -> F:
        """Call `hook()` or `hook(app)`, plain or async, once per worker after the last request; last one first."""
        self.shutdown_hooks.append(hook)
        self._plain_wsgi = None
        return hook

    def mounted_apps(self) -> list[Any]:
        """The applications mounted here or in a group of this application."""
        return list(_mounted_in(self))

    # Serving.

    def __call__(self, first: Any, second: Any, third: Any = None, /) -> Any:
        """Serve ASGI when called with three arguments, WSGI when called with two."""
        # PERF: most requests go to the transport, without a call in between.
        if third is None:
            wsgi = self._plain_wsgi
            if wsgi is None or "HTTP_UPGRADE" in first:
                return self._serve_wsgi(first, second)
            return wsgi(first, second)
        http = self._plain_http
        if http is not None and first["type"] == "http":
            return http(first, second, third)
        return self._serve_asgi(first, second, third)

    # Servers tell an ASGI 3 application by this mark, since the method itself must serve WSGI too. __init__ has 3.11's.
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(__call__)

    async def _asgi(self, scope: Scope, receive: Any, send: Any) -> None:
        await self._serve_asgi(scope, receive, send)

    async def _serve_first(self, scope: Scope, receive: Any, send: Any) -> None:
        try:
            self._ready()
        except ConfigurationError as error:
            if scope["type"] != "lifespan":
                raise
            # An exception here would only tell the server that there is no lifespan, and it would go on.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": f"ConfigurationError: {error}"})
        else:
            failure = await self._failure_to_make() if scope["type"] != "lifespan" else None
            if failure is not None and scope["type"] == "http":
                await serve_asgi(admitting(failure), self.tools.threads, self.report)(scope, receive, send)
            elif failure is not None:
                await serve_asgi_websockets(failure, self.tools.threads)(scope, receive, send)
            else:
                await self._serve_ready(scope, receive, send)

    async def _failure_to_make(self) -> Dispatch | None:
        """Make the providers of the application; if one fails, give what answers the request that needed them."""
        try:
            await self.singletons.made()
        except Exception as error:
            return partial(self._dispatch_failed, error)
        return None

    def _serve_asgi(self, scope: Scope, receive: Any, send: Any) -> Awaitable[None]:
        return (self._serve_ready if self._is_ready else self._serve_first)(scope, receive, send)

    def _serve_ready(self, scope: Scope, receive: Any, send: Any) -> Awaitable[None]:
        if self._raw.app is not None:
            return self._raw.app(enter(scope, self), receive, send)
        if scope["type"] == "http":
            return self._asgi_http(scope, receive, send)
        if scope["type"] == "websocket":
            return self._asgi_websockets(scope, receive, send)
        return self._serve_scope(scope, receive, send)

    async def _serve_scope(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._asgi_behind_head(scope, receive, send)
        elif scope["type"] == "lifespan":
            await serve_lifespan(self, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._asgi_websockets_behind_head(scope, receive, send)
        else:
            raise RuntimeError(f"a scope of type {scope['type']!r} is not known")

    def _serve_wsgi(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self._ready()
        try:
            if self._wsgi_lifespan is None and self._has_lifespan():
                self._start_wsgi_lifespan()
            elif not self._is_ready:
                self._make_beside()
        except Exception as error:
            if error is not self.singletons.failure:
                raise
            failed = admitting(partial(self._dispatch_failed, error))
            return serve_wsgi(failed, self.tools.threads, self.report, self._beside)(environ, start_response)
        if "HTTP_UPGRADE" in environ and (websockets := self._wsgi_websockets(environ)) is not None:
            return websockets(environ, start_response)
        if self._raw.app is not None:
            admit = admitting(self._raw.dispatch)
            return serve_wsgi(admit, self.tools.threads, self.report, self._beside)(environ, start_response)
        with self._starting:
            if self._is_ready and (self._wsgi_lifespan is not None or not self._has_lifespan()):
                self._plain_wsgi = self._wsgi_http
        return self._wsgi_http(environ, start_response)

    def _wsgi_websockets(self, environ: Any) -> WSGIApp | None:
        """What serves a request for a WebSocket over WSGI; None if it isn't one. Loaded where such requests come."""
        from nacre.transports.websockets_wsgi import Sessions, asks_for_websocket, serve_wsgi_websockets

        if not asks_for_websocket(environ):
            return None
        with self._starting:
            sessions = self._wsgi_sessions = self._wsgi_sessions or Sessions(self._beside)
        dispatch = self._dispatch if self._raw.app is None else self._raw.dispatch
        return serve_wsgi_websockets(dispatch, self.tools.threads, self.report, sessions)

    async def live(self) -> LifespanTask:
        """Start up on the running loop, through the layers at the head of the list, which see lifespans too."""
        raw = self._raw.app
        lifespan = LifespanTask(lambda: lived(self) if raw is None else foreign_lifespan(raw))
        await lifespan.start()
        return lifespan

    def _start_wsgi_lifespan(self) -> None:
        with self._starting:
            if self._wsgi_lifespan is not None:
                return
            self._wsgi_lifespan = self._beside.run(self.live())
            _before_exit(self.close)  # a lifespan keeps its application alive

    def _make_beside(self) -> None:
        """Make the providers that were declared, or put in the place of others, since the lifespan began."""
        with self._starting:
            if not self._is_ready:
                self._beside.run(self.singletons.make())

    def _has_lifespan(self) -> bool:
        hooks = self.startup_hooks or self.shutdown_hooks or self.singletons.are_wanted
        return bool(self.lifespan_context or hooks or self.mounted_apps() or self._raw.app is not None)

    def close(self) -> None:
        """End what serving over WSGI has begun: lifespan, tasks, the loop beside, worker threads. Safe to call twice.

        WSGI servers tell no application that they stop, so this is called when the process ends.
        """
        if self._wsgi_sessions is not None:
            self._wsgi_sessions.close()
        with self._starting:
            self._beside.drain()
            lifespan, self._wsgi_lifespan, self._plain_wsgi = self._wsgi_lifespan, None, None
            if lifespan is not None:
                self._beside.run(lifespan.stop())
            if self._tasks:
                self._beside.run(self._tasks.end())
            self._beside.stop()
            self.tools.threads.close()
            self._tasks.close()

    def __rsgi__(self, scope: Any, protocol: Any) -> Coroutine[Any, Any, None]:
        """Serve RSGI."""
        if not self._is_ready:
            return self._rsgi_first(scope, protocol)
        if scope.proto != "http":
            if self._raw.app is not None:
                return serve_rsgi_websockets(self._raw.dispatch, self.tools.threads)(scope, protocol)
            return self._rsgi_websockets(scope, protocol)
        if self._raw.app is not None:
            return serve_rsgi(admitting(self._raw.dispatch), self.tools.threads, self.report)(scope, protocol)
        return self._rsgi_http(scope, protocol)

    async def _rsgi_first(self, scope: Any, protocol: Any) -> None:
        self._ready()
        failure = await self._failure_to_make()
        if failure is not None and scope.proto == "http":
            await serve_rsgi(admitting(failure), self.tools.threads, self.report)(scope, protocol)
        elif failure is not None:
            await serve_rsgi_websockets(failure, self.tools.threads)(scope, protocol)
        else:
            await self.__rsgi__(scope, protocol)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start up, when a RSGI server has made its loop."""
        self._ready()

        self._rsgi_lifespan = loop.run_until_complete(self.live())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Shut down, before a RSGI server closes its loop."""
        lifespan, self._rsgi_lifespan = self._rsgi_lifespan, None
        if lifespan is not None:
            loop.run_until_complete(lifespan.stop())

    def _dispatch_behind_head(self, request: Request, host: str | None) -> Pipeline:
        """Match a request that has passed layers at the head of the list."""
        refuse_again(request)
        pipeline = self._dispatch(request, host)
        pass_on(request)
        return pipeline

    def _dispatch(self, request: Request, host: str | None) -> Pipeline:
        """Match a request and leave on it what was matched; the pipeline is what the transport runs."""
        compiled = self._compiled or self._ready()
        request.app = self
        return self._choose(compiled, request, host).pipeline

    def _admit(
        self,
        carrier: Carrier,
        raw: Any,
        channel: Any,
        method: str,
        path: str,
        host: str | bytes | None,
        refusal: HTTPError | None,
    ) -> tuple[Request, Pipeline]:
        """Match a request, and make it with what was matched."""
        compiled = self._compiled or self._ready()
        # PERF: the usual routes are found here; `_match` finds them as well, and everything else.
        if refusal is None and (host in _known_hosts or host is None or _is_host(host)):
            router = compiled.router
            found = router.static.get(path)
            chain = None if found is None else found.get(method)
            params = NO_PARAMS
            if found is None and path.isascii() and "%" not in path and "\0" not in path:
                try:
                    hit = router.find_variable(method, path)
                except Exception:  # of a converter that the application registered: told where it is met again
                    hit = None
                if hit is not None:
                    chain, params = hit[0].payload, hit[1] or NO_PARAMS
            if chain is not None:
                route, limit = chain.route, chain.max_body
                return Request(carrier, raw, channel, method, path, self, route, params, limit), chain.pipeline
        request = Request(carrier, raw, channel, method, path, self, refusal=refusal)
        text = host.decode("latin-1") if isinstance(host, bytes) else host
        return request, self._choose(compiled, request, text).pipeline

    def _dispatch_failed(self, error: Exception, request: Request, host: str | None) -> Pipeline:
        """Answer a request that comes before all of the application could be made; the next one tries again."""
        request.app = self
        self.report(request, error)
        request.refusal = InternalServerError()
        return self._fallback(self._ready(), request.path).refused.pipeline

    def _choose(self, compiled: Compiled, request: Request, host: str | None) -> Chain:
        """The chain for a request. What was matched, or why nothing was, is left on the request."""
        if request.refusal is None and host is not None and host not in _known_hosts and not _is_host(host):
            # The reason isn't told: it quotes the field, and no page holds a host that a client sent.
            request.refusal = BadRequest("the Host header is malformed")
        if request.refusal is not None:
            return self._fallback(compiled, request.path).refused
        try:
            chain = self._match(compiled, request, host or "")
        except Exception as error:  # of a converter that the application registered
            request.refusal = InternalServerError()
            self.report(request, error)
            return self._fallback(compiled, request.path).refused
        request.max_body = chain.max_body
        return chain

    def _match(self, compiled: Compiled, request: Request, host: str) -> Chain:
        path = request.path
        if "\ufffd" in path or "\0" in path or not path.startswith("/"):
            if path == "*" and request.method == "OPTIONS":
                return self._fallback(compiled, "/").options
            request.refusal = BadRequest("the request target is malformed")
            return self._fallback(compiled, "/").refused
        match = compiled.router.find(request.method, path, host)
        if not isinstance(match, Found):
            return self._no_route(compiled, request, match, host)
        chain: Chain = match.payload
        request.route = chain.route
        if match.params:
            request.path_params = match.params
        return chain

    def _no_route(
        self, compiled: Compiled, request: Request, match: WrongMethod | OtherSlash | Unknown, host: str
    ) -> Chain:
        if isinstance(match, WrongMethod) and request.method != WEBSOCKET:
            return self._wrong_method(compiled, request, match.allowed, host)
        fallback = self._fallback(compiled, request.path)
        if not isinstance(match, OtherSlash):
            return fallback.unknown
        if request.method != WEBSOCKET:
            request.other_path = match.path
        return fallback.other_slash

    def _wrong_method(self, compiled: Compiled, request: Request, allowed: tuple[str, ...], host: str) -> Chain:
        method = request.method
        # The path is a route's, so its groups' layers answer, also those of a group without a prefix.
        # A preflight is for the route of the method that is to follow it.
        asked = request.headers.get("access-control-request-method") if method == "OPTIONS" else None
        known = compiled.router.find(asked if asked in allowed else allowed[0], request.path, host)
        fallback = known.payload.fallback if isinstance(known, Found) else None
        if fallback is None:
            fallback = self._fallback(compiled, request.path)
        if allowed == (WEBSOCKET,) and method in ("GET", "HEAD"):
            request.refusal = UpgradeRequired()
            return fallback.refused
        request.allowed_methods = _allowed(allowed)
        return fallback.options if method == "OPTIONS" else fallback.wrong_method

    def _fallback(self, compiled: Compiled, path: str) -> Fallback:
        for prefix, fallback in compiled.fallbacks:
            if not prefix or path == prefix or path.startswith(prefix + "/"):
                return fallback
        raise AssertionError("the application's own fallback has the empty prefix")

    # Errors.

    def error_page(self, request: Request, error: HTTPError) -> Response:
        """The response of an HTTP error that no handler takes: plain text, JSON or HTML, as the client accepts."""
        page = self._page_of_routes(request, error) if self.debug else None
        return error_page(request, error) if page is None else page

    def _page_of_routes(self, request: Request, error: HTTPError) -> Response | None:
        """The page that tells who develops an application what paths it has, where it has not the one asked for."""
        is_unknown = isinstance(error, NotFound) and request.route is None
        if not is_unknown or not self._may_see_details(request, self._chain_of(request)):
            return None
        from nacre.pages.unknown import unknown_path_page

        return unknown_path_page(request, error, self._serving().describe().routes)

    def answer_options(self, request: Request) -> Response:
        """The automatic answer to OPTIONS, for a path whose routes have `request.allowed_methods`."""
        response = Response(status=204)
        response.raw_headers.append(check_pair("allow", ", ".join(request.allowed_methods)))
        return response

    def answer_unknown(self, request: Request) -> Response:
        """The answer where no route has the path. Raises NotFound for the error handlers, and `error_page`, to see."""
        raise NotFound

    def report(self, request: Request, error: Exception) -> Response | None:
        """Log an exception nobody handled, once, with its route and layer; in debug mode answer with a page of it.

        The page is for requests under a name of this machine, or one that a `TrustedHosts` lists.

        A client that leaves is no failure of the application: it gets one line at level INFO.
        """
        if request.failure is None and request.after_callbacks is not None:
            request.failure = error
        route = f" (route {request.route.path})" if request.route is not None else ""
        if isinstance(error, ClientDisconnect):
            self.error_log.info("%s %s%s: %s", request.method, printable(request.path), route, printable(str(error)))
            return None
        chain = self._chain_of(request)
        layer = layer_of(error, [layer for _, layer in chain.layers]) if chain is not None else None
        place = f" in {layer.label}" if layer is not None else ""
        self.error_log.error(
            "%s %s%s failed%s: %s",
            request.method,
            printable(request.path),
            route,
            place,
            type(error).__name__,
            exc_info=error,
        )
        if not self.debug:
            return None
        if not self._may_see_details(request, chain):
            self.error_log.warning(
                "no debug page for this Host: ask under localhost, or list the host in TrustedHosts([…])"
            )
            return None
        from nacre.describe import describe_failure
        from nacre.pages.debug import debug_page

        failure = describe_failure(self._serving()._ready(), chain, error) if chain is not None else None
        return debug_page(request, error, failure)

    async def receive_early(self, request: Request) -> None:
        """Receive the body of a request now, if a function further in is given it. Raises nothing: that one is told."""
        compiled = self._serving()._compiled
        source = compiled.bodies.get(request.route) if compiled is not None and request.route is not None else None
        with suppress(Exception):
            if source == "body":
                await request.body()
            elif source is not None and "content-encoding" not in request.headers:
                await request.form()

    def _may_see_details(self, request: Request, chain: Chain | None) -> bool:
        return may_see_details(request, () if chain is None else [layer.target for _, layer in chain.layers])

    def _chain_of(self, request: Request) -> Chain | None:
        """The chain a request is in; None when that can't be told."""
        app = self._serving()
        compiled = app._ready()
        method = request.method if request.websocket is None else WEBSOCKET
        if request.route is not None:
            # HEAD is answered by GET's chain, and any method by that of a mounted application.
            wanted = (method, "GET" if method == "HEAD" else method, ANY_METHOD)
            chains = [chain for chain in compiled.chains if chain.route is request.route and chain.method in wanted]
            return min(chains, key=lambda chain: wanted.index(chain.method), default=None)
        if app is not self:
            return None  # the path here is the one inside the mount
        twin = Request(_NO_CARRIER, None, None, method, request.path)
        twin.headers, twin.refusal = request.headers, request.refusal
        return self._choose(compiled, twin, request.headers.get("host"))

    def _serving(self) -> Nacre:
        """The application that requests come in through: this one, or the one it is mounted in."""
        return [self, *(app for app in self._around() if app._compiled is not None)][-1]

    def _around(self) -> Iterator[Nacre]:
        """The applications that this one is mounted in, inner ones first."""
        group = cast(Group, self)
        while group.holders:
            group = group.holders[-1]
            if isinstance(group, Nacre):
                yield group

    # Running.

    def run(
        self,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        debug: bool | None = None,
        ssl: Any = None,
        workers: int = 1,
        reload: bool = False,
        **options: Any,
    ) -> None:
        """Serve this application with Granian until it is stopped; see `nacre.server.run` for `options`."""
        from nacre.server import run

        if debug is not None:
            self.debug = debug
        run(self, host=host, port=port, ssl=ssl, workers=workers, reload=reload, **options)

    async def start_server(self, host: str = "127.0.0.1", port: int = 8000, *, ssl: Any = None, **options: Any) -> None:
        """Serve this application on the running event loop until `shutdown()` is called or the task is cancelled."""
        from nacre.server import serve

        await serve(self, host=host, port=port, ssl=ssl, **options)

    def shutdown(self) -> None:
        """Stop the server: running requests are finished, new ones refused, then `run()` returns."""
        if self.stopper is not None:
            self.stopper()
        else:
            from nacre.server import stop_foreign_server

            stop_foreign_server()

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Nacre:
        # COMPAT: some ASGI middlewares copy the whole scope deeply, and the application is in it.
        return self

    def __repr__(self) -> str:
        return f"<Nacre {self.name or hex(id(self))}>"


def _secure_layers(secure: object, where: Location) -> tuple[Entry, ...]:
    if secure is False:
        return ()
    if secure is True:
        from nacre.security import SecureDefaults

        return (Entry(SecureDefaults(), where),)
    if isinstance(secure, Layers):
        return (Entry(secure, where),)
    what = f"secure= is True, False or SecureDefaults(…), not of type {type(secure).__name__}"
    raise ConfigurationError(Problem(what, where, "write secure=True, or secure=SecureDefaults(hosts=[…])"))


def _mounted_in(group: Group) -> Iterator[Any]:
    """The applications mounted in a group, not those that are mounted in them."""
    for item in group.declarations:
        if isinstance(item, MountDeclaration):
            yield item.app
        elif isinstance(item, Inclusion):
            yield from _mounted_in(item.group)


def _before_exit(callback: Callable[[], object]) -> None:
    """Call back when the process ends, while its worker threads can still be used; perhaps twice."""
    # COMPAT: `atexit` comes after concurrent.futures has closed its executors; what they use themselves is private.
    register = getattr(threading, "_register_atexit", atexit.register)
    register(callback)
    # Processes of multiprocessing, such as Granian's, leave without either. They have loaded this.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, callback, exitpriority=0)


def _if_alive(method: Callable[[], object]) -> Callable[[], object]:
    """Call a method unless its object is gone by then."""
    known = weakref.WeakMethod(method)

    def call() -> object:
        alive = known()
        return None if alive is None else alive()

    return call


_known_hosts: set[str | bytes | None] = set()
"""Values of `Host` that were found sound. PERF: no frame of ours for those of nearly all requests (bench/parts.py)."""
_KNOWN_HOSTS_MAX = 512


def _is_host(value: str | bytes) -> bool:
    try:
        parse_host(value.decode("latin-1") if isinstance(value, bytes) else value)
    except ValueError:
        return False
    if len(_known_hosts) >= _KNOWN_HOSTS_MAX:
        _known_hosts.clear()
    _known_hosts.add(value)
    return True


@lru_cache(maxsize=1024)
def _allowed(methods: tuple[str, ...]) -> tuple[str, ...]:
    """The methods of the `Allow` header: those of the routes, HEAD with GET, and the automatic OPTIONS.

    PERF: the routes of an application have few sets of methods.
    """
    methods = tuple("GET" if method == WEBSOCKET else method for method in methods if method != ANY_METHOD)
    methods = tuple(dict.fromkeys(methods))
    if "GET" in methods and "HEAD" not in methods:
        methods = ("GET", "HEAD", *(method for method in methods if method != "GET"))
    return methods if "OPTIONS" in methods else (*methods, "OPTIONS")
