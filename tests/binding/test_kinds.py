"""What can hold a value of a type."""

# ruff: noqa: UP007, UP045 - every spelling of a union is a case

import collections
import dataclasses
import enum
import subprocess
import sys
import typing
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union
from uuid import UUID

import annotated_types
import attrs
import msgspec
import pydantic
import pytest
from pydantic.dataclasses import dataclass as pydantic_dataclass

from nacre.binding.kinds import field_types, is_pydantic, kind_of, unwrap

T = TypeVar("T")
UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Item(msgspec.Struct):
    name: str


class Page(msgspec.Struct, Generic[T]):
    items: list[T]
    first: T | None = None


class Numbers(Page[int]):
    total: int = 0


@dataclasses.dataclass
class Point:
    x: int


class Movie(TypedDict):
    title: str


class Pair(NamedTuple):
    left: int
    right: int


@attrs.define
class Crate:
    size: int


class User(pydantic.BaseModel):
    name: str


@pydantic_dataclass
class Account:
    name: str


@dataclasses.dataclass
class Holder:
    user: User
    next: "Holder | None" = None


class Plain:
    pass


KINDS: list[tuple[Any, str]] = [
    *((one, "text") for one in (str, int, float, bool, Decimal, UUID, date, time, datetime, timedelta)),
    (Color, "text"),
    (Level, "text"),
    (Literal["a", 1], "text"),
    (UserId, "text"),
    (Annotated[int, msgspec.Meta(ge=1)], "text"),
    (Annotated[UserId, annotated_types.Gt(3)], "text"),
    (Optional[int], "text"),
    (int | None, "text"),
    (int | str, "text"),
    (Union[int, Literal["all"], None], "text"),
    (Annotated[int | None, "note"], "text"),
    (Union[Annotated[int | None, msgspec.Meta(title="x")], str], "text"),
    (int | msgspec.UnsetType, "text"),
    (pydantic.HttpUrl, "text"),
    (pydantic.PositiveInt, "text"),
    (list[int], "texts"),
    (set[Color], "texts"),
    (frozenset[str | int], "texts"),
    (tuple[int, ...], "texts"),
    (tuple[int, str], "texts"),
    (Sequence[UUID], "texts"),
    (typing.List[int], "texts"),  # noqa: UP006 - people write it
    (list[int] | None, "texts"),
    (list[Annotated[str, msgspec.Meta(min_length=1)]], "texts"),
    (Item, "model"),
    (Page[int], "model"),
    (Page, "model"),
    (Point, "model"),
    (Movie, "model"),
    (Pair, "model"),
    (Crate, "model"),
    (User, "model"),
    (Account, "model"),
    (Item | None, "model"),
    (Annotated[Item, "note"], "model"),
    (dict, "data"),
    (list, "data"),
    (dict[str, int], "data"),
    (Mapping[str, Item], "data"),
    (list[Item], "data"),
    (list[list[int]], "data"),
    (list[Any], "data"),
    (Any, "data"),
    (Item | Point, "data"),
    (int | list[int], "data"),
    (list[bytes], "data"),
    (msgspec.Raw, "data"),
    (bytes, "raw"),
    (bytearray, "raw"),
    (memoryview, "raw"),
    (bytes | None, "raw"),
    (Callable[[], int], "unsupported"),
    (Generator[int, None, None], "unsupported"),
    (Iterable[int], "unsupported"),
    (Plain, "unsupported"),
    (list[Plain], "unsupported"),
    (dict[str, Plain], "unsupported"),
    (int | Plain, "unsupported"),
    (object, "unsupported"),
    (None, "unsupported"),
    (type(None), "unsupported"),
    (T, "unsupported"),
    (collections.OrderedDict[str, int], "unsupported"),
    (5, "unsupported"),
    ("int", "unsupported"),
    ([], "unsupported"),
    (complex, "unsupported"),
]


@pytest.mark.parametrize(("type_", "kind"), KINDS, ids=[repr(one) for one, _ in KINDS])
def test_each_type_has_its_kind(type_, kind):
    assert kind_of(type_) == kind


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = …` is syntax from 3.12 on")
def test_type_aliases_are_followed():
    names: dict[str, Any] = {"Item": Item}
    exec("type Id = int\ntype Many[T] = list[T]\ntype One = Item", names)  # noqa: S102
    assert kind_of(names["Id"]) == "text"
    assert kind_of(names["Many"][int]) == "texts"
    assert kind_of(names["One"] | None) == "model"


def test_unwrapping_keeps_the_metadata_from_the_inside_out():
    inner = Annotated[UserId, "b"]
    assert unwrap(Annotated[inner, "a"]).metadata == ("b", "a")
    assert unwrap(Annotated[NewType("Name", Annotated[str, "in"]), "out"]).metadata == ("in", "out")
    assert unwrap(typing.Required[Annotated[int, "x"]]).type is int


@pytest.mark.parametrize(
    "type_",
    [
        User,
        Account,
        list[User],
        User | None,
        dict[str, list[User]],
        Holder,
        list[Holder],
        pydantic.EmailStr,
        Annotated[int, pydantic.Field(ge=1)],
        Annotated[str, pydantic.AfterValidator(str.strip)],
        pydantic.UUID4,
    ],
    ids=repr,
)
def test_what_is_pydantics_is_found_in_any_depth(type_):
    assert is_pydantic(type_)


@pytest.mark.parametrize(
    "type_", [int, Item, Point, Movie, Pair, Crate, list[Item], Page[int], Any, Literal["x"], Plain], ids=repr
)
def test_other_types_are_not_pydantics(type_):
    assert not is_pydantic(type_)


def test_pydantic_is_not_imported_to_look_for_it():
    program = (
        "import sys, dataclasses, msgspec\n"
        "from nacre.binding.models import json_parser, group_parser, value_parser\n"
        "from nacre.binding.marks import Constraints\n"
        "class A(msgspec.Struct):\n    x: int\n"
        "for make in (json_parser, group_parser, value_parser):\n    make(A, Constraints())\n"
        "print('pydantic' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "False", found.stderr


def test_type_variables_of_fields_are_filled_in():
    assert field_types(Page[str]) == {"items": list[str], "first": str | None}
    assert field_types(Numbers) == {"items": list[int], "first": int | None, "total": int}
    assert field_types(Page) == {"items": list[T], "first": T | None}
