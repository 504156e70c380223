"""Fields of queries and forms, which may have several values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


class MultiDict(dict[str, Any]):
    """A dictionary of lists, of which `[]` and `get` show the first value. Setting a key adds a value to its list."""

    def __init__(self, initial_dict: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.add(initial_dict.items() if initial_dict else ())

    def add(self, pairs: Iterable[tuple[str, Any]]) -> MultiDict:
        """Add a value to the list of each key."""
        for key, value in pairs:
            self[key] = value
        return self

    def __setitem__(self, key: str, value: Any) -> None:
        self.setdefault(key, []).append(value)

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key)[0]

    def get(self, key: str, default: Any = None, type: Callable[[Any], Any] | None = None) -> Any:
        """The first value of a key, made by `type` if given; `default` without one. Raises what `type` raises."""
        values = super().get(key)
        if not values:
            return default
        return values[0] if type is None else type(values[0])

    def getlist(self, key: str, type: Callable[[Any], Any] | None = None) -> list[Any]:
        """All values of a key, each made by `type` if given. Raises what `type` raises."""
        values = super().get(key) or []
        return list(values) if type is None else [type(value) for value in values]
