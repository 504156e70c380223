"""Providers: functions that make what handlers and layers ask for."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
)
from contextlib import (
    _AsyncGeneratorContextManager,
    _GeneratorContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Literal, TypeVar, overload

from msgspec import Struct
from msgspec.structs import replace

from nacre.callables import describe, is_async
from nacre.errors import ConfigurationError, Location, Problem
from nacre.state import Key

T = TypeVar("T")

Scope = Literal["request", "app"]
ProviderKind = Literal["async", "plain", "generator", "async generator"]


class Provider(Struct, frozen=True, eq=False):
    """A provider as it was declared; as a default value or in `Annotated` it is the marker itself.

    `kind` says how `function` is called, `provides` is the type that it gives (what its generator yields), None if it
    isn't annotated. `inline` says that plain code never blocks and may run on the event loop. Two of one function that
    are called in the same way are equal.
    """

    function: Callable[..., Any]
    kind: ProviderKind
    scope: Scope = "request"
    inline: bool = False
    provides: Any = None
    where: Location | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Provider) and self._called == other._called

    def __hash__(self) -> int:
        return hash(self._called)

    @property
    def _called(self) -> tuple[Any, ...]:
        return self.function, self.kind, self.scope, self.inline

    @property
    def label(self) -> str:
        """The provider as messages name it."""
        place = Location.of(self.function) or self.where
        return f"provider {describe(self.function)}" + (f" ({place})" if place else "")

    @property
    def has_teardown(self) -> bool:
        """Whether it goes on after its value was used."""
        return self.kind in ("generator", "async generator")


class Ready:
    """A provider's function whose value is there already; it is the same for all requests."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ready) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def ready_provider(value: Any, provides: Any = None) -> Provider:
    """The provider of a value that is there already."""
    return Provider(Ready(value), "plain", "app", True, provides)


class Override(Struct, frozen=True, eq=False):
    """A provider that stands in for others, those of one function or those that provide one type.

    It lives as long as the one that it stands in for, unless `has_scope` says that its own scope was chosen.
    """

    target: Any
    provider: Provider
    has_scope: bool
    covered: set[Provider] = set()
    """Those in whose place it was asked."""

    def covers(self, provider: Provider) -> bool:
        """Whether it stands in for this one."""
        return bool(provider.function == self.target or provider.provides == self.target)

    def instead_of(self, provider: Provider) -> Provider:
        """What is asked in the place of a provider that it covers."""
        self.covered.add(provider)
        return self.provider if self.has_scope else replace(self.provider, scope=provider.scope)


def override_of(target: Any, replacement: Any, where: Location) -> Override:
    """The override by a function, a class or what `Provide` makes of them. Raises ConfigurationError."""
    has_scope = isinstance(replacement, Provider)
    function = target.function if isinstance(target, Provider) else _without_context_manager(target)
    return Override(function, provider_of(replacement, where=where), has_scope)


# The order of the overloads is that of their precision: a function that returns anything fits the last one.


@overload
def Provide(target: Key[T], *, scope: Scope = ..., inline: bool = ...) -> T: ...
@overload
def Provide(target: type[T], *, scope: Scope = ..., inline: bool = ...) -> T: ...
@overload
def Provide(
    target: Callable[..., _GeneratorContextManager[T, Any, Any]], *, scope: Scope = ..., inline: bool = ...
) -> T: ...
@overload
def Provide(
    target: Callable[..., _AsyncGeneratorContextManager[T, Any]], *, scope: Scope = ..., inline: bool = ...
) -> T: ...
@overload
def Provide(target: Callable[..., AsyncIterator[T]], *, scope: Scope = ..., inline: bool = ...) -> T: ...
@overload
def Provide(target: Callable[..., Iterator[T]], *, scope: Scope = ..., inline: bool = ...) -> T: ...
@overload
def Provide(target: Callable[..., Awaitable[T]], *, scope: Scope = ..., inline: bool = ...) -> T: ...
@overload
def Provide(target: Callable[..., T], *, scope: Scope = ..., inline: bool = ...) -> T: ...
def Provide(target: Any, *, scope: Scope = "request", inline: bool = False) -> Any:  # noqa: N802 - reads as a marker
    """Take a parameter from a provider: `db: Session = Provide(get_session)`, or in `Annotated[Session, Provide(…)]`.

    `target` is a plain or async function, a generator of either kind that yields once (what follows the `yield` runs
    after the response, and an exception of the handler is raised there), a class, or a `Key` that a layer sets in the
    state. Its own parameters are bound as a handler's are. It is asked once per request, however many ask for it; with
    `scope="app"` once per application, and its teardown is at shutdown. Plain code runs in a worker thread unless
    `inline` says that it never blocks.
    """
    if isinstance(target, Key):
        return target
    return provider_of(target, scope, inline=inline, where=Location.of_caller())


def provider_of(
    target: Any, scope: Scope = "request", *, inline: bool = False, where: Location | None = None
) -> Provider:
    """The provider that a target stands for; one made by `Provide` is itself. Raises ConfigurationError."""
    if isinstance(target, Provider):
        return target
    function = _without_context_manager(target)
    where = where or Location.of(function)
    if not callable(function):
        raise ConfigurationError(_not_callable(target, where))
    if not _is_hashable(function):
        fix = "give its class a __hash__: a provider is known by its identity"
        raise ConfigurationError(Problem(f"provider {describe(function)} can't be hashed", where, fix))
    if scope not in typing.get_args(Scope):
        fix = 'write scope="request" or scope="app"'
        raise ConfigurationError(
            Problem(f"provider {describe(function)} has the scope {scope!r}, which isn't known", where, fix)
        )
    returned = _returned(function)
    kind = _kind(function, returned)
    if kind == "plain" and typing.get_origin(returned) in (*_ITERATORS, *_ASYNC_ITERATORS):
        what = f"provider {describe(function)} is annotated {_shown(returned)} and doesn't yield"
        fix = "let it yield its value once, or return something else, a list for instance"
        raise ConfigurationError(Problem(what, Location.of(function) or where, fix))
    return Provider(function, kind, scope, inline, _provided(function, kind, returned), where)


def registered_provider(target: Any, where: Location, scope: Scope = "request", *, inline: bool = False) -> Provider:
    """The provider that is registered for its type. Raises ConfigurationError if none can be read."""
    if isinstance(target, Key):
        fix = "a layer sets a key's value; a parameter asks for it by `Provide(key)`"
        raise ConfigurationError(Problem(f"the key `{target}` is registered as a provider", where, fix))
    provider = provider_of(target, scope, inline=inline, where=where)
    place = Location.of(provider.function) or where
    if provider.provides is None:
        what = f"provider {describe(provider.function)} is registered by its type and doesn't say what it provides"
        raise ConfigurationError(
            Problem(what, place, "annotate what it returns with a class, `-> Session` or `-> Iterator[Session]`")
        )
    return replace(provider, where=where)


def _not_callable(target: Any, where: Location | None) -> Problem:
    what = f"a {type(target).__name__} is no provider"
    fix = "give a function, a generator function, a class, or a Key"
    if inspect.isawaitable(target) or inspect.isgenerator(target) or inspect.isasyncgen(target):
        if inspect.iscoroutine(target):
            target.close()
        fix = "give the function itself, without calling it"
    return Problem(what, where, fix)


_HELPERS = frozenset({contextmanager(lambda: iter(())).__code__, asynccontextmanager(lambda: aiter(())).__code__})  # type: ignore[arg-type]
"""The code of the functions that contextlib's decorators make."""


def _without_context_manager(target: Any) -> Any:
    """The generator function that `contextmanager` or `asynccontextmanager` has decorated; anything else as it is."""
    function = getattr(target, "__func__", target)
    if getattr(function, "__code__", None) not in _HELPERS:
        return target
    return function.__wrapped__ if function is target else types.MethodType(function.__wrapped__, target.__self__)


def _called(function: Any) -> Any:
    """What runs when a function, a partial, an instance or a wrapper is called."""
    while hasattr(function, "func") and hasattr(function, "keywords"):  # functools.partial
        function = function.func
    if not inspect.isroutine(function) and not isinstance(function, type):
        function = getattr(type(function), "__call__", function)  # noqa: B004 - what runs is wanted
    return inspect.unwrap(function)


_ITERATORS = (Iterator, Generator)
_ASYNC_ITERATORS = (AsyncIterator, AsyncGenerator, AsyncIterable)
_AWAITABLES = (Awaitable, Coroutine)


def _kind(function: Any, returned: Any) -> ProviderKind:
    if isinstance(function, type):
        return "plain"
    inner = _called(function)
    if inspect.isasyncgenfunction(inner):
        return "async generator"
    if inspect.isgeneratorfunction(inner):
        return "generator"
    return "async" if is_async(inner) or typing.get_origin(returned) in _AWAITABLES else "plain"


def _returned(function: Any) -> Any:
    """The evaluated return annotation; None without one or if it can't be evaluated."""
    inner = _called(function)
    inner = getattr(inner, "__func__", inner)
    annotation = getattr(inner, "__annotations__", {}).get("return") if not isinstance(inner, type) else None
    if not isinstance(annotation, str):
        return annotation
    cells = zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=False)
    try:
        closed_over = {name: cell.cell_contents for name, cell in cells}
        return eval(annotation, inner.__globals__, closed_over)  # noqa: S307 - the user's own  # nosec B307
    except Exception:
        return None  # a name for type checkers only, or a class made inside another function


def _provided(function: Any, kind: ProviderKind, returned: Any) -> Any:
    """The type that parameters ask for; None for one that says nothing."""
    if isinstance(function, type):
        return function
    origin = typing.get_origin(returned)
    if kind == "generator":
        returned = typing.get_args(returned)[0] if origin in _ITERATORS else None
    elif kind == "async generator":
        returned = typing.get_args(returned)[0] if origin in _ASYNC_ITERATORS else None
    elif origin in _AWAITABLES:
        returned = typing.get_args(returned)[-1]
    if returned in (None, type(None), Any, object) or isinstance(returned, (str, TypeVar)):
        return None
    return returned if _is_hashable(returned) else None


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _shown(annotation: Any) -> str:
    return f"`{str(annotation).replace('collections.abc.', '').replace('typing.', '')}`"
