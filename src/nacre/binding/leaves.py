"""What is wrong with a single value: a number, a text, a date …; the leaves of the tree in `faults`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import inspect

from nacre.binding.faults import BAD, INVALID, Found, JSONKind, Place, TooLarge
from nacre.binding.limits import (
    Family,
    Limit,
    enum_fault,
    expected,
    fault,
    is_bounded,
    limits_of,
    literal_fault,
    passed,
    zone_fault,
)
from nacre.binding.marks import Constraints
from nacre.binding.parser import FAILURES
from nacre.errors import ErrorItem

Wrong = Callable[[Any], ErrorItem]
"""The error of a value that isn't of the type at all."""


class LeafNode:
    """A value without parts. `base` is its type without limits: a value that fits this has passed one of them."""

    def __init__(
        self,
        type_: Any,
        kinds: frozenset[JSONKind],
        words: str,
        wrong: Wrong,
        base: Any = None,
        limits: Sequence[Limit] = (),
    ) -> None:
        self.type = type_
        self.kinds = kinds
        self.words = words
        self._wrong = wrong
        self._base = type_ if base is None else base
        self._limits = limits

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        try:
            return msgspec.convert(value, self.type)
        except FAILURES:
            found.add(place, *self._faults(value))
            return BAD

    def _faults(self, value: Any) -> list[ErrorItem]:
        try:
            made = msgspec.convert(value, self._base)
        except FAILURES:
            return [self._wrong(value)]
        # msgspec is stricter about multiples than our own test, so the last limit may be meant.
        return passed(self._limits, made) or [limit.item for limit in self._limits[-1:]] or [INVALID]


class DecimalNode(LeafNode):
    """A decimal, finite and bounded; msgspec takes any."""

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        value = value.text if isinstance(value, TooLarge) else value
        made = super().walk(value, place, found)
        if made is not BAD and not is_bounded(made):
            found.add(place, self._wrong(value))
            return BAD
        return made


class AnyNode:
    """Any value."""

    type: Any = Any
    kinds: frozenset[JSONKind] = frozenset(("object", "array", "string", "number", "boolean", "null"))
    words = "anything"

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        return value


class RawNode(AnyNode):
    """A part of a JSON text that is left as it is."""

    type: Any = msgspec.Raw

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        return value if isinstance(value, msgspec.Raw) else msgspec.Raw(b"null")


class InstanceNode:
    """An instance of a class that JSON has no form for; only values of other kinds can be one."""

    kinds: frozenset[JSONKind] = frozenset()

    def __init__(self, cls: Any) -> None:
        self.type = cls
        self.words = "of the expected type"

    def walk(self, value: Any, place: Place, found: Found) -> Any:
        try:
            return msgspec.convert(value, self.type)
        except FAILURES:
            found.add(place, fault("is_instance_of", "is not of the expected type"))
            return BAD


def find_leaf(info: inspect.Type) -> LeafNode | AnyNode | None:
    """The node for a type without parts; None for other types."""
    if isinstance(info, inspect.AnyType):
        return AnyNode()
    if isinstance(info, inspect.RawType):
        return RawNode()
    if isinstance(info, inspect.EnumType):
        values = [member.value for member in info.cls]
        item = enum_fault(info.cls)
        return LeafNode(info.cls, _kinds_of(values), expected(values), lambda value: item)
    if isinstance(info, inspect.LiteralType):
        item = literal_fault(info.values)
        return LeafNode(_literal(info.values), _kinds_of(info.values), expected(info.values), lambda value: item)
    if type(info) not in _LEAVES:
        return None
    base, kind, words, wrong = _LEAVES[type(info)]
    if isinstance(info, inspect.DecimalType):
        # JSON has decimals as texts and as numbers.
        return DecimalNode(base, frozenset(("string", "number")), words, wrong)
    if isinstance(info, inspect.DateTimeType | inspect.TimeType) and info.tz is not None:
        return _zoned(base, words, wrong, info.tz)
    return LeafNode(_limited(base, info), frozenset((kind,)), words, wrong, base, _limits(info))


def _literal(values: Sequence[Any]) -> Any:
    made: Any = Literal
    return made[tuple(values)]


def _zoned(base: Any, words: str, wrong: Wrong, zone: bool) -> LeafNode:
    def wrong_zone(value: Any) -> ErrorItem:
        try:
            msgspec.convert(value, base)
        except FAILURES:
            return wrong(value)
        return zone_fault(zone)

    type_ = Annotated[base, msgspec.Meta(tz=zone)]
    return LeafNode(type_, frozenset(("string",)), words, wrong_zone)


_LIMITS = ("gt", "ge", "lt", "le", "min_length", "max_length", "pattern", "multiple_of")


def _given(info: Any) -> dict[str, Any]:
    given = {name: getattr(info, name, None) for name in _LIMITS}
    return {name: value for name, value in given.items() if value is not None}


def _limits(info: inspect.Type) -> Sequence[Limit]:
    family = _FAMILIES.get(type(info))
    return limits_of({family}, [Constraints(**_given(info))], "") if family is not None else ()


def _limited(base: Any, info: inspect.Type) -> Any:
    given = _given(info)
    return Annotated[base, msgspec.Meta(**given)] if given else base


def _of_type(prefix: str, words: str) -> Wrong:
    def wrong(value: Any) -> ErrorItem:
        if isinstance(value, TooLarge) and prefix in _TOO_LARGE:
            return fault(_TOO_LARGE[prefix], f"is not {words}, or too large")
        unread = isinstance(value, str) and prefix in _FROM_TEXT
        return fault(f"{prefix}_{'parsing' if unread else 'type'}", f"is not {words}")

    return wrong


def _bytes(value: Any) -> ErrorItem:
    return fault("bytes_invalid_encoding" if isinstance(value, str) else "bytes_type", "is not bytes in base64")


_TOO_LARGE = {"int": "int_parsing_size", "float": "finite_number"}
_FROM_TEXT = frozenset(("date", "datetime", "time", "time_delta", "uuid", "decimal"))


def _leaf(base: Any, prefix: str, kind: JSONKind, words: str) -> tuple[Any, JSONKind, str, Wrong]:
    return base, kind, words, _bytes if prefix == "bytes" else _of_type(prefix, words)


_LEAVES: dict[type[inspect.Type], tuple[Any, JSONKind, str, Wrong]] = {
    inspect.NoneType: (type(None), "null", "null", lambda value: fault("none_required", "is not null")),
    inspect.BoolType: _leaf(bool, "bool", "boolean", "true or false"),
    inspect.IntType: _leaf(int, "int", "number", "a whole number"),
    inspect.FloatType: _leaf(float, "float", "number", "a number"),
    inspect.StrType: _leaf(str, "string", "string", "a text"),
    inspect.BytesType: _leaf(bytes, "bytes", "string", "bytes in base64"),
    inspect.ByteArrayType: _leaf(bytearray, "bytes", "string", "bytes in base64"),
    inspect.MemoryViewType: _leaf(memoryview, "bytes", "string", "bytes in base64"),
    inspect.DateTimeType: _leaf(datetime, "datetime", "string", "a date and time like 2024-12-31T23:59:59Z"),
    inspect.DateType: _leaf(date, "date", "string", "a date like 2024-12-31"),
    inspect.TimeType: _leaf(time, "time", "string", "a time like 23:59:59"),
    inspect.TimeDeltaType: _leaf(timedelta, "time_delta", "string", "a duration like P1DT2H"),
    inspect.DecimalType: _leaf(Decimal, "decimal", "number", "a decimal number"),
    inspect.UUIDType: _leaf(UUID, "uuid", "string", "a UUID"),
}
_FAMILIES: dict[type[inspect.Type], Family] = {
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.StrType: "text",
    inspect.BytesType: "bytes",
    inspect.ByteArrayType: "bytes",
    inspect.MemoryViewType: "bytes",
}


def _kinds_of(values: Sequence[Any]) -> frozenset[JSONKind]:
    kinds: dict[type, JSONKind] = {bool: "boolean", int: "number", str: "string", type(None): "null"}
    return frozenset(kind for value in values for cls, kind in kinds.items() if _is(value, cls))


def _is(value: Any, cls: type) -> bool:
    return isinstance(value, cls) and (cls is bool or not isinstance(value, bool))
