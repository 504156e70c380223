"""Sessions: what is kept for a client from request to request, in a signed cookie or in a store of the server.

`Sessions` is the layer, `request.session` is a `Session`; `MemoryStore`, `FileStore` and `SQLiteStore` are stores, and
any class with the methods of `Store` is one.
"""

from __future__ import annotations

from nacre.session import Flash, Session, SessionClosed
from nacre.sessions.files import FileStore
from nacre.sessions.layer import Sessions
from nacre.sessions.memory import MemoryStore
from nacre.sessions.records import Record, Store
from nacre.sessions.sqlite import SQLiteStore

__all__ = [
    "FileStore",
    "Flash",
    "MemoryStore",
    "Record",
    "SQLiteStore",
    "Session",
    "SessionClosed",
    "Sessions",
    "Store",
]
