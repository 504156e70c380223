"""What is declared after the first request takes effect at once, or raises where it stands and changes nothing."""

import pytest

import nacre
from nacre import ConfigurationError, Group, Middleware, Nacre, middleware


async def handler(request):
    return "OK"


def marker(name):
    async def mark(request, call_next):
        response = await call_next(request)
        response.headers.add("x-mark", name)
        return response

    return Middleware(mark, name=name)


async def test_good_late_route_is_served(client_for):
    app = Nacre()
    app.add_route("/a", handler)
    async with client_for(app) as client:
        assert (await client.get("/b")).status == 404
        app.add_route("/b", handler)
        assert (await client.get("/b")).text == "OK"


async def test_late_mistake_raises_at_the_call_and_changes_nothing(client_for):
    app = Nacre()
    app.add_route("/a", handler)
    async with client_for(app) as client:
        await client.get("/a")
        with pytest.raises(ConfigurationError, match="is declared twice"):
            app.add_route("/a", handler)
        with pytest.raises(ConfigurationError, match="unknown converter"):
            app.add_route("/<nothing:b>", handler)
        assert (await client.get("/a")).text == "OK"
        app.add_route("/c", handler)
        assert (await client.get("/c")).text == "OK"
        assert [route.path for route in app.routes] == ["/a", "/c"]


LATE_MISTAKES = {
    "route": lambda app: app.add_route("/a", handler),
    "declared routes": lambda app: app.extend_routes([nacre.get("/new")(handler), nacre.get("/a")(handler)]),
    "class": lambda app: app.route("/x/<nothing:y>")(type("Two", (), {"get": handler, "post": handler})),
    "group": lambda app: app.include(Group("/g", middlewares=[lambda request: None])),
    "mount": lambda app: app.mount("/m", Nacre(middlewares=[lambda request: None])),
    "error handler": lambda app: app.error_handler(404)(lambda: None),
    "hook": lambda app: app.before_request(lambda request, more: None),
    "layer": lambda app: app.middlewares.append(lambda request: None),
    "layers": lambda app: app.middlewares.extend([marker("good"), lambda request: None]),
    "replaced layer": lambda app: app.middlewares.__setitem__(0, lambda request: None),
    "removed provider": lambda app: app.middlewares.pop(0),
}


@middleware(provides="thing")
async def provider(request, call_next):
    response = await call_next(request)
    response.headers.add("x-mark", "provider")
    return response


@middleware(requires="thing")
async def user(request, call_next):
    return await call_next(request)


@pytest.mark.parametrize("declare", LATE_MISTAKES.values(), ids=LATE_MISTAKES)
async def test_every_late_mistake_is_taken_back(declare, client_for):
    app = Nacre(middlewares=[provider, user])
    app.add_route("/a", handler)
    async with client_for(app) as client:
        await client.get("/a")
        before = app.describe()
        with pytest.raises(ConfigurationError):
            declare(app)
        response = await client.get("/a")
        assert (response.text, response.headers.getlist("x-mark")) == ("OK", ["provider"])
        assert (await client.get("/new")).status == 404
        assert app.describe().routes == before.routes
        app.add_route("/after", handler)
        assert (await client.get("/after")).text == "OK"


async def test_failing_layer_class_is_taken_back(client_for):
    class Fails:
        def __init__(self, get_response):
            raise OSError("no licence")

        def __call__(self, request): ...

    app = Nacre()
    app.add_route("/a", handler)
    async with client_for(app) as client:
        await client.get("/a")
        with pytest.raises(OSError, match="no licence"):
            app.middlewares.append(Fails)
        assert list(app.middlewares) == []
        app.add_route("/b", handler)
        assert (await client.get("/b")).text == "OK"


async def test_removal_of_a_middleware_takes_effect(client_for):
    first, second, third = marker("first"), marker("second"), marker("third")
    app = Nacre(middlewares=[first, second])
    app.add_route("/a", handler)

    async with client_for(app) as client:

        async def marks():
            return (await client.get("/a")).headers.getlist("x-mark")

        assert await marks() == ["second", "first"]
        app.middlewares.remove(first)
        assert await marks() == ["second"]
        app.middlewares.insert(0, third)
        assert await marks() == ["second", "third"]
        app.middlewares[0:1] = [first, third]
        assert await marks() == ["second", "third", "first"]
        app.middlewares.reverse()
        assert await marks() == ["first", "third", "second"]
        app.middlewares += [marker("last")]
        assert await marks() == ["last", "first", "third", "second"]
        app.middlewares.clear()
        assert await marks() == []


async def test_layers_that_need_each_other_come_in_together(client_for):
    app = Nacre()
    app.add_route("/a", handler)
    async with client_for(app) as client:
        await client.get("/a")
        app.middlewares.extend([provider, user])
        assert (await client.get("/a")).headers["x-mark"] == "provider"


def test_middleware_list_is_a_list():
    layers = [marker("a"), marker("b")]
    app = Nacre(middlewares=layers)
    assert list(app.middlewares) == layers
    assert app.middlewares[-1] is layers[1]
    assert app.middlewares[:1] == layers[:1]
    assert len(app.middlewares) == 2
    assert layers[0] in app.middlewares
    assert repr(Nacre(middlewares=[marker("a")]).middlewares) == "[Middleware(marker.<locals>.mark)]"


def test_late_layer_is_placed_where_it_was_added():
    app = Nacre()
    app.add_route("/a", handler)
    app.middlewares.append(lambda request, call_next: call_next(request))
    app.middlewares.extend([lambda request, call_next: call_next(request)])
    app.middlewares.insert(0, lambda request, call_next: call_next(request))
    app.middlewares += [lambda request, call_next: call_next(request)]
    places = {layer.where.file for layer in app.describe().routes[0].chains[0].layers}
    assert places == {__file__}


async def test_group_changed_after_inclusion_is_seen(client_for):
    app, outer, inner = Nacre(), Group("/outer"), Group("/inner")
    app.include(outer)
    outer.include(inner)
    async with client_for(app) as client:
        assert (await client.get("/outer/inner/late")).status == 404
        inner.add_route("/late", handler)
        assert (await client.get("/outer/inner/late")).text == "OK"
        inner.middlewares.append(marker("inner"))
        assert (await client.get("/outer/inner/late")).headers["x-mark"] == "inner"

        @inner.error_handler(404)
        def unknown(request):
            return "the inner group doesn't know"

        assert (await client.get("/outer/inner/other")).text == "the inner group doesn't know"
        assert (await client.get("/outer/other")).text == "Not Found"

        @outer.before_request
        def stop(request):
            return "stopped", 503

        assert (await client.get("/outer/inner/late")).status == 503


async def test_mistake_in_a_shared_group_changes_none_of_its_applications(client_for):
    group = Group("/g")
    free, taken = Nacre(), Nacre()
    free.include(group)
    taken.add_route("/g/x", handler)
    taken.include(group)
    async with client_for(free) as client, client_for(taken) as other:
        await client.get("/")
        await other.get("/")
        with pytest.raises(ConfigurationError, match="declared twice"):
            group.add_route("/x", handler)
        assert (await client.get("/g/x")).status == 404
        assert (await other.get("/g/x")).text == "OK"


async def test_change_in_a_mounted_application_is_seen(client_for):
    app, child = Nacre(), Nacre()
    app.mount("/child", child)
    async with client_for(app) as client:
        assert (await client.get("/child/late")).status == 404
        child.add_route("/late", handler)
        assert (await client.get("/child/late")).text == "OK"


async def test_two_applications_with_one_group_do_not_see_each_other(client_for):
    built = []

    class Count:
        def __init__(self, get_response, app):
            self.get_response, self.app, self.count = get_response, app, 0
            built.append(app)

        def __call__(self, request):
            self.count += 1
            response = self.get_response(request)
            response.headers["x-count"] = f"{self.app.name} {self.count}"
            return response

    group = Group("/shared", middlewares=[Count])

    @group.get("/")
    def name(request):
        request.app.state.seen = request.app.state.get("seen", 0) + 1
        return f"{request.app.name} {request.app.state.seen}"

    @group.error_handler(LookupError)
    def lost(app, request, error):
        return f"lost in {app.name}", 404

    @group.get("/lost")
    def lose(request):
        raise KeyError("shell")

    one, two = Nacre(name="one"), Nacre(name="two")
    for app in (one, two):
        app.include(group)
    one.middlewares.append(marker("one"))
    async with client_for(one) as first, client_for(two) as second:
        assert (await first.get("/shared/")).text == "one 1"
        assert (await first.get("/shared/")).text == "one 2"
        answer = await second.get("/shared/")
        assert (answer.text, answer.headers["x-count"]) == ("two 1", "two 1")
        assert "x-mark" not in answer.headers
        assert (await first.get("/shared/lost")).text == "lost in one"
        assert (await second.get("/shared/lost")).text == "lost in two"
    assert built == [one, two]


async def test_a_class_is_built_once_however_often_the_application_is_compiled(client_for):
    built = []

    class Once:
        def __init__(self, app):
            built.append(self)
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    app = Nacre(middlewares=[Once, marker("m"), Once])
    app.add_route("/a", handler, middlewares=[Once])
    async with client_for(app) as client:
        await client.get("/a")
        app.add_route("/b", handler)
        app.middlewares.append(marker("n"))
        assert (await client.get("/b")).text == "OK"
    assert len(built) == 3
