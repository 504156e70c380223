"""Declaring providers: what counts as one, what it provides, and the mistakes that are told where they are made."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from nacre import ConfigurationError, Group, Key, Nacre, Provide
from nacre.binding.providers import Provider, provider_of
from nacre.errors import Location

if TYPE_CHECKING:
    from decimal import Decimal


class Session:
    def __init__(self, name: str = "class") -> None:
        self.name = name


def plain() -> Session:
    return Session("plain")


async def coroutine() -> Session:
    return Session("coroutine")


def awaitable() -> Awaitable[Session]:
    return coroutine()


def generator() -> Generator[Session]:
    yield Session("generator")


def iterator() -> Iterator[Session]:
    yield Session("iterator")


async def async_generator() -> AsyncGenerator[Session, None]:
    yield Session("async generator")


async def async_iterator() -> AsyncIterator[Session]:
    yield Session("async iterator")


@contextmanager
def managed() -> Iterator[Session]:
    yield Session("managed")


@asynccontextmanager
async def async_managed() -> AsyncIterator[Session]:
    yield Session("async managed")


def named(name: str) -> Session:
    return Session(name)


@functools.wraps(coroutine)
def wrapper(*args: Any) -> Any:
    return coroutine(*args)


class Factory:
    async def __call__(self) -> Session:
        return Session("factory")

    def method(self) -> Iterator[Session]:
        yield Session("method")

    @contextmanager
    def managed(self) -> Iterator[Session]:
        yield Session("managed method")


KINDS = {
    "plain": (plain, "plain"),
    "async": (coroutine, "async"),
    "returns an awaitable": (awaitable, "async"),
    "generator": (generator, "generator"),
    "iterator": (iterator, "generator"),
    "async generator": (async_generator, "async generator"),
    "async iterator": (async_iterator, "async generator"),
    "context manager": (managed, "generator"),
    "async context manager": (async_managed, "async generator"),
    "class": (Session, "plain"),
    "partial": (functools.partial(named, "partial"), "plain"),
    "partial of an async function": (functools.partial(coroutine), "async"),
    "wrapper": (wrapper, "async"),
    "instance": (Factory(), "async"),
    "method": (Factory().method, "generator"),
    "context manager method": (Factory().managed, "generator"),
}


@pytest.mark.parametrize(("target", "kind"), KINDS.values(), ids=KINDS)
def test_kind_and_type_are_read(target, kind):
    provider = provider_of(target)
    assert (provider.kind, provider.provides) == (kind, Session)


NAMES = {
    "returns an awaitable": "coroutine",
    "context manager": "managed",
    "async context manager": "async managed",
    "partial of an async function": "coroutine",
    "wrapper": "coroutine",
    "async": "coroutine",
    "instance": "factory",
    "context manager method": "managed method",
}


@pytest.mark.parametrize(("name", "target"), [(name, target) for name, (target, _) in KINDS.items()], ids=KINDS)
@pytest.mark.parametrize("is_plain", [False, True], ids=["async handler", "plain handler"])
@pytest.mark.parametrize("inline", [False, True], ids=["in a thread", "inline"])
async def test_every_kind_gives_its_value(client_for, name, target, is_plain, inline):
    app = Nacre()

    async def handler(session: Session = Provide(target, inline=inline)):
        return session.name

    def plain_handler(session: Session = Provide(target, inline=inline)):
        return session.name

    app.add_route("/", plain_handler if is_plain else handler)
    async with client_for(app) as client:
        assert (await client.get("/")).text == NAMES.get(name, name)


def test_default_value_and_annotation_are_one_marker():
    assert Provide(plain) == Provide(plain)
    assert Provide(plain) != Provide(plain, scope="app")
    assert isinstance(Provide(plain), Provider)


def test_key_is_its_own_marker():
    key = Key[int]("count")
    assert Provide(key) is key


def untyped():
    return 1


def nothing() -> None: ...


def anything() -> Any: ...


def evaluated_nowhere() -> Decimal: ...


async def unknown_items() -> AsyncIterator[Any]:
    yield 1


@pytest.mark.parametrize("target", [untyped, nothing, anything, evaluated_nowhere, unknown_items])
def test_marker_needs_no_annotation(target):
    assert provider_of(target).provides is None


@pytest.mark.parametrize("target", [untyped, nothing, anything, evaluated_nowhere, unknown_items])
@pytest.mark.parametrize(
    "register",
    [
        lambda target: Nacre(providers=[target]),
        lambda target: Group(providers=[target]),
        lambda target: Nacre().provider(target),
        lambda target: Nacre().provider(scope="app", inline=True)(target),
    ],
    ids=["application", "group", "decorator", "decorator with options"],
)
def test_registration_by_type_needs_an_annotation(target, register):
    with pytest.raises(ConfigurationError) as caught:
        register(target)
    assert str(caught.value) == (
        f"provider `{target.__name__}` is registered by its type and doesn't say what it provides "
        f"({Location.of(target)})\n"
        "      annotate what it returns with a class, `-> Session` or `-> Iterator[Session]`"
    )


def returns_an_iterator() -> Iterator[Session]:
    return iter([Session()])


class Unhashable:
    __hash__ = None

    def __call__(self) -> Session:
        return Session()


@dataclass
class Comparable:
    """A class that can be hashed, with instances that can't."""

    name: str = "name"


def test_class_of_instances_that_cannot_be_hashed_is_a_provider():
    assert Provide(Comparable).provides is Comparable


MISTAKES = {
    "text": ("shop.get_session", "a str is no provider", "give a function, a generator function, a class, or a Key"),
    "None": (None, "a NoneType is no provider", "give a function, a generator function, a class, or a Key"),
    "called": (coroutine, "a coroutine is no provider", "give the function itself, without calling it"),
    "called generator": (generator, "a generator is no provider", "give the function itself, without calling it"),
    "no yield": (
        returns_an_iterator,
        "provider `returns_an_iterator` is annotated `Iterator[test_providers_declared.Session]` and doesn't yield",
        "let it yield its value once, or return something else, a list for instance",
    ),
    "unhashable": (Unhashable(), "provider an instance of `Unhashable` can't be hashed", "give its class a __hash__"),
}


@pytest.mark.parametrize(("target", "what", "fix"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("declare", [Provide, lambda target: Group(providers=[target])], ids=["marker", "registered"])
def test_mistake_is_told_where_it_is_made(declare, target, what, fix):
    if "called" in fix or "calling" in fix:
        target = target()
    with pytest.raises(ConfigurationError) as caught:
        declare(target)
    [problem] = caught.value.problems
    assert problem.what.replace("binding.", "") == what
    assert problem.fix.startswith(fix)


def test_scope_must_be_known():
    with pytest.raises(ConfigurationError, match="provider `plain` has the scope 'session', which isn't known"):
        Provide(plain, scope="session")


def test_key_is_not_registered():
    with pytest.raises(ConfigurationError, match="the key `user` is registered as a provider"):
        Nacre(providers=[Key("user")])


def test_all_mistakes_of_a_list_are_told():
    with pytest.raises(ConfigurationError) as caught:
        Nacre(providers=[untyped, plain, coroutine, "text"])
    assert [problem.what.partition(" ")[0] for problem in caught.value.problems] == ["provider", "provider", "a"]


def test_two_providers_of_one_type_are_told_with_both_places():
    app = Nacre(providers=[plain])
    with pytest.raises(ConfigurationError) as caught:
        app.provider(coroutine)
    [problem] = caught.value.problems
    assert problem.what == (
        f"provider `plain` ({Location.of(plain)}) and provider `coroutine` ({Location.of(coroutine)}) "
        "both provide `Session`"
    )
    assert [one.function for one in app.providers] == [plain]


class Shop(Nacre):
    name_of_shop = "corner"


class TestRegisteredByType:
    async def test_parameter_of_the_type_is_given(self, client_for):
        app = Nacre(providers=[plain])

        @app.get("/")
        async def handler(session: Session):
            return session.name

        async with client_for(app) as client:
            assert (await client.get("/")).text == "plain"

    async def test_decorated_function_is_unchanged(self, client_for):
        app = Nacre()

        @app.provider
        def first() -> Session:
            return Session("first")

        @app.provider(scope="app", inline=True)
        def second() -> int:
            return 2

        @app.get("/")
        async def handler(session: Session, number: int):
            return f"{session.name} {number}"

        assert first().name == "first"
        async with client_for(app) as client:
            assert (await client.get("/")).text == "first 2"

    async def test_inner_groups_come_before_outer_ones(self, client_for):
        app = Nacre(providers=[plain])
        outer, inner, other = Group("/outer", providers=[coroutine]), Group("/inner", providers=[generator]), Group()
        outer.include(inner)
        app.include(outer)
        app.include(other)

        async def handler(session: Session):
            return session.name

        for group, path in ((outer, "/"), (inner, "/"), (other, "/other")):
            group.add_route(path, handler)
        async with client_for(app) as client:
            assert (await client.get("/other")).text == "plain"
            assert (await client.get("/outer/")).text == "coroutine"
            assert (await client.get("/outer/inner/")).text == "generator"

    async def test_mounted_application_has_its_own(self, client_for):
        seen = []

        async def layer(request, call_next, *, session: Session):
            seen.append(session.name)
            return await call_next(request)

        async def handler(session: Session):
            return session.name

        child = Nacre(providers=[coroutine])
        child.add_route("/", handler)
        app = Nacre(providers=[plain], middlewares=[layer])
        app.mount("/child", child)
        async with client_for(app) as client:
            assert (await client.get("/child/")).text == "coroutine"
        assert seen == ["plain"]

    async def test_marker_is_registered_with_its_options(self, client_for):
        made = []
        app = Nacre(providers=[Provide(plain, scope="app")])

        @app.get("/")
        async def handler(session: Session):
            made.append(session)

        async with client_for(app) as client:
            await client.get("/")
            await client.get("/")
        assert made[0] is made[1]

    async def test_late_registration_takes_effect_at_once(self, client_for):
        app = Nacre()
        group = Group("/group")
        app.include(group)

        @group.get("/")
        async def handler(session: Session = Session("default")):  # noqa: B008 - no request can hold it
            return session.name

        async with client_for(app) as client:
            assert (await client.get("/group/")).text == "default"
            app.provider(plain)
            assert (await client.get("/group/")).text == "plain"
            group.provider(coroutine)
            assert (await client.get("/group/")).text == "coroutine"

    async def test_late_mistake_raises_at_the_call_and_changes_nothing(self, client_for):
        app = Nacre(providers=[plain])

        @app.get("/")
        async def handler(session: Session, number: int = 1):
            return f"{session.name} {number}"

        def bad(request, missing) -> int:
            return 2

        async with client_for(app) as client:
            await client.get("/")
            with pytest.raises(ConfigurationError, match="takes `missing`"):
                app.provider(bad)
            assert (await client.get("/")).text == "plain 1"

    async def test_application_itself_is_given(self, client_for):
        app, child = Shop(), Nacre(name="child")
        app.mount("/child", child)

        @app.get("/")
        async def handler(shop: Shop, also: Nacre):
            return shop.name_of_shop + str(shop is also is app)

        @child.get("/")
        def of_child(app: Nacre):
            return app.name

        async with client_for(app) as client:
            assert (await client.get("/")).text == "cornerTrue"
            assert (await client.get("/child/")).text == "child"


def test_cycle_is_shown_with_places():
    def left(value: int) -> str:
        return str(value)

    def right(value: str) -> int:
        return len(value)

    app = Nacre(providers=[left, right])

    @app.get("/")
    async def handler(value: str):
        return value

    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    [problem] = caught.value.problems
    a, b = (f"`{one.__qualname__}`" for one in (left, right))
    assert problem.what.endswith(f"needs providers that need each other: {a} → {b} ({Location.of(right)}) → {a}")
    assert problem.where == Location.of(left)
