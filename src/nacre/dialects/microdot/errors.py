"""How Microdot's programs end a request with an error."""

from __future__ import annotations

from typing import Any, NoReturn

from nacre import HTTPError


class HTTPException(HTTPError):
    """An error with a status; `reason` is what the client gets, anything that a response's body may be."""

    def __init__(self, status_code: int, reason: Any = None) -> None:
        super().__init__(reason if isinstance(reason, str) else None, status=status_code)
        self.status_code = status_code
        self.reason = reason

    def __repr__(self) -> str:
        return f"HTTPException: {self.status_code}"


def abort(status_code: int, reason: Any = None) -> NoReturn:
    """End the request with this status, answered by the error handler for it or else by `reason`."""
    raise HTTPException(status_code, reason)
