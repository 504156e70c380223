"""Holes that a reader found once: guards that were left out, state that outlived its request, unframed bodies."""

from __future__ import annotations

import pytest

from nacre import ConfigurationError, Group, Hooks, Middleware, Nacre, Response, abort


async def deny(request, call_next):
    abort(403)


async def asgi_app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


@pytest.mark.parametrize("prefix", ["/<tenant>", "/{tenant}", "/100%"])
def test_nothing_is_mounted_below_what_has_no_fixed_length(prefix):
    app = Nacre()
    app.mount(prefix, Nacre())
    with pytest.raises(ConfigurationError, match="holds a variable or `%`"):
        app.compile()


def test_mount_within_a_group_with_a_variable_is_refused_too():
    app, group = Nacre(), Group("/<version>")
    group.mount("/shop", Nacre())
    app.include(group)
    with pytest.raises(ConfigurationError, match="/<version>/shop"):
        app.compile()


@pytest.mark.parametrize(
    ("option", "meant"),
    [("middleware", "middlewares"), ("error_handler", "error_handlers"), ("default", "defaults"), ("tag", "tags")],
)
def test_misspelt_route_option_is_an_error(option, meant):
    with pytest.raises(ConfigurationError, match=f"no option `{option}`.*\n.*did you mean `{meant}`"):
        Nacre().get("/x", **{option: []})(lambda: "x")


@pytest.mark.parametrize(("only", "method"), [("POST", "POST"), ("GET", "HEAD"), ("HEAD", "GET")])
async def test_guard_of_a_method_guards_a_mounted_application_and_both_of_get_and_head(only, method, client_for):
    app = Nacre(middlewares=[Middleware(deny, only=[only])])
    app.get("/page")(lambda: "page")
    app.mount("/files", asgi_app)
    async with client_for(app) as client:
        assert (await client.request(method, "/files/x")).status == 403
        if method != "POST":
            assert (await client.request(method, "/page")).status == 403


async def test_redirect_to_the_other_slash_in_a_mounted_application_names_its_prefix_once(client_for):
    inner, app = Nacre(slashes="redirect"), Nacre()
    inner.get("/a/")(lambda: "a")
    app.mount("/m", inner)
    async with client_for(app) as client:
        assert (await client.get("/m/a")).headers["location"] == "/m/a/"


async def test_shared_response_carries_nothing_from_one_request_to_the_next(client_for):
    shared = Response("same")
    seen = []

    async def mark(request, call_next):
        response = await call_next(request)
        seen.append(getattr(response, "user", None))
        response.user = request.headers["x-user"]
        return response

    app = Nacre(middlewares=[mark])
    app.get("/")(lambda: shared)
    async with client_for(app) as client:
        for user in ("alice", "bob", "carol"):
            await client.get("/", headers={"x-user": user})
    assert seen == [None, None, None]


async def test_exception_of_a_converter_is_a_500_through_the_layers(client_for, caplog):
    app = Nacre(middlewares=[Hooks(finalize=lambda request, response: response.headers.set("x-final", "1"))])
    app.register_converter("known", lambda text: {"a": 1}[text])
    app.get("/<known:value>")(lambda value: str(value))
    async with client_for(app) as client:
        assert (await client.get("/a")).text == "1"
        response = await client.get("/b")
    assert (response.status, response.headers["x-final"]) == (500, "1")
    assert len([record for record in caplog.records if record.name == "nacre.error"]) == 1


async def test_transfer_encoding_of_an_application_never_stands_beside_a_length(client_for):
    app = Nacre()
    app.get("/")(lambda: Response("hello", headers={"transfer-encoding": "chunked"}))
    async with client_for(app) as client:
        for method in ("GET", "HEAD"):
            response = await client.request(method, "/")
            assert "transfer-encoding" not in response.headers
            assert response.headers["content-length"] == "5"


class WithoutBodyOfHead:
    """An ASGI layer that sends no body in answer to HEAD, as published ones do."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def send_head(message):
            if scope["method"] == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app(scope, receive, send_head)


async def test_head_says_the_length_of_what_get_gives_where_an_asgi_layer_leaves_the_body_out(client_for):
    group = Group(middlewares=[WithoutBodyOfHead])
    group.get("/")(lambda: "hello")
    app = Nacre()
    app.include(group)
    async with client_for(app) as client:
        for method in ("GET", "HEAD"):
            assert (await client.request(method, "/")).headers["content-length"] == "5"


@pytest.mark.parametrize("attribute", ["host", "url"])
async def test_layer_that_reads_a_malformed_host_leaves_it_a_400(attribute, client_for):
    async def read(request, call_next):
        getattr(request, attribute)
        return await call_next(request)

    app = Nacre(middlewares=[read])
    app.get("/")(lambda: "x")
    async with client_for(app) as client:
        assert (await client.get("/", headers={"host": "a b"})).status == 400


async def test_failing_finalizer_costs_no_header_of_the_others(client_for, caplog):
    def fail(request, response):
        if response.status == 200:
            raise RuntimeError

    app = Nacre(
        middlewares=[
            Hooks(finalize=lambda request, response: response.headers.set("x-outer", "1")),
            Hooks(finalize=fail),
            Hooks(finalize=lambda request, response: response.headers.set("x-inner", "1")),
        ]
    )
    app.get("/")(lambda: "x")
    async with client_for(app) as client:
        response = await client.get("/")
    assert response.status == 500
    assert (response.headers["x-outer"], response.headers["x-inner"]) == ("1", "1")


async def test_shutdown_function_alone_runs_on_every_transport(client_for):
    app, told = Nacre(), []
    app.on_shutdown(lambda: told.append("down"))
    app.get("/")(lambda: "x")
    async with client_for(app) as client:
        await client.get("/")
    assert told == ["down"]
