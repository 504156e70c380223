"""Who is logged in, as a session keeps it: what `Login` writes, and all that read it agree on."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

UserId = str | int

SESSION_USER = "_user"
"""The name in a session of the id of the user who is logged in."""

SESSION_LOGIN = "_login"
"""The name in a session of when and how that user has logged in."""


@dataclass(frozen=True, slots=True)
class SessionLogin:
    """The login of one session.

    `at` is when it began, in seconds since 1970; `fresh` says that it was by credentials and not by a cookie that
    remembers; `stamp` is what the user's stamp was then, None if there are no stamps.
    """

    user_id: UserId
    at: float
    fresh: bool
    stamp: str | None = None


def read_login(session: MutableMapping[str, Any]) -> SessionLogin | None:
    """The login that a session holds; None without one. What else may stand there (an older version's) is none."""
    user_id = session.get(SESSION_USER)
    if user_id is None:
        return None
    match session.get(SESSION_LOGIN):
        case {"at": int() | float() as at, "fresh": bool() as fresh, "stamp": str() | None as stamp}:
            return SessionLogin(user_id, at, fresh, stamp) if isinstance(user_id, str | int) else None
        case _:
            return None


def write_login(session: MutableMapping[str, Any], login: SessionLogin) -> None:
    """Put a login into a session, in place of the one that is there."""
    session[SESSION_USER] = login.user_id
    session[SESSION_LOGIN] = {"at": login.at, "fresh": login.fresh, "stamp": login.stamp}
