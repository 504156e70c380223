"""What one function is given at several places of a chain: its own scope's providers, overrides and answers."""

import dataclasses
from typing import Annotated, Any

import msgspec
import pytest

from nacre import ConfigurationError, Group, Header, Key, Nacre, Provide, Query, Validation, middleware


class Session:
    def __init__(self, name: str) -> None:
        self.name = name


class Repo:
    def __init__(self, session: Session) -> None:
        self.name = f"repo of {session.name}"


def get_repo(session: Session) -> Repo:
    return Repo(session)


def service(repo: Annotated[Repo, Provide(get_repo)]) -> str:
    return f"service of {repo.name}"


def outer_session() -> Session:
    return Session("outer")


def inner_session() -> Session:
    return Session("inner")


def asks(app: Group, target: Any, seen: list[str]) -> None:
    """Let a layer of this scope ask before what it holds does."""

    @app.middlewares.append
    async def layer(request, call_next, *, value: Annotated[Any, Provide(target)]):
        seen.append(getattr(value, "name", value))
        return await call_next(request)


@pytest.mark.parametrize("scope", ["request", "app"])
@pytest.mark.parametrize("target", [get_repo, Repo, service], ids=["function", "class", "two steps away"])
@pytest.mark.parametrize("mounted", [True, False], ids=["mounted application", "group"])
async def test_value_is_kept_with_what_it_was_made_of(client_for, target, mounted, scope):
    seen: list[str] = []
    app = Nacre()
    inner: Group = Nacre() if mounted else Group("/in")
    app.provider(outer_session, scope=scope)
    inner.provider(inner_session, scope=scope)
    asks(app, target, seen)

    @inner.get("/")
    async def handler(value: Annotated[Any, Provide(target)]):
        seen.append(getattr(value, "name", value))
        return "ok"

    if mounted:
        app.mount("/in", inner)
    else:
        app.include(inner)
    async with client_for(app) as client:
        assert (await client.get("/in/")).text == "ok"
    names = ["outer", "inner"] if mounted else ["inner", "inner"]
    begin = "service of repo of " if target is service else "repo of "
    assert seen == [begin + name for name in names]


async def test_override_stays_within_its_application(client_for):
    seen: list[str] = []
    app, inner = Nacre(), Nacre()

    def get(session: Annotated[Session, Provide(outer_session)]) -> Repo:
        return Repo(session)

    asks(app, get, seen)

    @inner.get("/")
    async def handler(repo: Annotated[Repo, Provide(get)]):
        seen.append(repo.name)

    app.mount("/in", inner)
    async with client_for(app) as client:
        with app.override(outer_session, inner_session):
            await client.get("/in/")
        with inner.override(outer_session, inner_session):
            await client.get("/in/")
    assert seen == ["repo of inner", "repo of outer", "repo of outer", "repo of inner"]


async def test_equal_needs_are_one_value_across_applications(client_for):
    made: list[Repo] = []

    def get(session: Annotated[Session, Provide(outer_session)]) -> Repo:
        made.append(Repo(session))
        return made[-1]

    app, inner = Nacre(), Nacre()
    asks(app, get, [])

    @inner.get("/")
    async def handler(repo: Annotated[Repo, Provide(get)]):
        assert repo is made[0]

    app.mount("/in", inner)
    async with client_for(app) as client:
        assert (await client.get("/in/")).status == 204
    assert len(made) == 1


# Answers to a failed validation.


@pytest.mark.parametrize("path", ["/in/x", "/group/x", "/x"])
async def test_layer_answers_a_failed_validation_as_its_own_scope_does(client_for, path):
    def shape(name):
        return lambda errors: {"by": name}

    app = Nacre(validation=Validation(status=400, shape=shape("outer")))
    inner = Nacre(validation=Validation(status=418, shape=shape("inner")))
    group = Group("/group", validation=Validation(status=409, shape=shape("group")))

    @app.middlewares.append
    async def auth(request, call_next, *, number: Annotated[int, Header()]):
        return await call_next(request)

    async def handler(limit: int):
        return limit

    for one in (app, inner, group):
        one.add_route("/x", handler)
    app.mount("/in", inner)
    app.include(group)
    own = {"/in/x": (418, "inner"), "/group/x": (409, "group"), "/x": (400, "outer")}[path]
    async with client_for(app) as client:
        response = await client.get(path, headers={"number": "x"})
        assert (response.status, response.json()) == (400, {"by": "outer"})
        response = await client.get(path, headers={"number": "1"})
        assert (response.status, response.json()) == (own[0], {"by": own[1]})


# Handlers at several paths.


class Item:
    def __init__(self, name: str = "item") -> None:
        self.name = name

    async def get(self, id: int = 0):
        return [self.name, id]

    def post(self, id: int = 0):
        return [self.name, id]


def as_class(app: Nacre, path: str) -> None:
    app.add_route(path, Item, methods=["GET", "POST"])


def as_bound_methods(app: Nacre, path: str) -> None:
    item = Item()
    app.add_route(path, item.get, methods=["GET"])
    app.add_route(path, item.post, methods=["POST"])


@pytest.mark.parametrize("declare", [as_class, as_bound_methods])
async def test_method_has_a_default_for_the_path_without_the_variable(client_for, declare):
    app = Nacre()
    declare(app, "/a")
    declare(app, "/a/<id>")
    async with client_for(app) as client:
        for method in ("GET", "POST"):
            assert (await client.request(method, "/a")).json() == ["item", 0]
            assert (await client.request(method, "/a/5")).json() == ["item", 5]


def test_method_of_another_class_is_another_function():
    class Other(Item): ...

    app = Nacre()
    app.add_route("/a", Item().get)
    app.add_route("/a/<id>", Other().get)
    with pytest.raises(ConfigurationError, match="a default, which is never used"):
        app.compile()


# Overrides in applications that are complete only where they are mounted.

USER: Key[str] = Key("user")


def greeting() -> str:
    return "hello"


def parts() -> tuple[Nacre, Nacre]:
    """An application that leaves a user, and one mounted in it that takes it."""

    @middleware(provides=USER)
    async def login(request, call_next):
        request.state[USER] = "ada"
        return await call_next(request)

    app, inner = Nacre(middlewares=[login]), Nacre()

    @inner.get("/")
    async def handler(text: Annotated[str, Provide(greeting)], user: Annotated[str, USER]):
        return f"{text} {user}"

    group = Group("/group")
    group.mount("/in", inner)
    app.include(group)
    return app, inner


@pytest.mark.parametrize("before", [True, False], ids=["before the first request", "after it"])
async def test_provider_of_an_application_that_needs_the_one_around_it_is_overridden(client_for, before):
    app, inner = parts()
    async with client_for(app) as client:
        if not before:
            assert (await client.get("/group/in/")).text == "hello ada"
        with inner.override(greeting, value="bye"):
            assert (await client.get("/group/in/")).text == "bye ada"
        assert (await client.get("/group/in/")).text == "hello ada"


def test_override_through_another_application_says_where():
    app, inner = parts()
    with pytest.raises(ConfigurationError) as caught, app.override(greeting, value="bye"):
        raise AssertionError
    [problem] = caught.value.problems
    assert problem.what == "nothing in the application asks for `greeting`, which is overridden"
    assert problem.fix == "another application of those that are mounted together does: call its `override`"
    with pytest.raises(ConfigurationError, match="did you mean `greeting`"), inner.override("`greetin`", value=""):
        raise AssertionError


# Provider classes.


@dataclasses.dataclass
class DataFilter:
    limit: int = 10
    tags: Annotated[list[str], Query()] = dataclasses.field(default_factory=lambda: ["x"])


NOT_GIVEN: Any = object()


class ClassFilter:
    def __init__(self, limit: int = 10, tags: list[str] = NOT_GIVEN, last: int = 1) -> None:
        self.limit, self.last, self.tags = limit, last, [] if tags is NOT_GIVEN else tags


class StructFilter(msgspec.Struct):
    limit: int = 10
    tags: Annotated[list[str], Query()] = []
    last: int = 1


@pytest.mark.parametrize(
    ("cls", "default"),
    [(DataFilter, ["x"]), (StructFilter, []), (ClassFilter, [])],
    ids=["dataclass", "Struct", "class"],
)
async def test_default_that_only_a_constructor_knows_is_left_to_it(client_for, cls, default):
    app = Nacre()

    @app.get("/")
    async def handler(one: Annotated[Any, Provide(cls)]):
        return [one.limit, one.tags, getattr(one, "last", 1)]

    async with client_for(app) as client:
        assert (await client.get("/")).json() == [10, default, 1]
        assert (await client.get("/?limit=3")).json() == [3, default, 1]
        assert (await client.get("/?tags=a&tags=b")).json() == [10, ["a", "b"], 1]
        if cls is not DataFilter:
            assert (await client.get("/?last=4")).json() == [10, default, 4]
        assert (await client.get("/?limit=x")).status == 422
