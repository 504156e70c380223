"""Hooks: their scopes, their order, what they may return, and when they don't run."""

import pytest

from nacre import Group, Nacre, Response, abort


@pytest.fixture
def told():
    return []


@pytest.fixture
def app(told):
    """An application with a group in a group, two hooks of each kind on every level, and layers in between."""
    app, group, inner = Nacre(), Group("/group"), Group("/inner")

    def hooks(level, where):
        @where.before_request
        def before_plain(request):
            told.append(f"{level} before 1")

        @where.before_request
        async def before_async(request):
            told.append(f"{level} before 2")

        @where.after_request
        async def after_async(request, response):
            told.append(f"{level} after 1")

        @where.after_request
        def after_plain(request, response):
            told.append(f"{level} after 2")

        @where.after_error
        def on_error(request, response):
            told.append(f"{level} error {response.status}")

    def layer(name):
        async def around(request, call_next):
            told.append(f"{name} in")
            response = await call_next(request)
            told.append(f"{name} out")
            return response

        return around

    for level, where in (("app", app), ("group", group), ("inner", inner)):
        hooks(level, where)
        where.middlewares.append(layer(f"{level} layer"))
    group.include(inner)
    app.include(group)

    @inner.get("/page", middlewares=[layer("route layer")])
    async def page(request):
        told.append("handler")
        return "page"

    @inner.get("/abort")
    def aborting(request):
        abort(409)

    @group.get("/raise")
    async def raising(request):
        raise RuntimeError("storm")

    @app.get("/own")
    async def own(request):
        @request.after_request
        async def late(request, response):
            told.append("request after")

        told.append("handler")
        return "own"

    return app


async def test_layers_then_hooks_then_handler(app, told, client_for):
    async with client_for(app) as client:
        assert (await client.get("/group/inner/page")).text == "page"
    assert told == [
        *("app layer in", "group layer in", "inner layer in", "route layer in"),
        *("app before 1", "app before 2", "group before 1", "group before 2", "inner before 1", "inner before 2"),
        "handler",
        *("inner after 1", "inner after 2", "group after 1", "group after 2", "app after 1", "app after 2"),
        *("route layer out", "inner layer out", "group layer out", "app layer out"),
    ]


async def test_hooks_of_one_request_run_after_all_others(app, told, client_for):
    async with client_for(app) as client:
        await client.get("/own")
    assert told == [
        *("app layer in", "app before 1", "app before 2", "handler", "app after 1", "app after 2"),
        *("request after", "app layer out"),
    ]


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/group/inner/abort", 409, ["inner error 409", "group error 409", "app error 409"]),
        ("/group/raise", 500, ["group error 500", "app error 500"]),
        ("/group/inner/none", 404, ["inner error 404", "group error 404", "app error 404"]),
        ("/group/none", 404, ["group error 404", "app error 404"]),
        ("/none", 404, ["app error 404"]),
    ],
)
async def test_error_hooks_around_see_each_error_response_once(app, told, path, status, expected, client_for):
    async with client_for(app) as client:
        assert (await client.get(path)).status == status
    assert [word for word in told if " error " in word] == expected
    assert not [word for word in told if " after " in word]


@pytest.mark.parametrize(("method", "path"), [("GET", "/none"), ("PUT", "/own"), ("OPTIONS", "/own")])
async def test_no_before_or_after_hook_runs_where_no_route_answers(app, told, method, path, client_for):
    async with client_for(app) as client:
        await client.request(method, path)
    assert not [word for word in told if "before" in word or "after" in word]


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [
        ("stop", 200, b"stop"),
        (("stop", 401), 401, b"stop"),
        ({"stop": True}, 200, b'{"stop":true}'),
        ("", 200, b""),
        (0.0, 200, b"0.0"),
        (False, 200, b"false"),
        ([], 200, b"[]"),
        (403, 403, b""),
        (Response("made", 418), 418, b"made"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "plain"])
async def test_before_hook_that_returns_something_is_the_answer(value, status, body, asynchronous, client_for):
    app = Nacre()
    ran = []

    def plain(request):
        return value

    async def waiting(request):
        return value

    app.before_request(waiting if asynchronous else plain)
    app.before_request(lambda request: ran.append("second"))
    app.after_request(lambda request, response: ran.append("after"))
    app.add_route("/", lambda request: ran.append("handler"))
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.body) == (status, body)
    assert ran == ["after"]


async def test_after_hook_may_replace_the_response(client_for):
    app = Nacre()
    app.add_route("/", lambda request: "first")

    @app.after_request
    def second(request, response):
        return f"{response.body.decode()} second", 202

    @app.after_request
    async def third(request, response):
        response.headers["x-status"] = str(response.status)

    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.text, response.headers["x-status"]) == (202, "first second", "202")


async def test_error_hook_may_replace_the_response(client_for):
    app = Nacre()

    @app.after_error
    def replace(request, response):
        return {"failed": response.status}, 418

    async with client_for(app) as client:
        response = await client.get("/nowhere")
    assert (response.status, response.json()) == (418, {"failed": 404})


@pytest.mark.parametrize("kind", ["before_request", "after_request", "after_error"])
async def test_exception_in_a_hook_is_an_exception_like_any_other(kind, client_for, caplog):
    app = Nacre()

    @app.get("/")
    async def handler(request):
        if kind == "after_error":
            abort(400)
        return "OK"

    def fail(*arguments):
        raise ZeroDivisionError("hook")

    getattr(app, kind)(fail)
    app.error_handler(ZeroDivisionError)(lambda request, error: (f"handled {error}", 503))
    async with client_for(app) as client:
        response = await client.get("/")
    if kind == "after_error":  # its failure is not handled again: the plain 500 ends it
        assert (response.status, response.text) == (500, "Internal Server Error")
        assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]
    else:
        assert (response.status, response.text) == (503, "handled hook")


async def test_decorators_return_the_function():
    app = Nacre()

    def before(request): ...
    def after(request, response): ...
    def handle(request): ...

    assert app.before_request(before) is before
    assert app.before_request(inline=True)(before) is before
    assert app.after_request(after) is after
    assert app.after_error()(after) is after
    assert app.error_handler(404)(handle) is handle
    assert app.get("/")(handle) is handle
    assert app.on_startup(handle) is handle
    assert app.on_shutdown(handle) is handle
