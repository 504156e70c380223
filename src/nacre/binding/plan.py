"""What is done to call one function: where it is bound, and where each of its arguments comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from nacre.binding.inputs import Input
from nacre.binding.marks import MISSING
from nacre.binding.providers import Override, Provider
from nacre.binding.singletons import Needs, Singleton
from nacre.binding.validation import DEFAULT, Validation
from nacre.errors import Location
from nacre.state import Key

Slots = tuple[tuple[str, Any], ...]
"""The providers that a provider takes: each with the parameter's name, and what its own value is kept under."""


def _slot(function: Callable[..., Any], needs: Slots) -> Any:
    return (function, needs) if needs else function


class Site(Struct, frozen=True):
    """The place where a function is bound: what a route gives it, and what its scopes say.

    `variables` are the path's, with the type their converter makes (None: not known). `providers` are those registered
    by type, the innermost scope's where several have one. Of `overrides` the last one that covers a provider counts.
    """

    variables: Mapping[str, type | None] = {}
    providers: Mapping[Any, Provider] = {}
    overrides: tuple[Override, ...] = ()
    validation: Validation = DEFAULT
    method: str = "*"
    path: str = ""
    optional: frozenset[str] = frozenset()
    """Variables that another route of the same function lacks, so that a default of theirs has a use."""
    single: Callable[[Provider, Needs], Singleton] = Singleton
    """Gives the one value of a provider of the application."""
    slot: Callable[[Callable[..., Any], Slots], Any] = _slot
    """Gives what the value of a provider of the request is kept under: the same for equal providers of equal needs."""
    has_route: bool = True
    """False where no route answers (404): path variables are then missing without that being a mistake."""

    def settle(self, provider: Provider) -> Provider:
        """The provider that is asked in the place of this one: its override, or itself."""
        override = next((one for one in reversed(self.overrides) if one.covers(provider)), None)
        return provider if override is None else override.instead_of(provider)


class Value(Struct, frozen=True):
    """Where one argument comes from: exactly one of the attributes is set.

    `expression` is Python over `request`, or the name of an argument that the caller gives.
    """

    expression: str | None = None
    input: Input | None = None
    provider: Provider | None = None
    key: Key[Any] | None = None
    default: Any = MISSING
    """For `key`: what stands in when no layer has set it."""
    constant: Any = MISSING
    """A default that has to be passed, since a later argument has only its position."""
    injected: bool = False
    """The `Response` whose status and header fields are given to the answer."""


class Argument(Struct, frozen=True):
    """One argument of a call; `by_name` says that it is passed by keyword."""

    name: str
    value: Value
    by_name: bool


class Call(Struct, frozen=True, eq=False):
    """One function with its arguments: the handler itself, or a provider."""

    function: Callable[..., Any]
    arguments: tuple[Argument, ...]
    rest: bool = False
    """Whether `**kwargs` takes the path variables that no parameter does."""
    slot: Any = None
    """Of a provider of the request: what its value is kept under in `request.provided`."""


class Plan(Struct, frozen=True, eq=False, dict=True):
    """All that is done to call one function: `steps` are its providers, each after those it needs."""

    call: Call
    given: tuple[str, ...]
    label: str
    where: Location | None
    validation: Validation
    steps: tuple[tuple[Provider, Call], ...] = ()
    singles: Mapping[Provider, Singleton] = {}
    """Where the values of those providers are that live as long as the application."""

    @property
    def values(self) -> Iterator[Value]:
        """The values of all arguments, those of the providers first."""
        for _, call in self.steps:
            yield from (argument.value for argument in call.arguments)
        yield from (argument.value for argument in self.call.arguments)

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """What is taken of the request, each thing once."""
        found: list[Input] = []
        for value in self.values:
            if value.input is not None and value.input not in found:
                found.append(value.input)
        return tuple(found)

    @property
    def keys(self) -> tuple[Key[Any], ...]:
        """The typed state that a layer must have left."""
        return tuple(dict.fromkeys(value.key for value in self.values if value.key and value.default is MISSING))

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of `keys`."""
        return tuple(map(str, self.keys))

    @property
    def opens(self) -> bool:
        """Whether it asks providers of the request that are torn down after the response."""
        return any(provider.has_teardown and provider.scope == "request" for provider, _ in self.steps)

    @property
    def injects(self) -> bool:
        """Whether the function asks for the response of its plain values."""
        return any(value.injected for value in self.values)
