"""`app.describe()` and `app.explain()`: right, complete, frozen, and plain data on demand."""

import dataclasses
import json
import threading

import pytest

from nacre import Group, Hooks, Middleware, Nacre, middleware
from nacre.testing import TestClient


async def outer(request, call_next):
    return await call_next(request)


@middleware(provides="user", requires="outer", skip="open")
async def auth(request, call_next):
    return await call_next(request)


class Raw:
    def __init__(self, app, secret=None):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class Django:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        pass

    def finalize(self, request, response):
        pass


def stamp(request, response):
    pass


def before(request):
    pass


def after(request, response):
    pass


def after_error(request, response):
    pass


def on_missing(request):
    return "missing"


def on_value_error(request):
    return "value"


def item(request, item_id, page):
    return "item"


def make_app():
    app = Nacre(middlewares=[outer, Hooks(finalize=stamp), auth], name="site", max_body=1024)
    app.before_request(before)
    app.after_error(after_error)
    app.error_handler(404)(on_missing)
    shop = Group("/shop", name="shop", tags=["open"], middlewares=[Django], slashes="redirect", max_body=2048)
    shop.after_request(after)
    shop.get(
        "/items/<int(min=1):item_id>",
        name="item",
        defaults={"page": 1},
        max_body=4096,
        error_handlers={ValueError: on_value_error},
        role="admin",
    )(item)
    app.include(shop)
    app.post("/orders")(lambda request: 201)
    return app


@pytest.fixture
def route():
    [route] = [route for route in make_app().describe().routes if route.name == "shop:item"]
    return route


def test_route_says_where_it_is_and_what_it_takes(route):
    assert (route.path, route.methods, route.tags) == ("/shop/items/<int(min=1):item_id>", ("GET",), ("open",))
    assert (route.handler, route.slashes, dict(route.defaults)) == ("item", "redirect", {"page": 1})
    assert dict(route.options) == {"role": "admin"}
    [variable] = route.variables
    assert (variable.name, variable.converter, variable.type) == ("item_id", "int(min=1)", "int")
    assert route.where.file == __file__


def test_chain_has_layers_hooks_finalizers_and_handlers_in_order(route):
    [chain] = route.chains
    assert chain.scopes == ("app", "group /shop", "route")
    assert [(layer.name, layer.style, layer.scope) for layer in chain.layers] == [
        ("outer", "onion", "app"),
        ("stamp", "hooks", "app"),
        ("Django", "django", "group /shop"),
    ]
    assert [(layer.name, layer.skipped) for layer in chain.skipped] == [("auth", "skip=open")]
    assert chain.layers[2].parts == ("process_exception", "finalize")
    assert [(hook.name, hook.kind, hook.scope) for hook in chain.hooks] == [
        ("before", "before_request", "app"),
        ("after", "after_request", "group /shop"),
        ("after_error", "after_error", "app"),
    ]
    assert [finalizer.name for finalizer in chain.finalizers] == ["Django", "stamp"]
    handlers = [(handler.key, handler.name, handler.scope) for handler in chain.error_handlers]
    assert handlers == [("ValueError", "on_value_error", "route"), ("404", "on_missing", "app")]
    assert all(part.where.file == __file__ for part in (*chain.hooks, *chain.finalizers, *chain.error_handlers))


def test_limit_of_the_route_counts_before_that_of_the_group(route):
    assert route.chains[0].max_body == 4096


async def test_limit_of_the_route_is_kept():
    app = Nacre()

    @app.post("/", max_body=3)
    async def handler(request):
        return await request.body()

    async with TestClient(app) as client:
        assert (await client.post("/", content=b"abc")).status == 200
        assert (await client.post("/", content=b"abcd")).status == 413


def test_layers_say_what_they_promise():
    [chain] = [chain for chain in make_app().describe().chains if chain.path == "/orders"]
    layer = chain.layers[-1]
    assert (layer.name, layer.provides, layer.requires, layer.skip) == ("auth", ("user",), ("outer",), ("open",))


def test_scopes_are_the_application_and_its_groups():
    scopes = {scope.label: scope for scope in make_app().describe().scopes}
    assert list(scopes) == ["app", "group /shop"]
    assert [layer.name for layer in scopes["app"].layers] == ["outer", "stamp", "auth"]
    assert [hook.kind for hook in scopes["app"].hooks] == ["before_request", "after_error"]
    assert (scopes["group /shop"].name, scopes["group /shop"].max_body) == ("shop", 2048)
    assert scopes["group /shop"].where.file == __file__


def test_mounts_are_listed_with_what_they_hold():
    async def foreign(scope, receive, send):
        pass

    app, native = Nacre(), Nacre()
    native.get("/inside")(lambda request: "")
    app.before_request(before)
    group = Group("/group")
    group.mount("/native", native, name="native")
    app.include(group)
    app.mount("/foreign", foreign)
    description = app.describe()
    mounts = [(mount.prefix, mount.app.rpartition(".")[2], mount.name, mount.native) for mount in description.mounts]
    assert sorted(mounts) == [("/foreign", "foreign", None, False), ("/group/native", "Nacre", "native", True)]
    assert "/group/native/inside" in [route.path for route in description.routes]
    foreign_chains = [chain for chain in description.chains if chain.path.startswith("/foreign")]
    assert all(not [hook for hook in chain.hooks if hook.kind == "before_request"] for chain in foreign_chains)


def test_fallbacks_are_by_prefix_and_say_what_they_answer():
    fallbacks = make_app().describe().fallbacks
    assert set(fallbacks) == {"", "/shop"}
    outcomes = [chain.outcome for chain in fallbacks["/shop"]]
    assert outcomes == ["not_found", "wrong_method", "options", "redirect", "refused"]


def test_description_is_frozen(route):
    with pytest.raises(dataclasses.FrozenInstanceError):
        route.path = "/other"
    with pytest.raises(TypeError):
        route.options["role"] = "guest"


def test_chain_needs_no_event_loop_if_all_of_it_is_plain():
    def plain(request, call_next):
        return call_next(request)

    app = Nacre(middlewares=[plain])
    app.get("/plain")(lambda request: "")

    @app.get("/async")
    async def handler(request):
        return ""

    assert [chain.runs_inline for chain in app.describe().chains] == [True, False]
    app.middlewares.insert(0, Raw)
    assert [chain.runs_inline for chain in app.describe().chains] == [False, False]
    assert app.describe().chains[0].layers[0].raw


# Plain data.


class Stubborn:
    def __repr__(self):
        raise RuntimeError("no")


class Long:
    def __repr__(self):
        return "x" * 1000


def test_as_dict_is_json_whatever_the_options_are():
    class Local:
        pass

    loop = []
    loop.append(loop)
    app = Nacre(middlewares=[Middleware(Raw, secret="hunter2")])
    options = {
        "lock": threading.Lock(),
        "function": outer,
        "type": Local,
        "stubborn": Stubborn(),
        "loop": loop,
        "keys": {1: "one", None: {2, 3}},
        "nan": float("nan"),
        "bytes": b"\xff",
        "long": Long(),
    }
    app.get("/", **options)(lambda request: "")
    text = json.dumps(app.describe().as_dict(), allow_nan=False)
    assert "hunter2" not in text
    data = json.loads(text)["routes"][0]["options"]
    assert data["function"] == f"{__name__}.outer"
    assert data["type"].endswith("<locals>.Local")
    assert data["stubborn"] == "<Stubborn>"
    assert data["keys"] == {"1": "one", "None": [2, 3]}
    assert data["nan"] == "nan"
    assert data["long"] == "x" * 200 + "…"


def test_places_in_as_dict_are_file_and_line(route):
    place = make_app().describe().as_dict()["routes"][0]["where"]
    assert place == {"file": __file__, "line": route.where.line}


# Explanations.


def test_explanation_of_a_concrete_path():
    explanation = make_app().explain("get", "/shop/items/7")
    assert (explanation.outcome, explanation.route.name) == ("route", "shop:item")
    assert dict(explanation.path_params) == {"item_id": 7, "page": 1}
    assert explanation.chain.method == "GET"


OUTCOMES = {
    "unknown": ("GET", "/nowhere", "not_found"),
    "not of the type": ("GET", "/shop/items/x", "not_found"),
    "below the minimum": ("GET", "/shop/items/0", "not_found"),
    "wrong method": ("DELETE", "/orders", "wrong_method"),
    "options": ("OPTIONS", "/orders", "options"),
    "server-wide options": ("OPTIONS", "*", "options"),
    "slash": ("GET", "/shop/items/7/", "redirect"),
    "no path": ("GET", "orders", "refused"),
    "head": ("HEAD", "/shop/items/7", "route"),
}


@pytest.mark.parametrize(("method", "path", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
def test_explanation_says_what_becomes_of_a_request(method, path, outcome):
    explanation = make_app().explain(method, path)
    assert (explanation.outcome, explanation.chain.outcome) == (outcome, outcome)


def test_explanation_has_the_details_of_its_outcome():
    app = make_app()
    assert app.explain("DELETE", "/orders").allowed == ("POST", "OPTIONS")
    assert app.explain("GET", "/shop/items/7/").redirect == "/shop/items/7"
    assert app.explain("GET", "orders").refusal == "the request target is malformed"
    assert app.explain("GET", "/order").nearest[0].path == "/orders"


def test_explanation_heeds_the_host():
    app = Nacre()
    app.get("/", host="api.example.com", name="api")(lambda request: "")
    app.get("/", name="any")(lambda request: "")
    assert app.explain("GET", "/", "api.example.com").route.name == "api"
    assert app.explain("GET", "/", "api.example.com:8000").route.name == "api"
    assert app.explain("GET", "/").route.name == "any"
    assert app.explain("GET", "/", "not a host").outcome == "refused"


def test_explanation_is_json():
    json.dumps(make_app().explain("GET", "/shop/items/7").as_dict())
