"""HSTS (RFC 6797)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nacre.dialects.blacksheep.messages import Request, Response


class HSTSMiddleware:
    """Tells browsers to come by HTTPS only, for `max_age` seconds."""

    def __init__(self, max_age: int = 31536000, include_subdomains: bool = True) -> None:
        self._value = f"max-age={int(max_age)};{' includeSubDomains;' if include_subdomains else ''}".encode()

    async def __call__(self, request: Request, handler: Callable[[Request], Any]) -> Response:
        response: Response = await handler(request)
        response.set_header(b"strict-transport-security", self._value)
        return response
