"""A session: what is kept for one client from request to request."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any


class Session(MutableMapping[str, Any]):
    """What is kept for one client from request to request, as a mapping of names to JSON values."""

    def __init__(self, items: dict[str, Any] | None = None) -> None:
        self._items = {} if items is None else items

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._items[name] = value

    def __delitem__(self, name: str) -> None:
        del self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
