"""Sessions in an SQLite database."""

from __future__ import annotations

import time
from collections.abc import Callable
from os import PathLike

from nacre.sessions.database import Database
from nacre.sessions.records import Record
from nacre.sessions.sweeping import Sweep

_SWEEP = 300.0  # seconds
_SWEPT_MAX = 1000  # records at a time, so that no request waits long for it

_SCHEMA = """
CREATE TABLE IF NOT EXISTS nacre_sessions (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, data BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nacre_sessions_by_expiry ON nacre_sessions (expires);
"""
_READ = "SELECT data, created, expires, version FROM nacre_sessions WHERE key = ?"
_ADD = "INSERT INTO nacre_sessions (version, created, expires, data, key) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_REPLACE = "UPDATE nacre_sessions SET version = ?, created = ?, expires = ?, data = ? WHERE key = ? AND version = ?"
_EXPIRE = "DELETE FROM nacre_sessions WHERE key IN (SELECT key FROM nacre_sessions WHERE expires <= ? LIMIT ?)"


class SQLiteStore:
    """Keeps sessions in the table `nacre_sessions` of a database file, for all processes of one machine.

    The file may be a new one, which gets mode 0600, or the application's own. It is opened when first used, in each
    process anew, in WAL mode, and written without waiting for the disk: a power failure may cost the last changes, and
    nothing else. Records that have expired are deleted, every five minutes at most. `close` closes it; so does the
    end of the program.

    Raises ConfigurationError for a file in a directory that isn't there.
    """

    def __init__(self, path: str | PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, _SCHEMA)
        self._sweep = Sweep(_SWEEP, lambda now: self._database.change(_EXPIRE, now, _SWEPT_MAX), clock)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._database.path)!r})"

    def read(self, key: str) -> Record | None:
        row = self._database.row(_READ, key)
        return None if row is None else Record(*row)

    def write(self, key: str, record: Record, replaces: int | None) -> bool:
        values = record.version, record.created, record.expires, record.data, key
        if replaces is None:
            written = self._database.change(_ADD, *values)
        else:
            written = self._database.change(_REPLACE, *values, replaces)
        self._sweep.run_if_due()
        return written == 1

    def delete(self, key: str, version: int | None = None) -> bool:
        if version is None:
            return self._database.change("DELETE FROM nacre_sessions WHERE key = ?", key) == 1
        return self._database.change("DELETE FROM nacre_sessions WHERE key = ? AND version = ?", key, version) == 1

    def close(self) -> None:
        """Close the database; it is opened again when it is used again."""
        self._database.close()
