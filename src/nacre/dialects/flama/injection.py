"""Components, and what handlers ask for, put into words that the core's binder knows."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import nacre
from nacre import Provide
from nacre.binding import MISSING, read_parameters
from nacre.binding import Parameter as NativeParameter
from nacre.dialects.flama import types
from nacre.dialects.flama.schemas import find_metadata, loader
from nacre.errors import Problem

__all__ = ["Component", "Components", "Parameter"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a handler, as components see it; `empty` stands for no annotation and no default."""

    empty: ClassVar[Any] = inspect.Parameter.empty

    name: str
    annotation: Any = inspect.Parameter.empty
    default: Any = inspect.Parameter.empty


class Component:
    """Makes values of one type for those who ask for it.

    Derive from it and write `resolve`, plain or async, with the type as its return annotation. It may ask for what
    handlers may ask for. It is called once for a request. One that overrides `can_handle_parameter` is asked about each
    parameter instead, and its `resolve` may take the `Parameter`.
    """

    cacheable: ClassVar[bool] = True
    resolve: Callable[..., Any]

    def can_handle_parameter(self, parameter: Parameter) -> bool:
        """Whether the parameter is to have what `resolve` gives: by default, if it is annotated with its type."""
        return bool(parameter.annotation is inspect.signature(self.resolve, eval_str=True).return_annotation)

    @property
    def chooses(self) -> bool:
        """Whether it has a way of its own to tell which parameters are for it."""
        return type(self).can_handle_parameter is not Component.can_handle_parameter


class Components(tuple[Component, ...]):
    """The components of an application."""


def settle(
    function: Callable[..., Any], components: Iterable[Component] = (), given: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """The function with a signature that the core understands; itself if it needs no other one.

    `given` are annotations that are known already, by the names of parameters.
    """
    parameters = read_parameters(function)
    if isinstance(parameters, Problem):
        return function
    special = [component for component in components if component.chooses]
    marked = dict(given or {})
    for parameter in parameters:
        marker = marked.get(parameter.name) or _marker(parameter, special)
        if marker is not None:
            marked[parameter.name] = marker
    if not marked:
        return function
    signature = inspect.signature(function)
    found = [one.replace(annotation=marked.get(one.name, one.annotation)) for one in signature.parameters.values()]
    # PERF: a partial is called without a frame of its own.
    settled: Any = functools.update_wrapper(functools.partial(function), function)
    settled.__signature__ = signature.replace(parameters=found)
    return settled  # type: ignore[no-any-return]


def provider_of(component: Component) -> Any:
    """What the core asks for the values of a component that goes by their type, which is its `provides`."""
    return Provide(settle(component.resolve), inline=True)


def _marker(parameter: NativeParameter, components: list[Component]) -> Any:
    kind = None if parameter.type is MISSING else parameter.type
    metadata = find_metadata(kind)
    if metadata is not None:
        return Annotated[dict[str, Any], Provide(loader(kind, metadata), inline=True)]
    if kind in (types.Header, types.Cookie):
        made = str | None if parameter.default is None else str
        return Annotated[made, nacre.Header() if kind is types.Header else nacre.Cookie()]
    default = Parameter.empty if parameter.default is MISSING else parameter.default
    told = Parameter(parameter.name, Parameter.empty if kind is None else kind, default)
    chosen = next((one for one in components if one.can_handle_parameter(told)), None)
    if chosen is None:
        return None
    return Annotated[Any, Provide(settle(chosen.resolve, given=_told(chosen, told)), inline=True)]


def _told(component: Component, parameter: Parameter) -> dict[str, Any]:
    """The parameter itself, for a `resolve` that asks for it."""
    asked = inspect.signature(component.resolve, eval_str=True).parameters.values()
    given = Provide(lambda: parameter, inline=True)
    return {one.name: Annotated[Parameter, given] for one in asked if one.annotation is Parameter}
