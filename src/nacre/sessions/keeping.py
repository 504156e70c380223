"""What the layer for sessions asks of the two ways to keep them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from nacre.session import Session
from nacre.sessions.records import Record

T = TypeVar("T")

Work = Callable[[], Coroutine[Any, Any, T]]
"""Work that a store has part in, which is done where the store may be called."""


class Held(Struct, eq=False):
    """What is known of the session of one request besides its content."""

    keeper: Keeper
    text: str | None
    """The value of the cookie that came."""
    record: Record | None = None
    """What was kept; None for a new session, and for one that nobody has read."""
    is_settled: bool = False
    change: CookieChange | None = None
    """What the response says to the client, once that is settled."""

    def load(self) -> bytes | None:
        return self.keeper.load(self)


class CookieChange(Struct, frozen=True):
    """What becomes of the cookie: a value that is good until `expires`, or, if there is none, nothing."""

    value: str | None
    expires: float = 0.0


class Keeper(Protocol):
    """One of the two ways to keep sessions."""

    def load(self, held: Held) -> bytes | None:
        """The content that was kept, as JSON; None if the client has no session."""
        ...

    def sends_cookie(self, session: Session) -> bool:
        """Whether a change reaches the client only if a cookie does."""
        ...

    def save(self, session: Session, data: bytes) -> CookieChange | None:
        """Keep the new content; what the client is to be told, if anything. Not for a store that may block."""
        ...
