"""Typed state: a layer leaves a value under a key, and who takes it needs such a layer."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from nacre import ConfigurationError, Group, Hooks, Key, Nacre, Provide, Request, Response, middleware
from nacre.errors import Location
from nacre.state import State


class User:
    def __init__(self, name: str) -> None:
        self.name = name


USER: Key[User] = Key("user")
COUNT = Key[int]("count")


@middleware(provides=USER)
async def login(request, call_next):
    request.state[USER] = User("ann")
    return await call_next(request)


async def handler(user: Annotated[User, USER]) -> str:
    return user.name


def greeting(user: Annotated[User, USER]) -> str:
    return f"hello {user.name}"


async def greets(text: Annotated[str, Provide(greeting)]) -> str:
    return text


async def pass_on(request, call_next):
    return await call_next(request)


class TestState:
    def test_key_is_its_name(self):
        assert (USER, COUNT) == ("user", "count")
        assert f"{USER}" == "user"
        assert type(COUNT) is Key

    def test_values_are_set_and_taken_by_key_or_name(self):
        state = State()
        state[COUNT] = 3
        assert (state[COUNT], state["count"], state.count, dict(state)) == (3, 3, 3, {"count": 3})
        assert COUNT in state
        assert (state.get(COUNT), state.get(USER), state.get(USER, 1)) == (3, None, 1)
        assert state.get("user", default=2) == 2
        assert state.pop(COUNT) == 3
        assert state.pop(COUNT, 4) == 4
        with pytest.raises(KeyError):
            state.pop(COUNT)
        state["count"] = 5
        del state[COUNT]
        assert len(state) == 0


MARKERS = {
    "annotation": handler,
    "default": lambda user=Provide(USER): user.name,
}


@pytest.mark.parametrize("function", MARKERS.values(), ids=MARKERS)
async def test_handler_takes_what_a_layer_has_left(client_for, function):
    app = Nacre(middlewares=[login])
    app.add_route("/", function)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "ann"


async def test_everyone_inside_may_take_it(client_for):
    seen: list[Any] = []

    def plain_layer(request, call_next, *, user: Annotated[User, USER]):
        seen.append(user.name)
        return call_next(request)

    def before(request, user: Annotated[User, USER]):
        seen.append(user.name)

    app = Nacre(middlewares=[login, plain_layer, Hooks(before=before)])

    @app.before_request
    async def hook(request, user: Annotated[User, USER]):
        seen.append(user.name)

    @app.error_handler(ZeroDivisionError)
    async def answer(request, error, user: Annotated[User, USER]):
        return f"sorry, {user.name}"

    @app.get("/")
    def failing(text: Annotated[str, Provide(greeting)]):
        seen.append(text)
        raise ZeroDivisionError

    async with client_for(app) as client:
        assert (await client.get("/")).text == "sorry, ann"
    assert seen == ["ann", "ann", "ann", "hello ann"]


async def test_optional_ones_need_no_layer(client_for):
    app = Nacre()

    @app.get("/")
    async def optional(user: Annotated[User | None, USER], count: Annotated[int, COUNT] = 7):
        return [user, count]

    async with client_for(app) as client:
        assert (await client.get("/")).json() == [None, 7]


async def test_class_of_a_layer_may_say_it(client_for):
    class Login:
        provides = (USER, COUNT)

        async def __call__(self, request, call_next):
            request.state[USER] = User("bob")
            request.state[COUNT] = 2
            return await call_next(request)

    async def both(user: Annotated[User, USER], count: Annotated[int, COUNT]):
        return f"{user.name} {count}"

    app = Nacre(middlewares=[Login()])
    app.add_route("/", both)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "bob 2"


def problem_of(app: Nacre) -> tuple[str, str | None, Location | None]:
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    [problem] = caught.value.problems
    return problem.what, problem.fix, problem.where


class TestMissingLayer:
    def test_handler_and_key_are_named(self):
        app = Nacre(middlewares=[pass_on])
        app.add_route("/me", handler)
        assert problem_of(app) == (
            "handler `handler` requires `user` on GET /me, and no layer provides that",
            "add a layer that provides `user`, or take it from a provider instead",
            Location.of(handler),
        )

    def test_need_of_a_provider_is_the_handlers(self):
        app = Nacre()
        app.add_route("/me", greets)
        assert problem_of(app)[0] == "handler `greets` requires `user` on GET /me, and no layer provides that"

    def test_near_name_is_shown(self):
        @middleware(provides="users")
        async def near(request, call_next):
            return await call_next(request)

        app = Nacre(middlewares=[near])
        app.add_route("/me", handler)
        assert problem_of(app)[0].endswith("no layer provides that; did you mean `users`?")

    def test_layer_that_is_left_out_is_shown(self):
        @middleware(provides=USER, only="/private/*", name="login")
        async def selective(request, call_next):
            return await call_next(request)

        app = Nacre(middlewares=[selective])
        app.add_route("/private/me", handler)
        app.add_route("/me", handler)
        what, fix, _ = problem_of(app)
        assert what == (
            f"handler `handler` requires `user` on GET /me, but layer `login` ({Location.of(selective.target)}), "
            "which provides it, is left out there (only=/private/*)"
        )
        assert fix == "let `login` cover the route too"

    def test_hook_is_told_with_its_place(self):
        app = Nacre()
        app.add_route("/me", lambda request: "OK")

        @app.before_request
        async def hook(request, user: Annotated[User, USER]): ...

        what, _, where = problem_of(app)
        assert what == f"hook `{hook.__qualname__}` requires `user` on GET /me, and no layer provides that"
        assert where == Location.of(hook)

    def test_layer_needs_one_further_out(self):
        @middleware(name="greeter")
        async def greeter(request, call_next, *, text: Annotated[str, Provide(greeting)]):
            return await call_next(request)

        app = Nacre(middlewares=[greeter, login])
        app.add_route("/me", handler)
        what, fix, _ = problem_of(app)
        assert what.startswith("layer `greeter` (")
        assert "requires `user` on GET /me, but layer `login` (" in what
        assert what.endswith("provides it further in")
        assert fix == "put `login` before `greeter`"

    def test_one_problem_for_all_routes_of_a_handler(self):
        app = Nacre()
        for path in ("/a", "/b"):
            app.add_route(path, handler, methods=["GET", "POST"])
        assert "on GET /a" in problem_of(app)[0]

    def test_group_layer_serves_its_routes_only(self):
        app, group = Nacre(), Group("/inside", middlewares=[login])
        app.include(group)
        group.add_route("/", handler)
        app.compile()
        with pytest.raises(ConfigurationError, match="requires `user` on GET /outside"):
            app.add_route("/outside", handler)

    async def test_layer_that_breaks_its_promise_is_a_server_error(self, client_for):
        app = Nacre(middlewares=[middleware(provides=USER)(pass_on)])
        app.add_route("/", handler)
        async with client_for(app) as client:
            assert (await client.get("/")).status == 500


async def test_layer_may_answer_without_it(client_for):
    @middleware(provides=USER)
    async def guard(request: Request, call_next):
        if "authorization" not in request.headers:
            return Response(status=401)
        request.state[USER] = User("ann")
        return await call_next(request)

    app = Nacre(middlewares=[guard])
    app.add_route("/", handler)
    async with client_for(app) as client:
        assert (await client.get("/")).status == 401
        assert (await client.get("/", headers={"authorization": "x"})).text == "ann"
