"""The shapes that servers speak in; every annotation of a raw scope, message or environ comes from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
"""An ASGI connection scope."""

Message = MutableMapping[str, Any]
"""An ASGI event."""

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""

Environ = dict[str, Any]
"""A WSGI environment (PEP 3333)."""


class StartResponse(Protocol):
    """PEP 3333's `start_response`."""

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]: ...


WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]
"""A WSGI application."""

Address = tuple[str, int | None]
"""A peer: host and port; the port is None for a Unix socket."""
