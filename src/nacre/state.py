"""Per-request state, and the request of the running code for log records."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Generic, TypeVar


T = TypeVar("T")


class Key(str, Generic[T]):
    """A typed name for something that a layer leaves in the state."""


class State(MutableMapping[str, Any]):
    """What layers leave for each other: a mapping whose items are attributes too.

    It starts as a shallow copy of what the lifespan yielded and lives as long as the request. It writes through to the
    mapping it was made from, which inside an ASGI layer is `scope["state"]`.
    """

    __slots__ = ("_items",)

    _items: MutableMapping[str, Any]

    def __init__(self, items: MutableMapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_items", {} if items is None else items)

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

    def __getattr__(self, name: str) -> Any:
        try:
            return self._items[name]
        except KeyError:
            raise AttributeError(f"nothing in the state is named {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._items[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._items[name]
        except KeyError:
            raise AttributeError(f"nothing in the state is named {name!r}") from None

    def __repr__(self) -> str:
        # Values may be secrets (tokens, users); names are enough to find one's way.
        return f"State({', '.join(self._items)})"
