"""The services of an application, by type: what handlers, middlewares and controllers may ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

from nacre.app import Nacre
from nacre.binding import Provide
from nacre.binding.providers import Scope, ready_provider


class Services:
    """Registers types as providers of an application. Constructors are given what their annotations ask for."""

    def __init__(self, app: Nacre) -> None:
        self._app = app
        self._types: set[Any] = set()

    def __contains__(self, kind: Any) -> bool:
        return kind in self._types

    def add_instance(self, instance: object, declared_class: type | None = None) -> Services:
        """Give this object for its class, or for `declared_class`."""
        return self._give(declared_class or type(instance), ready_provider(instance), "app")

    def add_singleton(self, base_type: type, concrete_type: type | None = None) -> Services:
        """Make one object, when the application starts."""
        return self._add_type(base_type, concrete_type, "app")

    def add_scoped(self, base_type: type, concrete_type: type | None = None) -> Services:
        """Make one object for each request."""
        return self._add_type(base_type, concrete_type, "request")

    def add_transient(self, base_type: type, concrete_type: type | None = None) -> Services:
        """Make one object for each request, which all that ask for it share there."""
        return self._add_type(base_type, concrete_type, "request")

    add_exact_singleton = add_singleton
    add_exact_scoped = add_scoped
    add_exact_transient = add_transient

    def add_singleton_by_factory(self, factory: Callable[..., Any], return_type: Any = None) -> Services:
        """Give what the function returns, called once."""
        return self._give(return_type or _returned(factory), Provide(factory, scope="app", inline=True), "app")

    def add_scoped_by_factory(self, factory: Callable[..., Any], return_type: Any = None) -> Services:
        """Give what the function returns, called for each request."""
        return self._give(return_type or _returned(factory), Provide(factory, inline=True), "request")

    add_transient_by_factory = add_scoped_by_factory

    def register(
        self, obj_type: Any, sub_type: type | None = None, instance: object = None, *args: Any, **kwargs: Any
    ) -> Services:
        """Give an object, or one that is made for each request."""
        if instance is not None:
            return self.add_instance(instance, obj_type)
        return self.add_transient(obj_type, sub_type)

    def _add_type(self, base: type, concrete: type | None, scope: Scope) -> Services:
        return self._give(base, Provide(concrete or base, scope=scope, inline=True), scope)

    def _give(self, kind: Any, provider: Any, scope: Scope) -> Services:
        def give(value: Any) -> Any:
            return value

        give.__annotations__.update({"value": Annotated[Any, provider], "return": kind})
        self._app.provider(scope=scope, inline=True)(give)
        self._types.add(kind)
        return self


def _returned(factory: Callable[..., Any]) -> Any:
    """What a factory is annotated to give."""
    return get_type_hints(factory).get("return")
