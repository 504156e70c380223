"""What dialects stand on: views of requests, responses as another class, a subclass with its own answers and list."""

import gc
import weakref

import pytest

from nacre import Hooks, Middleware, Nacre, Request, Response, StreamingResponse
from nacre.groups import MiddlewareList
from nacre.lazy import lazy
from nacre.views import RequestView, native_request


class Visit(RequestView):
    @lazy
    def seen(self):
        return []


class Reply(Response):
    @property
    def status_code(self):
        return self.status


async def test_a_request_has_one_view_of_a_class_as_long_as_it_lasts(client_for):
    async def outer(request, call_next):
        Visit.of(request).seen.append("outer")
        return await call_next(request)

    app = Nacre(middlewares=[outer])

    @app.get("/")
    async def home(request):
        visit = Visit.of(request)
        assert visit.native is request
        visit.seen.append("handler")
        return visit.seen

    async with client_for(app) as client:
        assert (await client.get("/")).json() == ["outer", "handler"]
        assert (await client.get("/")).json() == ["outer", "handler"]


async def test_classes_of_views_share_nothing_but_the_request(client_for):
    class Call(RequestView):
        pass

    app = Nacre()

    @app.get("/")
    async def home(request):
        return [
            Visit.of(request) is Visit.of(request),
            Call.of(request) is not Visit.of(request),
            native_request(Call.of(request)) is native_request(request),
        ]

    async with client_for(app) as client:
        assert (await client.get("/")).json() == [True, True, True]


def test_what_is_no_request_is_told_so():
    with pytest.raises(TypeError, match="not a dict"):
        native_request({})


def test_a_response_as_another_class_keeps_what_it_is_made_of():
    response = Response("reef", 203, {"x-depth": "12"}, background=print)
    response.set_cookie("a", "b")
    reply = response.as_kind(Reply)
    assert type(reply) is Reply
    assert (reply.status_code, reply.body, reply.background) == (203, b"reef", print)
    assert reply.headers.getlist("set-cookie") == response.headers.getlist("set-cookie")
    reply.headers["x-depth"] = "13"
    assert response.headers["x-depth"] == "13"
    assert reply.as_kind(Reply) is reply
    assert reply.as_kind(Response) is reply


async def test_a_response_as_another_class_streams_and_calls_back_once(client_for):
    calls = []
    app = Nacre()

    @app.middlewares.append
    async def outer(request, call_next):
        return (await call_next(request)).as_kind(Reply)

    @app.get("/")
    async def home():
        async def pieces():
            yield "a"
            yield "b"

        response = StreamingResponse(pieces())
        response.on_sent(lambda: calls.append("sent"))
        return response

    async with client_for(app) as client:
        assert (await client.get("/")).text == "ab"
    assert calls == ["sent"]


class Polite(Nacre):
    dialect = "polite"

    def answer_options(self, request):
        return Response(status=200, headers={"allow": " ".join(request.allowed_methods)})

    def answer_unknown(self, request):
        if request.method == "OPTIONS":
            return Response(status=200)
        return super().answer_unknown(request)

    def error_page(self, request, error):
        return Response(f"sorry: {error.status}", error.status)


def polite():
    app = Polite()

    @app.get("/reef")
    async def reef():
        return "reef"

    return app


@pytest.mark.parametrize("prefix", ["", "/polite"])
async def test_a_subclass_answers_where_no_route_does_also_where_it_is_mounted(client_for, prefix):
    app = polite()
    if prefix:
        outer = Nacre()
        outer.mount(prefix, app)
        app = outer
    async with client_for(app) as client:
        options = await client.request("OPTIONS", f"{prefix}/reef")
        assert (options.status, options.headers["allow"]) == (200, "GET HEAD OPTIONS")
        assert (await client.request("OPTIONS", f"{prefix}/else")).status == 200
        assert (await client.get(f"{prefix}/else")).text == "sorry: 404"
        assert (await client.post(f"{prefix}/reef")).text == "sorry: 405"
        if prefix:
            assert (await client.get("/else")).text == "Not Found"


class ByName(MiddlewareList):
    """Takes names of headers too, and passes layers in the order of their names."""

    def prepare(self, item):
        if isinstance(item, str):
            return Middleware(Hooks(after=lambda request, response: response.headers.add("x-names", item)), name=item)
        return item

    @property
    def entries(self):
        return tuple(sorted(super().entries, key=lambda entry: entry.item.name))


class Named(Nacre):
    middleware_list = ByName


async def test_a_list_of_an_applications_own_prepares_and_orders_its_items(client_for):
    app = Named(middlewares=["c"])
    app.middlewares.append("a")
    app.middlewares[0:0] = ["d"]
    app.middlewares.insert(0, "b")

    @app.get("/")
    async def home():
        return None

    async with client_for(app) as client:
        assert (await client.get("/")).headers.getlist("x-names") == ["d", "c", "b", "a"]
        app.middlewares[0] = "e"
        assert (await client.get("/")).headers.getlist("x-names") == ["e", "d", "c", "a"]


class Speaking(Middleware):
    dialect = "speech"


async def around(request, call_next):
    return await call_next(request)


def test_chains_name_the_dialect_of_layers_hooks_and_handlers():
    app = Polite(middlewares=[Speaking(around), around])

    @app.before_request
    def early(request):
        pass

    @app.get("/")
    async def home(request: Request):
        return None

    chain = app.explain("GET", "/").chain
    assert [layer.dialect for layer in chain.layers] == ["speech", None]
    assert [hook.dialect for hook in chain.hooks] == ["polite"]
    assert chain.dialect == "polite"
    outer = Nacre()
    outer.mount("/polite", app)
    chain = outer.explain("GET", "/polite/").chain
    assert ([layer.dialect for layer in chain.layers], chain.dialect) == (["speech", None], "polite")


async def test_a_request_with_views_leaves_nothing_to_the_garbage_collector(client_for):
    app = Nacre()
    kept = []

    @app.get("/")
    async def home(request):
        kept.append(weakref.ref(Visit.of(request)))
        return "x"

    @app.get("/plain")
    def plain(request):
        kept.append(weakref.ref(Visit.of(request)))
        return "x"

    gc.disable()
    try:
        async with client_for(app) as client:
            for path in ("/", "/plain"):
                await client.get(path)
        assert [view() for view in kept] == [None, None]
    finally:
        gc.enable()


async def test_a_layer_may_give_its_compiled_form(client_for):
    class Counting:
        def __init__(self):
            self.requests = 0

        def for_route(self, place):
            return self

        async def __call__(self, request, call_next):
            raise AssertionError("its compiled form is there")

        def around(self, handle):
            def counted(request):
                self.requests += 1
                return handle(request)

            return counted

    counting = Counting()
    app = Nacre(middlewares=[counting])

    @app.get("/")
    async def home():
        return "x"

    async with client_for(app) as client:
        assert (await client.get("/")).text == "x"
        assert (await client.get("/else")).status == 404
    assert counting.requests == 2
