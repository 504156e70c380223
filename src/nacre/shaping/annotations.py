"""What a return annotation says of the plain values among the results of a function."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterator
from typing import Annotated, Any, Never, Union

from nacre.response import Response

EMPTY: Any = inspect.Signature.empty
"""No annotation, or one that can't be evaluated."""

_STREAMS = (AsyncIterable, AsyncIterator, AsyncGenerator, Iterator, Generator)
_ANYTHING = (EMPTY, Any, object)


def plain_part(annotation: Any) -> Any:
    """An annotation without `Response` and its subclasses: `Never` if nothing is left, `EMPTY` if there was none."""
    annotation = unaliased(annotation)
    kept = [member for member in members_of(annotation) if not _is_response(member)]
    if len(kept) == len(members_of(annotation)):
        return annotation
    union: Any = Union
    return union[tuple(kept)] if kept else Never


def members_of(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; the annotation itself if it is none."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def unaliased(annotation: Any) -> Any:
    """What a `type` statement (3.12) or `Annotated` is about."""
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation


def says_nothing(annotation: Any) -> bool:
    """Whether any value fits."""
    return any(annotation is one for one in _ANYTHING)


def is_stream_type(annotation: Any) -> bool:
    """Whether values are produced piece by piece."""
    return any((typing.get_origin(one) or one) in _STREAMS for one in members_of(annotation))


def makes_stream(function: Callable[..., Any]) -> bool:
    """Whether a function is a generator, plain or async, itself."""
    function = inspect.unwrap(function)
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _is_response(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Response)
