"""Sessions in an SQLite database."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nacre.errors import ConfigurationError, Location, Problem
from nacre.sessions.records import Record

_SWEEP = 300.0  # seconds
_SWEPT_MAX = 1000  # records at a time, so that no request waits long for it
_BUSY = 5.0  # seconds to wait for another process that writes

_TABLE = """
CREATE TABLE IF NOT EXISTS nacre_sessions (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, data BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nacre_sessions_by_expiry ON nacre_sessions (expires);
"""


class SQLiteStore:
    """Keeps sessions in the table `nacre_sessions` of a database file, for all processes of one machine.

    The file may be a new one, which gets mode 0600, or the application's own. It is opened when first used, in each
    process anew, in WAL mode, and written without waiting for the disk: a power failure may cost the last changes, and
    nothing else. Records that have expired are deleted, every five minutes at most. `close` closes it; so does the
    end of the program.

    Raises ConfigurationError for a file in a directory that isn't there.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path).absolute()
        self._clock = clock
        self._next_sweep = 0.0
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closer: weakref.finalize[..., Any] | None = None
        self._process = 0
        if not self._path.parent.is_dir():
            what = f"the directory of the database {self._path} for sessions isn't there"
            raise ConfigurationError(Problem(what, Location.of_caller(), "make it, or name another file"))

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r})"

    def read(self, key: str) -> Record | None:
        with self._lock:
            rows = self._execute("SELECT data, created, expires, version FROM nacre_sessions WHERE key = ?", key)
            row = rows.fetchone()
        return None if row is None else Record(*row)

    def write(self, key: str, record: Record, replaces: int | None) -> bool:
        values = record.version, record.created, record.expires, record.data, key
        with self._lock:
            if replaces is None:
                done = self._execute(
                    "INSERT INTO nacre_sessions (version, created, expires, data, key) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    *values,
                )
            else:
                done = self._execute(
                    "UPDATE nacre_sessions SET version = ?, created = ?, expires = ?, data = ?"
                    " WHERE key = ? AND version = ?",
                    *values,
                    replaces,
                )
            self._sweep()
            return done.rowcount == 1

    def delete(self, key: str, version: int | None = None) -> bool:
        with self._lock:
            if version is None:
                done = self._execute("DELETE FROM nacre_sessions WHERE key = ?", key)
            else:
                done = self._execute("DELETE FROM nacre_sessions WHERE key = ? AND version = ?", key, version)
            return done.rowcount == 1

    def close(self) -> None:
        """Close the database; it is opened again when it is used again."""
        with self._lock:
            if self._closer is not None:
                self._closer()
            self._connection = self._closer = None

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._opened().execute(statement, values)

    def _sweep(self) -> None:
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP
            self._execute(
                "DELETE FROM nacre_sessions WHERE key IN (SELECT key FROM nacre_sessions WHERE expires <= ? LIMIT ?)",
                now,
                _SWEPT_MAX,
            )

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        # SQLite forbids a process to use, and to close, what was opened before it was forked off. The finalizer that
        # came with the fork keeps that connection, and leaves it alone.
        self._connection, self._process = _open(self._path), os.getpid()
        self._closer = weakref.finalize(self, _close, self._connection, self._process)
        return self._connection


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives the files beside it the same mode
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection


def _close(connection: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        connection.close()
