"""Types that pydantic validates."""

import dataclasses
import enum
import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import PydanticCustomError

from nacre.binding import pydantic_models
from nacre.binding.kinds import kind_of
from nacre.binding.marks import Constraints
from nacre.binding.models import group_parser, json_parser, value_parser
from nacre.binding.parser import FAILURES, Parser, Unsupported
from nacre.binding.scalars import text_parser, texts_parser
from nacre.errors import BadRequest

T = TypeVar("T")
NONE = Constraints()


class Color(enum.Enum):
    RED = "red"


class Item(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=1)
    price: Decimal = pydantic.Field(ge=0)
    color: Color = Color.RED


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    number: int = pydantic.Field(alias="orderNumber")
    items: list[Item]
    placed: date | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> "Order":
        if self.number == 13:
            raise ValueError("13 is not given out")
        return self


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


Pet = Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Tree(pydantic.BaseModel):
    children: list["Tree"] = []


@pydantic_dataclass
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass
class Basket:
    items: list[Item]


class Number(pydantic.RootModel[int]):
    pass


class Filters(pydantic.BaseModel):
    size: int = pydantic.Field(10, alias="pageSize", ge=1)
    colors: list[Color] = []
    active: bool | None = None
    tags: set[str] = pydantic.Field(default_factory=set)


class Named(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True, extra="forbid")

    user_id: UUID = pydantic.Field(validation_alias=pydantic.AliasChoices("userId", "uid"))


def found_in(parser: Parser, raw: Any) -> list[tuple[list[str | int], str]]:
    """The location and type of each error of a raw value that must be refused."""
    with pytest.raises(FAILURES):
        parser.parse(raw)
    found = parser.explain(raw)
    json.dumps(found, allow_nan=False)
    return [(item["loc"], item["type"]) for item in found]


def test_json_is_validated_by_pydantic():
    order = json_parser(Order, NONE).parse(b'{"orderNumber": "5", "items": [{"name": "a", "price": "1.5"}]}')
    assert isinstance(order, Order)
    assert order.items == [Item(name="a", price=Decimal("1.5"))]
    assert json_parser(list[Item] | None, NONE).parse(b"null") is None
    assert json_parser(Page[int], NONE).parse(b'{"items": [1]}') == Page[int](items=[1])
    assert json_parser(Basket, NONE).parse(b'{"items": []}') == Basket([])
    assert json_parser(Number, NONE).parse(b"5").root == 5
    assert json_parser(Point, NONE).parse(b'{"x": 1}') == Point(1)


BAD_JSON: list[tuple[Any, str, list[tuple[list[str | int], str]]]] = [
    (
        Order,
        '{"orderNumber": "x", "items": [{"name": "", "price": -1, "color": "blue"}, 5], "z": 1}',
        [
            (["orderNumber"], "int_parsing"),
            (["items", 0, "name"], "string_too_short"),
            (["items", 0, "price"], "greater_than_equal"),
            (["items", 0, "color"], "enum"),
            (["items", 1], "model_type"),
            (["z"], "extra_forbidden"),
        ],
    ),
    (Order, '{"orderNumber": 13, "items": []}', [([], "value_error")]),
    (Order, "{}", [(["orderNumber"], "missing"), (["items"], "missing")]),
    (Pet, '{"kind": "cow"}', [([], "union_tag_invalid")]),
    (dict[str, Pet], '{"a": {}}', [(["a"], "union_tag_not_found")]),
    (Item, '{"name": "a", "price": "NaN"}', [(["price"], "finite_number")]),
]


@pytest.mark.parametrize(("type_", "text", "errors"), BAD_JSON, ids=lambda one: repr(one)[:40])
def test_all_that_pydantic_finds_is_told(type_, text, errors):
    assert found_in(json_parser(type_, NONE), text.encode()) == errors


def test_errors_hold_no_input_no_url_and_only_json():
    [item] = json_parser(Order, NONE).explain(b'{"orderNumber": 13, "items": []}')
    assert item == {
        "loc": [],
        "msg": "Value error, 13 is not given out",
        "type": "value_error",
        "ctx": {"error": "13 is not given out"},
    }
    [item] = json_parser(Pet, NONE).explain(b'{"kind": "secret"}')
    assert "secret" not in repr(item)
    assert item["ctx"]["expected_tags"] == "'cat', 'dog'"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"x": NaN}',
        b'{"x": Infinity}',
        b"\xff",
        b'"\\ud800"',
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"{}\0",
        b"nul",
    ],
    ids=repr,
)
def test_what_is_no_json_is_a_bad_request(data):
    parser = json_parser(Order, NONE)
    with pytest.raises(FAILURES):
        parser.parse(data)
    with pytest.raises(BadRequest, match="the body is not valid JSON"):
        parser.explain(data)


def test_a_number_out_of_range_is_a_bad_request():
    with pytest.raises(BadRequest, match="the body has a number that is out of range"):
        json_parser(Page[int], NONE).explain(b'{"items": [%s]}' % (b"9" * 5000))


@pytest.mark.parametrize("depth", [100_000, 500])
def test_deep_json_is_a_bad_request(depth):
    data = b'{"children": [' * depth + b"]}" * depth
    parser = json_parser(Tree, NONE)
    with pytest.raises(FAILURES):
        parser.parse(data)
    with pytest.raises(BadRequest, match="the body is nested too deeply"):
        parser.explain(data)


def test_limits_of_a_marker_are_pydantics_to_check():
    parser = json_parser(list[Item], Constraints(min_length=1))
    assert found_in(parser, b"[]") == [([], "too_short")]
    with pytest.raises(Unsupported, match="`ge` can't be checked on"):
        json_parser(Item, Constraints(ge=1))
    many = texts_parser(list[pydantic.PositiveInt], Constraints(max_length=1, le=5))
    assert many.parse(["5"]) == [5]
    of_urls = texts_parser(tuple[pydantic.HttpUrl, ...] | None, Constraints(min_length=1, max_length=1))
    assert found_in(of_urls, []) == [([], "too_short")]
    checked = texts_parser(
        list[Annotated[str, pydantic.AfterValidator(str.upper)]], Constraints(pattern="^A", max_length=3)
    )
    assert checked.parse(["ab"]) == ["AB"]
    assert found_in(checked, ["ab", "b"]) == [([1], "string_pattern_mismatch")]


def test_strict_is_pydantics_strict_mode():
    assert found_in(json_parser(Point, Constraints(strict=True)), b'{"x": "1"}') == [(["x"], "int_type")]
    assert found_in(value_parser(Number, Constraints(strict=True)), "1") == [([], "int_type")]


def test_values_are_validated_by_pydantic():
    item = Item(name="a", price=Decimal(1))
    assert value_parser(Item, NONE).parse(item) is item
    assert found_in(value_parser(Item, NONE), {"name": "a"}) == [(["price"], "missing")]


def test_texts_are_validated_by_pydantic():
    assert text_parser(Annotated[int, pydantic.Field(ge=1)], NONE).parse("5") == 5
    assert found_in(text_parser(Annotated[int, pydantic.Field(ge=1)], NONE), "0") == [([], "greater_than_equal")]
    assert str(text_parser(pydantic.HttpUrl, NONE).parse("https://example.com/")) == "https://example.com/"
    assert found_in(text_parser(pydantic.HttpUrl, NONE), "x") == [([], "url_parsing")]
    assert text_parser(Annotated[str, pydantic.AfterValidator(str.upper)], NONE).parse("a") == "A"
    assert text_parser(Annotated[int, pydantic.Strict()], NONE).parse("5") == 5
    assert texts_parser(list[Annotated[int, pydantic.Field(ge=1)]], NONE).parse(["1", "2"]) == [1, 2]
    assert found_in(texts_parser(list[pydantic.PositiveInt], NONE), ["1", "-1"]) == [([1], "greater_than")]
    with pytest.raises(Unsupported):
        text_parser(Item, NONE)
    with pytest.raises(Unsupported):
        texts_parser(list[Item], NONE)


def test_a_model_takes_all_fields_of_a_source():
    parser = group_parser(Filters, NONE)
    assert parser.parse({}) == Filters()
    made = parser.parse({"pageSize": "5", "colors": ["red"], "active": "yes", "tags": ["a", "a"]})
    assert made.model_dump() == {"size": 5, "colors": [Color.RED], "active": True, "tags": {"a"}}
    assert found_in(parser, {"pageSize": "0", "colors": ["x"]}) == [
        (["pageSize"], "greater_than_equal"),
        (["colors", 0], "enum"),
    ]
    assert [(field.name, field.key, field.many, field.required) for field in parser.fields] == [
        ("size", "pageSize", False, False),
        ("colors", "colors", True, False),
        ("active", "active", False, False),
        ("tags", "tags", True, False),
    ]
    assert group_parser(Point, NONE).parse({"x": "1"}) == Point(1)
    assert group_parser(Filters | None, NONE).parse({"pageSize": "2"}).size == 2


def test_a_field_may_be_sent_under_each_of_its_names():
    parser = group_parser(Named, NONE)
    text = "12345678-1234-5678-1234-567812345678"
    assert [field.key for field in parser.fields] == ["userId", "uid", "user_id"]
    for key in ("userId", "uid", "user_id"):
        assert parser.parse({key: text}) == Named(user_id=UUID(text))
    assert [type_ for _, type_ in found_in(parser, {"other": "x"})] == ["missing", "extra_forbidden"]


@pytest.mark.parametrize("type_", [Order, Number, Cat | Dog, list[Item]], ids=repr)
def test_models_that_texts_can_not_fill_are_refused_at_startup(type_):
    with pytest.raises(Unsupported):
        group_parser(type_, NONE)


def test_a_struct_with_a_pydantic_model_in_it_is_refused():
    class Box(msgspec.Struct):
        item: Item

    assert kind_of(Box) == "model"
    with pytest.raises(Unsupported, match=r"JSON has no form for `Item`, the type of `.*Box.item`"):
        json_parser(Box, NONE)


def test_other_failures_of_a_users_check_are_told_without_words():
    class Checked(pydantic.BaseModel):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def _look(cls, name: str) -> str:
            return {}[name]

    [item] = json_parser(Checked, NONE).explain(b'{"name": "secret"}')
    assert item == {"loc": [], "msg": "is not valid", "type": "value_error"}


def test_types_that_pydantic_can_not_validate_are_refused_at_startup():
    class Plain:
        pass

    with pytest.raises(Unsupported, match="Plain"):
        json_parser(dict[str, Item | Plain], NONE)
    with pytest.raises(Unsupported, match="Nowhere"):
        json_parser(list[pydantic.create_model("Lost", other=("Nowhere", ...))], NONE)


def test_the_number_of_listed_errors_is_bounded():
    found = found_in(json_parser(Page[int], NONE), b'{"items": [' + b",".join([b'"x"'] * 50_000) + b"]}")
    assert len(found) == 101
    assert found[-1] == ([], "too_many_errors")


PARSER = json_parser(Order, NONE)


@given(
    st.binary(max_size=20)
    | st.sampled_from(["{}", '{"items": 1}', "[]", "1", '{"orderNumber": 1e999}']).map(str.encode)
)
def test_every_body_is_explained_or_a_bad_request(data):
    try:
        PARSER.parse(data)
    except FAILURES:
        try:
            assert PARSER.explain(data)
        except BadRequest:
            pass


def test_not_every_error_of_many_is_made_an_object():
    class Many:
        def error_count(self):
            return 500_000

        def json(self, **options):
            listed = [{"type": "missing", "loc": [number], "msg": "m"} for number in range(1000)]
            return json.dumps(listed, separators=(",", ":"))

        def errors(self, **options):
            raise AssertionError

    listed = pydantic_models._listed(Many())
    assert [one["loc"] for one in listed] == [[number] for number in range(101)]


def test_many_errors_are_told_like_few():
    few, many = (json_parser(list[Order], NONE).explain(b"[" + b"{}," * count + b"{}]") for count in (1, 400))
    assert many[: len(few)] == few


def test_list_in_which_an_item_is_wrong_is_left_at_once():
    with pytest.raises(pydantic.ValidationError) as caught:
        json_parser(list[Item], NONE).parse(b'["x", "y", "z"]')
    assert caught.value.error_count() == 1


def test_errors_with_a_context_that_json_does_not_hold_are_told():
    def refuse(value: int) -> int:
        raise PydanticCustomError("odd", "is odd", {"why": object()})

    found = json_parser(list[Annotated[int, pydantic.AfterValidator(refuse)]], NONE).explain(b"[" + b"1," * 200 + b"1]")
    assert [one["type"] for one in found] == ["odd"] * 100 + ["too_many_errors"]
