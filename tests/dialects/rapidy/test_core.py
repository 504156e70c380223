"""What Rapidy's dialect promises beyond its document's programs: the rows of code, errors, mounts, startup."""

import asyncio
import collections
import dataclasses
import datetime
import ipaddress
import json
import pathlib
import re
import uuid
from typing import Any

import pytest
from pydantic import BaseModel, Field, HttpUrl, SecretStr

import nacre
from nacre.dialects import rapidy
from nacre.dialects.rapidy import Rapidy, layer, run_app, web
from nacre.dialects.rapidy.encoders import jsonify
from nacre.dialects.rapidy.enums import Charset, ContentType, HeaderName
from nacre.dialects.rapidy.http import (
    Body,
    Cookie,
    Header,
    HTTPBadRequest,
    HTTPException,
    HTTPForbidden,
    HTTPFound,
    HTTPMethodNotAllowed,
    HTTPNetworkAuthenticationRequired,
    HTTPNoContent,
    HTTPNotFound,
    HTTPOk,
    HTTPRequestEntityTooLarge,
    HTTPRouter,
    HTTPUnavailableForLegalReasons,
    HTTPValidationFailure,
    PathParam,
    PathParams,
    QueryParam,
    QueryParams,
    Request,
    Response,
    StreamResponse,
    controller,
    delete,
    get,
    head,
    middleware,
    normalize_path_middleware,
    options,
    patch,
    post,
    put,
)
from nacre.dialects.rapidy.typedefs import CallNext
from nacre.errors import ConfigurationError
from nacre.openapi import OpenAPI
from nacre.testing import TestClient
from nacre.websocket import WebSocket


def app_of(*handlers, **options):
    return Rapidy(http_route_handlers=handlers, **options)


# Middlewares.


async def test_the_first_middleware_of_the_list_is_the_outermost(client_for):
    seen = []

    def named(name):
        @middleware
        async def passing(request: Request, call_next: CallNext) -> StreamResponse:
            seen.append(name)
            return await call_next(request)

        return passing

    @get("/")
    async def handler() -> None:
        seen.append("handler")

    async with client_for(app_of(handler, middlewares=[named("a"), named("b")])) as client:
        await client.get("/")
    assert seen == ["a", "b", "handler"]


async def test_call_next_gives_a_stream_response_whatever_the_handler_returned(client_for):
    kinds = []

    @middleware
    async def look(first: Request, second: CallNext) -> StreamResponse:
        answer = await second(first)
        kinds.append((isinstance(answer, StreamResponse), answer.status, answer.content_type, answer.charset))
        return answer

    @get("/")
    async def handler() -> dict[str, int]:
        return {"a": 1}

    async with client_for(app_of(handler, middlewares=[look])) as client:
        await client.get("/")
        await client.get("/nowhere")
    assert kinds == [(True, 200, "application/json", "utf-8"), (True, 404, "text/plain", "utf-8")]


async def test_an_exception_of_the_handler_reaches_middlewares_as_that_exception(client_for):
    caught = []

    @middleware
    async def catch(request: Request, call_next: CallNext) -> StreamResponse:
        try:
            return await call_next(request)
        except ZeroDivisionError as error:
            caught.append(error)
            raise

    @get("/")
    async def handler() -> int:
        return 1 // 0

    async with client_for(app_of(handler, middlewares=[catch, catch])) as client:
        answer = await client.get("/")
    assert answer.status == 500
    assert len(caught) == 2
    assert caught[0] is caught[1]


async def test_an_http_exception_is_caught_by_middlewares_and_changed_there(client_for):
    @middleware
    async def outer(request: Request, call_next: CallNext) -> StreamResponse:
        try:
            return await call_next(request)
        except HTTPException as error:
            error.headers["X-Outer"] = "1"
            raise

    @middleware
    async def inner(request: Request, call_next: CallNext) -> StreamResponse:
        try:
            return await call_next(request)
        except HTTPForbidden as error:
            error.headers["X-Inner"] = "1"
            raise

    @get("/")
    async def handler() -> None:
        raise HTTPForbidden(text="not here")

    async with client_for(app_of(handler, middlewares=[outer, inner])) as client:
        answer = await client.get("/")
    assert (answer.status, answer.text) == (403, "not here")
    assert (answer.headers["x-outer"], answer.headers["x-inner"]) == ("1", "1")


async def test_what_no_route_answers_is_no_exception_to_a_broad_except(client_for):
    @middleware
    async def broad(request: Request, call_next: CallNext) -> StreamResponse | str:
        try:
            return await call_next(request)
        except Exception:
            return "fine"

    @get("/")
    async def handler() -> None:
        raise HTTPForbidden

    async with client_for(app_of(handler, middlewares=[broad])) as client:
        assert (await client.get("/nowhere")).status == 404
        answer = await client.post("/")
        assert (answer.status, answer.text) == (405, "405: Method Not Allowed")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert (await client.get("/")).text == "fine"


async def test_an_exception_that_is_a_constant_gathers_nothing_from_requests(client_for):
    refusal = HTTPForbidden(text="no")

    @middleware
    async def mark(request: Request, call_next: CallNext) -> StreamResponse:
        try:
            return await call_next(request)
        except HTTPForbidden as error:
            error.set_cookie("seen", request.query["by"])
            raise

    @get("/")
    async def handler() -> None:
        raise refusal

    async with client_for(app_of(handler, middlewares=[mark])) as client:
        first, second = await client.get("/?by=a"), await client.get("/?by=b")
    assert first.headers.getlist("set-cookie") == ["seen=a; Path=/"]
    assert second.headers.getlist("set-cookie") == ["seen=b; Path=/"]


async def test_validation_failures_and_too_large_bodies_are_exceptions_to_middlewares(client_for):
    caught = []

    @middleware
    async def catch(request: Request, call_next: CallNext) -> StreamResponse:
        try:
            return await call_next(request)
        except HTTPValidationFailure as error:
            caught.append(error.validation_errors)
            raise
        except HTTPRequestEntityTooLarge:
            caught.append("too large")
            raise

    @post("/")
    async def handler(fish: str = QueryParam(), body: dict[str, int] = Body()) -> None: ...  # noqa: B008

    app = app_of(handler, middlewares=[catch], client_max_size=20)
    async with client_for(app) as client:
        answer = await client.post("/", json={"a": "b"})
        assert (answer.status, answer.headers["content-type"]) == (422, "application/json; charset=utf-8")
        assert (await client.post("/?fish=eel", json={"a": [1] * 30})).status == 413
    assert [error["loc"] for error in caught[0]] == [["query", "fish"], ["body", "a"]]
    assert caught[1] == "too large"


async def test_a_middlewares_own_parameters_are_refused_outside_of_it(client_for):
    seen = []

    @middleware
    async def outer(request: Request, call_next: CallNext) -> StreamResponse:
        try:
            return await call_next(request)
        except HTTPValidationFailure as error:
            seen.append(error.validation_errors[0]["loc"])
            raise

    @middleware
    async def inner(request: Request, call_next: CallNext, flag: int = Cookie()) -> StreamResponse:
        seen.append("inner")
        return await call_next(request)

    @get("/")
    async def handler() -> None: ...

    async with client_for(app_of(handler, middlewares=[outer, inner])) as client:
        assert (await client.get("/")).status == 422
    assert seen == [["cookie", "flag"]]


async def test_a_value_that_a_middleware_returns_is_validated_by_its_annotation(client_for):
    @middleware
    async def wrong(request: Request, call_next: CallNext) -> StreamResponse | int:
        return "text"

    @get("/")
    async def handler() -> None: ...

    async with client_for(app_of(handler, middlewares=[wrong])) as client:
        assert (await client.get("/")).status == 500


async def test_without_validation_a_middleware_returns_what_it_likes(client_for):
    @middleware(response_validate=False, status_code=201, response_content_type=ContentType.json)
    async def loose(request: Request, call_next: CallNext) -> StreamResponse | int:
        return "text"

    async with client_for(app_of(middlewares=[loose])) as client:
        answer = await client.get("/")
    assert (answer.status, answer.body) == (201, b'"text"')
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_middleware_that_returns_nothing_answers_with_nothing(client_for):
    @middleware(status_code=202)
    async def nothing(request: Request, call_next: CallNext) -> StreamResponse | None:
        return None

    async with client_for(app_of(middlewares=[nothing])) as client:
        answer = await client.get("/")
    assert (answer.status, answer.body) == (202, b"")


async def test_a_middleware_can_be_called_as_the_function_that_it_is():
    @middleware
    async def double(request, call_next) -> str:
        return await call_next(request) * 2

    async def following(request):
        return request

    assert await double("a", following) == "aa"


def test_a_middleware_that_is_no_async_function_is_refused_at_once():
    with pytest.raises(ConfigurationError, match=r"is no async function.*test_core\.py:\d+"):

        @middleware
        def plain(request, call_next):
            return call_next(request)


def test_a_misspelt_option_of_a_parameter_is_told():
    with pytest.raises(ConfigurationError, match=r"Header has no option `alais` .*\n.*did you mean `alias`"):
        Header(alais="X")


@pytest.mark.parametrize("item", [Header, 5])
def test_what_is_no_handler_is_refused_when_it_is_registered(item):
    with pytest.raises(ConfigurationError, match="is no route handler"):
        Rapidy(http_route_handlers=[item])


def test_a_parameter_without_parentheses_is_told():
    @get("/")
    async def handler(word: str = QueryParam) -> None: ...

    with pytest.raises(ConfigurationError, match=r"the class QueryParam itself .*\n.*call it: `QueryParam\(\)`"):
        app_of(handler)


@pytest.mark.parametrize(
    "parameter", [QueryParam(gt="a"), QueryParam(pattern="("), Body(pattern="(?<=a)b"), Body(check_content_type=False)]
)
def test_what_pydantic_cannot_validate_is_told_with_its_place(parameter):
    class Unknown: ...

    kind = Unknown if not parameter.options else int if "gt" in parameter.options else str

    async def handler(word: kind = parameter) -> None: ...

    handler.__annotations__["word"] = kind
    with pytest.raises(ConfigurationError, match=r"takes `word`, and pydantic can't validate it[^$]*test_core\.py:\d+"):
        app_of(get.reg("/", handler))


# Handlers.


def test_a_plain_handler_is_refused_at_once():
    with pytest.raises(ConfigurationError, match="is no async function"):

        @get("/")
        def plain() -> None: ...


def test_two_handlers_for_one_path_are_told_with_their_places():
    @get("/x")
    async def first() -> None: ...

    @get("/x")
    async def second() -> None: ...

    app = app_of(first, second)
    app.router.add_post("/x", first.handler)
    app.add_routes([web.post("/x", first.handler)])
    lines = [first.where.line, second.where.line]
    with pytest.raises(ConfigurationError) as error, TestClient(app):
        pass
    places = re.findall(r"test_core\.py:(\d+)", str(error.value))
    assert len(set(places)) == 4
    assert {str(line) for line in lines} < set(places)


def test_a_path_variable_has_no_default():
    with pytest.raises(ConfigurationError, match="PathParam can't have a default"):
        PathParam(3)


def test_a_path_begins_with_a_slash():
    with pytest.raises(ConfigurationError, match=r"doesn't begin with a slash .*\n.*write \"/x\""):
        get("x")


@pytest.mark.parametrize("decorator", [get, post, put, patch, delete, head, options])
async def test_each_decorator_serves_its_method(decorator, client_for):
    @decorator("/")
    async def handler(response: Response) -> None:
        response.headers["X-Method"] = decorator.__name__

    async with client_for(app_of(handler)) as client:
        answer = await client.request(decorator.__name__.upper(), "/")
    assert (answer.status, answer.headers["x-method"]) == (200, decorator.__name__)


async def test_a_result_that_does_not_fit_its_annotation_is_a_500(client_for):
    @get("/")
    async def handler() -> list[int]:
        return ["a"]

    async with client_for(app_of(handler)) as client:
        answer = await client.get("/")
    assert (answer.status, answer.text) == (500, "500 Internal Server Error\n\nServer got itself in trouble")


async def test_a_value_of_another_type_that_stands_for_it_fits(client_for):
    @get("/")
    async def handler() -> dict[str, int]:
        return {"a": "1"}

    @get("/response")
    async def response() -> Response:
        return {"a": 1}

    async with client_for(app_of(handler, response)) as client:
        assert [(await client.get(path)).body for path in ("/", "/response")] == [b'{"a": 1}'] * 2


async def test_results_are_made_to_fit_with_options_as_without_them(client_for):
    @get("/dict", status_code=201)
    async def of_dict() -> dict[str, int]:
        return {"a": "1"}

    @get("/type", response_type=int)
    async def of_type() -> str:
        return "5"

    @get("/bool")
    async def of_bool() -> bool:
        return "yes"

    @get("/wrong", status_code=201)
    async def wrong() -> dict[str, int]:
        return {"a": "x"}

    @get("/loose", status_code=201, response_validate=False)
    async def loose() -> dict[str, int]:
        return {"a": "x"}

    async with client_for(app_of(of_dict, of_type, of_bool, wrong, loose)) as client:
        answers = [await client.get(path) for path in ("/dict", "/type", "/bool", "/wrong", "/loose")]
    assert [(one.status, one.body) for one in answers[:3]] == [(201, b'{"a": 1}'), (200, b"5"), (200, b"true")]
    assert (answers[3].status, answers[4].status, answers[4].body) == (500, 201, b'{"a": "x"}')


async def test_bytes_that_are_promised_are_those_that_are_returned(client_for):
    @get("/text")
    async def text() -> bytes:
        return "aGk="

    @get("/either")
    async def either() -> str | bytes:
        return b"\xff"

    async with client_for(app_of(text, either)) as client:
        assert [(await client.get(path)).body for path in ("/text", "/either")] == [b"aGk=", b"\xff"]


async def test_types_that_only_pydantic_tells_apart_are_validated_by_it(client_for):
    @get("/")
    async def handler() -> dict[str, int] | dict[int, str]:
        return {"a": 1}

    async with client_for(app_of(handler)) as client:
        assert (await client.get("/")).body == b'{"a": 1}'


async def test_models_leave_by_their_aliases_and_json_is_as_json_dumps_writes_it(client_for):
    class Boat(BaseModel):
        name: str = Field(serialization_alias="boatName")
        length: float | None = None

    @get("/")
    async def handler() -> list[Boat]:
        return [Boat(name="Ó")]

    @get("/names", response_by_alias=False, response_exclude_none=True)
    async def names() -> Boat:
        return Boat(name="Ida")

    async with client_for(app_of(handler, names)) as client:
        assert (await client.get("/")).body == b'[{"boatName": "\\u00d3", "length": null}]'
        assert (await client.get("/names")).body == b'{"name": "Ida"}'


async def test_a_response_that_a_handler_asks_for_is_the_one_that_is_sent(client_for):
    @get("/", status_code=201)
    async def handler(response: Response, word: str = QueryParam("x")) -> str:
        response.content_type = ContentType.text_html
        response.headers["X-A"] = word
        return "<b>"

    async with client_for(app_of(handler)) as client:
        answer = await client.get("/?word=y")
    assert (answer.status, answer.text, answer.headers["x-a"]) == (201, "<b>", "y")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_text_is_json_if_the_response_that_was_asked_for_says_so(client_for):
    @get("/text")
    async def text(response: Response) -> str:
        response.content_type = ContentType.json
        return "é"

    @get("/dict")
    async def data(response: Response) -> dict[str, int]:
        response.content_type = ContentType.json
        return {"a": 1}

    async with client_for(app_of(text, data)) as client:
        answers = [await client.get("/text"), await client.get("/dict")]
    assert [one.body for one in answers] == [b'"\\u00e9"', b'{"a": 1}']
    assert {one.headers["content-type"] for one in answers} == {"application/json; charset=utf-8"}


async def test_a_first_parameter_with_an_annotation_is_what_that_says(client_for):
    class Tide:
        level = 3

    def tide() -> Tide:
        return Tide()

    @get("/provided")
    async def provided(tide: Tide) -> int:
        return tide.level

    @get("/query")
    async def query(depth: int) -> int:
        return depth

    async with client_for(app_of(provided, query, providers=[tide])) as client:
        assert [(await client.get(path)).text for path in ("/provided", "/query?depth=4")] == ["3", "4"]


async def test_a_controller_is_one_object_and_its_options_hold_for_its_methods(client_for):
    made = []

    @controller("/boats", status_code=202)
    class Boats:
        def __init__(self):
            made.append(self)
            self.count = 0

        @get()
        async def number(self) -> int:
            self.count += 1
            return self.count

        @get("/{name}", status_code=200)
        async def one(self, request: Request, name: str = PathParam()) -> str:
            return f"{name} {request.path}"

    async with client_for(app_of(Boats)) as client:
        first, second = await client.get("/boats"), await client.get("/boats")
        third = await client.get("/boats/ida")
    assert (first.status, first.text, second.text) == (202, "1", "2")
    assert (third.status, third.text) == (200, "ida /boats/ida")
    assert len(made) == 1


async def test_a_streamed_body_is_what_was_written(client_for):
    @get("/")
    async def handler(request: Request) -> StreamResponse:
        response = StreamResponse(status=201, headers={"Content-Type": "text/plain"})
        assert not response.prepared
        await response.prepare(request)
        assert response.prepared
        await response.write(b"one ")
        await response.write_eof(b"two")
        return response

    async with client_for(app_of(handler)) as client:
        answer = await client.get("/")
    assert (answer.status, answer.text, answer.headers["content-type"]) == (201, "one two", "text/plain")


async def test_a_handler_that_writes_goes_on_as_its_pieces_are_sent(client_for):
    seen = []

    @middleware
    async def outside(request: Request, call_next: CallNext) -> StreamResponse:
        answer = await call_next(request)
        answer.headers["X-Outside"] = "1"
        seen.append("outside")
        return answer

    @get("/")
    async def handler(request: Request) -> StreamResponse:
        response = StreamResponse()
        await response.prepare(request)
        for word in (b"one ", b"two ", b"three"):
            await asyncio.sleep(0)
            await response.write(word)
            seen.append(word.decode().strip())
        return response

    async with client_for(app_of(handler, middlewares=[outside])) as client:
        answer = await client.get("/")
        assert (answer.text, answer.headers["x-outside"]) == ("one two three", "1")
        assert seen == ["outside", "one", "two", "three"]
        assert (await client.head("/")).status == 200


async def test_a_whole_response_that_is_prepared_is_sent_whole(client_for):
    @get("/")
    async def handler(request: Request) -> Response:
        response = Response(text="whole")
        await response.prepare(request)
        await response.write_eof()
        return response

    async with client_for(app_of(handler)) as client:
        assert (await client.get("/")).text == "whole"


async def test_a_handler_that_fails_before_it_writes_is_an_exception_like_any_other(client_for):
    @middleware
    async def catch(request: Request, call_next: CallNext) -> StreamResponse | str:
        try:
            return await call_next(request)
        except ZeroDivisionError:
            return "caught"

    @get("/")
    async def handler(request: Request, after: bool = QueryParam(False)) -> StreamResponse:
        response = StreamResponse()
        if after:
            await response.prepare(request)
        raise ZeroDivisionError

    async with client_for(app_of(handler, middlewares=[catch])) as client:
        assert [(await client.get(path)).text for path in ("/", "/?after=1")] == ["caught", "caught"]


async def test_a_client_that_leaves_ends_a_handler_that_writes():
    ended = asyncio.Event()

    @get("/")
    async def handler(request: Request) -> StreamResponse:
        response = StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"more")
                await asyncio.sleep(0)
        finally:
            ended.set()

    async with TestClient(app_of(handler)) as client, client.stream("GET", "/") as answer:
        async for _ in answer:
            break
    await asyncio.wait_for(ended.wait(), 5)


# Routers.


async def test_routers_nest_and_each_has_its_own_middlewares_and_limit(client_for):
    def naming(name):
        @middleware
        async def mark(request: Request, call_next: CallNext) -> StreamResponse:
            answer = await call_next(request)
            answer.headers.add("X-Passed", name)
            return answer

        return mark

    @post("/deep")
    async def deep(request: Request) -> int:
        return len(await request.read())

    @post("/flat")
    async def flat(request: Request) -> int:
        return len(await request.read())

    inner = HTTPRouter("/inner", [deep], middlewares=[naming("inner")], client_max_size=4)
    outer = HTTPRouter("/outer", [inner, flat], middlewares=[naming("outer")])
    async with client_for(app_of(outer, middlewares=[naming("app")])) as client:
        answer = await client.post("/outer/inner/deep", content=b"1234")
        assert (answer.text, answer.headers.getlist("x-passed")) == ("4", ["inner", "outer", "app"])
        assert (await client.post("/outer/inner/deep", content=b"12345")).status == 413
        answer = await client.post("/outer/flat", content=b"12345")
        assert (answer.text, answer.headers.getlist("x-passed")) == ("5", ["outer", "app"])
        assert (await client.get("/outer/inner/nowhere")).headers.getlist("x-passed") == ["inner", "outer", "app"]


@pytest.mark.parametrize("limit", [4, 2_000_000])
async def test_the_limit_of_the_application_holds_in_its_routers(limit, client_for):
    @post("/x")
    async def size(request: Request) -> int:
        return len(await request.read())

    async with client_for(app_of(HTTPRouter("/inner", [size]), client_max_size=limit)) as client:
        assert (await client.post("/inner/x", content=b"x" * limit)).text == str(limit)
        refused = await client.post("/inner/x", content=b"x" * (limit + 1))
    assert (refused.status, refused.text) == (413, f"Maximum request body size {limit} exceeded.")


async def test_a_sub_application_is_mounted_with_its_whole_paths(client_for):
    @get("/where")
    async def where(request: Request) -> str:
        return request.path

    outer = app_of()
    outer.add_subapp("/sub", app_of(where))
    async with client_for(outer) as client:
        assert (await client.get("/sub/where")).text == "/sub/where"


async def test_hooks_run_in_order_with_the_application_or_without(client_for):
    seen = []

    class Manager:
        async def __aenter__(self):
            seen.append("entered")

        async def __aexit__(self, *_):
            seen.append("left")

    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def made(app):
        seen.append(("made", app is application))
        yield
        seen.append("unmade")

    async def start(app):
        seen.append(("start", app is application))

    def start_plain():
        seen.append("plain")

    async def context(app):
        seen.append("context")
        yield
        seen.append("uncontext")

    router = HTTPRouter("/r", on_startup=[lambda app: seen.append(("router", app is application))])
    lasts = {
        "on_shutdown": [lambda: seen.append("shutdown 1"), lambda: seen.append("shutdown 2")],
        "on_cleanup": [lambda app: seen.append("cleanup")],
    }
    application = app_of(router, lifespan=[asynccontextmanager(manager_of(Manager)), made], on_startup=[start], **lasts)
    application.on_startup.append(start_plain)
    application.cleanup_ctx.append(context)
    async with client_for(application) as client:
        await client.get("/nowhere")  # over WSGI it starts with the first request
        started = list(seen)
    assert started == ["entered", ("made", True), "context", ("start", True), "plain", ("router", True)]
    assert seen[len(started) :] == ["uncontext", "unmade", "left", "shutdown 1", "shutdown 2", "cleanup"]


def manager_of(manager):
    async def enter(app):
        async with manager():
            yield

    return enter


async def test_what_was_begun_is_ended_when_a_later_hook_fails():
    seen = []

    async def fail():
        raise RuntimeError("no harbour")

    app = app_of(on_startup=[fail], on_cleanup=[lambda: seen.append("cleanup")])
    with pytest.raises(Exception, match="no harbour"):
        async with TestClient(app):
            pass
    assert seen == ["cleanup"]


async def test_values_of_the_application_and_of_the_request(client_for):
    @middleware
    async def put(request: Request, call_next: CallNext) -> StreamResponse:
        request["from"] = "middleware"
        return await call_next(request)

    @get("/")
    async def handler(request: Request) -> list[str]:
        del request["from"]
        return [request.app["name"], str("from" in request), request.get("from", "gone"), str(len(request))]

    app = app_of(handler, middlewares=[put])
    app["name"] = "desk"
    assert (list(app), len(app), "name" in app, app.get("other", 1), bool(app)) == (["name"], 1, True, 1, True)
    async with client_for(app) as client:
        assert (await client.get("/")).json() == ["desk", "False", "gone", "0"]
    del app["name"]
    assert not list(app)
    assert bool(app)


async def test_the_application_and_requests_are_mappings(client_for):
    @get("/")
    async def handler(request: Request) -> list[str]:
        request.update(a=1, b=2)
        return [str(request.pop("a")), *request, str(request.setdefault("c", 3)), str(request == dict(request))]

    app = app_of(handler)
    app.setdefault("name", "desk")
    assert list(app.items()) == [("name", "desk")]
    assert {app: 1}[app] == 1
    async with client_for(app) as client:
        assert (await client.get("/")).json() == ["1", "b", "3", "False"]


def test_options_for_dishka_are_refused_with_what_to_write_instead():
    with pytest.raises(ConfigurationError, match=r"no option `di_providers`.*\n.*providers=\[…\]"):
        Rapidy(di_providers=[])


async def test_server_information_is_told_only_if_it_is_wanted(client_for):
    async with client_for(app_of()) as client:
        assert "server" not in (await client.get("/")).headers
    async with client_for(app_of(server_info_in_response=True)) as client:
        assert (await client.get("/")).headers["server"].startswith("nacre/")


# Exceptions and responses.


@pytest.mark.parametrize(
    ("error", "status", "text", "headers"),
    [
        (HTTPOk(), 200, "200: OK", {}),
        (HTTPNoContent(), 204, "", {"content-type": None}),
        (HTTPFound("/a b"), 302, "302: Found", {"location": "/a%20b"}),
        (HTTPBadRequest(reason="Odd"), 400, "400: Odd", {}),
        (HTTPNotFound(body=b"raw"), 404, "raw", {"content-type": "application/octet-stream"}),
        (HTTPMethodNotAllowed("PUT", ["GET", "POST"]), 405, "405: Method Not Allowed", {"allow": "GET, POST"}),
        (HTTPRequestEntityTooLarge(5, 9), 413, "Maximum request body size 5 exceeded.", {}),
        (
            HTTPUnavailableForLegalReasons("https://law.example"),
            451,
            "451: Unavailable For Legal Reasons",
            {"link": '<https://law.example>; rel="blocked-by"'},
        ),
        (HTTPNetworkAuthenticationRequired(text="log in"), 511, "log in", {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, HTTPException) else "",
)
def test_an_exception_is_the_response_that_it_says(error, status, text, headers):
    assert isinstance(error, Response)
    assert (error.status, error.text) == (status, text)
    for name, value in headers.items():
        assert error.headers.get(name) == value


@pytest.mark.parametrize("location", ["", "javascript:alert(1)", "/a\r\nX: 1"])
def test_a_redirect_to_what_is_no_place_is_refused(location):
    with pytest.raises(ValueError, match=r"location|URL|scheme|character|redirect"):
        HTTPFound(location)


def test_a_response_encodes_its_body_by_its_type():
    assert Response(Harbour(HttpUrl("https://a.example"))).body == b'{"site": "https://a.example/"}'
    assert Response({"a": {1}}).body == b'{"a": [1]}'
    assert Response("é", content_type=ContentType.json).body == b'"\\u00e9"'
    assert Response(True).text == "true"
    assert Response("é", charset=Charset.utf16).body == "é".encode("utf-16")
    assert Response({"a": 1, "b": 2}, include={"a"}, json_encoder=lambda data: f"<{data}>").text == "<{'a': 1}>"
    assert Response("<a>", content_type="application/xml").headers["content-type"] == "application/xml"
    assert Response().headers["content-type"] == "application/octet-stream"
    assert Response().body == b""
    with pytest.raises(ValueError, match="not both"):
        Response("a", text="b")
    with pytest.raises(TypeError, match="can't hold a object"):
        Response(object())


def test_a_response_has_aiohttps_attributes():
    response = Response(text="a", status=201, reason="Made", headers={"X-A": "1"})
    assert (response.status, response.reason, response.content_length) == (201, "Made", 1)
    assert (response.content_type, response.charset) == ("text/plain", "utf-8")
    response.set_cookie("a", "1", secure=True, samesite="Strict")
    response.set_cookie("a", "2", path="/x")
    assert response.headers.getlist("set-cookie") == ["a=2; Path=/x"]
    assert response.cookies == {"a": "2; Path=/x"}
    response.set_cookie("b", 'x; "y"')
    assert response.headers.getlist("set-cookie")[1] == r'b="x\073 \"y\""; Path=/'
    response.del_cookie("b")
    response.del_cookie("a")
    assert all("Max-Age=0" in line for line in response.headers.getlist("set-cookie"))
    with pytest.raises(ValueError, match="samesite is"):
        response.set_cookie("a", "1", samesite="loose")


def test_the_reason_is_that_of_the_status_until_one_is_given():
    response = nacre.Response("a", status=404).as_kind(Response)
    assert response.reason == "Not Found"
    response.set_status(200, "Fine")
    assert response.reason == "Fine"
    response.set_status(202)
    assert response.reason == "Accepted"


def test_validators_of_a_response_are_header_fields():
    response = Response("a")
    response.last_modified = 0
    response.etag = "tide"
    assert response.headers["last-modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert (response.last_modified.year, response.etag) == (1970, '"tide"')
    response.last_modified = response.etag = None
    assert [name for name in response.headers if name != "content-type"] == []
    assert response.last_modified is None
    with pytest.raises(ValueError, match="without its quotes"):
        response.etag = '"tide"'


def test_header_fields_of_a_response_have_aiohttps_methods():
    headers = Response(headers=[("X-A", "1"), ("X-A", "2")]).headers
    assert (headers.getall("X-A"), headers.getall("x-b", [])) == (["1", "2"], [])
    assert (headers.popall("x-a"), headers.popall("x-a", None)) == (["1", "2"], None)
    for missing in (headers.getall, headers.popall):
        with pytest.raises(KeyError):
            missing("x-a")


def test_jsonify_makes_text_or_plain_data():
    class Boat(BaseModel):
        name: str
        length: int = 3

    assert jsonify(Boat(name="Ida")) == '{"name": "Ida", "length": 3}'
    assert jsonify(Boat(name="Ida"), exclude={"length"}, dumps=False) == {"name": "Ida"}


def test_json_has_the_forms_of_what_json_does_not_know():
    class Shore(BaseModel):
        name: str
        depth: float = Field(1.5, serialization_alias="metres")

    @dataclasses.dataclass
    class Chart:
        site: HttpUrl
        shore: Shore

    values = {
        "when": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        "day": datetime.date(2020, 1, 2),
        "span": datetime.timedelta(seconds=90),
        "address": ipaddress.ip_address("127.0.0.1"),
        "path": pathlib.PurePosixPath("/a"),
        "chart": Chart(HttpUrl("https://a.example"), Shore(name="west")),
        "secret": SecretStr("hidden"),
        "queue": collections.deque([{1}, Charset.utf8]),
        ContentType.json: uuid.UUID(int=1),
    }
    assert jsonify(values, dumps=False) == {
        "when": "2020-01-02T00:00:00+00:00",
        "day": "2020-01-02",
        "span": 90.0,
        "address": "127.0.0.1",
        "path": "/a",
        "chart": {"site": "https://a.example/", "shore": {"name": "west", "metres": 1.5}},
        "secret": "**********",
        "queue": [[1], "utf-8"],
        "application/json": "00000000-0000-0000-0000-000000000001",
    }
    assert Response([Shore(name="a", depth=float("nan"))]).text == '[{"name": "a", "metres": null}]'
    with pytest.raises(TypeError, match="has no JSON form"):
        jsonify([object()])


async def test_a_dataclass_with_types_of_pydantics_is_validated_and_sent(client_for):
    @get("/")
    async def handler() -> Harbour:
        return Harbour(HttpUrl("https://a.example"))

    async with client_for(app_of(handler)) as client:
        assert (await client.get("/")).body == b'{"site": "https://a.example/"}'


@dataclasses.dataclass
class Harbour:
    site: HttpUrl


def test_members_of_enumerations_are_their_values():
    assert f"{ContentType.text_html} {Charset.utf8!r} {HeaderName.x_forwarded_for}" == "text/html utf-8 X-Forwarded-For"


# Requests.


async def test_a_malformed_json_body_is_the_exception_programs_catch_and_a_400_otherwise(client_for):
    @post("/caught")
    async def caught(request: Request) -> str:
        try:
            await request.json()
        except json.JSONDecodeError as error:
            return f"at {error.pos}"

    @post("/")
    async def handler(request: Request) -> str:
        return str(await request.json())

    async with client_for(app_of(caught, handler)) as client:
        assert (await client.post("/caught", content=b"[")).text == "at 1"
        answer = await client.post("/", content=b"[")
        assert (answer.status, answer.text) == (400, "400: the body is not valid JSON")
        assert (await client.post("/", content=b"[" * 100_000)).status == 400
        assert (await client.post("/", content=b"\xff")).status == 400


async def test_the_files_of_a_form_are_binary_files(client_for):
    @post("/")
    async def handler(request: Request) -> list[str]:
        data = await request.post()
        chart = data["chart"]
        return [data["note"], *data.getall("tag"), chart.filename, chart.content_type, chart.file.read().decode()]

    body = (
        b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\ndawn\r\n'
        b'--B\r\nContent-Disposition: form-data; name="tag"\r\n\r\na\r\n'
        b'--B\r\nContent-Disposition: form-data; name="tag"\r\n\r\nb\r\n'
        b'--B\r\nContent-Disposition: form-data; name="chart"; filename="c.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nreef\r\n--B--\r\n"
    )
    async with client_for(app_of(handler)) as client:
        answer = await client.post("/", content=body, headers={"content-type": "multipart/form-data; boundary=B"})
        assert answer.json() == ["dawn", "a", "b", "c.txt", "text/plain", "reef"]
        broken = await client.post("/", content=body[:40], headers={"content-type": "multipart/form-data; boundary=B"})
        assert broken.status == 400


async def test_a_request_tells_of_its_body(client_for):
    @post("/")
    async def handler(request: Request) -> list[object]:
        return [
            request.content_length,
            request.body_exists,
            request.content_type,
            request.charset,
            request.version.major,
        ]

    async with client_for(app_of(handler)) as client:
        answer = await client.post("/", content=b"abc", headers={"content-type": "text/csv; charset=latin-1"})
        assert answer.json() == [3, True, "text/csv", "latin-1", 1]
        answer = await client.post("/")
        assert answer.json()[1:4] == [False, "application/octet-stream", None]


async def test_a_request_tells_of_its_url(client_for):
    @get("/a b")
    async def handler(request: Request) -> list[object]:
        relative = request.rel_url
        return [request.scheme, request.secure, request.host, str(relative), relative.path, relative.query["q"]]

    async with client_for(app_of(handler)) as client:
        answer = await client.get("/a%20b?q=1", headers={"host": "a.example:8000"})
    assert answer.json() == ["http", False, "a.example:8000", "/a%20b?q=1", "/a b", "1"]
    async with TestClient(app_of(handler), scheme="https") as client:
        assert (await client.get("/a%20b?q=1")).json()[:2] == ["https", True]


async def test_mappings_of_a_request_show_every_pair(client_for):
    @post("/")
    async def handler(request: Request) -> list[object]:
        form = await request.post()
        fields = [value for name, value in request.headers.items() if name.lower() == "x-a"]
        assert request.headers["X-a"] == request.headers.getone("x-A") == request.headers.get("X-A") == fields[0]
        assert "x-A" in request.headers
        assert "x-b" not in request.headers
        with pytest.raises(KeyError):
            request.query["Q"]
        return [list(request.query.items()), list(form.items()), len(form), form["a"], "b" in form, fields]

    async with client_for(app_of(handler)) as client:
        answer = await client.post("/?q=1&q=2", content=b"a=1&a=2", headers=[*FORM, ("X-A", "1"), ("X-A", "2")])
    *shown, fields = answer.json()
    assert shown == [[["q", "1"], ["q", "2"]], [["a", "1"], ["a", "2"]], 2, "1", False]
    assert fields in (["1", "2"], ["1,2"], ["1, 2"])  # WSGI knows one field of a name


FORM = [("content-type", "application/x-www-form-urlencoded")]


async def test_a_repeated_field_of_a_form_is_a_list_only_where_one_is_wanted(client_for):
    class Boat(BaseModel):
        name: str
        tags: list[str] = []

    @post("/model")
    async def model(boat: Boat = Body(content_type=ContentType.x_www_form)) -> Boat:  # noqa: B008
        return boat

    @post("/dict")
    async def data(fields: dict[str, object] = Body(content_type=ContentType.x_www_form)) -> dict[str, object]:  # noqa: B008
        return fields

    @post("/any")
    async def whatever(fields=Body(content_type=ContentType.x_www_form)) -> list[str]:  # noqa: B008
        return fields.getall("name")

    async with client_for(app_of(model, data, whatever)) as client:
        for path, body, expected in (
            ("/model", b"name=a&tags=1&tags=2", {"name": "a", "tags": ["1", "2"]}),
            ("/model", b"name=a&name=b", {"name": "a", "tags": []}),
            ("/dict", b"name=a&name=b", {"name": "b"}),
            ("/any", b"name=a&name=b", ["a", "b"]),
        ):
            assert (await client.post(path, content=body, headers=FORM)).json() == expected
        wrong = await client.post("/model", content=b"tags=1&tags=2", headers=FORM)
    assert wrong.json()["errors"][0]["loc"] == ["body", "name"]


async def test_a_field_that_is_empty_was_not_filled_in(client_for):
    @get("/")
    async def handler(
        limit: int = QueryParam(10),
        word: str | None = QueryParam(),
        tag: str = QueryParam(default_factory=lambda: "made", max_length=4),
        raw: str = QueryParam("raw", validate=False),
        must: str = QueryParam(),
    ) -> list[str]:
        return [str(one) for one in (limit, word, tag, raw, must)]

    async with client_for(app_of(handler)) as client:
        assert (await client.get("/?limit=&word=&tag=&raw=&must=")).json() == ["10", "None", "made", "raw", ""]
        assert (await client.get("/?limit=x&must=")).status == 422


async def test_the_values_of_a_dict_of_all_fields_are_validated(client_for):
    @get("/{pier}")
    async def handler(path: dict[str, int] = PathParams(), query: dict[str, int] = QueryParams()) -> dict[str, int]:  # noqa: B008
        return path | query

    async with client_for(app_of(handler)) as client:
        assert (await client.get("/3?a=1&a=2")).json() == {"pier": 3, "a": 2}
        answer = await client.get("/3?a=x")
    assert (answer.status, answer.json()["errors"][0]["loc"]) == (422, ["query", "a"])


async def test_a_body_that_must_be_there_is_missed(client_for):
    @post("/bytes")
    async def raw(data: bytes = Body(content_type=ContentType.any, check_content_type=False)) -> int:
        return len(data)

    @post("/untyped")
    async def untyped(data=Body()) -> None: ...  # noqa: B008

    @post("/unchecked")
    async def unchecked(data: int = Body(validate=False)) -> None: ...

    @post("/any")
    async def whatever(data: object = Body(check_content_type=False, default=None)) -> str:
        return str(data)

    @post("/typed-any")
    async def anything(data: Any = Body(check_content_type=False)) -> None: ...  # noqa: B008

    json_type = {"content-type": "application/json"}
    missing = [{"type": "missing", "loc": ["body"], "msg": "Field required"}]
    async with client_for(app_of(raw, untyped, unchecked, whatever, anything)) as client:
        for path in ("/bytes", "/untyped", "/unchecked", "/typed-any"):
            answer = await client.post(path, headers=json_type)
            assert (answer.status, answer.json()["errors"]) == (422, missing), path
        assert (await client.post("/any", headers=json_type)).text == "None"


async def test_a_body_of_another_type_is_told_with_the_type_that_is_wanted(client_for):
    @post("/model")
    async def model(word: str = QueryParam("x"), data: dict[str, int] = Body()) -> None: ...  # noqa: B008

    @post("/image")
    async def image(data: bytes = Body(content_type="image/*")) -> None: ...

    told = {
        ("/model", "text/plain"): "Expected Content-Type `application/json` not `text/plain`",
        ("/image", "text/plain"): "Expected Content-Type `image/*` not `text/plain`",
        ("/image", "-"): "Expected Content-Type `image/*`",
        ("/model", None): "`Content-Type` header cannot be empty. Expected: `application/json`",
        ("/image", None): "`Content-Type` header cannot be empty. Expected: `image/*`",
    }
    async with client_for(app_of(model, image)) as client:
        for (path, given), message in told.items():
            answer = await client.post(path, content=b"{}", headers={} if given is None else {"content-type": given})
            error = {"type": "ExtractError", "loc": ["body"], "msg": f"Failed to extract body data: {message}"}
            assert (answer.status, answer.json()["errors"]) == (422, [error]), (path, given)


async def test_a_default_stands_for_a_form_that_was_not_sent(client_for):
    @post("/")
    async def handler(
        fields: dict[str, str] = Body({"a": "b"}, content_type=ContentType.x_www_form),  # noqa: B008
        query: dict = QueryParams(),  # noqa: B008
    ) -> dict[str, str]:
        return fields | query

    async with client_for(app_of(handler)) as client:
        assert (await client.post("/?q=1&q=2", headers=FORM)).json() == {"a": "b", "q": "2"}
        assert (await client.post("/", content=b"c=d", headers=FORM)).json() == {"c": "d"}


async def test_a_body_that_ends_early_is_the_exception_programs_catch_and_a_400_otherwise(client_for):
    @post("/caught")
    async def caught(request: Request) -> str:
        try:
            await request.content.readexactly(5)
        except asyncio.IncompleteReadError as error:
            return f"{error.partial.decode()} of {error.expected}"

    @post("/")
    async def handler(request: Request) -> str:
        return str(await request.content.readexactly(5))

    async with client_for(app_of(caught, handler)) as client:
        assert (await client.post("/caught", content=b"ab")).text == "ab of 5"
        assert (await client.post("/", content=b"ab")).status == 400


async def test_a_line_that_never_ends_is_too_large(client_for):
    @post("/")
    async def handler(request: Request) -> int:
        return len(await request.content.readline())

    async with client_for(app_of(handler)) as client:
        assert (await client.post("/", content=b"a" * 200_000)).status == 413
        assert (await client.post("/", content=b"a" * 100_000 + b"\nb")).text == "100001"


async def test_a_reader_gives_what_stands_before_a_separator_and_chunks(client_for):
    @post("/")
    async def handler(request: Request) -> list[str]:
        reader = request.content
        first, second = await reader.readuntil(b"--"), await reader.readchunk()
        assert second[1] is False
        return [first.decode(), second[0].decode(), str([piece async for piece in reader.iter_chunks()])]

    async with client_for(app_of(handler)) as client:
        assert (await client.post("/", content=b"a-b--c")).json() == ["a-b--", "c", "[]"]


async def test_a_reader_gives_lines_pieces_and_exact_counts(client_for):
    @post("/")
    async def handler(request: Request) -> list[str]:
        reader = request.content
        line, exact = await reader.readline(), await reader.readexactly(2)
        assert not reader.at_eof()
        rest = [piece async for piece in reader.iter_chunked(3)]
        assert reader.at_eof()
        assert await reader.read() == b""
        return [one.decode() for one in (line, exact, *rest)]

    async with client_for(app_of(handler)) as client:
        assert (await client.post("/", content=b"ab\ncdefghi")).json() == ["ab\n", "cd", "efg", "hi"]


async def test_many_forms_of_parameters(client_for):
    class Page(BaseModel):
        number: int = 1
        word: str

    @get("/")
    async def handler(
        page: Page = QueryParams(),  # noqa: B008
        agent: str = Header(alias="X-Agent", default_factory=lambda: "none"),
        raw: str = Cookie(validate=False, default=7),
    ) -> list[str]:
        return [page.word, str(page.number + 1), agent, str(raw)]

    @get("/all")
    async def everything(query=QueryParams()) -> list[str]:  # noqa: B008
        return query.getall("a")

    async with client_for(app_of(handler, everything)) as client:
        assert (await client.get("/?word=a&number=2")).json() == ["a", "3", "none", "7"]
        assert (await client.get("/?number=x")).status == 422
        assert (await client.get("/all?a=1&a=2")).json() == ["1", "2"]


@pytest.mark.parametrize("path", ["/unchecked", "/checked", "/own"])
async def test_json_that_no_python_reads_is_the_clients_mistake(path, client_for):
    @post("/unchecked")
    async def unchecked(data: dict[str, int] = Body(check_content_type=False)) -> None: ...  # noqa: B008

    @post("/checked")
    async def checked(data: dict[str, int] = Body()) -> None: ...  # noqa: B008

    @post("/own")
    async def own(request: Request) -> None:
        await request.json()

    json_type = {"content-type": "application/json"}
    async with client_for(app_of(unchecked, checked, own)) as client:
        for body in (b'{"a": ' + b"1" * 5000 + b"}", b"[" * 100_000, b'{"a": "\xff"}', b"{"):
            assert (await client.post(path, content=body, headers=json_type)).status in (400, 422)


async def test_a_message_with_braces_is_told_as_it_is(client_for):
    class Berth(BaseModel):
        code: str = Field(pattern="^[a-z]{2}$")

    @post("/")
    async def handler(berth: Berth = Body()) -> None: ...  # noqa: B008

    async with client_for(app_of(handler)) as client:
        answer = await client.post("/", json={"code": "x"})
    assert answer.json()["errors"][0]["msg"] == "String should match pattern '^[a-z]{2}$'"


@pytest.mark.parametrize("checks", [True, False])
async def test_a_set_whose_items_share_a_hash_is_refused(checks, client_for):
    @post("/")
    async def handler(data: set[int] = Body(check_content_type=checks)) -> int:  # noqa: B008
        return len(data)

    async with client_for(app_of(handler)) as client:
        colliding = [index * (2**61 - 1) for index in range(1, 2000)]
        answer = await client.post("/", json=colliding)
        assert answer.status == 422, answer.body
        assert (await client.post("/", json=[1, 2, 2])).text == "2"


async def test_a_body_that_may_be_absent_is_none(client_for):
    @post("/model")
    async def model(data: dict[str, int] | None = Body()) -> str:  # noqa: B008
        return str(data)

    @post("/bytes")
    async def raw(data: bytes | None = Body(content_type=ContentType.any)) -> str:
        return str(data)

    @post("/json-bytes")
    async def of_json(data: bytes | None = Body()) -> str:
        return str(data)

    async with client_for(app_of(model, raw, of_json)) as client:
        answer = await client.post("/json-bytes", json="a")
        assert answer.text == """b'"a"'"""
        assert (await client.post("/model", json={"a": 1})).text == "{'a': 1}"
        json_type = {"content-type": "application/json"}
        assert [(await client.post(path, headers=json_type)).text for path in ("/model", "/bytes")] == ["None"] * 2
        assert (await client.post("/bytes", content=b"x", headers=json_type)).text == "b'x'"


# Paths.


async def test_a_path_is_normalised_without_leaving_the_site(client_for):
    @get("/shore/")
    async def shore() -> str:
        return "shore"

    async with client_for(app_of(shore, middlewares=[normalize_path_middleware()])) as client:
        for path in ("/shore", "//shore", "//shore//"):
            answer = await client.get(f"{path}?a=1")
            assert (answer.status, answer.headers["location"]) == (308, "/shore/?a=1"), path
        assert (await client.get("/nowhere")).status == 404
        assert (await client.get("//evil.example/%2e%2e")).status == 404
    with pytest.raises(ValueError, match="both"):
        normalize_path_middleware(remove_slash=True)


async def test_a_slash_at_the_end_is_removed_if_that_is_meant(client_for):
    @get("/shore")
    async def shore() -> str:
        return "shore"

    remove = normalize_path_middleware(append_slash=False, remove_slash=True, redirect_class=rapidy.web.HTTPFound)
    async with client_for(app_of(shore, middlewares=[remove])) as client:
        answer = await client.get("/shore/")
        assert (answer.status, answer.headers["location"]) == (302, "/shore")
        assert (await client.get("/")).status == 404


async def test_routes_of_a_table_and_of_the_router(client_for):
    routes = web.RouteTableDef()

    @routes.get("/a")
    async def a(request: web.Request) -> web.Response:
        return web.Response(text="a")

    @routes.view("/b")
    class B(web.View):
        async def get(self):
            return web.Response(text=self.request.method)

    async def c(request):
        return web.Response(text=request.match_info["name"])

    app = web.Application()
    app.add_routes(routes)
    app.add_routes([web.get("/c/{name}", c, name="see")])
    app.router.add_get("/get", a)
    app.router.add_get("/get-only", a, allow_head=False)
    for method in ("post", "put", "patch", "delete", "head", "options"):
        getattr(app.router, f"add_{method}")("/c/{name}", c)
    assert len(routes) == 2
    async with client_for(app) as client:
        assert [(await client.get(path)).text for path in ("/a", "/b", "/c/x")] == ["a", "GET", "x"]
        assert (await client.put("/c/y")).text == "y"
        assert (await client.head("/get")).status == 200
        assert (await client.head("/get-only")).status == 405
    assert app.url_for("see", name="z") == app.router["see"].url_for(name="z") == "/c/z"


# Side by side.


async def test_a_layer_of_this_dialect_stands_in_a_native_application(client_for):
    @layer
    async def guard(request: Request, call_next: CallNext, token: str = Header(alias="X-Token")) -> StreamResponse:
        if token != "open":
            raise HTTPForbidden(text="shut")
        answer = await call_next(request)
        answer.headers["X-Kind"] = type(answer).__name__
        return answer

    seen = []

    @nacre.middleware
    async def native(request: nacre.Request, call_next: nacre.CallNext) -> nacre.Response:
        answer = await call_next(request)
        seen.append(answer.status)
        return answer

    app = nacre.Nacre(middlewares=[native, guard])

    @app.get("/")
    async def handler() -> str:
        return "in"

    async with client_for(app) as client:
        answer = await client.get("/", headers={"X-Token": "open"})
        assert (answer.text, answer.headers["x-kind"]) == ("in", "Response")
        answer = await client.get("/", headers={"X-Token": "x"})
        assert (answer.status, answer.text) == (403, "shut")
        assert (await client.get("/")).status == 422
    assert seen == [200, 403, 422]


async def test_the_application_is_mounted_in_a_native_one(client_for):
    @get("/refused")
    async def refused() -> None:
        raise HTTPForbidden(text="shut")

    inner = app_of(refused)
    seen = []

    async def outermost(request: nacre.Request, call_next: nacre.CallNext) -> nacre.Response:
        answer = await call_next(request)
        seen.append(answer.status)
        return answer

    app = nacre.Nacre(middlewares=[outermost])
    app.mount("/harbour", inner)
    async with client_for(app) as client:
        assert (await client.get("/harbour/refused")).text == "shut"
        assert (await client.get("/harbour/nowhere")).text == "404: Not Found"
    assert seen == [403, 404]


async def test_a_websocket_of_the_core_passes_the_middlewares(client_for):
    @middleware
    async def mark(request: Request, call_next: CallNext) -> StreamResponse:
        answer = await call_next(request)
        answer.headers["X-Mark"] = "1"
        return answer

    app = app_of(middlewares=[mark])

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send("ahoy")

    async with client_for(app) as client, client.websocket("/ws") as socket:
        assert await socket.receive() == "ahoy"


async def test_native_errors_keep_their_status_in_handlers_of_the_core(client_for):
    app = app_of()

    @app.route("/teapot")
    async def teapot(request: nacre.Request) -> None:
        raise nacre.HTTPError("short and stout", status=418, headers={"X-Tea": "1"})

    async with client_for(app) as client:
        answer = await client.get("/teapot")
    assert (answer.status, answer.text, answer.headers["x-tea"]) == (418, "418: short and stout", "1")


def test_chains_name_the_dialect_of_the_layer_and_where_it_was_written():
    @middleware
    async def tide(request: Request, call_next: CallNext) -> StreamResponse:
        return await call_next(request)

    @get("/")
    async def handler() -> None: ...

    chain = app_of(handler, middlewares=[tide]).describe().chains[0]
    [shown] = [one for one in chain.layers if one.name == "tide"]
    assert shown.dialect == "rapidy"
    assert str(shown.where).partition(":")[0].endswith("test_core.py")


async def test_an_openapi_document_tells_parameters_bodies_and_results(client_for):
    class Boat(BaseModel):
        name: str

    @post("/boats/{pier}")
    async def add(pier: int = PathParam(ge=1), late: bool = QueryParam(False), boat: Boat = Body()) -> Boat:  # noqa: B008
        return boat

    app = app_of(add)
    app.include(OpenAPI(title="Harbour", version="1.0"))
    async with client_for(app) as client:
        document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/boats/{pier}"]["post"]
    assert [one["name"] for one in operation["parameters"]] == ["pier", "late"]
    assert "application/json" in operation["requestBody"]["content"]
    assert "200" in operation["responses"]


# Serving.


def test_run_app_serves_on_all_interfaces_and_port_8080_unless_told_otherwise(monkeypatch):
    served = []
    monkeypatch.setattr(nacre.Nacre, "run", lambda self, *args, **options: served.append((args, options)))
    run_app(app_of(), print=None)
    run_app(app_of(), host="127.0.0.1", port=8000)
    assert served[0] == (("0.0.0.0", 8080), {"debug": False, "ssl": None, "workers": 1})
    assert served[1][0] == ("127.0.0.1", 8000)
    with pytest.raises(TypeError, match="no option `prot`"):
        run_app(app_of(), prot=8000)
