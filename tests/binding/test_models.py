"""JSON bodies, Python values and groups of fields, read by msgspec's rules, with all that is wrong told at once."""

import dataclasses
import enum
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, TypedDict, TypeVar
from uuid import UUID

import annotated_types
import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.binding.marks import MISSING, Constraints
from nacre.binding.models import group_parser, json_parser, value_parser
from nacre.binding.parser import FAILURES, Parser, Unsupported
from nacre.errors import BadRequest

T = TypeVar("T")
Positive = Annotated[int, msgspec.Meta(gt=0)]
NONE = Constraints()


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    price: Annotated[float, msgspec.Meta(ge=0)]
    color: Color = Color.RED


class Order(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    order_id: UUID
    items: Annotated[list[Item], msgspec.Meta(max_length=3)]
    notes: dict[str, int] = {}
    placed_on: date | None = None


class Span(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


class Spans(msgspec.Struct):
    spans: list[Span]
    name: str = ""


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
    label: str = dataclasses.field(default_factory=str)


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    left: int
    right: str = ""


@attrs.define
class Crate:
    size: int = attrs.field(validator=attrs.validators.ge(0))
    label: str = ""


class Row(msgspec.Struct, array_like=True):
    number: int
    text: str = ""


class Shut(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    number: int


class Cat(msgspec.Struct, tag="cat", tag_field="kind"):
    lives: int


class Dog(msgspec.Struct, tag="dog", tag_field="kind", forbid_unknown_fields=True):
    name: str


class Left(msgspec.Struct, array_like=True, tag=1):
    number: int


class Right(msgspec.Struct, array_like=True, tag=2):
    text: str


class Titled(msgspec.Struct):
    number: Annotated[int, msgspec.Meta(title="A number", ge=0)]
    rest: msgspec.Raw = msgspec.Raw(b"null")


class Priced(TypedDict):
    price: NotRequired[Decimal]


class Tree(msgspec.Struct):
    value: int
    children: list["Tree"] = []


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Bill(msgspec.Struct):
    total: Decimal
    parts: dict[str, list[Decimal | None]] = {}
    next: Optional["Bill"] = None


def found_in(parser: Parser, raw: Any) -> list[tuple[list[str | int], str]]:
    """The location and type of each error of a raw value that must be refused."""
    with pytest.raises(FAILURES):
        parser.parse(raw)
    found = parser.explain(raw)
    json.dumps(found)
    assert all(item["msg"] for item in found)
    return [(item["loc"], item["type"]) for item in found]


ID = "12345678-1234-5678-1234-567812345678"
GOOD_JSON: list[tuple[Any, str, Any]] = [
    (Item, '{"name": "a", "price": 1}', Item("a", 1.0)),
    (Item | None, "null", None),
    (list[Item], "[]", []),
    (Point, '{"x": 1, "z": 2}', Point(1)),
    (Movie, '{"title": "a"}', {"title": "a"}),
    (Pair, "[1]", Pair(1)),
    (Crate, '{"size": 1}', Crate(1)),
    (Row, "[1, null]", None),
    (Cat | Dog, '{"kind": "dog", "name": "x"}', Dog("x")),
    (Page[int], '{"items": [1]}', Page([1])),
    (Bill, '{"total": 1.10, "parts": {"a": ["2", null]}}', Bill(Decimal("1.10"), {"a": [Decimal(2), None]})),
    (dict[int, str], '{"1": "a"}', {1: "a"}),
    (Any, '{"a": [1.5]}', {"a": [1.5]}),
    (Span, '{"low": 1, "low": 0, "high": 0}', Span(0, 0)),
]


@pytest.mark.parametrize(("type_", "text", "value"), [row for row in GOOD_JSON if row[0] is not Row], ids=repr)
def test_json_becomes_a_value(type_, text, value):
    assert json_parser(type_, NONE).parse(text.encode()) == value


def test_nothing_stands_between_the_decoder_and_the_binder():
    assert type(json_parser(Item, NONE).parse).__name__ == "builtin_function_or_method"


BAD_JSON: list[tuple[Any, str, list[tuple[list[str | int], str]]]] = [
    (int, '"1"', [([], "int_type")]),
    (int, "1.0", [([], "int_type")]),
    (int, "true", [([], "int_type")]),
    (bool, "1", [([], "bool_type")]),
    (str, "1", [([], "string_type")]),
    (float, '"nan"', [([], "float_type")]),
    (float, "1e999", [([], "finite_number")]),
    (int, "9" * 5000, [([], "int_parsing_size")]),
    (
        list[int],
        f"[1, {'9' * 5000}, true, -{'8' * 5000}]",
        [([1], "int_parsing_size"), ([2], "int_type"), ([3], "int_parsing_size")],
    ),
    (date, '"2024-02-30"', [([], "date_parsing")]),
    (date, "20240230", [([], "date_type")]),
    (datetime, '"x"', [([], "datetime_parsing")]),
    (Annotated[datetime, msgspec.Meta(tz=True)], '"2024-01-01T00:00:00"', [([], "timezone_aware")]),
    (Annotated[datetime, msgspec.Meta(tz=False)], '"2024-01-01T00:00:00Z"', [([], "timezone_naive")]),
    (timedelta, '"P1Y"', [([], "time_delta_parsing")]),
    (UUID, '"x"', [([], "uuid_parsing")]),
    (bytes, '"*"', [([], "bytes_invalid_encoding")]),
    (bytes, "1", [([], "bytes_type")]),
    (Annotated[bytes, msgspec.Meta(min_length=4)], '"YWJj"', [([], "bytes_too_short")]),
    (Color, '"green"', [([], "enum")]),
    (Literal["a", 1], "2", [([], "literal_error")]),
    (None, "1", [([], "none_required")]),
    (Decimal, '"NaN"', [([], "decimal_parsing")]),
    (Decimal, '"Infinity"', [([], "decimal_parsing")]),
    (Decimal, "1e999999999", [([], "decimal_parsing")]),
    (Decimal, "true", [([], "decimal_type")]),
    (
        Bill,
        '{"total": "NaN", "parts": {"a": [1, "-Infinity", null, "x"]}}',
        [
            (["total"], "decimal_parsing"),
            (["parts", "a", 1], "decimal_parsing"),
            (["parts", "a", 3], "decimal_parsing"),
        ],
    ),
    (Bill, '{"total": 1, "next": {"total": "sNaN"}}', [(["next", "total"], "decimal_parsing")]),
    (dict[str, Bill], '{"k": {"total": "NaN"}}', [(["k", "total"], "decimal_parsing")]),
    (tuple[Decimal, int], '["NaN", 1]', [([0], "decimal_parsing")]),
    (
        Order,
        '{"orderId": 1, "items": [{"name": "", "price": -1}, 5, {"color": "x"}], "notes": {"a": "b"}, "x": 1}',
        [
            (["orderId"], "uuid_type"),
            (["items", 0, "name"], "string_too_short"),
            (["items", 0, "price"], "greater_than_equal"),
            (["items", 1], "model_type"),
            (["items", 2, "name"], "missing"),
            (["items", 2, "price"], "missing"),
            (["items", 2, "color"], "enum"),
            (["notes", "a"], "int_type"),
            (["x"], "extra_forbidden"),
        ],
    ),
    (
        Order,
        f'{{"orderId": "{ID}", "items": [1, 2, 3, 4], "placedOn": 1}}',
        [(["items", n], "model_type") for n in range(4)] + [(["items"], "too_long"), (["placedOn"], "date_type")],
    ),
    (Order, "[]", [([], "model_type")]),
    (
        Spans,
        '{"spans": [{"low": 2, "high": 1}, {"low": 1, "high": "x"}, {"low": 3, "high": 2}], "name": 1}',
        [
            (["spans", 0], "value_error"),
            (["spans", 1, "high"], "int_type"),
            (["spans", 2], "value_error"),
            (["name"], "string_type"),
        ],
    ),
    (Point, '{"y": "a", "label": 1}', [(["x"], "missing"), (["y"], "int_type"), (["label"], "string_type")]),
    (Movie, '{"year": "x"}', [(["title"], "missing"), (["year"], "int_type")]),
    (Pair, '["x", 1]', [([0], "int_type"), ([1], "string_type")]),
    (Pair, "[]", [([], "too_short")]),
    (Pair, '[1, "a", 2]', [([], "too_long")]),
    (Pair, "{}", [([], "list_type")]),
    (Crate, '{"size": -1}', [([], "value_error")]),
    (Crate, '{"size": "x", "label": 1}', [(["size"], "int_type"), (["label"], "string_type")]),
    (Row, '["x", 1, 2]', [([0], "int_type"), ([1], "string_type")]),
    (Row, "[]", [([], "too_short")]),
    (Shut, "[1, 2]", [([], "too_long")]),
    (Cat | Dog, '{"kind": "cow"}', [(["kind"], "union_tag_invalid")]),
    (Cat | Dog, '{"kind": [1]}', [(["kind"], "union_tag_invalid")]),
    (Cat | Dog, '{"name": "x"}', [(["kind"], "missing")]),
    (Cat | Dog, '{"kind": "dog", "name": 1, "age": 2}', [(["name"], "string_type"), (["age"], "extra_forbidden")]),
    (Cat | Dog, "1", [([], "union_error")]),
    (Cat, '{"kind": "dog", "lives": 9}', [(["kind"], "union_tag_invalid")]),
    (list[Cat | Dog | None], '[null, {"kind": "cat", "lives": "x"}]', [([1, "lives"], "int_type")]),
    (int | None, '"x"', [([], "int_type")]),
    (int | str, "[]", [([], "union_error")]),
    (int | list[int], '["x"]', [([0], "int_type")]),
    (float | int, "true", [([], "union_error")]),
    (Color | int, '"green"', [([], "enum")]),
    (Item | list[Item], '[{"name": 1}]', [([0, "name"], "string_type"), ([0, "price"], "missing")]),
    (Left | Right, "[2, 1]", [([1], "string_type")]),
    (Left | Right, "[3, 1]", [([0], "union_tag_invalid")]),
    (Left | Right, "[]", [([0], "missing")]),
    (Left, "[2, 1]", [([0], "union_tag_invalid")]),
    (list[Left], '[[1, 1], [1, "x"]]', [([1, 1], "int_type")]),
    (Titled, '{"number": -1, "rest": {"a": []}}', [(["number"], "greater_than_equal")]),
    (list[Priced], '[{}, {"price": "NaN"}]', [([1, "price"], "decimal_parsing")]),
    (dict[Decimal, int], '{"1": 1, "NaN": 2}', [(["NaN", "[key]"], "decimal_parsing")]),
    (Page[Positive], '{"items": [1, 0, "x"]}', [(["items", 1], "greater_than"), (["items", 2], "int_type")]),
    (
        Tree,
        '{"value": 1, "children": [{"value": "x", "children": [{}]}]}',
        [(["children", 0, "value"], "int_type"), (["children", 0, "children", 0, "value"], "missing")],
    ),
    (set[int], '[1, "a"]', [([1], "int_type")]),
    (set[Any], "[[]]", [([], "set_item_not_hashable")]),
    (Annotated[set[int], msgspec.Meta(min_length=2)], "[1, 1]", [([], "too_short")]),
    (frozenset[str], "{}", [([], "frozen_set_type")]),
    (tuple[int, str], '["a", 1, 2]', [([0], "int_type"), ([1], "string_type"), ([], "too_long")]),
    (tuple[int, ...], '[1, "a"]', [([1], "int_type")]),
    (dict[int, int], '{"a": 1, "2": "x"}', [(["a", "[key]"], "int_type"), (["2"], "int_type")]),
    (dict[Color, int], '{"green": 1}', [(["green", "[key]"], "enum")]),
    (
        Annotated[dict[str, int], msgspec.Meta(max_length=1)],
        '{"a": 1, "b": "x"}',
        [([], "too_long"), (["b"], "int_type")],
    ),
    (dict[str, int], "[]", [([], "dict_type")]),
    (
        list[list[Positive]],
        "[[1, 0], 5, [-1]]",
        [([0, 1], "greater_than"), ([1], "list_type"), ([2, 0], "greater_than")],
    ),
    (Annotated[float, msgspec.Meta(multiple_of=0.1)], "0.3", [([], "multiple_of")]),
    # Only the decoder sees the first of two equal keys, and a number that is too large for a place without a type.
    (Span, '{"low": "x", "low": 1, "high": 2}', [(["low"], "value_error")]),
    (dict[str, Any], '{"a": 1e999}', [([], "value_error")]),
]


@pytest.mark.parametrize(("type_", "text", "errors"), BAD_JSON, ids=[f"{row[0]!r}-{row[1][:30]}" for row in BAD_JSON])
def test_all_that_is_wrong_with_json_is_told(type_, text, errors):
    assert found_in(json_parser(type_, NONE), text.encode()) == errors


def test_the_words_of_the_users_own_check_are_told():
    parser = json_parser(Spans, NONE)
    [item] = parser.explain(b'{"spans": [{"low": 2, "high": 1}]}')
    assert item == {"loc": ["spans", 0], "msg": "low must not be above high", "type": "value_error"}


def test_validators_of_attrs_do_not_quote_the_value():
    [item] = json_parser(Crate, NONE).explain(b'{"size": -77}')
    assert item == {"loc": [], "msg": "is not valid", "type": "value_error"}


@pytest.mark.parametrize("error", [TypeError, KeyError, ZeroDivisionError], ids=lambda one: one.__name__)
def test_other_failures_of_a_users_check_are_told_without_words(error):
    class Checked(msgspec.Struct):
        name: str

        def __post_init__(self) -> None:
            raise error(self.name)

    parser = json_parser(Checked, NONE)
    assert found_in(parser, b'{"name": "secret"}') == [([], "value_error")]
    assert "secret" not in repr(parser.explain(b'{"name": "secret"}'))


def test_no_message_quotes_the_input():
    for type_, text, _ in BAD_JSON:
        marked = text.replace('"x"', '"secretvalue"').replace("9999", "97979797")
        parser = json_parser(type_, NONE)
        try:
            parser.parse(marked.encode())
        except FAILURES:
            messages = [{**item, "loc": []} for item in parser.explain(marked.encode())]
            assert "secretvalue" not in repr(messages)
            assert "9797" not in repr(messages)


def test_long_keys_are_cut_in_locations():
    [item] = json_parser(dict[str, int], NONE).explain(json.dumps({"k" * 10_000: "x"}).encode())
    assert item["loc"] == ["k" * 100 + "…"]


LIMITS: list[tuple[Any, dict[str, Any], str, str, str]] = [
    (int, {"ge": 1}, "1", "0", "greater_than_equal"),
    (int | None, {"ge": 1}, "null", "0", "greater_than_equal"),
    (Annotated[int, msgspec.Meta(ge=1)], {"ge": 5}, "5", "4", "greater_than_equal"),
    (Decimal, {"le": 0.1}, '"0.1"', '"0.2"', "less_than_equal"),
    (list[int], {"min_length": 1}, "[1]", "[]", "too_short"),
    (dict[str, int], {"max_length": 0}, "{}", '{"a": 1}', "too_long"),
    (str, {"pattern": "^a", "max_length": 2}, '"ab"', '"ba"', "string_pattern_mismatch"),
    (str | list[str], {"max_length": 1}, '["abc"]', '"abc"', "string_too_long"),
    (Annotated[list[int], annotated_types.MinLen(1)], {}, "[1]", "[]", "too_short"),
    (Any, {"ge": 1}, "2", "0", "greater_than_equal"),
]


@pytest.mark.parametrize(("type_", "constraints", "good", "bad", "error"), LIMITS, ids=lambda one: repr(one)[:40])
def test_the_limits_of_a_marker_hold_for_bodies_and_values(type_, constraints, good, bad, error):
    parser = json_parser(type_, Constraints(**constraints))
    parser.parse(good.encode())
    assert found_in(parser, bad.encode()) == [([], error)]
    of_values = value_parser(type_, Constraints(**constraints))
    of_values.parse(json.loads(good))
    assert found_in(of_values, json.loads(bad)) == [([], error)]


class Plain:
    pass


class Foreign(msgspec.Struct):
    inner: dict[str, Plain]


class Ignored(msgspec.Struct):
    number: list[Annotated[int, annotated_types.Gt(0)]]


UNSUPPORTED: list[tuple[Any, dict[str, Any], str]] = [
    (Plain, {}, "JSON has no form for `Plain`$"),
    (Foreign, {}, "JSON has no form for `Plain`, the type of `Foreign.inner`"),
    (list[Foreign], {}, "the type of `Foreign.inner`"),
    (Ignored, {}, "the constraint on `Ignored.number` isn't msgspec's"),
    (Cat | Item, {}, "must be tagged|tagged"),
    (date | str, {}, "more than one str-like type"),
    (Item, {"min_length": 1}, "`min_length` can't be checked on `Item`"),
    (list[int], {"pattern": "a"}, "`pattern` can't be checked"),
]


@pytest.mark.parametrize(("type_", "constraints", "message"), UNSUPPORTED, ids=lambda one: repr(one)[:40])
def test_types_that_json_can_not_hold_are_refused_at_startup(type_, constraints, message):
    with pytest.raises(Unsupported, match=message):
        json_parser(type_, Constraints(**constraints))


def test_a_value_that_can_not_be_compared_is_beyond_the_limit():
    parser = value_parser(Any, Constraints(ge=1))
    assert found_in(parser, Decimal("sNaN")) == [([], "greater_than_equal")]


def test_long_lists_of_values_are_cut_in_messages():
    many = enum.Enum("Many", {f"M{n}": f"value-{n}" for n in range(1000)})
    [item] = json_parser(many, NONE).explain(b'"x"')
    assert item["msg"].endswith("'value-19' or one of 980 more")


def test_a_name_that_can_not_be_found_is_told():
    class Lost(msgspec.Struct):
        other: "Nowhere"  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(Unsupported, match="the name `Nowhere`"):
        json_parser(Lost, NONE)


# Python values.


@pytest.mark.parametrize(
    ("type_", "value", "made"),
    [
        (int, 5, 5),
        (float, 5, 5.0),
        (UUID, UUID(ID), UUID(ID)),
        (date, date(2024, 1, 1), date(2024, 1, 1)),
        (Color, Color.RED, Color.RED),
        (Color, "red", Color.RED),
        (Plain | None, None, None),
        (list[int], (1, 2), [1, 2]),
        (dict[int, int], {1: 2}, {1: 2}),
    ],
    ids=repr,
)
def test_a_python_value_is_taken(type_, value, made):
    assert value_parser(type_, NONE).parse(value) == made


def test_an_instance_is_taken_as_it_is():
    for value in (Item("a", 1), Point(1), Plain()):
        assert value_parser(type(value), NONE).parse(value) is value


@pytest.mark.parametrize(
    ("type_", "value", "errors"),
    [
        (int, "5", [([], "int_type")]),
        (int, UUID(ID), [([], "int_type")]),
        (int | str, UUID(ID), [([], "union_error")]),
        (Plain, 5, [([], "is_instance_of")]),
        (list[int], {"a": 1}, [([], "list_type")]),
        (Decimal, Decimal("NaN"), [([], "decimal_type")]),
        (Item, Point(1), [([], "model_type")]),
        (list[int | date], [date(2024, 1, 1), 1, "x"], [([2], "date_parsing")]),
        (list[Row | int], [Row(1), [2], ["x"]], [([2, 0], "int_type")]),
        (dict[tuple[int, int], int], {(1, 2): 1, (1, "x"): 2}, [(["(1, 'x')", "[key]", 1], "int_type")]),
        (list[Item], [Item("a", 1), {"name": "a", "price": "x"}], [([1, "price"], "float_type")]),
    ],
    ids=repr,
)
def test_a_value_of_another_type_is_explained(type_, value, errors):
    assert found_in(value_parser(type_, NONE), value) == errors


# Groups of fields.


class Filters(msgspec.Struct, rename={"page_size": "pageSize"}):
    page_size: Annotated[int, msgspec.Meta(ge=1)] = 10
    colors: list[Color] = []
    active: bool | None = None
    query: str = ""


class Needed(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    token: str = msgspec.field(name="X-Token")
    since: date | None = None
    tags: set[int] = msgspec.field(default_factory=set)


@dataclasses.dataclass
class Window(Generic[T]):
    size: T
    label: str = "w"


class Range(NamedTuple):
    low: int
    high: Annotated[int, annotated_types.Le(9)] = 9


GROUPS: list[tuple[Any, dict[str, Any], Any]] = [
    (Filters, {}, Filters()),
    (
        Filters,
        {"pageSize": "5", "colors": ["red", "blue"], "active": "yes", "query": "", "other": "x"},
        Filters(5, [Color.RED, Color.BLUE], True, ""),
    ),
    (Filters | None, {"pageSize": "5"}, Filters(5)),
    (Needed, {"X-Token": "t", "tags": ["1", "1"]}, Needed(token="t", tags={1})),
    (Window[int], {"size": "5"}, Window(5)),
    (Window[UUID], {"size": ID}, Window(UUID(ID))),
    (Movie, {"title": "a", "year": "2000"}, {"title": "a", "year": 2000}),
    (Range, {"low": "1"}, Range(1)),
    (Crate, {"size": "3"}, Crate(3)),
    (Span, {"low": "1", "high": "2"}, Span(1, 2)),
    (Point, {"x": 1, "y": "2"}, Point(1, 2)),
    (dict[str, str], {"a": ["1"], "b": "2"}, {"a": "1", "b": "2"}),
    (dict[str, list[int]], {"a": ["1", "2"], "b": ["3"]}, {"a": [1, 2], "b": [3]}),
    (dict, {"a": ["1"], "b": ["1", "2"]}, {"a": "1", "b": ["1", "2"]}),
    (dict[str, Any], {}, {}),
]


@pytest.mark.parametrize(("type_", "raw", "value"), GROUPS, ids=lambda one: repr(one)[:50])
def test_a_model_takes_all_fields_of_a_source(type_, raw, value):
    made = group_parser(type_, NONE).parse(raw)
    assert made == value
    assert type(made) is type(value)


BAD_GROUPS: list[tuple[Any, dict[str, Any], list[tuple[list[str | int], str]]]] = [
    (
        Filters,
        {"pageSize": "0", "colors": ["red", "green"], "active": "maybe"},
        [(["pageSize"], "greater_than_equal"), (["colors", 1], "enum"), (["active"], "bool_parsing")],
    ),
    (
        Needed,
        {"since": "x", "y": "1"},
        [(["X-Token"], "missing"), (["since"], "date_parsing"), (["y"], "extra_forbidden")],
    ),
    (Window[int], {"size": "x"}, [(["size"], "int_parsing")]),
    (Window[int], {}, [(["size"], "missing")]),
    (Movie, {}, [(["title"], "missing")]),
    (Range, {"high": "10"}, [(["low"], "missing"), (["high"], "less_than_equal")]),
    (Span, {"low": "3", "high": "2"}, [([], "value_error")]),
    (Crate, {"size": "-3"}, [([], "value_error")]),
    (Point, {"x": 1.5}, [(["x"], "value_error")]),
    (dict[str, int], {"a": ["1"], "b": ["x"]}, [(["b"], "int_parsing")]),
    (dict[str, list[int]], {"a": ["1", "x"]}, [(["a", 1], "int_parsing")]),
]


@pytest.mark.parametrize(("type_", "raw", "errors"), BAD_GROUPS, ids=lambda one: repr(one)[:50])
def test_all_that_is_wrong_with_a_group_is_told(type_, raw, errors):
    assert sorted(found_in(group_parser(type_, NONE), raw), key=repr) == sorted(errors, key=repr)


def test_the_fields_of_a_group_are_described():
    fields = {field.name: field for field in group_parser(Filters, NONE).fields}
    assert (fields["page_size"].key, fields["page_size"].required, fields["page_size"].default) == (
        "pageSize",
        False,
        10,
    )
    assert fields["colors"].many
    assert fields["colors"].default is MISSING
    [token, *_] = [field for field in group_parser(Needed, NONE).fields if field.required]
    assert (token.name, token.key, token.type) == ("token", "X-Token", str)
    assert [field.type for field in group_parser(Window[UUID], NONE).fields] == [UUID, str]
    assert group_parser(dict[str, str], NONE).fields == ()


def test_the_size_of_a_dict_can_be_limited():
    parser = group_parser(dict[str, str], Constraints(max_length=1))
    assert found_in(parser, {"a": ["1"], "b": ["2"]}) == [([], "too_long")]


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (Order, "its field `Order.items`: .* can't be read from a list|its field `Order.items`"),
        (int, "has no fields"),
        (Item | Point, "has no fields"),
        (list[int], "has no fields"),
        (dict[int, str], "the keys of a dict"),
        (dict[str, Item], "can't be read from a text"),
        (Foreign, "its field `Foreign.inner`"),
    ],
    ids=repr,
)
def test_models_that_texts_can_not_fill_are_refused_at_startup(type_, message):
    with pytest.raises(Unsupported, match=message):
        group_parser(type_, NONE)


# Properties.

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.sampled_from(["red", "cat", "dog", ID, "2024-01-01", "1", "NaN"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "price",
                    "color",
                    "orderId",
                    "items",
                    "notes",
                    "kind",
                    "lives",
                    "value",
                    "children",
                    "total",
                    "parts",
                    "low",
                    "high",
                    "spans",
                    "x",
                    "y",
                    "title",
                    "size",
                    "1",
                    "next",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
TYPES: list[Any] = list(dict.fromkeys(repr(row[0]) for row in BAD_JSON))
PARSERS = {repr(row[0]): (row[0], json_parser(row[0], NONE), value_parser(row[0], NONE)) for row in BAD_JSON}


@settings(max_examples=400)
@given(JSON, st.sampled_from(TYPES))
def test_whatever_is_refused_is_explained_and_whatever_is_explained_is_refused(value, type_):
    _, parser, of_values = PARSERS[type_]
    raw = json.dumps(value).encode()
    for one, given_ in ((parser, raw), (of_values, value)):
        try:
            one.parse(given_)
        except FAILURES:
            assert one.explain(given_)
        else:
            # Nothing is found in what fits: that is seen by the last resort, an error without a place or words.
            assert [(item["loc"], item["msg"]) for item in one.explain(given_)] == [([], "is not valid")]


@given(st.binary(max_size=30), st.sampled_from(TYPES))
def test_bytes_that_are_no_json_are_a_bad_request(data, type_):
    _, parser, _ = PARSERS[type_]
    try:
        parser.parse(data)
    except FAILURES:
        try:
            found = parser.explain(data)
        except BadRequest:
            return
        assert found
