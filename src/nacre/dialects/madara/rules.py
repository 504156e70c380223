"""Werkzeug's URL rules as Nacre's patterns: their variables, their hosts, and which of two is tried first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from werkzeug.routing import Map, Rule
from werkzeug.routing.converters import DEFAULT_CONVERTERS
from werkzeug.routing.rules import parse_converter_args

from nacre.dialects.madara.views import View, late_view, native_view, redirecting_view
from nacre.errors import ConfigurationError, Location, Problem
from nacre.groups import Group, RouteDeclaration, Slashes
from nacre.request import Request
from nacre.response import Response
from nacre.routing import Converters

_VARIABLE = re.compile(
    r"<(?:(?P<kind>[a-zA-Z_][a-zA-Z0-9_]*)(?:\((?P<arguments>.*?)\))?:)?(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)>"
)
_PORT = re.compile(r":[0-9]+\Z")

# What Nacre has for the converters that are there without arguments; the others are Werkzeug's own.
_NATIVE = {"default": "segment", "string": "segment", "path": "path", "uuid": "uuid", "int": "uint"}

_PARTS = 12  # that are compared; two rules that are alike for so long are tried as they were declared


class Rules:
    """Makes native routes of the rules of one map."""

    def __init__(
        self,
        url_map: Map,
        views: Mapping[str, View],
        converters: Converters,
        server_name: str | None,
        answer_unknown: Callable[[Request], Response],
    ) -> None:
        self._map = url_map
        self._answer_unknown = answer_unknown
        self._views = views
        self._converters = converters
        self._server_name = server_name
        self._known: dict[Any, str] = {}
        self._native: dict[str, View] = {}
        self._numbers = itertools.count()
        # SECURITY: Nacre's `string` may hold a slash that was sent as `%2F`; Madara's views rely on there being none.
        converters.register("segment", lambda text: None if "/" in text else text)

    def declare(self, group: Group, rule: Rule, methods: Iterable[str]) -> None:
        """Add the route of a rule to a group."""
        pattern = self.pattern(rule)
        Group.add_route(
            group,
            pattern,
            self._view(rule),
            methods=sorted(methods),
            name=rule.endpoint,
            host=host_of(rule, self._map, self._server_name),
            defaults=rule.defaults or {},
            slashes=slashes_of(rule),
            middlewares=[_path_guard(rule, self._answer_unknown)] if "<path:" in pattern else [],
        )
        declared = group.declarations[-1]
        assert isinstance(declared, RouteDeclaration)
        declared.order = self.order(rule, next(self._numbers))
        group.extend_routes(())  # one that is declared after the start is compiled again in its place

    def _view(self, rule: Rule) -> View:
        """What the native chain calls for a rule: the same for all rules of an endpoint."""
        if rule.redirect_to is not None:
            return redirecting_view(rule, _VARIABLE)
        name = rule.endpoint
        if name not in self._native:
            view = self._views.get(name)
            self._native[name] = late_view(self._views, name) if view is None else native_view(view)
        return self._native[name]

    def pattern(self, rule: Rule) -> str:
        """The path of a rule as Nacre writes it. Raises ConfigurationError for braces, which it has no way to write."""
        if set("{}") & set(_VARIABLE.sub("", rule.rule)):
            fix = "leave them out, or take the segment by a variable and look at it in the view"
            raise ConfigurationError(Problem(f"rule {rule.rule!r} holds braces", Location.of_caller(), fix))
        return _VARIABLE.sub(lambda found: f"<{self._converter(rule, found)}:{found['name']}>", rule.rule)

    def _converter(self, rule: Rule, found: re.Match[str]) -> str:
        kind, arguments = found["kind"] or "default", found["arguments"] or ""
        cls = self._map.converters[kind]
        if not arguments and kind in _NATIVE and cls is DEFAULT_CONVERTERS[kind]:
            return _NATIVE[kind]
        key = kind, arguments, cls
        if key not in self._known:
            positional, named = parse_converter_args(arguments)
            converter = rule.get_converter(found["name"], kind, positional, named)
            if not converter.part_isolating:
                fix = "take the path by `<path:…>` and look at it in the view"
                what = f"rule {rule.rule!r} has a converter `{kind}` of your own that takes slashes"
                raise ConfigurationError(Problem(what, Location.of_caller(), fix))
            name = f"{kind}_{len(self._known) + 1}"
            back = converter.to_url
            self._converters.register(
                name, converter.to_python, pattern=converter.regex, format=lambda value: unquote(back(value))
            )
            self._known[key] = name
        return self._known[key]

    def order(self, rule: Rule, number: int) -> int:
        """What sorts the rule that is tried first lowest, among those that are alike but for their variables.

        `number` counts the declarations.
        """
        weights = []
        for segment in rule.rule.split("/")[1 : _PARTS + 1]:
            kinds = [found["kind"] or "default" for found in _VARIABLE.finditer(segment)]
            weights.append(max((self._map.converters[kind].weight for kind in kinds), default=0))
        total = 0
        for weight in weights + [0] * (_PARTS - len(weights)):
            total = total * 1000 + min(weight, 999)
        return total * 2**32 + number


def _path_guard(rule: Rule, answer_unknown: Callable[[Request], Response]) -> Callable[..., Response]:
    """A layer that lets no `path` variable through that begins with a slash, or holds two together.

    SECURITY: views join these to a folder's name, and of `/srv/files` and `/etc/passwd` that makes `/etc/passwd`.
    """
    doubled = "//" if rule.merge_slashes else "\0"

    def single_slashes(request: Request, call_next: Callable[[Request], Response]) -> Response:
        for value in request.path_params.values():
            if isinstance(value, str) and (value.startswith("/") or doubled in value):
                return answer_unknown(request)
        return call_next(request)

    return single_slashes


def slashes_of(rule: Rule) -> Slashes:
    """What becomes of a request that lacks the final slash of a rule, or has one too many."""
    if not rule.strict_slashes:
        return "ignore"
    return "redirect" if rule.is_branch else "strict"


def host_of(rule: Rule, url_map: Map, server_name: str | None) -> str | None:
    """The host that a rule is for, without its port; None for any."""
    if url_map.host_matching:
        return rule.host and _PORT.sub("", rule.host)
    if server_name is None:
        return None
    name = _PORT.sub("", server_name)
    return f"{rule.subdomain}.{name}" if rule.subdomain else name
