"""Madara's application, which is a Nacre: declared in Madara's words, compiled and served as any other."""

from __future__ import annotations

import inspect
import itertools
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ClassVar, TypeVar

from werkzeug.datastructures import ImmutableDict
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.exceptions import NotFound as WerkzeugNotFound
from werkzeug.routing import Map, Rule

from nacre.app import Nacre
from nacre.callables import describe, is_async
from nacre.dialects.madara.blueprints import Blueprint, endpoint_of
from nacre.dialects.madara.log import enable_pretty_logging
from nacre.dialects.madara.middleware import MadaraMiddlewares
from nacre.dialects.madara.responses import Response
from nacre.dialects.madara.rules import Rules, host_of, redirect_target, slashes_of
from nacre.dialects.madara.utils import load_config
from nacre.dialects.madara.wrappers import PLAIN, MadaraResults, Request, make_response
from nacre.errors import ConfigurationError, HTTPError, Location, NotFound, Problem, reason_phrase
from nacre.groups import Group, RouteDeclaration
from nacre.request import Request as NativeRequest
from nacre.response import RedirectResponse
from nacre.response import Response as NativeResponse
from nacre.urls import encode_path

F = TypeVar("F", bound=Callable[..., Any])
View = Callable[..., Any]

_ONE_REQUEST = inspect.Signature([inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY)])


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
        self.config: dict[Any, Any] = {**self.default_config, **load_config(config or {})}
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
        self._views: dict[str, View] = {}
        self._numbers = itertools.count()
        super().__init__(
            **{"debug": debug, "results": MadaraResults(), "middlewares": self.config["middlewares"], **options}
        )
        self.error_log = self.logger
        self._rules = Rules(self.url_map, self.converters)
        # SECURITY: what a program adds to its configuration may be secret, so only the known keys' values are told.
        self.logger.debug("madara config %s", {key: self.config[key] for key in self.default_config})

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
        if methods is None:
            methods = getattr(view, "methods", None) or ("GET",)
        if isinstance(methods, str):
            raise TypeError(f"methods={methods!r} is a str; write methods=[{methods!r}]")
        names = {name.upper() for name in (*methods, *getattr(view, "required_methods", ()))}
        known = self.endpoint_map.get(endpoint)
        if view is not None and known is not None and known != view:
            raise AssertionError(
                f"endpoint {endpoint!r} is {describe(known)} already; give {describe(view)} another one by endpoint=…"
            )
        rule = self.url_rule_class(pattern, methods=names, endpoint=endpoint, **options)
        self.url_map.add(rule)
        if view is not None:
            _check_view(view, rule)
            self.endpoint_map[endpoint] = view
        if rule.build_only or rule.websocket:
            return
        if rule.subdomain and not self.url_map.host_matching and self.config["server_name"] is None:
            self.logger.warning("rule %r is for a subdomain, and without `server_name` it answers nothing", pattern)
            return
        self._declare(group, rule, names)

    def _declare(self, group: Group, rule: Rule, methods: Iterable[str]) -> None:
        Group.add_route(
            group,
            self._rules.pattern(rule),
            _redirecting(rule) if rule.redirect_to is not None else self._view(rule.endpoint),
            methods=sorted(methods),
            name=rule.endpoint,
            host=host_of(rule, self.url_map, self.config["server_name"]),
            defaults=rule.defaults or {},
            slashes=slashes_of(rule),
        )
        declared = group.declarations[-1]
        assert isinstance(declared, RouteDeclaration)
        declared.order = self._rules.order(rule, next(self._numbers))

    def _view(self, endpoint: str) -> View:
        """What the native chain calls for an endpoint: the same for all of its rules."""
        view = self._views.get(endpoint)
        if view is None:
            known = self.endpoint_map.get(endpoint)
            view = self._views[endpoint] = _late(self.endpoint_map, endpoint) if known is None else _native(known)
        return view

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

    def error_page(self, request: NativeRequest, error: HTTPError) -> Response:
        """Werkzeug's page of an error."""
        page = default_exceptions.get(error.status, HTTPException)()
        page.code = error.status
        if error.detail != reason_phrase(error.status):
            page.description = error.detail
        response = Response(page.get_body(), error.status, page.get_headers())
        response.headers.extend(error.headers)
        return response

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
        fix = "write app.middlewares.insert(0, nacre.WSGIMiddleware(ProxyFix, x_for=1)): it stands there on any transport"
        raise ConfigurationError(Problem("`wsgi_app` is set", Location.of_caller(), fix))

    def run(self, host: str = "0.0.0.0", port: int = 5000, **options: Any) -> None:  # noqa: S104 - Madara's default
        """Serve this application until it is stopped; see `Nacre.run` for `options`."""
        super().run(host, port, **options)


def _native(view: View) -> View:
    """A view as the native chain calls it."""
    if is_async(view):

        @wraps(view)
        async def call_async(native: NativeRequest, /) -> Any:
            request = Request.of(native)
            await request.receive()
            try:
                result = await view(request, **native.path_params)
            except HTTPException as error:
                result = error
            return result if result.__class__ in PLAIN else make_response(request, result)

        return _marked(call_async, view)

    @wraps(view)
    def call(native: NativeRequest, /) -> Any:
        request = Request.of(native)
        try:
            values = native.path_params
            result = view(request, **values) if values else view(request)
        except HTTPException as error:
            result = error
        return result if result.__class__ in PLAIN else make_response(request, result)

    return _marked(call, view)


def _marked(call: Any, view: View) -> View:
    call.__signature__ = _ONE_REQUEST
    call.madara_view = view
    return call  # type: ignore[no-any-return]


def _late(views: Mapping[str, View], endpoint: str) -> View:
    """A view that is looked up when it is asked for."""

    def find(request: Request, /, **values: Any) -> Any:
        view = views.get(endpoint)
        if view is None:
            raise WerkzeugNotFound
        return view(request, **values)

    find.__name__ = endpoint
    return _native(find)


def _redirecting(rule: Rule) -> View:
    """What answers for a rule that sends elsewhere."""

    def redirect(request: Request, /, **values: Any) -> Response:
        # As they are written in the path.
        converted = {name: str(value) for name, value in values.items()}
        target = redirect_target(rule, values, converted)
        if "://" not in target and not target.startswith("/"):
            target = f"/{target}"
        return RedirectResponse(target, 308).as_kind(Response)

    redirect.__name__ = rule.endpoint
    return _native(redirect)


def _check_view(view: View, rule: Rule) -> None:
    """Raise ConfigurationError for a view that can't be called with the request and the rule's variables."""
    try:
        signature = inspect.signature(view)
    except (TypeError, ValueError):
        return  # no signature to check against
    try:
        signature.bind(None, **dict.fromkeys(rule.arguments))
    except TypeError as error:
        names = ", ".join(["request", *sorted(rule.arguments)])
        what = f"view {describe(view)} can't be called for rule {rule.rule!r}: {error}"
        raise ConfigurationError(Problem(what, Location.of(view), f"let it take ({names})")) from None
