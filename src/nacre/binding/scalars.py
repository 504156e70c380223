"""Texts of a path, query, header, cookie or form, and the values that they stand for.

A text means one value or it is an error; nothing is trimmed or guessed. Only ASCII digits are digits, without
underscores, and numbers are finite and of bounded length.

    str                 any text, the empty one too
    int                 `7`, `-7`, `+7`, `007`; at most 4300 digits
    float, Decimal      `7`, `7.5`, `.5`, `7.`, `7e3`; no NaN, no infinity
    bool                true false 1 0 yes no on off t f y n, in any case; only true and false where it is strict
    UUID                32 hexadecimal digits, with the dashes of RFC 9562 or without any
    date, time          RFC 3339; a `+` in a query has to be written `%2B`
    datetime            RFC 3339, with a zone or without, unless `msgspec.Meta(tz=…)` says which
    timedelta           a duration of ISO 8601 in days and smaller units, or seconds
    Enum, Literal       the value's text; numbers and bools by the rules above
    union               the first member that the text fits, in the order written, but `str` last
    None                never: an absent field is None by its default. An empty text is `""` for a str and an error else
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from functools import partial
from typing import Annotated, Any, Final, Literal, get_args, get_origin
from uuid import UUID

import msgspec

from nacre.binding.kinds import COLLECTIONS, SCALARS, Bare, is_pydantic, kind_of, members_of, unwrap
from nacre.binding.limits import (
    MAX_DIGITS,
    Limit,
    bounded,
    constraints_of,
    enum_fault,
    expected,
    families_of,
    fault,
    is_bounded,
    limits_of,
    literal_fault,
    passed,
    zone_of,
)
from nacre.binding.marks import Constraints
from nacre.binding.parser import FAILURES, Parser, Unsupported
from nacre.errors import ErrorItem

_CALL: Final = "{parse}({raw})"


def text_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of one text; raises Unsupported for a type or a constraint that it can't serve."""
    if is_pydantic(type_):
        from nacre.binding.pydantic_models import text_parser as pydantic_parser

        return pydantic_parser(type_, constraints)
    bare = unwrap(type_)
    outer = [*constraints_of(bare), constraints]
    _ = limits_of(families_of(bare.type), outer, shown(bare.type))  # each must fit one member at least
    members = members_of(bare.type)
    if not members or kind_of(bare.type) != "text":
        raise Unsupported(f"{shown(bare.type)} can't be read from a text")
    if members == (bare.type,):
        return _parser(_reading(bare, constraints), outer)
    # The order of the members is the user's, except that a str takes every text.
    parts = [_member(member, outer, constraints) for member in members]
    parts.sort(key=lambda part: part.reading.takes_all)
    return parts[0].parser if len(parts) == 1 else _union(parts)


def shown(type_: Any) -> str:
    """A type as messages name it: `int`, `list[int]`, `shop.Color`."""
    if get_origin(type_) is None and isinstance(type_, type):
        return f"`{type_.__qualname__}`"
    return f"`{type_!r}`".replace("typing.", "")


# What each type takes.


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text becomes a value of one type; `wrong` is said of any other text, which isn't `words`."""

    parse: Callable[[str], Any]
    wrong: ErrorItem
    words: str
    expression: str = _CALL
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

_QUICK_INTEGER = "{raw}.isdecimal() and {raw}.isascii() and len({raw}) < 19"

_STR = Reading(parse_text, fault("string_unicode", "is not valid Unicode"), "a text", "{raw}", takes_all=True)
_READINGS: dict[Any, Reading] = {
    str: _STR,
    int: Reading(
        parse_integer,
        fault("int_parsing", "is not a whole number"),
        "a whole number",
        f"(int({{raw}}) if {_QUICK_INTEGER} else {{parse}}({{raw}}))",
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
assert _READINGS.keys() == SCALARS


def _reading(bare: Bare, constraints: Constraints) -> Reading:
    core = bare.type
    if core is bool and constraints.strict:
        return replace(_READINGS[bool], parse=_STRICT_BOOLS.__getitem__)
    if core in (datetime, time) and (zone := zone_of(bare)) is not None:
        return _zoned(core, zone)
    if core in _READINGS:
        return _READINGS[core]
    if get_origin(core) is Literal:
        return _literal(get_args(core), constraints)
    assert issubclass(core, Enum)
    return _enumeration(core)


def _zoned(core: Any, zone: bool) -> Reading:
    plain = _READINGS[core]
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


# From readings to parsers.


@dataclass(frozen=True, slots=True)
class _Part:
    """A member of a union."""

    reading: Reading
    parser: Parser


def _member(member: Any, outer: Iterable[Constraints], constraints: Constraints) -> _Part:
    """A member of a union with those constraints that fit it: its own must, the others are the union's."""
    bare = unwrap(member)
    families = families_of(bare.type)
    own = constraints_of(bare)
    fitting = [one for all_of in outer for one in _single_constraints(all_of) if _fits(families, one)]
    reading = _reading(bare, constraints)
    return _Part(reading, _parser(reading, [*own, *fitting], families))


def _single_constraints(constraints: Constraints) -> list[Constraints]:
    names = [name for name in Constraints.__slots__ if name != "strict" and getattr(constraints, name) is not None]
    return [Constraints(**{name: getattr(constraints, name)}) for name in names]


def _fits(families: set[Any], constraints: Constraints) -> bool:
    try:
        limits_of(families, [constraints], "")
    except Unsupported:
        return False
    return True


def _parser(reading: Reading, constraints: Sequence[Constraints], families: set[Any] | None = None) -> Parser:
    if families is None:
        families = {"text"} if reading is _STR else {"number"}
    limits = limits_of(families, constraints, reading.words)
    if not limits:
        return Parser(reading.parse, lambda raw: [{**reading.wrong}], reading.expression)
    read, tests = reading.parse, tuple(limit.test for limit in limits)

    def parse(raw: str) -> Any:
        value = read(raw)
        for test in tests:
            if not test(value):
                raise ValueError
        return value

    def explain(raw: str) -> list[ErrorItem]:
        try:
            value = read(raw)
        except FAILURES:
            return [{**reading.wrong}]
        return passed(limits, value)

    return Parser(parse, explain, _expression(reading, limits))


_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def _expression(reading: Reading, limits: Iterable[Limit]) -> str:
    """Python that tests the commonest limits in place, and leaves everything else to `parse`."""
    tests: list[str] = []
    for limit in limits:
        [(name, bound)] = limit.item.get("ctx", {}).items()
        if type(bound) is not int:
            return _CALL
        if reading is _READINGS[int] and name in _SIGNS:
            tests.append(f"{{raw}}_number {_SIGNS[name]} {bound}")
        elif reading is _STR and name in ("min_length", "max_length"):
            tests.append(f"len({{raw}}) {'>=' if name == 'min_length' else '<='} {bound}")
        else:
            return _CALL
    if reading is _STR:
        return f"({{raw}} if {' and '.join(tests)} else {{parse}}({{raw}}))"
    # The second name is the expression's own: `int` is called once.
    first = f"{_QUICK_INTEGER} and ({{raw}}_number := int({{raw}})) is not None"
    return f"({{raw}}_number if {first} and {' and '.join(tests)} else {{parse}}({{raw}}))"


def _union(parts: Sequence[_Part]) -> Parser:
    parsers = tuple(part.parser.parse for part in parts)
    words = " or ".join(dict.fromkeys(part.reading.words for part in parts))

    def parse(raw: str) -> Any:
        for one in parsers:
            try:
                return one(raw)
            except FAILURES:
                continue
        raise ValueError

    def explain(raw: str) -> list[ErrorItem]:
        for part in parts:
            try:
                part.reading.parse(raw)
            except FAILURES:
                continue
            # The text is one of this kind, beyond its limits.
            return part.parser.explain(raw)
        return [fault("union_error", f"is not {words}")]

    return Parser(parse, explain)


# Several texts.


def texts_parser(type_: Any, constraints: Constraints) -> Parser:
    """The parser of a list of texts; `min_length` and `max_length` count them, other constraints are each one's.

    Raises Unsupported for a type or a constraint that it can't serve.
    """
    if is_pydantic(type_):
        from nacre.binding.pydantic_models import texts_parser as pydantic_parser

        return pydantic_parser(type_, constraints)
    if kind_of(type_) != "texts":
        raise Unsupported(f"{shown(type_)} can't be read from a list of texts")
    outer = unwrap(type_)
    inner = unwrap(members_of(outer.type)[0])
    counts = Constraints(min_length=constraints.min_length, max_length=constraints.max_length)
    own = [*constraints_of(outer), *constraints_of(inner)]
    limits = limits_of({"items"}, [*own, counts], shown(inner.type))
    make = COLLECTIONS[get_origin(inner.type)]
    of_items = replace(constraints, min_length=None, max_length=None)
    args = get_args(inner.type)
    if make is tuple and args[-1] is not Ellipsis:
        return _row([text_parser(arg, of_items) for arg in args], limits)
    return _many(text_parser(args[0], of_items), make, limits)


def _many(item: Parser, make: type, limits: Sequence[Limit]) -> Parser:
    read = item.parse

    def parse(raw: list[str]) -> Any:
        values = make([read(one) for one in raw])
        for limit in limits:
            if not limit.test(values):
                raise ValueError
        return values

    def explain(raw: list[str]) -> list[ErrorItem]:
        found = [one for index, text in enumerate(raw) for one in _explained(item, index, text)]
        # Sets are counted without what is in them twice, as far as it can be known.
        return bounded(found + passed(limits, list(raw) if found else make([read(text) for text in raw])))

    plain = not limits and item.expression == "{raw}"
    return Parser(make if plain else parse, explain)


def _row(items: Sequence[Parser], limits: Sequence[Limit]) -> Parser:
    size = len(items)
    short = fault("too_short", f"must have {size} items", min_length=size)
    long = fault("too_long", f"must have {size} items", max_length=size)

    def parse(raw: list[str]) -> Any:
        values = tuple([item.parse(one) for item, one in zip(items, raw, strict=True)])
        for limit in limits:
            if not limit.test(values):
                raise ValueError
        return values

    def explain(raw: list[str]) -> list[ErrorItem]:
        pairs = zip(items, raw, strict=False)
        found = [one for index, (item, text) in enumerate(pairs) for one in _explained(item, index, text)]
        if len(raw) != size:
            found.append({**(short if len(raw) < size else long)})
        return bounded(found) or passed(limits, tuple(raw))

    return Parser(parse, explain)


def _explained(item: Parser, index: int, text: str) -> list[ErrorItem]:
    try:
        item.parse(text)
    except FAILURES:
        return [{**one, "loc": [index, *one["loc"]]} for one in item.explain(text)]
    return []
