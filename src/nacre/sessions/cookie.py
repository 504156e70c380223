"""The cookie of sessions: its name and attributes, and what a response that sets it says to caches."""

from __future__ import annotations

from typing import Literal

from nacre.cookies import SameSite, format_cookie, format_deletion
from nacre.errors import Location, Problem
from nacre.headers import MutableHeaders
from nacre.request import Request
from nacre.response import Response

COOKIE_MAX = 4093
"""Bytes of a `Set-Cookie` value that every browser takes; RFC 6265 §6.1 asks for 4096 with name and attributes."""

_DEFAULT_NAME = "session"
_AGES_MAX = 64
_PRIVATE = ("cache-control", "private")


class SessionCookie:
    """How the cookie is called and sent.

    Without a `name` it is `session`, and `__Host-session` where that may be: over https, with the path `/` and no
    domain. SECURITY: browsers take a cookie with that prefix from the host itself only, so neither a subdomain nor a
    network that can be listened to plants one (RFC 6265bis §4.1.3.2).
    """

    def __init__(
        self,
        name: str | None,
        path: str,
        domain: str | None,
        secure: bool | Literal["auto"],
        samesite: SameSite | None,
    ) -> None:
        self.path = path
        self.domain = domain
        self.secure: bool | Literal["auto"] = secure
        self.samesite: SameSite | None = samesite
        self.plain_name = name or _DEFAULT_NAME
        """The name that is the same for http and https."""
        self._name = _DEFAULT_NAME if name is None else name
        self._secure_name = self._name
        if name is None and path == "/" and domain is None:
            self._secure_name = f"__Host-{_DEFAULT_NAME}"
        self._attributes: dict[tuple[int | None, bool], str] = {}

    def find(self, request: Request) -> str | None:
        """The value that came; None without one. Of two cookies with the name the first counts, as everywhere."""
        secure = self.secure
        if secure == "auto":
            secure = self._is_secure(request)
        return request.cookies.get(self._secure_name if secure else self._name)

    def set(self, request: Request, response: Response, value: str, max_age: int | None) -> None:
        """Set it, in place of one that the response sets already, and keep the response out of shared caches.

        Raises ValueError if it is larger than browsers take.
        """
        secure = self._is_secure(request)
        name = self._secure_name if secure else self._name
        # PERF: what surrounds the value is written once; the value is of letters, digits, `-`, `_` and `.`.
        attributes = self._attributes.get((max_age, secure)) or self._write_attributes(max_age, secure)
        field = f"{name}={value}{attributes}"
        if len(field) > COOKIE_MAX:
            raise ValueError(
                f"the session makes a cookie of {len(field)} bytes, and browsers drop those of more than {COOKIE_MAX} "
                "without a word; keep less in it, or keep it on the server: Sessions(store=SQLiteStore(…))"
            )
        self._send(response, name, field)

    def delete(self, request: Request, response: Response) -> None:
        """Let the client forget it."""
        secure = self._is_secure(request)
        name = self._secure_name if secure else self._name
        field = format_deletion(
            name, path=self.path, domain=self.domain, secure=secure, httponly=True, samesite=self.samesite
        )
        self._send(response, name, field)

    def problems(self, where: Location) -> list[Problem]:
        """What browsers would refuse of this."""
        for secure in (True, False) if self.secure == "auto" else (self.secure,):
            try:
                self.format("x", None, secure)
            except ValueError as error:
                fix = "choose others, or say secure=True if the site is served over https only"
                return [Problem(f"Sessions has a cookie that can't be: {error}", where, fix)]
        return []

    def format(self, value: str, max_age: int | None, secure: bool) -> str:
        """The value of a `Set-Cookie` field. Raises ValueError for what browsers would refuse."""
        return format_cookie(
            self._secure_name if secure else self._name,
            value,
            max_age=max_age,
            path=self.path,
            domain=self.domain,
            secure=secure,
            httponly=True,
            samesite=self.samesite,
        )

    def _write_attributes(self, max_age: int | None, secure: bool) -> str:
        """What follows the value."""
        _, semicolon, rest = self.format("x", max_age, secure).partition(";")
        if len(self._attributes) >= _AGES_MAX:
            self._attributes.clear()
        written = self._attributes[max_age, secure] = semicolon + rest
        return written

    def _is_secure(self, request: Request) -> bool:
        return request.scheme in ("https", "wss") if self.secure == "auto" else self.secure

    def _send(self, response: Response, name: str, field: str) -> None:
        pairs = response.raw_headers
        for sent, _ in pairs:
            if sent == "set-cookie" or sent == "cache-control":
                break
        else:  # PERF: most responses have neither
            pairs += ("set-cookie", field), _PRIVATE
            return
        set_already = f"{name}="
        pairs[:] = [pair for pair in pairs if pair[0] != "set-cookie" or not pair[1].startswith(set_already)]
        pairs.append(("set-cookie", field))
        keep_private(response.headers)


def keep_private(headers: MutableHeaders) -> None:
    """Keep a response out of shared caches (RFC 9111 §5.2.2.7), also one that its handler has called public.

    SECURITY: `Set-Cookie` doesn't (RFC 9111 §7.3), and all who get a stored response share the session in it.
    """
    given = headers.getlist("cache-control")
    if not given:
        headers.raw.append(_PRIVATE)
        return
    directives = [part.strip() for value in given for part in value.split(",")]
    names = [part.partition("=")[0].strip().lower() for part in directives]
    if any(part.lower() in ("private", "no-store") for part in directives):
        return  # with field names, as in private="set-cookie", some caches don't know them
    others = [part for part, name in zip(directives, names, strict=True) if name not in ("", "public", "s-maxage")]
    headers.set("cache-control", ", ".join(["private", *others]))
