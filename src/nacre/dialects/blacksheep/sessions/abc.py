"""Sessions as BlackSheep's programs use them, and what may keep them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, MutableMapping
from typing import Any


class Session(MutableMapping[str, Any]):
    """What is kept for a client: a mapping of names to JSON values; `modified` says whether it has changed."""

    def __init__(self, values: MutableMapping[str, Any] | None = None) -> None:
        self.values_kept = {} if values is None else values
        self.modified = False

    def __getitem__(self, name: str) -> Any:
        return self.values_kept[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.modified = True
        self.values_kept[name] = value

    set = __setitem__

    def __delitem__(self, name: str) -> None:
        self.modified = True
        del self.values_kept[name]

    def clear(self) -> None:
        self.modified = True
        self.values_kept.clear()

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_kept)

    def __len__(self) -> int:
        return len(self.values_kept)

    def to_dict(self) -> dict[str, Any]:
        return dict(self.values_kept)


class SessionStore(ABC):
    """Keeps sessions in a way of the program's own."""

    @abstractmethod
    async def load(self, request: Any) -> Session:
        """The session of a request; an empty one if it has none."""

    @abstractmethod
    async def save(self, request: Any, response: Any, session: Session) -> None:
        """Keep a session that was modified, and tell the client what it must know for that."""
