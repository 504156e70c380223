"""Microdot's application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, TypeVar, cast

from nacre import ConfigurationError, HTTPError, Nacre
from nacre.dialects.microdot import calls
from nacre.dialects.microdot.errors import HTTPException, abort
from nacre.dialects.microdot.patterns import Parser, URLPattern
from nacre.dialects.microdot.request import ORIGIN, Origin, Request
from nacre.dialects.microdot.response import MicrodotResults, Response
from nacre.errors import ContentTooLarge, Location, MethodNotAllowed, Problem
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse

F = TypeVar("F", bound=Callable[..., Any])

LifespanHandler = Callable[[dict[str, Any]], Awaitable[object]]

_TEXTS = {
    400: "Bad request",
    404: "Not found",
    405: "Not found",
    413: "Payload too large",
    500: "Internal server error",
}


class Microdot(Nacre):
    """An application written for Microdot. It takes the options of `Nacre` as well, layers among them.

    `lifespan_startup` and `lifespan_shutdown` are called with the ASGI scope when the server starts and stops.
    """

    dialect: ClassVar[str | None] = "microdot"

    def __init__(
        self,
        lifespan_startup: LifespanHandler | None = None,
        lifespan_shutdown: LifespanHandler | None = None,
        **options: Any,
    ) -> None:
        self.known_types: dict[str, tuple[str, Parser | None]] = {}
        self.lifespan_startup = lifespan_startup
        self.lifespan_shutdown = lifespan_shutdown
        super().__init__(**{"results": MicrodotResults(), "route_order": "declared"} | options)

    # Routes.

    def route(self, path: str, methods: Iterable[str] | None = None, **options: Any) -> Callable[[F], F]:
        """Serve `path` with the decorated function: GET, and HEAD with it, unless `methods` names others."""
        return super().route(path, methods or ("GET",), **options)

    def add_route(
        self, path: str, endpoint: Callable[..., Any], *, methods: Iterable[str] = ("GET",), **options: Any
    ) -> None:
        """Serve `path` with a function; what `route` decorates with."""
        URLPattern.teach(self.converters, self.known_types)
        options[ORIGIN] = Origin(self, path, endpoint)
        super().add_route(path, calls.endpoint(endpoint, Request.of), methods=methods, **options)

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
            self.before_hooks += subapp.before_hooks
            self.after_hooks += subapp.after_hooks
            self.error_hooks += subapp.error_hooks
            self.error_handlers.update(subapp.error_handlers)
            for moved in (subapp.before_hooks, subapp.after_hooks, subapp.error_hooks, subapp.error_handlers):
                moved.clear()
        self.include(subapp, url_prefix)

    # Hooks and error handlers.

    def before_request(self, f: F) -> F:
        """Call `f(request)` before the function of each route; what it returns, if not None, is sent instead."""
        super().before_request(calls.before_hook(f, Request.of))
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
        """Answer errors of a status by `f(request)`, exceptions of a class by `f(request, exception)`."""
        key = status_code_or_exception_class

        def record(f: F) -> F:
            count = 1 if isinstance(key, int) else 2
            handler = calls.error_handler(f, Request.of, self.tools.results.convert, count)
            super(Microdot, self).error_handler(key)(handler)
            return f

        return record

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
        """200 with the methods of all routes that have the path."""
        methods = [method for method in request.allowed_methods if method not in ("HEAD", "OPTIONS")]
        if "HEAD" in request.allowed_methods:
            methods.append("HEAD")
        return Response("", 200, {"Allow": ", ".join([*methods, "OPTIONS"])})

    def answer_unknown(self, request: NativeRequest) -> NativeResponse:
        """404; 413 for a body that no route would have taken, and 200 for OPTIONS."""
        if (request.content_length or 0) > Request.max_content_length:
            raise ContentTooLarge("the body is larger than Request.max_content_length allows")
        return self.answer_options(request) if request.method == "OPTIONS" else super().answer_unknown(request)
