"""Requests to a login provider: bounded in time and size, and to no other place than was asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from nacre.auth.strict_json import strict_object
from nacre.errors import ConfigurationError, HTTPError, Location, MissingExtra, Problem
from nacre.logline import printable
from nacre.urls import parse_origin

TIMEOUT = 10.0  # seconds, for each step of a request
_ANSWER_MAX = 512 * 1024  # bytes; key sets of large providers have a few dozen KiB

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

log = logging.getLogger("nacre.auth")


class ProviderRefused(Exception):
    """The provider answers with an error: what it was given isn't good."""


class ProviderClient:
    """Sends requests to one provider. Needs `httpx2`, of which `client` is an `AsyncClient`."""

    def __init__(self, client: Any | None) -> None:
        try:
            import httpx2
        except ImportError:
            raise MissingExtra("a login at a provider", "oauth") from None
        self._failures: type[Exception] = httpx2.HTTPError
        # No connection is kept, as there is no moment at which it would be closed.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client: Any = httpx2.AsyncClient(timeout=TIMEOUT, limits=limits) if client is None else client

    async def get(self, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """The JSON object at a URL. Raises ProviderRefused for a 4xx, HTTPError 502 for all else that isn't one."""
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        return self._decoded(url, await self._send("GET", url, headers))

    async def post(
        self, url: str, fields: Mapping[str, str], *, basic: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        """Post a form; `basic` is the client's id and secret (RFC 6749 §2.3.1). Returns and raises as `get` does."""
        auth = None if basic is None else (quote_plus(basic[0]), quote_plus(basic[1]))
        return self._decoded(url, await self._send("POST", url, {}, data=dict(fields), auth=auth))

    async def fetch(self, url: str) -> bytes:
        """What is at a URL. Raises as `get` does."""
        return await self._send("GET", url, {})

    async def _send(self, method: str, url: str, headers: Mapping[str, str], **options: Any) -> bytes:
        content, fields = b"", {"accept": "application/json", **headers}
        try:
            # SECURITY: a redirect would carry the client's secret to where nobody has configured it.
            async with self._client.stream(method, url, headers=fields, follow_redirects=False, **options) as answer:
                status: int = answer.status_code
                async for piece in answer.aiter_bytes():
                    content += piece
                    if len(content) > _ANSWER_MAX:
                        raise self._unavailable(url, f"more than {_ANSWER_MAX} bytes")
        except self._failures as error:
            raise self._unavailable(url, type(error).__name__) from None
        if 400 <= status < 500:
            raise ProviderRefused(f"status {status}")
        if status != 200:
            raise self._unavailable(url, f"status {status}")
        return content

    def _decoded(self, url: str, content: bytes) -> dict[str, Any]:
        try:
            return strict_object(content)
        except ValueError:
            raise self._unavailable(url, "no JSON object") from None

    def _unavailable(self, url: str, why: str) -> HTTPError:
        log.error("the login provider at %s can't be used: %s", printable(url.partition("?")[0]), why)
        return HTTPError("the login provider doesn't answer as it should; try again later", status=502)


def is_secure_url(url: object) -> bool:
    """Whether something is a URL that secrets may be sent to: `https`, or `http` on this machine."""
    if not isinstance(url, str) or "#" in url or not url.isascii() or not url.isprintable() or "\\" in url:
        return False
    scheme, _, rest = url.partition("://")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    try:
        scheme, host, _ = parse_origin(f"{scheme}://{rest[:end]}")
    except ValueError:
        return False
    return scheme == "https" or (scheme == "http" and host in _LOOPBACK)


def url_problems(**urls: str) -> list[Problem]:
    """What is wrong with URLs of a configuration, by the names of the options."""
    where = Location.of_caller()
    fix = "write an https URL without a fragment; http is for localhost only"
    return [
        Problem(f"{name} is no URL to send secrets to: {url!r}", where, fix)
        for name, url in urls.items()
        if not is_secure_url(url)
    ]


def raise_problems(problems: list[Problem]) -> None:
    """Raise a ConfigurationError if there are any."""
    if problems:
        raise ConfigurationError(problems)
