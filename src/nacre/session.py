"""A session: what is kept for one client from request to request."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Final, NamedTuple

from nacre.codecs import decode_json, encode_json
from nacre.errors import ProtocolError

EMPTY: Final = b"{}"
"""A session without anything in it, as JSON."""

_log = logging.getLogger("nacre.sessions")

_FLASHES = "_flashes"
_DEPTH_MAX = 100
_INT_BITS = 53


class SessionClosed(ProtocolError, RuntimeError):
    """A session was changed when it had been saved already, since the response has begun."""


class Flash(NamedTuple):
    """A message for the next page that the client sees."""

    category: str
    message: str


class Session(MutableMapping[str, Any]):
    """What is kept for one client from request to request, as a mapping of names to JSON values.

    Values are None, bool, int, float, str, and lists and dicts of such; setting any other raises TypeError, since it
    would come back as something else. They may be changed in place. What has changed is saved just before the response
    begins, unless that has a status of 500 or more; setting anything later raises SessionClosed, in the rest of a
    stream, in callbacks and tasks, and in a WebSocket handler after its handshake.

    Nothing is decoded until it is asked for, and asking in any way makes the response say `Vary: Cookie`. Names that
    begin with `_` are for layers.
    """

    loaded: bytes | None = None
    """The JSON that was kept; None for a session that is new or hasn't been read."""

    renewed = False
    """Whether what it holds is to get a new id."""

    ended = False
    """Whether what was kept before is to be forgotten."""

    _items: dict[str, Any] | None = None
    _flashed: Sequence[Flash] = ()
    _saved: bytes | None = None
    _is_closed = False
    _is_unreadable = False

    def __init__(self, load: Callable[[], bytes | None] | None = None, held: Any = None) -> None:
        self._load = load
        self.held = held
        """What the layer that keeps it knows of it; nobody else looks at that."""

    # As a mapping.

    def __getitem__(self, name: str) -> Any:
        return (self._items or self._read())[name]

    def __contains__(self, name: object) -> bool:
        return name in self._read()

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or the default."""
        return (self._items or self._read()).get(name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        items = self._changeable()
        if type(name) is not str or not _are_plain((value,)):
            _check_json({name: value})
        items[name] = value

    def __delitem__(self, name: str) -> None:
        del self._changeable()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        # Names only: what they hold may be secret, and this may stand in a log.
        names = "" if self._is_unreadable else ", ".join(map(repr, self._read()))
        return f"<Session {names}>" if names else "<Session>"

    # As what it is.

    @property
    def is_new(self) -> bool:
        """Whether the client came without a session."""
        self._read()
        return self.loaded is None

    def regenerate(self) -> None:
        """Keep what it holds under a new id, so that the old one opens nothing; its absolute lifetime begins anew.

        SECURITY: call it where the client's rights change, at login first of all: who has planted the id that the
        client came with (session fixation) doesn't have the new one.
        """
        self._changeable()
        self.renewed = True

    def clear(self) -> None:
        """End the session: all it holds is forgotten here and at the client. What is set afterwards begins a new one.

        A session that is kept in a cookie is forgotten by the client only: a copy of that cookie stays good until it
        expires.
        """
        self._changeable().clear()
        self._flashed = ()
        self.renewed = self.ended = True

    def destroy(self) -> None:
        """The same as `clear()`."""
        self.clear()

    def flash(self, message: str, category: str = "info") -> None:
        """Leave a message for the next page, which takes it with `flashes()`; often one after a redirect."""
        kept: list[list[str]] = self._changeable().setdefault(_FLASHES, [])
        kept.append([str.__str__(category), str.__str__(message)])

    def flashes(self) -> list[Flash]:
        """Take the messages that were left; within one request each call gives the same and those left since."""
        if _FLASHES in self._read():
            self._flashed = [*self._flashed, *(Flash(*flash) for flash in self._changeable().pop(_FLASHES))]
        return list(self._flashed)

    # For the layer that keeps it.

    @property
    def accessed(self) -> bool:
        """Whether anything was read or set."""
        return self._items is not None

    def encode(self) -> bytes:
        """What it holds as JSON. Raises TypeError for a value without JSON form that was put into a list or dict."""
        items = self._items
        if items is None:
            items = self._read()
        try:
            data = encode_json(items)
        except (TypeError, ValueError, OverflowError, RecursionError):
            _check_json(items)
            raise
        if data != self.loaded:
            # What can't be changed in place was checked when it was set.
            for value in items.values():
                kind = type(value)
                if kind is dict or (kind is list and not _are_plain(value, True)):
                    _check_json(items)
                    break
        return data

    def close(self, *, keep: bool, unread: bool = False) -> bytes | None:
        """Refuse changes from now on; with `unread` a first reading too.

        Gives what `encode` gives, if that is to be kept and anything was read or set. Raises TypeError as that does.
        """
        self._is_closed = True
        if self._items is None:
            self._is_unreadable = unread
        elif keep:
            self._saved = self.encode()
        return self._saved

    def late_changes(self) -> list[str]:
        """The names of what was changed in place since the session was closed."""
        items, kept = self._items, self._saved or self.loaded or EMPTY
        # PERF: nearly always nothing was: one text is compared, not two for each name.
        if not items or _is_json(items, kept):
            return []
        before: dict[str, Any] = decode_json(kept)
        return [name for name, value in items.items() if not _is_same(value, before.get(name))]

    def _read(self) -> dict[str, Any]:
        items = self._items
        if items is None:
            if self._is_unreadable:
                raise SessionClosed(
                    "the session is read for the first time when the response has begun, too late for `Vary: Cookie`; "
                    "read what the stream needs before its first piece"
                )
            data = None if self._load is None else self._load()
            kept = None if data is None else _decode(data)
            self.loaded = None if kept is None else data
            items = self._items = kept or {}
        return items

    def _changeable(self) -> dict[str, Any]:
        if self._is_closed:
            raise SessionClosed(
                "the session can't be changed any more: it was saved when the response began; change it in the "
                "handler, before the first piece of a stream, or before `accept` of a WebSocket"
            )
        return self._read()


class Unopened:
    """Stands on a request for a session that nobody has asked for; `open(request)` makes it.

    PERF: one for all requests of a layer, so that a request that needs no session pays 0.2 µs for it and not 9, for
    headers that are parsed and objects that nobody wants.
    """

    def __init__(self, open_: Callable[[Any], Session]) -> None:
        self.open = open_


def _decode(data: bytes) -> dict[str, Any] | None:
    """What was kept; None for what is no session, as a store may have that was written by something else."""
    try:
        items = decode_json(data)
    except ValueError:
        items = None
    if isinstance(items, dict):
        return items
    _log.error("what was kept as a session can't be read, and counts as none")
    return None


def merge(base: bytes, mine: bytes, theirs: bytes) -> bytes:
    """What `mine` has changed of `base`, name by name, on top of `theirs`; all are sessions as JSON."""
    before, now, other = decode_json(base), decode_json(mine), decode_json(theirs)
    flashes = _merge_flashes(*(one.pop(_FLASHES, []) for one in (before, now, other)))
    for name in before.keys() - now.keys():
        other.pop(name, None)
    for name, value in now.items():
        if name not in before or not _is_same(value, before[name]):
            other[name] = value
    return encode_json(other | {_FLASHES: flashes} if flashes else other)


def _merge_flashes(before: list[Any], now: list[Any], other: list[Any]) -> list[Any]:
    """The messages of the other that this request hasn't taken, then those that this one has left."""
    taken = [flash for flash in before if flash not in now]
    return [flash for flash in other if flash not in taken] + [flash for flash in now if flash not in before]


def _is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON; 1 and True, which are equal in Python, aren't."""
    try:
        return encode_json(one) == encode_json(other)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False


def _is_json(items: dict[str, Any], text: bytes) -> bool:
    """Whether this is the JSON that is made of them."""
    try:
        return encode_json(items) == text
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False


def _check_json(items: dict[str, Any]) -> None:
    """Raise TypeError, with the way to the value, for what wouldn't come back from JSON as it is."""
    for name, value in items.items():
        if type(name) is not str:
            raise TypeError(f"a session has names of type str, not {type(name).__name__}")
        flaw = _flaw(value, f"session[{name!a}]", 0)
        if flaw is not None:
            raise TypeError(f"{flaw}; a session holds None, bool, int, float, str, and lists and dicts of such")


def _are_plain(values: Iterable[Any], in_list: bool = False) -> bool:
    """Whether all are of the kinds that most are: short numbers, ASCII, and lists of these; of others nothing is said.

    PERF: a third of the cost of looking for flaws, which notes the way to each value.
    """
    for value in values:
        kind = type(value)
        if kind is str:
            if not value.isascii():
                return False
        elif kind is int:
            if value.bit_length() > _INT_BITS:
                return False
        elif kind is list:
            if in_list or not _are_plain(value, True):
                return False
        elif value is not None and kind is not bool:
            return False
    return True


def _flaw(value: Any, path: str, depth: int) -> str | None:
    kind = type(value)
    if depth > _DEPTH_MAX:
        return f"{path[:60]}… is nested too deeply"
    if kind is list:
        for index, item in enumerate(value):
            if flaw := _flaw(item, f"{path}[{index}]", depth + 1):
                return flaw
        return None
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return f"{path} has a key of type {type(key).__name__}, and in JSON keys are str"
        for key, item in value.items():
            if flaw := _flaw(item, f"{path}[{key!a}]", depth + 1):
                return flaw
        return None
    if kind is int and not -(2**63) <= value < 2**64:
        return f"{path} is an integer of more than 64 bits, which JSON readers change"
    if kind is float and not math.isfinite(value):
        return f"{path} is {value}, and JSON has no form for that"
    if kind is str and any("\ud800" <= letter <= "\udfff" for letter in value):
        return f"{path} is text with half of a surrogate pair, which has no UTF-8 form"
    if value is None or kind in (bool, int, float, str):
        return None
    return f"{path} is of type {kind.__name__}, and would come back as something else"
