"""Names for annotations: what an ASGI application is called with, and what handlers may ask for by type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from nacre.headers import Headers
from nacre.headers import MutableHeaders as NativeMutableHeaders
from nacre.urls import QueryParams as NativeQueryParams

__all__ = [
    "URL",
    "App",
    "Body",
    "Code",
    "Cookie",
    "Cookies",
    "Data",
    "Encoding",
    "HTTPHandler",
    "Header",
    "Headers",
    "Host",
    "Message",
    "Method",
    "Middleware",
    "MutableHeaders",
    "Path",
    "PathParams",
    "Port",
    "QueryParams",
    "QueryString",
    "Receive",
    "RequestData",
    "Scheme",
    "Scope",
    "Send",
    "WebSocketHandler",
]

# The protocol.


class Scope(dict[str, Any]):
    """An ASGI connection scope."""


class Message(dict[str, Any]):
    """An ASGI event."""


class Receive(Protocol):
    """Gives the next event of the client."""

    def __call__(self) -> Awaitable[Any]: ...


class Send(Protocol):
    """Takes the next event for the client."""

    def __call__(self, message: Any, /) -> Awaitable[None]: ...


App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""

Middleware: TypeAlias = Callable[..., App]
"""A class of middlewares: called with the application further in, and with keywords."""

HTTPHandler: TypeAlias = Callable[..., Any]
WebSocketHandler: TypeAlias = Callable[..., Any]


# Parts of a request. Each is a type of its own, since handlers ask for them by type.


class Method(str):
    """The request's method."""


class Scheme(str):
    """`http` or `https`."""


class Host(str):
    """The host that the client asked for, without port."""


class Port(int):
    """The port that the client asked for; None is given if it named none."""


class Path(str):
    """The path, percent-decoded, mounts included."""


class QueryString(str):
    """The raw query."""


class PathParams(dict[str, Any]):
    """The path variables, converted."""


class Cookies(dict[str, str]):
    """The cookies by name."""


class Body(bytes):
    """The body as it came."""


class RequestData(dict[str, Any]):
    """The body decoded by its content type: JSON, or the fields and files of a form."""


class Header(str):
    """The header field of the parameter's name, with dashes for underscores."""


class Cookie(str):
    """The cookie of the parameter's name."""


class Data(dict[str, Any]):
    """One message of a WebSocket, decoded by the endpoint's `encoding`."""


class Code(int):
    """The code that a WebSocket was closed with."""


Encoding: TypeAlias = str


class MutableHeaders(NativeMutableHeaders):
    """The header fields of a response."""

    __slots__ = ()

    def append(self, key: str, value: str) -> None:
        """Add a field beside those of the name; raises ValueError for what may not stand in one."""
        self.add(key, value)

    def add_vary_header(self, vary: str) -> None:
        """Let `Vary` name what is listed here too."""
        self.add_vary(*(name.strip() for name in vary.split(",")))


class QueryParams(Mapping[str, str]):
    """The query: of a repeated field the last value counts, `getlist` has all of them."""

    def __init__(self, native: NativeQueryParams) -> None:
        self._fields = native.pairs()
        self._lasts = dict(self._fields)

    def __getitem__(self, key: str) -> str:
        return self._lasts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lasts)

    def __len__(self) -> int:
        return len(self._lasts)

    def getlist(self, key: str) -> list[str]:
        """All values of a field, in order."""
        return [value for name, value in self._fields if name == key]

    def multi_items(self) -> list[tuple[str, str]]:
        """All fields, in order."""
        return list(self._fields)

    def __str__(self) -> str:
        return urlencode(self._fields)

    def __repr__(self) -> str:
        return f"QueryParams({str(self)!r})"


class URL:
    """A URL in its parts; `str()` puts it together, and it equals a text that is the same URL."""

    def __init__(self, url: str = "") -> None:
        self._url = str(url)
        parts = urlsplit(self._url)
        self.scheme, self.netloc, self.path = parts.scheme, parts.netloc, parts.path
        self.query, self.fragment = parts.query, parts.fragment
        self.hostname, self.username, self.password = parts.hostname, parts.username, parts.password
        self.port = parts.port

    @property
    def url(self) -> str:
        return self._url

    @property
    def is_secure(self) -> bool:
        return self.scheme in ("https", "wss")

    def replace(self, **parts: str) -> URL:
        """The URL with other parts: `scheme`, `netloc`, `path`, `query`, `fragment`. Raises TypeError for others."""
        kept = {name: getattr(self, name) for name in _PARTS}
        unknown = [name for name in parts if name not in kept]
        if unknown:
            raise TypeError(f"a URL has no part {unknown[0]!r} to replace; it has {', '.join(_PARTS)}")
        kept |= parts
        return URL(urlunsplit([str(kept[name]) for name in _PARTS]))

    def include_query_params(self, **params: object) -> URL:
        """The URL with these fields in its query, in the place of those of the same names."""
        kept = [(name, value) for name, value in parse_qsl(self.query, keep_blank_values=True) if name not in params]
        return self.replace(query=urlencode([*kept, *params.items()]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str | URL) and str(other) == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"URL({self._url!r})"


_PARTS = ("scheme", "netloc", "path", "query", "fragment")
