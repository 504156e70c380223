"""Layers, hooks and error handlers that ask for more: programs D3, D6 and D7, and what surrounds them."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from nacre import (
    Body,
    Group,
    Header,
    Hooks,
    Middleware,
    Nacre,
    Path,
    Query,
    Request,
    Response,
    Validation,
    ValidationError,
    abort,
    middleware,
)

TOKEN = r"^[Bb]earer [A-Za-z0-9_=.-]+$"


class Order(msgspec.Struct):
    item: str
    count: int


def bearer_app(plain: bool) -> tuple[Nacre, list[str]]:
    ran: list[str] = []

    async def check(request, call_next, bearer: str = Header(alias="Authorization", pattern=TOKEN)):
        ran.append(bearer)
        return await call_next(request)

    def check_plain(request, call_next, bearer: str = Header(alias="Authorization", pattern=TOKEN)):
        ran.append(bearer)
        return call_next(request)

    app = Nacre(middlewares=[check_plain if plain else check])

    @app.get("/")
    async def handler():
        ran.append("handler")
        return "open"

    return app, ran


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
class TestBearer:
    async def test_layer_gets_the_whole_field(self, client_for, plain):
        app, ran = bearer_app(plain)
        async with client_for(app) as client:
            response = await client.get("/", headers={"authorization": "Bearer abc"})
        assert (response.status, response.text, ran) == (200, "open", ["Bearer abc", "handler"])

    @pytest.mark.parametrize(
        ("headers", "kind"), [({}, "missing"), ({"authorization": "xyz"}, "string_pattern_mismatch")]
    )
    async def test_nothing_runs_for_a_field_that_does_not_fit(self, client_for, plain, headers, kind):
        app, ran = bearer_app(plain)
        async with client_for(app) as client:
            response = await client.get("/", headers=headers)
        [error] = response.json()["errors"]
        assert (response.status, error["loc"], error["type"], ran) == (422, ["header", "authorization"], kind, [])
        assert "xyz" not in response.text

    async def test_unknown_paths_pass_it_too(self, client_for, plain):
        app, _ = bearer_app(plain)
        async with client_for(app) as client:
            assert (await client.get("/unknown")).status == 422
            assert (await client.get("/unknown", headers={"authorization": "Bearer abc"})).status == 404


async def test_outer_layers_see_a_failed_validation_as_a_response(client_for):
    seen = []

    async def outer(request, call_next):
        response = await call_next(request)
        seen.append(response.status)
        response.headers["x-outer"] = "1"
        return response

    async def inner(request, call_next, page: int = Query()):
        return await call_next(request)

    app = Nacre(middlewares=[outer])
    group = Group("/g", middlewares=[inner])

    @group.get("/")
    async def handler():
        return "ok"

    app.include(group)
    async with client_for(app) as client:
        response = await client.get("/g/?page=x")
    assert (response.status, response.headers["x-outer"], seen) == (422, "1", [422])


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_body_is_read_in_a_layer_and_again_in_the_handler(client_for, plain):
    seen = []

    async def look(request, call_next, order: Order = Body()):
        seen.append(order)
        return await call_next(request)

    def look_plain(request, call_next, order: Order = Body()):
        seen.append(order)
        return call_next(request)

    app = Nacre(middlewares=[look_plain if plain else look])

    @app.post("/async")
    async def handler(order: Order):
        return order

    @app.post("/plain")
    def plain_handler(order: Order):
        return order

    order = {"item": "pearl", "count": 2}
    async with client_for(app) as client:
        assert (await client.post("/async", json=order)).json() == order
        assert (await client.post("/plain", json=order)).json() == order
        assert (await client.post("/plain", json={"item": "pearl"})).status == 422
    assert seen == [Order("pearl", 2)] * 2


class TestInjectedResponse:
    def app(self, value, **options):
        @middleware(**options)
        async def layer(request, call_next, response: Response):
            response.status = 202
            response.headers["x-mine"] = "1"
            response.set_cookie("a", "b")
            return await call_next(request) if value is None else value

        app = Nacre(middlewares=[layer])

        @app.get("/")
        async def handler():
            return "inner"

        return app

    async def test_applies_when_the_layer_returns_a_plain_value(self, client_for):
        async with client_for(self.app("mine")) as client:
            response = await client.get("/")
        assert (response.status, response.text, response.headers["x-mine"]) == (202, "mine", "1")
        assert response.headers["set-cookie"].startswith("a=b")

    async def test_does_not_touch_a_response(self, client_for):
        async with client_for(self.app(None)) as client:
            response = await client.get("/")
        assert (response.status, response.text, "x-mine" in response.headers) == (200, "inner", False)

    async def test_goes_with_response_options(self, client_for):
        async with client_for(self.app("<b>", content_type="text/html")) as client:
            response = await client.get("/")
        assert (response.status, response.text) == (202, "<b>")
        assert response.headers["content-type"].startswith("text/html")

    @pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
    async def test_in_handlers(self, client_for, plain):
        app = Nacre()

        async def handler(response: Response, given: int = 0):
            response.status = 201
            response.headers["content-type"] = "application/x-mine"
            return {"a": given} if given else None

        def plain_handler(response: Response, given: int = 0):
            response.status = 201
            response.headers["content-type"] = "application/x-mine"
            return {"a": given} if given else None

        app.get("/")(plain_handler if plain else handler)
        async with client_for(app) as client:
            response = await client.get("/?given=3")
            nothing = await client.get("/")
        assert (response.status, response.text) == (201, '{"a":3}')
        assert (nothing.status, nothing.body) == (201, b"")
        assert response.headers["content-type"] == nothing.headers["content-type"] == "application/x-mine"

    async def test_each_request_has_its_own(self, client_for):
        app = Nacre()

        @app.get("/")
        async def handler(response: Response, n: int):
            response.headers.add("x-n", str(n))
            return n

        async with client_for(app) as client:
            assert (await client.get("/?n=200")).headers.getlist("x-n") == ["200"]
            assert (await client.get("/?n=201")).headers.getlist("x-n") == ["201"]


async def test_class_layers_ask_by_markers_or_by_name(client_for):
    class Tagged:
        def __init__(self, prefix):
            self.prefix = prefix

        async def __call__(self, request, call_next, tag: str = Header(alias="x-tag"), *, page: int = 1):
            response = await call_next(request)
            response.headers["x-seen"] = f"{self.prefix}{tag}{page}"
            return response

    app = Nacre(middlewares=[Middleware(Tagged, "t-")])

    @app.get("/")
    async def handler():
        return ""

    async with client_for(app) as client:
        response = await client.get("/?page=4", headers={"x-tag": "z"})
    assert response.headers["x-seen"] == "t-z4"


async def test_path_variables_in_layers_come_from_each_route(client_for):
    seen = []

    async def tenant_of(request, call_next, tenant: str = Path(min_length=2)):
        seen.append(tenant)
        return await call_next(request)

    app = Nacre()
    group = Group("/<tenant>", middlewares=[tenant_of])

    @group.get("/a")
    async def a(tenant):
        return tenant

    @group.get("/b/<int:number>")
    async def b(request, number):
        return number

    app.include(group)
    async with client_for(app) as client:
        assert (await client.get("/acme/a")).text == "acme"
        assert (await client.get("/acme/b/204")).status == 204
        assert (await client.get("/x/a")).json()["errors"][0]["loc"] == ["path", "tenant"]
    assert seen == ["acme", "acme"]


async def test_hooks_ask_too(client_for):
    seen = []

    def before(request, page: int = 1):
        seen.append(("before", page))

    async def after(request, response, page: Annotated[int, Query()] = 1):
        response.headers["x-page"] = str(page)

    app = Nacre(middlewares=[Hooks(before=before, after=after)])

    @app.before_request
    async def early(request, tag: str = Header(alias="x-tag")):
        seen.append(("early", tag))

    @app.after_request
    def late(request, response, *, page: int = 1):
        seen.append(("late", page))

    @app.get("/")
    async def handler():
        return ""

    async with client_for(app) as client:
        response = await client.get("/?page=7", headers={"x-tag": "t"})
        assert (await client.get("/?page=x", headers={"x-tag": "t"})).status == 422
        assert (await client.get("/?page=7")).status == 422
    assert response.headers["x-page"] == "7"
    assert seen[:3] == [("before", 7), ("early", "t"), ("late", 7)]


async def test_error_handlers_ask_by_markers_or_by_name(client_for):
    app = Nacre()

    @app.error_handler(KeyError)
    def lost(request, error, lang: str = Header("en", alias="accept-language")):
        return [lang, str(error)], 404

    @app.error_handler(IndexError)
    async def far(app, request, error, *, page: int = 1):
        return [type(app).__name__, page], 404

    @app.get("/key")
    async def key():
        raise KeyError("k")

    @app.get("/index")
    async def index():
        raise IndexError

    async with client_for(app) as client:
        assert (await client.get("/key", headers={"accept-language": "de"})).json() == ["de", "'k'"]
        assert (await client.get("/index?page=3")).json() == ["Nacre", 3]
        assert (await client.get("/index?page=x")).status == 422


class TestAnswer:
    def app(self, **options):
        app = Nacre(validation=Validation(status=400, shape=lambda errors: {"problems": len(errors)}))
        group = Group("/g", **options)
        for one in (app, group):

            @one.get("/items")
            async def items(page: int, size: int):
                return [page, size]

        app.include(group)
        return app

    async def test_status_and_shape_of_the_application(self, client_for):
        async with client_for(self.app()) as client:
            for path in ("/items", "/g/items"):
                response = await client.get(path)
                assert (response.status, response.json()) == (400, {"problems": 2})

    async def test_a_group_has_its_own(self, client_for):
        async with client_for(self.app(validation=Validation(status=409))) as client:
            response = await client.get("/g/items?page=1")
            assert (response.status, response.json()["errors"][0]["loc"]) == (409, ["query", "size"])
            assert (await client.get("/items")).status == 400

    async def test_an_error_handler_takes_it_all(self, client_for):
        app = self.app()

        @app.error_handler(ValidationError)
        def refused(request: Request, error: ValidationError):
            return f"{len(error.errors)} of them", 418

        async with client_for(app) as client:
            response = await client.get("/items")
        assert (response.status, response.text) == (418, "2 of them")

    async def test_it_is_json_whatever_the_client_accepts(self, client_for):
        async with client_for(self.app()) as client:
            response = await client.get("/items", headers={"accept": "text/html"})
        assert response.headers["content-type"] == "application/json"


async def test_hooks_that_need_a_route_are_left_out_where_none_answers(client_for):
    app = Nacre()
    seen = []

    @app.after_error
    def note(request, response, *, number: int = Path()):
        seen.append(number)

    @app.error_handler(404)
    def lost(request, error, *, number: int = Path()):
        return f"no {number}"

    @app.get("/<int:number>")
    async def handler(number):
        abort(404)

    async with client_for(app) as client:
        assert (await client.get("/un/known")).status == 404
        assert (await client.get("/7")).text == "no 7"
    assert seen == [7]
