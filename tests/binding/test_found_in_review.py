"""Defects that reviews of the binding have found, each as what must be true instead."""

from __future__ import annotations

import functools
import gc
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest

from nacre import (
    Body,
    ConfigurationError,
    Header,
    Hooks,
    Key,
    Nacre,
    Path,
    Provide,
    Query,
    Request,
    Response,
    middleware,
)

if TYPE_CHECKING:
    from decimal import Decimal


async def test_refused_requests_are_not_kept(client_for):
    app = Nacre()

    @app.post("/")
    async def handler(q: int, data: bytes = Body()): ...

    async with client_for(app) as client:
        before = living_requests()
        for _ in range(20):
            assert (await client.post("/", content=b"x", headers={"content-type": "a/b"})).status == 422
        assert living_requests() - before < 10


def living_requests() -> int:
    gc.collect()
    return sum(isinstance(one, Request) for one in gc.get_objects())


async def test_what_partial_has_given_is_no_clients_business(client_for):
    async def limiter(request, call_next, limit: int, secret: str, tag: str = "none"):
        response = await call_next(request)
        response.headers["x-limit"] = f"{limit} {secret} {tag}"
        return response

    async def handler(flag: str, page: int = 1):
        return [flag, page]

    app = Nacre(middlewares=[functools.partial(limiter, limit=10, secret="s")])
    app.get("/")(functools.partial(handler, flag="user"))
    async with client_for(app) as client:
        response = await client.get("/?limit=9&secret=x&flag=admin&page=2&tag=t")
    assert (response.json(), response.headers["x-limit"]) == (["user", 2], "10 s t")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_layer_that_needs_a_variable_is_refused_on_every_route_without_it(method):
    async def guard(request, call_next, tenant: str = Path()):
        return await call_next(request)

    app = Nacre(middlewares=[guard])
    app.add_route("/static", lambda: "", methods=[method])
    with pytest.raises(ConfigurationError, match="asks for the path variable `tenant`"):
        app.compile()


async def unresolved_mark(value: Decimal = Body()): ...
async def unresolved_default(value: Decimal = 3): ...
async def hidden_mark(value: Annotated[Decimal, Header(pattern="^secret$")] = ""): ...


@pytest.mark.parametrize("function", [unresolved_mark, unresolved_default, hidden_mark])
def test_annotation_that_cant_be_evaluated_never_turns_a_check_off(function):
    app = Nacre()
    app.post("/")(function)
    with pytest.raises(ConfigurationError, match="can't be evaluated"):
        app.compile()


def test_that_holds_in_layers():
    async def layer(request, call_next, value: Annotated[Decimal, Header(pattern="^secret$")] = ""):
        return await call_next(request)

    app = Nacre(middlewares=[layer])
    with pytest.raises(ConfigurationError, match="can't be evaluated"):
        app.compile()


async def test_wrapped_handlers_take_the_request_at_any_place(client_for):
    def decorated(function: Any) -> Any:
        @functools.wraps(function)
        async def wrapper(*args, **kwargs):
            return await function(*args, **kwargs)

        return wrapper

    app = Nacre()

    @app.get("/<int:number>")
    @decorated
    async def handler(number: int, request: Request, page: int = 1):
        return [number, request.path, page]

    async with client_for(app) as client:
        assert (await client.get("/4?page=2")).json() == [4, "/4", 2]


async def test_open_positional_parameters_do_not_move_the_others(client_for):
    app = Nacre()

    @app.get("/<int:number>")
    def handler(number: int, *others):
        return [number, len(others)]

    async with client_for(app) as client:
        assert (await client.get("/4")).json() == [4, 0]


async def test_positional_only_parameters_keep_their_places(client_for):
    app = Nacre()

    @app.get("/")
    def handler(a: complex = 1j, c: int = 2, /):
        return [str(a), c]

    async with client_for(app) as client:
        assert (await client.get("/?c=9")).json() == ["1j", 9]


async def test_provider_may_take_the_response_of_who_asks(client_for):
    def theme(response: Response) -> str:
        response.set_cookie("theme", "dark")
        return "dark"

    app = Nacre()

    @app.get("/")
    async def handler(theme: Annotated[str, Provide(theme, inline=True)]):
        return theme

    handler.__annotations__["theme"] = Annotated[str, Provide(theme, inline=True)]
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.text, response.headers["set-cookie"].partition(";")[0]) == ("dark", "theme=dark")


def hook(request, response: Response): ...
def failed(request, error, *, response: Response): ...
async def stream(response: Response):
    yield ""


@pytest.mark.parametrize("kind", ["hook", "layer of hooks", "error handler", "stream"])
def test_nobody_else_may_take_a_response(kind):
    app = Nacre(middlewares=[Hooks(before=hook)] if kind == "layer of hooks" else [])
    if kind == "hook":
        app.before_request(hook)
    if kind == "error handler":
        app.error_handler(404)(failed)
    app.get("/")(stream if kind == "stream" else (lambda: ""))
    with pytest.raises(ConfigurationError, match="takes `response: Response`, which only handlers and layers"):
        app.compile()


async def test_plain_wrapper_of_an_async_handler_has_its_response(client_for):
    def decorated(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    app = Nacre()

    @app.get("/")
    @decorated
    async def handler(response: Response):
        response.status = 202
        return "taken"

    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.text) == (202, "taken")


async def test_error_handler_whose_inputs_cant_be_read_is_no_500(client_for):
    app = Nacre()

    @app.error_handler(404)
    def lost(request, error, *, lang: str = Query("en")):
        return lang

    async with client_for(app) as client:
        assert (await client.get("/nope?" + "&".join(f"a{n}=1" for n in range(1001)))).status == 400
        assert (await client.get("/nope?lang=de")).text == "de"


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_layers_of_one_list_see_a_failed_validation_as_a_response(client_for, plain):
    seen = []

    async def outer(request, call_next):
        response = await call_next(request)
        seen.append(response.status)
        return response

    async def inner(request, call_next, page: int = Query()):
        return await call_next(request)

    def plain_inner(request, call_next, page: int = Query()):
        return call_next(request)

    def before(request, size: int = Query(1)): ...

    app = Nacre(middlewares=[outer, plain_inner if plain else inner, Hooks(before=before)])

    @app.get("/")
    async def handler():
        return ""

    async with client_for(app) as client:
        assert (await client.get("/?page=x")).status == 422
        assert (await client.get("/?page=1&size=x")).status == 422
    assert seen == [422, 422]


async def test_status_of_the_options_is_that_of_none(client_for):
    app = Nacre()

    @app.get("/", status_code=204)
    async def handler(response: Response):
        response.headers["x-a"] = "b"

    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.headers["x-a"]) == (204, "b")


async def test_layer_that_forgets_to_return_is_told_so(client_for, caplog):
    @middleware
    async def forgetful(request, call_next, response: Response):
        await call_next(request)

    app = Nacre(middlewares=[forgetful])
    app.get("/")(lambda: "")
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert "returned None" in caplog.text


async def test_default_of_a_key_stands(client_for):
    user: Key[str] = Key("user")
    app = Nacre()

    async def handler(name):
        return name

    handler.__annotations__["name"] = Annotated[str | None, user]
    handler.__defaults__ = ("guest",)
    app.get("/")(handler)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "guest"


async def test_ellipsis_means_that_there_is_no_default(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(q: int = Query(...)):
        return q

    async with client_for(app) as client:
        assert (await client.get("/")).status == 422


def test_marker_that_is_not_called_is_a_mistake():
    app = Nacre()

    @app.get("/")
    async def handler(q: int = Query): ...

    with pytest.raises(ConfigurationError, match="call it: `= Query\\(\\)`"):
        app.compile()


def test_media_type_of_a_body_is_named_alone():
    with pytest.raises(ConfigurationError, match="Body takes media types, not 'text/plain; charset=utf-8'"):
        Body(content_type="text/plain; charset=utf-8")


async def test_media_type_of_a_body_has_no_case(client_for):
    app = Nacre()

    @app.post("/")
    async def handler(text: str = Body(content_type="Text/Plain")):
        return text

    async with client_for(app) as client:
        assert (await client.post("/", content=b"a", headers={"content-type": "text/PLAIN"})).text == "a"


@pytest.mark.parametrize("marker", [Header, Provide])
def test_marker_in_annotated_that_is_not_called_is_a_mistake(marker):
    app = Nacre()

    async def handler(token): ...

    handler.__annotations__["token"] = Annotated[str, marker]
    app.get("/")(handler)
    with pytest.raises(ConfigurationError, match=f"the marker {marker.__name__} itself"):
        app.compile()


async def test_end_of_a_pattern_is_the_end_of_the_text(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(s: str = Query(pattern="^[a-z]+$"), price: str = Query("", pattern=r"^.*\$$")):
        return s

    async with client_for(app) as client:
        assert (await client.get("/?s=ab")).text == "ab"
        assert (await client.get("/?s=ab%0a")).status == 422
        assert (await client.get("/?s=ab&price=3$")).status == 200


class Tagged(msgspec.Struct):
    tags: list[str] = []


async def test_model_as_default_is_each_request_s_own(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(one: Tagged = Query(Tagged())):  # noqa: B008 - it is what is tested
        one.tags.append("a")
        return one.tags

    async with client_for(app) as client:
        assert [(await client.get("/")).json() for _ in range(2)] == [["a"]] * 2


def test_option_of_another_framework_is_told():
    app = Nacre()
    with pytest.raises(ConfigurationError, match="did you mean `hidden`"):
        app.get("/", include_in_schema=False)(lambda: "")
