"""Names of hosts in options: lists of them, their ASCII form, the domains above one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nacre.errors import Location, Problem

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names of the machine itself."""


def texts_of(value: Any, what: str, example: str, where: Location, problems: list[Problem]) -> tuple[str, ...]:
    """The texts of a list in an option; what is no list of texts goes to `problems` and counts as an empty one."""
    if isinstance(value, str):
        # SECURITY: as a list it would be one of single letters, and `in` would look for a part of the text.
        problems.append(Problem(f"{what} are a list, not a text", where, f"write [{value!a}]"))
        return ()
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        problems.append(Problem(f"{what} are a list, not {type(value).__name__}", where, f'write ["{example}"]'))
        return ()
    found: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
    wrong = [type(one).__name__ for one in found if not isinstance(one, str)]
    if wrong:
        problems.append(
            Problem(f"{what} are texts, and one of them is of type {wrong[0]}", where, f'write ["{example}"]')
        )
        return ()
    return tuple(found)


def ascii_host(host: str) -> str:
    """A host, perhaps with a port, in the form that stands in a request.

    Raises ValueError for a name whose form in ASCII depends on the edition of IDNA (`straße`): it must be written as
    it is registered (`xn--…`).
    """
    if host.isascii():
        return host.lower()
    name, colon, port = host.lower().partition(":")
    encoded = name.encode("idna")
    if encoded.decode("idna") != name:
        raise ValueError(f"{host!a} has more than one form in ASCII")
    return encoded.decode("ascii") + colon + port


def parents(host: str) -> Iterator[str]:
    """The domains above a host, nearest first."""
    _, _, rest = host.partition(".")
    while rest:
        yield rest
        _, _, rest = rest.partition(".")
