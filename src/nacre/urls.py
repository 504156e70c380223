"""URLs: hosts, request paths, query strings, and the text of `Location`.

A request is never turned into a URL string and parsed again: host, path and query are three inputs that arrive apart
and stay apart, so a strange `Host` can't change the path that a guard sees (CVE-2026-48710). `URL` joins them only to
be shown.

How a request path is decoded
-----------------------------

Routing, guards and static files all look at one string, the decoded path. Percent-decoding would lose the difference
between `/a%2Fb`, one segment, and `/a/b`, two. So there are two kinds of decoded path:

- *Plain*, nearly always: every escape is decoded. It holds none of the texts `%2F`, `%2f` and `%25`.
- *Escaped*: an encoded slash is kept as `%2F` and a percent sign is written `%25`; the rest is decoded. This is chosen
  when the raw path has an encoded slash, or when the plain form would hold one of the three texts.

The plain form never holds `%2F` or `%25`, the escaped form always does, and each can be undone: two raw paths give one
string only if they differ in how they spell the same characters. `decode_segment` undoes what is left in a captured
value, and `encode_path` goes back to a raw path.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any, cast
from urllib.parse import quote, unquote_to_bytes, urlencode

from msgspec import Struct
from msgspec.structs import replace

from nacre.headers import Pairs, pairs_of

DEFAULT_PORTS = {"http": 80, "https": 443}

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*")  # RFC 3986 §3.1
_REG_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-._"
_HOST_MAX = 255  # RFC 1035 §2.3.4; also keeps the cache small
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# PERF: `b"%" in raw` takes `b"%"` for a number first, fails, and costs 0.2 µs; a number costs a tenth (bench/parts.py).
_PERCENT, _PLUS = b"%+"

_PLAIN_MAX = 999  # characters, which can't hold more fields than `QueryParams` takes

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_KEPT_ESCAPE = re.compile(r"%(?!2F|25)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# RFC 3986 §3.3: pchar is unreserved / pct-encoded / sub-delims / ":" / "@"; `quote` adds the unreserved ones.
_SEGMENT_SAFE = "!$&'()*+,;=:@"
_PATH_SAFE = _SEGMENT_SAFE + "/"
_URI_SAFE = _PATH_SAFE + "?#[]%"


@lru_cache(maxsize=512)
def parse_host(value: str) -> tuple[str, int | None]:
    """Split a `Host` field to the host in lower case and its port, None where there is none.

    Stricter than RFC 3986 §3.2: a name of letters, digits, `-`, `_` and single dots, an IPv4 address, or an IPv6
    address in brackets, which stay part of the host. An empty port (`a:`) is none. Raises ValueError for anything else.
    """
    host, port = _split_port(value.lower())
    valid = _is_ipv6(host) if host[:1] == "[" else _is_reg_name(host)
    if not valid or not value.isascii():
        raise ValueError(
            f"{value[:60]!a} is not a host; one looks like 'example.com', '127.0.0.1:8000' or '[::1]:8000'"
        )
    return host, _port_number(port)


def parse_origin(value: str) -> tuple[str, str, int | None]:
    """Split an `Origin` field (RFC 6454 §7) to scheme and host, both in lower case, and its port, None without one.

    Raises ValueError for anything else, `null` included.
    """
    scheme, separator, host = value.partition("://")
    if not separator or _SCHEME.fullmatch(scheme) is None:
        raise ValueError("an origin is a scheme and a host, such as 'https://example.com'")
    return scheme.lower(), *parse_host(host)


def normal_origin(value: str) -> str:
    """An origin as browsers send it: in lower case and without a port that is its scheme's. Raises ValueError."""
    scheme, host, port = parse_origin(value)
    return f"{scheme}://{host}" if port in (None, DEFAULT_PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def _split_port(value: str) -> tuple[str, str]:
    if value[:1] != "[":
        host, _, port = value.partition(":")
        return host, port
    address, bracket, rest = value.partition("]")
    if not bracket or (rest and rest[0] != ":"):
        return "", ""
    return address + bracket, rest[1:]


def _is_reg_name(host: str) -> bool:
    if not host or len(host) > _HOST_MAX or host.rstrip(_REG_NAME):
        return False
    return host[0] != "." and ".." not in host


def _is_ipv6(host: str) -> bool:
    if len(host) > _HOST_MAX or "%" in host:  # a zone says something only on the machine it comes from
        return False
    try:
        IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def _port_number(port: str) -> int | None:
    if not port:
        return None
    if len(port) > 5 or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{port[:60]!a} is not a port; one is a number from 0 to 65535")
    return int(port)


def decode_path(raw: bytes) -> str:
    """Percent-decode a raw request path, once; the module's text says what stays encoded.

    Raises ValueError for an incomplete escape, for NUL, and for what is not UTF-8.
    """
    try:
        if b"%" in raw:
            return _decode_escapes(raw)
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the path is not UTF-8: {error.reason}") from None
    if "\0" in text:
        raise ValueError("the path holds NUL")
    return text


def _decode_escapes(raw: bytes) -> str:
    bad = _BAD_ESCAPE.search(raw)
    if bad is not None:
        raise ValueError(f"the path holds an incomplete escape at byte {bad.start()}")
    if b"\0" in raw or b"%00" in raw:
        raise ValueError("the path holds NUL")
    if b"%2F" in raw or b"%2f" in raw:
        # NUL stands for the encoded slashes meanwhile: it was refused above, so it stands for nothing else.
        text = unquote_to_bytes(raw.replace(b"%2F", b"\0").replace(b"%2f", b"\0")).decode("utf-8")
        return text.replace("%", "%25").replace("\0", "%2F")
    return keep_escapes(unquote_to_bytes(raw).decode("utf-8"))


def keep_escapes(path: str) -> str:
    """Bring a path that a server has decoded already into the form that `decode_path` gives it.

    Such a server has turned `%2F` into a slash, which can't be told from a real one any more.
    """
    if "%" in path and ("%25" in path or "%2F" in path or "%2f" in path):
        return path.replace("%", "%25")
    return path


def decode_segment(raw: str) -> str:
    """Undo what `decode_path` left encoded in a value captured from its result: `%2F` and `%25`."""
    if "%" not in raw:
        return raw
    return raw.replace("%2F", "/").replace("%25", "%")


def encode_path(path: str) -> str:
    """Percent-encode a decoded path: `decode_path(encode_path(path).encode())` is `path` again.

    A path that `decode_path` can't have returned, since a bare `%` stands next to `%2F` or `%25`, is read as if that
    `%` were written `%25`. Raises ValueError for a lone surrogate.
    """
    if "%2F" in path or "%25" in path:
        return quote(_NOT_KEPT_ESCAPE.sub("%25", path), safe=_PATH_SAFE + "%")
    return quote(path, safe=_PATH_SAFE)


def quote_segment(text: str) -> str:
    """Percent-encode plain text for one segment of a path, slashes too.

    Raises ValueError for a lone surrogate.
    """
    return quote(text, safe=_SEGMENT_SAFE)


def encode_query(params: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    """Write a query string without `?`; a list or tuple as a value repeats its key, other values go through `str`.

    Raises ValueError for a lone surrogate.
    """
    return urlencode([(key, one) for key, value in pairs_of(params) for one in _listed(value)], quote_via=quote)


def _listed(value: Any) -> Sequence[Any]:
    return cast(Sequence[Any], value) if isinstance(value, list | tuple) else (value,)


def check_location(value: str) -> str:
    """Return the text of a `Location` field: ASCII, with only the characters of a URI.

    Others are percent-encoded as UTF-8 (RFC 3987 §3.1), backslash too, since browsers take it for a slash. Escapes
    stay as they are, so a second call changes nothing. Where the reference leads is not looked at. Raises ValueError
    for control characters, also those that URL parsers drop silently, and for a lone surrogate.
    """
    if not value.isprintable():
        bad = _CONTROL.search(value)
        if bad is not None:
            raise ValueError(f"a redirect target can't hold the control character {bad[0]!a} (character {bad.start()})")
    if "%" in value:
        value = _BARE_PERCENT.sub("%25", value)
    return quote(value, safe=_URI_SAFE)


def check_redirect(value: str, schemes: Collection[str]) -> str:
    """Return the text of a `Location` field, as `check_location` does, for a URL of one of `schemes` or without one.

    What begins with several slashes names another host (RFC 3986 §4.2), which is written with its scheme here: it is
    made a path of this one (CVE-2024-42353). Raises ValueError for other schemes too: browsers run what `javascript:`
    and `data:` hold (CVE-2012-3442).
    """
    location = check_location(value)
    scheme, colon, _ = location.partition(":")
    if colon and _SCHEME.fullmatch(scheme) is not None and scheme.lower() not in schemes:
        raise ValueError(
            f"a redirect can't lead to a URL of the scheme {scheme[:20]!a}; `schemes` lists those that it may"
        )
    return "/" + location.lstrip("/") if location.startswith("//") else location


class URL(Struct, frozen=True):
    """A URL as its parts; `str` is for showing and sending, and nothing parses it again.

    `host` is as `parse_host` returns it (IPv6 in brackets), `path` as `decode_path` does, empty or starting with `/`,
    `query` is the raw query string without `?`. Raises ValueError for any other path.
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = "/"
    query: str = ""

    def __post_init__(self) -> None:
        # SECURITY: `http://host` + `@evil.example` names another host (CVE-2026-54282).
        if self.path and self.path[0] != "/":
            raise ValueError(f"the path of a URL is empty or starts with '/', unlike {self.path[:60]!a}")

    @property
    def netloc(self) -> str:
        """The host, and the port unless it is the scheme's own."""
        if self.port is None or self.port == _DEFAULT_PORTS.get(self.scheme):
            return self.host
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port as browsers write them in `Origin`."""
        return f"{self.scheme}://{self.netloc}"

    def replace(self, **parts: Any) -> URL:
        """Return a copy with some parts changed."""
        return replace(self, **parts)

    def __str__(self) -> str:
        query = "?" + quote(self.query, safe=_PATH_SAFE + "?[]%") if self.query else ""
        return f"{self.origin}{encode_path(self.path)}{query}"


class QueryParams(Pairs):
    """The fields of a query string or urlencoded form: ordered, case-sensitive, unchangeable.

    Only `&` separates (CVE-2021-23336), empty fields are skipped, a field without `=` has an empty value. `+` is a
    space, escapes are UTF-8 with U+FFFD for what isn't, and incomplete escapes stay. Raises ValueError for more than
    `max_fields` fields, empty ones included.
    """

    __slots__ = ()

    def __init__(self, query: str | bytes = b"", *, max_fields: int = 1000) -> None:
        super().__init__(_parse_query(query, max_fields) if query else ())


def plain_firsts(query: str) -> dict[str, str] | None:
    """The first value of each field, as `QueryParams` has it; None if it takes more than splitting to read it."""
    if "%" in query or "+" in query or not query.isascii():
        return None
    if "&" not in query:
        key, _, value = query.partition("=")
        return {key: value} if query else {}
    if len(query) > _PLAIN_MAX:
        return None
    firsts: dict[str, str] = {}
    for field in query.split("&"):
        key, _, value = field.partition("=")
        if field and key not in firsts:
            firsts[key] = value
    return firsts


def _parse_query(query: str | bytes, max_fields: int) -> list[tuple[str, str]]:
    if isinstance(query, str) and "%" not in query and "+" not in query and query.isascii():
        # PERF: most queries; no way through bytes and back.
        if query.count("&") >= max_fields:
            raise ValueError(f"the query has more than {max_fields} fields")
        return [(key, value) for key, _, value in [field.partition("=") for field in query.split("&") if field]]
    raw = query.encode("utf-8", "surrogatepass") if isinstance(query, str) else query
    if raw.count(b"&") >= max_fields:
        raise ValueError(f"the query has more than {max_fields} fields")
    if _PERCENT not in raw and _PLUS not in raw:
        fields = [field.partition("=") for field in raw.decode("utf-8", "replace").split("&") if field]
        return [(key, value) for key, _, value in fields]
    # Decoding comes after splitting, since `%26` and `%3D` are text.
    raw_fields = [field.partition(b"=") for field in raw.replace(b"+", b" ").split(b"&") if field]
    return [(_decode_field(key), _decode_field(value)) for key, _, value in raw_fields]


def _decode_field(raw: bytes) -> str:
    return (unquote_to_bytes(raw) if _PERCENT in raw else raw).decode("utf-8", "replace")
