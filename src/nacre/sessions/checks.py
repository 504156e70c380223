"""What is wrong, and what is unsafe, with the options of `Sessions`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from nacre.callables import is_async
from nacre.errors import Location, Problem
from nacre.risks import Risk
from nacre.sessions.memory import MemoryStore
from nacre.sessions.records import Store
from nacre.signing import Secrets, check_secrets

_AGE_MAX = 1000 * 366 * 86_400.0  # what is kept in a cookie has room for milliseconds until the year 10889
_METHODS = ("read", "write", "delete")


def keeping_problems(secret: Secrets | None, encrypt: bool, store: Store | None, where: Location) -> list[Problem]:
    if store is None:
        if secret is None:
            fix = "give a `secret`, for a signed cookie, or a `store`, such as SQLiteStore(…), for the server's side"
            return [Problem("Sessions has neither a secret nor a store", where, fix)]
        return check_secrets(secret, "the secret of Sessions", where)
    problems: list[Problem] = []
    if secret is not None or encrypt:
        what = "Sessions has a store, so its cookie holds a random id and neither signed nor encrypted content"
        problems.append(Problem(what, where, "leave out `secret` and `encrypt`, or the store"))
    methods = [getattr(store, name, None) for name in _METHODS]
    if not all(map(callable, methods)) or len({is_async(method) for method in methods}) > 1:
        what = f"the store of Sessions, of type {type(store).__name__}, is no store"
        problems.append(Problem(what, where, "it needs read, write and delete, all plain or all `async def`"))
    return problems


def lifetime_problems(max_age: float, idle: float | None, where: Location) -> list[Problem]:
    problems: list[Problem] = []
    longest = _AGE_MAX
    if _is_number(max_age) and 0 < max_age <= _AGE_MAX:
        longest = max_age
    else:
        fix = "it is a number of seconds above 0, of a thousand years at most"
        problems.append(Problem(f"max_age of Sessions is {max_age!r}", where, fix))
    if idle is not None and not (_is_number(idle) and 0 < idle <= longest):
        fix = "it is a number of seconds above 0, up to max_age"
        problems.append(Problem(f"idle of Sessions is {idle!r}", where, fix))
    return problems


def size_problems(max_size: int, where: Location) -> list[Problem]:
    if _is_number(max_size) and max_size > 0:
        return []
    return [Problem(f"max_size of Sessions is {max_size!r}", where, "it is a number of bytes above 0")]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def risks_of(secure: bool | Literal["auto"], store: Store | None, where: Location) -> Iterator[Risk]:
    if secure is False:
        what = "the session's cookie is sent over plain HTTP too, where it can be read"
        yield Risk(what, "leave out secure=False", "medium", where)
    if isinstance(store, MemoryStore):
        what = "sessions are kept in the memory of one process: they end with it, and other workers don't know them"
        yield Risk(what, "keep them in a cookie, or in a SQLiteStore", "low", where)
