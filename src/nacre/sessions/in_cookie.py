"""Sessions that clients keep in their cookie, signed or sealed."""

from __future__ import annotations

from nacre.session import EMPTY, Session
from nacre.sessions.keeping import CookieChange, Held, Work
from nacre.sessions.records import Lifetime, Record
from nacre.signing import BadSignature, Sealer, Signer

_STAMP = 6  # bytes of milliseconds since 1970


class InCookie:
    """Sessions that clients keep, signed or sealed."""

    def __init__(self, signer: Signer | Sealer, lifetime: Lifetime) -> None:
        self._signer = signer
        self._lifetime = lifetime

    def find(self, held: Held) -> Work[None] | None:
        return None  # the signature is looked at when the session is

    def load(self, held: Held) -> bytes | None:
        if held.text is None:
            return None
        try:
            content = self._signer.unsign(held.text)
        except BadSignature:
            return None
        created, expires = (int.from_bytes(content[at : at + _STAMP], "big") / 1000 for at in (0, _STAMP))
        record = Record(content[2 * _STAMP :], created, expires)
        if self._lifetime.is_over(record):
            return None
        held.record = record
        return record.data

    def sends_cookie(self, session: Session) -> bool:
        return True

    async def save(self, session: Session, data: bytes) -> CookieChange | None:
        held: Held = session.held
        if data == EMPTY:
            return None if held.text is None else CookieChange(None)
        if held.record is None or session.renewed:
            record = self._lifetime.begin(data)
        else:
            record = self._lifetime.extend(held.record, data)
        times = b"".join(int(time * 1000).to_bytes(_STAMP, "big") for time in (record.created, record.expires))
        return CookieChange(self._signer.sign(times + data), record.expires)
