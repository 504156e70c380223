"""A function's parameters, read once: evaluated annotations, markers, defaults."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from msgspec import Struct
from msgspec.structs import replace

from nacre.binding.marks import MISSING, Body, Cookie, File, Form, Header, Mark, Path, Query
from nacre.binding.providers import Provide, Provider
from nacre.callables import describe
from nacre.errors import ConfigurationError, Location, Problem
from nacre.state import Key

Marker = Mark | Provider | Key[Any]
"""What says where a parameter comes from."""

MARKERS = (Mark, Provider, Key)

MARKING = (Path, Query, Header, Cookie, Body, Form, File, Provide)
"""The functions that make markers."""

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Parameter(Struct, frozen=True):
    """One parameter of a user's function.

    `type` is its annotation without markers, `MISSING` if there is none. `default` is MISSING without one; a marker in
    the place of the default is in `markers`.
    """

    name: str
    kind: Any
    type: Any
    default: Any
    markers: tuple[Marker, ...]
    unresolved: str | None = None
    """The annotation's text if it can't be evaluated."""
    uncalled: str | None = None
    """The name of a marker in `Annotated` that isn't called."""

    @property
    def is_positional(self) -> bool:
        return self.kind in POSITIONAL

    @property
    def asks(self) -> bool:
        """Whether it must be given something, or says what it may be given; else its default stands."""
        return bool(self.markers) or self.type is not MISSING or self.default is MISSING or self.unresolved is not None

    @property
    def has_default(self) -> bool:
        return self.default is not MISSING

    @property
    def is_open(self) -> bool:
        """Whether it is `*args` or `**kwargs`."""
        return self.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def read_parameters(function: Callable[..., Any]) -> list[Parameter] | Problem:
    """The parameters of a function, of what it wraps (`functools.wraps`), or of a class's constructor."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        return Problem(f"{describe(function)} has no signature: {error}", Location.of(function))
    names, given = _namespaces(function), _bound_by_partial(function)
    try:
        return [_read(parameter, *names) for parameter in found if parameter.name not in given]
    except ConfigurationError as error:  # of a marker in an annotation, whose own place is the text of it
        return replace(error.problems[0], where=Location.of(function))


def _bound_by_partial(function: Any) -> set[str]:
    """The parameters that `functools.partial` has given values by name: they are no client's business."""
    given: set[str] = set()
    while isinstance(function, functools.partial):
        given |= {name for name, value in function.keywords.items() if not isinstance(value, MARKERS)}
        function = function.func
    return given


def _read(parameter: inspect.Parameter, globals_: dict[str, Any], locals_: Mapping[str, Any]) -> Parameter:
    annotation: Any = parameter.annotation
    unresolved: str | None = None
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, globals_, dict(locals_))  # noqa: S307 - the user's own  # nosec B307
        except ConfigurationError:
            raise
        except Exception:
            # A name that exists for type checkers only, or a class made inside another function.
            unresolved, annotation = annotation, inspect.Parameter.empty
    if _names_in(annotation):
        try:
            annotation = _looked_up(annotation, globals_, locals_)
        except Exception:
            unresolved, annotation = str(annotation), inspect.Parameter.empty
    markers: tuple[Marker, ...] = ()
    uncalled: str | None = None
    if typing.get_origin(annotation) is Annotated:
        markers = tuple(one for one in annotation.__metadata__ if isinstance(one, MARKERS))
        others = [one for one in annotation.__metadata__ if not isinstance(one, MARKERS)]
        uncalled = next((one.__name__ for one in others if any(one is mark for mark in MARKING)), None)
        annotation = annotation.__origin__
        for other in others:
            annotation = Annotated[annotation, other]
    default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
    if isinstance(default, MARKERS):
        markers, default = (*markers, default), MISSING
    kind = MISSING if annotation is inspect.Parameter.empty else annotation
    return Parameter(parameter.name, parameter.kind, kind, default, markers, unresolved, uncalled)


def _names_in(type_: Any) -> bool:
    """Whether a type has texts in it that stand for types, as in `list["Item"]`."""
    if isinstance(type_, str | typing.ForwardRef):
        return True
    origin = typing.get_origin(type_)
    args = () if origin is typing.Literal else typing.get_args(type_)
    return any(map(_names_in, args[:1] if origin is Annotated else args))


def _looked_up(type_: Any, globals_: dict[str, Any], locals_: Mapping[str, Any]) -> Any:
    """A type with those texts replaced by what they name."""
    holder = types.SimpleNamespace(__annotations__={"it": type_})
    return typing.get_type_hints(holder, globals_, dict(locals_), include_extras=True)["it"]


def _namespaces(function: Any) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Where the names in a function's annotations are looked up: its module, and what it closes over."""
    inner = inspect.unwrap(function)
    while hasattr(inner, "func") and hasattr(inner, "keywords"):  # functools.partial
        inner = inspect.unwrap(inner.func)
    if isinstance(inner, type):
        inner = vars(inner).get("__init__", inner)
    elif not inspect.isroutine(inner):
        inner = getattr(type(inner), "__call__", inner)  # noqa: B004 - its annotations are what is wanted
    inner = getattr(inner, "__func__", inner)
    code, closure = getattr(inner, "__code__", None), getattr(inner, "__closure__", None) or ()
    cells: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars if code else (), closure, strict=False):
        try:
            cells[name] = cell.cell_contents
        except ValueError:
            continue  # not assigned yet
    return getattr(inner, "__globals__", {}), cells
