"""Names for annotations: what an ASGI application is called with, and what handlers may ask for by type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from http.cookies import Morsel
from typing import Any, Protocol, Self, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlparse, urlunparse

from nacre.headers import Headers as NativeHeaders
from nacre.headers import MutableHeaders as NativeMutableHeaders
from nacre.headers import check_pair, decode_pair, encode_pairs, pairs_of
from nacre.urls import QueryParams as NativeQueryParams

__all__ = [
    "URL",
    "App",
    "AppClass",
    "AppFunction",
    "Body",
    "Code",
    "Cookie",
    "Cookies",
    "Data",
    "Encoding",
    "HTTPHandler",
    "Handler",
    "Header",
    "Headers",
    "Host",
    "Message",
    "Method",
    "Middleware",
    "MiddlewareClass",
    "MiddlewareFunction",
    "MutableHeaders",
    "Path",
    "PathParam",
    "PathParams",
    "Port",
    "QueryParam",
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

AppClass: TypeAlias = App
AppFunction: TypeAlias = App

Middleware: TypeAlias = Callable[..., App]
"""A class of middlewares: called with the application further in, and with keywords."""

MiddlewareClass: TypeAlias = Middleware
MiddlewareFunction: TypeAlias = Middleware

HTTPHandler: TypeAlias = Callable[..., Any]
WebSocketHandler: TypeAlias = Callable[..., Any]
Handler: TypeAlias = Callable[..., Any]


# Parts of a request. Each is a type of its own, since handlers ask for them by type.


class Method(str):
    """The request's method."""


class Scheme(str):
    """`http` or `https`."""


class Host(str):
    """The host that the client asked for, without port."""


class Port(int):
    """The port that the client asked for, by default that of the scheme."""


class Path(str):
    """A path, percent-decoded, mounts included; `/` puts another one behind it."""

    @property
    def path(self) -> str:
        return str(self)

    def __truediv__(self, other: str) -> Path:
        return Path(f"{self.rstrip('/')}/{other.lstrip('/')}")

    def __rtruediv__(self, other: str) -> Path:
        return Path(other) / self


PathParam: TypeAlias = str
QueryParam: TypeAlias = str


class QueryString(str):
    """The raw query."""


class PathParams(dict[str, Any]):
    """The path variables, converted."""


class Cookies(dict[str, dict[str, str]]):
    """The cookies by name: of each its `value`, beside the attributes that cookies of a request don't have."""

    @classmethod
    def of(cls, cookies: Mapping[str, str]) -> Self:
        """Make it of values by name."""
        return cls({name: {**_NO_ATTRIBUTES, "value": value} for name, value in cookies.items()})


_NO_ATTRIBUTES: dict[str, str] = dict(Morsel[str]())


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


BytePairs: TypeAlias = Iterable[tuple[bytes, bytes]]


class Headers(NativeHeaders):
    """The header fields of a request; of a mapping, of pairs of bytes, or of a scope that has such."""

    __slots__ = ()

    def __init__(
        self, headers: Any = None, raw: BytePairs | None = None, scope: Mapping[str, Any] | None = None
    ) -> None:
        given = scope.get("headers", ()) if scope is not None else raw
        if given is not None:
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in given]
        super().__init__(headers or ())

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        return encode_pairs(self.pairs())

    def mutablecopy(self) -> MutableHeaders:
        """The same fields, to be changed."""
        return MutableHeaders(self.pairs())


class MutableHeaders(NativeMutableHeaders):
    """Header fields that may be changed; those of a `scope`, which may be a message, are changed there.

    A list of pairs of text is used in place, and trusted.
    """

    __slots__ = ("_message",)

    def __init__(
        self, headers: Any = None, raw: BytePairs | None = None, scope: MutableMapping[str, Any] | None = None
    ) -> None:
        if scope is not None:
            raw = scope.get("headers", ())
        if raw is not None:
            headers = [decode_pair(name, value) for name, value in raw]
        elif not isinstance(headers, list):
            headers = [check_pair(name, value) for name, value in pairs_of(headers or ())]
        super().__init__(headers)
        self._message = scope

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        return encode_pairs(self.pairs())

    def mutablecopy(self) -> MutableHeaders:
        """The same fields, to be changed elsewhere."""
        return MutableHeaders(self.pairs())

    def add(self, name: Any, value: Any) -> None:
        super().add(name, value)
        self._write_back()

    def set(self, name: Any, value: Any) -> None:
        super().set(name, value)
        self._write_back()

    def remove(self, name: Any) -> None:
        super().remove(name)
        self._write_back()

    def extend(self, source: Any) -> None:
        super().extend(source)
        self._write_back()

    def update(self, source: Any = (), /) -> None:
        super().update(source)
        self._write_back()

    def _write_back(self) -> None:
        if self._message is not None:
            self._message["headers"] = self.raw

    def append(self, key: str, value: str) -> None:
        """Add a field beside those of the name; raises ValueError for what may not stand in one."""
        self.add(key, value)

    def add_vary_header(self, vary: str) -> None:
        """Let `Vary` name what is listed here too."""
        self.add_vary(*(name.strip() for name in vary.split(",")))


class QueryParams(Mapping[str, str]):
    """A query: of a repeated field the last value counts, `getlist` has all of them."""

    def __init__(self, query: NativeQueryParams | str | Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else pairs_of(query)
        self._fields: list[tuple[str, str]] = list(pairs)
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
    """A URL in its parts, any of which may be given instead; it equals a text that is the same URL.

    Raises TypeError for a part that isn't known, ValueError for text that is no URL.
    """

    def __init__(self, url: str | URL = "", /, **parts: str) -> None:
        unknown = [name for name in parts if name not in _PARTS]
        if unknown:
            raise TypeError(f"a URL has no part {unknown[0]!r}; it has {', '.join(_PARTS)}")
        kept = {name: getattr(urlparse(str(url)), name) for name in _PARTS} | parts
        self._url = urlunparse(list(kept.values())) if parts else str(url)
        found = urlparse(self._url)
        self.scheme, self.netloc, self.path = found.scheme, found.netloc, Path(found.path)
        self.params, self.query, self.fragment = found.params, found.query, found.fragment
        self.hostname, self.username, self.password = found.hostname, found.username, found.password

    @property
    def url(self) -> str:
        return self._url

    @property
    def port(self) -> int | None:
        """The port, None if the URL names none; raises ValueError for one that can't be."""
        return urlparse(self._url).port

    @property
    def components(self) -> dict[str, str]:
        """The parts by name."""
        return {name: str(getattr(self, name)) for name in _PARTS}

    @property
    def is_secure(self) -> bool:
        return self.scheme in ("https", "wss")

    def replace(self, **parts: str) -> URL:
        """The URL with other parts: those of `components`. Raises TypeError for others."""
        return URL(self._url, **parts)

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


_PARTS = ("scheme", "netloc", "path", "params", "query", "fragment")
