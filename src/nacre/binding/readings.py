"""How the text of one value becomes the value, for each type without its limits; the rules are those of `scalars`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from functools import partial
from typing import Annotated, Any, Final, Literal, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nacre.binding.kinds import SCALARS, Bare
from nacre.binding.limits import (
    MAX_DIGITS,
    enum_fault,
    expected,
    fault,
    is_bounded,
    literal_fault,
    zone_of,
)
from nacre.binding.marks import Constraints
from nacre.binding.parser import Unsupported
from nacre.errors import ErrorItem

CALL: Final = "{parse}({raw})"
"""How a binder calls a parser that nothing better is known of."""


def shown(type_: Any) -> str:
    """A type as messages name it: `int`, `list[int]`, `shop.Color`."""
    if get_origin(type_) is None and isinstance(type_, type):
        return f"`{type_.__qualname__}`"
    return f"`{type_!r}`".replace("typing.", "")


class Reading(Struct, frozen=True):
    """How a text becomes a value of one type; `wrong` is said of any other text, which isn't `words`."""

    parse: Callable[[str], Any]
    wrong: ErrorItem
    words: str
    expression: str = CALL
    takes_all: bool = False


_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}(?:\1[0-9a-fA-F]{4}){2}\1[0-9a-fA-F]{12}")


def parse_text(raw: str) -> str:
    """Take any text but one with a lone surrogate, which no encoder takes back."""
    if not raw.isascii():
        raw.encode()
    return raw


def parse_integer(raw: str) -> int:
    """Read a sign and ASCII digits."""
    if raw.isdecimal() and raw.isascii() and len(raw) < 19:
        return int(raw)
    if len(raw) > MAX_DIGITS + 1 or not _INTEGER.fullmatch(raw):
        raise ValueError
    return int(raw)


def parse_float(raw: str) -> float:
    """Read a number in decimal notation, with an exponent or without."""
    if len(raw) > MAX_DIGITS or not _NUMBER.fullmatch(raw):
        raise ValueError
    value = float(raw)
    if not math.isfinite(value):
        raise ValueError
    return value


def parse_decimal(raw: str) -> Decimal:
    """Read a number as `parse_float` does, with all its digits."""
    if len(raw) > MAX_DIGITS or not _NUMBER.fullmatch(raw):
        raise ValueError
    value = Decimal(raw)
    if not is_bounded(value):
        raise ValueError
    return value


class _Words(dict[str, bool]):
    def __missing__(self, word: str) -> bool:
        # An odd letter may be lowered to an ASCII one, such as the Kelvin sign.
        lower = word.lower() if word.isascii() else ""
        if lower == word:
            raise KeyError
        return self[lower]


_BOOLS = _Words(dict.fromkeys(("true", "1", "yes", "on", "t", "y"), True))
_BOOLS.update(dict.fromkeys(("false", "0", "no", "off", "f", "n"), False))
_STRICT_BOOLS = {"true": True, "false": False}

QUICK_INTEGER = "{raw}.isdecimal() and {raw}.isascii() and len({raw}) < 19"

STR = Reading(parse_text, fault("string_unicode", "is not valid Unicode"), "a text", "{raw}", takes_all=True)
READINGS: dict[Any, Reading] = {
    str: STR,
    int: Reading(
        parse_integer,
        fault("int_parsing", "is not a whole number"),
        "a whole number",
        f"(int({{raw}}) if {QUICK_INTEGER} else {{parse}}({{raw}}))",
    ),
    float: Reading(parse_float, fault("float_parsing", "is not a number"), "a number"),
    Decimal: Reading(parse_decimal, fault("decimal_parsing", "is not a decimal number"), "a decimal number"),
    bool: Reading(_BOOLS.__getitem__, fault("bool_parsing", "is neither true nor false"), "true or false"),
    UUID: Reading(partial(msgspec.convert, type=UUID), fault("uuid_parsing", "is not a UUID"), "a UUID"),
    date: Reading(
        partial(msgspec.convert, type=date), fault("date_parsing", "is not a date like 2024-12-31"), "a date"
    ),
    datetime: Reading(
        partial(msgspec.convert, type=datetime),
        fault("datetime_parsing", "is not a date and time like 2024-12-31T23:59:59Z"),
        "a date and time",
    ),
    time: Reading(partial(msgspec.convert, type=time), fault("time_parsing", "is not a time like 23:59:59"), "a time"),
    timedelta: Reading(
        partial(msgspec.convert, type=timedelta, strict=False),
        fault("time_delta_parsing", "is not a duration like P1DT2H, or a number of seconds"),
        "a duration",
    ),
}
assert READINGS.keys() == SCALARS


def reading_of(bare: Bare, constraints: Constraints) -> Reading:
    """The reading of a type of one text that is no union; raises Unsupported for values that no text stands for."""
    core = bare.type
    if core is bool and constraints.strict:
        return replace(READINGS[bool], parse=_STRICT_BOOLS.__getitem__)
    if core in (datetime, time) and (zone := zone_of(bare)) is not None:
        return _zoned(core, zone)
    if core in READINGS:
        return READINGS[core]
    if get_origin(core) is Literal:
        return _literal(get_args(core), constraints)
    assert issubclass(core, Enum)
    return _enumeration(core)


def _zoned(core: Any, zone: bool) -> Reading:
    plain = READINGS[core]
    wrong: ErrorItem = {
        **plain.wrong,
        "msg": f"{plain.wrong['msg']}, with{'' if zone else 'out'} a time zone",
    }
    return replace(plain, parse=partial(msgspec.convert, type=Annotated[core, msgspec.Meta(tz=zone)]), wrong=wrong)


def _enumeration(cls: type[Enum]) -> Reading:
    values = [member.value for member in cls]
    texts = all(isinstance(value, str) for value in values)
    if not texts and not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise Unsupported(f"{shown(cls)} has values that aren't all texts or all whole numbers")
    members: dict[Any, Enum] = {member.value: member for member in cls}
    wrong, words = enum_fault(cls), expected(values)
    custom = cls._missing_.__func__ not in (Enum._missing_.__func__, Flag._missing_.__func__)  # type: ignore[attr-defined]
    if texts:
        parse = partial(_found, cls, members) if custom else members.__getitem__
        return Reading(parse, wrong, words)

    def parse_number(raw: str) -> Any:
        number = parse_integer(raw)
        return _found(cls, members, number) if custom else members[number]

    return Reading(parse_number, wrong, words)


def _found(cls: type[Enum], members: dict[Any, Enum], value: Any) -> Enum:
    """The member of a value, by the enumeration's own `_missing_` if need be."""
    member = members.get(value)
    return cls(value) if member is None else member


def _literal(values: tuple[Any, ...], constraints: Constraints) -> Reading:
    values = tuple(value for value in values if value is not None)
    if not values or not all(type(value) in (str, int, bool) for value in values):
        raise Unsupported("a `Literal` can be read from a text if its values are texts, whole numbers, true and false")
    texts = {value: value for value in values if type(value) is str}
    wrong, words = literal_fault(values), expected(values)
    if len(texts) == len(values):
        return Reading(texts.__getitem__, wrong, words)
    integers = {value for value in values if type(value) is int}
    bools = {value for value in values if type(value) is bool}
    bool_words = _STRICT_BOOLS if constraints.strict else _BOOLS

    def parse(raw: str) -> Any:
        if integers and _INTEGER.fullmatch(raw) and (number := parse_integer(raw)) in integers:
            return number
        if raw in texts or not bools:
            return texts[raw]
        value = bool_words[raw]
        if value not in bools:
            raise ValueError
        return value

    return Reading(parse, wrong, words)
