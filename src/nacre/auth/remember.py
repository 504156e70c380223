"""Logins that outlive the session: a cookie that is good for one use and gives the next one.

A cookie holds two random texts. The *series* names the login of one browser and stays the same; the *validator* is
replaced with each use, and only its SHA-256 is stored, so who reads the store can't log in. Who copies a cookie uses it
before or after its owner does: the one who comes second shows a validator that was used already. Then nobody can tell
which of the two is the thief, and the series ends for both.

A browser that sends several requests at once shows one validator several times. So the last one is good for some
seconds after its replacement; those requests are answered without a new cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from os import PathLike
from typing import Protocol

from nacre.auth.calling import UserFunction
from nacre.auth.session_login import UserId
from nacre.request import Request
from nacre.sessions.database import Database

GRACE = 10.0
"""Seconds for which a validator is good after its replacement: longer than the requests of one page load take."""

_COOKIE = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")

_log = logging.getLogger("nacre.auth")


@dataclass(frozen=True, slots=True)
class RememberedLogin:
    """The login of one browser, as a store keeps it. Times are seconds since 1970; `expires_at` never moves.

    `validator` and `previous` are hashes in hexadecimal digits. `stamp` is the user's when the series began.
    """

    series: str
    user_id: UserId
    validator: str
    expires_at: float
    previous: str | None = None
    rotated_at: float = 0.0
    stamp: str | None = None

    def __repr__(self) -> str:
        return f"RememberedLogin(user_id={self.user_id!r})"


class RememberStore(Protocol):
    """Where remembered logins are kept. Each method may be plain or `async def`.

    Plain methods run in a worker thread where an event loop runs, unless the store has an attribute `inline` that is
    True. Requests and threads may call them at once.
    """

    def add(self, login: RememberedLogin, /) -> Awaitable[None] | None:
        """Keep a new login. Those that have expired may be dropped."""
        ...

    def get(self, series: str, /) -> Awaitable[RememberedLogin | None] | RememberedLogin | None:
        """The login of a series; None if there is none."""
        ...

    def rotate(self, series: str, old: str, new: str, at: float, /) -> Awaitable[bool] | bool:
        """Replace `validator`, if it is still `old`, which becomes `previous`; set `rotated_at`. Atomic.

        Returns whether it was replaced.
        """
        ...

    def revoke(self, series: str, /) -> Awaitable[None] | None:
        """Drop the login of a series, if there is one."""
        ...

    def revoke_user(self, user_id: UserId, /) -> Awaitable[None] | None:
        """Drop all logins of a user."""
        ...


class MemoryRememberStore:
    """Remembered logins in the memory of one process: for tests and development, as they end with it."""

    inline = True

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._logins: dict[str, RememberedLogin] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def __repr__(self) -> str:
        return f"MemoryRememberStore({len(self._logins)} logins)"

    def add(self, login: RememberedLogin) -> None:
        """Keep a new login, and drop those that have expired."""
        with self._lock:
            now = self._clock()
            self._logins = {series: one for series, one in self._logins.items() if one.expires_at > now}
            self._logins[login.series] = login

    def get(self, series: str) -> RememberedLogin | None:
        """The login of a series; None if there is none."""
        return self._logins.get(series)

    def rotate(self, series: str, old: str, new: str, at: float) -> bool:
        """Replace the validator if it is still `old`."""
        with self._lock:
            login = self._logins.get(series)
            if login is None or login.validator != old:
                return False
            self._logins[series] = replace(login, validator=new, previous=old, rotated_at=at)
            return True

    def revoke(self, series: str) -> None:
        """Drop the login of a series."""
        with self._lock:
            self._logins.pop(series, None)

    def revoke_user(self, user_id: UserId) -> None:
        """Drop all logins of a user."""
        with self._lock:
            self._logins = {series: login for series, login in self._logins.items() if login.user_id != user_id}


_SCHEMA = """
CREATE TABLE IF NOT EXISTS remembered_logins (
    series TEXT PRIMARY KEY, user_id TEXT NOT NULL, validator TEXT NOT NULL, expires_at REAL NOT NULL,
    previous TEXT, rotated_at REAL NOT NULL, stamp TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS remembered_logins_of_user ON remembered_logins (user_id);
CREATE INDEX IF NOT EXISTS remembered_logins_expired ON remembered_logins (expires_at);
"""
_ADD = "INSERT INTO remembered_logins VALUES (?, ?, ?, ?, ?, ?, ?)"
_GET = "SELECT * FROM remembered_logins WHERE series = ?"
_ROTATE = "UPDATE remembered_logins SET validator = ?, previous = ?, rotated_at = ? WHERE series = ? AND validator = ?"


class SQLiteRememberStore:
    """Remembered logins in a table of an SQLite database, which processes may share.

    The file may be that of the sessions, or the application's own; it is opened, and the table made, when it is first
    needed, as `nacre.sessions.SQLiteStore` does. Logins that have expired are dropped when another one is added.

    Raises ConfigurationError for a file in a directory that isn't there.
    """

    def __init__(self, path: str | PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, _SCHEMA)
        self._clock = clock

    def __repr__(self) -> str:
        return f"SQLiteRememberStore({str(self._database.path)!r})"

    def add(self, login: RememberedLogin) -> None:
        """Keep a new login, and drop those that have expired."""
        row = (
            *(login.series, json.dumps(login.user_id), login.validator, login.expires_at),
            *(login.previous, login.rotated_at, login.stamp),
        )
        self._database.change("DELETE FROM remembered_logins WHERE expires_at <= ?", self._clock())
        self._database.change(_ADD, *row)

    def get(self, series: str) -> RememberedLogin | None:
        """The login of a series; None if there is none."""
        row = self._database.row(_GET, series)
        return None if row is None else RememberedLogin(row[0], json.loads(row[1]), *row[2:])

    def rotate(self, series: str, old: str, new: str, at: float) -> bool:
        """Replace the validator if it is still `old`."""
        return self._database.change(_ROTATE, new, old, at, series, old) == 1

    def revoke(self, series: str) -> None:
        """Drop the login of a series."""
        self._database.change("DELETE FROM remembered_logins WHERE series = ?", series)

    def revoke_user(self, user_id: UserId) -> None:
        """Drop all logins of a user."""
        self._database.change("DELETE FROM remembered_logins WHERE user_id = ?", json.dumps(user_id))

    def close(self) -> None:
        """Close the file. It is opened again if it is needed."""
        self._database.close()


@dataclass(frozen=True, slots=True)
class Remembered:
    """A remembered login whose cookie is good; `is_current` unless another request has just replaced the validator."""

    login: RememberedLogin
    is_current: bool


class RememberMe:
    """What becomes of the cookies: they are issued, verified, replaced and revoked."""

    def __init__(self, store: RememberStore, clock: Callable[[], float]) -> None:
        inline = bool(getattr(store, "inline", False))
        self._add = UserFunction(store.add, inline=inline)
        self._get = UserFunction(store.get, inline=inline)
        self._rotate = UserFunction(store.rotate, inline=inline)
        self._revoke = UserFunction(store.revoke, inline=inline)
        self._revoke_user = UserFunction(store.revoke_user, inline=inline)
        self._clock = clock
        methods = (self._add, self._get, self._rotate, self._revoke, self._revoke_user)
        self.is_async = any(method.is_async for method in methods)

    async def issue(self, request: Request, user_id: UserId, lifetime: float, stamp: str | None) -> tuple[str, float]:
        """Begin a series of `lifetime` seconds; returns the cookie's value and when it ends."""
        series, validator = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        expires_at = self._clock() + lifetime
        await self._add(request, RememberedLogin(series, user_id, _hash(validator), expires_at, stamp=stamp))
        return f"{series}.{validator}", expires_at

    async def verify(self, request: Request, cookie: str) -> Remembered | None:
        """The login that a cookie is good for; None if it is for none. One that was used before ends its series."""
        parts = _COOKIE.fullmatch(cookie)
        if parts is None:
            return None
        login: RememberedLogin | None = await self._get(request, parts[1])
        if login is None:
            return None
        now, shown = self._clock(), _hash(parts[2])
        if now >= login.expires_at:
            await self._revoke(request, login.series)
            return None
        if hmac.compare_digest(shown, login.validator):
            return Remembered(login, True)
        if login.previous is not None and hmac.compare_digest(shown, login.previous) and now - login.rotated_at < GRACE:
            return Remembered(login, False)
        _log.warning("a cookie that remembers a login was used twice; the user's login on that browser is revoked")
        await self._revoke(request, login.series)
        return None

    async def replace(self, request: Request, login: RememberedLogin) -> str | None:
        """Replace the validator; returns the new cookie's value, None if another request was faster."""
        validator = secrets.token_urlsafe(32)
        done = await self._rotate(request, login.series, login.validator, _hash(validator), self._clock())
        return f"{login.series}.{validator}" if done else None

    async def revoke(self, request: Request, series: str) -> None:
        """End a series."""
        await self._revoke(request, series)

    async def revoke_user(self, request: Request, user_id: UserId) -> None:
        """End all series of a user."""
        await self._revoke_user(request, user_id)


def _hash(validator: str) -> str:
    # Of 256 random bits: nothing that a slow hash would protect.
    return hashlib.sha256(validator.encode()).hexdigest()
