"""Sessions in a signed cookie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CookieSessionStore:
    """Keeps sessions in a cookie that `secret_key` signs; `session_max_age` in seconds, 14 days without one."""

    secret_key: str
    session_cookie: str = "session"
    session_max_age: int | None = None
