"""Layers that are settled for each chain at startup: `for_route`, marks on handlers, bundles of layers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import pytest

from nacre import ConfigurationError, Group, Hooks, Middleware, Nacre, get
from nacre.chain.middleware import Layers
from nacre.chain.place import Place
from nacre.errors import Problem
from nacre.marks import mark, marks_of
from nacre.response import Response


class Stamp(Hooks):
    """Adds a header that says what it was settled for; left out where a mark says so."""

    responses: ClassVar = {418: "now and then"}

    def __init__(self, name: str = "stamp") -> None:
        super().__init__(finalize=self._stamp, inline=True)
        self.name = name
        self.places: list[Place] = []

    def for_route(self, place: Place) -> Hooks | str:
        self.places.append(place)
        if place.mark("plain"):
            return "marked as plain"
        if place.route is not None and place.method == "POST":
            return Hooks(before=lambda request: Response("from the settled layer", 202), inline=True)
        return self

    def _stamp(self, request, response):
        response.headers.add(self.name, "yes")


def plain(function):
    return mark(function, "plain", True)


@pytest.mark.parametrize("give", [lambda: Stamp(), lambda: Stamp, lambda: Middleware(Stamp, "stamp")])
async def test_a_layer_is_itself_another_one_or_left_out_as_it_says(client_for, give):
    app = Nacre(middlewares=[give()])

    @app.get("/")
    async def index(request):
        return "index"

    @app.get("/plain")
    @plain
    async def unstamped(request):
        return "plain"

    @app.post("/")
    async def post(request):
        return "post"

    async with client_for(app) as client:
        stamped = await client.get("/")
        bare = await client.get("/plain")
        posted = await client.post("/")
        missing = await client.get("/missing")
    assert (stamped.text, stamped.headers.get("stamp")) == ("index", "yes")
    assert (bare.text, bare.headers.get("stamp")) == ("plain", None)
    assert (posted.status, posted.text, posted.headers.get("stamp")) == (202, "from the settled layer", None)
    assert (missing.status, missing.headers.get("stamp")) == (404, "yes")


def test_a_place_names_the_route_the_method_and_the_neighbours():
    outer, middle, inner = Stamp("outer"), Stamp("middle"), Stamp("inner")
    app = Nacre(middlewares=[outer, Middleware(middle)])

    @app.get("/x", middlewares=[inner])
    async def x(request):
        return ""

    app.compile()
    [place] = [place for place in middle.places if place.route is not None]
    assert (place.route.path, place.method, place.outside, place.inside) == ("/x", "GET", (outer,), (inner,))
    assert not place.is_websocket
    assert {place.method for place in middle.places if place.route is None} == {"*", "OPTIONS"}


def test_the_reason_why_a_layer_is_left_out_is_described():
    app = Nacre(middlewares=[Stamp()])

    @app.get("/plain")
    @plain
    async def unstamped(request):
        return ""

    [route] = app.describe().routes
    [chain] = route.chains
    assert [(layer.name, layer.skipped) for layer in chain.skipped] == [("Stamp", "marked as plain")]
    assert chain.layers == ()


def test_a_settled_layer_keeps_name_place_and_documentation():
    app = Nacre(middlewares=[Middleware(Stamp(), name="stamper")])

    @app.post("/")
    async def post(request):
        return ""

    [route] = app.describe().routes
    [chain] = route.chains
    [layer] = chain.layers
    assert (layer.name, dict(layer.responses)) == ("stamper", {418: "now and then"})
    assert layer.where is not None


async def test_an_onion_object_may_become_hooks_and_the_other_way_round(client_for):
    class Onion:
        async def __call__(self, request, call_next):
            response = await call_next(request)
            response.headers.add("style", "onion")
            return response

        def for_route(self, place):
            hooks = Hooks(after=lambda request, response: response.headers.add("style", "hooks"), inline=True)
            return hooks if place.mark("plain") else self

    class Both(Hooks):
        def for_route(self, place):
            return Onion()

    app = Nacre(middlewares=[Onion(), Both()])

    @app.get("/onion")
    async def onion(request):
        return ""

    @app.get("/hooks")
    @plain
    async def hooks(request):
        return ""

    async with client_for(app) as client:
        assert (await client.get("/onion")).headers.getlist("style") == ["onion", "onion"]
        assert (await client.get("/hooks")).headers.getlist("style") == ["onion", "hooks"]


@pytest.mark.parametrize(("made", "says"), [(None, "returned None"), (5, "returned an object of type int")])
def test_a_layer_that_becomes_no_layer_is_refused(made, says):
    class Forgetful(Hooks):
        def for_route(self, place):
            return made

    app = Nacre(middlewares=[Forgetful()])
    app.get("/")(lambda request: "")
    with pytest.raises(ConfigurationError, match=f"layer `Forgetful` .* can't be settled: `for_route` {says}"):
        app.compile()


def test_what_a_layer_refuses_for_its_place_is_told_with_everything_else():
    class Picky(Hooks):
        def for_route(self, place):
            if place.route is not None:
                raise ConfigurationError(Problem(f"not on {place.route.path}", place.route.where, "elsewhere"))
            return self

    app = Nacre(middlewares=[Picky()])

    @app.get("/a")
    async def a(request):
        return ""

    @app.get("/b")
    async def b(request, missing):
        return ""

    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    texts = [problem.what for problem in caught.value.problems]
    assert "not on /a" in texts
    assert "not on /b" in texts
    assert any("missing" in text for text in texts)


# Order.


class Giver(Hooks):
    provides = ("thing",)


class Outer(Hooks):
    outside_of = ("thing",)


class Inner(Hooks):
    inside_of = ("thing",)


@pytest.mark.parametrize(
    ("layers", "wrong"),
    [
        pytest.param([Outer, Giver, Inner], None, id="in order"),
        pytest.param([Inner, Outer], None, id="without the other one"),
        pytest.param([Giver, Outer], "layer `Outer`", id="outer inside"),
        pytest.param([Inner, Giver], "layer `Inner`", id="inner outside"),
    ],
)
def test_classes_say_what_they_stand_outside_and_inside_of(layers, wrong):
    app = Nacre(middlewares=layers)

    @app.get("/")
    async def index(request):
        return ""

    if wrong is None:
        app.compile()
        return
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    assert wrong in str(caught.value)
    assert "must stand" in str(caught.value)


# Marks.


@dataclass(frozen=True)
class Needs:
    requires: tuple[str, ...] = ("thing",)


def needs(function):
    return mark(function, "needs", Needs())


def through(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        return await function(*args, **kwargs)

    return wrapper


def test_a_mark_that_needs_a_layer_is_an_error_without_it():
    app = Nacre()

    @app.get("/")
    @needs
    async def index(request):
        return ""

    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    assert "the mark `needs`" in str(caught.value)
    assert "requires `thing` on GET /" in str(caught.value)
    app.middlewares.append(Giver())
    app.compile()


def _below(app):
    @app.get("/")
    @through
    @plain
    async def handler(request):
        return ""


def _between(app):
    @app.get("/")
    @plain
    @through
    async def handler(request):
        return ""


def _above(app):
    @plain
    @app.get("/")
    @through
    async def handler(request):
        return ""


def _above_a_wrapper(app):
    @plain
    @through
    @app.get("/")
    async def handler(request):
        return ""


def _on_a_method(app):
    @app.route("/")
    class Page:
        @plain
        async def get(self, request):
            return ""


def _on_a_class(app):
    @plain
    @app.route("/")
    class Page:
        async def get(self, request):
            return ""


def _on_a_partial(app):
    async def handler(greeting, request):
        return greeting

    app.get("/")(functools.partial(plain(handler), "hello"))


def _declared(app):
    @plain
    @get("/")
    async def handler(request):
        return ""

    app.extend_routes([handler])


@pytest.mark.parametrize(
    "declare", [_below, _between, _above, _above_a_wrapper, _on_a_method, _on_a_class, _on_a_partial, _declared]
)
def test_a_mark_counts_at_any_position(declare):
    app = Nacre()
    declare(app)
    [route] = app.routes
    assert dict(route.marks) == {"plain": True}


def test_a_mark_on_one_handler_is_not_on_another():
    @through
    async def base(request):
        return ""

    marked = plain(through(base))
    other = through(lambda request: None)
    assert marks_of(marked) == {"plain": True}
    assert marks_of(other) == {}


def test_the_outer_of_two_marks_counts_and_a_method_more_than_its_class():
    def level(number):
        return lambda target: mark(target, "level", number)

    @level(2)
    @through
    @level(1)
    async def handler(request):
        return ""

    @level(1)
    class Page:
        @level(3)
        async def get(self, request):
            return ""

        async def post(self, request):
            return ""

    @level(4)
    class Later(Page): ...

    assert marks_of(handler) == {"level": 2}
    assert marks_of(Page().get) == {"level": 3}
    assert marks_of(Page().post) == {"level": 1}
    assert marks_of(Later().post) == {"level": 4}


def test_a_mark_that_comes_too_late_to_be_seen_is_refused():
    app = Nacre()

    @app.get("/")
    async def index(request):
        return ""

    app.compile()
    with pytest.raises(ConfigurationError) as caught:
        plain(index)
    assert "served already" in str(caught.value)
    assert marks_of(plain(through(lambda request: ""))) == {"plain": True}


# Bundles.


async def test_a_bundle_is_its_layers_in_their_order(client_for):
    bundle = Layers(Stamp("one"), Middleware(Stamp("two"), skip="/b"))
    app = Nacre(middlewares=[bundle, Stamp("three")])

    @app.get("/a")
    async def a(request):
        return ""

    @app.get("/b")
    async def b(request):
        return ""

    group = Group("/g", middlewares=[Layers(Stamp("four"))])
    app.include(group)
    async with client_for(app) as client:
        assert [name for name, _ in (await client.get("/a")).headers.pairs() if len(name) in (3, 5)] == [
            "three",
            "two",
            "one",
        ]
        assert (await client.get("/b")).headers.get("two") is None
        assert (await client.get("/g/x")).headers.get("four") == "yes"
    chain = app.describe().routes[0].chains[0]
    assert [layer.name for layer in chain.layers] == ["Stamp", "Stamp", "Stamp"]
    assert repr(Layers("x")) == "Layers('x')"


# Preflights.


class Preflights(Hooks):
    answers_preflights = True

    def __init__(self, answer: str) -> None:
        super().__init__(before=self._before, inline=True)
        self._answer = answer

    def _before(self, request):
        return Response(self._answer) if request.method == "OPTIONS" else None


async def test_a_layer_of_a_route_that_answers_preflights_stands_before_its_automatic_options(client_for):
    app = Nacre()

    @app.get("/x", middlewares=[Preflights("get")])
    async def read(request):
        return ""

    @app.put("/x", middlewares=[Preflights("put")])
    async def write(request):
        return ""

    @app.delete("/x")
    async def remove(request):
        return ""

    @app.get("/other")
    async def other(request):
        return ""

    async with client_for(app) as client:

        async def ask(path, method=None):
            headers = {} if method is None else {"access-control-request-method": method}
            return await client.options(path, headers=headers)

        assert (await ask("/x", "GET")).text == "get"
        assert (await ask("/x", "PUT")).text == "put"
        assert (await ask("/x", "DELETE")).status == 204
        assert (await ask("/other", "GET")).status == 204
        assert (await ask("/x", "NONSENSE")).text == "get"


async def test_where_another_method_is_asked_for_the_layers_that_are_placed_on_the_route_stand(client_for):
    inner = Nacre(middlewares=[Middleware(Stamp("inner"), only="/a")])
    app = Nacre(
        middlewares=[
            Middleware(Stamp("api"), only="/api/*"),
            Middleware(Stamp("posts"), only="POST"),
            Middleware(Preflights("preflight"), only="/api/*"),
        ]
    )
    app.mount("/m", inner)

    for path in ("/api/x", "/other"):
        app.get(path)(lambda request: "")

    @app.post("/api/x")
    async def post(request):
        return ""

    for path in ("/a", "/b"):
        inner.get(path)(lambda request: "")

    async with client_for(app) as client:

        async def stamps(method, path, **headers):
            response = await client.request(method, path, headers=headers)
            return [name for name in ("api", "posts", "inner") if name in response.headers], response.text

        asked = {"access-control-request-method": "POST"}
        assert await stamps("OPTIONS", "/api/x") == (["api"], "preflight")
        assert await stamps("OPTIONS", "/api/x", **asked) == (["api", "posts"], "preflight")
        assert (await stamps("PUT", "/api/x"))[0] == ["api"]
        assert await stamps("OPTIONS", "/other") == ([], "")
        assert (await stamps("PUT", "/m/a"))[0] == ["inner"]
        assert (await stamps("PUT", "/m/b"))[0] == []


# What layers leave on the request.


async def test_session_and_user_are_told_apart_from_nothing(client_for):
    app = Nacre()

    @app.get("/")
    async def index(request):
        assert request.user is None
        with pytest.raises(LookupError, match="layer for sessions"):
            _ = request.session
        request.user, request.session = "ama", {"a": 1}
        return {"user": request.user, "session": request.session}

    async with client_for(app) as client:
        assert (await client.get("/")).json() == {"user": "ama", "session": {"a": 1}}


async def test_session_and_user_reach_asgi_applications_inside(client_for):
    async def inner(scope, receive, send):
        body = f"{scope['user']} {scope['session']['a']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def leave(request):
        request.user, request.session = "ama", {"a": 1}

    app = Nacre(middlewares=[Hooks(before=leave, inline=True)])
    app.mount("/in", inner)
    async with client_for(app) as client:
        assert (await client.get("/in/x")).text == "ama 1"
