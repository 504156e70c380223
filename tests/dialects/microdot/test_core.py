"""Microdot's core in the dialect: routes, hooks, errors, mounts, requests and responses, on every transport."""

import asyncio
import contextvars
import io
import re
import threading
from datetime import UTC, datetime

import pytest

import nacre
import nacre.dialects.microdot as package
from nacre.dialects.microdot import Microdot, Request, Response, URLPattern, abort, redirect, send_file
from nacre.dialects.microdot import microdot as module

TEXT = "text/plain; charset=UTF-8"
JSON = "application/json; charset=UTF-8"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def app():
    return Microdot()


@pytest.fixture
def answer(client_for):
    """Ask one application one thing: `response = await answer(app, "GET /")`."""

    async def ask(app, request, **options):
        method, _, path = request.partition(" ")
        async with client_for(app) as client:
            return await client.request(method, path, **options)

    return ask


# The package.


def test_the_names_are_where_programs_import_them_from():
    from nacre.dialects.microdot import asgi, websocket, wsgi

    names = ("Microdot", "Request", "Response", "abort", "redirect", "send_file", "URLPattern", "AsyncBytesIO")
    for name in names:
        assert getattr(package, name) is getattr(module, name) is getattr(asgi, name) is getattr(wsgi, name)
    for name in ("WebSocket", "websocket_upgrade", "with_websocket"):
        assert getattr(websocket, name) is getattr(asgi, name) is getattr(wsgi, name)
    assert package.__version__ == "2.5.1"


def test_one_class_serves_every_protocol():
    from nacre.dialects.microdot import asgi, wsgi

    assert asgi.Microdot is wsgi.Microdot is Microdot


def test_an_application_is_a_native_one_and_its_chain_says_whose_it_is(app):
    @app.before_request
    def look(request):
        pass

    @app.get("/")
    def index(request):
        return "here"

    assert isinstance(app, nacre.Nacre)
    chain = next(chain for chain in app.describe().chains if chain.path == "/")
    assert "microdot" in repr(chain)
    assert app.routes[0].where.file == __file__
    assert app.routes[0].name == "index"


# Routes.


async def test_plain_handlers_run_in_worker_threads_and_async_ones_on_the_loop(app, answer, transport):
    @app.get("/plain")
    def plain(request):
        return threading.current_thread().name

    @app.get("/async")
    async def on_loop(request):
        asyncio.get_running_loop()
        return threading.current_thread().name

    here = threading.current_thread().name
    assert ((await answer(app, "GET /plain")).text == here) is False
    assert ((await answer(app, "GET /async")).text == here) is (transport != "wsgi")


async def test_context_variables_reach_plain_handlers(app, answer):
    tide = contextvars.ContextVar("tide", default="low")

    @app.before_request
    def rise(request):
        tide.set("high")

    @app.get("/")
    async def index(request):
        return tide.get()

    assert (await answer(app, "GET /")).text == "high"


async def test_decorators_return_the_function_and_may_be_stacked(app, answer):
    @app.get("/boats/<name>")
    @app.get("/ships/<name>")
    @app.route("/vessels/<name>", methods=["put", "PATCH"])
    def vessel(request, name):
        return f"{request.method} {name}"

    assert vessel(type("R", (), {"method": "X"}), "Heron") == "X Heron"
    assert (await answer(app, "GET /boats/Tern")).text == "GET Tern"
    assert (await answer(app, "GET /ships/Tern")).text == "GET Tern"
    assert (await answer(app, "PATCH /vessels/Tern")).text == "PATCH Tern"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_has_its_decorator(app, answer, method):
    getattr(app, method.lower())("/")(lambda request: request.method)
    assert (await answer(app, f"{method} /")).text == method
    other = "POST" if method == "GET" else "GET"
    assert (await answer(app, f"{other} /")).status == 405


async def test_the_first_route_that_matches_wins(app, answer):
    app.get("/crew/<name>")(lambda request, name: f"anybody: {name}")
    app.get("/crew/mei")(lambda request: "Mei herself")
    app.get("/crew/<name>")(lambda request, name: "never")
    assert (await answer(app, "GET /crew/mei")).text == "anybody: mei"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/s/a", "'a'"),
        ("/s/", None),
        ("/s/a/b", None),
        ("/i/12", "12"),
        ("/i/-3", "-3"),
        ("/i/1.5", None),
        ("/i/x", None),
        ("/p/a/b", "'a/b'"),
        ("/p/a", "'a'"),
        ("/p/", None),
        ("/r/a1", "'a1'"),
        ("/r/1a", None),
        ("/r/a-", None),
        ("/I/12", None),
        ("/i/12/", None),
        ("/s/a%20b", "'a b'"),
    ],
)
async def test_variables_match_what_their_types_say(app, answer, path, text):
    for pattern in ("/s/<string:value>", "/i/<int:value>", "/p/<path:value>", "/r/<re:[a-z][a-z0-9]*:value>"):
        app.get(pattern)(lambda request, value: repr(value))
    response = await answer(app, f"GET {path}")
    assert (response.status, response.text) == ((200, text) if text else (404, "Not found"))


async def test_an_url_pattern_matches_by_itself():
    URLPattern.register_type("hex", pattern="[0-9a-f]+", parser=lambda text: int(text, 16))
    assert URLPattern("/a/<int:n>/<rest>").match("/a/3/x") == {"n": 3, "rest": "x"}
    assert URLPattern("/a/<hex:n>").match("/a/1f") == {"n": 31}
    assert URLPattern("/a/<hex:n>").match("/a/xx") is None
    assert repr(URLPattern("/a")) == "URLPattern: /a"


async def test_a_type_may_be_registered_after_the_route_that_uses_it(app, answer):
    app.get("/<shout:word>")(lambda request, word: word)
    URLPattern.register_type("shout", parser=str.upper)
    assert (await answer(app, "GET /ahoy")).text == "AHOY"


async def test_a_type_is_what_was_registered_last(app, answer):
    app.get("/<shout:word>")(lambda request, word: word)
    URLPattern.register_type("shout", parser=str.upper)
    assert (await answer(app, "GET /ahoy")).text == "AHOY"
    URLPattern.register_type("shout", pattern="[a-z]+", parser=str.title)
    assert (await answer(app, "GET /ahoy")).text == "Ahoy"
    assert (await answer(app, "GET /AHOY")).status == 404


@pytest.mark.parametrize("error", [ValueError, KeyError, TypeError])
async def test_a_parser_that_raises_is_no_match(app, answer, error):
    def parse(text):
        raise error(text)

    URLPattern.register_type("shout", parser=parse)
    app.get("/<shout:word>")(lambda request, word: word)
    assert (await answer(app, "GET /ahoy")).status == 404


def test_a_bad_expression_is_told_at_once():
    with pytest.raises(re.error):
        URLPattern.register_type("shout", pattern="[")


async def test_a_type_without_a_parser_gives_text(app, answer):
    URLPattern.register_type("word", pattern="[a-z]+")
    app.get("/<word:value>")(lambda request, value: repr(value))
    assert (await answer(app, "GET /ahoy")).text == "'ahoy'"
    assert (await answer(app, "GET /AHOY")).status == 404


@pytest.mark.parametrize("path", ["/<nothing:name>", "/<re:[:name>", "/<a>/<a>"])
def test_a_bad_pattern_is_told_before_the_first_request(app, path):
    app.get(path)(lambda request, **values: "")
    with pytest.raises(ValueError, match=r"path|converter"):
        app.compile()


async def test_head_is_answered_by_get_without_the_body(app, answer):
    app.get("/")(lambda request: "ahoy")
    response = await answer(app, "HEAD /")
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"", "4")


async def test_options_names_the_methods_of_all_routes_that_match(app, answer):
    seen = []
    app.before_request(lambda request: seen.append("before"))
    app.after_request(lambda request, response: seen.append("after"))
    app.after_error_request(lambda request, response: seen.append("error"))
    app.get("/<int:number>")(lambda request, number: "")
    app.delete("/<name>")(lambda request, name: "")
    app.post("/<int:number>")(lambda request, number: "")
    response = await answer(app, "OPTIONS /3")
    assert (response.status, response.text) == (200, "")
    assert response.headers["allow"].split(", ")[-2:] == ["HEAD", "OPTIONS"]
    assert set(response.headers["allow"].split(", ")) == {"GET", "DELETE", "POST", "HEAD", "OPTIONS"}
    assert (await answer(app, "OPTIONS /x")).headers["allow"] == "DELETE, OPTIONS"
    unknown = await answer(app, "OPTIONS /x/y")
    assert (unknown.status, unknown.headers["allow"]) == (200, "OPTIONS")
    assert seen == ["error"] * 3


async def test_automatic_options_passes_a_handler_for_all_exceptions(app, answer):
    app.errorhandler(Exception)(lambda request, error: ("caught", 500))
    app.get("/")(lambda request: "")
    assert (await answer(app, "OPTIONS /")).status == 200
    assert (await answer(app, "GET /nowhere")).text == "Not found"


async def test_a_known_path_with_another_method_is_a_405(app, answer):
    app.get("/")(lambda request: "")
    response = await answer(app, "PUT /")
    assert (response.status, response.text) == (405, "Not found")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


# Hooks.


async def test_hooks_run_in_the_order_of_their_registration(app, answer):
    seen = []
    for number in (1, 2):
        app.before_request(lambda request, number=number: seen.append(f"before {number}"))
        app.after_request(lambda request, response, number=number: seen.append(f"after {number}"))
    app.get("/")(lambda request: seen.append("route") or "ok")
    assert (await answer(app, "GET /")).text == "ok"
    assert seen == ["before 1", "before 2", "route", "after 1", "after 2"]


@pytest.mark.parametrize(
    ("returned", "status", "text"),
    [("Stop", 200, "Stop"), (("Stop", 401), 401, "Stop"), (204, 204, ""), ("", 200, ""), ({"a": 1}, 200, '{"a": 1}')],
    ids=str,
)
async def test_what_a_before_hook_returns_is_sent_instead(app, answer, returned, status, text):
    seen = []
    app.before_request(lambda request: returned)
    app.after_request(lambda request, response: seen.append(response.status_code))
    app.get("/")(lambda request: seen.append("route") or "ok")
    response = await answer(app, "GET /")
    assert (response.status, response.text, seen) == (status, text, [status])


async def test_hooks_may_be_async_beside_plain_ones(app, answer):
    @app.before_request
    async def first(request):
        request.g.trail = ["async"]

    @app.before_request
    def second(request):
        request.g.trail.append("plain")

    @app.after_request
    async def last(request, response):
        response.headers["X-Trail"] = " ".join(request.g.trail)

    app.get("/")(lambda request: "ok")
    assert (await answer(app, "GET /")).headers["x-trail"] == "async plain"


async def test_an_after_hook_may_return_another_response(app, answer):
    app.after_request(lambda request, response: Response(response.body + b"!", 201))
    app.after_request(lambda request, response: response.headers.update({"X-Seen": str(response.status_code)}))
    app.get("/")(lambda request: "ok")
    response = await answer(app, "GET /")
    assert (response.status, response.text, response.headers["x-seen"]) == (201, "ok!", "201")


@pytest.mark.parametrize(
    "body",
    [lambda: "new", lambda: b"new", lambda: bytearray(b"new"), lambda: iter(["n", "ew"]), lambda: io.BytesIO(b"new")],
    ids=["text", "bytes", "bytearray", "iterator", "file"],
)
async def test_an_after_hook_may_set_another_body(app, answer, body):
    @app.after_request
    def change(request, response):
        response.body = body()

    app.get("/")(lambda request: "old")
    assert (await answer(app, "GET /")).text == "new"


async def test_an_after_hook_may_extend_the_body(app, answer):
    @app.after_request
    def extend(request, response):
        response.body += b" and more"

    app.get("/")(lambda request: "some")
    response = await answer(app, "GET /")
    assert (response.text, response.headers["content-length"]) == ("some and more", "13")


async def test_a_body_that_nothing_can_send_is_a_500(app, answer):
    @app.after_request
    def spoil(request, response):
        response.body = 23.7

    app.get("/")(lambda request: "fine")
    assert (await answer(app, "GET /")).status == 500
    assert Response(23.7).body == 23.7


async def test_errors_pass_the_hooks_for_errors_and_no_others(app, answer):
    app.after_request(lambda request, response: response.headers.update({"X-After": "1"}))

    @app.after_error_request
    async def note(request, response):
        response.headers["X-Error"] = f"{response.status_code} {request.path}"
        return response

    app.get("/abort")(lambda request: abort(403))
    app.get("/fail")(lambda request: 1 // 0)
    app.post("/")(lambda request: "")
    asked = {"GET /abort": 403, "GET /fail": 500, "GET /nowhere": 404, "GET /": 405}
    for request, status in asked.items():
        response = await answer(app, request)
        assert response.headers["x-error"] == f"{status} {request[4:]}"
        assert "x-after" not in response.headers
    large = await answer(app, "POST /", content=b"x" * 20000)
    assert large.headers["x-error"] == "413 /"


async def test_a_request_has_hooks_of_its_own_which_come_last(app, answer):
    seen = []
    app.after_request(lambda request, response: seen.append("application"))

    @app.get("/")
    async def index(request):
        @request.after_request
        async def first(request, response):
            seen.append("first")
            return Response("replaced")

        @request.after_request
        def second(request, response):
            seen.append(response.body)

        return "ok"

    app.get("/other")(lambda request: "ok")

    @app.get("/fail")
    def fail(request):
        request.after_request(lambda request, response: seen.append("not this"))
        raise ValueError

    assert (await answer(app, "GET /")).text == "replaced"
    assert seen == ["application", "first", b"replaced"]
    await answer(app, "GET /other")
    await answer(app, "GET /fail")
    assert seen[3:] == ["application"]


async def test_g_is_the_requests_own_and_seen_by_error_handlers(app, answer):
    @app.before_request
    def name(request):
        assert not hasattr(request.g, "name")
        request.g.name = request.args.get("name")

    @app.errorhandler(ValueError)
    def failed(request, error):
        return f"{request.g.name} failed", 500

    @app.get("/")
    def index(request):
        raise ValueError

    assert (await answer(app, "GET /?name=Mei")).text == "Mei failed"
    assert (await answer(app, "GET /?name=Ravi")).text == "Ravi failed"


# Errors.


async def test_errors_without_a_handler_have_short_texts(app, answer):
    app.post("/json")(lambda request: request.json)
    app.get("/fail")(lambda request: 1 // 0)
    json = {"content": b"{", "headers": {"content-type": "application/json"}}
    assert [
        (response.status, response.text, response.headers["content-type"])
        for response in [
            await answer(app, "POST /json", **json),
            await answer(app, "GET /nowhere"),
            await answer(app, "GET /json"),
            await answer(app, "POST /json", content=b"x" * 16385),
            await answer(app, "GET /fail"),
        ]
    ] == [
        (400, "Bad request", TEXT),
        (404, "Not found", TEXT),
        (405, "Not found", TEXT),
        (413, "Payload too large", TEXT),
        (500, "Internal server error", TEXT),
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ((418,), 418, "418 error"),
        ((404,), 404, "404 error"),
        ((403, "Forbidden"), 403, "Forbidden"),
        ((400, {"field": "name"}), 400, '{"field": "name"}'),
    ],
    ids=str,
)
async def test_abort_ends_the_request_with_its_reason(app, answer, arguments, status, text):
    app.get("/")(lambda request: abort(*arguments))
    response = await answer(app, "GET /")
    assert (response.status, response.text) == (status, text)
    assert Microdot.abort is abort


@pytest.mark.parametrize(
    ("returned", "status", "text"),
    [("oops", 200, "oops"), (("oops", 410), 410, "oops"), (None, 204, ""), ({"a": 1}, 200, '{"a": 1}')],
    ids=str,
)
async def test_an_error_handlers_status_is_200_unless_it_says_otherwise(app, answer, returned, status, text):
    app.errorhandler(403)(lambda request: returned)
    app.get("/")(lambda request: abort(403, "not shown"))
    response = await answer(app, "GET /")
    assert (response.status, response.text) == (status, text)


async def test_an_error_handler_may_give_headers_alone(app, answer):
    app.errorhandler(404)(lambda request: ({"lost": True}, {"X-Chart": "old"}))
    response = await answer(app, "GET /nowhere")
    assert (response.status, response.json(), response.headers["x-chart"]) == (200, {"lost": True}, "old")


@pytest.mark.parametrize("status", [400, 404, 405, 413, 500])
async def test_automatic_errors_have_handlers_by_status(app, answer, status):
    @app.errorhandler(status)
    async def mine(request):
        return f"mine: {request.method}", status

    app.post("/")(lambda request: str(request.json))
    app.post("/fail")(lambda request: 1 // 0)
    json = {"content-type": "application/json"}
    asked = {
        400: ("POST /", {"content": b"{", "headers": json}),
        404: ("POST /nowhere", {}),
        405: ("PUT /", {}),
        413: ("POST /", {"content": b"x" * 20000}),
        500: ("POST /fail", {}),
    }
    request, options = asked[status]
    response = await answer(app, request, **options)
    assert (response.status, response.text) == (status, f"mine: {request.split()[0]}")


async def test_the_most_specific_handler_of_an_exception_answers(app, answer):
    app.errorhandler(ArithmeticError)(lambda request, error: (f"sums: {type(error).__name__}", 500))
    app.errorhandler(ZeroDivisionError)(lambda request, error: ("zero", 500))
    app.errorhandler(Exception)(lambda request, error: ("anything", 500))
    app.get("/zero")(lambda request: 1 // 0)
    app.get("/over")(lambda request: 10.0**1000)
    app.get("/key")(lambda request: {}["a"])
    app.get("/abort")(lambda request: abort(409, "taken"))
    texts = [(await answer(app, f"GET /{path}")).text for path in ("zero", "over", "key", "abort", "nowhere")]
    assert texts == ["zero", "sums: OverflowError", "anything", "taken", "Not found"]


async def test_an_error_handler_that_raises_is_a_plain_500(app, answer):
    app.errorhandler(404)(lambda request: 1 // 0)
    response = await answer(app, "GET /nowhere")
    assert (response.status, response.text) == (500, "Internal server error")


@pytest.mark.parametrize(("path", "text"), [("/404", "by status"), ("/410", "410 error")])
async def test_abort_goes_to_the_handler_of_its_status_alone(app, answer, path, text):
    app.errorhandler(module.HTTPException)(lambda request, error: "by class")
    app.errorhandler(Exception)(lambda request, error: "by any class")
    app.errorhandler(404)(lambda request: "by status")
    app.get("/<int:status>")(lambda request, status: abort(status))
    assert (await answer(app, f"GET {path}")).text == text


async def fails(request, error):
    raise RuntimeError("worse")


def fails_plainly(request, error):
    raise RuntimeError("worse")


@pytest.mark.parametrize("handler", [fails, fails_plainly])
async def test_the_hooks_for_errors_see_that_an_error_handler_has_failed(app, answer, caplog, handler):
    @app.after_error_request
    def stamp(request, response):
        response.headers["X-Seen"] = response.status_code

    app.errorhandler(ZeroDivisionError)(handler)
    app.get("/")(lambda request: 1 // 0)
    response = await answer(app, "GET /")
    assert (response.status, response.text, response.headers["x-seen"]) == (500, "Internal server error", "500")
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]


async def test_an_error_handler_that_reads_a_bad_body_is_a_400(app, answer):
    app.errorhandler(ZeroDivisionError)(lambda request, error: request.json)
    app.post("/")(lambda request: 1 // 0)
    response = await answer(app, "POST /", headers={"content-type": "application/json"}, content=b"{")
    assert (response.status, response.text) == (400, "Bad request")


# Sub-applications.


async def test_the_routes_of_a_sub_application_come_where_it_is_mounted(client_for):
    outer, inner = Microdot(), Microdot()
    inner.get("/<slug>")(lambda request, slug: f"page {slug}")
    outer.get("/about")(lambda request: "about")
    outer.mount(inner)
    outer.get("/late")(lambda request: "late")
    async with client_for(outer) as client:
        texts = [(await client.request("GET", path)).text for path in ("/about", "/late", "/news")]
    assert texts == ["about", "page late", "page news"]


async def test_the_first_slash_of_paths_and_prefixes_may_be_left_out(client_for):
    outer, inner = Microdot(), Microdot()
    outer.get("")(lambda request: "root")
    outer.get("piers")(lambda request: "piers")
    inner.get("")(lambda request: f"{request.url_prefix} itself")
    inner.get("berths")(lambda request: f"{request.url_prefix} berths")
    outer.mount(inner, url_prefix="north")
    async with client_for(outer) as client:
        texts = [(await client.request("GET", path)).text for path in ("/", "/piers", "/north", "/north/berths")]
    assert texts == ["root", "piers", "/north itself", "/north berths"]


def family(local):
    """An application with one mounted in it, and what their functions have noted."""
    seen = []
    outer, inner = Microdot(), Microdot()

    def note(app, name):
        app.before_request(lambda request: seen.append(f"{name} before"))
        app.after_request(lambda request, response: seen.append(f"{name} after"))
        app.after_error_request(lambda request, response: seen.append(f"{name} error"))

    note(outer, "outer")
    note(inner, "inner")
    inner.errorhandler(409)(lambda request: ("inner handler", 409))
    outer.errorhandler(409)(lambda request: ("outer handler", 409))
    outer.errorhandler(410)(lambda request: ("outer handler", 410))
    inner.get("/taken")(lambda request: abort(409))
    inner.get("/gone")(lambda request: abort(410))
    inner.get("/")(lambda request: f"{request.url_prefix}|{request.subapp is inner}|{request.app is outer}")
    outer.get("/taken")(lambda request: abort(409))
    outer.get("/")(lambda request: f"{request.url_prefix}|{request.subapp}")
    outer.mount(inner, url_prefix="/inner", local=local)
    return outer, seen


async def test_a_local_sub_application_keeps_its_hooks_and_handlers(answer):
    app, seen = family(local=True)
    assert (await answer(app, "GET /inner/")).text == "/inner|True|True"
    assert seen == ["outer before", "inner before", "inner after", "outer after"]
    seen.clear()
    assert (await answer(app, "GET /")).text == "|None"
    assert seen == ["outer before", "outer after"]
    assert (await answer(app, "GET /taken")).text == "outer handler"
    seen.clear()
    assert (await answer(app, "GET /inner/taken")).text == "inner handler"
    assert seen == ["outer before", "inner before", "inner error", "outer error"]
    assert (await answer(app, "GET /inner/gone")).text == "outer handler"


async def test_the_hooks_and_handlers_of_other_sub_applications_are_for_all(answer):
    app, seen = family(local=False)
    assert (await answer(app, "GET /")).text == "|None"
    assert seen == ["outer before", "inner before", "outer after", "inner after"]
    assert (await answer(app, "GET /taken")).text == "inner handler"
    assert (await answer(app, "GET /inner/")).text == "/inner|True|True"


async def test_mounts_nest_and_combine_their_prefixes(answer):
    harbour, pier, berth = Microdot(), Microdot(), Microdot()

    @berth.get("/<int:number>")
    def number(request, number):
        return redirect(f"{request.url_prefix}/{number + 1}")

    pier.mount(berth, url_prefix="/berths", local=True)
    harbour.mount(pier, url_prefix="/north")
    response = await answer(harbour, "GET /north/berths/3")
    assert response.headers["location"] == "/north/berths/4"


async def test_a_route_added_to_a_mounted_application_is_seen(app, answer):
    late = Microdot()
    app.mount(late, url_prefix="/late")
    URLPattern.register_type("word", pattern="[a-z]+")
    late.get("/<word:value>")(lambda request, value: value)
    assert (await answer(app, "GET /late/tide")).text == "tide"


async def test_layers_of_a_sub_application_stand_around_its_routes_or_around_all(answer):
    async def stamp(request, call_next):
        response = await call_next(request)
        response.headers["x-stamp"] = "1"
        return response

    for local in (True, False):
        outer, inner = Microdot(), Microdot(middlewares=[stamp])
        outer.get("/")(lambda request: "outer")
        inner.get("/")(lambda request: "inner")
        outer.mount(inner, url_prefix="/inner", local=local)
        assert "x-stamp" in (await answer(outer, "GET /inner/")).headers
        assert ("x-stamp" in (await answer(outer, "GET /")).headers) is not local


async def test_it_is_mounted_in_a_native_application_and_a_native_one_in_it(answer):
    native, outer = nacre.Nacre(), nacre.Nacre()
    app = Microdot()
    native.get("/")(lambda request: f"native at {request.root_path}")
    app.get("/")(lambda request: redirect(request.url_prefix + "/elsewhere"))
    app.errorhandler(404)(lambda request: ("no such thing here", 404))
    app.mount(native, "/native")
    outer.mount("/app", app)
    assert (await answer(outer, "GET /app/")).headers["location"] == "/app/elsewhere"
    assert (await answer(outer, "GET /app/native/")).text == "native at /app/native"
    assert (await answer(outer, "GET /app/nowhere")).text == "no such thing here"


# The request.


async def test_a_request_tells_what_the_client_sent(app, answer, transport):
    @app.route("/berths/<int:number>", methods=["POST"])
    def berth(request, number):
        return [
            request.method,
            request.path,
            request.url,
            request.query_string,
            request.scheme,
            request.http_version,
            request.content_length,
            request.content_type,
            request.cookies,
            request.client_addr[0],
            request.headers["x-flag"],
            request.url_args,
            request.route is berth,
            request.app is app,
            [request.url_prefix, request.subapp, request.files],
        ]

    headers = {"X-Flag": "blue", "cookie": "a=1; b=2", "content-type": "text/x"}
    response = await answer(app, "POST /berths/3?a=b%20c", content=b"four", headers=headers)
    assert response.json() == [
        *("POST", "/berths/3", "/berths/3?a=b%20c", "a=b%20c", "http", "1.1", 4, "text/x"),
        *({"a": "1", "b": "2"}, "127.0.0.1", "blue", {"number": 3}, True, True, ["", None, None]),
    ]


async def test_a_request_without_a_body_or_query_has_the_documented_defaults(app, answer):
    @app.get("/")
    def index(request):
        given = [request.content_type, request.content_length, request.json, request.form, request.query_string]
        return [*given, len(request.body), request.url, dict(request.args)]

    assert (await answer(app, "GET /")).json() == [None, 0, None, None, None, 0, "/", {}]


async def test_the_route_is_known_to_before_hooks(app, answer):
    @app.before_request
    def look(request):
        return f"{request.route is index} {request.origin.pattern}"

    @app.get("/<name>")
    def index(request, name):
        return "not called"

    assert (await answer(app, "GET /x")).text == "True /<name>"


async def test_fields_of_queries_and_forms_may_have_several_values(app, answer):
    @app.post("/")
    def index(request):
        return {
            kind: [
                fields["a"],
                fields.get("a"),
                fields.getlist("a"),
                fields.get("n", type=int),
                fields.getlist("n", type=int),
                fields.get("x", "none"),
                fields.getlist("x"),
                "a" in fields,
                list(fields),
            ]
            for kind, fields in (("args", request.args), ("form", request.form))
        }

    encoded = "a=1+2&a=%C3%A9&n=3&n=4"
    response = await answer(app, f"POST /?{encoded}", content=encoded.encode(), headers=FORM)
    expected = ["1 2", "1 2", ["1 2", "é"], 3, [3, 4], "none", [], True, ["a", "n"]]
    assert response.json() == {"args": expected, "form": expected}


async def test_headers_are_found_in_any_case(app, answer):
    @app.get("/")
    def index(request):
        headers = request.headers
        return [headers["X-FLAG"], headers.get("x-flag"), "X-flag" in headers, headers.get("X-None"), "n" in headers]

    response = await answer(app, "GET /", headers={"x-Flag": "blue"})
    assert response.json() == ["blue", "blue", True, None, False]


@pytest.mark.parametrize(
    ("kind", "content", "json", "form"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}, None),
        ("application/json; charset=utf-8", b"[1]", [1], None),
        ("text/plain", b"[1]", None, None),
        ("application/x-www-form-urlencoded", b"a=1", None, {"a": ["1"]}),
        ("multipart/form-data; boundary=x", b"--x--", None, None),
        (None, b"[1]", None, None),
    ],
    ids=str,
)
async def test_json_and_form_go_by_the_content_type(app, answer, kind, content, json, form):
    @app.post("/")
    def index(request):
        again = request.json
        assert again is request.json
        return {"json": again, "form": request.form and {name: request.form.getlist(name) for name in request.form}}

    headers = {} if kind is None else {"content-type": kind}
    response = await answer(app, "POST /", content=content, headers=headers)
    assert response.json() == {"json": json, "form": form}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"nan,"])
async def test_malformed_json_is_a_400(app, answer, content):
    app.post("/")(lambda request: request.json)
    response = await answer(app, "POST /", content=content, headers={"content-type": "application/json"})
    assert (response.status, response.text) == (400, "Bad request")


async def test_a_body_is_read_by_hooks_handlers_and_error_handlers_alike(app, answer):
    app.before_request(lambda request: setattr(request.g, "seen", request.body))

    @app.errorhandler(ValueError)
    async def failed(request, error):
        return [request.g.seen.decode(), request.body.decode(), (await request.stream.read()).decode()]

    @app.errorhandler(404)
    async def unknown(request):
        return request.body, 404

    @app.errorhandler(405)
    def wrong_method(request):
        return request.body, 405

    @app.post("/")
    async def index(request):
        raise ValueError

    assert (await answer(app, "POST /", content=b"tide")).json() == ["tide", "tide", "tide"]
    assert (await answer(app, "POST /nowhere", content=b"tide")).text == "tide"
    assert (await answer(app, "PUT /", content=b"tide")).text == ""  # no thread waits for it


async def test_a_stream_is_read_like_a_file(app, answer):
    @app.post("/")
    async def index(request):
        stream = request.stream
        got = [await stream.read(3), await stream.readline(), await stream.readexactly(2), await stream.readuntil(b";")]
        try:
            await stream.readexactly(50)
        except asyncio.IncompleteReadError as error:
            got.append(error.partial)
        got += [await stream.read(), await stream.read(5), await stream.readline()]
        return [piece.decode() for piece in got]

    response = await answer(app, "POST /", content=b"onetwo\nabthree;rest")
    assert response.json() == ["one", "two\n", "ab", "three;", "rest", "", "", ""]


@pytest.mark.parametrize("measured", [True, False], ids=["with-length", "chunked"])
async def test_a_body_over_max_body_length_is_in_the_stream_only(app, answer, measured, transport):
    if not measured and transport == "wsgi":
        pytest.skip("the client's WSGI transport tells the length of each body")
    Request.max_body_length, Request.max_content_length = 4, 1000

    @app.post("/")
    async def index(request):
        first = await request.stream.read(3)
        return [len(request.body), len(first + await request.stream.read())]

    def pieces(size):
        return b"x" * size if measured else iter([b"x"] * size)

    app.delete("/")(index)
    assert (await answer(app, "DELETE /", content=pieces(3))).json() == [3, 3]

    assert (await answer(app, "POST /", content=pieces(4))).json() == [4, 4]
    assert (await answer(app, "POST /", content=pieces(5))).json() == [0, 5]
    assert (await answer(app, "POST /", content=pieces(1000))).json() == [0, 1000]
    assert (await answer(app, "POST /", content=pieces(1001))).status == 413


async def test_the_limits_are_those_of_the_documents(app, answer):
    app.post("/")(lambda request: str(len(request.body)))
    limits = Request.max_content_length, Request.max_body_length, Request.max_readline
    assert limits == (16384, 16384, 2048)
    assert (await answer(app, "POST /", content=b"x" * 16384)).text == "16384"
    assert (await answer(app, "POST /", content=b"x" * 16385)).status == 413
    assert (await answer(app, "POST /nowhere", content=b"x" * 16385)).status == 413


async def test_the_raw_request_of_the_server_is_at_hand(app, answer, transport):
    @app.get("/")
    def index(request):
        scope, environ = request.asgi_scope, request.environ
        return [scope["type"], scope["path"], None if environ is None else environ["PATH_INFO"]]

    assert (await answer(app, "GET /")).json() == ["http", "/", "/" if transport == "wsgi" else None]


# The response.


@pytest.mark.parametrize(
    ("returned", "status", "body", "kind"),
    [
        ("ahoy", 200, b"ahoy", TEXT),
        (b"ahoy", 200, b"ahoy", TEXT),
        ("", 200, b"", TEXT),
        (("ahoy", 202), 202, b"ahoy", TEXT),
        (("ahoy", 202, {"Content-Type": "text/html"}), 202, b"ahoy", "text/html"),
        (("ahoy", {"Content-Type": "text/html"}), 200, b"ahoy", "text/html"),
        (204, 204, b"", None),
        ((202, {"X-A": "b"}), 202, b"", TEXT),
        ({"a": [1, "é"]}, 200, b'{"a": [1, "\\u00e9"]}', JSON),
        ([1, {"b": None}], 200, b'[1, {"b": null}]', JSON),
        (({"a": 1}, 201), 201, b'{"a": 1}', JSON),
        (({"a": 1}, 201, {"Content-Type": "application/problem+json"}), 201, b'{"a": 1}', "application/problem+json"),
        (None, 204, b"", None),
        ((None, 202), 202, b"", TEXT),
        (True, 200, b"true", JSON),
        (2.5, 200, b"2.5", JSON),
        (Response("ahoy", 203, {"X-A": "b"}), 203, b"ahoy", TEXT),
        (Response({"a": 1}), 200, b'{"a": 1}', JSON),
        (io.BytesIO(b"ahoy"), 200, b"ahoy", TEXT),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_a_route_returns_becomes_a_response(app, answer, returned, status, body, kind, transport):
    if isinstance(returned, io.BytesIO):
        returned.seek(0)
        returned = io.BytesIO(b"ahoy")
    app.get("/")(lambda request: returned)
    response = await answer(app, "GET /")
    assert (response.status, response.body) == (status, body)
    assert kind is None or response.headers["content-type"] == kind


@pytest.mark.parametrize("returned", [("one",), ("a", "b", "c"), (), object()], ids=["one", "three", "none", "object"])
async def test_what_no_response_can_be_made_of_is_a_500(app, answer, returned):
    app.get("/")(lambda request: returned)
    assert (await answer(app, "GET /")).status == 500


async def test_annotations_say_nothing(app, answer):
    @app.get("/<int:number>")
    async def index(request: str, number: str) -> int:
        return f"{type(request).__name__} {number + 1}", 202

    response = await answer(app, "GET /2")
    assert (response.status, response.text) == (202, "Request 3")


def test_a_response_has_the_attributes_of_its_constructor():
    response = Response(body="ahoy", status_code=418, headers={"X-A": 1, "Set-Cookie": ["a=1", "b=2"]}, reason="Teapot")
    assert (response.status_code, response.body, response.reason) == (418, b"ahoy", "Teapot")
    assert response.headers["x-a"] == "1"
    assert response.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    response.status_code = 200
    assert response.status == 200


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: c"}, {"X A": "b"}, {"X-A": "a\0"}])
def test_headers_that_would_begin_others_are_refused(headers):
    with pytest.raises(ValueError, match="header"):
        Response("", headers=headers)


async def test_a_redirect_may_have_another_status(app, answer):
    app.get("/")(lambda request: redirect("/quay", 307))
    app.get("/class")(lambda request: Response.redirect("https://pier.example/a?b=c"))
    response = await answer(app, "GET /")
    assert (response.status, response.headers["location"], response.text) == (307, "/quay", "")
    response = await answer(app, "GET /class")
    assert (response.status, response.headers["location"]) == (302, "https://pier.example/a?b=c")


@pytest.mark.parametrize("location", ["/a\r\nSet-Cookie: b", "/a\n", "javascript:alert(1)"])
def test_a_redirect_to_what_no_header_can_hold_is_refused(location):
    with pytest.raises(ValueError, match=r"."):
        redirect(location)


@pytest.fixture
def folder(tmp_path):
    for name in ("a.css", "a.gif", "a.html", "a.jpg", "a.js", "a.json", "a.png", "a.svg", "a.txt", "a.odd", "a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "a.html.gz").write_bytes(b"packed")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.css", "text/css"),
        ("a.gif", "image/gif"),
        ("a.html", "text/html"),
        ("a.jpg", "image/jpeg"),
        ("a.js", "application/javascript"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.txt", "text/plain"),
        ("a.odd", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
async def test_a_files_type_goes_by_its_ending(app, answer, folder, name, kind):
    app.get("/")(lambda request: send_file(str(folder / name)))
    response = await answer(app, "GET /")
    assert (response.status, response.text, response.headers["content-type"]) == (200, name, kind)
    assert "cache-control" not in response.headers


async def test_files_may_be_packed_and_cached(app, answer, folder):
    page = str(folder / "a.html")
    app.get("/gz")(lambda request: send_file(page, max_age=60, compressed=True, file_extension=".gz"))
    app.get("/named")(lambda request: send_file(page + ".gz", status_code=203, compressed="br"))
    response = await answer(app, "GET /gz")
    assert response.body == b"packed"
    for name, value in {"cache-control": "max-age=60", "content-encoding": "gzip", "content-type": "text/html"}.items():
        assert response.headers[name] == value
    response = await answer(app, "GET /named")
    assert (response.status, response.headers["content-encoding"]) == (203, "br")
    assert response.headers["content-type"] == "text/html"
    app.get("/unsaid")(lambda request: send_file(page + ".gz"))
    assert (await answer(app, "GET /unsaid")).headers["content-type"] == "application/octet-stream"
    Response.default_send_file_max_age = 5
    Response.types_map["html"] = "text/x-html"
    response = await answer(app, "GET /gz")
    assert (response.headers["cache-control"], response.headers["content-type"]) == ("max-age=60", "text/x-html")
    assert (await answer(app, "GET /named")).headers["cache-control"] == "max-age=5"


async def test_a_file_may_come_from_a_stream_and_have_a_type(app, answer):
    app.get("/")(lambda request: send_file("a.txt", stream=io.BytesIO(b"held"), content_type="text/x-log"))
    response = await answer(app, "GET /")
    assert (response.text, response.headers["content-type"]) == ("held", "text/x-log")


async def test_files_are_asked_for_in_parts_and_by_tag(app, answer, folder):
    app.get("/")(lambda request: send_file(str(folder / "a.txt")))
    tag = (await answer(app, "GET /")).headers["etag"]
    assert (await answer(app, "GET /", headers={"if-none-match": tag})).status == 304
    assert (await answer(app, "GET /", headers={"range": "bytes=1-2"})).text == ".t"


async def test_a_missing_file_is_a_404(app, answer, folder):
    app.get("/")(lambda request: send_file(str(folder / "missing.txt")))
    response = await answer(app, "GET /")
    assert (response.status, response.text) == (404, "Not found")


async def test_a_generator_that_fails_at_once_is_a_500(app, answer):
    @app.get("/")
    def index(request):
        raise ValueError
        yield "never"

    assert (await answer(app, "GET /")).status == 500


async def test_a_route_may_be_a_generator_itself(app, answer):
    @app.get("/plain")
    def plain(request):
        yield "a"
        yield b"b"

    @app.get("/async")
    async def asynchronous(request):
        yield "a"
        yield b"b"

    for path in ("/plain", "/async"):
        response = await answer(app, f"GET {path}")
        assert (response.text, "content-length" in response.headers) == ("ab", False)


async def test_cookies_are_written_as_documented(app, answer):
    @app.get("/")
    def index(request):
        response = Response("")
        response.set_cookie("name", "value")
        response.set_cookie("name", "value", path="/", http_only=True)
        response.set_cookie(
            "all",
            "1",
            path="/a",
            domain="pier.example",
            expires=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
            max_age=60,
            secure=True,
            http_only=True,
            partitioned=True,
        )
        response.set_cookie("text", "1", expires="Wed, 02 Jan 2030 03:04:05 GMT")
        response.delete_cookie("session", path="/", http_only=True, max_age=99)
        return response

    assert (await answer(app, "GET /")).headers.getlist("set-cookie") == [
        "name=value",
        "name=value; Path=/; HttpOnly",
        "all=1; Path=/a; Domain=pier.example; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Max-Age=60; Secure; HttpOnly; "
        "Partitioned",
        "text=1; Expires=Wed, 02 Jan 2030 03:04:05 GMT",
        "session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly",
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [("two words", "two words"), ('{"a": [1, 2]}', '{"a": [1, 2]}'), (5, "5")],
    ids=["space", "json", "number"],
)
async def test_what_a_cookie_holds_comes_back(app, client_for, value, told):
    @app.get("/set")
    def keep(request):
        response = Response("kept")
        response.set_cookie("name", value, path="", domain="", expires="")
        return response

    app.get("/get")(lambda request: request.cookies)
    async with client_for(app) as client:
        written = (await client.request("GET", "/set")).headers["set-cookie"]
        assert written == f"name={told}"
        assert (await client.request("GET", "/get", headers={"cookie": written})).json() == {"name": told}


@pytest.mark.parametrize("value", ["a; Path=/", "a\r\nX: y", "a\0", "på vej"])
def test_a_cookie_that_would_hold_more_is_refused(value):
    with pytest.raises(ValueError, match="cookie"):
        Response("").set_cookie("name", value)


async def test_header_fields_take_lists_and_numbers(app, answer):
    @app.get("/")
    def index(request):
        @request.after_request
        def more(request, response):
            response.headers["X-Late"] = 0.5
            response.headers["X-Once"] = ["second"]
            response.headers["Set-Cookie"] = ["a=1", "b=2"]
            response.headers.update({"X-Two": [True, 2]})

        return "ahoy", {"X-Time": 1.25, "X-Many": ["a", "b"], "X-Once": "first"}

    headers = (await answer(app, "GET /")).headers
    assert (headers["x-time"], headers["x-late"]) == ("1.25", "0.5")
    assert [headers.getlist(name) for name in ("x-many", "x-once", "x-two", "set-cookie")] == [
        ["a", "b"],
        ["second"],
        ["True", "2"],
        ["a=1", "b=2"],
    ]


async def test_the_fields_of_a_native_response_take_lists_too(app, answer):
    @app.after_request
    def more(request, response):
        response.headers["X-Many"] = [1, 2]

    @app.get("/")
    def index(request):
        response = nacre.Response("ahoy")
        response.headers["x-own"] = "1"
        return response

    assert (await answer(app, "GET /")).headers.getlist("x-many") == ["1", "2"]


async def test_the_mappings_of_a_request_are_json(app, answer):
    app.get("/")(lambda request: request.headers)
    app.get("/in")(lambda request: {"headers": request.headers, "args": request.args})
    response = await answer(app, "GET /", headers={"x-a": "1"})
    assert (response.json()["x-a"], response.headers["content-type"]) == ("1", JSON)
    told = (await answer(app, "GET /in?a=1&a=2", headers={"x-a": "1"})).json()
    assert (told["headers"]["x-a"], told["args"]) == ("1", {"a": ["1", "2"]})


@pytest.mark.parametrize("status", [0, -1, 101, 199, 1000, 200.0], ids=str)
@pytest.mark.parametrize("place", ["return", "abort", "hook"])
async def test_what_is_no_status_is_a_500(app, answer, status, place):
    @app.get("/")
    def index(request):
        @request.after_request
        def other(request, response):
            if place == "hook":
                response.status_code = status

        if place == "abort":
            abort(status)
        return Response("", status) if place == "return" else "ahoy"

    assert (await answer(app, "GET /")).status == 500


async def test_what_has_no_json_is_a_500(app, answer):
    app.get("/")(lambda request: {"what": object()})
    assert (await answer(app, "GET /")).status == 500


async def test_a_hook_may_set_what_a_request_tells(app, answer):
    @app.before_request
    def behind_a_proxy(request):
        request.client_addr = (request.headers["X-Real-IP"], 1)
        request.scheme = "https"
        request.url_prefix = "/outside"

    app.get("/")(lambda request: f"{request.scheme} {request.client_addr[0]} {request.url_prefix}")
    assert (await answer(app, "GET /", headers={"x-real-ip": "192.0.2.7"})).text == "https 192.0.2.7 /outside"


async def test_the_default_type_is_changed_for_all_responses(app, answer):
    app.get("/")(lambda request: "ahoy")
    Response.default_content_type = "text/markdown; charset=latin-1"
    assert (await answer(app, "GET /")).headers["content-type"] == "text/markdown; charset=latin-1"


# Layers.


async def test_its_hooks_are_a_layer_of_any_application(answer):
    seen = []

    def before(request):
        seen.append(f"before {type(request).__module__}")

    async def after(request, response):
        response.headers["X-After"] = str(response.status_code)
        return response

    def after_error(request, response):
        response.headers["X-Error"] = str(response.status_code)

    hooks = package.layer(before_request=before, after_request=after, after_error_request=after_error)
    app = nacre.Nacre(middlewares=[hooks])
    app.get("/")(lambda request: "native")
    app.get("/fail")(lambda request: 1 // 0)
    response = await answer(app, "GET /")
    assert (response.text, response.headers["x-after"]) == ("native", "200")
    assert "x-error" not in response.headers
    for path, status in (("/fail", "500"), ("/nowhere", "404")):
        response = await answer(app, f"GET {path}")
        assert response.headers["x-error"] == status
        assert "x-after" not in response.headers
    assert seen == ["before nacre.dialects.microdot.request"] * 3
    assert "microdot" in repr(app.describe().chains[0])


async def test_native_layers_stand_around_its_routes(answer):
    async def stamp(request, call_next):
        response = await call_next(request)
        response.headers["x-path"] = request.path
        return response

    app = Microdot(middlewares=[stamp])
    app.get("/")(lambda request: "ok")
    assert (await answer(app, "GET /")).headers["x-path"] == "/"
    assert (await answer(app, "GET /nowhere")).headers["x-path"] == "/nowhere"


# What hostile clients send.


async def test_a_slow_body_holds_no_thread_of_plain_functions(client_for, transport):
    if transport == "wsgi":
        pytest.skip("the server's thread reads the body")
    app = Microdot(threads=1)
    app.post("/")(lambda request: str(len(request.body)))
    app.get("/")(lambda request: "at once")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield b"x"
        begun.set()
        await go_on.wait()
        yield b"y"

    async with client_for(app) as client:
        slow = asyncio.create_task(client.post("/", content=slowly()))
        await begun.wait()
        assert (await asyncio.wait_for(client.get("/"), 5)).text == "at once"
        go_on.set()
        assert (await slow).text == "2"


def in_pieces(size):
    for _ in range(size // 10):
        yield b"0123456789"


@pytest.mark.parametrize("size", [10, 15_000, 30_000])
@pytest.mark.parametrize("content", [in_pieces, bytes], ids=["of unknown length", "of known length"])
@pytest.mark.parametrize("place", ["mounted", "layer"])
async def test_bodies_for_native_handlers_are_left_to_their_limits(client_for, size, content, place):
    seen = []

    def look(request):
        seen.append(len(request.body))

    inner = nacre.Nacre(middlewares=[package.layer(before_request=look)] if place == "layer" else [])

    @inner.post("/whole")
    async def whole(request: nacre.Request):
        return {"got": len(await request.body())}

    @inner.post("/pieces")
    async def pieces(request: nacre.Request):
        return {"got": sum([len(piece) async for piece in request.stream()])}

    app = inner
    if place == "mounted":
        app = Microdot()
        app.before_request(look)
        app.mount("", inner)
    async with client_for(app) as client:
        for path in ("/whole", "/pieces"):
            response = await client.request("POST", path, content=content(size))
            assert (response.status, response.json()) == (200, {"got": size})
    assert seen == [size if content is bytes and size <= Request.max_body_length else 0] * 2


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_a_failing_startup_is_told_and_ends(client_for):
    async def startup(scope):
        raise RuntimeError("no tide table")

    with pytest.raises(RuntimeError, match="no tide table"):
        async with asyncio.timeout(5), client_for(Microdot(lifespan_startup=startup)):
            pass
