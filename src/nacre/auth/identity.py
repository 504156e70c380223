"""Who a request is from: what a scheme found out, and how handlers ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from nacre.errors import Unauthorized
from nacre.state import Key

USER: Key[Any] = Key("user")
"""The user in the state of a request: `user: Annotated[User, USER]`; None for an anonymous one."""


class Identity:
    """A user, and what the credentials of this request allow: what `verify` may return in place of the user alone.

    `scopes` and `roles` count in place of those of the user where they are given, as for a token that allows less than
    its owner may do. `scheme` is the name of the scheme that knew the credentials.
    """

    __slots__ = ("roles", "scheme", "scopes", "user")

    def __init__(
        self, user: Any, *, scopes: Iterable[str] | None = None, roles: Iterable[str] | None = None, scheme: str = ""
    ) -> None:
        self.user = user
        self.scopes = None if scopes is None else words_of(scopes)
        self.roles = None if roles is None else words_of(roles)
        self.scheme = scheme

    def __repr__(self) -> str:
        # What the user holds (a hash, an address) belongs into no log.
        return f"Identity({type(self.user).__name__}, scheme={self.scheme!r})"


IDENTITY: Key[Identity] = Key("nacre.identity")
"""How the user of a request was found: `request.state.get(IDENTITY)`; not there for an anonymous one."""


def current_user(user: Annotated[Any, USER]) -> Any:
    """The user, for `user: Annotated[User, Provide(current_user)]`. Raises Unauthorized for an anonymous request."""
    if user is None:
        raise Unauthorized("authentication is needed")
    return user


def words_of(value: Any) -> frozenset[str]:
    """Roles or scopes as a set. A text is words with spaces between them, as scopes are in RFC 6749 §3.3.

    Raises TypeError for what holds anything but text.
    """
    words: frozenset[Any] = frozenset(value.split(" ") if isinstance(value, str) else () if value is None else value)
    if not all(isinstance(word, str) for word in words):
        raise TypeError("roles and scopes are texts, and a user has others among its own")
    return words - {""}


def attribute(user: Any, name: str) -> Any:
    """What a user says of itself by an attribute of this name or, being a mapping, by a key; None if nothing."""
    return user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
