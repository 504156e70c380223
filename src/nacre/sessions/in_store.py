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
from typing import Any, cast

from nacre.errors import Conflict
from nacre.session import EMPTY, Session, merge
from nacre.sessions.keeping import CookieChange, Held, Work
from nacre.sessions.records import Lifetime, Record, Store, is_inline
from nacre.threads import run_at_once

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
        self._is_inline = is_inline(store)

    def find(self, held: Held) -> Work[None] | None:
        """What is to be waited for before the handler runs, and finds the record; None for nothing."""
        if self._is_inline or held.text is None or not _ID.fullmatch(held.text):
            return None
        return partial(self._find, held, self._key(held.text))

    async def _find(self, held: Held, key: str) -> None:
        self._accept(held, await self._ask(self._store.read, key))

    def load(self, held: Held) -> bytes | None:
        if self._is_inline and held.text is not None and _ID.fullmatch(held.text):
            self._accept(held, cast("Record | None", self._store.read(self._key(held.text))))
        return None if held.record is None else held.record.data

    def _accept(self, held: Held, record: Record | None) -> None:
        # SECURITY: an id that isn't in the store is never taken over: the client has made it up, or someone else has.
        if record is not None and not self._lifetime.is_over(record):
            held.record = record

    def sends_cookie(self, session: Session) -> bool:
        return session.held.record is None or session.renewed

    def save(self, session: Session, data: bytes) -> CookieChange | None:
        return run_at_once(self.write(session, data))

    async def write(self, session: Session, data: bytes) -> CookieChange | None:
        """What `save` does, where the store may be called."""
        if len(data) > self._max_size:
            raise ValueError(
                f"the session has {len(data)} bytes, and Sessions(max_size={self._max_size}) takes no more; keep what "
                "grows elsewhere, and in the session what finds it"
            )
        record: Record | None = session.held.record
        if session.ended:
            return await self._replace(session.held, data)
        if record is None:
            return None if data == EMPTY else await self._begin(data)
        if session.renewed:
            return await self._move(session, record, data)
        return await self._update(session, record, data)

    async def _begin(self, data: bytes) -> CookieChange:
        identity, record = secrets.token_urlsafe(32), self._lifetime.begin(data)
        await self._ask(self._store.write, self._key(identity), record, None)
        return CookieChange(identity, record.expires)

    async def _replace(self, held: Held, data: bytes) -> CookieChange | None:
        """End the old session, whatever others do to it, and begin another if there is anything in it."""
        change = None if held.text is None else CookieChange(None)
        if data != EMPTY:
            change = await self._begin(data)
        if held.record is not None:
            await self._ask(self._store.delete, self._key_of(held))
        return change

    async def _update(self, session: Session, old: Record, data: bytes) -> CookieChange | None:
        key, mine = self._key_of(session.held), data
        # One that has become empty stays, since another request may be about to put something into it.
        for _ in range(_ATTEMPTS):
            new = self._lifetime.extend(old, data)
            if await self._ask(self._store.write, key, new, old.version):
                resent = self._resends and new.expires != old.expires
                return CookieChange(session.held.text, new.expires) if resent else None
            current = await self._ask(self._store.read, key)
            if current is None:
                # Nothing is said to the client either: it may have a new id already, by the answer to what ended this.
                _log.info("a session was ended by another request; what this one has changed in it is dropped")
                return None
            data, old = _rebased(session, mine, current), current
        raise _contended()

    async def _move(self, session: Session, old: Record, data: bytes) -> CookieChange:
        key, identity, new = self._key_of(session.held), secrets.token_urlsafe(32), self._lifetime.begin(data)
        await self._ask(self._store.write, self._key(identity), new, None)
        for _ in range(_ATTEMPTS):
            if await self._ask(self._store.delete, key, old.version):
                return CookieChange(identity, new.expires)
            current: Record | None = await self._ask(self._store.read, key)
            # SECURITY: what another request has ended doesn't come back: only what this one has set is in the new one.
            new = replace(new, data=_rebased(session, data, current), version=new.version + 1)
            await self._ask(self._store.write, self._key(identity), new, new.version - 1)
            if current is None:
                return CookieChange(identity, new.expires)
            old = current
        await self._ask(self._store.delete, self._key(identity))
        raise _contended()

    def _key_of(self, held: Held) -> str:
        assert held.text is not None
        return self._key(held.text)

    def _key(self, identity: str) -> str:
        """What a store knows a session by.

        SECURITY: not its id, so that a copy of the store opens none; of one form, so that no id can be a path or a
        command; and with a prefix, so that it is no other key of a store that is shared.
        """
        return "session-" + hashlib.sha256(self._prefix + identity.encode("ascii")).hexdigest()

    async def _ask(self, method: Callable[..., Any], *arguments: Any) -> Any:
        value = method(*arguments)
        return await value if inspect.isawaitable(value) else value


def _rebased(session: Session, mine: bytes, current: Record | None) -> bytes:
    """What this request has changed, on top of what others have made of the session meanwhile."""
    return merge(session.loaded or EMPTY, mine, EMPTY if current is None else current.data)


def _contended() -> Conflict:
    return Conflict("the session is being changed by too many requests at once")
