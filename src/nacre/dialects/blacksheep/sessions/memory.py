"""Sessions in the memory of this process."""

from __future__ import annotations

from nacre.sessions import MemoryStore


class InMemorySessionStore(MemoryStore):
    """Keeps sessions in memory, for one process; the cookie, called `cookie_name`, holds a random id."""

    def __init__(self, cookie_name: str = "session") -> None:
        super().__init__()
        self.cookie_name = cookie_name
