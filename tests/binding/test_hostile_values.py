"""What an attacker sends: always a plain refusal, in bounded time, that can be written as JSON."""

import dataclasses
import json
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, Optional, TypedDict

import msgspec
import pydantic
import pytest

from nacre.binding.marks import Constraints
from nacre.binding.models import group_parser, json_parser
from nacre.binding.parser import FAILURES, Parser
from nacre.binding.scalars import text_parser
from nacre.binding.untyped import decode_untyped
from nacre.codecs import encode_json
from nacre.errors import BadRequest, ErrorItem

NONE = Constraints()


class Tree(msgspec.Struct):
    value: int = 0
    left: Optional["Tree"] = None
    children: list["Tree"] = []
    by_name: dict[str, "Tree"] = {}

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("no negative values")


class Item(msgspec.Struct):
    name: str
    price: Decimal
    tags: list[str] = []


class Query(msgspec.Struct):
    text: str
    number: int = 0


class Movie(TypedDict):
    title: str


class Pair(NamedTuple):
    left: int
    right: str


@dataclasses.dataclass
class Point:
    x: float


class Loose(pydantic.BaseModel):
    anything: Any = None
    number: int = 0
    children: list["Loose"] = []


MODELS: list[Any] = [
    Tree,
    Item,
    Query,
    Movie,
    Pair,
    Point,
    Loose,
    dict[str, Any],
    Any,
    list[Decimal],
    list[int | str],
    int,
]


def refusal(parser: Parser, raw: Any) -> list[ErrorItem] | BadRequest | None:
    """How a raw value is refused; None if it is taken, and then it can be sent back."""
    start = time.process_time()
    try:
        value = parser.parse(raw)
    except FAILURES:
        try:
            found = parser.explain(raw)
        except BadRequest as error:
            return error
        finally:
            assert time.process_time() - start < 5
        assert found
        assert len(found) <= 101
        assert len(encode_json(found)) < 50_000
        return found
    encode_json(value)
    return None


NOT_JSON = {
    "empty": b"",
    "NUL": b"\0",
    "NUL after": b"{}\0",
    "NUL in a text": b'"\0"',
    "NaN": b'{"value": NaN}',
    "Infinity": b"[-Infinity]",
    "lone surrogate": b'{"text": "\\ud800"}',
    "surrogates turned around": b'{"text": "\\udc00\\ud800"}',
    "encoded surrogate": b'{"text": "\xed\xa0\x80"}',
    "surrogate as a key": b'{"\\udfff": 1}',
    "latin-1": '{"text": "é"}'.encode("latin-1"),
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"text": "a"}'.encode("utf-16-le"),
    "UTF-32": '{"text": "a"}'.encode("utf-32"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "cut off": b'{"text": "a',
    "two values": b"{} {}",
    "comment": b"{} // x",
    "single quotes": b"{'a': 1}",
    "trailing comma": b"[1,]",
    "hexadecimal": b"0x10",
    "leading zero": b"[01]",
    "plus": b"+1",
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep arrays, cut off": b"[" * 1_000_000,
    "deep objects": b'{"left":' * 100_000 + b"{}" + b"}" * 100_000,
    "deep objects in lists": b'{"children":[' * 100_000 + b"]}" * 100_000,
    "deep in a field that nothing reads": b'{"text": "a", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("data", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("type_", MODELS, ids=lambda one: getattr(one, "__name__", repr(one)))
def test_what_is_no_json_is_refused(type_, data):
    # A type error that comes first is found first; bytes of a text that nothing reads aren't looked at.
    found = refusal(json_parser(type_, NONE), data)
    assert isinstance(found, BadRequest) or (found is None and b"text" in data and data.isascii() is False)


ODD_JSON = {
    "5000 digits": b"9" * 5000,
    "a million digits": b"9" * 1_000_000,
    "5000 digits in a list": b"[" + b"9" * 5000 + b"]",
    "5000 digits in a text": b'"' + b"9" * 5000 + b'"',
    "5000 digits in fields": b'{"value": %s, "number": -%s, "price": %s, "x": %s}' % ((b"7" * 5000,) * 4),
    "5000 digits and a fraction": b"[" + b"9" * 5000 + b".5]",
    "5000 digits and an exponent": b"[" + b"9" * 5000 + b"e5]",
    "5000 digits behind a quote": b'["\\"' + b"9" * 5000 + b'", ' + b"9" * 5000 + b"]",
    "huge exponent": b"[1e999999999]",
    "huge negative exponent": b"[1e-999999999]",
    "huge exponent in a field": b'{"value": 1e999999999, "price": 1e999999999, "name": "a", "x": -1e400}',
    "huge exponent in a text": b'{"price": "1e999999999", "name": "a"}',
    "NaN in a text": b'{"price": "NaN", "name": "a", "x": "NaN"}',
    "duplicate keys": b'{"value": 1, "value": "x", "text": 1, "text": "a", "title": 1, "title": "a"}',
    "many duplicate keys": b"{" + b",".join([b'"value": 1'] * 100_000) + b"}",
    "long key": b'{"' + b"k" * 1_000_000 + b'": 1}',
    "long text": b'"' + b"x" * 1_000_000 + b'"',
    "backslashes": b'"' + b"\\\\" * 500_000 + b'"',
    "null": b"null",
    "a million nulls": b"[" + b",".join([b"null"] * 1_000_000) + b"]",
    "100 000 texts": b"[" + b",".join([b'"x"'] * 100_000) + b"]",
    "a million numbers and a text": b"[" + b"1," * 1_000_000 + b'"x", true]',
    "100 000 lists": b"[" + b",".join([b"[]"] * 100_000) + b"]",
    "100 000 empty objects": b"[" + b",".join([b"{}"] * 100_000) + b"]",
    "100 000 children": b'{"children": [' + b'{"value": 1},' * 100_000 + b'{"value": "x"}]}',
    "100 000 refused children": b'{"children": [' + b'{"value": -1},' * 100_000 + b"{}]}",
    "100 000 names": b'{"by_name": {' + b",".join(b'"k%d": {"value": 1}' % n for n in range(100_000)) + b', "x": 1}}',
    "a deep tree": b'{"left":' * 200 + b'{"value": "x"}' + b"}" * 200,
    "a deep tree that refuses itself": b'{"left":' * 150 + b'{"value": -1}' + b"}" * 150,
    "a deep tree with much at its end": b'{"children":[' * 80 + b'{"value": 1},' * 100_000 + b"5" + b"]}" * 80,
}


@pytest.mark.parametrize("data", ODD_JSON.values(), ids=ODD_JSON)
@pytest.mark.parametrize("type_", MODELS, ids=lambda one: getattr(one, "__name__", repr(one)))
def test_odd_json_is_taken_or_refused(type_, data):
    refusal(json_parser(type_, NONE), data)


def test_what_is_found_in_large_bodies():
    many = json_parser(list[int], NONE)
    found = many.explain(b"[" + b"1," * 1_000_000 + b'"x", true]')
    assert [(item["loc"], item["type"]) for item in found] == [([1_000_000], "int_type"), ([1_000_001], "int_type")]
    deep = json_parser(Tree, NONE)
    [item] = deep.explain(ODD_JSON["a deep tree with much at its end"])
    assert item["loc"] == [*["children", 0] * 79, "children", 100_000]
    [item] = deep.explain(ODD_JSON["a deep tree that refuses itself"])
    assert item == {"loc": ["left"] * 150, "msg": "no negative values", "type": "value_error"}


def test_numbers_out_of_range_are_found_beside_other_errors():
    body = b'{"name": 5, "price": %s, "tags": ["\\"%s", %s]}' % ((b"9" * 5000,) * 3)
    found = json_parser(Item, NONE).explain(body)
    assert [(item["loc"], item["type"]) for item in found] == [
        (["name"], "string_type"),
        (["price"], "decimal_parsing"),
        (["tags", 1], "string_type"),
    ]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "sNaN", "1e999999999", "9" * 5000, "1e-999999999"])
def test_decimals_of_a_body_are_finite_and_bounded(text):
    parser = json_parser(list[Item], NONE)
    with pytest.raises(FAILURES):
        parser.parse(json.dumps([{"name": "a", "price": text}]).encode())
    [item] = parser.explain(json.dumps([{"name": "a", "price": text}]).encode())
    assert (item["loc"], item["type"]) == ([0, "price"], "decimal_parsing")


def test_of_equal_keys_the_last_one_counts():
    assert json_parser(Query, NONE).parse(b'{"text": "a", "number": 1, "text": "b"}') == Query("b", 1)
    assert group_parser(dict[str, str], NONE).parse({"a": ["1", "2"]}) == {"a": "1"}


def test_texts_of_bodies_can_be_sent_back():
    value = json_parser(Query, NONE).parse(b'{"text": "\\ud83d\\udc1a\\u0000\\uffff"}')
    assert json.loads(encode_json(value))["text"] == "🐚\0\uffff"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "1\0",
        "\ud800",
        "9" * 5000,
        "-" + "9" * 1_000_000,
        "1e999999999",
        "NaN",
        "0000-01-01",
        "10000-01-01",
        "P999999999999D",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1" * 30,
        "1." + "1" * 100_000 + "x",
        "１２",
        "0" * 100_000,
        "." * 100_000,
        "1e" * 50_000,
    ],
    ids=lambda one: repr(one)[:20],
)
@pytest.mark.parametrize(
    "type_",
    [
        int,
        float,
        Decimal,
        bool,
        date,
        datetime,
        timedelta,
        int | date | str,
        Annotated[str, msgspec.Meta(pattern="^(a+)$")],
    ],
    ids=repr,
)
def test_hostile_texts_are_taken_or_refused(type_, text):
    parser = text_parser(type_, NONE)
    start = time.process_time()
    try:
        value = parser.parse(text)
    except FAILURES:
        [item] = parser.explain(text)
        encode_json(item)
    else:
        encode_json(value)
    assert time.process_time() - start < 1


def test_lone_surrogates_in_forms_are_refused():
    parser = group_parser(Query, NONE)
    [item] = parser.explain({"text": "\ud800"})
    assert (item["loc"], item["type"]) == (["text"], "string_unicode")


def test_refused_json_is_decoded_once_more_with_its_large_numbers():
    value = decode_untyped(b'[1e999, %s, 1.5, "1e999", "\\"%s"]' % (b"9" * 5000, b"9" * 5000))
    assert [type(one).__name__ for one in value] == ["TooLarge", "TooLarge", "float", "str", "str"]


# Work grows with the body, no faster: the test's time limit is far above that, and far below its square.

ESCAPES = b'\\"' * 500_000
OUT_OF_RANGE: dict[str, bytes] = {
    "text that nobody closes": b'[1e999,"' + ESCAPES,
    "backslash at the end": b'[1e999,"' + ESCAPES + b"\\",
    "line break in a text": b'[1e999,"' + ESCAPES + b"\\\n" + ESCAPES,
    "signs": b"[1e999," + b"-1" * 500_000,
    "long number": b"[1e999," + b"9" * 1_000_000 + b"e]",
    "quotes": b"[1e999" + b',"' * 500_000,
}


@pytest.mark.parametrize("data", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_what_follows_a_number_out_of_range_is_looked_at_once(data):
    with pytest.raises(BadRequest, match="not valid JSON"):
        json_parser(list[int], NONE).explain(data)


class Nested(TypedDict, total=False):
    inner: "Nested"
    items: list[int]


class NestedRow(NamedTuple):
    inner: Optional["NestedRow"] = None
    items: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("type_", "before", "middle", "after"),
    [(Nested, b'{"inner":', b'{"items":%b}', b"}"), (NestedRow, b"[", b"[null,%b]", b"]")],
    ids=["TypedDict", "NamedTuple"],
)
def test_what_is_right_in_a_deep_body_is_converted_once(monkeypatch, type_, before, middle, after):
    converted = 0

    def convert(value, type, **options):
        nonlocal converted
        found = [value]
        while found:
            one = found.pop()
            converted += 1
            found += one.values() if isinstance(one, dict) else one if isinstance(one, list | tuple) else ()
        return msgspec_convert(value, type, **options)

    msgspec_convert = msgspec.convert
    monkeypatch.setattr(msgspec, "convert", convert)
    items = b"[" + b"1," * 1000 + b"1]"
    data = b"[" + before * 100 + middle % items + after * 100 + b", 3]"
    assert json_parser(list[type_], NONE).explain(data)
    assert converted < 10_000
