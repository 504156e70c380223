"""Header fields whose names and values are bytes, over Nacre's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from nacre.headers import Headers as ReceivedHeaders
from nacre.headers import MutableHeaders, check_pair, pairs_of
from nacre.request import Request as NativeRequest

HeaderType = tuple[bytes, bytes]
_KEPT_LENGTH_MAX = 128
_NEVER_KEPT = frozenset({b"set-cookie", b"Set-Cookie"})
Pairs = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


@lru_cache(maxsize=512)
def _kept_pair(name: Any, value: Any) -> tuple[str, str]:
    return check_pair(name, value)


def checked_pair(name: Any, value: Any) -> tuple[str, str]:
    """A field as it may be sent. Raises ValueError for what may not stand on the wire.

    PERF: most fields of an application are the same for all responses. SECURITY: cookies aren't kept.
    """
    is_bytes = name.__class__ is bytes and value.__class__ is bytes
    if is_bytes and len(value) <= _KEPT_LENGTH_MAX and name not in _NEVER_KEPT:
        return _kept_pair(name, value)
    return check_pair(name, value)


def encoded(pair: tuple[str, str]) -> HeaderType:
    return pair[0].encode("latin-1"), pair[1].encode("latin-1")


class Headers(MutableHeaders):
    """The header fields of a message: ordered, case-insensitive, several of a name allowed.

    Asked with bytes they answer in bytes, as BlackSheep's do: `get` and `[]` with all values of the name. Asked with a
    `str` they answer as Nacre's, for layers of other kinds. All that goes in is checked: ValueError for what may not
    stand on the wire.
    """

    def __init__(self, values: Iterable[HeaderType] | None = None) -> None:
        self.fields = [check_pair(name, value) for name, value in values or ()]
        super().__init__(self.fields)

    @classmethod
    def over(cls, pairs: list[tuple[str, str]]) -> Headers:
        """The fields in a list of checked pairs, which is used in place."""
        headers = cls.__new__(cls)
        MutableHeaders.__init__(headers, pairs)
        headers.fields = pairs
        return headers

    def add(self, name: Any, value: Any) -> None:
        """Append a field."""
        # PERF: as `checked_pair`, without the call.
        is_bytes = name.__class__ is bytes and value.__class__ is bytes
        if is_bytes and len(value) <= _KEPT_LENGTH_MAX and name not in _NEVER_KEPT:
            self.fields.append(_kept_pair(name, value))
        else:
            self.fields.append(check_pair(name, value))

    @property
    def values(self) -> list[HeaderType]:
        """All fields, in order."""
        return [encoded(pair) for pair in self.pairs()]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def items(self) -> Any:
        return iter(self.values)

    def keys(self) -> Any:
        return tuple(dict.fromkeys(name for name, _ in self.values))

    def get(self, name: Any, default: Any = None, /) -> Any:
        if isinstance(name, bytes):
            return tuple(value.encode("latin-1") for value in self.getlist(name))
        return super().get(name, default)

    def __getitem__(self, name: Any) -> Any:
        return self.get(name) if isinstance(name, bytes) else super().__getitem__(name)

    def get_first(self, key: bytes) -> bytes | None:
        """The first value of a name; None without one."""
        found = self.get(key)
        return found[0] if found else None

    def get_single(self, key: bytes) -> bytes:
        """The only value of a name. Raises ValueError if there are several or none."""
        found: tuple[bytes, ...] = self.get(key)
        if len(found) != 1:
            raise ValueError(f"{len(found)} headers are called {key[:60]!a}, and one was asked for")
        return found[0]

    def get_tuples(self, name: bytes) -> list[HeaderType]:
        """The fields of a name, each with its name."""
        return [(name.lower(), value) for value in self.get(name)]

    def contains(self, key: bytes) -> bool:
        return bool(self.get(key))

    def add_many(self, values: Pairs) -> None:
        for name, value in pairs_of(values):
            self.add(name, value)

    merge = add_many

    def clone(self) -> Headers:
        """Fields of their own, the same as these."""
        return Headers.over(self.pairs())

    def __iadd__(self, other: HeaderType | Pairs) -> Headers:
        """Append a field, or several."""
        values: Any = [other] if isinstance(other, tuple) else other
        self.add_many(values)
        return self

    def __add__(self, other: HeaderType | Pairs) -> Headers:
        headers = self.clone()
        headers += other
        return headers


class RequestHeaders(Headers):
    """The header fields of a request; a change is seen by all that look at the request later."""

    native: NativeRequest

    @classmethod
    def of(cls, native: NativeRequest) -> RequestHeaders:
        headers = cls.over(native.headers.pairs())
        assert isinstance(headers, RequestHeaders)
        headers.native = native
        return headers

    def _changed(self) -> None:
        self.native.replace_headers(ReceivedHeaders(self.pairs()))

    def add(self, name: Any, value: Any) -> None:
        super().add(name, value)
        self._changed()

    def set(self, name: Any, value: Any) -> None:
        super().set(name, value)
        self._changed()

    def remove(self, name: Any) -> None:
        super().remove(name)
        self._changed()

    def extend(self, source: Any) -> None:
        super().extend(source)
        self._changed()

    def update(self, source: Any = (), /) -> None:
        super().update(source)
        self._changed()
