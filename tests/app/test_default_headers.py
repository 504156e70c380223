"""Header fields that are the same for every response."""

from __future__ import annotations

import pytest

from nacre import Group, Hooks, Nacre, Request, Response, StreamingResponse
from nacre.callables import Call
from nacre.chain.hooks import DefaultFields, DefaultHeaders, default_fields, fold
from nacre.testing import TestClient


def test_every_response_has_them() -> None:
    app = Nacre(middlewares=[DefaultHeaders({"X-App": "9", "cache-control": "no-store"})])

    @app.get("/")
    def plain() -> str:
        return "x"

    @app.get("/stream")
    def stream() -> Response:
        return StreamingResponse(iter(["x"]))

    @app.get("/error")
    def error() -> str:
        raise ValueError("x")

    with TestClient(app) as client:
        for path, status in (("/", 200), ("/stream", 200), ("/nowhere", 404), ("/error", 500)):
            response = client.get(path)
            assert (response.status, response.headers.getlist("x-app")) == (status, ["9"])
            assert response.headers.getlist("cache-control") == ["no-store"]


def test_what_a_response_has_stays_and_the_innermost_layer_decides() -> None:
    inner = Group("/inner", middlewares=[DefaultHeaders({"x-app": "inner"})])
    app = Nacre(middlewares=[DefaultHeaders({"x-app": "1", "x-more": "1"}), DefaultHeaders({"x-app": "2"})])

    @inner.get("/")
    @app.get("/")
    def plain() -> str:
        return "x"

    @app.get("/own")
    def own() -> Response:
        return Response("x", headers={"X-App": "own"})

    app.include(inner)
    with TestClient(app) as client:
        for path, expected in (("/", "2"), ("/own", "own"), ("/inner/", "inner")):
            headers = client.get(path).headers
            assert (headers.getlist("x-app"), headers.getlist("x-more")) == ([expected], ["1"])


def test_neighbours_become_one_finalizer() -> None:
    async def other(request: Request, response: Response) -> None:
        pass

    between = Call(other, None)
    given = [default_fields([pair]) for pair in (("a", "1"), ("a", "2"), ("b", "3"))]
    first, second, third = fold([*given, between, default_fields([("a", "4")])])
    assert isinstance(first, DefaultFields)
    assert first.pairs == (("a", "1"), ("b", "3"))
    assert second is between
    assert isinstance(third, DefaultFields)
    assert third.pairs == (("a", "4"),)


@pytest.mark.parametrize("name", ["content-length", "Transfer-Encoding", "no name", "connection"])
def test_fields_that_are_not_a_layers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name.lower()):
        DefaultHeaders({name: "1"})


def test_a_row_of_hooks_is_left_where_one_answers() -> None:
    """Each `before` may answer: the layers outside run their `after`, itself and those inside don't."""
    log: list[str] = []

    def layer(index: int) -> Hooks:
        def before(request: Request) -> str | None:
            log.append(f"in {index}")
            return "stopped" if request.headers.get("stop") == str(index) else None

        async def after(request: Request, response: Response) -> str | None:
            log.append(f"out {index}")
            return f"replaced by {index}" if request.headers.get("replace") == str(index) else None

        return Hooks(before=before if index != 1 else None, after=after if index != 3 else None, inline=True)

    app = Nacre(middlewares=[layer(index) for index in range(4)])

    @app.get("/")
    def handler() -> str:
        log.append("handler")
        return "handled"

    with TestClient(app) as client:
        assert client.get("/").text == "handled"
        assert log == ["in 0", "in 2", "in 3", "handler", "out 2", "out 1", "out 0"]
        for stop, expected in (
            ("0", ["in 0"]),
            ("2", ["in 0", "in 2", "out 1", "out 0"]),
            ("3", ["in 0", "in 2", "in 3", "out 2", "out 1", "out 0"]),
        ):
            log.clear()
            assert client.get("/", headers={"stop": stop}).text == "stopped"
            assert log == expected
        assert client.get("/", headers={"replace": "1"}).text == "replaced by 1"
