"""Routes in the order of their declaration, many of them: what is answered, and what it costs to settle that."""

import random
import re

import pytest

from nacre import Nacre
from nacre.routing import tree

SEGMENTS = ["a", "b", "<{}>", "<int:{}>"]
TAIL = "<path:{}>"
EXPRESSIONS = {"<{}>": "[^/]+", "<int:{}>": r"-?\d+", TAIL: ".+"}
METHODS = [["GET"], ["POST"], ["GET", "POST"], ["*"]]


def drawn(chance):
    """A pattern and the expression for the same paths, of one to three segments with at most one tail."""
    segments = chance.choices(SEGMENTS, k=chance.randint(1, 3))
    if chance.random() < 0.3:
        segments[chance.randrange(len(segments))] = TAIL
    pattern = "".join("/" + one.format(f"v{at}") for at, one in enumerate(segments))
    return pattern, "".join("/" + EXPRESSIONS.get(one, one) for one in segments)


@pytest.mark.parametrize("seed", range(60))
def test_the_first_of_all_that_match_answers(seed):
    chance = random.Random(seed)
    app, routes = Nacre(route_order="declared"), []
    for _ in range(chance.randint(2, 14)):
        (pattern, expression), methods = drawn(chance), chance.choice(METHODS)
        routes.append((app.add_route(pattern, lambda request: "", methods=methods), expression, methods))
    for path in ["/" + "/".join(chance.choices(["a", "b", "7", "x"], k=chance.randint(1, 4))) for _ in range(60)]:
        for method in ("GET", "POST", "BREW"):
            first = next(
                (
                    at
                    for at, (_, expression, methods) in enumerate(routes)
                    if re.fullmatch(expression, path) and (method in methods or "*" in methods)
                ),
                None,
            )
            assert app.find_route(method, path) is (None if first is None else app.routes[first]), (method, path)


def comparisons(monkeypatch, count):
    compared = []
    may_meet = tree._may_meet
    with monkeypatch.context() as patched:
        patched.setattr(tree, "_may_meet", lambda *branches: compared.append(branches) or may_meet(*branches))
        app = Nacre(route_order="declared")
        for pattern in ("/s{}", "/api/s{}/all", "/p{}/<name>", "/api/t{}/<path:rest>", "/<name>/v{}"):
            for number in range(count):
                app.add_route(pattern.format(number), lambda request: "")
        app.add_route("/<name>", lambda request: "")
        app.add_route("/<path:rest>", lambda request: "")
        app.compile()
    return len(compared)


def test_routes_are_compared_with_those_only_that_they_may_have_to_ask(monkeypatch):
    few, many = comparisons(monkeypatch, 50), comparisons(monkeypatch, 500)
    assert many <= 20 * few + 100
