"""Microdot's application."""

from __future__ import annotations

import asyncio
import inspect
import ssl as stdlib_ssl
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from nacre import HTTPError, Nacre
from nacre.callables import is_async
from nacre.dialects.microdot import calls, serving
from nacre.dialects.microdot.errors import HTTPException, abort
from nacre.dialects.microdot.patterns import URLPattern
from nacre.dialects.microdot.request import ORIGIN, Origin, Request
from nacre.dialects.microdot.response import MicrodotResults, Response
from nacre.dialects.microdot.upgrading import origins_of, upgrades, websocket_handler
from nacre.errors import ContentTooLarge, InternalServerError, Location
from nacre.groups import HookDeclaration
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse

F = TypeVar("F", bound=Callable[..., Any])

_TEXTS = {
    400: "Bad request",
    404: "Not found",
    405: "Not found",
    413: "Payload too large",
    500: "Internal server error",
}


class _Options(HTTPError):
    """The automatic answer to OPTIONS: raised, so that the hooks for errors see it, as Microdot has it."""

    def __init__(self, methods: Iterable[str]) -> None:
        super().__init__("", status=200, headers=[("allow", ", ".join(methods))])


class Microdot(Nacre):
    """An application written for Microdot. It takes the options of `Nacre` as well, layers among them.

    `lifespan_startup` and `lifespan_shutdown` are called with the ASGI scope when the server starts and stops.
    """

    dialect: ClassVar[str | None] = "microdot"

    def __init__(
        self,
        lifespan_startup: serving.LifespanHandler | None = None,
        lifespan_shutdown: serving.LifespanHandler | None = None,
        **options: Any,
    ) -> None:
        self.known_types: set[str] = set()
        self.lifespan_handlers = serving.LifespanHandlers(lifespan_startup, lifespan_shutdown)
        if lifespan_startup is not None or lifespan_shutdown is not None:
            options.setdefault("lifespan", self.lifespan_handlers.live)
        settings: dict[str, Any] = {"results": MicrodotResults(), "route_order": "declared"}
        super().__init__(**settings | options)

    # Routes.

    def route(self, path: str, methods: Iterable[str] | None = None, **options: Any) -> Callable[[F], F]:
        """Serve `path` with the decorated function: GET, and HEAD with it, unless `methods` names others."""
        return super().route(path, methods or ("GET",), **options)

    def add_route(
        self, path: str, endpoint: Callable[..., Any], *, methods: Iterable[str] = ("GET",), **options: Any
    ) -> None:
        """Serve `path` with a function; what `route` decorates with. Its first slash may be left out."""
        path = _with_slash(path)
        URLPattern.teach(self.converters, self.known_types)
        self._receive_for(endpoint)
        options[ORIGIN] = Origin(self, path, endpoint)
        methods = [method.upper() for method in methods]
        handler = calls.endpoint(endpoint, Request.of)
        super().add_route(path, handler, methods=methods, **options)
        if "GET" in methods and upgrades(endpoint):
            super().websocket(path, origins=origins_of(endpoint), **options)(websocket_handler(handler))

    def _receive_for(self, function: Callable[..., Any]) -> None:
        """Have bodies received before all hooks, once there is a plain function; others await them themselves."""
        if is_async(function) or any(isinstance(one.function, calls.BodyReceiver) for one in self.before_hooks):
            return
        where = Location.of(function) or self.where
        self.before_hooks.insert(0, HookDeclaration(calls.receiver(Request.of), inline=True, where=where))

    def compile(self) -> None:
        """Check and compile now. Raises one ConfigurationError that lists everything wrong."""
        # Types may have been registered after the routes that use them, and by those of a sub-application.
        URLPattern.teach(self.converters, self.known_types)
        super().compile()

    def mount(self, subapp: Any, url_prefix: Any = "", local: bool = False, **options: Any) -> None:
        """Put the routes of a sub-application here, under `url_prefix`.

        Its hooks and error handlers become those of this whole application, unless `local` leaves them to its own
        routes. An application of another kind is mounted as `Nacre.mount` does, which has the prefix first.
        """
        if isinstance(subapp, str):
            subapp, url_prefix = url_prefix, subapp
        if not isinstance(subapp, Microdot):
            super().mount(url_prefix, subapp, **options)
            return
        if not local:
            self.error_handlers.update(subapp.error_handlers)
            subapp.error_handlers.clear()
            for name in ("before_hooks", "after_hooks", "error_hooks", "middlewares"):
                moved = getattr(subapp, name)
                getattr(self, name).extend(list(moved))
                moved.clear()
        self.include(subapp, _with_slash(url_prefix))

    # Hooks and error handlers.

    def before_request(self, f: F) -> F:
        """Call `f(request)` before the function of each route; what it returns, if not None, is sent instead."""
        self._receive_for(f)
        super().before_request(calls.endpoint(f, Request.of, variables=False))
        return f

    def after_request(self, f: F) -> F:
        """Call `f(request, response)` after each request that raised nothing; a response it returns replaces."""
        super().after_request(calls.after_hook(f, Request.of))
        return f

    def after_error_request(self, f: F) -> F:
        """Call `f(request, response)` after each error; a response it returns replaces the one it was given."""
        super().after_error(calls.after_hook(f, Request.of))
        return f

    def errorhandler(self, status_code_or_exception_class: int | type[Exception]) -> Callable[[F], F]:
        """Answer errors of a status by `f(request)`, exceptions of a class by `f(request, exception)`.

        What `abort` raises is for the handler of its status alone: one for HTTPException is never asked.
        """
        key = status_code_or_exception_class

        def record(f: F) -> F:
            if not isinstance(key, int) and issubclass(key, HTTPException):
                return f
            count = 1 if isinstance(key, int) else 2
            handler = calls.error_handler(f, Request.of, self.tools.results.convert, self._failed, count)
            if not isinstance(key, int) and issubclass(HTTPError, key):
                # Microdot's 404s and what `abort` raises go to handlers of their status, never to those of `Exception`.
                handler = calls.unless_http(self.error_page, handler)
            super(Microdot, self).error_handler(key)(handler)
            return f

        return record

    def _failed(self, request: NativeRequest, error: Exception) -> NativeResponse:
        """The answer where an error handler has raised."""
        if isinstance(error, HTTPError):
            return self.error_page(request, error)
        return self.report(request, error) or self.error_page(request, InternalServerError())

    abort = staticmethod(abort)

    # What no function of the program answers.

    def error_page(self, request: NativeRequest, error: HTTPError) -> NativeResponse:
        """A short text, or the reason that `abort` was given."""
        if isinstance(error, HTTPException):
            body = error.reason or f"{error.status} error"
        else:
            body = _TEXTS.get(error.status, error.detail)
        response = Response(body, error.status)
        for name, value in error.headers:
            response.headers.add(name, value)
        return response

    def answer_options(self, request: NativeRequest) -> NativeResponse:
        """200 with the methods of all routes that have the path; the hooks for errors see it."""
        methods = [method for method in request.allowed_methods if method not in ("HEAD", "OPTIONS")]
        raise _Options([*methods, *(["HEAD"] if "HEAD" in request.allowed_methods else []), "OPTIONS"])

    def answer_unknown(self, request: NativeRequest) -> NativeResponse:
        """404; 413 for a body that no route would have taken, and 200 for OPTIONS."""
        if (request.content_length or 0) > Request.max_content_length:
            raise ContentTooLarge("the body is larger than Request.max_content_length allows")
        return self.answer_options(request) if request.method == "OPTIONS" else super().answer_unknown(request)

    # Serving.

    def __call__(self, first: Any, second: Any, third: Any = None, /) -> Any:
        """Serve ASGI when called with three arguments, WSGI when called with two."""
        if third is None:
            return super().__call__(_with_whole_path(first), second)
        if first["type"] == "lifespan":
            return serving.serve_lifespan(self, self.lifespan_handlers, first, second, third)
        return super().__call__(first, second, third)

    # Servers tell an ASGI 3 application by this mark; for 3.11 the core has another one.
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(__call__)

    def run(
        self,
        host: str = "0.0.0.0",  # noqa: S104  # nosec B104 - Microdot's default
        port: int = 5000,
        debug: bool = False,
        ssl: Any = None,
        **options: Any,
    ) -> None:
        """Serve on `host` until it is stopped by a signal or `shutdown()`; `debug` logs each request.

        `ssl` is an `ssl.SSLContext`, for which uvicorn serves, or certificate files as `nacre.server.run` takes them,
        as it does `options`. Raises MissingExtra without uvicorn.
        """
        if debug:
            serving.announce(host, port, ssl)
        if isinstance(ssl, stdlib_ssl.SSLContext):
            asyncio.run(serving.serve_with_context(self, host, port, ssl, access_log=debug))
        else:
            super().run(host, port, ssl=ssl, access_log=debug, **options)

    async def start_server(
        self,
        host: str = "0.0.0.0",  # noqa: S104  # nosec B104 - Microdot's default
        port: int = 5000,
        debug: bool = False,
        ssl: Any = None,
        **options: Any,
    ) -> None:
        """Serve on the running event loop until `shutdown()` is called or the task is cancelled, and return.

        The arguments are those of `run`.
        """
        if debug:
            serving.announce(host, port, ssl)
        # COMPAT: programs that cancel the task then await it, as Microdot's document tells them to.
        with suppress(asyncio.CancelledError):
            if isinstance(ssl, stdlib_ssl.SSLContext):
                await serving.serve_with_context(self, host, port, ssl, access_log=debug)
            else:
                await super().start_server(host, port, ssl=ssl, access_log=debug, **options)


def _with_slash(path: str) -> str:
    return path if path.startswith("/") or not path else f"/{path}"


def _with_whole_path(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    """A WSGI environment in which the prefix that a server mounts the application under is a part of the path.

    COMPAT: Microdot's routes have it in theirs.
    """
    prefix = environ.get("SCRIPT_NAME")
    if not prefix:
        return environ
    return {**environ, "SCRIPT_NAME": "", "PATH_INFO": prefix + environ.get("PATH_INFO", "")}
