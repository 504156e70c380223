"""An attribute computed when it is first read."""

from __future__ import annotations

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


__all__ = ["lazy"]
