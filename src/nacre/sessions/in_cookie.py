"""Sessions that clients keep in their cookie, signed or sealed."""

from __future__ import annotations

from nacre.session import EMPTY, Session
from nacre.sessions.keeping import CookieChange, Held
from nacre.sessions.records import Lifetime, Record
from nacre.signing import BadSignature, Sealer, Signer

_STAMP = 6  # bytes of milliseconds since 1970

# As many texts, of at most that length, are remembered.
_KNOWN_MAX = 1024
_KNOWN_LENGTH_MAX = 4096


class InCookie:
    """Sessions that clients keep, signed or sealed.

    PERF: a client sends its cookie with each request, and what that says follows from its text and the keys alone. So
    what was verified and read is remembered, for a thousand clients: 4 µs become 0.4. Its end is looked at each time.

    SECURITY: nothing that isn't genuine is remembered, so text that is made up pushes none out, and it ends with the
    keys, which a signer has for good. A dict compares two texts only if their whole hashes are equal, of 64 bits and
    with a key that each process draws: how long a look-up takes tells no beginning of a text that others have.
    """

    def __init__(self, signer: Signer | Sealer, lifetime: Lifetime) -> None:
        self._signer = signer
        self._lifetime = lifetime
        self._known: dict[str, Record] = {}

    def load(self, held: Held) -> bytes | None:
        text = held.text
        if text is None:
            return None
        record = self._known.get(text) or self._verified(text)
        if record is None or self._lifetime.is_over(record):
            return None
        held.record = record
        return record.data

    def _verified(self, text: str) -> Record | None:
        """What a text holds; None if it isn't genuine."""
        try:
            content = self._signer.unsign(text)
        except BadSignature:
            return None
        created = int.from_bytes(content[:_STAMP], "big") / 1000
        expires = int.from_bytes(content[_STAMP : 2 * _STAMP], "big") / 1000
        record = Record(content[2 * _STAMP :], created, expires)
        if len(text) <= _KNOWN_LENGTH_MAX:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[text] = record
        return record

    def sends_cookie(self, session: Session) -> bool:
        return True

    def save(self, session: Session, data: bytes) -> CookieChange | None:
        held: Held = session.held
        if data == EMPTY:
            return None if held.text is None else CookieChange(None)
        now = self._lifetime.clock()
        created = now if held.record is None or session.renewed else held.record.created
        expires = self._lifetime.end(created, now)
        times = int(created * 1000).to_bytes(_STAMP, "big") + int(expires * 1000).to_bytes(_STAMP, "big")
        return CookieChange(self._signer.sign(times + data), expires)
