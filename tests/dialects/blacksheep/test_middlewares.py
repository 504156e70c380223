"""The list of middlewares: its order, what stands in it, what a middleware may ask for."""

import weakref
from typing import Optional

import pytest

from nacre import Group, Hooks, Nacre, PlainTextResponse, middleware
from nacre.dialects.blacksheep import (
    Application,
    FromQuery,
    Request,
    Response,
    Router,
    layer,
    text,
)
from nacre.dialects.blacksheep.exceptions import NotFound
from nacre.dialects.blacksheep.middlewares import MiddlewareCategory
from nacre.errors import ConfigurationError


def application():
    router = Router()
    app = Application(router=router)

    @router.get("/")
    def home():
        return "home"

    return app, router


def named(name, seen):
    async def layer_of(request, handler):
        seen.append(name)
        return await handler(request)

    return layer_of


async def test_middlewares_are_ordered_by_category_then_priority_then_as_they_came(client_for):
    app, _ = application()
    seen = []
    app.middlewares.append(named("message", seen), MiddlewareCategory.MESSAGE)
    app.middlewares.append(named("first", seen))
    app.middlewares.append(named("urgent", seen), MiddlewareCategory.BUSINESS, -1)
    app.middlewares.append(named("second", seen))
    app.middlewares.append(named("auth", seen), MiddlewareCategory.AUTH)
    app.middlewares.insert(0, named("inserted", seen))
    app.middlewares.extend([named("third", seen)])
    async with client_for(app) as client:
        await client.get("/")
    assert seen == ["inserted", "auth", "urgent", "first", "second", "third", "message"]


def test_the_list_shows_its_middlewares_in_order():
    app, _ = application()
    late, early = named("late", []), named("early", [])
    app.middlewares.append(late)
    app.middlewares.append(early, MiddlewareCategory.INIT)
    assert list(app.middlewares) == app.middlewares.to_list() == [early, late]
    assert [one.category for one in app.middlewares.items()] == [MiddlewareCategory.INIT, MiddlewareCategory.BUSINESS]
    app.middlewares.clear()
    assert len(app.middlewares) == 0


async def test_a_middleware_that_comes_late_is_passed_from_then_on(client_for):
    app, _ = application()
    seen = []
    async with client_for(app) as client:
        await client.get("/")
        app.middlewares.append(named("late", seen))
        await client.get("/")
    assert seen == ["late"]


def test_a_plain_function_is_refused_when_it_is_added():
    app, _ = application()

    def plain(request, handler):
        return handler(request)

    with pytest.raises(ConfigurationError, match="plain` isn't asynchronous"):
        app.middlewares.append(plain)


async def test_a_middleware_may_ask_for_more_or_leave_the_handler_out(client_for):
    app, _ = application()
    seen = []

    async def asks(request, next_handler, page: FromQuery[Optional[int]]):  # noqa: UP045 - as programs write it
        seen.append(page.value)
        return await next_handler(request)

    async def goes_on(request: Request):
        seen.append(request.path)
        return "what it returns is no answer"

    async def counts(request: Request, ledger: Ledger):
        ledger.lines += 1

    app.services.add_singleton(Ledger)
    app.middlewares.append(asks)
    app.middlewares.append(goes_on)
    app.middlewares.append(counts)
    app.router.get("/lines")(_lines_of)
    async with client_for(app) as client:
        assert (await client.get("/?page=3")).text == "home"
        assert (await client.get("/?page=x")).status == 400
        assert (await client.get("/lines")).json() == 2
    assert seen == [3, "/", None, "/lines"]


class Ledger:
    def __init__(self):
        self.lines = 0


def _lines_of(ledger: Ledger):
    return ledger.lines


def test_the_place_of_a_middleware_that_is_gone_is_no_other_ones():
    app, _ = application()
    app.middlewares.append(named("auth", []), MiddlewareCategory.AUTH)
    gone = weakref.ref(app.middlewares[0])
    app.middlewares.clear()
    # Places are known by ids: another object could have that of one that is no more.
    assert gone() is not None
    app.middlewares[:] = [named("other", [])]
    assert [one.category for one in app.middlewares.items()] == [MiddlewareCategory.BUSINESS]


async def test_what_a_middleware_returns_is_made_a_response(client_for):
    app, _ = application()

    async def answers(request, handler):
        kind = request.query.get("kind", [""])[0]
        return {"none": None, "text": "plain", "data": {"a": 1}}.get(kind, ...) if kind else await handler(request)

    app.middlewares.append(answers)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "home"
        assert (await client.get("/?kind=none")).status == 204
        assert (await client.get("/?kind=text")).headers["content-type"] == "text/plain; charset=utf-8"
        assert (await client.get("/?kind=data")).json() == {"a": 1}


async def test_a_middleware_sees_a_response_in_its_own_words_whatever_made_it(client_for):
    app, router = application()
    kinds = []

    async def looks(request, handler):
        response = await handler(request)
        kinds.append((type(response), type(request), response.status))
        response.headers.add(b"x-seen", b"yes")
        return response

    async def outer(request, handler):
        response = await handler(request)
        kinds.append((type(response), type(request), response.status))
        return response

    app.middlewares.append(outer)
    app.middlewares.append(looks)
    router.get("/text")(lambda: text("made"))

    @router.get("/stream")
    async def stream():
        async def pieces():
            yield b"one"

        from nacre import StreamingResponse

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        for path in ("/", "/text", "/stream", "/nothing"):
            response = await client.get(path)
            assert response.headers["x-seen"] == "yes"
        assert (await client.get("/stream")).body == b"one"
    assert kinds[:8] == [(Response, Request, status) for status in (200, 200, 200, 200, 200, 200, 404, 404)]


async def test_what_is_set_on_a_request_is_there_for_the_handler(client_for):
    app, router = application()

    async def marks(request, handler):
        request.berth = 12
        return await handler(request)

    app.middlewares.append(marks)
    router.get("/berth")(lambda request: request.berth)
    async with client_for(app) as client:
        assert (await client.get("/berth")).json() == 12


async def test_an_exception_passes_the_middlewares_and_may_be_answered_there(client_for):
    app, router = application()

    async def guards(request, handler):
        try:
            return await handler(request)
        except KeyError as error:
            return text(f"no {error}", 422)

    app.middlewares.append(guards)

    @router.get("/lost")
    def lost():
        raise KeyError("boat")

    @router.get("/missing")
    def missing():
        raise NotFound

    async with client_for(app) as client:
        response = await client.get("/lost")
        assert (response.status, response.text) == (422, "no 'boat'")
        assert (await client.get("/missing")).status == 404


async def test_native_layers_and_middlewares_stand_in_one_list(client_for):
    seen = []
    app, _ = application()

    async def native(request, call_next):
        seen.append("native")
        response = await call_next(request)
        response.headers.set("x-native", "yes")
        return response

    def after(request, response):
        seen.append("hook")

    app.middlewares.append(named("outer", seen))
    app.middlewares.append(middleware(native))
    app.middlewares.append(Hooks(after=after))
    app.middlewares.append(named("inner", seen))
    async with client_for(app) as client:
        assert (await client.get("/")).headers["x-native"] == "yes"
    assert seen == ["outer", "native", "inner", "hook"]


async def test_a_middleware_is_a_layer_for_a_native_application(client_for):
    async def stamps(request, handler):
        assert isinstance(request, Request)
        response = await handler(request)
        response.add_header(b"X-Stamp", b"ink")
        return response

    app = Nacre(middlewares=[layer(stamps)])
    app.get("/")(lambda request: {"native": type(request).__module__})
    async with client_for(app) as client:
        response = await client.get("/")
    assert response.headers["x-stamp"] == "ink"
    assert response.json() == {"native": "nacre.request"}
    assert "blacksheep" in str(app.explain("GET", "/"))


async def test_an_answer_from_between_two_scopes_is_in_these_words_too(client_for):
    app, _ = application()
    group = Group("/group", middlewares=[layer(_fails)])
    group.get("/")(lambda request: "never")

    @app.error_handler(KeyError)
    def answer(request, error):
        return PlainTextResponse("gone", 410)

    async def stamps(request, handler):
        response = await handler(request)
        response.add_header(b"x-stamp", type(response).__name__.encode())
        return response

    app.include(group)
    app.middlewares.append(stamps)
    async with client_for(app) as client:
        response = await client.get("/group/")
    assert (response.status, response.headers["x-stamp"]) == (410, "Response")


async def _fails(request, handler):
    raise KeyError


async def test_a_response_that_is_kept_for_many_requests_is_as_it_was(client_for):
    app, router = application()
    kept = text("kept")

    async def stamps(request, handler):
        response = await handler(request)
        response.add_header(b"x-stamp", b"1")
        return response

    app.middlewares.append(stamps)
    router.get("/kept")(lambda: kept)
    async with client_for(app) as client:
        await client.get("/kept")
        assert (await client.get("/kept")).headers.getlist("x-stamp") == ["1"]
