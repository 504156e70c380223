"""The keys that an issuer publishes, fetched when they are needed: RFC 7517 §5."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

from nacre.auth.jwt_keys import VerifyingKey, candidates, import_published
from nacre.auth.strict_json import strict_object
from nacre.callables import is_async
from nacre.errors import ConfigurationError, Location, Problem, ServiceUnavailable
from nacre.threads import runs_event_loop

_log = logging.getLogger("nacre.auth")

_RETRY = 5.0  # seconds after a failure while there are no keys at all

Fetch = Callable[[str], bytes] | Callable[[str], Awaitable[bytes]]
"""Gives the document at a URL; plain (called in a thread of its own) or async. Raises what it likes."""


class JWKS:
    """The key set of an issuer, kept for `lifetime` seconds and then fetched again beside the requests.

    A token that no known key has signed has the set fetched at once, but at most once in `cooldown` seconds, whatever
    the tokens say; and so has any token after twice the lifetime without a fetch, so that a key that was withdrawn
    isn't taken after a quiet night. One fetch runs at a time and all who need it wait for it, for `timeout` seconds at
    most. If it fails, the keys that there are stay; without any the answer is 503. `fetch` is what fetches; by default
    an https request that follows no redirects, takes `timeout` seconds and `max_size` bytes at most. Plain http is for
    localhost only.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch | None = None,
        lifetime: float = 600.0,
        cooldown: float = 60.0,
        timeout: float = 5.0,
        max_size: int = 256 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        where = Location.of_caller()
        problems: list[Problem] = []
        if not _is_acceptable(url):
            what = "the URL of a key set must begin with https://, or lead to localhost, and hold no password"
            problems.append(Problem(what, where, "who can change the keys can make any token"))
        for name, value, least in (("lifetime", lifetime, 1), ("cooldown", cooldown, 0), ("timeout", timeout, 0.01)):
            if not _is_duration(value, least):
                problems.append(Problem(f"JWKS has `{name}` {value!r}", where, f"it is in seconds, {least} or more"))
        if problems:
            raise ConfigurationError(problems)
        self.url = url
        self._shown = url.partition("?")[0]
        self._fetch: Callable[[str], Any] = fetch or (lambda url: _download(url, timeout, max_size))
        self.needs_loop = is_async(self._fetch)
        self._lifetime, self._cooldown, self._timeout = lifetime, cooldown, timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._keys: list[VerifyingKey] = []
        self._tried_at = self._fetched_at = self._ended_at = -math.inf

    def __repr__(self) -> str:
        return f"JWKS({self._shown!r})"

    async def find(self, algorithm: str, kid: str | None) -> list[VerifyingKey]:
        """The keys that a token may have been signed with. Raises ServiceUnavailable if there are none to be had."""
        found = candidates(self._keys, algorithm, kid)
        now = self._clock()
        if found and now - self._ended_at < 2 * self._lifetime:
            if now - self._fetched_at >= self._lifetime:
                self._start()  # for those who come later
            return found
        return await self.find_anew(algorithm, kid)

    async def find_anew(self, algorithm: str, kid: str | None) -> list[VerifyingKey]:
        """As `find`, of the set as it is now, if the last fetch isn't too recent for another one."""
        running = self._start()
        if running is not None:
            await self._wait(running)
        if not self._keys:
            wait = str(max(1, round(_RETRY)))
            raise ServiceUnavailable("the keys of the issuer can't be had now", headers={"retry-after": wait})
        return candidates(self._keys, algorithm, kid)

    def _start(self) -> Future[None] | None:
        """The fetch that runs, begun now unless the last one is too recent; None if there is none.

        SECURITY: tokens with keys that nobody knows cost one request in `cooldown` seconds (CVE-2026-48524).
        """
        with self._lock:
            if self._running is not None:
                return self._running
            now = self._clock()
            if now - self._tried_at < (self._cooldown if self._keys else min(_RETRY, self._cooldown)):
                return None
            self._tried_at = now
            running: Future[None] = Future()
            self._running = running
        try:
            if self.needs_loop:
                # Not within the request's own task: others wait for it too, and that one may be cancelled.
                self._task = asyncio.get_running_loop().create_task(self._await_fetch(running))
            else:
                threading.Thread(target=self._call_fetch, args=(running,), name="nacre-jwks", daemon=True).start()
        except RuntimeError as error:  # there is no loop, or no thread to be had, and nobody would end it
            self._report(error)
            self._end(running)
        return running

    async def _wait(self, running: Future[None]) -> None:
        # What it ends with is told by the keys; an answer that takes too long is an answer without keys.
        with contextlib.suppress(TimeoutError):
            if runs_event_loop():
                await asyncio.wait([asyncio.wrap_future(running)], timeout=self._timeout)
            else:
                running.result(self._timeout)

    async def _await_fetch(self, running: Future[None]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                document = await self._fetch(self.url)
            self._take(document)
        except Exception as error:
            self._report(error)
        finally:
            self._end(running)

    def _call_fetch(self, running: Future[None]) -> None:
        try:
            self._take(self._fetch(self.url))
        except Exception as error:
            self._report(error)
        finally:
            self._end(running)

    def _take(self, document: bytes) -> None:
        keys = import_published(strict_object(document))
        if not keys:
            raise ValueError("it holds no key")
        self._keys, self._fetched_at = keys, self._clock()

    def _report(self, error: Exception) -> None:
        reason = type(error).__name__
        _log.warning("the key set at %s can't be had (%s); the keys that there were stay", self._shown, reason)

    def _end(self, running: Future[None]) -> None:
        with self._lock:
            self._running = None
            self._ended_at = self._clock()
        running.set_result(None)


def _is_duration(value: Any, least: float) -> bool:
    return isinstance(value, (int, float)) and least <= value < math.inf


def _is_acceptable(url: Any) -> bool:
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_local = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    return bool(host) and "@" not in parts.netloc and (parts.scheme == "https" or is_local)


def _download(url: str, timeout: float, max_size: int) -> bytes:
    # Loaded here, since it takes longer than all of this package.
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class NoRedirects(HTTPRedirectHandler):
        """SECURITY: a redirect could lead to plain http, or into the server's own network."""

        def redirect_request(self, *arguments: Any, **options: Any) -> None:
            """Refuse: the redirect is then raised as an error."""

    ends = time.monotonic() + timeout
    received = bytearray()
    asked = Request(url, headers={"accept": "application/json"})  # noqa: S310 - `_is_acceptable` has seen the scheme
    with build_opener(NoRedirects).open(asked, timeout=timeout) as answer:
        while piece := answer.read1(16 * 1024):
            received += piece
            if len(received) > max_size:
                raise ValueError("it is too large")
            if time.monotonic() > ends:
                raise TimeoutError
    return bytes(received)
