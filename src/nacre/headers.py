"""Header fields: reading them, changing them, and the one place where outgoing header text is checked.

Facts, from RFC 9110 §5:

- A name is a token and compares without case. Names are kept in lower case, as HTTP/2 sends them.
- A name may come more than once, and the order of its values matters. `Set-Cookie` can't be joined with commas, so
  values are never joined here.
- A value is bytes; Python holds them as latin-1 text. The bytes 0x80 to 0xFF are legal (`obs-text`) and mean whatever
  both ends agree on. Control characters other than HTAB are not legal, and CR, LF and NUL are how headers get injected.
- Whitespace around a value is not part of it (§5.5), and some servers refuse to send it.
"""

from __future__ import annotations

import re
import string
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar, cast, overload

Text: TypeAlias = str | bytes
HeaderValue: TypeAlias = str | bytes | int
HeaderSource: TypeAlias = Mapping[str, HeaderValue] | Mapping[bytes, HeaderValue] | Iterable[tuple[Text, HeaderValue]]
_T = TypeVar("_T")
_K = TypeVar("_K", bound=tuple[Any, Any])
_V = TypeVar("_V")

TOKEN = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
"""The characters of a token, RFC 9110 §5.6.2: `text and not text.rstrip(TOKEN)` tells whether text is one."""

# Names that were checked, as they were spelled. An application uses a few dozen; the bounds keep one that forwards
# names chosen by a peer from growing without end.
_checked_names: dict[str, str] = {}
_CHECKED_NAMES_MAX = 512
_CHECKED_NAME_LENGTH_MAX = 64

_PAIRS_MAX = 512
_VALUES_MAX = 64


class _Known(dict[_K, _V]):
    """Pairs that were checked or encoded, and what became of them, up to 512: most are the same for every response.

    A name that comes with more than 64 values has one for each response (an ETag, a request's id): those would only use
    up the room of the others. SECURITY: no cookie is kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[Text, int] = {}

    def keep(self, pair: _K, made: _V) -> None:
        name = pair[0]
        values = self._values.get(name, 0)
        if values == _VALUES_MAX:
            return
        if len(self) >= _PAIRS_MAX:
            self.clear()
            unkept = [name for name, values in list(self._values.items()) if values == _VALUES_MAX]
            self._values = dict.fromkeys(unkept[:_CHECKED_NAMES_MAX], _VALUES_MAX)
        self._values[name] = values + 1
        self[pair] = made


_checked_pairs: _Known[tuple[str, str], tuple[str, str]] = _Known()
_known_checked: Callable[[tuple[object, object]], tuple[str, str] | None] = cast(Any, _checked_pairs.get)
_encoded_pairs: _Known[tuple[str, str], tuple[bytes, bytes]] = _Known()
known_pair = _encoded_pairs.get
"""What `encode_pair` gave for a pair before; None if that isn't known, or frames the message (RFC 9112 §6).

PERF: no frame of ours for most pairs, and none of them has to be looked at once more.
"""
_decoded_pairs: _Known[tuple[bytes, bytes], tuple[str, str]] = _Known()
known_field: Callable[[Any], tuple[str, str] | None] = cast(Any, _decoded_pairs.get)
"""What `decode_pair` gave for a pair of bytes before; None if that isn't known. Raises TypeError for byte arrays."""
_decoded_names: dict[bytes, str] = {}
_encoded_names: dict[str, bytes] = {}
_PAIR_LENGTH_MAX = 256
_FEW = 32
"""Pairs that are walked rather than indexed. PERF: to index a dozen costs as much as five walks, about 2 µs."""
_NEVER_KEPT = frozenset({"set-cookie", "content-length", "transfer-encoding"})

_NOT_FIELD_TEXT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


def check_name(name: Text) -> str:
    """Return a header name in lower case.

    Raises ValueError when it is not a token (RFC 9110 §5.6.2).
    """
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    known = _checked_names.get(name)
    if known is not None:
        return known
    if not name or name.rstrip(TOKEN):
        raise ValueError(
            f"{name[:60]!a} is not a header name; a name is one or more letters, digits and !#$%&'*+-.^_`|~"
        )
    lower = name.lower()
    if len(_checked_names) < _CHECKED_NAMES_MAX and len(name) <= _CHECKED_NAME_LENGTH_MAX:
        _checked_names[name] = lower
    return lower


def check_value(name: str, value: HeaderValue) -> str:
    """Return a header value as latin-1 text without the whitespace around it; `name` is for the message.

    Bytes are read as latin-1 and integers are written in decimal. Raises ValueError for control characters other than
    HTAB and for characters outside latin-1, and TypeError for other types.
    """
    text = value if isinstance(value, str) else _text_of(name, value)
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    bad = _NOT_FIELD_TEXT.search(text)
    if bad is not None:
        raise ValueError(f"header {name[:60]!a} can't hold {_reason(bad[0])} (character {bad.start()} of the value)")
    return text.strip(" \t")


def _text_of(name: str, value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value))
    raise TypeError(f"header {name[:60]!a} takes str, bytes or int, not {type(value).__name__}")


def _reason(char: str) -> str:
    if ord(char) < 0x100:
        return f"the control character {char!a}"
    return f"{char!a}: it is outside latin-1; percent-encode it"


def check_pair(name: Text, value: HeaderValue) -> tuple[str, str]:
    """Return a pair that may be sent, as `check_name` and `check_value` leave its halves.

    PERF: half the cost of the two for a pair that was checked before (bench/parts.py).
    """
    if value.__class__ is not str or name.__class__ is not str:
        name = check_name(name)
        return name, check_value(name, value)
    return _known_checked((name, value)) or _check_new(name, value)


def _check_new(name: Text, value: HeaderValue) -> tuple[str, str]:
    """The same for a pair that isn't known."""
    checked = check_name(name)
    pair = checked, check_value(checked, value)
    if (
        name.__class__ is value.__class__ is str
        and checked != "set-cookie"
        and len(name) + len(cast(Any, value)) <= _PAIR_LENGTH_MAX
    ):
        _checked_pairs.keep(cast(Any, (name, value)), pair)
    return pair


def encode_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Encode checked pairs as latin-1, for an ASGI message."""
    return [known_pair(pair) or encode_pair(pair) for pair in pairs]


def decode_pair(name: bytes, value: bytes) -> tuple[str, str]:
    """Decode one pair of an ASGI message, and check it."""
    given = (bytes(name), bytes(value))
    pair = _decoded_pairs.get(given)
    if pair is None:
        text = given[0].decode("latin-1").lower()
        pair = check_pair(text, given[1].decode("latin-1"))
        if len(name) + len(value) <= _PAIR_LENGTH_MAX and text != "set-cookie":
            _decoded_pairs.keep(given, pair)
    return pair


def _decode_name(name: bytes) -> str:
    text = name.lower().decode("latin-1")
    if len(name) <= _CHECKED_NAME_LENGTH_MAX:
        if len(_decoded_names) >= _CHECKED_NAMES_MAX:
            _decoded_names.clear()
        _decoded_names[bytes(name)] = text
    return text


def encode_pair(pair: tuple[str, str]) -> tuple[bytes, bytes]:
    """Encode one pair as latin-1; it is checked once more, since a response's list of pairs may be written to."""
    name, value = pair
    encoded_name = _encoded_names.get(name)
    if encoded_name is None:
        name = check_name(name)
        encoded_name = name.encode("latin-1")
        if len(_encoded_names) < _CHECKED_NAMES_MAX and len(name) <= _CHECKED_NAME_LENGTH_MAX:
            _encoded_names[name] = encoded_name
    encoded = encoded_name, check_value(name, value).encode("latin-1")
    if len(name) + len(value) <= _PAIR_LENGTH_MAX and name not in _NEVER_KEPT:
        _encoded_pairs.keep(pair, encoded)
    return encoded


class MultiMapping(Mapping[str, str]):
    """Map a name to one or more values, in the order they came.

    As a `Mapping` it holds each name once, with its first value: that is what `[]`, `get`, `keys`, `values`, `items`,
    `len` and iteration show. `getlist` and `pairs` show every value. Two are equal when all their pairs are, in order.
    """

    __slots__ = ()

    @abstractmethod
    def pairs(self) -> list[tuple[str, str]]:
        """Return every (name, value), in order and with duplicates; the list is the caller's own."""

    @abstractmethod
    def getlist(self, name: Text) -> list[str]:
        """Return all values of a name, in order; empty when there are none."""

    @abstractmethod
    def _first(self, name: Text) -> str | None:
        """Return the first value of a name, None when there is none."""

    @overload
    def get(self, name: Text, /) -> str | None: ...
    @overload
    def get(self, name: Text, /, default: str) -> str: ...
    @overload
    def get(self, name: Text, /, default: _T) -> str | _T: ...
    def get(self, name: Text, /, default: object = None) -> object:
        """Return the first value of a name, else `default`."""
        value = self._first(name)
        return default if value is None else value

    def __getitem__(self, name: Text) -> str:
        value = self._first(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        # PERF: `str | bytes` is made anew at each call, which costs as much as the look-up.
        return isinstance(name, (str, bytes)) and self._first(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.pairs()))

    def __len__(self) -> int:
        return len({name for name, _ in self.pairs()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MultiMapping):
            return NotImplemented
        return self.pairs() == other.pairs()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pairs()!r})"


class Pairs(MultiMapping):
    """A multi-mapping that can't change, with names compared exactly.

    The two indexes are built when first needed: most requests look up one or two names and no list.
    """

    __slots__ = ("_firsts", "_lists", "_pairs", "_repeats")

    def __init__(self, source: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._pairs: tuple[tuple[str, str], ...] = tuple(pairs_of(source))
        self._firsts: dict[Text, str] | None = None
        self._lists: dict[Text, list[str]] | None = None

    def pairs(self) -> list[tuple[str, str]]:
        return list(self._pairs)

    def getlist(self, name: Text) -> list[str]:
        lists = self._lists
        if lists is None:
            lists = {}
            for known, value in self._pairs:
                lists.setdefault(known, []).append(value)
            self._lists = lists
        return list(lists.get(name, ()))

    def _first(self, name: Text) -> str | None:
        return (self._firsts or self._index()).get(name)

    def _index(self) -> dict[Text, str]:
        """The first value of each name."""
        # The last of equal keys stays in a dict, so the pairs go in backwards.
        firsts: dict[Text, str] = dict(reversed(self._pairs))
        self._firsts = firsts
        self._repeats = len(firsts) < len(self._pairs)
        return firsts

    def __hash__(self) -> int:
        return hash(self._pairs)


class Headers(Pairs):
    """The headers of a received message: ordered, without case, unchangeable.

    Nothing is checked: what arrives was checked by the server.
    """

    __slots__ = ()

    def __init__(self, source: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        given = source if source.__class__ is list else pairs_of(source)
        self._pairs = tuple([(name.lower(), value) for name, value in given])
        self._firsts = self._lists = None

    @classmethod
    def from_bytes(cls, pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Decode the pairs of an ASGI scope, as latin-1."""
        headers = cls.__new__(cls)
        known = _decoded_names.get
        headers._pairs = tuple([(known(name) or _decode_name(name), value.decode("latin-1")) for name, value in pairs])
        headers._firsts = headers._lists = None
        return headers

    @classmethod
    def from_lower(cls, pairs: list[tuple[str, str]]) -> Headers:
        """Take pairs whose names are in lower case, as Granian's are. PERF: a sixth of the cost of looking at each."""
        headers = cls.__new__(cls)
        headers._pairs = tuple(pairs)
        headers._firsts = headers._lists = None
        return headers

    def getlist(self, name: Text) -> list[str]:
        firsts = self._firsts or self._index()
        # PERF: in most messages no name comes twice, and then the first value is all there is: half of a walk.
        if not self._repeats:
            value = firsts.get(name)
            if value is None and (name.__class__ is not str or not name.islower()):
                value = firsts.get(_key(name))
            return [] if value is None else [value]
        key = _key(name)
        if len(self._pairs) <= _FEW:
            return [value for known, value in self._pairs if known == key]
        return super().getlist(key)

    def _first(self, name: Text) -> str | None:
        firsts = self._firsts or self._index()
        value = firsts.get(name)  # PERF: most callers write names in lower case (bench/parts.py)
        return firsts.get(_key(name)) if value is None and (name.__class__ is not str or not name.islower()) else value


class MutableHeaders(MultiMapping, MutableMapping[str, str]):
    """The headers of a message to send, over a list of pairs that is used in place.

    Whatever goes in passes `check_name` and `check_value`, so each method that takes a name or a value may raise
    ValueError. A list given to the constructor is trusted: its names are in lower case and its text is checked.
    Look-ups walk the list, which is short.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str]] | None = None) -> None:
        self._pairs: list[tuple[str, str]] = [] if pairs is None else pairs

    @property
    def raw(self) -> list[tuple[str, str]]:
        """The list itself, not a copy."""
        return self._pairs

    def pairs(self) -> list[tuple[str, str]]:
        return self._pairs.copy()

    def getlist(self, name: Text) -> list[str]:
        key = _key(name)
        return [value for known, value in self._pairs if known == key]

    def _first(self, name: Text) -> str | None:
        key = _key(name)
        for known, value in self._pairs:
            if known == key:
                return value
        return None

    def add(self, name: Text, value: HeaderValue) -> None:
        """Append a value and keep those that the name has."""
        # PERF: most pairs have been checked before; to find that here spares a frame, 40 ns of 145 (bench/parts.py).
        try:
            pair = _known_checked((name, value)) or _check_new(name, value)
        except TypeError:  # what can't be hashed is no text: told there
            pair = check_pair(name, value)
        self._pairs.append(pair)

    def set(self, name: Text, value: HeaderValue) -> None:
        """Give a name this one value, at the place of its first; append when it has none."""
        pair = check_pair(name, value)
        name, pairs = pair[0], self._pairs
        at = 0
        for known, _ in pairs:
            if known == name:
                break
            at += 1
        else:
            pairs.append(pair)
            return
        pairs[at] = pair
        at += 1
        if at < len(pairs):
            self._drop(name, at)

    def __setitem__(self, name: Text, value: HeaderValue) -> None:
        self.set(name, value)

    # `MutableMapping` also lets the default be left out, and a header has no value to fall back to.
    def setdefault(self, name: Text, value: HeaderValue) -> str:
        """Return the first value of a name, after giving it this one if it has none."""
        present = self._first(name)
        if present is not None:
            return present
        self.add(name, value)
        return self._pairs[-1][1]

    def remove(self, name: Text) -> None:
        """Drop all values of a name; it may have none."""
        self._drop(_key(name), 0)

    def __delitem__(self, name: Text) -> None:
        before = len(self._pairs)
        self.remove(name)
        if len(self._pairs) == before:
            raise KeyError(name)

    def extend(self, source: HeaderSource) -> None:
        """Append every pair of a mapping or an iterable, and keep what is there."""
        self._pairs.extend(_checked(source))

    # `MutableMapping` also takes keyword arguments, and most header names are not identifiers.
    def update(self, source: HeaderSource = (), /) -> None:  # type: ignore[override]
        """Replace the values of each name in `source` by all the values it has there."""
        grouped: dict[str, list[tuple[str, str]]] = {}
        for pair in _checked(source):
            grouped.setdefault(pair[0], []).append(pair)
        for name, (first, *others) in grouped.items():
            self.set(name, first[1])
            self._pairs.extend(others)

    def add_vary(self, *names: str) -> None:
        """Merge field names into `Vary`: each once, without case, spelled as first seen; `*` replaces them all."""
        merged = _merged(", ".join(self.getlist("vary")), names)
        if merged is not None:
            self.set(*merged)

    def _drop(self, name: str, start: int) -> None:
        self._pairs[start:] = [pair for pair in self._pairs[start:] if pair[0] != name]


def add_vary(pairs: list[tuple[str, str]], *names: str) -> None:
    """What `MutableHeaders.add_vary` does, for pairs as in `Response.raw_headers`. PERF: most need no `headers`."""
    there: tuple[str, str] | None = None
    for pair in pairs:
        if pair[0] == "vary":
            if there is not None:
                MutableHeaders(pairs).add_vary(*names)
                return
            there = pair
    merged = _merged("" if there is None else there[1], names)
    if merged is None:
        return
    if there is None:
        pairs.append(merged)
    else:
        pairs[pairs.index(there)] = merged


@lru_cache(maxsize=256)
def _merged(there: str, names: tuple[str, ...]) -> tuple[str, str] | None:
    """One `Vary` of the field names that there are, and these; None if that names no field.

    PERF: an application has few of them (bench/parts.py).
    """
    for name in names:
        check_name(name)
    fields: dict[str, str] = {}
    for field in [*(field.strip() for field in there.split(",")), *names]:
        if field:
            fields.setdefault(field.lower(), field)
    return check_pair("vary", "*" if "*" in fields else ", ".join(fields.values())) if fields else None


def _key(name: Text) -> str:
    return name.lower() if isinstance(name, str) else name.lower().decode("latin-1")


def _checked(source: HeaderSource) -> list[tuple[str, str]]:
    checked: list[tuple[str, str]] = []
    for name, value in pairs_of(source):
        name = check_name(name)
        checked.append((name, check_value(name, value)))
    return checked


def pairs_of(source: Any) -> Iterable[tuple[Any, Any]]:
    """Return the pairs of a multi-mapping, of another mapping, or of an iterable of pairs, which is returned as is."""
    if isinstance(source, list):  # nearly always, and the look-ups in abstract classes below cost more
        return cast("list[tuple[Any, Any]]", source)
    if isinstance(source, MultiMapping):
        return source.pairs()
    return cast("Iterable[tuple[Any, Any]]", source.items() if isinstance(source, Mapping) else source)
