"""Response options about fields: which ones leave, under which names, for every kind of object.

They are settled before a transport has the response, so one transport is enough here.
"""

import collections
import dataclasses
import datetime
import decimal
import enum
import json
from typing import Any, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from nacre import ConfigurationError, Nacre
from nacre.shaping.fields import fields_of
from nacre.testing import TestClient

# One shape in every kind of class: a diver with gear, under the same names.


class GearStruct(msgspec.Struct):
    kind: str
    serial: str = "none"


class DiverStruct(msgspec.Struct, rename="camel"):
    name: str
    first_dive: datetime.date
    note: str | None = None
    depth: int = 10
    tags: list[str] = []
    gear: list[GearStruct] = []


@dataclasses.dataclass
class GearDataclass:
    kind: str
    serial: str = "none"


@dataclasses.dataclass
class DiverDataclass:
    name: str
    first_dive: datetime.date
    note: str | None = None
    depth: int = 10
    tags: list[str] = dataclasses.field(default_factory=list)
    gear: list[GearDataclass] = dataclasses.field(default_factory=list)


@attrs.define
class GearAttrs:
    kind: str
    serial: str = "none"


@attrs.define
class DiverAttrs:
    name: str
    first_dive: datetime.date
    note: str | None = None
    depth: int = 10
    tags: list[str] = attrs.Factory(list)
    gear: list[GearAttrs] = attrs.Factory(list)


class GearModel(pydantic.BaseModel):
    kind: str
    serial: str = "none"


class DiverModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)

    name: str
    first_dive: datetime.date = pydantic.Field(alias="firstDive")
    note: str | None = None
    depth: int = 10
    tags: list[str] = []
    gear: list[GearModel] = []


@pydantic.dataclasses.dataclass
class DiverPydanticDataclass:
    name: str
    first_dive: datetime.date
    note: str | None = None
    depth: int = 10
    tags: list[str] = dataclasses.field(default_factory=list)
    gear: list[GearDataclass] = dataclasses.field(default_factory=list)


class GearDict(TypedDict, total=False):
    kind: str
    serial: str


class DiverDict(TypedDict, total=False):
    name: str
    first_dive: datetime.date
    note: str | None
    depth: int
    tags: list[str]
    gear: list[GearDict]


DAY = datetime.date(2020, 2, 29)


def whole(diver: Any, gear: Any) -> Any:
    return diver(name="Ama", first_dive=DAY, note=None, depth=10, tags=[], gear=[gear(kind="mask", serial="A1")])


def filled(diver: Any) -> Any:
    return diver(name="Ama", first_dive=DAY)


CLASSES = {
    "dict": (dict, dict, dict[str, Any]),
    "TypedDict": (DiverDict, GearDict, DiverDict),
    "Struct": (DiverStruct, GearStruct, DiverStruct),
    "dataclass": (DiverDataclass, GearDataclass, DiverDataclass),
    "attrs": (DiverAttrs, GearAttrs, DiverAttrs),
    "pydantic": (DiverModel, GearModel, DiverModel),
    "pydantic dataclass": (DiverPydanticDataclass, GearDataclass, DiverPydanticDataclass),
}
EVERYTHING = {
    "name": "Ama",
    "first_dive": "2020-02-29",
    "note": None,
    "depth": 10,
    "tags": [],
    "gear": [{"kind": "mask", "serial": "A1"}],
}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in EVERYTHING.items() if name not in names}


# What each option leaves of the diver above. `first_dive` stands under its alias unless by_alias says otherwise, see
# `by_names`.
OPTIONS = {
    "include": ({"include_fields": {"name", "depth"}}, {"name": "Ama", "depth": 10}),
    "include further in": (
        {"include_fields": {"name": True, "gear": {"kind"}}},
        {"name": "Ama", "gear": [{"kind": "mask"}]},
    ),
    "exclude": ({"exclude_fields": {"note", "gear"}}, without("note", "gear")),
    "exclude further in": (
        {"exclude_fields": {"gear": {"serial"}}},
        EVERYTHING | {"gear": [{"kind": "mask"}]},
    ),
    "exclude from each": (
        {"exclude_fields": {"gear": {"__all__": {"serial"}}, "note": ...}},
        without("note") | {"gear": [{"kind": "mask"}]},
    ),
    "exclude each": ({"exclude_fields": {"gear": {"__all__"}}}, EVERYTHING | {"gear": []}),
    "include and exclude": (
        {"include_fields": {"name", "gear"}, "exclude_fields": {"gear": {"kind"}}},
        {"name": "Ama", "gear": [{"serial": "A1"}]},
    ),
    "a list of names": ({"include_fields": ["name"]}, {"name": "Ama"}),
    "nothing included": ({"include_fields": set()}, {}),
    "None": ({"exclude_none": True}, without("note")),
    "names": ({"by_alias": False}, EVERYTHING),
    "all of them": (
        {"include_fields": {"name", "note", "depth"}, "exclude_fields": {"depth"}, "exclude_none": True},
        {"name": "Ama"},
    ),
}


def by_names(data: Any) -> Any:
    """JSON with the aliases of the classes above taken back."""
    return {"first_dive" if key == "firstDive" else key: value for key, value in data.items()}


@pytest.mark.parametrize(("options", "left"), OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(("diver", "gear", "annotation"), CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("typed", ["by value", "annotated", "response_type"])
async def test_option_leaves_out_what_it_says(diver, gear, annotation, typed, options, left):
    app = Nacre()

    def one(request):
        return whole(diver, gear)

    async def many(request):
        return [whole(diver, gear), whole(diver, gear)]

    if typed == "annotated":
        one.__annotations__["return"], many.__annotations__["return"] = annotation, list[annotation]
    kinds = (annotation, list[annotation]) if typed == "response_type" else (None, None)
    app.add_route("/one", one, **options, response_type=kinds[0])
    app.add_route("/many", many, **options, response_type=kinds[1])
    async with TestClient(app) as client:
        assert by_names((await client.get("/one")).json()) == left
        assert [by_names(item) for item in (await client.get("/many")).json()] == [left, left]


@pytest.mark.parametrize(("diver", "gear", "annotation"), CLASSES.values(), ids=CLASSES)
async def test_defaults_are_left_out_where_a_class_has_them(diver, gear, annotation):
    app = Nacre()

    @app.get("/", exclude_defaults=True)
    def handler(request):
        return whole(diver, gear)

    has_defaults = annotation not in (dict[str, Any], DiverDict)
    left = {"name": "Ama", "first_dive": "2020-02-29", "gear": EVERYTHING["gear"]} if has_defaults else EVERYTHING
    async with TestClient(app) as client:
        assert by_names((await client.get("/")).json()) == left


def test_only_plain_collections_made_by_factories_are_defaults():
    made = []

    @dataclasses.dataclass
    class Counted:
        number: int = dataclasses.field(default_factory=lambda: made.append(1) or len(made))
        names: set[str] = dataclasses.field(default_factory=set)

    number, names = fields_of(Counted)
    assert made == []
    assert [number.is_default(1), names.is_default(set()), names.is_default({"a"})] == [False, True, False]


async def test_unset_is_known_to_models_and_shown_by_structs():
    class Patch(msgspec.Struct):
        name: str | msgspec.UnsetType = msgspec.UNSET
        depth: int | msgspec.UnsetType = msgspec.UNSET

    app = Nacre()
    app.add_route("/model", lambda request: filled(DiverModel), exclude_unset=True)
    app.add_route("/models", lambda request: {"a": [filled(DiverModel)]}, exclude_unset=True)
    app.add_route("/struct", lambda request: Patch(depth=3), exclude_unset=True)
    async with TestClient(app) as client:
        assert by_names((await client.get("/model")).json()) == {"name": "Ama", "first_dive": "2020-02-29"}
        assert by_names((await client.get("/models")).json()["a"][0]) == {"name": "Ama", "first_dive": "2020-02-29"}
        assert (await client.get("/struct")).json() == {"depth": 3}


ALIASES = {
    "Struct": (DiverStruct, {True: "firstDive", None: "firstDive", False: "first_dive"}),
    "pydantic": (DiverModel, {True: "firstDive", None: "first_dive", False: "first_dive"}),
    "dataclass": (DiverDataclass, {True: "first_dive", None: "first_dive", False: "first_dive"}),
}


@pytest.mark.parametrize(("diver", "keys"), ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
async def test_alias_or_name(diver, keys, typed):
    app = Nacre()
    for by_alias in keys:
        options = {"response_type": diver} if typed else {}
        app.add_route(f"/{by_alias}", lambda request: filled(diver), by_alias=by_alias, exclude_none=True, **options)
    async with TestClient(app) as client:
        for by_alias, key in keys.items():
            assert (await client.get(f"/{by_alias}")).json()[key] == "2020-02-29"


async def test_names_are_those_of_the_fields_whatever_they_are_sent_under():
    app = Nacre()
    for name, diver in (("struct", DiverStruct), ("model", DiverModel)):
        options = {"include_fields": {"first_dive"}, "by_alias": True}
        app.add_route(f"/{name}", lambda request, diver=diver: filled(diver), **options)
    async with TestClient(app) as client:
        for name in ("struct", "model"):
            assert (await client.get(f"/{name}")).json() == {"firstDive": "2020-02-29"}


async def test_names_reach_the_values_of_a_dict_by_a_word_of_their_own():
    app = Nacre()

    @app.get("/", exclude_fields={"__all__": {"password"}, "secret": True})
    async def users(request) -> dict[str, dict[str, str]]:
        return {"ama": {"name": "Ama", "password": "pearl"}, "secret": {"name": "x", "password": "y"}}

    @app.get("/included", include_fields={"__all__": {"name"}})
    async def names(request):
        return {"ama": {"name": "Ama", "password": "pearl"}, 7: {"name": "Li", "password": "pearl"}}

    async with TestClient(app) as client:
        assert (await client.get("/")).json() == {"ama": {"name": "Ama"}}
        assert (await client.get("/included")).json() == {"ama": {"name": "Ama"}, "7": {"name": "Li"}}


class Cat(msgspec.Struct, tag="cat"):
    name: str
    lives: int = 9


class Terse(msgspec.Struct, omit_defaults=True):
    name: str
    lives: int = 9


async def test_what_a_struct_says_of_itself_holds():
    app = Nacre()
    app.add_route("/tagged", lambda request: Cat("Tom"), include_fields={"name"})
    app.add_route("/terse", lambda request: Terse("Tom"), exclude_none=True)
    async with TestClient(app) as client:
        assert (await client.get("/tagged")).json() == {"type": "cat", "name": "Tom"}
        assert (await client.get("/terse")).json() == {"name": "Tom"}


# Encoders.


class Shell:
    def __init__(self, kind: str) -> None:
        self.kind = kind


class Cone(Shell):
    pass


class Colour(enum.Enum):
    RED = 1


def holding(shell: Any) -> dict[str, Any]:
    class OfStruct(msgspec.Struct):
        a: Any
        b: Any

    @dataclasses.dataclass
    class OfDataclass:
        a: Any
        b: Any

    @attrs.define
    class OfAttrs:
        a: Any
        b: Any

    class OfModel(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        a: Any
        b: Any

    class OfRoot(pydantic.RootModel[dict[str, Any]]):
        pass

    values = {"a": [shell, DAY], "b": {"c": {decimal.Decimal("1.5")}, "d": Colour.RED}}
    return {
        "dict": values,
        "Struct": OfStruct(**values),
        "dataclass": OfDataclass(**values),
        "attrs": OfAttrs(**values),
        "pydantic": OfModel(**values),
        "pydantic root": OfRoot(values),
        "dict of pydantic": {"a": [shell, DAY], "b": OfModel(**values).b},
    }


@pytest.mark.parametrize("kind", holding(None))
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
async def test_custom_encoder_stands_for_values_of_its_types_and_their_subclasses(kind, typed):
    encoders = {
        Shell: lambda shell: {"shell": shell.kind},
        datetime.date: lambda day: day.year,
        decimal.Decimal: float,
        enum.Enum: lambda member: member.name,
    }
    app = Nacre()
    value = holding(Cone("cone"))[kind]
    options = {"response_type": type(value)} if typed else {}
    app.add_route("/", lambda request: value, custom_encoder=encoders, **options)
    async with TestClient(app) as client:
        assert (await client.get("/")).json() == {"a": [{"shell": "cone"}, 2020], "b": {"c": [1.5], "d": "RED"}}


async def test_nearest_class_has_the_encoder():
    app = Nacre()
    encoders = {Shell: lambda shell: "shell", Cone: lambda shell: "cone"}
    app.add_route("/", lambda request: [Cone("a"), Shell("b")], custom_encoder=encoders)
    async with TestClient(app) as client:
        assert (await client.get("/")).json() == ["cone", "shell"]


@pytest.mark.parametrize("kind", [*CLASSES])
@pytest.mark.parametrize("encoder", [lambda data: json.dumps(data, indent=1), lambda data: json.dumps(data).encode()])
async def test_json_encoder_gets_plain_data_and_gives_text_or_bytes(kind, encoder):
    diver, gear, _ = CLASSES[kind]
    seen = []

    def encode(data):
        seen.append(data)
        return encoder(data)

    app = Nacre()
    app.add_route("/", lambda request: [whole(diver, gear)], json_encoder=encode)
    app.add_route("/text", lambda request: "words", json_encoder=encode)
    async with TestClient(app) as client:
        response = await client.get("/")
        assert response.headers["content-type"] == "application/json"
        assert [by_names(item) for item in response.json()] == [EVERYTHING]
        assert response.body == (encoder(seen[0]) if isinstance(encoder(1), bytes) else encoder(seen[0]).encode())
        assert type(seen[0][0]) is dict
        assert (await client.get("/text")).text == "words"
    assert len(seen) == 1


async def test_json_encoder_comes_after_all_other_options():
    app = Nacre()
    options = {"include_fields": {"name"}, "custom_encoder": {str: str.upper}, "json_encoder": repr}
    app.add_route("/", lambda request: filled(DiverStruct), **options)
    async with TestClient(app) as client:
        assert (await client.get("/")).text == "{'name': 'AMA'}"


class Point(NamedTuple):
    x: int
    y: int


class Row(msgspec.Struct, array_like=True, tag="row"):
    a: int
    b: datetime.date | None


ARRAYS = {"NamedTuple": (Point(1, 2), [1, 2]), "Struct": (Row(1, DAY), ["row", 1, 2020])}


@pytest.mark.parametrize(("value", "sent"), ARRAYS.values(), ids=ARRAYS)
async def test_no_field_of_an_array_can_be_named(value, sent, caplog):
    app = Nacre()
    app.add_route("/named", lambda request: [value], exclude_fields={"b"})
    app.add_route("/encoded", lambda request: [value], custom_encoder={datetime.date: lambda day: day.year})
    async with TestClient(app) as client:
        assert (await client.get("/encoded")).json() == [sent]
        assert (await client.get("/named")).status == 500
    kind = type(value).__name__
    assert f"a {kind} is sent as an array, so no field can be picked by name" in str(caplog.records[0].exc_info[1])
    app = Nacre()
    app.add_route("/", lambda request: [value], exclude_fields={"b"}, response_type=list[type(value)])
    with pytest.raises(ConfigurationError, match=f"a `{kind}` is sent as an array, which has no names"):
        app.compile()


class Frozen(pydantic.BaseModel, frozen=True):
    name: str = "Ama"
    password: str = "pearl"


@dataclasses.dataclass
class Member:
    name: str = "Ama"
    password: str = "pearl"


class Collections(pydantic.BaseModel):
    members: list[Member] = [Member()]
    pair: tuple[Frozen, Frozen] = (Frozen(), Frozen())
    unordered: frozenset[Frozen] = frozenset([Frozen()])
    queue: collections.deque[Frozen] = collections.deque([Frozen()])
    by_name: dict[str, Frozen] = {"a": Frozen()}
    by_number: dict[int, Frozen] = {1: Frozen()}
    nothing: Frozen | None = None
    number: Frozen | int = 3
    inside: list[dict[str, list[Frozen]]] = [{"a": [Frozen()]}]
    anything: Any = Frozen()


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
async def test_names_reach_into_every_collection_of_a_model(typed):
    password = {"password"}
    names = {
        **dict.fromkeys(("members", "pair", "unordered", "queue", "nothing", "number", "anything"), password),
        **{name: {"__all__": password} for name in ("by_name", "by_number")},
        "inside": {"a": password},
    }
    app = Nacre()
    options = {"response_type": Collections} if typed else {}
    app.add_route("/excluded", lambda request: Collections(), exclude_fields=names, **options)
    app.add_route("/encoded", lambda request: Collections(), custom_encoder={str: str.upper}, **options)
    both = {"exclude_fields": names, "custom_encoder": {str: str.upper}}
    app.add_route("/both", lambda request: Collections(), **both, **options)
    async with TestClient(app) as client:
        assert "pearl" not in (await client.get("/excluded")).text
        assert (await client.get("/excluded")).text.count("Ama") == 9
        assert (await client.get("/encoded")).text.count("PEARL") == 9
        assert (await client.get("/both")).text.count("AMA") == 9


class OfArray(pydantic.BaseModel):
    point: Point = Point(1, 2)
    numbers: collections.abc.Iterable[int] = ()


@pytest.mark.parametrize("field", ["point", "numbers"])
async def test_names_of_what_has_none_in_a_model_are_refused(field, caplog):
    app = Nacre()
    app.add_route("/", lambda request: OfArray(numbers=[1]), exclude_fields={field: {"x"}})
    async with TestClient(app) as client:
        assert (await client.get("/")).status == 500
    assert "is sent as an array, so no field can be picked by name" in str(caplog.records[0].exc_info[1])


class Reshaped(pydantic.BaseModel):
    days: list[datetime.date] = [DAY, DAY]

    @pydantic.field_serializer("days")
    def count(self, days: list[datetime.date]) -> list[int]:
        return [len(days)]


async def test_encoder_leaves_what_a_model_serialises_in_its_own_way():
    app = Nacre()
    app.add_route("/", lambda request: Reshaped(), custom_encoder={datetime.date: str})
    async with TestClient(app) as client:
        assert (await client.get("/")).json() == {"days": [2]}


WITHOUT_JSON = {
    "unknown": ({"exclude_none": True}, {"a": object()}, "object has no JSON form"),
    "unknown in a model": (
        {"custom_encoder": {datetime.date: str}},
        holding(Cone("cone"))["pydantic"],
        "Cone has no JSON form; name it in `custom_encoder`",
    ),
    "unknown for json_encoder": ({"json_encoder": json.dumps}, [object()], "object has no JSON form; name it in"),
    "json_encoder gives no text": ({"json_encoder": lambda data: data}, [], "the json_encoder gave a list; it must"),
}


@pytest.mark.parametrize(("options", "value", "complaint"), WITHOUT_JSON.values(), ids=WITHOUT_JSON)
async def test_value_without_json_is_told(options, value, complaint, caplog):
    app = Nacre()
    app.add_route("/", lambda request: value, **options)
    async with TestClient(app) as client:
        assert (await client.get("/")).status == 500
    assert complaint in str(caplog.records[0].exc_info[1])
    assert "handler `" in str(caplog.records[0].exc_info[1])
