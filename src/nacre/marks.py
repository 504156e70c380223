"""What decorators say about a handler for layers to read: `@csrf.exempt`, `@requires("admin")`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any, TypeVar

from nacre.errors import ConfigurationError, Location, Problem

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__nacre_marks__"
_READ = "__nacre_marks_read__"
_OWNER = "__nacre_marks_owner__"


def mark(function: F, name: str, value: object) -> F:
    """Leave a value for layers on a handler, and return the handler: `route.marks[name]` is the value.

    The decorator that does so may stand anywhere among a handler's decorators, also above the one that declares the
    route, if those between keep `__wrapped__` as `functools.wraps` does: what a function wraps is marked with it. On a
    class it is for all its methods, on a method for all objects of the class; a partial is marked by itself. A value
    with an attribute `requires` (names of what layers provide) is an error at startup where no layer provides that.

    Raises ConfigurationError for a handler that an application has compiled already, since it wouldn't notice, and for
    one that can hold no mark.
    """
    given: Any = function
    targets = list(_marked_with(given))
    if not targets:
        what = f"the mark `{name}` is put on an object of type {type(given).__name__}, which can hold none"
        raise ConfigurationError(Problem(what, Location.of_caller(), "mark a function that calls it, or its class"))
    for target in targets:
        marks = vars(target).get(_ATTRIBUTE, {})
        if vars(target).get(_READ) == id(target) and marks.get(name) != value:
            what = f"the mark `{name}` is put on a handler that is served already"
            raise ConfigurationError(Problem(what, Location.of_caller(), "put it below the decorator of the route"))
        # Each has a dict of its own: `functools.wraps` copies the reference to that of the inner function.
        _leave(target, _ATTRIBUTE, {**marks, name: value})
    for member in vars(given).values() if isinstance(given, type) else ():
        if isinstance(member, staticmethod) and isinstance(member.__func__, FunctionType):
            _leave(member.__func__, _OWNER, given)  # it has no other way to its class
    return function


def marks_of(endpoint: Callable[..., Any]) -> Mapping[str, Any]:
    """All marks of a handler, by name; its own count more than those of its class, outer ones more than inner ones."""
    return {**_collect(_classes_of(endpoint)), **own_marks_of(endpoint)}


def own_marks_of(endpoint: Callable[..., Any]) -> Mapping[str, Any]:
    """The marks of a handler, by name, without those that it has of its class."""
    return _collect(part for part in _parts_of(endpoint) if _can_hold(part))


def _collect(targets: Iterator[Any]) -> dict[str, Any]:
    """The marks of all targets, of which the first ones count more; the targets are noted as read."""
    found: dict[str, Any] = {}
    for target in targets:
        with contextlib.suppress(TypeError, AttributeError):  # a class that can't be marked either
            _leave(target, _READ, id(target))  # `functools.wraps` copies it to functions of other numbers
        found = {**vars(target).get(_ATTRIBUTE, {}), **found}
    return found


def _marked_with(function: Any) -> Iterator[Any]:
    """A function and all that it wraps, outermost first, as far as they can hold marks.

    SECURITY: what a partial calls may be served by other routes too, and a mark that opens this one isn't for them.
    """
    for part in _wrapped_by(function):
        if _can_hold(part):
            yield part
        if isinstance(part, functools.partial):
            return


def _parts_of(endpoint: Any) -> Iterator[Any]:
    """An endpoint and all that it calls in turn, outermost first; of an object that is its `__call__`."""
    part: Any = None
    for part in _wrapped_by(endpoint):
        yield part
    yield from _wrapped_by(getattr(type(part), "__call__", None))  # noqa: B004 - the function, to read its marks


def _classes_of(endpoint: Any) -> Iterator[type]:
    """The classes that an endpoint and what it wraps belong to, derived ones first."""
    for part in _wrapped_by(endpoint):
        owner = getattr(part, "__self__", None)
        if owner is None:
            owner = vars(part).get(_OWNER, part) if _can_hold(part) else part
        yield from (owner if isinstance(owner, type) else type(owner)).__mro__


def _wrapped_by(function: Any) -> Iterator[Any]:
    """A function and all that it wraps, outermost first: through decorators, methods and partials."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        yield function
        if isinstance(function, MethodType):
            function = function.__func__
        elif isinstance(function, functools.partial):
            function = function.func
        else:
            function = getattr(function, "__wrapped__", None)


def _can_hold(part: Any) -> bool:
    return hasattr(part, "__dict__") and not isinstance(part, MethodType)


def _leave(target: Any, name: str, value: object) -> None:
    """Set an attribute, also of an object whose class forbids it, as a frozen dataclass does."""
    if isinstance(target, type):
        setattr(target, name, value)
    else:
        vars(target)[name] = value
