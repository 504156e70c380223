"""Sessions as BlackSheep's programs use them, and what may keep them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from nacre.session import Session as NativeSession


class Session:
    """What is kept for a client: a mapping of names to JSON values; `modified` says whether it has changed."""

    def __init__(self, values: Any = None) -> None:
        self.values = {} if values is None else values
        self.modified = False

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def set(self, name: str, value: Any) -> None:
        self.modified = True
        self.values[name] = value

    def update(self, values: dict[str, Any]) -> None:
        self.modified = True
        self.values.update(values)

    def clear(self) -> None:
        self.modified = True
        self.values.clear()

    def to_dict(self) -> dict[str, Any]:
        return dict(self.values)

    def regenerate(self) -> None:
        """Keep it under a new id: call it at login. For sessions in a store of Nacre's."""
        if isinstance(self.values, NativeSession):
            self.values.regenerate()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.modified = True
        del self.values[name]

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __iter__(self) -> Any:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == (other.to_dict() if isinstance(other, Session) else other)

    __hash__ = None  # type: ignore[assignment]


class SessionStore(ABC):
    """Keeps sessions in a way of the program's own."""

    @abstractmethod
    async def load(self, request: Any) -> Session:
        """The session of a request; an empty one if it has none."""

    @abstractmethod
    async def save(self, request: Any, response: Any, session: Session) -> None:
        """Keep a session that was modified, and tell the client what it must know for that."""
