"""`app.override`: another provider for the length of a block, as tests want it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

import pytest

from nacre import ConfigurationError, Nacre, Provide
from nacre.errors import Location


class Session:
    def __init__(self, name: str) -> None:
        self.name = name


class Pool: ...


def get_session() -> Session:
    return Session("real")


def shout(session: Annotated[Session, Provide(get_session)]) -> str:
    return session.name.upper()


def application() -> Nacre:
    app = Nacre(providers=[get_session])

    @app.get("/")
    async def handler(session: Annotated[Session, Provide(get_session)]):
        return session.name

    @app.get("/type")
    def by_type(session: Session):
        return session.name

    @app.get("/nested")
    async def nested(text: Annotated[str, Provide(shout)]):
        return text

    return app


async def texts_of(client) -> list[str]:
    return [(await client.get(path)).text for path in ("/", "/type", "/nested")]


def fake() -> Session:
    return Session("fake")


async def fake_async() -> Session:
    return Session("fake")


def fake_generator() -> Iterator[Session]:
    yield Session("fake")


async def fake_async_generator() -> AsyncIterator[Session]:
    yield Session("fake")


@contextmanager
def fake_manager() -> Iterator[Session]:
    yield Session("fake")


class FakeSession(Session):
    def __init__(self) -> None:
        super().__init__("fake")


REPLACEMENTS = {
    "function": fake,
    "async": fake_async,
    "generator": fake_generator,
    "async generator": fake_async_generator,
    "context manager": fake_manager,
    "class": FakeSession,
    "lambda": lambda: Session("fake"),
    "marker": Provide(fake, inline=True),
    "of the application": Provide(fake, scope="app"),
}


@pytest.mark.parametrize("replacement", REPLACEMENTS.values(), ids=REPLACEMENTS)
async def test_function_is_replaced_within_the_block(client_for, replacement):
    app = application()
    async with client_for(app) as client:
        with app.override(get_session, replacement):
            assert await texts_of(client) == ["fake", "fake", "FAKE"]
        assert await texts_of(client) == ["real", "real", "REAL"]


async def test_value_is_taken_as_it_is(client_for):
    app = application()
    async with client_for(app) as client:
        with app.override(get_session, value=Session("value")):
            assert await texts_of(client) == ["value", "value", "VALUE"]


@pytest.mark.parametrize("target", [Session, Provide(get_session), fake_manager], ids=["type", "marker", "manager"])
async def test_targets(client_for, target):
    app = application()
    if target is fake_manager:
        app.add_route("/managed", lambda: None)

        @app.get("/manager")
        async def handler(session: Annotated[Session, Provide(fake_manager)]):
            return session.name

    async with client_for(app) as client:
        with app.override(target, value=Session("value")):
            path = "/manager" if target is fake_manager else "/"
            assert (await client.get(path)).text == "value"


async def test_blocks_may_be_nested(client_for):
    app = application()
    async with client_for(app) as client:
        with app.override(get_session, value=Session("outer")):
            with app.override(Session, value=Session("inner")):
                assert await texts_of(client) == ["inner", "inner", "INNER"]
            assert await texts_of(client) == ["outer", "outer", "OUTER"]
            with app.override(get_session, fake):
                assert (await client.get("/")).text == "fake"
        assert (await client.get("/")).text == "real"


async def test_restored_after_an_exception(client_for):
    app = application()
    async with client_for(app) as client:
        with pytest.raises(ZeroDivisionError):
            with app.override(get_session, fake):
                raise ZeroDivisionError
        assert (await client.get("/")).text == "real"


async def test_replacement_may_ask_for_something_itself(client_for):
    def from_query(name: str) -> Session:
        return Session(name)

    app = application()
    async with client_for(app) as client:
        with app.override(get_session, from_query):
            assert (await client.get("/?name=asked")).text == "asked"
            assert (await client.get("/")).status == 422


async def test_override_may_come_before_the_first_request(client_for):
    app = application()
    with app.override(get_session, fake):
        async with client_for(app) as client:
            assert (await client.get("/")).text == "fake"


# Providers of the application.


async def test_provider_of_the_application_is_replaced_with_all_that_take_it(client_for):
    made = []

    def pool() -> str:
        made.append("pool")
        return "real"

    def other() -> str:
        made.append("other")
        return "other"

    def cache(pool: Annotated[str, Provide(pool, scope="app")]) -> str:
        made.append("cache")
        return f"cache of {pool}"

    app = Nacre()

    @app.get("/")
    async def handler(
        cache: Annotated[str, Provide(cache, scope="app")], other: Annotated[str, Provide(other, scope="app")]
    ):
        return f"{cache} {other}"

    async with client_for(app) as client:
        for _ in range(2):
            assert (await client.get("/")).text == "cache of real other"
            with app.override(pool, lambda: "fake"):
                assert (await client.get("/")).text == "cache of fake other"
    # What takes nothing of the overridden one is kept, and the real ones are not made again.
    assert made[:4] == ["pool", "cache", "other", "cache"]
    assert made.count("other") == made.count("pool") == 1


async def test_replacement_of_the_application_is_closed_at_shutdown(transport):
    from nacre.testing import TestClient

    told = []

    def pool() -> Pool:
        return Pool()

    async def fake_pool() -> AsyncIterator[Pool]:
        told.append("up")
        yield Pool()
        told.append("down")

    app = Nacre()

    @app.get("/")
    async def handler(pool: Annotated[Pool, Provide(pool, scope="app")]): ...

    with app.override(pool, fake_pool):
        async with TestClient(app, transport) as client:
            await client.get("/")
            await client.get("/")
        app.close()
    assert told == ["up", "down"]


# Mounted applications.


async def test_each_application_has_its_own_overrides(client_for):
    app, child = application(), application()
    app.mount("/child", child)
    async with client_for(app) as client:
        with app.override(get_session, fake):
            assert [(await client.get(path)).text for path in ("/", "/child/")] == ["fake", "real"]
        with child.override(get_session, fake):
            assert [(await client.get(path)).text for path in ("/", "/child/")] == ["real", "fake"]
        assert [(await client.get(path)).text for path in ("/", "/child/")] == ["real", "real"]


# Mistakes.


def get_sesion() -> Session:
    return Session("other")


def test_provider_that_nothing_asks_for_is_told_with_what_is_near():
    app = application()
    with pytest.raises(ConfigurationError) as caught:
        with app.override(get_sesion, fake):
            raise AssertionError
    [problem] = caught.value.problems
    assert problem.what == "nothing in the application asks for `get_sesion`, which is overridden"
    assert problem.fix == "did you mean `get_session`?"
    assert problem.where.file == __file__


@pytest.mark.parametrize("target", [Pool, int, Pool | None, "get_session"])
def test_type_that_nothing_provides_is_told_with_what_is_asked_for(target):
    app = application()
    with pytest.raises(ConfigurationError, match="nothing in the application asks for `"):
        with app.override(target, fake):
            raise AssertionError
    with pytest.raises(ConfigurationError, match="it asks for no provider"):
        with Nacre().override(Pool, fake):
            raise AssertionError


def test_provider_of_a_mounted_application_is_not_of_the_one_around_it():
    app, child = Nacre(), application()
    app.mount("/child", child)
    with pytest.raises(ConfigurationError, match="nothing in the application asks for `get_session`"):
        with app.override(get_session, fake):
            raise AssertionError


def test_mistake_in_the_replacement_is_told_and_nothing_changes():
    def broken(request, missing) -> Session: ...

    app = application()
    with pytest.raises(ConfigurationError, match="takes `missing`"):
        with app.override(get_session, broken):
            raise AssertionError
    assert app.overrides == []
    app.compile()


@pytest.mark.parametrize("arguments", [(get_session,), (get_session, fake, "value")], ids=["neither", "both"])
def test_takes_either_a_provider_or_a_value(arguments):
    target, *replacement = arguments
    options = {"value": replacement.pop()} if len(replacement) > 1 else {}
    with pytest.raises(TypeError, match="either another provider or"):
        with application().override(target, *replacement, **options):
            raise AssertionError


def test_place_of_a_provider_is_told():
    assert Provide(get_session).where == Location(__file__, Location.of(test_place_of_a_provider_is_told).line + 1)
