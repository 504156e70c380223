"""One-time passwords by the clock (RFC 6238), and the recovery codes that stand in for them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from base64 import b32encode
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from nacre.auth.calling import UserFunction
from nacre.auth.throttle import FailureLimit
from nacre.errors import ConfigurationError, Location, MissingExtra, Problem
from nacre.request import Request

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters that look like digits
_GROUPS, _GROUP = 4, 5  # 20 characters: 99 bits, so that a fast hash protects them


class TOTP:
    """One-time passwords of `digits` digits for `interval` seconds. Needs the extra `totp`.

    Codes of `window` intervals before and after the present one are good too, since clocks differ; each is good once.
    Failures are counted by account and address (`limit`): a guess is right once in 333 333 with a window of one, so
    five attempts in five minutes leave a year of guessing a chance of about four in five, and other means should ask
    for the password first.

    Raises ConfigurationError with all that is wrong, MissingExtra.
    """

    def __init__(
        self,
        issuer: str,
        *,
        digits: int = 6,
        interval: int = 30,
        window: int = 1,
        limit: FailureLimit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = _problems(issuer, digits, interval, window)
        if problems:
            raise ConfigurationError(problems)
        try:
            from pyotp import totp
        except ImportError:
            raise MissingExtra("TOTP", "totp") from None
        self.issuer = issuer
        self.digits, self.interval, self.window = digits, interval, window
        self._limit = FailureLimit(5, per=300.0) if limit is None else limit
        self._generator: Callable[[str], Any] = partial(totp.TOTP, digits=digits, interval=interval)
        self._code = re.compile(rf"[0-9]{{{digits}}}")
        self._clock = clock

    def __repr__(self) -> str:
        return f"TOTP({self.issuer!r})"

    def new_secret(self) -> str:
        """A secret for one user: 160 bits in base32. Keep it as passwords can't be: readable, so best encrypted."""
        return b32encode(secrets.token_bytes(20)).decode("ascii")

    def uri(self, secret: str, account: str) -> str:
        """The `otpauth://` URI that authenticator apps read as a QR code. It holds the secret."""
        uri: str = self._generator(secret).provisioning_uri(name=account, issuer_name=self.issuer)
        return uri

    def find_step(self, secret: str, code: object) -> int | None:
        """The number of the interval that a code is good for; None for a wrong one. Spaces in the code don't count."""
        shown = code.replace(" ", "") if isinstance(code, str) else ""  # a client may send a file for it
        if self._code.fullmatch(shown) is None:
            return None
        generator, now = self._generator(secret), int(self._clock()) // self.interval
        found = None
        for step in range(max(now - self.window, 0), now + self.window + 1):
            if hmac.compare_digest(generator.generate_otp(step), shown):
                found = step
        return found

    async def verify(
        self,
        request: Request,
        code: object,
        *,
        account: str,
        secret: str,
        use_step: Callable[[int], Awaitable[bool]] | Callable[[int], bool],
    ) -> bool:
        """Whether a code is right, and is used for the first time.

        `use_step(step)` keeps the number of the interval with the account, if it is above the one that is kept there,
        and returns whether it was; it is atomic, and plain or async. Raises TooManyRequests after too many failures.
        """
        attempt = await self._limit.begin(request, account)
        step = self.find_step(secret, code)
        if step is None or not await UserFunction(use_step)(request, step):
            return False
        await attempt.succeeded()
        return True


def new_recovery_codes(count: int = 10) -> list[str]:
    """Codes that each let a user in once without the device. Show them once, and keep `hash_recovery_code` of each."""
    return ["-".join(_random_group() for _ in range(_GROUPS)) for _ in range(count)]


def hash_recovery_code(code: str) -> str:
    """What to keep of a recovery code: SHA-256 in hexadecimal. Case, spaces and dashes of the code don't count."""
    return hashlib.sha256(
        code.casefold().replace("-", "").replace(" ", "").encode("utf-8", "surrogatepass")
    ).hexdigest()


def match_recovery_code(code: object, hashes: Iterable[str]) -> str | None:
    """Which of the hashes is that of a code; None if it is none of them. Delete it from the account: it is used up.

    Delete it atomically, and let nobody in for whom it was gone already.
    """
    shown, found = hash_recovery_code(code) if isinstance(code, str) else "", None
    for one in hashes:
        if hmac.compare_digest(one.encode(), shown.encode()):
            found = one
    return found


def _random_group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP))


def _problems(issuer: str, digits: int, interval: int, window: int) -> list[Problem]:
    where = Location.of_caller()
    problems: list[Problem] = []
    if not issuer or ":" in issuer or not issuer.isprintable():
        problems.append(Problem("the issuer of one-time passwords is a name without a colon", where, "TOTP('Shop')"))
    if digits not in (6, 7, 8):
        problems.append(Problem(f"a one-time password has 6, 7 or 8 digits, not {digits}", where))
    if not 15 <= interval <= 300:
        problems.append(Problem(f"interval is 15 to 300 seconds, not {interval}", where, "apps know 30"))
    if not 0 <= window <= 10:
        problems.append(Problem(f"window is 0 to 10 intervals, not {window}", where))
    return problems
