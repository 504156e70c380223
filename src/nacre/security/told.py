"""What proxies have told of a request, and how the request is made to say the same."""

from __future__ import annotations

from nacre.errors import BadRequest
from nacre.headers import Headers
from nacre.request import Request
from nacre.types import Address
from nacre.urls import DEFAULT_PORTS, encode_path, parse_host

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
_PREFIX = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"


class Told:
    """What trusted proxies have told of a request, the outermost last.

    One is kept for all requests that are told the same: once it is read, it changes no more.
    """

    def __init__(self, left_out: frozenset[str]) -> None:
        self._left_out = left_out
        self._client: Address | None = None
        self._tells_client = False
        self._scheme: str | None = None
        self._host: str | None = None
        self._port: int | None = None
        self._prefix: str | None = None

    def set_client(self, client: Address | None) -> None:
        # SECURITY: None where it can't be read. As the proxy's own address it would pass for one of the inner network.
        self._client, self._tells_client = client, True

    def set_scheme(self, text: str) -> None:
        self._scheme = _SCHEMES.get(text.lower(), self._scheme)

    def set_host(self, text: str) -> None:
        try:
            parse_host(text)
        except ValueError:
            # SECURITY: to go on with the proxy's own host would make links that lead into its network.
            raise BadRequest("the host that the request was forwarded for is malformed") from None
        self._host = text

    def set_port(self, text: str) -> None:
        if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536:
            self._port = int(text)

    def set_prefix(self, text: str) -> None:
        prefix = text.rstrip("/")
        # SECURITY: it is put in front of links, where `//` would name another host.
        segments = prefix.split("/")
        if len(prefix) <= 255 and prefix[:1] == "/" and not prefix.rstrip(_PREFIX) and "" not in segments[1:]:
            self._prefix = prefix if not {".", ".."} & set(segments) else None

    def apply(self, request: Request) -> None:
        """Let all later readers see it, those of the ASGI scope too, and the request without the fields left out."""
        request.replace_headers(Headers([pair for pair in request.headers.pairs() if pair[0] not in self._left_out]))
        changed: dict[str, object] = {}
        if self._tells_client:
            request.client = self._client
            changed["client"] = self._client and (self._client[0], self._client[1] or 0)
        if self._scheme is not None:
            is_websocket = request.websocket is not None
            request.scheme = changed["scheme"] = _WEBSOCKET_SCHEMES[self._scheme] if is_websocket else self._scheme
        if self._host is not None or self._port is not None:
            self._apply_host(request)
        if self._prefix is not None:
            request.root_path = self._prefix + request.root_path
            changed["root_path"] = request.root_path
            changed["path"] = request.root_path + request.path
            changed["raw_path"] = encode_path(request.root_path + request.path).encode("ascii")
        _change_scope(request, changed)

    def _apply_host(self, request: Request) -> None:
        named = self._host or request.headers.get("host")
        if named is None or request.refusal is not None:
            return
        host, port = parse_host(named)
        if port is None and self._port not in (None, DEFAULT_PORTS.get(self._scheme or request.scheme)):
            named = f"{host}:{self._port}"
        others = [pair for pair in request.headers.pairs() if pair[0] != "host"]
        request.replace_headers(Headers([("host", named), *others]))


def _change_scope(request: Request, changed: dict[str, object]) -> None:
    """Keep the ASGI scope in step; where there is none yet it is made of the request."""
    if request.carrier.protocol == "asgi" or request.known_scope is not None:
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.pairs()]
        request.scope = {**request.scope, **changed, "headers": encoded}
