"""What decorators say about a handler for layers to read: `@csrf.exempt`, `@requires("admin")`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from nacre.errors import ConfigurationError, Location, Problem

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__nacre_marks__"
_READ = "__nacre_marks_read__"


def mark(function: F, name: str, value: object) -> F:
    """Leave a value for layers on a handler, and return the handler: `route.marks[name]` is the value.

    The decorator that does so may stand anywhere among a handler's decorators, also above the one that declares the
    route, if those between keep `__wrapped__` as `functools.wraps` does: what a function wraps is marked with it. On a
    class it is for all its methods. A value with an attribute `requires` (names of what layers provide) is an error at
    startup where no layer provides that.

    Raises ConfigurationError for a handler that an application has compiled already: it wouldn't notice.
    """
    for target in _wrapped_by(function):
        marks = vars(target).get(_ATTRIBUTE, {})
        if vars(target).get(_READ) == id(target) and marks.get(name) != value:
            what = f"the mark `{name}` is put on a handler that is served already"
            raise ConfigurationError(Problem(what, Location.of_caller(), "put it below the decorator of the route"))
        # Each has a dict of its own: `functools.wraps` copies the reference to that of the inner function.
        setattr(target, _ATTRIBUTE, {**marks, name: value})
    return function


def marks_of(endpoint: Callable[..., Any]) -> Mapping[str, Any]:
    """All marks of a handler, by name; its own count more than those of its class, outer ones more than inner ones."""
    wrapped = list(_wrapped_by(endpoint))
    for target in wrapped:
        setattr(target, _READ, id(target))  # `functools.wraps` copies it to functions of other numbers
    owner = getattr(endpoint, "__self__", None)
    classes = [] if owner is None else (owner if isinstance(owner, type) else type(owner)).__mro__
    found: dict[str, Any] = {}
    for target in (*wrapped, *classes):
        found = {**vars(target).get(_ATTRIBUTE, {}), **found}
    return found


def _wrapped_by(function: Any) -> Iterator[Any]:
    """A function and all that it wraps, outermost first; those that can hold no attribute are left out."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        function = getattr(function, "__func__", function)
        if hasattr(function, "__dict__"):
            yield function
        function = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
