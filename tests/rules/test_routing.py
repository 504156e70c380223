"""M59–M67: routing, guards, placement, scopes that are not HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nacre import CallNext, ConfigurationError, Group, Middleware, Nacre, Request, Response, middleware
from nacre.groups import METHODS
from nacre.testing import TestClient
from rules.application import application
from rules.recording import STYLES, Recorder, Style, ids

ClientFor = Callable[..., TestClient]


HOSTS = ["testserver", "testserver:80", "TESTSERVER", "other.example:8443", "[::1]:80", "127.0.0.1"]
PATHS = ["/", "/files/a", "/files/a%20b", "/files/%C3%A4", "/files/a%2Fb", "/files/a;x=1", "/files/a?b=/admin"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", PATHS)
async def test_m59_a_guard_sees_the_path_the_router_matches(client_for: ClientFor, host: str, path: str) -> None:
    """`request.path` in a layer is what the router has, and `request.url.path` equals it, whatever Host says."""
    seen: list[tuple[str, str]] = []

    async def guard(request: Request, call_next: CallNext) -> Response:
        seen.append((request.path, request.url.path))
        return await call_next(request)

    app = Nacre(middlewares=[guard])

    @app.get("/files/<path:name>")
    def files(request: Request, name: str) -> dict[str, str]:
        return {"name": name, "path": request.path}

    app.add_route("/", lambda request: {"name": "", "path": request.path})
    async with client_for(app) as client:
        response = await client.get(path, headers={"host": host})
    assert response.status == 200
    assert seen == [(response.json()["path"],) * 2]


DETOURS = [
    *("/admin/x", "//admin/x", "/./admin/x", "/a/../admin/x", "/admin//x", "/admin%2fx", "/%61dmin/x", "/admin%2Fx"),
    *("/ADMIN/x", "/Admin/x", "/admin;x/x", "/admin%00/x", "/admin%0a/x", "/admin%0d/x", "/admin/", "/admin/x/"),
    *("/admin%20/x", "/admin./x", "/%2e/admin/x", "/admin%252fx", "/admin\\x", "/admin/%2e%2e/admin/x", "/%2fadmin/x"),
]


@pytest.mark.parametrize("slashes", ["strict", "redirect", "ignore"])
@pytest.mark.parametrize("path", DETOURS)
async def test_m60_no_detour_leads_around_a_guard(client_for: ClientFor, path: str, slashes: Any) -> None:
    """However the prefix is written, the guarded handler is reached through the guard or not at all."""
    guarded: list[str] = []
    reached: list[str] = []

    async def guard(request: Request, call_next: CallNext) -> Response:
        if request.path.startswith("/admin"):
            guarded.append(request.path)
        return await call_next(request)

    async def placed(request: Request, call_next: CallNext) -> Response:
        guarded.append(request.path)
        return await call_next(request)

    app = Nacre(middlewares=[guard, Middleware(placed, only="/admin/*")], slashes=slashes)
    group = Group("/admin")

    @group.get("/<path:rest>")
    def handler(request: Request, rest: str) -> str:
        reached.append(rest)
        return "secret"

    app.include(group)
    async with client_for(app) as client:
        if "\\" in path or (path.startswith("//") and client.transport == "rsgi"):
            response = await client.get(path.replace("\\", "%5C"))
        else:
            response = await client.get(path)
    assert response.status in (200, 308, 400, 404)
    assert (response.status == 200) == bool(reached)
    if reached:
        assert len(guarded) == 2 * len(reached)


UNKNOWN = ["HEAD", "OPTIONS", "POST", "TRACE", "CONNECT", "PROPFIND", "get", "GETX", "X-Y"]


@pytest.mark.parametrize("method", UNKNOWN)
@pytest.mark.parametrize("place", ["app", "group"])
async def test_m61_every_method_passes_the_guards_of_get(client_for: ClientFor, method: str, place: str) -> None:
    """HEAD, OPTIONS and methods nobody knows meet the same guards, and none of them runs a handler by its name."""

    async def guard(request: Request, call_next: CallNext) -> Any:
        return "guarded", 401

    app = Nacre(middlewares=[guard] if place == "app" else [])
    group = Group("/g", middlewares=[guard] if place == "group" else [])

    class Resource:
        def get(self, request: Request) -> str:
            return "secret"

        def getx(self, request: Request) -> str:
            return "secret"

        def propfind(self, request: Request) -> str:
            return "secret"

    group.add_route("/x", Resource)
    app.include(group)
    async with client_for(app) as client:
        response = await client.request(method, "/g/x")
    assert response.status == 401
    assert "PROPFIND" not in METHODS


async def test_m62_layers_of_a_mount_see_its_paths_and_those_outside_the_whole(client_for: ClientFor) -> None:
    """Outside: the whole path, before and after. Inside: without the prefix, which is in `root_path`."""
    seen: dict[str, list[tuple[str, str]]] = {"outer": [], "inner": []}

    def watching(name: str) -> Any:
        async def layer(request: Request, call_next: CallNext) -> Response:
            seen[name].append((request.root_path, request.path))
            try:
                return await call_next(request)
            finally:
                seen[name].append((request.root_path, request.path))

        return layer

    inner = Nacre(middlewares=[watching("inner")])

    @inner.get("/items/<int:number>", name="item")
    def item(request: Request, number: int) -> str:
        return request.url_for("item", number=number)

    outer = Nacre(middlewares=[watching("outer")])
    outer.mount("/shop", inner, name="shop")
    async with client_for(outer, root_path="/root") as client:
        if client.transport == "rsgi":
            return  # RSGI knows no root_path
        response = await client.get("/shop/items/7")
        assert response.text == "/root/shop/items/7"
        assert (await client.get("/shop/nowhere")).status == 404
    assert seen["outer"] == [("/root", "/shop/items/7")] * 2 + [("/root", "/shop/nowhere")] * 2
    assert seen["inner"] == [("/root/shop", "/items/7")] * 2 + [("/root/shop", "/nowhere")] * 2
    assert outer.url_for("shop:item", number=7) == "/shop/items/7"


def _named(name: str, **promises: Any) -> Any:
    @middleware(name=name, **promises)
    async def layer(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    return layer


ORDERS: list[tuple[list[dict[str, Any]], list[str]]] = [
    ([{"name": "session", "provides": "session"}, {"name": "auth", "requires": "session"}], []),
    ([{"name": "auth", "requires": "session"}, {"name": "session", "provides": "session"}], ["auth", "session"]),
    ([{"name": "auth", "requires": "sesion"}, {"name": "session", "provides": "session"}], ["auth", "sesion"]),
    ([{"name": "csrf", "after": "session"}, {"name": "session"}], ["csrf", "session"]),
    ([{"name": "session"}, {"name": "cors", "before": "session"}], ["cors", "session"]),
    ([{"name": "cors", "before": "auth"}, {"name": "auth"}], []),
]


@pytest.mark.parametrize(("declared", "told"), ORDERS)
def test_m63_m64_what_layers_need_of_each_other_is_checked_at_startup(
    declared: list[dict[str, Any]], told: list[str]
) -> None:
    """A missing or misplaced layer is an error at startup that names both and the route."""
    app = Nacre(middlewares=[_named(**promises) for promises in declared])
    app.add_route("/route", lambda request: "x")
    if not told:
        app.compile()
        return
    with pytest.raises(ConfigurationError) as refused:
        app.compile()
    text = str(refused.value)
    assert all(f"`{name}`" in text for name in told)
    assert "GET /route" in text


NOTHING: list[tuple[str, Any]] = [("list", []), ("tuple", ()), ("set", set()), ("generator", (word for word in []))]


@pytest.mark.parametrize(("kind", "empty"), NOTHING, ids=[kind for kind, _ in NOTHING])
@pytest.mark.parametrize("way", ["Middleware", "decorator"])
async def test_m65_an_empty_only_covers_nothing(
    client_for: ClientFor, log: Recorder, way: str, kind: str, empty: Any
) -> None:
    """`only=[]` names no route, so the layer covers none; leaving `only` out covers all; an empty `skip` skips none."""

    def layer(name: str) -> Any:
        async def layer(request: Request, call_next: CallNext) -> Response:
            log.note(name, "enter")
            return await call_next(request)

        return layer

    if way == "Middleware":
        layers = [Middleware(layer("none"), only=empty), Middleware(layer("all")), Middleware(layer("skip"), skip=[])]
    else:
        layers = [middleware(only=empty)(layer("none")), middleware(layer("all")), middleware(skip=[])(layer("skip"))]
    app = Nacre(middlewares=layers)
    app.add_route("/", lambda request: "x")
    async with client_for(app) as client:
        await client.get("/")
        await client.get("/nowhere")
    assert log.who("enter") == ["all", "skip"] * 2


async def test_m65_an_asgi_layer_with_an_empty_only_is_not_at_the_head(client_for: ClientFor) -> None:
    """An ASGI class with `only=[]` covers nothing, the raw connection included."""

    class Refusing:
        def __init__(self, app: Any) -> None: ...

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise AssertionError("reached")

    app = Nacre(middlewares=[Middleware(Refusing, only=[])])
    app.add_route("/", lambda request: "x")
    async with client_for(app) as client:
        assert (await client.get("/")).status == 200


def test_m65_a_route_with_no_methods_is_refused() -> None:
    """`methods=[]` is no method, not every one."""
    with pytest.raises(ConfigurationError, match="no methods"):
        Nacre().add_route("/", lambda request: "x", methods=[])


@pytest.mark.parametrize("style", STYLES, ids=ids)
@pytest.mark.parametrize("depth", [1, 3, 50])
async def test_m67_layers_written_for_http_meet_no_lifespan(log: Recorder, style: Style, depth: int) -> None:
    """A lifespan passes by layers inside routing, and reaches those at the head, which let it through."""
    app = application(log, style.layers(log, depth))
    received = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return received.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert log.events == []
