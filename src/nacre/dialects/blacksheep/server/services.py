"""The services of an application, by type: what handlers, middlewares and controllers may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, get_type_hints

from nacre.app import Nacre
from nacre.binding import Provide
from nacre.binding.providers import Provider, Scope, ready_provider
from nacre.errors import ConfigurationError, Problem


class Services:
    """Registers types as providers of an application. Constructors are given what their annotations ask for."""

    def __init__(self, app: Nacre) -> None:
        self._app = app
        self._providers: dict[Any, Provider] = {}
        self._awaited: dict[type, Provider] = {}

    def __contains__(self, kind: Any) -> bool:
        return kind in self._providers

    def expect(self, kinds: Iterable[type]) -> None:
        """Stand in for those of these types that nothing gives yet, until they are added."""
        for kind in kinds:
            if not any(one.provides is kind for one in self._app.providers):
                self._awaited[kind] = self._provide(_placeholder(kind), kind, "request")

    def check(self) -> None:
        """Raise ConfigurationError for types that are still waited for."""
        if self._awaited:
            names = ", ".join(f"`{kind.__name__}`" for kind in self._awaited)
            fix = "register it in a function of on_start: app.services.add_instance(…)"
            raise ConfigurationError(Problem(f"nothing gives what handlers ask for: {names}", self._app.where, fix))

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

        give.__annotations__["value"] = Annotated[Any, provider]
        # Functions of on_start register theirs at each start: the last one counts.
        known = self._awaited.pop(kind, None) or self._providers.pop(kind, None)
        if known is not None:
            self._app.providers.remove(known)
        self._providers[kind] = self._provide(give, kind, scope)
        return self

    def _provide(self, function: Callable[..., Any], kind: Any, scope: Scope) -> Provider:
        function.__annotations__["return"] = kind
        self._app.provider(scope=scope, inline=True)(function)
        return self._app.providers[-1]


def _placeholder(kind: type) -> Callable[[], Any]:
    def give() -> Any:
        raise RuntimeError(f"nothing gives a `{kind.__name__}` yet: it is to be registered when the application starts")

    return give


def _returned(factory: Callable[..., Any]) -> Any:
    """What a factory is annotated to give."""
    return get_type_hints(factory).get("return")
