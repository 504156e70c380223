"""What proxies say of a request: the fields `Forwarded` (RFC 7239) and `X-Forwarded-*`, read from their right end.

A proxy adds to the right of what it receives, so the last entry is that of the nearest proxy, and the first is whatever
a client has made up. Nothing here raises for what was sent: an entry that can't be read says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from nacre.headers import Headers
from nacre.types import Address

HOPS_MAX = 32
"""Entries that are looked at. SECURITY: a client may have sent thousands of them."""

_LENGTH_MAX = 8192  # characters of `Forwarded`, which can be read from its beginning only: 32 entries of 256

Peer = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of who it was asked by: `node` is its address as written, "" if it isn't told."""

    node: str = ""
    proto: str = ""
    host: str = ""


# One pair of an element, or what is between two of them; RFC 7239 §4. Each alternative begins with another character,
# so that nothing is read twice.
_PAIR = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"=]*))|([,;])|[ \t]+')
_MALFORMED = [Hop("malformed")]
_ESCAPE = re.compile(r"\\(.)")


def read_forwarded(headers: Headers) -> list[Hop]:
    """The elements of `Forwarded`, first one first; a malformed field is one element that can't be read.

    SECURITY: where a quote isn't closed nobody can tell which part a client has sent.
    """
    text = ",".join(headers.getlist("forwarded"))
    if len(text) > _LENGTH_MAX:
        return _MALFORMED
    hops: list[Hop] = []
    element: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            return _MALFORMED
        at = found.end()
        name, quoted, token, separator = found.groups()
        if separator == ",":
            hops.append(_hop(element))
            element = {}
        elif name is not None:
            value = token if quoted is None else _ESCAPE.sub(r"\1", quoted)
            if element.setdefault(name.lower(), value) != value:
                return _MALFORMED  # RFC 7239 §4: each parameter once
    return [*hops, _hop(element)] if "forwarded" in headers else []


def _hop(element: Mapping[str, str]) -> Hop:
    return Hop(element.get("for", ""), element.get("proto", ""), element.get("host", ""))


def listed(headers: Headers, name: str) -> list[str]:
    """The last values of a field that is a list, those of all its lines; an empty field has one that is empty."""
    lines = headers.getlist(name)
    return [value.strip(" \t") for value in ",".join(lines).rsplit(",", HOPS_MAX)] if lines else []


def nearest(values: Sequence[str], hops: int) -> str:
    """The value of the outermost proxy of so many; where fewer have spoken, the first of all."""
    return values[max(len(values) - max(hops, 1), 0)] if values else ""


def parse_node(text: str) -> Address | None:
    """The address in an entry: IPv4 or IPv6, with or without port; None for `unknown`, `_hidden` and all others."""
    if text[:1] == "[":
        name, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and rest[:1] != ":"):
            return None
        port = rest[1:]
    elif text.count(":") == 1:
        name, _, port = text.partition(":")
    else:
        name, port = text, ""
    address = parse_ip(name)
    if address is None or (port and not _is_port(port)):
        return None
    return str(address), int(port) if port else None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536


def parse_ip(text: str) -> Peer | None:
    """An address in its one form: no zeros in front, no short forms, no zone (CVE-2021-33571).

    An IPv4 address that was mapped to IPv6, as sockets for both kinds show it, is the IPv4 address.
    """
    if len(text) > 45 or "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
