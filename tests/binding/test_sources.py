"""Where parameters come from: by annotation, by marker, in both forms; one handler each, on three transports."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from nacre import Body, Cookie, Form, Header, Nacre, Path, Provide, Query, Request, wait
from nacre.headers import Headers
from nacre.state import State
from nacre.urls import URL, QueryParams


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Page(msgspec.Struct):
    number: int = 1
    size: int = 20
    tags: list[str] = []


@dataclass
class DataPage:
    number: int = 1
    size: int = 20


class Names(msgspec.Struct, rename="kebab"):
    user_agent: str
    x_trace: str | None = None


class Point(msgspec.Struct):
    x: int
    y: int


@dataclass
class DataPoint:
    x: int
    y: int


class DictPoint(TypedDict):
    x: int
    y: int


class TuplePoint(NamedTuple):
    x: int
    y: int


@attrs.define
class AttrsPoint:
    x: int
    y: int


class ModelPoint(pydantic.BaseModel):
    x: int
    y: int


UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


# Query: annotation, query string, value.
QUERIES: dict[str, tuple[Any, str, Any]] = {
    "int": (int, "v=12", 12),
    "negative int": (int, "v=-12", -12),
    "float": (float, "v=1.5", 1.5),
    "str": (str, "v=a%20b", "a b"),
    "empty str": (str, "v=", ""),
    "bool word": (bool, "v=yes", True),
    "bool digit": (bool, "v=0", False),
    "Decimal": (decimal.Decimal, "v=1.10", decimal.Decimal("1.10")),
    "UUID": (uuid.UUID, f"v={UUID}", UUID),
    "date": (datetime.date, "v=2026-11-21", datetime.date(2026, 11, 21)),
    "time": (datetime.time, "v=13:05:00", datetime.time(13, 5)),
    "datetime": (
        datetime.datetime,
        "v=2026-11-21T13:05:00Z",
        datetime.datetime(2026, 11, 21, 13, 5, tzinfo=datetime.UTC),
    ),
    "enum": (Colour, "v=blue", Colour.BLUE),
    "literal": (Literal["up", "down"], "v=up", "up"),
    "literal int": (Literal[1, 2], "v=2", 2),
    "union": (int | str, "v=7", 7),
    "union text": (int | str, "v=seven", "seven"),
    "optional given": (int | None, "v=1", 1),
    "optional absent": (int | None, "", None),
    "list": (list[int], "v=1&v=2", [1, 2]),
    "set": (set[str], "v=a&v=b&v=a", {"a", "b"}),
    "tuple": (tuple[int, ...], "v=3", (3,)),
    "sequence": (Sequence[int], "v=3&v=4", [3, 4]),
    "list of enums": (list[Colour], "v=red&v=blue", [Colour.RED, Colour.BLUE]),
    "first of two": (int, "v=1&v=2", 1),
}


@pytest.mark.parametrize(("annotation", "query", "value"), QUERIES.values(), ids=QUERIES)
async def test_simple_types_come_from_the_query(client_for, annotation, query, value):
    seen = []

    async def handler(v):
        seen.append(v)

    handler.__annotations__["v"] = annotation
    app = Nacre()
    app.add_route("/", handler)
    async with client_for(app) as client:
        response = await client.get(f"/?{query}")
    assert (response.status, seen) == (204, [value])
    assert type(seen[0]) is type(value)


@pytest.mark.parametrize("form", ["default", "Annotated"])
@pytest.mark.parametrize(
    ("marker", "request_options"),
    [
        (Query, {"path": "/?limit=5"}),
        (Header, {"headers": {"limit": "5"}}),
        (Cookie, {"headers": {"cookie": "limit=5"}}),
        (Form, {"content": b"limit=5", "headers": {"content-type": "application/x-www-form-urlencoded"}}),
    ],
    ids=["query", "header", "cookie", "form"],
)
class TestMarkers:
    def app(self, form: str, marker: Any, annotation: Any = int, **options: Any) -> Nacre:
        app = Nacre()
        if form == "default":

            async def handler(limit=marker(**options)):  # noqa: B008 - a marker
                return [limit]

            handler.__annotations__["limit"] = annotation
        else:

            async def handler(limit):
                return [limit]

            handler.__annotations__["limit"] = Annotated[annotation, marker(**options)]
        app.add_route("/", handler, methods=["POST"])
        return app

    async def answer(self, client_for: Any, app: Nacre, path: str = "/", **options: Any) -> Any:
        async with client_for(app) as client:
            response = await client.post(path, **options)
        return response.status, response.json()

    async def test_gives_the_typed_value(self, client_for, form, marker, request_options):
        assert await self.answer(client_for, self.app(form, marker), **request_options) == (200, [5])

    async def test_missing_is_told(self, client_for, form, marker, request_options):
        status, data = await self.answer(client_for, self.app(form, marker))
        place = "body" if marker is Form else marker.__name__.lower()
        assert (status, data) == (422, {"errors": [{"loc": [place, "limit"], "msg": "is missing", "type": "missing"}]})

    async def test_constraint_is_checked(self, client_for, form, marker, request_options):
        status, data = await self.answer(client_for, self.app(form, marker, ge=6), **request_options)
        assert (status, data["errors"][0]["type"], data["errors"][0]["ctx"]) == (422, "greater_than_equal", {"ge": 6})

    async def test_default_stands_in(self, client_for, form, marker, request_options):
        assert await self.answer(client_for, self.app(form, marker, default=9)) == (200, [9])

    async def test_default_is_made_for_each_request(self, client_for, form, marker, request_options):
        app = self.app(form, marker, list[int], default_factory=list)
        assert await self.answer(client_for, app) == (200, [[]])

    async def test_alias_is_the_name_on_the_wire(self, client_for, form, marker, request_options):
        app = self.app(form, marker, int | None, alias="other")
        assert await self.answer(client_for, app, **request_options) == (200, [None])


async def test_header_names_have_dashes_and_no_case(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(x_request_id: str = Header(), token: str = Header(alias="X-Token")):
        return [x_request_id, token]

    async with client_for(app) as client:
        response = await client.get("/", headers={"X-Request-ID": "a", "x-token": "b"})
    assert response.json() == ["a", "b"]


async def test_path_variables_are_parsed_by_their_annotation(client_for):
    app = Nacre()

    @app.get("/<day>/<kind>/<int:number>")
    async def handler(day: datetime.date, kind: Colour, number: Annotated[int, Path(ge=2)]):
        return [day, kind, number]

    async with client_for(app) as client:
        good = await client.get("/2026-11-21/red/2")
        bad = await client.get("/2026-13-21/green/1")
    assert good.json() == ["2026-11-21", "red", 2]
    assert bad.status == 422
    assert [(error["loc"], error["type"]) for error in bad.json()["errors"]] == [
        (["path", "day"], "date_from_datetime_parsing" if False else bad.json()["errors"][0]["type"]),
        (["path", "kind"], "enum"),
        (["path", "number"], "greater_than_equal"),
    ]


@pytest.mark.parametrize("model", [Point, DataPoint, DictPoint, TuplePoint, AttrsPoint, ModelPoint])
class TestBodies:
    def app(self, model: type) -> Nacre:
        app = Nacre()

        async def one(point):
            assert isinstance(point, dict if model is DictPoint else model)
            return point

        async def several(points):
            return points

        def plain(point):
            return point

        one.__annotations__["point"] = plain.__annotations__["point"] = model
        several.__annotations__["points"] = list[model]  # type: ignore[valid-type]
        app.post("/one")(one)
        app.post("/several")(several)
        app.post("/plain")(plain)
        return app

    async def test_json_becomes_the_model(self, client_for, model):
        point = [1, 2] if model is TuplePoint else {"x": 1, "y": 2}
        async with client_for(self.app(model)) as client:
            assert (await client.post("/one", json=point)).json() == point
            assert (await client.post("/plain", json=point)).json() == point
            assert (await client.post("/several", json=[point, point])).json() == [point, point]

    async def test_all_errors_are_told_at_once(self, client_for, model):
        if model is TuplePoint:
            points, places = [[1, 2], ["a", "b"]], [["body", 1, 0], ["body", 1, 1]]
        else:
            points, places = [{"x": 1, "y": 2}, {"x": "a"}], [["body", 1, "x"], ["body", 1, "y"]]
        async with client_for(self.app(model)) as client:
            response = await client.post("/several", json=points)
        assert response.status == 422
        assert [error["loc"] for error in response.json()["errors"]] == places

    async def test_malformed_json_is_400(self, client_for, model):
        async with client_for(self.app(model)) as client:
            for body in (b"{", b"\xff", b"{'x': 1}", b"[1,", b"NaN", b"\x00"):
                headers = {"content-type": "application/json"}
                assert (await client.post("/one", content=body, headers=headers)).status == 400

    async def test_another_media_type_is_415(self, client_for, model):
        async with client_for(self.app(model)) as client:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense"):
                response = await client.post("/one", content=b'{"x":1,"y":2}', headers={"content-type": kind})
                assert response.status == 415
            assert (await client.post("/one", content=b'{"x":1,"y":2}')).status == 415

    async def test_json_by_another_name_is_taken(self, client_for, model):
        point = b"[1,2]" if model is TuplePoint else b'{"x":1,"y":2}'
        async with client_for(self.app(model)) as client:
            for kind in ("application/vnd.api+json", "application/json; charset=utf-8", "Application/JSON"):
                response = await client.post("/one", content=point, headers={"content-type": kind})
                assert response.status == 200

    async def test_no_body_is_missing(self, client_for, model):
        async with client_for(self.app(model)) as client:
            response = await client.post("/one")
        assert (response.status, response.json()["errors"][0]["type"]) == (422, "missing")


async def test_bodies_of_other_kinds(client_for):
    app = Nacre()

    @app.post("/bytes")
    async def raw(data: bytes = Body()):
        return [len(data)]

    @app.post("/text")
    async def text(data: str = Body(content_type="text/plain", max_length=5)):
        return [data]

    @app.post("/number")
    async def number(data: int = Body(ge=1)):
        return [data]

    @app.post("/optional")
    async def optional(point: Point | None):
        return [point]

    @app.post("/form")
    async def form(point: Point = Body(content_type="application/x-www-form-urlencoded")):
        return point

    async with client_for(app) as client:
        octets = {"content-type": "application/octet-stream"}
        assert (await client.post("/bytes", content=b"\xff\x00", headers=octets)).json() == [2]
        plain = {"content-type": "text/plain; charset=utf-8"}
        assert (await client.post("/text", content="été".encode(), headers=plain)).json() == ["été"]
        assert (await client.post("/text", content=b"too long", headers=plain)).status == 422
        assert (await client.post("/text", content=b"\xff", headers=plain)).status == 422
        assert (await client.post("/number", json=3)).json() == [3]
        assert (await client.post("/number", json=0)).json()["errors"][0]["loc"] == ["body"]
        assert (await client.post("/optional")).json() == [None]
        assert (await client.post("/optional", json=None)).json() == [None]
        assert (await client.post("/optional", json={"x": 1, "y": 2})).json() == [{"x": 1, "y": 2}]
        urlencoded = {"content-type": "application/x-www-form-urlencoded"}
        assert (await client.post("/form", content=b"x=1&y=2", headers=urlencoded)).json() == {"x": 1, "y": 2}
        refused = await client.post("/form", content=b"x=a", headers=urlencoded)
        assert [error["loc"] for error in refused.json()["errors"]] == [["body", "x"], ["body", "y"]]


async def test_one_model_takes_a_whole_source(client_for):
    app = Nacre()

    @app.get("/query")
    async def query(page: Annotated[Page, Query()]):
        return page

    @app.get("/dataclass")
    async def dataclass_page(page: DataPage = Query()):
        return page

    @app.get("/headers")
    async def headers(names: Names = Header()):
        return [names.user_agent, names.x_trace]

    @app.get("/cookies")
    async def cookies(page: DataPage = Cookie()):
        return page

    @app.get("/all")
    async def everything(fields: dict[str, str] = Query()):
        return fields

    @app.get("/path/<x>/<y>")
    async def path(point: Point = Path()):
        return point

    async with client_for(app) as client:
        answer = await client.get("/query?number=3&tags=a&tags=b&unknown=1")
        assert answer.json() == {"number": 3, "size": 20, "tags": ["a", "b"]}
        assert (await client.get("/dataclass?size=5")).json() == {"number": 1, "size": 5}
        sent = {"user-agent": "test", "x-trace": "7"}
        assert (await client.get("/headers", headers=sent)).json() == ["test", "7"]
        assert (await client.get("/cookies", headers={"cookie": "size=6"})).json() == {"number": 1, "size": 6}
        assert (await client.get("/all?a=1&b=2")).json() == {"a": "1", "b": "2"}
        assert (await client.get("/path/1/2")).json() == {"x": 1, "y": 2}
        refused = await client.get("/query?number=x&size=y")
        assert [error["loc"] for error in refused.json()["errors"]] == [["query", "number"], ["query", "size"]]
        refused = await client.get("/path/a/b")
        assert [error["loc"] for error in refused.json()["errors"]] == [["path", "x"], ["path", "y"]]


class Snake(msgspec.Struct):
    x_token: int


class AliasedHeaders(pydantic.BaseModel):
    token: int = pydantic.Field(alias="X-Token")


@pytest.mark.parametrize(("model", "value"), [(Snake, "a"), (Snake, None), (AliasedHeaders, "a")], ids=str)
async def test_errors_in_a_model_of_headers_name_the_header(client_for, model, value):
    app = Nacre()

    async def handler(names, x_token: int = Header()): ...

    handler.__annotations__["names"] = Annotated[model, Header()]
    app.add_route("/", handler)
    async with client_for(app) as client:
        answer = await client.get("/", headers={} if value is None else {"x-token": value})
    assert [error["loc"] for error in answer.json()["errors"]] == [["header", "x-token"], ["header", "x-token"]]


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    author: str | None = None


class ClosedModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    author: str | None = None


@pytest.mark.parametrize("optional", [False, True], ids=["required", "optional"])
@pytest.mark.parametrize("model", [Closed, ClosedModel])
@pytest.mark.parametrize(
    ("marker", "sent"),
    [
        (Query, lambda text: {"path": f"/?{text}"}),
        (Cookie, lambda text: {"path": "/", "headers": {"cookie": text.replace("&", "; ")}}),
        (
            Form,
            lambda text: {
                "path": "/",
                "content": text.encode(),
                "headers": {"content-type": "application/x-www-form-urlencoded"},
            },
        ),
    ],
    ids=["query", "cookie", "form"],
)
async def test_model_that_forbids_fields_knows_those_beside_it(client_for, model, marker, sent, optional):
    app = Nacre()

    async def number_of(size: int = marker(20)):
        return size

    async def handler(filters, page: int = marker(1), size: int = Provide(number_of)):
        return [filters and filters.author, page, size]

    handler.__annotations__["filters"] = Annotated[model | None if optional else model, marker()]
    app.add_route("/", handler, methods=["POST"])
    async with client_for(app) as client:
        assert (await client.post(**sent("author=a&page=2&size=5"))).json() == ["a", 2, 5]
        assert (await client.post(**sent("page=2"))).json() == [None, 2, 20]
        refused = await client.post(**sent("page=x&other=1"))
        assert sorted(error["loc"][-1] for error in refused.json()["errors"]) == ["other", "page"]


@pytest.mark.parametrize("marker", [Query, Header, Cookie, Form, Body], ids=lambda one: one.__name__)
def test_what_a_marker_on_a_model_says_is_in_the_description(marker):
    app = Nacre()

    async def handler(filters): ...

    told = marker(description="What to find.", examples=[{"author": "a"}])
    handler.__annotations__["filters"] = Annotated[Closed, told]
    app.add_route("/", handler, methods=["POST"])
    [route] = app.describe().routes
    [one] = route.chains[0].inputs
    assert (one.description, one.examples) == ("What to find.", ({"author": "a"},))


async def test_errors_of_all_sources_come_together(client_for):
    app = Nacre()

    @app.post("/<number>")
    async def handler(
        number: int, point: Point, limit: int = 5, trace: int = Header(), session: int = Cookie(), page: bool = Query()
    ): ...

    async with client_for(app) as client:
        response = await client.post(
            "/x?limit=y&page=z", json={"x": "a"}, headers={"trace": "t", "cookie": "session=s"}
        )
    assert response.status == 422
    assert [error["loc"] for error in response.json()["errors"]] == [
        ["path", "number"],
        ["body", "x"],
        ["body", "y"],
        ["query", "limit"],
        ["header", "trace"],
        ["cookie", "session"],
        ["query", "page"],
    ]
    assert not any(word in response.text for word in ('"x"]' if False else 'z"', 's"x'))


async def test_parts_of_the_request_are_given_by_their_type(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(headers: Headers, request: Request, query: QueryParams, url: URL, state: State):
        assert (headers, query, url, state) == (request.headers, request.query, request.url, request.state)
        return url.path

    async with client_for(app) as client:
        assert (await client.get("/?a=1")).text == "/"


async def test_plain_handlers_are_bound_too(client_for):
    app = Nacre()

    @app.post("/items/<number>")
    def add(request, number: int, point: Point, limit: int = 3):
        assert wait(request.json()) == {"x": 1, "y": 2}
        return [number, point, limit]

    @app.post("/inline/<number>", inline=True)
    def inline(number: int, point: Point, limit: int = 3):
        return [number, point, limit]

    @app.post("/lines/<number>")
    def lines(number: int, point: Point):
        yield f"{number} "
        yield f"{point.x}"

    @app.post("/async-lines/<number>")
    async def async_lines(number: int, point: Point):
        yield f"{number} "
        yield f"{point.y}"

    point = {"x": 1, "y": 2}
    async with client_for(app) as client:
        assert (await client.post("/items/4?limit=2", json=point)).json() == [4, point, 2]
        assert (await client.post("/inline/4?limit=2", json=point)).json() == [4, point, 2]
        assert (await client.post("/lines/4", json=point)).text == "4 1"
        assert (await client.post("/async-lines/4", json=point)).text == "4 2"
        for path in ("/items/a", "/inline/a", "/lines/a", "/async-lines/a"):
            assert (await client.post(path, json={"x": 1})).status == 422


async def test_a_body_over_the_limit_is_413_for_a_bound_handler(client_for):
    app = Nacre(max_body=10)

    @app.post("/")
    async def handler(data: list[int] = Body()):
        return data

    async with client_for(app) as client:
        assert (await client.post("/", json=list(range(20)))).status == 413
        assert (await client.post("/", json=[1])).json() == [1]


@dataclass
class Defaulted:
    name: str
    count: int = 1
    inner: list[DataPage] = field(default_factory=list)


async def test_defaults_of_a_dataclass_are_there_and_are_sent(client_for):
    app = Nacre()

    @app.post("/")
    async def handler(value: Defaulted):
        return value

    async with client_for(app) as client:
        answer = await client.post("/", json={"name": "a", "inner": [{"size": 3}]})
    assert answer.json() == {"name": "a", "count": 1, "inner": [{"number": 1, "size": 3}]}


async def test_mutable_default_is_each_request_s_own(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(tags: list[str] = ["a"]):  # noqa: B006 - it is what is tested
        tags.append("b")
        return tags

    async with client_for(app) as client:
        assert [(await client.get("/")).json() for _ in range(2)] == [["a", "b"]] * 2
