"""An SQLite database that several processes of one machine share."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from os import PathLike
from pathlib import Path
from typing import Any

from nacre.errors import ConfigurationError, Location, Problem

_BUSY = 5.0  # seconds to wait for another process that writes


class Database:
    """A database file with the tables of `schema`, made where they aren't there.

    It is opened when first used, in each process anew, in WAL mode, and written without waiting for the disk: a power
    failure may cost the last changes, and nothing else. A new file gets mode 0600. Each statement is a transaction. A
    change waits up to five seconds for others to write; reading waits for nobody.

    Raises ConfigurationError for a file in a directory that isn't there; its methods raise sqlite3.Error and OSError.
    """

    def __init__(self, path: str | PathLike[str], schema: str) -> None:
        self.path = Path(path).absolute()
        self._reading, self._writing = _Connection(self.path, schema), _Connection(self.path, schema)
        if not self.path.parent.is_dir():
            what = f"the directory of the database {self.path} isn't there"
            raise ConfigurationError(Problem(what, Location.of_caller(), "make it, or name another file"))

    def row(self, statement: str, *values: object) -> Any:
        """The one row that is found, or None."""
        with self._reading.lock:
            return self._reading.opened().execute(statement, values).fetchone()

    def change(self, statement: str, *values: object) -> int:
        """How many rows were changed."""
        with self._writing.lock:
            return self._writing.opened().execute(statement, values).rowcount

    def close(self) -> None:
        """Close the file; it is opened again when it is used again."""
        for connection in (self._reading, self._writing):
            connection.close()


class _Connection:
    """One connection, for the thread that holds its lock."""

    def __init__(self, path: Path, schema: str) -> None:
        self.lock = threading.Lock()
        self._path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._closer: weakref.finalize[..., Any] | None = None
        self._process = 0

    def opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        # SQLite forbids a process to use, and to close, what was opened before it was forked off. The finalizer that
        # came with the fork keeps that connection, and leaves it alone.
        self._connection, self._process = _open(self._path, self._schema), os.getpid()
        self._closer = weakref.finalize(self, _close, self._connection, self._process)
        return self._connection

    def close(self) -> None:
        with self.lock:
            if self._closer is not None:
                self._closer()
            self._connection = self._closer = None


def _open(path: Path, schema: str) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives the files beside it the same mode
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    # Of two that switch a new file over at once one is told at once that it is locked, whatever its timeout.
    given_up = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= given_up:
                raise
            time.sleep(0.01)


def _close(connection: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        connection.close()
