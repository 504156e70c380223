"""Sessions over HTTP and WebSocket, on each transport and kept in each way."""

from __future__ import annotations

import copy
import gc
import io
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from nacre import (
    ASGIMiddleware,
    Hooks,
    Nacre,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    abort,
    middleware,
)
from nacre.session import SessionClosed
from nacre.sessions import Sessions
from nacre.templates import Jinja, MiniJinja, Templates
from nacre.testing import HandshakeDenied, TestClient
from nacre.websocket import WebSocket
from sessions.kinds import IN_COOKIE, IN_STORE, ClientFor, Clock, application, cookie_of, sending

LayerFor = Callable[..., Sessions]

GONE = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"


async def test_what_is_set_is_there_in_the_next_request(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    async with client_for(application(layer_for(kind))) as client:
        assert (await client.get("/read")).json() == {}
        first = await client.post("/set?user=ada&tide=low")
        assert first.json() == {"user": "ada", "tide": "low"}
        assert "; Path=/; HttpOnly; SameSite=Lax" in first.headers["set-cookie"]
        assert (await client.get("/read")).json() == {"user": "ada", "tide": "low"}
        assert (await client.post("/unset?tide")).json() == {"user": "ada"}
        assert (await client.get("/read")).json() == {"user": "ada"}


async def test_untouched_session_leaves_the_response_as_it_was(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(application(layer_for(kind, idle=60))) as client:
        bare = await client.get("/untouched")
        await client.post("/set?user=ada")
        known = await client.get("/untouched")
    assert bare.headers == known.headers
    assert not {"vary", "set-cookie", "cache-control"} & set(known.headers)


async def test_session_that_is_only_read_varies_and_sets_nothing(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(application(layer_for(kind))) as client:
        for _ in range(2):
            response = await client.get("/read")
            assert response.headers["vary"] == "Cookie"
            assert not {"set-cookie", "cache-control"} & set(response.headers)
            await client.post("/set?user=ada")


async def test_change_inside_a_value_is_saved(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    async with client_for(application(layer_for(kind))) as client:
        for count, item in enumerate(("pearl", "shell", "coral"), start=1):
            assert len((await client.post(f"/append?item={item}")).json()) == count
        assert (await client.get("/read")).json() == {"cart": ["pearl", "shell", "coral"]}


@pytest.mark.parametrize("kind", IN_STORE)
async def test_session_in_a_store_keeps_its_id_and_sends_its_cookie_once(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(application(layer_for(kind))) as client:
        assert len(cookie_of(await client.post("/set?a=1"))) == 43
        again = await client.post("/set?b=2")
        assert "set-cookie" not in again.headers
        assert again.headers["vary"] == "Cookie"
        assert (await client.get("/read")).json() == {"a": "1", "b": "2"}


async def test_logout_ends_the_session_here_and_at_the_client(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(application(layer_for(kind))) as client:
        old = cookie_of(await client.post("/set?user=ada"))
        gone = await client.post("/logout")
        assert gone.headers.getlist("set-cookie") == [f"session=; Path=/; {GONE}; HttpOnly; SameSite=Lax"]
        assert (await client.get("/read")).json() == {}
        if kind in IN_STORE:
            assert (await client.get("/read", **sending(old))).json() == {}


@pytest.mark.parametrize("kind", IN_COOKIE)
async def test_cookie_that_would_hold_nothing_is_deleted(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    async with client_for(application(layer_for(kind))) as client:
        await client.post("/set?user=ada")
        assert "Max-Age=0" in (await client.post("/unset?user")).headers["set-cookie"]
        assert "set-cookie" not in (await client.post("/unset?user")).headers


@pytest.mark.parametrize("kind", IN_STORE)
async def test_record_that_has_become_empty_stays_until_it_is_ended(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(application(layer_for(kind))) as client:
        value = cookie_of(await client.post("/set?user=ada"))
        assert "set-cookie" not in (await client.post("/unset?user")).headers
        assert (await client.get("/read")).json() == {}
        await client.post("/set?n=1", **sending(value))
        assert (await client.get("/read", **sending(value))).json() == {"n": "1"}
        await client.post("/logout", **sending(value))
        assert (await client.get("/read", **sending(value))).json() == {}


async def test_failed_request_leaves_nothing_to_complain_of(
    client_for: ClientFor, layer_for: LayerFor, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(layer_for("memory"))

    @app.get("/fails")
    async def fails(request: Request) -> None:
        request.session.setdefault("cart", []).append("shell")
        request.after_response(lambda: None)
        abort(503)

    async with client_for(app) as client:
        await client.post("/append?item=pearl")
        assert (await client.get("/fails")).status == 503
        assert (await client.get("/read")).json() == {"cart": ["pearl"]}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_what_is_set_after_the_end_begins_another_session(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app = application(layer_for(kind))

    @app.post("/switch")
    async def switch(request: Request) -> str:
        request.session.clear()
        request.session["user"] = "bo"
        return "switched"

    async with client_for(app) as client:
        old = cookie_of(await client.post("/set?user=ada&cart=full"))
        assert cookie_of(await client.post("/switch")) != old
        assert (await client.get("/read")).json() == {"user": "bo"}
        if kind in IN_STORE:
            assert (await client.get("/read", **sending(old))).json() == {}


@pytest.mark.parametrize("kind", [*IN_COOKIE, "memory", "file", "sqlite"])
def test_plain_chain_over_wsgi_stays_in_the_thread_of_its_server(layer_for: LayerFor, kind: str) -> None:
    app = Nacre(middlewares=[layer_for(kind)])
    threads: list[int] = []

    @app.get("/")
    def index(request: Request) -> str:
        threads.append(threading.get_ident())
        request.session["n"] = 1
        return "x"

    started: list[Any] = []
    environ = {
        **{"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "x", "SERVER_PORT": "80"},
        **{"SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "x", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO()},
    }
    body = app(environ, lambda status, headers, *rest: started.append((status, headers)))
    assert b"".join(body) == b"x"
    assert threads == [threading.get_ident()]
    assert "set-cookie" in {name.lower() for name, _ in started[0][1]}


# The name and the attributes of the cookie.


@pytest.mark.parametrize(
    ("options", "scheme", "expected"),
    [
        pytest.param({}, "http", "session=; Path=/; HttpOnly; SameSite=Lax", id="http"),
        pytest.param({}, "https", "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax", id="https"),
        pytest.param({"cookie": "sid"}, "https", "sid=; Path=/; Secure; HttpOnly; SameSite=Lax", id="own name"),
        pytest.param({"path": "/shop"}, "https", "session=; Path=/shop; Secure; HttpOnly; SameSite=Lax", id="path"),
        pytest.param(
            {"domain": "example.com"},
            "https",
            "session=; Domain=example.com; Path=/; Secure; HttpOnly; SameSite=Lax",
            id="domain",
        ),
        pytest.param({"secure": False}, "https", "session=; Path=/; HttpOnly; SameSite=Lax", id="never secure"),
        pytest.param(
            {"secure": True}, "http", "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax", id="always secure"
        ),
        pytest.param(
            {"secure": True, "samesite": "none"},
            "https",
            "__Host-session=; Path=/; Secure; HttpOnly; SameSite=None",
            id="none",
        ),
        pytest.param({"samesite": "strict"}, "http", "session=; Path=/; HttpOnly; SameSite=Strict", id="strict"),
        pytest.param({"samesite": None}, "http", "session=; Path=/; HttpOnly", id="no SameSite"),
        pytest.param(
            {"persistent": True, "max_age": 60},
            "http",
            "session=; Max-Age=60; Path=/; HttpOnly; SameSite=Lax",
            id="age",
        ),
        pytest.param(
            {"persistent": True, "max_age": 60, "idle": 20},
            "http",
            "session=; Max-Age=20; Path=/; HttpOnly; SameSite=Lax",
            id="idle",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["signed", "memory"])
async def test_cookie_has_the_attributes_that_were_asked_for(
    client_for: ClientFor, layer_for: LayerFor, kind: str, options: dict[str, Any], scheme: str, expected: str
) -> None:
    async with client_for(application(layer_for(kind, **options)), scheme=scheme) as client:
        field = (await client.post("/set?a=1")).headers["set-cookie"]
    first, *attributes = field.split("; ")
    wanted, *others = expected.split("; ")
    assert first.startswith(wanted)
    assert set(attributes) == set(others)


@pytest.mark.parametrize("kind", ["signed", "memory"])
async def test_over_https_only_the_protected_name_counts(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    app = application(layer_for(kind))
    async with client_for(app, scheme="https") as client:
        value = cookie_of(await client.post("/set?a=1"), "__Host-session")
        assert (await client.get("/read")).json() == {"a": "1"}
        client.cookies.clear()
        assert (await client.get("/read", **sending(value))).json() == {}
        assert (await client.get("/read", **sending(value, "__Host-session"))).json() == {"a": "1"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            {"secure": True, "samesite": "strict"},
            f"__Host-session=; Path=/; {GONE}; Secure; HttpOnly; SameSite=Strict",
            id="secure",
        ),
        pytest.param(
            {"path": "/shop", "domain": "example.com", "samesite": None},
            f"session=; Domain=example.com; Path=/shop; {GONE}; Secure; HttpOnly",
            id="placed",
        ),
    ],
)
async def test_cookie_that_is_deleted_has_the_attributes_of_the_one_that_was_set(
    client_for: ClientFor, layer_for: LayerFor, options: dict[str, Any], expected: str
) -> None:
    name = expected.partition("=")[0]
    async with client_for(application(layer_for("memory", **options)), scheme="https") as client:
        value = cookie_of(await client.post("/set?a=1"), name)
        assert (await client.post("/logout", **sending(value, name))).headers["set-cookie"] == expected


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        pytest.param(None, "private", id="nothing"),
        pytest.param("public, max-age=60", "private, max-age=60", id="public"),
        pytest.param("Public, S-MaxAge=60, max-age=5", "private, max-age=5", id="upper case"),
        pytest.param("max-age=60", "private, max-age=60", id="max-age"),
        pytest.param("private, max-age=60", "private, max-age=60", id="private"),
        pytest.param("No-Store", "No-Store", id="no-store"),
        pytest.param('private="set-cookie"', 'private, private="set-cookie"', id="private for one field"),
        pytest.param("no-cache", "private, no-cache", id="no-cache"),
    ],
)
@pytest.mark.parametrize("kind", ["signed", "memory"])
async def test_response_that_sets_the_cookie_is_kept_out_of_shared_caches(
    client_for: ClientFor, layer_for: LayerFor, kind: str, said: str | None, sent: str
) -> None:
    app = application(layer_for(kind))
    fields = {} if said is None else {"cache-control": said}

    @app.get("/page")
    def page(request: Request, change: bool) -> Response:
        if change:
            request.session["n"] = 1
        return Response("x", headers={**fields, "vary": "Accept"})

    async with client_for(app) as client:
        response = await client.get("/page?change=true")
        assert response.headers.getlist("cache-control") == [sent]
        assert response.headers.getlist("vary") == ["Accept, Cookie"]
        response = await client.get("/page?change=false")
        assert response.headers.getlist("cache-control") == [value for value in [said] if value is not None]


async def test_response_has_one_cookie_of_the_name(client_for: ClientFor, layer_for: LayerFor) -> None:
    app = application(layer_for("signed"))

    @app.get("/own")
    def own(request: Request) -> Response:
        request.session["n"] = 1
        response = Response("x")
        response.set_cookie("session", "by-hand")
        response.set_cookie("session2", "other")
        return response

    async with client_for(app) as client:
        response = await client.get("/own")
        assert cookie_of(response) != "by-hand"
        assert len(response.headers.getlist("set-cookie")) == 2


# When it is saved.


@pytest.mark.parametrize(
    ("path", "status", "saved"),
    [
        ("/missing", 404, True),
        ("/flash", 403, True),
        ("/redirect", 302, True),
        ("/own-handler", 418, True),
        ("/fails", 500, False),
        ("/says-500", 500, False),
        ("/unavailable", 503, False),
    ],
)
async def test_session_is_saved_with_every_response_but_those_of_a_failed_server(
    client_for: ClientFor, layer_for: LayerFor, kind: str, path: str, status: int, saved: bool
) -> None:
    @middleware
    async def count(request: Request, call_next: Any) -> Any:
        if request.path != "/read":
            request.session["paths"] = [*request.session.get("paths", []), request.path]
        return await call_next(request)

    app = application(layer_for(kind))
    app.middlewares.append(count)

    @app.get("/flash")
    def flash(request: Request) -> None:
        request.session.flash("you may not")
        abort(403)

    @app.get("/redirect")
    def redirect() -> Response:
        return RedirectResponse("/read")

    @app.get("/own-handler")
    def own_handler() -> None:
        raise KeyError("x")

    @app.error_handler(KeyError)
    def teapot(request: Request, error: KeyError) -> Response:
        return Response("teapot", 418)

    @app.get("/fails")
    def fails() -> None:
        raise ZeroDivisionError

    @app.get("/says-500")
    def says_500() -> Response:
        return Response("x", 500)

    @app.get("/unavailable")
    def unavailable() -> None:
        abort(503)

    async with client_for(app) as client:
        response = await client.get(path)
        assert response.status == status
        assert response.headers["vary"].endswith("Cookie")
        assert ("set-cookie" in response.headers) is saved
        assert (await client.get("/read")).json().get("paths") == ([path] if saved else None)


async def test_session_is_saved_before_the_first_byte_of_a_stream(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app = application(layer_for(kind))

    @app.get("/stream")
    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            request.session["begun"] = True  # before the first piece, so before the response begins
            yield "one"
            try:
                request.session["late"] = True
            except SessionClosed as error:
                yield str(error)

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        response = await client.get("/stream")
        assert response.text.startswith(
            "onethe session can't be changed any more: it was saved when the response began"
        )
        assert response.headers["vary"] == "Cookie"
        assert (await client.get("/read")).json() == {"begun": True}


async def test_stream_that_reads_the_session_too_late_to_vary_fails(client_for: ClientFor, layer_for: LayerFor) -> None:
    app = application(layer_for("signed"))

    @app.get("/stream")
    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "one"
            with pytest.raises(SessionClosed, match="too late for `Vary: Cookie`"):
                request.session.get("user")
            yield "two"

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        response = await client.get("/stream")
    assert response.text == "onetwo"
    assert "vary" not in response.headers


async def test_callbacks_and_tasks_after_the_response_can_not_change_it(
    client_for: ClientFor, layer_for: LayerFor, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(layer_for("memory"))

    @app.get("/later")
    async def later(request: Request) -> Response:
        request.session["cart"] = ["pearl"]

        async def change() -> None:
            request.session["late"] = 1

        request.after_response(change)
        response = Response("x", background=lambda: request.session.pop("cart"))
        response.on_sent(lambda: request.session["cart"].append("shell"))
        return response

    async with client_for(app) as client:
        await client.get("/later")
        assert (await client.get("/read")).json() == {"cart": ["pearl"]}
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.exc_info and record.exc_info[0] for record in failures] == [SessionClosed, SessionClosed, None]
    assert failures[2].getMessage() == (
        "cart of the session was changed after the response to GET /later had begun, and the change is lost"
    )


async def test_response_without_anything_after_it_is_not_watched(client_for: ClientFor, layer_for: LayerFor) -> None:
    app = application(layer_for("memory"))
    seen: list[Any] = []
    app.middlewares.insert(
        0, Hooks(finalize=lambda request, response: seen.append(request.after_callbacks), inline=True)
    )
    async with client_for(app) as client:
        await client.post("/set?a=1")
    assert seen == [None]


@pytest.mark.parametrize("kind", ["signed", "memory"])
async def test_value_without_json_form_inside_another_is_a_500_that_names_it(
    client_for: ClientFor, layer_for: LayerFor, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(layer_for(kind))

    @app.get("/bad")
    def bad(request: Request) -> str:
        request.session["cart"] = []
        request.session["cart"].append({1, 2})
        return "x"

    async with client_for(app) as client:
        response = await client.get("/bad")
        assert response.status == 500
        assert "set-cookie" not in response.headers
        assert (await client.get("/read")).json() == {}
    assert "session['cart'][0] is of type set" in caplog.text


def filled(layer: Sessions) -> Nacre:
    app = application(layer)

    @app.post("/fill")
    def fill(request: Request, count: int) -> str:
        request.session["x"] = "x" * count
        return "x"

    return app


@pytest.mark.parametrize("kind", IN_COOKIE)
async def test_cookie_that_browsers_would_drop_is_a_500_that_names_the_cure(
    client_for: ClientFor, layer_for: LayerFor, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = filled(layer_for(kind))
    async with client_for(app) as client:
        assert (await client.post("/fill?count=2800")).status == 200
        response = await client.post("/fill?count=3200")
        assert response.status == 500
        assert "set-cookie" not in response.headers
        assert len((await client.get("/read")).json()["x"]) == 2800
    assert "browsers drop those of more than 4093" in caplog.text
    assert "Sessions(store=" in caplog.text


async def test_cookie_may_have_as_many_bytes_as_browsers_take(client_for: ClientFor, layer_for: LayerFor) -> None:
    async with client_for(filled(layer_for("signed"))) as client:
        size = len((await client.post("/fill?count=2800")).headers["set-cookie"])
    for more, status in ((4093 - size, 200), (4094 - size, 500)):
        async with client_for(filled(layer_for("signed", path="/" + "a" * more))) as client:
            response = await client.post("/fill?count=2800")
            assert response.status == status
            assert status == 500 or len(response.headers["set-cookie"]) == 4093


async def test_sessions_have_two_weeks_and_64_kib_unless_they_are_told(
    client_for: ClientFor, layer_for: LayerFor
) -> None:
    async with client_for(filled(layer_for("memory", persistent=True))) as client:
        assert "; Max-Age=1209600;" in (await client.post("/fill?count=65528")).headers["set-cookie"]
        assert (await client.post("/fill?count=65529")).status == 500


@pytest.mark.parametrize("kind", IN_STORE)
async def test_session_over_its_size_is_a_500_that_names_the_option(
    client_for: ClientFor, layer_for: LayerFor, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = filled(layer_for(kind, max_size=1000))
    async with client_for(app) as client:
        assert (await client.post("/fill?count=992")).status == 200
        assert (await client.post("/fill?count=993")).status == 500
        assert len((await client.get("/read")).json()["x"]) == 992
    assert "Sessions(max_size=1000)" in caplog.text


async def test_response_that_replaces_a_finished_one_has_the_cookie_too(
    client_for: ClientFor, layer_for: LayerFor, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(layer_for("memory"))

    def fail(request: Request, response: Response) -> None:
        if request.path == "/set":
            raise ZeroDivisionError

    app.middlewares.insert(0, Hooks(finalize=fail, inline=True))
    async with client_for(app) as client:
        response = await client.post("/set?a=1")
        assert response.status == 500
        assert len(cookie_of(response)) == 43  # it was saved before the outer layer failed
        assert (await client.get("/read")).json() == {"a": "1"}


@pytest.mark.parametrize("kind", ["signed", "memory"])
async def test_session_leaves_no_circle_for_the_garbage_collector(layer_for: LayerFor, kind: str) -> None:
    app = application(layer_for(kind))
    held: list[Any] = []

    @app.get("/hold")
    def hold(request: Request) -> str:
        request.session["n"] = 1
        held.append(weakref.ref(request.session))
        return "x"

    client = TestClient(app)
    gc.disable()
    try:
        async with client:
            for _ in range(4):
                await client.get("/hold")
        assert [reference() for reference in held[:3]] == [None, None, None]  # the client may look at the last one
    finally:
        gc.enable()


async def test_layer_that_answers_further_out_needs_no_session(client_for: ClientFor, layer_for: LayerFor) -> None:
    app = application(layer_for("memory"))
    app.middlewares.insert(0, Hooks(before=lambda request: Response("closed", 503), inline=True))
    async with client_for(app) as client:
        response = await client.post("/set?a=1")
    assert response.status == 503
    assert "vary" not in response.headers


async def test_layer_outside_may_hand_on_a_copy_of_the_request(client_for: ClientFor, layer_for: LayerFor) -> None:
    @middleware
    async def handing_on(request: Request, call_next: Any) -> Any:
        return await call_next(copy.copy(request))

    app = application(layer_for("signed"))
    app.middlewares.insert(0, handing_on)
    async with client_for(app) as client:
        await client.post("/set?a=1")
        assert (await client.get("/read")).json() == {"a": "1"}


async def test_two_layers_keep_two_sessions_apart(client_for: ClientFor, layer_for: LayerFor) -> None:
    app = application(layer_for("signed"))
    inner = layer_for("memory", cookie="inner")

    @app.post("/inner/set", middlewares=[inner])
    def inner_set(request: Request) -> str:
        request.session["place"] = "inside"
        return "x"

    @app.get("/inner/read", middlewares=[inner])
    def inner_read(request: Request) -> Any:
        return dict(request.session)

    async with client_for(app) as client:
        await client.post("/set?place=outside")
        await client.post("/inner/set")
        assert (await client.get("/inner/read")).json() == {"place": "inside"}
        assert (await client.get("/read")).json() == {"place": "outside"}


async def test_asgi_layer_inside_has_the_session_in_its_scope(client_for: ClientFor, layer_for: LayerFor) -> None:
    app = application(layer_for("signed"))

    class Visits:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope["session"]["visits"] = scope["session"].get("visits", 0) + 1
            await self.app(scope, receive, send)

    app.middlewares.append(ASGIMiddleware(Visits))
    async with client_for(app) as client:
        for count in (1, 2, 3):
            assert (await client.get("/read")).json() == {"visits": count}


async def test_without_the_layer_the_session_says_what_is_missing(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    app = Nacre()

    @app.get("/")
    def index(request: Request) -> Any:
        return dict(request.session)

    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert "needs a layer for sessions" in caplog.text


# Lifetimes.


async def test_session_ends_at_its_greatest_age_however_it_is_used(
    client_for: ClientFor, layer_for: LayerFor, kind: str, clock: Clock
) -> None:
    async with client_for(application(layer_for(kind, max_age=100))) as client:
        await client.post("/set?n=0")
        for second in (40, 80, 99):
            clock.now = 1_800_000_000 + second
            assert (await client.post(f"/set?n={second}")).json() == {"n": str(second)}
        clock.now = 1_800_000_100
        assert (await client.get("/read")).json() == {}


async def test_session_ends_when_nobody_reads_it(
    client_for: ClientFor, layer_for: LayerFor, kind: str, clock: Clock
) -> None:
    async with client_for(application(layer_for(kind, max_age=1000, idle=100))) as client:
        await client.post("/set?n=0")
        for second in (90, 180, 270):
            clock.now = 1_800_000_000 + second
            assert (await client.get("/read")).json() == {"n": "0"}
        clock.now += 60
        await client.get("/untouched")
        clock.now += 40
        assert (await client.get("/read")).json() == {}


async def test_use_is_noted_once_in_a_tenth_of_the_idle_time(
    client_for: ClientFor, layer_for: LayerFor, kind: str, clock: Clock
) -> None:
    async with client_for(application(layer_for(kind, idle=100, persistent=True))) as client:
        await client.post("/set?n=0")
        clock.now += 9.5
        assert "set-cookie" not in (await client.get("/read")).headers
        clock.now += 0.6
        noted = await client.get("/read")
        assert "Max-Age=100" in noted.headers["set-cookie"]
        assert noted.headers["vary"] == "Cookie"
        assert noted.headers["cache-control"] == "private"
        assert "set-cookie" not in (await client.get("/read")).headers


@pytest.mark.parametrize("kind", IN_STORE)
async def test_use_of_a_session_in_a_store_is_noted_there_alone(
    client_for: ClientFor, layer_for: LayerFor, kind: str, clock: Clock
) -> None:
    async with client_for(application(layer_for(kind, idle=100))) as client:
        await client.post("/set?n=0")
        for _ in range(3):
            clock.now += 60
            response = await client.get("/read")
            assert response.json() == {"n": "0"}
            assert "set-cookie" not in response.headers


async def test_new_id_begins_a_new_lifetime(
    client_for: ClientFor, layer_for: LayerFor, kind: str, clock: Clock
) -> None:
    async with client_for(application(layer_for(kind, max_age=100))) as client:
        await client.post("/set?n=0")
        clock.now += 90
        await client.post("/login?user=ada")
        clock.now += 90
        assert (await client.get("/read")).json() == {"n": "0", "user": "ada"}


async def test_shorter_lifetime_holds_for_sessions_that_are_there(
    client_for: ClientFor, layer_for: LayerFor, kind: str, clock: Clock
) -> None:
    async with client_for(application(layer_for(kind, max_age=1000))) as client:
        value = cookie_of(await client.post("/set?n=0"))
    clock.now += 100
    async with client_for(application(layer_for(kind, max_age=100))) as client:
        assert (await client.get("/read", **sending(value))).json() == {}


# Flash messages.


PAGES = {
    "page.html": "{% if get_flashed_messages() %}"
    "{% for kind, text in get_flashed_messages(true) %}{{ kind }}: {{ text }};{% endfor %}{% endif %}",
    "plain.html": "no messages",
    "warnings.html": "{{ get_flashed_messages(false, ['warning']) }}",
}


@pytest.fixture(params=[Jinja, MiniJinja], scope="module")
def templates(request: pytest.FixtureRequest) -> Templates:
    made: Templates = request.param(PAGES)
    return made


@pytest.mark.parametrize("kind", ["signed", "sqlite"])
async def test_message_is_shown_by_the_page_after_the_redirect_and_once(
    client_for: ClientFor, layer_for: LayerFor, kind: str, templates: Templates
) -> None:
    app = application(layer_for(kind))

    @app.post("/save")
    def save(request: Request) -> Response:
        request.session.flash("saved <b>")
        request.session.flash("full", "warning")
        return RedirectResponse("/page", 303)

    @app.get("/page")
    def page(request: Request) -> Response:
        return templates.response("page.html", request)

    @app.get("/plain")
    def plain(request: Request) -> Response:
        return templates.response("plain.html", request)

    @app.get("/warnings")
    async def warnings(request: Request) -> Response:
        return templates.response("warnings.html", request)

    async with client_for(app) as client:
        await client.post("/save")
        plain_page = await client.get("/plain")
        assert "vary" not in plain_page.headers
        shown = await client.get("/page")
        assert shown.text == "info: saved &lt;b&gt;;warning: full;"
        assert shown.headers["vary"] == "Cookie"
        assert (await client.get("/page")).text == ""
        await client.post("/save")
        assert "full" in (await client.get("/warnings")).text
        assert (await client.get("/page")).text == ""


# WebSockets.


def talking(layer: Sessions) -> Nacre:
    app = application(layer)

    @app.websocket("/read-and-talk")
    async def read_and_talk(ws: WebSocket, request: Request) -> None:
        await ws.accept()
        await ws.send(str(request.session.get("user")))

    @app.websocket("/set-and-talk")
    async def set_and_talk(ws: WebSocket, request: Request) -> None:
        request.session["user"] = "bo"
        await ws.accept()
        await ws.send("set")

    @app.websocket("/talk-and-set")
    async def talk_and_set(ws: WebSocket, request: Request) -> None:
        cart = request.session.setdefault("cart", [])
        await ws.accept()
        cart.append("late")
        try:
            request.session["user"] = "bo"
        except SessionClosed as error:
            await ws.send(str(error))

    @app.websocket("/refuse")
    async def refuse(request: Request) -> Any:
        request.session["refused"] = True
        return Response("no", 403)

    return app


async def test_handshake_has_the_session_of_the_pages(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    async with client_for(talking(layer_for(kind))) as client:
        await client.post("/set?user=ada")
        async with client.websocket("/read-and-talk") as ws:
            assert await ws.receive() == "ada"


@pytest.mark.parametrize("transport", ["asgi", "wsgi"])
async def test_handshake_saves_the_session_and_sends_the_cookie_with_its_answer(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    async with client_for(talking(layer_for(kind))) as client:
        async with client.websocket("/set-and-talk") as ws:
            assert await ws.receive() == "set"
            assert cookie_of(ws)  # type: ignore[arg-type]
        assert (await client.get("/read")).json() == {"user": "bo"}


@pytest.mark.parametrize("transport", ["rsgi"])
async def test_handshake_over_rsgi_saves_what_needs_no_cookie_and_refuses_the_rest(
    client_for: ClientFor, layer_for: LayerFor, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_for(talking(layer_for(kind, idle=100))) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/set-and-talk"):
                pass
        assert denied.value.response.status == 500
        assert "over RSGI, whose servers send no cookie" in caplog.text
        await client.post("/set?user=ada")
        if kind in IN_STORE:
            async with client.websocket("/set-and-talk") as ws:
                assert await ws.receive() == "set"
            assert (await client.get("/read")).json() == {"user": "bo"}
        async with client.websocket("/read-and-talk") as ws:
            assert await ws.receive() == ("bo" if kind in IN_STORE else "ada")


async def test_change_after_the_handshake_is_refused_or_found(
    client_for: ClientFor, layer_for: LayerFor, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_for(talking(layer_for("memory"))) as client:
        await client.post("/append?item=pearl")
        async with client.websocket("/talk-and-set") as ws:
            assert "before `accept` of a WebSocket" in await ws.receive()
        assert (await client.get("/read")).json() == {"cart": ["pearl"]}
    assert "cart of the session was changed after the response to GET /talk-and-set had begun" in caplog.text


@pytest.mark.parametrize("transport", ["asgi", "wsgi"])
async def test_refused_handshake_saves_the_session_too(client_for: ClientFor, layer_for: LayerFor) -> None:
    async with client_for(talking(layer_for("memory"))) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/refuse"):
                pass
        value = cookie_of(denied.value.response)
        assert (await client.get("/read", **sending(value))).json() == {"refused": True}
