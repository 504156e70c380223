"""Sessions, and the stores that keep them."""

from nacre.dialects.blacksheep.sessions.abc import Session, SessionStore
from nacre.dialects.blacksheep.sessions.memory import InMemorySessionStore

__all__ = ["InMemorySessionStore", "Session", "SessionStore"]
