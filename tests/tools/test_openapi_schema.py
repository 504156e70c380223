"""Types as JSON Schema: each back end's, names that are told apart, and what nobody knows."""

import dataclasses
import enum
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import attrs
import jsonschema
import msgspec
import pydantic
import pytest

from nacre.binding import Constraints
from nacre.forms import UploadFile
from nacre.openapi.narrowing import both, constrain, with_default, without_null
from nacre.openapi.schema import FILE, Schemas

T = TypeVar("T")


class Color(enum.Enum):
    """What it looks like."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(msgspec.Struct, rename="camel"):
    """A place."""

    far_left: float
    label: Annotated[str, msgspec.Meta(max_length=8)] = "here"


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Visit:
    at: datetime
    days: list[date]
    until: datetime | None = None
    price: Decimal = Decimal(1)


class Row(NamedTuple):
    name: str
    at: time


class Options(TypedDict, total=False):
    color: Color


@attrs.define
class Coupon:
    code: str


class Model(pydantic.BaseModel):
    """What pydantic checks."""

    size: int = pydantic.Field(ge=1)

    @pydantic.computed_field
    @property
    def double(self) -> int:
        return 2 * self.size


class Holder(msgspec.Struct):
    model: Model
    anything: Any = None


class Unknown:
    pass


@dataclasses.dataclass
class Cat:
    name: str


@dataclasses.dataclass
class Dog:
    age: int


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


def settled(*kinds, mode="input"):
    schemas = Schemas()
    for kind in kinds:
        assert schemas.of(kind, mode) == {}  # not yet
    schemas.settle()
    return schemas, [schemas.of(kind, mode) for kind in kinds]


def schema_of(kind, mode="input"):
    return settled(kind, mode=mode)[1][0]


def component_of(kind, mode="input"):
    schemas, [schema] = settled(kind, mode=mode)
    return schemas.components[schema["$ref"].rpartition("/")[2]]


PLAIN = {
    "str": (str, {"type": "string"}),
    "int": (int, {"type": "integer"}),
    "bool": (bool, {"type": "boolean"}),
    "float": (float, {"type": "number"}),
    "uuid": (UUID, {"type": "string", "format": "uuid"}),
    "date": (date, {"type": "string", "format": "date"}),
    "datetime": (datetime, {"type": "string", "format": "date-time"}),
    "time": (time, {"type": "string", "format": "time"}),
    "duration": (timedelta, {"type": "string", "format": "duration"}),
    "literal": (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    "literal of numbers": (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
    "optional": (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    "optional datetime": (
        datetime | None,
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    ),
    "union": (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    "list": (list[int], {"type": "array", "items": {"type": "integer"}}),
    "list of times": (list[datetime], {"type": "array", "items": {"type": "string", "format": "date-time"}}),
    "set": (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    "dict": (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    "constraints of msgspec": (
        Annotated[int, msgspec.Meta(ge=1, lt=9)],
        {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
    ),
    "constraints of pydantic": (Annotated[int, pydantic.Field(ge=1)], {"type": "integer", "minimum": 1}),
    "file": (UploadFile, FILE),
    "files": (list[UploadFile], {"type": "array", "items": FILE}),
    "optional file": (UploadFile | None, {"anyOf": [FILE, {"type": "null"}]}),
    "any": (Any, {}),
    "object": (object, {}),
    "unknown class": (Unknown, {}),
    "list of unknown": (list[Unknown], {"type": "array", "items": {}}),
    "callable": (Callable[[int], int], {}),
    "iterator": (Iterator[int], {}),
    "text that can't be evaluated": ("Missing", {}),
    "metadata that can't be hashed": (Annotated[int, ["unhashable"]], {"type": "integer"}),
    "complex": (complex, {}),
    "mapping of files": (Mapping[str, UploadFile], {"type": "object", "additionalProperties": FILE}),
    "sequence of files": (Sequence[UploadFile], {"type": "array", "items": FILE}),
}


@pytest.mark.parametrize(("kind", "schema"), PLAIN.values(), ids=PLAIN)
def test_type_without_a_name_of_its_own(kind, schema):
    assert schema_of(kind) == schema


@pytest.mark.parametrize("text", ["1", "-1.50", "1E+3", ".5"])
def test_decimals_are_texts_of_a_pattern(text):
    jsonschema.validate(text, schema_of(Decimal))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(f"{text}x", schema_of(Decimal))


def test_classes_become_components():
    schemas, [schema] = settled(Point)
    assert schema == {"$ref": "#/components/schemas/Point"}
    assert schemas.components == {
        "Point": {
            "title": "Point",
            "description": "A place.",
            "type": "object",
            "properties": {
                "farLeft": {"type": "number"},
                "label": {"type": "string", "maxLength": 8, "default": "here"},
            },
            "required": ["farLeft"],
        }
    }


def test_fields_of_dataclasses_have_formats():
    properties = component_of(Visit)["properties"]
    assert properties["at"] == {"type": "string", "format": "date-time"}
    assert properties["days"] == {"type": "array", "items": {"type": "string", "format": "date"}}
    assert properties["until"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert "pattern" in properties["price"]


def test_named_tuples_are_arrays():
    assert component_of(Row)["prefixItems"] == [{"type": "string"}, {"type": "string", "format": "time"}]


def test_enumerations_say_the_type_of_their_values():
    assert component_of(Color)["type"] == "string"
    assert component_of(Color)["description"] == "What it looks like."
    assert component_of(Level)["type"] == "integer"


def test_docstrings_are_not_indented():
    class Noted(TypedDict):
        """A note.

        Written by hand.
            As it was.
        """

        text: str

    assert component_of(Noted)["description"] == "A note.\n\nWritten by hand.\n    As it was."


def test_typed_dicts_and_attrs_classes_are_objects():
    assert component_of(Options)["properties"] == {"color": {"$ref": "#/components/schemas/Color"}}
    assert component_of(Coupon)["required"] == ["code"]


def test_generic_classes_are_named_after_their_arguments():
    schemas, [ints, points] = settled(Page[int], Page[Point])
    assert ints == {"$ref": "#/components/schemas/Page_int"}
    assert points == {"$ref": "#/components/schemas/Page_Point"}
    assert schemas.components["Page_Point"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Point"}


def test_tagged_unions_have_a_discriminator():
    assert schema_of(Circle | Square) == {
        "anyOf": [{"$ref": "#/components/schemas/Circle"}, {"$ref": "#/components/schemas/Square"}],
        "discriminator": {
            "propertyName": "type",
            "mapping": {"Circle": "#/components/schemas/Circle", "Square": "#/components/schemas/Square"},
        },
    }


def test_union_that_no_back_end_takes_is_made_of_its_members():
    assert schema_of(Cat | Dog, "output") == {
        "anyOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]
    }
    assert schema_of(Model | Circle, "output") == {
        "anyOf": [{"$ref": "#/components/schemas/Model"}, {"$ref": "#/components/schemas/Circle"}]
    }


def test_classes_may_refer_to_themselves():
    schemas, [schema] = settled(Tree)
    assert schema == {"$ref": "#/components/schemas/Tree"}
    assert schemas.components["Tree"]["properties"]["children"]["items"] == schema


class Tree(msgspec.Struct):
    children: "list[Tree]" = []


def test_field_may_be_called_like_a_keyword():
    class Odd(msgspec.Struct, rename={"ref": "$ref"}):
        ref: Point
        discriminator: dict[str, int]
        mapping: str = ""

    assert component_of(Odd)["properties"] == {
        "$ref": {"$ref": "#/components/schemas/Point"},
        "discriminator": {"type": "object", "additionalProperties": {"type": "integer"}},
        "mapping": {"type": "string", "default": ""},
    }


# pydantic.


def test_models_of_pydantic_are_described_by_pydantic():
    schemas, [schema] = settled(list[Model])
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
    assert schemas.components["Model"]["properties"]["size"]["minimum"] == 1
    assert schemas.components["Model"]["description"] == "What pydantic checks."


def test_model_that_is_read_and_written_has_two_schemas_where_they_differ():
    schemas = Schemas()
    for mode in ("input", "output"):
        schemas.of(Model, mode)
    schemas.settle()
    assert schemas.of(Model, "input") == {"$ref": "#/components/schemas/Model-Input"}
    assert schemas.of(Model, "output") == {"$ref": "#/components/schemas/Model-Output"}
    assert "double" not in schemas.components["Model-Input"]["properties"]
    assert "double" in schemas.components["Model-Output"]["properties"]


def test_models_within_structs_are_described_too():
    schemas, _ = settled(Holder)
    assert schemas.components["Holder"]["properties"]["model"] == {"$ref": "#/components/schemas/Model"}
    assert schemas.components["Model"]["properties"]["size"]["type"] == "integer"


def test_fields_that_pydantic_has_no_schema_for_are_anything():
    class Odd(pydantic.BaseModel, arbitrary_types_allowed=True):
        unknown: Unknown
        call: Callable[[], int] = print

    component = component_of(Odd)
    assert component["properties"]["unknown"] == {"title": "Unknown"}
    assert "default" not in component["properties"]["call"]


# Names.


def twin(title, base, **fields):
    if base is pydantic.BaseModel:
        return pydantic.create_model(title, **{key: (kind, ...) for key, kind in fields.items()})
    return msgspec.defstruct(title, fields.items(), module=base)


def test_two_classes_of_one_name_are_told_apart_by_their_modules():
    first, second = twin("User", "shop.models", name=str), twin("User", "shop.legacy", id=int)
    schemas, references = settled(first, second)
    assert references == [
        {"$ref": "#/components/schemas/shop.models.User"},
        {"$ref": "#/components/schemas/shop.legacy.User"},
    ]
    assert list(schemas.components["shop.legacy.User"]["properties"]) == ["id"]


def test_two_classes_of_one_name_in_one_module_are_numbered():
    first, second = twin("User", "shop", name=str), twin("User", "shop", id=int)
    _, references = settled(first, second, first)
    assert references == [
        {"$ref": "#/components/schemas/shop.User"},
        {"$ref": "#/components/schemas/shop.User_2"},
        {"$ref": "#/components/schemas/shop.User"},
    ]


def test_classes_of_both_back_ends_are_told_apart():
    struct, model = twin("User", "shop.models", name=str), twin("User", pydantic.BaseModel, id=int)
    schemas, references = settled(struct, model)
    assert len({reference["$ref"] for reference in references}) == 2
    properties = [schemas.components[one["$ref"].rpartition("/")[2]]["properties"] for one in references]
    assert [list(one) for one in properties] == [["name"], ["id"]]


def test_schemas_of_our_own_give_way_to_those_of_the_application():
    schemas, [theirs] = settled(twin("Errors", "shop", name=str))
    ours = schemas.add("Errors", {"type": "object"})
    assert theirs == {"$ref": "#/components/schemas/Errors"}
    assert ours == schemas.add("Errors", {"type": "object"}) == {"$ref": "#/components/schemas/Errors_"}


def test_what_is_answered_may_be_changed():
    schemas, [schema] = settled(list[int])
    schema["items"]["minimum"] = 1
    assert schemas.of(list[int], "input") == {"type": "array", "items": {"type": "integer"}}


def test_pydantic_is_needed_for_its_own_models_only():
    program = """
import sys
sys.modules["pydantic"] = None
import dataclasses
from nacre import Nacre
from nacre.openapi import OpenAPI
from nacre.testing import TestClient

@dataclasses.dataclass
class Item:
    name: str

app = Nacre()
@app.post("/")
async def add(item: Item) -> Item: ...
app.include(OpenAPI(title="Shop"))
with TestClient(app) as client:
    print(*client.get("/openapi.json").json()["components"]["schemas"])
assert not [name for name in sys.modules if name.startswith("pydantic.")]
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.stdout.split(), result.stderr) == (["ErrorItem", "Errors", "Item"], "")


# Narrower.


CONSTRAINED = {
    "number": (
        {"type": "integer"},
        Constraints(ge=1, lt=9, multiple_of=2),
        {"type": "integer", "minimum": 1, "exclusiveMaximum": 9, "multipleOf": 2},
    ),
    "text": (
        {"type": "string"},
        Constraints(min_length=1, max_length=3, pattern="a"),
        {"type": "string", "pattern": "a", "minLength": 1, "maxLength": 3},
    ),
    "list": (
        {"type": "array", "items": {"type": "integer"}},
        Constraints(max_length=3, ge=1),
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 3},
    ),
    "object": ({"type": "object"}, Constraints(max_length=3), {"type": "object", "maxProperties": 3}),
    "stricter already": (
        {"type": "integer", "minimum": 5, "maximum": 6},
        Constraints(ge=1, le=100),
        {"type": "integer", "minimum": 5, "maximum": 6},
    ),
    "two patterns": (
        {"type": "string", "pattern": "a"},
        Constraints(pattern="b"),
        {"type": "string", "pattern": "a", "allOf": [{"pattern": "b"}]},
    ),
    "union": (
        {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        Constraints(ge=1, max_length=3),
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "maxLength": 3}, {"type": "null"}]},
    ),
    "nothing": ({"type": "string"}, Constraints(strict=True), {"type": "string"}),
}


@pytest.mark.parametrize(("schema", "constraints", "narrowed"), CONSTRAINED.values(), ids=CONSTRAINED)
def test_constraints_narrow_a_schema(schema, constraints, narrowed):
    before = repr(schema)
    assert constrain(schema, constraints) == narrowed
    assert repr(schema) == before


WITHOUT_NULL = {
    "optional": ({"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "A"}, {"type": "integer", "title": "A"}),
    "union": (
        {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    ),
    "literal": ({"type": ["string", "null"], "enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
    "default": ({"type": "string", "default": None}, {"type": "string"}),
    "nothing": ({"type": "string"}, {"type": "string"}),
}


@pytest.mark.parametrize(("schema", "expected"), WITHOUT_NULL.values(), ids=WITHOUT_NULL)
def test_null_is_left_out_where_it_cant_be_written(schema, expected):
    assert without_null(schema) == expected


BOTH = {
    "the same": ({"type": "integer"}, {"type": "integer"}, {"type": "integer"}),
    "text and a number": ({"type": "string"}, {"type": "integer"}, {"type": "integer"}),
    "a number and text": ({"type": "integer"}, {"type": "string"}, {"type": "integer"}),
    "limits": (
        {"type": "integer", "minimum": 1, "maximum": 5},
        {"type": "integer", "minimum": 3, "maximum": 9},
        {"type": "integer", "minimum": 3, "maximum": 5},
    ),
    "a reference": ({"$ref": "a"}, {"$ref": "b"}, {"allOf": [{"$ref": "a"}, {"$ref": "b"}]}),
}


@pytest.mark.parametrize(("first", "second", "expected"), BOTH.values(), ids=BOTH)
def test_the_stricter_of_two_readers_counts(first, second, expected):
    assert both(first, second) == expected


DEFAULTS = {
    "number": (3, {"default": 3}),
    "enumeration": (Color.RED, {"default": "red"}),
    "list": ([Level.LOW], {"default": [1]}),
    "model": (Model(size=2), {"default": {"size": 2, "double": 4}}),
    "none": (None, {}),
    "something without a JSON form": (Unknown(), {}),
}


@pytest.mark.parametrize(("default", "expected"), DEFAULTS.values(), ids=DEFAULTS)
def test_defaults_are_shown_if_json_has_them(default, expected):
    assert with_default({}, default) == expected
