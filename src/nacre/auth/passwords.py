"""Passwords: hashed with Argon2id, beside the event loop, in the same time for users who exist and who don't."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import unicodedata
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from nacre.errors import ConfigurationError, Location, MissingExtra, Problem, ServiceUnavailable, UnprocessableContent
from nacre.threads import runs_event_loop

T = TypeVar("T")


class Hasher(Protocol):
    """A way to hash passwords; the classes of `pwdlib.hashers` are such."""

    def identify(self, hash: str | bytes) -> bool:
        """Whether a hash is one of this hasher's."""
        ...

    def hash(self, password: str | bytes) -> str:
        """The hash of a password, with its salt and parameters."""
        ...

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        """Whether a hash is that of a password."""
        ...

    def check_needs_rehash(self, hash: str | bytes) -> bool:
        """Whether a hash has other parameters than this hasher's. Raises an error for one that is malformed."""
        ...


class InvalidPassword(UnprocessableContent, ValueError):
    """422: a text that can't become a password, as it is empty, too long, or no text in UTF-8."""


class Passwords:
    """Hashes passwords and verifies them: Argon2id with the parameters of RFC 9106. Needs the extra `passwords`.

    A hash takes some 50 ms of a core and 64 MiB of memory, so `at_once` (by default one for each core, four at most)
    are computed in threads of their own while other requests go on, and at most `waiting` more wait; what is beyond is
    answered with 503.

    SECURITY: `verify` costs one hash whatever it is asked: for a hash of None (nobody has that name), for one that
    can't be used, and for a password of more than `max_length` bytes, which is never hashed. So call it in every case:
    `await passwords.verify(password, user.password if user else None)`.

    Passwords are brought into the form NFKC first, so that what one keyboard composes and another doesn't is the same.
    `hashers` are others than Argon2id: the first one makes hashes, all verify those that are stored.
    """

    _pool: ThreadPoolExecutor | None

    def __init__(
        self,
        *hashers: Hasher,
        max_length: int = 4096,
        at_once: int | None = None,
        waiting: int = 100,
    ) -> None:
        at_once = min(4, os.cpu_count() or 1) if at_once is None else at_once
        problems = [
            Problem(f"Passwords has `{name}` {value!r}", Location.of_caller(), f"it is a number from {least} on")
            for name, value, least in (("max_length", max_length, 64), ("at_once", at_once, 1), ("waiting", waiting, 0))
            if value < least
        ]
        if problems:
            raise ConfigurationError(problems)
        self._hashers = hashers or (_argon2(),)
        self._max_length = max_length
        self._at_once, self._waiting = at_once, waiting
        self._start_anew()
        _call_in_forks(weakref.WeakMethod(self._start_anew))
        self._dummy = self._hashers[0].hash(secrets.token_urlsafe())

    def __repr__(self) -> str:
        return f"Passwords({', '.join(type(one).__name__ for one in self._hashers)})"

    async def hash(self, password: str) -> str:
        """The hash of a new password, to be stored. Raises InvalidPassword, ServiceUnavailable."""
        return await self._run(lambda: self._hash(password))

    async def verify(self, password: str, hash: str | None) -> bool:
        """Whether a password is the one that a stored hash was made of. Raises ServiceUnavailable."""
        return await self._run(lambda: self._verify(password, hash))

    def hash_sync(self, password: str) -> str:
        """`hash` for plain code. Raises RuntimeError on the event loop, which it would block."""
        return self._run_sync(lambda: self._hash(password))

    def verify_sync(self, password: str, hash: str | None) -> bool:
        """`verify` for plain code. Raises RuntimeError on the event loop, which it would block."""
        return self._run_sync(lambda: self._verify(password, hash))

    def needs_rehash(self, hash: str) -> bool:
        """Whether a stored hash was made in another way than hashes are now, so that the login is the time to renew it.

        It computes nothing: `if passwords.needs_rehash(user.password): user.password = await passwords.hash(password)`.
        """
        hasher = self._hasher_of(hash)
        return hasher is None or hasher is not self._hashers[0] or hasher.check_needs_rehash(hash)

    def close(self) -> None:
        """Let the threads end; they do so with the process too."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)

    def _start_anew(self) -> None:
        """Have no threads: at first, and in a process that was forked, which takes the pool along and no thread."""
        self._taken = 0
        self._lock = threading.Lock()
        self._pool = None

    def _hash(self, password: str) -> str:
        encoded = self._encoded(password)
        if encoded is None:
            raise InvalidPassword(f"a password is text of 1 to {self._max_length} bytes")
        return self._hashers[0].hash(encoded)

    def _verify(self, password: str, hash: str | None) -> bool:
        encoded = self._encoded(password)
        # SECURITY: to read a hash takes 30 µs, so it is done for who doesn't exist as well (`reliability/timing.py`).
        hasher = self._hasher_of(self._dummy if hash is None else hash)
        if hasher is None or hash is None or encoded is None:
            # Of a fixed length, so that what can't be right costs what any wrong password does.
            self._hashers[0].verify(b"no such password", self._dummy)
            return False
        return hasher.verify(encoded, hash) is True

    def _hasher_of(self, hash: str) -> Hasher | None:
        """Who can verify a hash; None if nobody can, as for accounts that have no password ("!" and the like)."""
        if not hash.isascii():
            return None
        return next((one for one in self._hashers if one.identify(hash) and _reads(one, hash)), None)

    def _encoded(self, password: Any) -> bytes | None:
        """A password as bytes; None if it can't be one, as a number in JSON or a file in a form can't.

        SECURITY: what is too long is looked at no further. What isn't is looked at in a thread: to put many accents in
        order takes milliseconds.
        """
        if not isinstance(password, str) or not 0 < len(password) <= self._max_length:
            return None
        try:
            encoded = unicodedata.normalize("NFKC", password).encode()
        except UnicodeEncodeError:
            return None
        return encoded if len(encoded) <= self._max_length else None

    async def _run(self, compute: Callable[[], T]) -> T:
        if not runs_event_loop():
            return self._submit(compute).result()
        return await asyncio.wrap_future(self._submit(compute))

    def _run_sync(self, compute: Callable[[], T]) -> T:
        if runs_event_loop():
            raise RuntimeError("this would block the event loop; use `await passwords.verify(…)` or `.hash(…)`")
        return self._submit(compute).result()

    def _submit(self, compute: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self._taken >= self._at_once + self._waiting:
                raise ServiceUnavailable("too many logins at once", headers={"retry-after": "1"})
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="nacre-passwords")
            future = self._pool.submit(compute)
            self._taken += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _: Future[Any]) -> None:
        with self._lock:
            self._taken -= 1


def _call_in_forks(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    """Call a method in each process that is forked of this one, as long as its object is there."""

    def call() -> None:
        found = method()
        if found is not None:
            found()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)


def _reads(hasher: Hasher, hash: str) -> bool:
    """Whether a hash has all its parts: `verify` fails at once where it has not, and that would tell something."""
    try:
        hasher.check_needs_rehash(hash)
    except Exception:  # whatever the library raises
        return False
    return True


def _argon2() -> Hasher:
    try:
        from pwdlib.hashers.argon2 import Argon2Hasher
    except ImportError:
        raise MissingExtra("Passwords", "passwords") from None
    return Argon2Hasher()
