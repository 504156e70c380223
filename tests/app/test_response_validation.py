"""Values that must fit the type a function promises: what is converted, what doesn't leave, what is a 500."""

import dataclasses
import datetime
from typing import Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from nacre import ConfigurationError, JSONResponse, Nacre, Response, middleware
from nacre.errors import Location, ResponseValidationError
from nacre.testing import TestClient

ERROR = "Internal Server Error"


class UserStruct(msgspec.Struct):
    name: str
    age: int


@dataclasses.dataclass
class UserDataclass:
    name: str
    age: int


@attrs.define
class UserAttrs:
    name: str
    age: int


class UserDict(TypedDict):
    name: str
    age: int


class UserModel(pydantic.BaseModel):
    name: str
    age: int


@pydantic.dataclasses.dataclass
class UserPydanticDataclass:
    name: str
    age: int


TYPES = {
    "Struct": UserStruct,
    "dataclass": UserDataclass,
    "attrs": UserAttrs,
    "TypedDict": UserDict,
    "pydantic": UserModel,
    "pydantic dataclass": UserPydanticDataclass,
}


class Account:
    """An object as a database gives it: attributes, and one of them a secret."""

    def __init__(self) -> None:
        self.name, self.age, self.password = "Ama", 20, "pearl"


class AccountStruct(UserStruct):
    password: str = "pearl"


@dataclasses.dataclass
class AccountDataclass(UserDataclass):
    password: str = "pearl"


@attrs.define
class AccountAttrs(UserAttrs):
    password: str = "pearl"


class AccountModel(UserModel):
    password: str = "pearl"


SOURCES = {
    "dict": lambda: {"name": "Ama", "age": 20, "password": "pearl"},
    "object": Account,
    "Struct": lambda: AccountStruct("Ama", 20),
    "dataclass": lambda: AccountDataclass("Ama", 20),
    "attrs": lambda: AccountAttrs("Ama", 20),
    "pydantic": lambda: AccountModel(name="Ama", age=20),
}


def fits(target: str, source: str) -> bool:
    """A TypedDict, and by pydantic's rule one of its dataclasses, is made of a dict only."""
    return target not in ("TypedDict", "pydantic dataclass") or source == "dict"


PAIRS = [(target, source) for target in TYPES for source in SOURCES if fits(target, source)]


@pytest.mark.parametrize(("target", "source"), PAIRS)
async def test_what_the_type_lacks_does_not_leave(target, source):
    kind, make = TYPES[target], SOURCES[source]
    app = Nacre()
    app.add_route("/one", lambda request: make(), response_type=kind)
    app.add_route("/many", lambda request: [make()], response_type=list[kind])
    app.add_route("/inside", lambda request: {"a": make()}, response_type=dict[str, kind])
    app.add_route("/optional", lambda request: make(), response_type=kind | None)
    app.add_route("/tuple", lambda request: (make(), 201), response_type=kind)
    user = {"name": "Ama", "age": 20}
    async with TestClient(app) as client:
        assert (await client.get("/one")).json() == user
        assert (await client.get("/many")).json() == [user]
        assert (await client.get("/inside")).json() == {"a": user}
        assert (await client.get("/optional")).json() == user
        response = await client.get("/tuple")
        assert (response.status, response.json()) == (201, user)


class Holder(msgspec.Struct):
    user: UserStruct
    more: list[UserStruct]
    anything: Any = None


async def test_object_of_the_very_type_is_looked_into():
    app = Nacre()
    made = Holder(AccountStruct("Ama", 20), [AccountStruct("Li", 30)], anything=datetime.date(2020, 2, 29))
    app.add_route("/", lambda request: made, response_type=Holder)
    async with TestClient(app) as client:
        assert (await client.get("/")).json() == {
            "user": {"name": "Ama", "age": 20},
            "more": [{"name": "Li", "age": 30}],
            "anything": "2020-02-29",
        }


class HolderOfModel(msgspec.Struct):
    user: UserModel


async def test_struct_may_hold_a_model():
    app = Nacre()
    account = AccountModel(name="Ama", age=20)
    app.add_route("/model", lambda request: HolderOfModel(account), response_type=HolderOfModel)
    app.add_route("/dict", lambda request: {"user": {"name": "Ama", "age": 20}}, response_type=HolderOfModel)
    app.add_route("/wrong", lambda request: {"user": {"name": "Ama", "age": "old"}}, response_type=HolderOfModel)
    async with TestClient(app) as client:
        assert (await client.get("/model")).json() == {"user": {"name": "Ama", "age": 20}}
        assert (await client.get("/dict")).json() == {"user": {"name": "Ama", "age": 20}}
        assert (await client.get("/wrong")).status == 500


@pytest.mark.parametrize("target", TYPES)
@pytest.mark.parametrize("given", ["response_type", "response_validate"])
async def test_value_that_does_not_fit_is_the_servers_mistake(target, given, client_for, caplog):
    kind = TYPES[target]

    def handler(request):
        return [{"name": "Ama", "age": 20}, {"name": "Li", "age": "secret"}]

    if given == "response_validate":
        handler.__annotations__["return"] = list[kind]
    app = Nacre()
    app.add_route("/", handler, **{given: list[kind] if given == "response_type" else True})
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.text) == (500, ERROR)
    (record,) = caplog.records
    error = record.exc_info[1]
    assert isinstance(error, ResponseValidationError)
    place = f"handler `{handler.__qualname__}` ({Location.of(handler)})"
    assert error.subject == place
    assert str(error).startswith(f"{place} returned a value that doesn't fit its type: [1].age: ")
    assert "secret" not in str(error)
    assert len(error.errors) == 1


def test_object_with_a_wrong_value_in_it_is_found(caplog):
    app = Nacre()
    values = {
        "struct": (UserStruct("Ama", "old"), UserStruct),
        "dataclass": (UserDataclass("Ama", "old"), UserDataclass),
        "attrs": (UserAttrs("Ama", "old"), UserAttrs),
        "held": (Holder(UserStruct("Ama", "old"), []), Holder),
    }
    for name, (value, kind) in values.items():
        app.add_route(f"/{name}", lambda request, value=value: value, response_type=kind)
    with TestClient(app) as client:
        for name in values:
            assert client.get(f"/{name}").status == 500
    places = [str(record.exc_info[1]).rpartition("its type: ")[2] for record in caplog.records]
    assert places == ["age: Expected `int`, got `str`"] * 3 + ["user.age: Expected `int`, got `str`"]


async def test_handler_may_be_answered_for_by_a_layer(client_for):
    seen = []

    async def watch(request, call_next):
        try:
            return await call_next(request)
        except ResponseValidationError as error:
            seen.append(error.errors)
            return Response(status=503)

    app = Nacre(middlewares=[watch])

    @app.get("/", response_validate=True)
    async def handler(request) -> UserStruct:
        return {"name": "Ama"}

    async with client_for(app) as client:
        assert (await client.get("/")).status == 503
    assert seen == [("Object missing required field `age`",)]


async def test_layer_is_held_to_its_annotation(client_for, caplog):
    @middleware(response_validate=True)
    async def words_only(request, call_next) -> Response | str:
        return {"not": "words"} if "wrong" in request.query else "words"

    @middleware(response_validate=True)
    async def nothing_plain(request, call_next) -> Response:
        return "words"

    app = Nacre()
    app.add_route("/words", lambda request: "never", middlewares=[words_only])
    app.add_route("/nothing", lambda request: "never", middlewares=[nothing_plain])
    async with client_for(app) as client:
        assert (await client.get("/words")).text == "words"
        assert (await client.get("/words?wrong=")).status == 500
        assert (await client.get("/nothing")).status == 500
    messages = [str(record.exc_info[1]) for record in caplog.records]
    assert messages[0].startswith("layer `words_only` (")
    assert messages[0].endswith("returned a value that doesn't fit its type: Expected `str`, got `object`")
    assert messages[1].endswith("returned a value that doesn't fit its type: expected a `Response`, got `str`")


class Cat(msgspec.Struct):
    lives: int


class Dog(msgspec.Struct):
    tricks: int


class Point(NamedTuple):
    x: int
    y: int


class Unknown:
    pass


# An annotation, a value, and what is sent: JSON, or None for a 500.
ANNOTATIONS = {
    "dict": (dict[str, int], {"a": 1}, b'{"a":1}'),
    "wrong dict": (dict[str, int], {"a": "1"}, None),
    "list": (list[UserStruct], [UserStruct("Ama", 20)], b'[{"name":"Ama","age":20}]'),
    "object for a dict": (dict[str, int], UserStruct("Ama", 20), None),
    "str": (str, "a", b"a"),
    "wrong str": (str, 404, None),
    "int": (int, 404, b"404"),
    "bool": (bool, True, b"true"),
    "Literal": (Literal["a", "b"], "a", b"a"),
    "wrong Literal": (Literal["a", "b"], "c", None),
    "tuple": (tuple[int, str], (1, "a"), b'[1,"a"]'),
    "wrong tuple": (tuple[int, str], (1, 2), None),
    "NamedTuple": (Point, Point(1, 2), b"[1,2]"),
    "with Response": (Response | dict[str, int], {"a": 1}, b'{"a":1}'),
    "wrong with Response": (Response | dict[str, int], "a", None),
    "Optional": (UserStruct | None, None, b""),
    "None for a value": (UserStruct, None, None),
    "Any": (Any, {"a": 1}, b'{"a":1}'),
    "object": (object, {"a": 1}, b'{"a":1}'),
    "structs told by class": (Cat | Dog, Dog(3), b'{"tricks":3}'),
    "structs told by fields": (Cat | Dog | None, {"tricks": 3}, b'{"tricks":3}'),
    "neither struct": (Cat | Dog, {"tricks": "x"}, None),
    "models": (UserModel | Literal["nobody"], "nobody", b"nobody"),
    "model": (UserModel | Literal["nobody"], UserModel(name="Ama", age=20), b'{"name":"Ama","age":20}'),
    "bytes": (bytes, b"a", b"a"),
    "date": (list[datetime.date], [datetime.date(2020, 2, 29)], b'["2020-02-29"]'),
}


@pytest.mark.parametrize(("annotation", "value", "sent"), ANNOTATIONS.values(), ids=ANNOTATIONS)
async def test_annotation_is_what_is_validated_against(annotation, value, sent):
    def handler(request):
        return value

    handler.__annotations__["return"] = annotation
    app = Nacre()
    app.add_route("/", handler, response_validate=True)
    app.add_route("/unlike", handler, response_validate=False)
    async with TestClient(app) as client:
        response = await client.get("/")
        assert (response.status, response.body) == ((500, ERROR.encode()) if sent is None else (response.status, sent))
        assert response.status in (200, 204, 500)


async def test_response_passes_whatever_the_type():
    app = Nacre()
    made = {"/": JSONResponse([1]), "/tuple": (JSONResponse([1]), 202)}
    for path, value in made.items():
        app.add_route(path, lambda request, value=value: value, response_type=UserStruct, exclude_none=True)
    async with TestClient(app) as client:
        assert (await client.get("/")).json() == [1]
        response = await client.get("/tuple")
        assert (response.status, response.json()) == (202, [1])


@pytest.mark.parametrize(
    ("kind", "value", "body"), [(int | None, 404, b"404"), (tuple[int, int] | str, (1, 404), b"[1,404]")]
)
async def test_number_or_tuple_of_a_response_type_is_data(kind, value, body):
    app = Nacre()
    app.add_route("/", lambda request: value, response_type=kind)
    async with TestClient(app) as client:
        response = await client.get("/")
        assert (response.status, response.body, response.headers["content-type"]) == (200, body, "application/json")


async def test_type_for_the_document_alone():
    app = Nacre()
    app.add_route("/", lambda request: {"name": 7}, response_type=UserStruct, response_validate=False)
    async with TestClient(app) as client:
        assert (await client.get("/")).json() == {"name": 7}


class Custom(msgspec.Struct):
    shell: Unknown
    anything: Any = None


async def test_classes_that_nobody_knows_are_taken_by_isinstance(caplog):
    class Derived(Unknown):
        pass

    app = Nacre()
    options = {"response_type": Custom, "custom_encoder": {Unknown: lambda value: type(value).__name__}}
    app.add_route("/", lambda request: Custom(Unknown(), [Derived()]), **options)
    app.add_route("/derived", lambda request: {"shell": Derived()}, **options)
    app.add_route("/wrong", lambda request: {"shell": 3}, **options)
    async with TestClient(app) as client:
        for _ in range(2):
            assert (await client.get("/")).json() == {"shell": "Unknown", "anything": ["Derived"]}
        assert (await client.get("/derived")).json() == {"shell": "Derived", "anything": None}
        assert (await client.get("/wrong")).status == 500
    assert "shell: Expected `Unknown`, got `int`" in str(caplog.records[0].exc_info[1])


class Renamed(msgspec.Struct, rename="camel"):
    first_name: str
    last_name: str = "-"


async def test_field_options_apply_to_what_was_converted():
    app = Nacre()
    app.add_route("/", lambda request: {"firstName": "Ama"}, response_type=Renamed, by_alias=False)
    app.add_route("/left", lambda request: Renamed("Ama"), response_type=Renamed, exclude_fields={"last_name"})
    async with TestClient(app) as client:
        assert (await client.get("/")).json() == {"first_name": "Ama", "last_name": "-"}
        assert (await client.get("/left")).json() == {"firstName": "Ama"}


def test_types_that_cannot_be_checked_are_told_at_startup():
    app = Nacre()
    app.add_route("/", lambda request: None, response_type=list[Cat | Dog])
    app.add_route("/mixed", lambda request: None, response_type=Cat | UserModel)

    @app.get("/none", response_validate=True)
    def unannotated(request):
        return 1

    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    whats = [problem.what for problem in caught.value.problems]
    assert len(whats) == 3
    assert "can't have its results validated: If a type union contains multiple Struct types" in whats[0]
    assert "can't have its results validated: Unable to generate pydantic-core schema" in whats[1]
    name = unannotated.__qualname__
    assert whats[2] == f"handler `{name}` has response_validate=True and no type to validate against"
    assert caught.value.problems[2].fix == "annotate what it returns, or give a response_type"


@dataclasses.dataclass
class Harbour:
    site: pydantic.HttpUrl


async def test_a_field_of_a_type_of_pydantics_that_is_no_model_is_held_to_its_class():
    app = Nacre()
    options = {"response_type": Harbour, "custom_encoder": {pydantic.HttpUrl: str}}
    app.add_route("/url", lambda request: Harbour(pydantic.HttpUrl("https://a.example")), **options)
    app.add_route("/text", lambda request: Harbour("https://a.example"), **options)
    async with TestClient(app) as client:
        assert (await client.get("/url")).json() == {"site": "https://a.example/"}
        assert (await client.get("/text")).status == 500
