"""Attributes that an instance gets after it was made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import cached_property as lazy
else:

    class lazy:  # noqa: N801 - it stands in for `cached_property`
        """Compute once, then be an ordinary attribute of the instance.

        PERF: `functools.cached_property` of Python 3.11 takes a lock at the first read of every instance, about 0.3 µs
        (bench/parts.py); a request is read by one task at a time and needs none.
        """

        def __init__(self, compute: Any) -> None:
            self._compute = compute
            self.__doc__ = compute.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = self._compute(instance)
            # No __set__: from here on the instance's own attribute is found first.
            setattr(instance, self._name, value)
            return value


def reserve(first: object, names: Iterable[str]) -> None:
    """Make room, in all instances of a class, for attributes that only some of them will get.

    `first` is the first instance there is. PERF: CPython keeps the names of all instances' attributes in one table,
    which is closed after some thirty names or instances. An instance that gets an attribute which isn't in it gets a
    dict of its own for all its attributes: 0.1 µs, and every look-up in it is slower (bench/parts.py).
    """
    for name in names:
        setattr(first, name, None)


__all__ = ["lazy", "reserve"]
