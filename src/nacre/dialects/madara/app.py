"""Madara's application, which is a Nacre: declared in Madara's words, compiled and served as any other."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from werkzeug.datastructures import ImmutableDict
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.routing import Map, Rule

from nacre.app import Nacre
from nacre.callables import describe
from nacre.dialects.madara.blueprints import Blueprint, endpoint_of
from nacre.dialects.madara.log import enable_pretty_logging
from nacre.dialects.madara.middleware import MadaraMiddlewares, build
from nacre.dialects.madara.responses import Response
from nacre.dialects.madara.rules import Rules
from nacre.dialects.madara.utils import load_config
from nacre.dialects.madara.views import View, check_view
from nacre.dialects.madara.wrappers import MadaraResults, Request, make_response
from nacre.errors import ConfigurationError, HTTPError, Location, NotFound, Problem, ValidationError, reason_phrase
from nacre.groups import Group
from nacre.request import Request as NativeRequest
from nacre.response import RedirectResponse
from nacre.response import Response as NativeResponse
from nacre.urls import encode_path

F = TypeVar("F", bound=Callable[..., Any])


class Madara(Nacre):
    """An application in Madara's words. `options` are those of `Nacre`, such as `max_body`.

    The configuration's keys count in any case: `debug`, `middlewares` (classes, or dotted names of them, outermost
    first), `server_name` (then only requests for it, and for its subdomains, are answered), `host_matching` (rules name
    their `host`), `subdomain_matching`, `logger_handler` (for the log `madara`).
    """

    dialect = "madara"
    middleware_list = MadaraMiddlewares

    default_config: ClassVar[Mapping[str, Any]] = ImmutableDict(
        {
            "debug": False,
            "middlewares": [],
            "server_name": None,
            "host_matching": False,
            "subdomain_matching": False,
            "logger_handler": None,
        }
    )

    def __init__(self, config: Mapping[Any, Any] | None = None, **options: Any) -> None:
        self.config: dict[Any, Any] = {**self.default_config, "middlewares": [], **load_config(config or {})}
        debug = bool(self.config["debug"])
        level = logging.DEBUG if debug else logging.INFO
        self.logger = enable_pretty_logging(logging.getLogger("madara"), self.config["logger_handler"], level=level)
        self.logger.propagate = False
        self.url_map = Map(host_matching=self.config["host_matching"])
        """The rules that were added, for `url_map.converters` and for looking at; requests are matched by Nacre."""
        self.subdomain_matching = self.config["subdomain_matching"]
        self.url_rule_class = Rule
        self.endpoint_map: dict[str, View] = {}
        self.blueprints: dict[str, Blueprint] = {}
        given: dict[str, Any] = {"debug": debug, "middlewares": self.config["middlewares"], **options}
        given.setdefault("results", MadaraResults())
        super().__init__(**given)
        self.error_log = self.logger
        self.rules = Rules(
            self.url_map, self.endpoint_map, self.converters, self.config["server_name"], self.answer_unknown
        )
        """What makes native routes of rules."""
        build(self.middlewares, self)
        # SECURITY: what a program adds to its configuration may be secret, so only the known keys' values are told, and
        # of middlewares their names, without the options of a `functools.partial`.
        told = {key: self.config[key] for key in self.default_config}
        self.logger.debug("madara config %s", told | {"middlewares": self.middlewares})

    # Declaring.

    def route(self, pattern: str, methods: Iterable[str] | None = None, **options: Any) -> Callable[[F], F]:
        """Serve `pattern` with the decorated view, for GET unless `methods` says otherwise.

        Options are those of Werkzeug's `Rule`, `endpoint` among them, which is the view's name by default.
        """

        def decorator(func: F) -> F:
            self.add_url_rule(pattern, options.pop("endpoint", None), func, methods=methods, **options)
            return func

        return decorator

    def add_url_rule(
        self,
        pattern: str,
        endpoint: str | None = None,
        view_func: View | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Serve `pattern` with `view_func`, or with what another rule of this endpoint, or `endpoint_map`, has.

        Raises AssertionError for an endpoint that has another view, TypeError for methods that are a str, and what
        Werkzeug's `Rule` raises. OPTIONS is answered by itself unless `methods` has it.
        """
        self.add_rule(self, pattern, endpoint or endpoint_of(view_func), view_func, **options)

    def add_rule(
        self,
        group: Group,
        pattern: str,
        endpoint: str,
        view: View | None,
        *,
        methods: Iterable[str] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Add a rule to this application or to a group in it."""
        given: Any = methods or getattr(view, "methods", None) or ("GET",)
        if isinstance(given, str):
            raise TypeError(f"methods={given!r} is a str; write methods=[{given!r}]")
        names = {name.upper() for name in (*given, *getattr(view, "required_methods", ()))}
        known = self.endpoint_map.get(endpoint)
        if view is not None and known is not None and known != view:
            raise AssertionError(
                f"endpoint {endpoint!r} is {describe(known)} already; give {describe(view)} another one by endpoint=…"
            )
        rule = self.url_rule_class(pattern, methods=names, endpoint=endpoint, **options)
        self.url_map.add(rule)
        if view is not None:
            check_view(view, rule)
            self.endpoint_map[endpoint] = view
        if rule.build_only or rule.websocket:
            return
        if rule.subdomain and not self.url_map.host_matching and self.config["server_name"] is None:
            self.logger.warning("rule %r is for a subdomain, and without `server_name` it answers nothing", pattern)
            return
        self.rules.declare(group, rule, names)

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:
        """Add a blueprint's rules; options: `url_prefix`, `subdomain`, `middlewares` (for these rules alone).

        Raises AssertionError for another blueprint of the same name.
        """
        known = self.blueprints.setdefault(blueprint.name, blueprint)
        if known is not blueprint:
            raise AssertionError(f"there is another blueprint called {blueprint.name!r}; give this one its own name")
        blueprint.register(self, options)

    # Answering.

    def make_response(self, request: Request, rv: Any) -> Response:
        """What a view's result is as a response."""
        return make_response(request, rv)

    def error_page(self, request: NativeRequest, error: HTTPError) -> NativeResponse:
        """Werkzeug's page of an error; of a failed validation, which only native handlers have, the native list."""
        if isinstance(error, ValidationError):
            return super().error_page(request, error)
        page = default_exceptions.get(error.status, HTTPException)()
        page.code = error.status
        if error.detail != reason_phrase(error.status):
            page.description = error.detail
        return NativeResponse(page.get_body(), error.status, [*page.get_headers(), *error.headers])

    def answer_unknown(self, request: NativeRequest) -> NativeResponse:
        """Send to the path with single slashes, if a rule has that; else it is unknown."""
        path = re.sub("/{2,}", "/", request.path)
        if path == request.path or self.find_route(request.method, path) is None:
            raise NotFound
        query = f"?{request.query_string}" if request.query_string else ""
        return RedirectResponse(encode_path(request.root_path + path) + query, 308)

    # Serving.

    @property
    def wsgi_app(self) -> Callable[[Any, Any], Iterable[bytes]]:
        """This application as one of WSGI."""
        return lambda environ, start_response: self(environ, start_response)

    @wsgi_app.setter
    def wsgi_app(self, app: Any) -> None:
        fix = (
            "write app.middlewares.insert(0, nacre.WSGIMiddleware(ProxyFix, x_for=1)): it stands there on any transport"
        )
        raise ConfigurationError(Problem("`wsgi_app` is set", Location.of_caller(), fix))

    def run(self, host: str = "0.0.0.0", port: int = 5000, **options: Any) -> None:  # noqa: S104  # nosec B104 - Madara's default
        """Serve this application until it is stopped; see `Nacre.run` for `options`."""
        super().run(host, port, **options)
