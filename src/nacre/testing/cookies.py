"""The client's cookies: kept and sent back by the rules of RFC 6265 that tests rely on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Cookie:
    """A cookie as a browser keeps it. `domain` is a host; with `host_only` its subdomains don't get the cookie."""

    name: str
    value: str
    domain: str
    host_only: bool = True
    path: str = "/"
    secure: bool = False
    expires: float | None = None

    def suits(self, scheme: str, host: str, path: str) -> bool:
        """Whether it is sent with a request for this."""
        return (
            (not self.secure or scheme == "https")
            and (host == self.domain or (not self.host_only and host.endswith("." + self.domain)))
            and (path == self.path or path.startswith(self.path if self.path.endswith("/") else self.path + "/"))
            and (self.expires is None or self.expires > time.time())
        )


class CookieJar(MutableMapping[str, str]):
    """Cookies by name. One that is set by hand is sent to the client's own host, whatever the path and scheme.

    Where several cookies have one name, reading gives the one with the longest path.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def __getitem__(self, name: str) -> str:
        for cookie in self.all():
            if cookie.name == name:
                return cookie.value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self._keep(Cookie(name, value, self._host))

    def __delitem__(self, name: str) -> None:
        keys = [key for key in self._cookies if key[2] == name]
        if not keys:
            raise KeyError(name)
        for key in keys:
            del self._cookies[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self.all()))

    def __len__(self) -> int:
        return len({cookie.name for cookie in self.all()})

    def __repr__(self) -> str:
        return f"CookieJar({dict(self)!r})"

    def all(self) -> list[Cookie]:
        """Every cookie that has not expired, those with longer paths first."""
        now = time.time()
        live = [cookie for cookie in self._cookies.values() if cookie.expires is None or cookie.expires > now]
        return sorted(live, key=lambda cookie: -len(cookie.path))

    def header(self, scheme: str, host: str, path: str) -> list[tuple[str, str]]:
        """The pairs of the `Cookie` field for a request."""
        return [(cookie.name, cookie.value) for cookie in self.all() if cookie.suits(scheme, host, path)]

    def store(self, fields: Iterable[str], scheme: str, host: str, path: str) -> None:
        """Take over the `Set-Cookie` fields of a response to this request; those a browser refuses are ignored."""
        for field in fields:
            cookie = _read(field, host, path)
            if cookie is not None and (not cookie.secure or scheme == "https"):
                self._keep(cookie)

    def _keep(self, cookie: Cookie) -> None:
        key = cookie.domain, cookie.path, cookie.name
        if cookie.expires is not None and cookie.expires <= time.time():
            self._cookies.pop(key, None)
        else:
            self._cookies[key] = cookie


def split_field(field: str) -> tuple[str, str, dict[str, str]]:
    """Name, value and attributes of a `Set-Cookie` field; attribute names are in lower case."""
    first, *rest = field.split(";")
    name, _, value = first.partition("=")
    attributes: dict[str, str] = {}
    for part in rest:
        key, _, text = part.partition("=")
        attributes[key.strip().lower()] = text.strip()
    return name.strip(), value.strip(), attributes


def _read(field: str, host: str, path: str) -> Cookie | None:
    name, value, attributes = split_field(field)
    domain = attributes.get("domain", "").lstrip(".").lower()
    if not name or (domain and host != domain and not host.endswith("." + domain)):
        return None
    cookie_path = attributes.get("path", "")
    if not cookie_path.startswith("/"):
        cookie_path = path[: path.rindex("/")] or "/"  # the default path, RFC 6265 §5.1.4
    return Cookie(name, value, domain or host, not domain, cookie_path, "secure" in attributes, _expiry(attributes))


def _expiry(attributes: dict[str, str]) -> float | None:
    """`Max-Age` comes before `Expires` (RFC 6265 §5.3); what is malformed counts as absent."""
    try:
        return time.time() + int(attributes["max-age"])
    except (KeyError, ValueError):
        pass
    try:
        return parsedate_to_datetime(attributes["expires"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None
