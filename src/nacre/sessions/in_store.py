"""Sessions that a store keeps, found by an id in the cookie."""

from __future__ import annotations

import hashlib
import inspect
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from nacre.errors import Conflict
from nacre.session import EMPTY, merge
from nacre.sessions.keeping import CookieChange, Found, Held, Work
from nacre.sessions.records import Lifetime, Record, Store

_log = logging.getLogger("nacre.sessions")

_ID = re.compile(r"[A-Za-z0-9_-]{43}")  # what `token_urlsafe` makes of 256 bits
_ATTEMPTS = 100


class InStore:
    """Sessions that a store keeps.

    Whatever is cancelled, the store has a session as it was, or as it has become: each step is one atomic write, and a
    session under a new id is there before the old id goes.
    """

    def __init__(self, store: Store, lifetime: Lifetime, cookie_name: str, *, max_size: int, resends: bool) -> None:
        self._store = store
        self._lifetime = lifetime
        # The name stands for the application, so that the ids of two that share a store are good for one of them each.
        self._prefix = f"nacre session {cookie_name} ".encode()
        self._max_size = max_size
        self._resends = resends

    def find(self, found: Found) -> Work[None] | None:
        if found.text is None or not _ID.fullmatch(found.text):
            return None
        return partial(self._find, found, self._key(found.text))

    async def _find(self, found: Found, key: str) -> None:
        # SECURITY: an id that isn't in the store is never taken over: the client has made it up, or someone else has.
        record = await self._ask(self._store.read, key)
        if record is not None and not self._lifetime.is_over(record):
            found.record = record

    def load(self, found: Found) -> bytes | None:
        return None if found.record is None else found.record.data

    def sends_cookie(self, held: Held) -> bool:
        return held.found.record is None or held.session.renewed

    async def save(self, held: Held, data: bytes) -> CookieChange | None:
        if len(data) > self._max_size:
            raise ValueError(
                f"the session has {len(data)} bytes, and Sessions(max_size={self._max_size}) takes no more; keep what "
                "grows elsewhere, and in the session what finds it"
            )
        if held.session.ended:
            return await self._replace(held, data)
        if held.found.record is None:
            return None if data == EMPTY else await self._begin(data)
        if held.session.renewed:
            return await self._move(held, held.found.record, data)
        return await self._update(held, held.found.record, data)

    async def _begin(self, data: bytes) -> CookieChange:
        identity, record = secrets.token_urlsafe(32), self._lifetime.begin(data)
        await self._ask(self._store.write, self._key(identity), record, None)
        return CookieChange(identity, record.expires)

    async def _replace(self, held: Held, data: bytes) -> CookieChange | None:
        """End the old session, whatever others do to it, and begin another if there is anything in it."""
        change = None if held.found.text is None else CookieChange(None)
        if data != EMPTY:
            change = await self._begin(data)
        if held.found.record is not None:
            await self._ask(self._store.delete, self._key_of(held))
        return change

    async def _update(self, held: Held, old: Record, data: bytes) -> CookieChange | None:
        key, mine = self._key_of(held), data
        # One that has become empty stays, since another request may be about to put something into it.
        for _ in range(_ATTEMPTS):
            new = self._lifetime.extend(old, data)
            if await self._ask(self._store.write, key, new, old.version):
                resent = self._resends and new.expires != old.expires
                return CookieChange(held.found.text, new.expires) if resent else None
            current = await self._ask(self._store.read, key)
            if current is None:
                # Nothing is said to the client either: it may have a new id already, by the answer to what ended this.
                _log.info("a session was ended by another request; what this one has changed in it is dropped")
                return None
            data, old = _rebased(held, mine, current), current
        raise _contended()

    async def _move(self, held: Held, old: Record, data: bytes) -> CookieChange:
        key, identity, new = self._key_of(held), secrets.token_urlsafe(32), self._lifetime.begin(data)
        await self._ask(self._store.write, self._key(identity), new, None)
        for _ in range(_ATTEMPTS):
            if await self._ask(self._store.delete, key, old.version):
                return CookieChange(identity, new.expires)
            current: Record | None = await self._ask(self._store.read, key)
            # SECURITY: what another request has ended doesn't come back: only what this one has set is in the new one.
            new = replace(new, data=_rebased(held, data, current), version=new.version + 1)
            await self._ask(self._store.write, self._key(identity), new, new.version - 1)
            if current is None:
                return CookieChange(identity, new.expires)
            old = current
        await self._ask(self._store.delete, self._key(identity))
        raise _contended()

    def _key_of(self, held: Held) -> str:
        assert held.found.text is not None
        return self._key(held.found.text)

    def _key(self, identity: str) -> str:
        """What a store knows a session by.

        SECURITY: not its id, so that a copy of the store opens none; of one form, so that no id can be a path or a
        command; and with a prefix, so that it is no other key of a store that is shared.
        """
        return "session-" + hashlib.sha256(self._prefix + identity.encode("ascii")).hexdigest()

    async def _ask(self, method: Callable[..., Any], *arguments: Any) -> Any:
        value = method(*arguments)
        return await value if inspect.isawaitable(value) else value


def _rebased(held: Held, mine: bytes, current: Record | None) -> bytes:
    """What this request has changed, on top of what others have made of the session meanwhile."""
    return merge(held.session.loaded or EMPTY, mine, EMPTY if current is None else current.data)


def _contended() -> Conflict:
    return Conflict("the session is being changed by too many requests at once")
