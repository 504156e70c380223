"""Declaring routes without an application: what `routes=[…]` takes."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

from msgspec import Struct

from nacre.callables import describe, is_async
from nacre.errors import Location

P = ParamSpec("P")
R = TypeVar("R")


class RouteRecord(Struct, frozen=True):
    """What one decorator said: the arguments of `Group.route`, and where they stand."""

    path: str
    methods: Sequence[str]
    where: Location
    options: Mapping[str, Any]


class DeclaredRoute(Generic[P, R]):
    """A function with the paths it was declared for; called, it is the function.

    It belongs to no application until one is given it in `routes=[…]`, or several are. What stands in that list is what
    is served, so further decorators may stand above and below, if they keep `__wrapped__` as `functools.wraps` does.
    """

    # `records` has a slot since `functools.wraps` copies what is in a `__dict__` to the wrappers that users write.
    __slots__ = ("__dict__", "__weakref__", "records")

    def __init__(self, function: Callable[P, R], record: RouteRecord) -> None:
        functools.update_wrapper(self, function)
        self.records = (record, *records_of(function))
        if is_async(self.function):
            _mark_async(self)

    @property
    def function(self) -> Callable[P, R]:
        """What was decorated, without the declarations."""
        inner: Any = self.__wrapped__  # type: ignore[attr-defined]
        return inner.function if isinstance(inner, DeclaredRoute) else inner

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<DeclaredRoute {describe(self)} at {', '.join(record.path for record in self.records)}>"


def records_of(item: Any) -> tuple[RouteRecord, ...]:
    """What was declared of a function, however many decorators stand above; nothing for one that wasn't."""
    seen: set[int] = set()
    while item is not None and id(item) not in seen:
        seen.add(id(item))
        item = getattr(item, "__func__", item)
        if isinstance(item, DeclaredRoute):
            return item.records
        item = getattr(item, "__wrapped__", None)
    return ()


def route(
    path: str, methods: Iterable[str] = ("GET",), **options: Any
) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function, or a class with a method per HTTP method, for `path`; serve it with `Nacre(routes=[it])`.

    The options are those of `Nacre.route`.
    """
    # A str is kept for `add_route` to refuse: the place is known there too, and so is everything else that is wrong.
    names = methods if isinstance(methods, str) else tuple(methods)
    made = RouteRecord(path, names, Location.of_caller(), options)

    def record(function: Callable[P, R]) -> DeclaredRoute[P, R]:
        return DeclaredRoute(function, made)

    return record


def get(path: str, **options: Any) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function for GET, and HEAD with it, as `route` does."""
    return route(path, ("GET",), **options)


def head(path: str, **options: Any) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function for HEAD alone, as `route` does."""
    return route(path, ("HEAD",), **options)


def post(path: str, **options: Any) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function for POST, as `route` does."""
    return route(path, ("POST",), **options)


def put(path: str, **options: Any) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function for PUT, as `route` does."""
    return route(path, ("PUT",), **options)


def patch(path: str, **options: Any) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function for PATCH, as `route` does."""
    return route(path, ("PATCH",), **options)


def delete(path: str, **options: Any) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function for DELETE, as `route` does."""
    return route(path, ("DELETE",), **options)


def options(path: str, **options: Any) -> Callable[[Callable[P, R]], DeclaredRoute[P, R]]:
    """Declare a function for OPTIONS in place of the automatic 204, as `route` does."""
    return route(path, ("OPTIONS",), **options)


def _mark_async(target: Any) -> None:
    """Let decorators that ask `iscoroutinefunction` see an async function for what it is."""
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(target)
    else:
        # COMPAT: Python 3.11, where only asyncio's own question can be answered.
        target._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
