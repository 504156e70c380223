"""Routes in the order of their declaration, and paths in any case."""

import itertools
import re

import pytest

from nacre import Group, Nacre
from nacre.errors import ConfigurationError

EXPRESSIONS = {
    "/users/<name>": r"/users/[^/]+",
    "/users/active": r"/users/active",
    "/<x>/active": r"/[^/]+/active",
    "/users/<int:number>": r"/users/-?\d+",
    "/<path:rest>": r"/.+",
    "/users/<path:rest>": r"/users/.+",
}
PATTERNS = list(EXPRESSIONS)
PATHS = ["/users/active", "/users/7", "/users/reef", "/users/7/active", "/reef/active", "/users", "/a/b/c"]


def declared(patterns, **options):
    app = Nacre(**options)
    for pattern in patterns:
        app.add_route(pattern, lambda request: request.route.path)
    return app


@pytest.mark.parametrize("patterns", list(itertools.permutations(PATTERNS, 3)), ids=" ".join)
def test_the_route_declared_first_wins(patterns):
    app = declared(patterns, route_order="declared")
    for path in PATHS:
        found = app.find_route("GET", path)
        expected = next((one for one in patterns if re.fullmatch(EXPRESSIONS[one], path)), None)
        assert (found and found.path) == expected, path


def test_only_routes_with_the_method_count():
    app = Nacre(route_order="declared")
    app.add_route("/users/<name>", lambda name: name, methods=["GET"])
    app.add_route("/users/active", lambda: "", methods=["GET", "POST"])
    assert app.find_route("POST", "/users/active").path == "/users/active"
    assert app.find_route("GET", "/users/active").path == "/users/<name>"
    assert app.find_route("HEAD", "/users/active").path == "/users/<name>"


@pytest.mark.parametrize("patterns", list(itertools.permutations(PATTERNS, 2)), ids=" ".join)
@pytest.mark.parametrize("first", ["GET", "*"])
def test_a_route_for_any_method_takes_its_turn(patterns, first):
    methods = [first, "GET" if first == "*" else "*"]
    app = Nacre(route_order="declared")
    for pattern, method in zip(patterns, methods, strict=True):
        app.add_route(pattern, lambda request: "", methods=[method])
    for path in PATHS:
        for method in ("GET", "HEAD", "BREW"):
            found = app.find_route(method, path)
            having = [
                pattern
                for pattern, taken in zip(patterns, methods, strict=True)
                if re.fullmatch(EXPRESSIONS[pattern], path) and (taken == "*" or method != "BREW")
            ]
            assert (found and found.path) == (having[0] if having else None), (method, path)


@pytest.mark.parametrize("path", ["/reef", "/<name>"])
def test_a_route_for_any_method_hides_a_later_one_of_the_same_path(path):
    app = Nacre(route_order="declared")
    app.add_route(path, lambda request: "", methods=["*"])
    app.add_route(path, lambda request: "", methods=["GET"])
    assert app.find_route("GET", "/reef") is app.routes[0]


@pytest.mark.parametrize("path", ["/reef", "/<name>"])
def test_of_two_declared_alike_the_first_answers_also_if_it_has_defaults(path):
    app = Nacre(route_order="declared")
    app.add_route(path, lambda request: "", defaults={"page": 1})
    app.add_route(path, lambda request: "")
    assert app.find_route("GET", "/reef") is app.routes[0]


def test_of_two_declared_alike_the_first_answers():
    app = declared(["/reef", "/reef"], route_order="declared")
    assert app.find_route("GET", "/reef") is app.routes[0]
    with pytest.raises(ConfigurationError, match="declared twice"):
        declared(["/reef", "/reef"]).compile()


@pytest.mark.parametrize("is_late", [False, True], ids=["routes in the group first", "routes in the group last"])
@pytest.mark.parametrize("depth", [1, 2], ids=["group", "group in a group"])
def test_routes_of_a_group_count_where_it_is_included(is_late, depth):
    app, group = Nacre(route_order="declared"), Group()
    if not is_late:
        group.add_route("/<name>", lambda name: name)
    app.add_route("/reef", lambda: "")
    for _ in range(depth - 1):
        around = Group()
        around.include(group)
        group = around
    app.include(group)
    app.add_route("/atoll", lambda: "")
    if is_late:
        next(iter(group.all_groups())).add_route("/<name>", lambda name: name)
    assert [app.find_route("GET", path).path for path in ("/reef", "/atoll")] == ["/reef", "/<name>"]


def test_an_empty_path_is_the_prefix_itself_or_the_root():
    app, group = Nacre(), Group("/in")
    for holder in (app, group):
        holder.add_route("", lambda: "")
    app.include(group)
    assert [app.find_route("GET", path).path for path in ("/", "/in")] == ["/", "/in"]
    assert app.find_route("GET", "/in/") is None


def test_routes_of_a_mounted_application_count_where_it_is_mounted():
    app, inner = Nacre(route_order="declared"), Nacre(route_order="declared")
    inner.add_route("/", lambda: "")
    app.add_route("/<path:rest>", lambda rest: rest)
    app.mount("/in", inner)
    assert app.find_route("GET", "/in/").path == "/<path:rest>"


def test_a_groups_order_is_its_own():
    app = Nacre()
    inner = Group("/in", route_order="declared")
    for group in (app, inner):
        group.add_route("/<name>", lambda name: name)
        group.add_route("/reef", lambda: "")
    app.include(inner)
    assert app.find_route("GET", "/reef").path == "/reef"
    assert app.find_route("GET", "/in/reef").path == "/in/<name>"


async def test_a_path_in_another_case_matches_with_its_values_as_sent(client_for):
    app = Nacre(case_sensitive=False)

    @app.get("/Divers/<name>/Logs/<path:rest>")
    def files(name: str, rest: str):
        return [name, rest]

    @app.get("/divers/me/logs/x")
    def mine():
        return "mine"

    async with client_for(app) as client:
        assert (await client.get("/Divers/Ada/Logs/B/C")).json() == ["Ada", "B/C"]
        assert (await client.get("/dIVERS/Ada/lOGS/B/C")).json() == ["Ada", "B/C"]
        assert (await client.get("/divers/ME/logs/X")).text == "mine"
        wrong = await client.post("/DIVERS/me/LOGS/x")
        assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert (await client.get("/other")).status == 404


async def test_case_and_slash_may_both_differ(client_for):
    app = Nacre()
    loose = Group(case_sensitive=False, slashes="ignore")
    moved = Group(case_sensitive=False, slashes="redirect")
    loose.add_route("/Reef", lambda: "reef")
    moved.add_route("/Shoal", lambda: "shoal")
    app.include(loose)
    app.include(moved)
    app.add_route("/exact", lambda: "exact")
    async with client_for(app) as client:
        assert (await client.get("/REEF/")).text == "reef"
        answer = await client.get("/SHOAL/", follow_redirects=False)
        assert (answer.status, answer.headers["location"]) == (308, "/SHOAL")
        assert (await client.get("/EXACT")).status == 404
