"""Sets and dicts of a client's values: those whose hashes were chosen to collide are refused before they are made."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, Optional, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest

from nacre.binding.collisions import collide
from nacre.binding.marks import Constraints
from nacre.binding.models import json_parser
from nacre.binding.parser import FAILURES, Unsupported
from nacre.binding.scalars import texts_parser

NONE = Constraints()
PRIME = 2**61 - 1
COUNT = 300

INTS = [number * PRIME * 8 for number in range(1, COUNT)]
UUIDS = [str(UUID(int=number * PRIME * 2**50)) for number in range(1, COUNT)]
DECIMALS = [f"{number * PRIME}e-3" for number in range(1, COUNT)]

T = TypeVar("T")


class Order(msgspec.Struct):
    ids: set[int] = set()
    parent: Optional["Order"] = None
    name: str = ""


class Renamed(msgspec.Struct, rename="camel", tag=True):
    all_ids: frozenset[UUID]


class Plain(msgspec.Struct, tag=True):
    name: str


class Row(msgspec.Struct, array_like=True, tag="row"):
    name: str
    prices: dict[int, str]


class Box(msgspec.Struct, Generic[T]):
    inside: T


class Cell(msgspec.Struct, frozen=True):
    x: int
    y: int = 0


class Pair(NamedTuple):
    first: str
    ids: set[int]


class Typed(TypedDict):
    ids: set[Decimal]


@dataclasses.dataclass
class Data:
    ids: Mapping[UUID, int]


class Loose(pydantic.BaseModel):
    ids: set[int] = set()
    keys: frozenset[UUID] = frozenset()
    prices: dict[int, str] = {}
    rows: list[set[Decimal]] = []
    places: set[tuple[int, str]] = set()


HOSTILE: dict[str, tuple[Any, Any]] = {
    "a set of ints": (set[int], INTS),
    "a set of anything": (set[Any], INTS),
    "a set of a union": (set[int | str | None], INTS),
    "a set with a limit that comes too late": (Annotated[set[int], msgspec.Meta(max_length=3)], INTS),
    "a set in a union": (set[int] | str, INTS),
    "UUIDs": (frozenset[UUID], UUIDS),
    "decimals": (set[Decimal], DECIMALS),
    "tuples": (set[tuple[str, int]], [["", one] for one in INTS]),
    "frozen structs": (set[Cell], [{"x": 1, "y": one} for one in INTS]),
    "sets in a set": (frozenset[frozenset[int]], [[1], INTS]),
    "keys that are ints": (dict[int, int], {str(one): 1 for one in INTS}),
    "keys that are UUIDs": (dict[UUID, int], dict.fromkeys(UUIDS, 1)),
    "a field": (Order, {"ids": INTS}),
    "a field of a field": (Order, {"parent": {"parent": {"ids": INTS}}}),
    "a renamed field": (Renamed, {"type": "Renamed", "allIds": UUIDS}),
    "a field by its index": (Row, ["row", "a", {str(one): "b" for one in INTS}]),
    "a field of a generic class": (Box[set[int]], {"inside": INTS}),
    "a named tuple": (Pair, ["a", INTS]),
    "a TypedDict": (Typed, {"ids": DECIMALS}),
    "a dataclass": (Data, {"ids": dict.fromkeys(UUIDS, 1)}),
    "a list of rows": (list[tuple[int, set[int]]], [[1, []], [2, INTS]]),
    "a dict of sets": (dict[str, set[int]], {"a": [], "b": INTS}),
    "one of several classes": (Plain | Renamed, {"type": "Renamed", "allIds": UUIDS}),
    "before what is wrong": (set[int], [*INTS, "x"]),
    "beside what is wrong": (Order, {"name": 1, "ids": INTS}),
    "pydantic: ints": (Loose, {"ids": INTS}),
    "pydantic: texts": (Loose, {"ids": [str(one) for one in INTS]}),
    "pydantic: UUIDs": (Loose, {"keys": UUIDS}),
    "pydantic: keys": (Loose, {"prices": {str(one): "b" for one in INTS}}),
    "pydantic: decimals": (Loose, {"rows": [[], DECIMALS]}),
    "pydantic: tuples": (Loose, {"places": [[one, "x"] for one in INTS]}),
}


@pytest.mark.parametrize(("type_", "data"), HOSTILE.values(), ids=HOSTILE)
def test_values_of_one_hash_are_refused(type_, data):
    parser = json_parser(type_, NONE)
    raw = json.dumps(data).encode()
    with pytest.raises(FAILURES):
        parser.parse(raw)
    [item] = parser.explain(raw)
    assert item["type"] == "hash_collision"


HONEST: dict[str, tuple[Any, Any]] = {
    "many ints": (set[int], list(range(5000))),
    "large ints": (set[int], [2**70 + number for number in range(1000)]),
    "one int many times": (set[int], [PRIME * 8] * 1000),
    "UUIDs": (frozenset[UUID], [str(UUID(int=2**100 + number)) for number in range(1000)]),
    "decimals": (set[Decimal], [f"{number}.50" for number in range(1000)]),
    "whole floats": (set[float], [2.0**number for number in range(-1000, 1000)]),
    "a list of colliding ints": (list[int], INTS),
    "texts that look like them": (dict[str, set[str]], {"a": [str(one) for one in INTS]}),
    "colliding ints beside a set": (dict[str, list[int] | str], {"a": INTS}),
    "keys": (dict[int, str], {str(number): "a" for number in range(1000)}),
    "cells": (set[Cell], [{"x": x, "y": y} for x in range(30) for y in range(30)]),
    "a field": (Order, {"ids": list(range(2000)), "parent": {"name": "b" * 5000}}),
    "pydantic": (Loose, {"ids": list(range(3000)), "keys": [str(UUID(int=number)) for number in range(200)]}),
}


@pytest.mark.parametrize(("type_", "data"), HONEST.values(), ids=HONEST)
def test_honest_values_are_taken_whatever_their_number(type_, data):
    raw = json.dumps(data).encode()
    made = json_parser(type_, NONE).parse(raw)
    assert msgspec.to_builtins(made) if not isinstance(made, Loose) else made.ids == set(range(3000))


def test_a_set_that_another_of_its_equal_keys_hides_is_refused():
    hidden = json.dumps({"ids": INTS})[:-1]
    raw = f'{hidden}, "ids": []}}'.encode()
    parser = json_parser(Order, NONE)
    with pytest.raises(FAILURES):
        parser.parse(raw)
    assert parser.explain(raw)[0]["type"] == "equal_keys"


def test_colons_and_quotes_in_texts_are_no_keys():
    name = 'a:"b\\":{"c":"d\\\\' * 500
    raw = json.dumps({"ids": [1, 2], "name": name, "unknown": [{"a:": {}}, {"b": ":"}]}).encode()
    assert json_parser(Order, NONE).parse(raw) == Order({1, 2}, None, name)


def test_small_bodies_are_decoded_at_once():
    raw = b'{"ids": [1], "ids": [2, 3]}'
    assert json_parser(Order, NONE).parse(raw) == Order({2, 3})


def test_a_set_that_may_be_in_itself_is_refused_at_startup():
    with pytest.raises(Unsupported, match="take a list"):
        json_parser(Nested, NONE)


class Nested(msgspec.Struct, frozen=True):
    children: frozenset["Nested"] = frozenset()


def test_repeated_fields_that_collide_are_refused():
    parser = texts_parser(set[int], NONE)
    texts = [str(one) for one in INTS]
    with pytest.raises(FAILURES):
        parser.parse(texts)
    assert parser.explain(texts)[0]["type"] == "hash_collision"
    assert texts_parser(list[int], NONE).parse(texts) == INTS
    assert parser.parse(["1", "2", "1"]) == {1, 2}


SPREAD: dict[str, Any] = {
    "floats": [2.0 ** (61 * number) for number in range(-16, 16)] * 4,
    "times": [timedelta(number) for number in range(500)],
    "dates": [datetime(2024, 1, 1).replace(microsecond=number) for number in range(500)],
    "no hash": [[] for _ in range(500)],
}


@pytest.mark.parametrize("values", SPREAD.values(), ids=SPREAD)
def test_values_that_can_not_be_chosen_to_collide_do_not(values):
    assert not collide(values)
