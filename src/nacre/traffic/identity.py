"""Whom a request is from, as one short text: the user, or the address."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from nacre.request import Request

_NAMES = ("id", "identity", "pk", "sub", "username")


def user_id(user: Any) -> str | int | None:
    """What tells a user from others, if the user says it.

    It is the user itself if it is text or a number, else the first of `id`, `identity`, `pk`, `sub` and `username` that
    is one, or a UUID, as an attribute or, for a mapping, an item. None if there is none.
    """
    return _named_id(user)[1]


def _named_id(user: Any) -> tuple[str, str | int | None]:
    is_plain, is_mapping = _kind_of(user.__class__)
    if is_plain and (known := _plain(user)) is not None:
        return "", known
    for name in _NAMES:
        known = _plain(user.get(name) if is_mapping else getattr(user, name, None))
        if known is not None:
            return name, known
    return "", None


@lru_cache(maxsize=256)
def _kind_of(kind: type) -> tuple[bool, bool]:
    """Whether users of a class are text or a number themselves, and whether they are mappings.

    PERF: an application has few classes of users, and abstract classes are slow to ask.
    """
    return issubclass(kind, (str, int, UUID)), issubclass(kind, Mapping)


def _plain(value: Any) -> str | int | None:
    kind = value.__class__
    if kind is str:
        return value or None
    if kind is int:
        return value  # type: ignore[no-any-return]
    if isinstance(value, UUID):
        return str(value)
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" else None


def user_key(request: Request) -> str | None:
    """The user of a request as a part of a key; None if there is none, or none that can be told from others.

    SECURITY: the user 1 isn't the user "1", nor are the customer 1 and the administrator 1, whose classes differ, or
    two subjects of one name, whose tokens were issued by different parties.
    """
    user = request.user
    if user is None:
        return None
    name, known = _named_id(user)
    if known is None:
        return None
    kind, issuer = type(user), "" if name == "" else str(_issuer(user) or "")
    return f"user {kind.__module__}.{kind.__qualname__} {name} {len(issuer)}:{issuer} {type(known).__name__} {known}"


def _issuer(user: Any) -> Any:
    return user.get("iss") if _kind_of(user.__class__)[1] else getattr(user, "iss", None)


def address_of(request: Request) -> str:
    """The client's address; of IPv6 the network of 64 bits, which is what one client has.

    SECURITY: it is `request.client`, what the server says, or `ProxyHeaders` where that stands outside. No header field
    is read: a client would choose another address for each request.
    """
    client = request.client
    if client is None:
        return "unknown"
    host = client[0]
    return _network(host) if ":" in host else host


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{ipaddress.IPv6Address(address.packed[:8] + bytes(8))}/64"
