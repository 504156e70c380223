"""Blueprints: rules that are put into an application together, under a prefix, with middlewares of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from nacre.dialects.madara.middleware import MadaraMiddlewares, build
from nacre.groups import Group

F = TypeVar("F", bound=Callable[..., Any])


class Registrar(Protocol):
    """The application, as far as a blueprint goes."""

    def include(self, group: Group, /) -> None: ...

    def add_rule(self, *rule: Any, **options: Any) -> None: ...


class BlueprintGroup(Group):
    """The rules of one blueprint in one application, and the middlewares that stand before them alone."""

    middleware_list = MadaraMiddlewares


class BlueprintSetupState:
    """One registration of a blueprint; options given there count before the blueprint's own."""

    def __init__(self, blueprint: Blueprint, app: Registrar, options: Mapping[str, Any]) -> None:
        self.app = app
        self.blueprint = blueprint
        self.options = options
        self.subdomain = _first(options.get("subdomain"), blueprint.subdomain)
        self.url_prefix = _first(options.get("url_prefix"), blueprint.url_prefix)
        self.group: Any = app
        if options.get("middlewares"):
            self.group = BlueprintGroup(middlewares=options["middlewares"])
            app.include(self.group)
            build(self.group.middlewares, app)

    def add_url_rule(
        self,
        pattern: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        """Add a rule below the prefix, its endpoint named after the blueprint."""
        if self.url_prefix is not None:
            below = f"/{pattern.lstrip('/')}"
            pattern = self.url_prefix.rstrip("/") + below if pattern else self.url_prefix
        options.setdefault("subdomain", self.subdomain)
        name = f"{self.blueprint.name}.{endpoint or endpoint_of(view_func)}"
        self.app.add_rule(self.group, pattern, name, view_func, **options)


class Blueprint:
    """Rules to be registered with an application. Those that are added after that are seen as well."""

    def __init__(self, name: str, url_prefix: str | None = None, subdomain: str | None = None) -> None:
        self.name = name
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.deferred_functions: list[Callable[[BlueprintSetupState], Any]] = []
        self.states: list[BlueprintSetupState] = []

    def record(self, func: Callable[[BlueprintSetupState], Any]) -> None:
        """Call `func(state)` whenever the blueprint is registered."""
        self.deferred_functions.append(func)
        for state in self.states:
            func(state)

    def make_setup_state(self, app: Registrar, options: Mapping[str, Any]) -> BlueprintSetupState:
        return BlueprintSetupState(self, app, options)

    def register(self, app: Registrar, options: Mapping[str, Any]) -> None:
        """Put what was recorded into an application; `Madara.register_blueprint` does."""
        state = self.make_setup_state(app, options)
        for deferred in self.deferred_functions:
            deferred(state)
        self.states.append(state)

    def route(self, pattern: str, **options: Any) -> Callable[[F], F]:
        """Serve `pattern` with the decorated view, as `Madara.route` does."""

        def decorator(func: F) -> F:
            self.add_url_rule(pattern, view_func=func, **options)
            return func

        return decorator

    def add_url_rule(
        self,
        pattern: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        """Record a rule. Raises AssertionError for dots in the endpoint, which stand behind the blueprint's name."""
        name = endpoint or endpoint_of(view_func)
        if "." in name:
            raise AssertionError(f"endpoint {name!r} of blueprint {self.name!r} holds a dot; name it without one")
        self.record(lambda state: state.add_url_rule(pattern, name, view_func, **options))


def endpoint_of(view: Callable[..., Any] | None) -> str:
    """The name of a view. Raises AssertionError if there is none."""
    if view is None:
        raise AssertionError("a rule needs a view, or an endpoint whose view is added by another rule")
    return str(view.__name__)


def _first(value: str | None, other: str | None) -> str | None:
    return other if value is None else value
