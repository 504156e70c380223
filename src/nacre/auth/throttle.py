"""Failed logins, counted by account and by address, so that passwords can't be tried out."""

from __future__ import annotations

import hmac
import ipaddress
import math
import secrets
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from nacre.errors import BadRequest, ConfigurationError, Location, Problem, TooManyRequests
from nacre.request import Request


class FailureStore(Protocol):
    """Where counts of failures are kept; each is forgotten `per` seconds after its first one.

    `in_memory` says that no method ever suspends, so that plain chains need no event loop.
    """

    in_memory: bool

    async def count(self, key: str, per: float) -> tuple[int, float]:
        """Add one to the count of a key. Gives the count, and the seconds until it is forgotten."""
        ...

    async def take_back(self, key: str) -> None:
        """Take one off the count of a key, if there is one."""
        ...

    async def forget(self, key: str) -> None:
        """Forget the count of a key."""
        ...


class MemoryFailures:
    """Counts in the memory of this process, of at most `size` keys; those that began first make room for others."""

    in_memory = True

    def __init__(self, size: int = 20_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        if size < 1:
            what = f"MemoryFailures keeps {size!r} counts, so that nothing would be limited"
            raise ConfigurationError(Problem(what, Location.of_caller(), "write MemoryFailures(20_000)"))
        self._size = size
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    async def count(self, key: str, per: float) -> tuple[int, float]:
        """Add one to the count of a key. Gives the count, and the seconds until it is forgotten."""
        with self._lock:
            now = self._clock()
            count, end = self._counts.get(key, (0, 0.0))
            if end <= now:
                self._counts.pop(key, None)  # so that the order stays that of the beginnings
                count, end = 0, now + per
                while len(self._counts) >= self._size:
                    self._counts.popitem(last=False)
            self._counts[key] = count + 1, end
            return count + 1, end - now

    async def take_back(self, key: str) -> None:
        """Take one off the count of a key, if there is one."""
        with self._lock:
            count, end = self._counts.get(key, (0, 0.0))
            if count > 1:
                self._counts[key] = count - 1, end
            else:
                self._counts.pop(key, None)

    async def forget(self, key: str) -> None:
        """Forget the count of a key."""
        with self._lock:
            self._counts.pop(key, None)

    def __len__(self) -> int:
        return len(self._counts)


class FailureLimit:
    """How many failures an account, and an address, may have in `per` seconds; more are answered with 429.

    `attempts` is that of an account, whether it exists or not, and `address_attempts` that of an address, behind which
    there may be many people (ten times as many unless given). An IPv6 address counts by its /64 network. A success
    forgets the failures of the account, and never those of others from the address.

    An attempt is counted before it is verified, so a thousand at once are no way around. The address is that of
    `request.client`: behind a proxy put `ProxyHeaders` outside, else all clients are one. The counts are in the
    memory of each process unless a `store` keeps them elsewhere.

    An account is locked for others too while somebody guesses: keep `per` short.
    """

    def __init__(
        self,
        attempts: int = 10,
        per: float = 300.0,
        *,
        address_attempts: int | None = None,
        store: FailureStore | None = None,
    ) -> None:
        address_attempts = 10 * attempts if address_attempts is None else address_attempts
        problems = [
            Problem(f"FailureLimit has `{name}` {value!r}, which is no positive number", Location.of_caller(), fix)
            for name, value, fix in (
                ("attempts", attempts, "write FailureLimit(attempts=10)"),
                ("address_attempts", address_attempts, "write FailureLimit(address_attempts=100)"),
                ("per", per, "it is in seconds: FailureLimit(per=300)"),
            )
            if not _is_positive(value)
        ]
        if problems:
            raise ConfigurationError(problems)
        self.attempts, self.address_attempts, self.per = attempts, address_attempts, per
        self._store: FailureStore = MemoryFailures() if store is None else store
        # SECURITY: names are kept as digests under this, as people type passwords where names belong.
        self._key = secrets.token_bytes(32) if self._store.in_memory else b"nacre failures"

    def __repr__(self) -> str:
        return f"FailureLimit({self.attempts}, per={self.per}, address_attempts={self.address_attempts})"

    @property
    def needs_loop(self) -> bool:
        """Whether counting must be awaited on an event loop."""
        return not self._store.in_memory

    @property
    def is_in_memory(self) -> bool:
        """Whether each process has counts of its own."""
        return isinstance(self._store, MemoryFailures)

    async def begin(self, request: Request, account: str | None = None) -> Attempt:
        """Count an attempt to log in, before anything of it is verified. Raises TooManyRequests with `Retry-After`.

        Names of accounts count as one that a database may take for one: those that differ in case, in accents, in
        spaces around or by characters that aren't seen. Raises BadRequest for a name that is no text, as a file in the
        form.
        """
        given: Any = account
        if given is not None and not isinstance(given, str):
            raise BadRequest("the name of the account is no text")
        address = _address_of(request)
        address = None if address is None else self._digest("address", address)
        # SECURITY: an address that is locked can't add to the count of an account, to lock its owner out.
        await self._count(address, self.address_attempts)
        account = None if account is None else self._digest("account", account)
        await self._count(account, self.attempts)
        return Attempt(self._store, account, address)

    async def _count(self, key: str | None, limit: int) -> None:
        """Count one more for a key. Raises TooManyRequests if that is over the limit."""
        if key is None:
            return
        count, rest = await self._store.count(key, self.per)
        if count > limit:
            seconds = max(1, math.ceil(rest))
            raise TooManyRequests("too many failed logins", headers={"retry-after": str(seconds)})

    def _digest(self, kind: str, text: str) -> str:
        return kind + hmac.digest(self._key, _folded(text).encode("utf-8", "surrogatepass"), "sha256")[:16].hex()


class Attempt:
    """One attempt to log in, which counts as failed until it is known to have succeeded."""

    __slots__ = ("_store", "account", "address")

    def __init__(self, store: FailureStore, account: str | None, address: str | None) -> None:
        self._store = store
        self.account = account
        self.address = address

    async def withdraw(self) -> None:
        """Let it count for nothing, as nobody could tell whether the credentials are right."""
        for key in (self.account, self.address):
            if key is not None:
                await self._store.take_back(key)

    async def succeeded(self) -> None:
        """Forget the failures of the account, and that this one was counted for the address."""
        if self.account is not None:
            await self._store.forget(self.account)
        if self.address is not None:
            await self._store.take_back(self.address)


def _folded(text: str) -> str:
    """What all spellings of a name have in common.

    SECURITY: the usual collations of databases skip accents and what isn't seen, so that a name has any number of
    spellings, each of which would be good for as many guesses. PERF: names in ASCII have none but these two.
    """
    text = text[:512].strip().casefold()
    if text.isascii() and text.isprintable():
        return text
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if unicodedata.category(letter)[0] not in "CM").strip()


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _address_of(request: Request) -> str | None:
    """What stands for the client's address; None where the server doesn't tell, as over a Unix socket.

    SECURITY: who has one IPv6 address has 2^64 of them.
    """
    client: Any = request.client
    if not client or not client[0]:
        return None
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return str(client[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{int(address) >> 64:x}::/64"
    return str(address)
