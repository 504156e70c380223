"""Error handlers: which one is asked, what it gets, what becomes of what it returns."""

from functools import partial

import pytest

from nacre import Group, HTMLResponse, HTTPError, Nacre, Response, abort
from nacre.errors import Forbidden, MethodNotAllowed, NotFound


class Storm(Exception):
    pass


class Hurricane(Storm):
    pass


def raising(error):
    async def handler(request):
        raise error

    return handler


async def answer_of(app, client_for, path="/", **options):
    async with client_for(app) as client:
        return await client.get(path, **options)


@pytest.mark.parametrize(
    ("keys", "error", "expected"),
    [
        ([Exception, Storm], Hurricane(), Storm),
        ([Storm, Hurricane], Hurricane(), Hurricane),
        ([Hurricane, Exception], Storm(), Exception),
        ([404, HTTPError], NotFound(), 404),
        ([404, NotFound], NotFound(), NotFound),
        ([HTTPError], Forbidden(), HTTPError),
        ([404, Exception], Forbidden(), Exception),
        ([500, Exception], Storm(), Exception),
        ([500], Storm(), 500),
        ([418, HTTPError], HTTPError("teapot", status=418), 418),
    ],
    ids=repr,
)
async def test_most_specific_handler_answers(keys, error, expected, client_for):
    app = Nacre()
    app.add_route("/", raising(error))
    for key in keys:
        app.error_handler(key)(partial(lambda key, request: str(key), key))
    assert (await answer_of(app, client_for)).text == str(expected)


async def test_one_function_for_several_errors(client_for):
    app = Nacre()

    @app.error_handler(404, 405, Storm)
    def all_of_them(request, error):
        return type(error).__name__

    app.add_route("/", raising(Storm()))
    async with client_for(app) as client:
        assert (await client.get("/")).text == "Storm"
        assert (await client.get("/none")).text == "NotFound"
        response = await client.put("/")
        assert (response.status, response.text, response.headers.get("allow")) == (405, "MethodNotAllowed", None)


async def test_inner_scope_is_asked_before_a_more_specific_outer_handler(client_for):
    app, group = Nacre(), Group("/group")
    app.error_handler(Hurricane)(lambda request: "app")
    group.error_handler(Exception)(lambda request: "group")
    group.add_route("/own", raising(Hurricane()), error_handlers={Storm: lambda request: "route"})
    group.add_route("/not", raising(Hurricane()), error_handlers={LookupError: lambda request: "route"})
    app.add_route("/app", raising(Hurricane()))
    app.include(group)
    async with client_for(app) as client:
        assert (await client.get("/group/own")).text == "route"
        assert (await client.get("/group/not")).text == "group"
        assert (await client.get("/app")).text == "app"


async def test_group_handlers_hold_for_unknown_paths_under_its_prefix(client_for):
    app, group = Nacre(), Group("/group")
    group.error_handler(404)(lambda request: "group")
    group.error_handler(405)(lambda request: "group method")
    group.add_route("/known", raising(Storm()))
    app.include(group)
    async with client_for(app) as client:
        assert (await client.get("/group/unknown")).text == "group"
        assert (await client.get("/group")).text == "group"
        assert (await client.post("/group/known")).text == "group method"
        assert (await client.get("/groups")).text == "Not Found"


async def test_route_handlers_hold_for_its_other_methods_not(client_for):
    app = Nacre()
    app.add_route("/", raising(Storm()), error_handlers={405: lambda request: "route"})
    async with client_for(app) as client:
        assert (await client.post("/")).text == "Method Not Allowed"


async def test_layer_sees_a_response_for_what_an_inner_scope_handles(client_for):
    seen = []

    async def watch(request, call_next):
        try:
            response = await call_next(request)
        except Exception as error:
            seen.append(error)
            raise
        seen.append(response.status)
        return response

    storm = Storm("at the layer")
    app, group = Nacre(middlewares=[watch]), Group("/group", middlewares=[watch])
    group.error_handler(Storm)(lambda request: ("calm", 503))
    app.error_handler(LookupError)(lambda request: ("found", 200))
    group.add_route("/storm", raising(Storm()))
    group.add_route("/lookup", raising(KeyError()))
    app.add_route("/storm", raising(storm))
    app.include(group)
    async with client_for(app) as client:
        assert (await client.get("/group/storm")).status == 503
        assert (await client.get("/group/lookup")).status == 200
        assert seen == [503, 503, 200, 200]
        seen.clear()
        assert (await client.get("/storm")).status == 500
        assert seen == [storm]


async def test_exception_of_a_layer_is_handled_by_the_scope_it_belongs_to(client_for):
    async def fail(request, call_next):
        await call_next(request)
        raise Storm("layer")

    app, group = Nacre(), Group("/group", middlewares=[fail])
    app.error_handler(Storm)(lambda request, error: f"app: {error}")
    group.error_handler(Storm)(lambda request, error: f"group: {error}")
    group.add_route("/", lambda request: "OK")
    app.include(group)
    response = await answer_of(app, client_for, "/group/")
    assert (response.status, response.text) == (500, "group: layer")


@pytest.mark.parametrize(
    ("value", "status", "body", "type"),
    [
        ("words", 409, b"words", "text/plain; charset=utf-8"),
        ({"a": 1}, 409, b'{"a":1}', "application/json"),
        (("words", 200), 200, b"words", "text/plain; charset=utf-8"),
        (("words", "202 ACCEPTED"), 202, b"words", "text/plain; charset=utf-8"),
        (("words", {"content-type": "text/x"}), 409, b"words", "text/x"),
        (("words", 418, {"content-type": "text/x"}), 418, b"words", "text/x"),
        ((418, {"content-type": "text/x"}), 418, b"", "text/x"),
        (418, 418, b"", None),
        (None, 409, b"", None),
        ([1], 409, b"[1]", "application/json"),
        (True, 409, b"true", "application/json"),
        (Response("made"), 200, b"made", "text/plain; charset=utf-8"),
        (HTMLResponse("made", 410), 410, b"made", "text/html; charset=utf-8"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "plain"])
async def test_status_is_the_errors_unless_the_answer_has_one(value, status, body, type, asynchronous, client_for):
    app = Nacre()

    async def waiting(request):
        return value

    app.error_handler(409)(waiting if asynchronous else lambda request, error: value)

    @app.get("/")
    def handler(request):
        abort(409)

    response = await answer_of(app, client_for)
    assert (response.status, response.body, response.headers.get("content-type")) == (status, body, type)


async def test_status_of_an_exception_without_one_is_500(client_for):
    app = Nacre()
    app.error_handler(Storm)(lambda request: {"error": "storm"})
    app.add_route("/", raising(Storm()))
    assert (await answer_of(app, client_for)).status == 500


async def test_handler_takes_what_its_arity_says(client_for):
    app = Nacre(name="boat")
    app.error_handler(401)(lambda request: f"{request.path}")
    app.error_handler(402)(lambda request, error: f"{request.path} {error.detail}")
    app.error_handler(403)(lambda app, request, error: f"{app.name} {request.path} {error.detail}")

    @app.get("/<int:status>")
    def handler(request, status):
        abort(status, "because")

    async with client_for(app) as client:
        assert (await client.get("/401")).text == "/401"
        assert (await client.get("/402")).text == "/402 because"
        assert (await client.get("/403")).text == "boat /403 because"


async def test_abort_with_headers(client_for):
    app = Nacre()

    @app.get("/map")
    def map_(request):
        abort(429, "slow down", headers={"Retry-After": "7"})

    @app.get("/pairs")
    def pairs(request):
        abort(401, headers=[("www-authenticate", "Basic"), ("www-authenticate", "Bearer")])

    async with client_for(app) as client:
        response = await client.get("/map")
        assert (response.status, response.text, response.headers["retry-after"]) == (429, "slow down", "7")
        response = await client.get("/pairs")
        assert (response.status, response.text) == (401, "Unauthorized")
        assert response.headers.getlist("www-authenticate") == ["Basic", "Bearer"]


@pytest.mark.parametrize("status", [200, 302, 399, 600, 99])
def test_abort_takes_error_statuses_only(status):
    with pytest.raises(ValueError, match=f"400 to 599, not {status}"):
        abort(status)


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (405, MethodNotAllowed), (418, HTTPError)])
def test_abort_raises_the_class_of_the_status(status, kind):
    with pytest.raises(HTTPError) as caught:
        abort(status)
    assert type(caught.value) is kind
    assert caught.value.status == status


async def test_user_subclass_keeps_its_status(client_for):
    class OutOfPearls(NotFound):
        pass

    app = Nacre()
    app.add_route("/", raising(OutOfPearls("none left")))
    app.add_route("/gone", raising(OutOfPearls("sold", status=410)))
    async with client_for(app) as client:
        assert (await client.get("/")).status == 404
        assert (await client.get("/gone")).status == 410


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "plain"])
async def test_exception_in_an_error_handler_is_the_plain_500(asynchronous, client_for, caplog):
    app = Nacre()
    app.add_route("/", raising(Storm("first")))
    app.error_handler(500)(lambda request: "never asked")

    def plain(request, error):
        raise LookupError("second")

    async def waiting(request, error):
        raise LookupError("second")

    app.error_handler(Storm)(waiting if asynchronous else plain)
    response = await answer_of(app, client_for)
    assert (response.status, response.text) == (500, "Internal Server Error")
    (record,) = caplog.records
    assert record.message == "GET / (route /) failed: LookupError"


async def test_error_handler_that_returns_what_is_no_response(client_for, caplog):
    app = Nacre()
    app.error_handler(404)(lambda request: (1, 2, 3, 4))
    response = await answer_of(app, client_for)
    assert (response.status, response.text) == (500, "Internal Server Error")
    assert "a tuple of 4" in caplog.text


async def test_handler_that_raises_another_http_error_gets_the_plain_500(client_for):
    app = Nacre()

    @app.error_handler(404)
    def refuse(request):
        abort(403)

    assert (await answer_of(app, client_for)).status == 500


async def test_unhandled_exception_is_logged_once_with_route_and_answered_500(client_for, caplog):
    app = Nacre()
    app.add_route("/dives/<int:number>", lambda request, number: 1 // number)
    response = await answer_of(app, client_for, "/dives/0")
    assert (response.status, response.text) == (500, "Internal Server Error")
    (record,) = caplog.records
    assert record.message == "GET /dives/0 (route /dives/<int:number>) failed: ZeroDivisionError"
    assert record.exc_info[0] is ZeroDivisionError


async def test_handler_for_500_gets_the_exception_after_it_was_logged(client_for, caplog):
    app = Nacre()
    app.error_handler(500)(lambda request, error: {"kind": type(error).__name__})
    app.add_route("/", raising(Storm("wet")))
    response = await answer_of(app, client_for)
    assert (response.status, response.json()) == (500, {"kind": "Storm"})
    assert [record.message for record in caplog.records] == ["GET / (route /) failed: Storm"]


async def test_handled_exception_is_not_logged(client_for, caplog):
    app = Nacre()
    app.error_handler(Storm)(lambda request: "calm")
    app.add_route("/", raising(Storm()))
    await answer_of(app, client_for)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("accept", "type"),
    [
        (None, "text/plain; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("text/html,*/*;q=0.1", "text/html; charset=utf-8"),
        ("image/png", "text/plain; charset=utf-8"),
    ],
)
async def test_default_page_is_what_the_client_accepts(accept, type, client_for):
    headers = {} if accept is None else {"accept": accept}
    response = await answer_of(Nacre(), client_for, "/<script>", headers=headers)
    assert response.status == 404
    assert response.headers["content-type"] == type
    assert b"<script>" not in response.body


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
async def test_pages_of_two_answers_have_nothing_in_common(accept, client_for):
    app = Nacre()

    @app.get("/<name>")
    async def refused(name: str):
        raise Forbidden(name)

    @app.after_error
    def mark(request, response):
        response.headers.add("x-mark", request.path)
        response.body += request.path.encode()

    async with client_for(app) as client:
        for path in ("/reef", "/reef", "/shoal", "/" + "long" * 100):
            response = await client.get(path, headers={"accept": accept})
            assert response.headers.getlist("x-mark") == [path]
            assert response.body.count(path.encode()) == 1
            assert response.text.count(path.removeprefix("/")) == 2
            assert response.headers["vary"] == "Accept"


async def test_mounted_application_answers_its_errors_before_the_one_around_it(client_for):
    app, child = Nacre(), Nacre()
    child.error_handler(404)(lambda request: "child 404")
    app.error_handler(404)(lambda request: "app 404")
    app.error_handler(Storm)(lambda request: "app storm")
    child.add_route("/storm", raising(Storm()))
    app.mount("/child", child)
    async with client_for(app) as client:
        assert (await client.get("/child/none")).text == "child 404"
        assert (await client.get("/none")).text == "app 404"
        assert (await client.get("/child/storm")).text == "app storm"
