"""What programs set on the application and on requests as on a dict, to hand it on."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any


class Values(MutableMapping[Any, Any]):
    """An object that is a dict besides what it is: it is equal to itself alone, and true when nothing is set on it."""

    @property
    def _values(self) -> dict[Any, Any]:
        known: dict[Any, Any] = self.__dict__.setdefault("set_values", {})
        return known

    def __getitem__(self, key: Any) -> Any:
        return self._values[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._values[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)
