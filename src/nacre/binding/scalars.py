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

from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin

from msgspec import Struct
from msgspec.structs import replace

from nacre.binding.collisions import COLLISION, collide
from nacre.binding.kinds import COLLECTIONS, is_pydantic, kind_of, members_of, unwrap
from nacre.binding.limits import Limit, bounded, constraints_of, families_of, fault, limits_of, passed, within
from nacre.binding.marks import Constraints
from nacre.binding.parser import FAILURES, Parser, Unsupported
from nacre.binding.readings import CALL, QUICK_INTEGER, READINGS, STR, Reading, reading_of, shown
from nacre.errors import ErrorItem


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
        return _parser(reading_of(bare, constraints), outer)
    # The order of the members is the user's, except that a str takes every text.
    parts = [_member(member, outer, constraints) for member in members]
    parts.sort(key=lambda part: part.reading.takes_all)
    return parts[0].parser if len(parts) == 1 else _union(parts)


# From readings to parsers.


class _Part(Struct, frozen=True):
    """A member of a union."""

    reading: Reading
    parser: Parser


def _member(member: Any, outer: Iterable[Constraints], constraints: Constraints) -> _Part:
    """A member of a union with those constraints that fit it: its own must, the others are the union's."""
    bare = unwrap(member)
    families = families_of(bare.type)
    own = constraints_of(bare)
    fitting = [one for all_of in outer for one in _single_constraints(all_of) if _fits(families, one)]
    reading = reading_of(bare, constraints)
    return _Part(reading, _parser(reading, [*own, *fitting], families))


def _single_constraints(constraints: Constraints) -> list[Constraints]:
    given = {name: getattr(constraints, name) for name in Constraints.__struct_fields__ if name != "strict"}
    return [Constraints(**{name: value}) for name, value in given.items() if value is not None]


def _fits(families: set[Any], constraints: Constraints) -> bool:
    try:
        limits_of(families, [constraints], "")
    except Unsupported:
        return False
    return True


def _parser(reading: Reading, constraints: Sequence[Constraints], families: set[Any] | None = None) -> Parser:
    if families is None:
        families = {"text"} if reading is STR else {"number"}
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
            return CALL
        if reading is READINGS[int] and name in _SIGNS:
            tests.append(f"{{raw}}_number {_SIGNS[name]} {bound}")
        elif reading is STR and name in ("min_length", "max_length"):
            tests.append(f"len({{raw}}) {'>=' if name == 'min_length' else '<='} {bound}")
        else:
            return CALL
    if reading is STR:
        return f"({{raw}} if {' and '.join(tests)} else {{parse}}({{raw}}))"
    # The second name is the expression's own: `int` is called once.
    first = f"{QUICK_INTEGER} and ({{raw}}_number := int({{raw}})) is not None"
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
        return row_parser([text_parser(arg, of_items) for arg in args], limits)
    return many_parser(text_parser(args[0], of_items), make, limits)


def many_parser(item: Parser, make: type, limits: Sequence[Limit]) -> Parser:
    """The parser of a list of raw values that are all of one kind; `make` is the collection of what they become."""
    read = item.parse
    is_set = make in (set, frozenset)

    def parse(raw: list[Any]) -> Any:
        items = [read(one) for one in raw]
        if is_set and collide(items):
            raise ValueError
        values = make(items)
        for limit in limits:
            if not limit.test(values):
                raise ValueError
        return values

    def explain(raw: list[Any]) -> list[ErrorItem]:
        found = [wrong for index, one in enumerate(raw) for wrong in _explained(item, index, one)]
        if found:
            return bounded(found + passed(limits, list(raw)))
        items = [read(one) for one in raw]
        if is_set and collide(items):
            return [{**COLLISION}]
        # Sets are counted without what is in them twice, as far as it can be known.
        return bounded(passed(limits, make(items)))

    plain = not limits and item.expression == "{raw}"
    return Parser(make if plain else parse, explain)


def row_parser(items: Sequence[Parser], limits: Sequence[Limit]) -> Parser:
    """The parser of a list of raw values that makes a tuple, each value by a parser of its own."""
    size = len(items)
    short = fault("too_short", f"must have {size} items", min_length=size)
    long = fault("too_long", f"must have {size} items", max_length=size)

    def parse(raw: list[Any]) -> Any:
        values = tuple([item.parse(one) for item, one in zip(items, raw, strict=True)])
        for limit in limits:
            if not limit.test(values):
                raise ValueError
        return values

    def explain(raw: list[Any]) -> list[ErrorItem]:
        pairs = zip(items, raw, strict=False)
        found = [one for index, (item, text) in enumerate(pairs) for one in _explained(item, index, text)]
        if len(raw) != size:
            found.append({**(short if len(raw) < size else long)})
        return bounded(found) or passed(limits, tuple(raw))

    return Parser(parse, explain)


def _explained(item: Parser, index: int, raw: Any) -> list[ErrorItem]:
    try:
        item.parse(raw)
    except FAILURES:
        return within(index, item.explain(raw))
    return []
