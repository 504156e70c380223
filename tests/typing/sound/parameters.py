"""Checked by mypy, pyright and ty, never run: what parameters, providers and keys are typed as."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, assert_type

from nacre import (
    Body,
    CallNext,
    Cookie,
    Form,
    Header,
    Key,
    Middleware,
    Nacre,
    Path,
    Provide,
    Query,
    Request,
    Response,
    middleware,
)


class Session:
    def __init__(self, name: str = "") -> None:
        self.name = name


class User: ...


USER: Key[User] = Key("user")
COUNT = Key[int]("count")


def plain() -> Session:
    return Session()


async def coroutine() -> Session:
    return Session()


def generator() -> Generator[Session]:
    yield Session()


def iterator() -> Iterator[Session]:
    yield Session()


async def async_iterator() -> AsyncIterator[Session]:
    yield Session()


@contextmanager
def managed() -> Generator[Session]:
    yield Session()


@asynccontextmanager
async def managed_async() -> AsyncGenerator[Session]:
    yield Session()


app = Nacre()


@app.get("/<int:number>")
async def handler(
    number: int = Path(ge=1),
    limit: int = Query(10, ge=1),
    token: str = Header(alias="X-Token"),
    theme: str | None = Cookie(None),
    body: list[int] = Body(),
    name: str = Form(),
    one: Session = Provide(plain),
    two: Session = Provide(coroutine),
    three: Session = Provide(generator, scope="app"),
    four: Annotated[Session, Provide(async_iterator, inline=True)] = Session(),  # noqa: B008 - an annotation is read
    user: User = Provide(USER),
) -> list[int]:
    return [number, limit]


async def given(request: Request) -> None:
    assert_type(Provide(plain), Session)
    assert_type(Provide(coroutine), Session)
    assert_type(Provide(generator), Session)
    assert_type(Provide(iterator), Session)
    assert_type(Provide(async_iterator), Session)
    assert_type(Provide(managed), Session)
    assert_type(Provide(managed_async), Session)
    assert_type(Provide(Session), Session)
    assert_type(Provide(USER), User)
    assert_type(request.state[USER], User)
    assert_type(request.state[COUNT], int)
    request.state[USER] = User()
    request.state[COUNT] = 3
    assert_type(await handler(1), list[int])


@app.provider
def registered() -> Session:
    return Session()


@app.provider(scope="app")
async def registered_for_all() -> User:
    return User()


assert_type(registered(), Session)


@middleware(provides=USER, requires=[COUNT], responses={401: "no user"}, status_code=200)
async def login(request: Request, call_next: CallNext, token: str = Header(alias="Authorization")) -> Response:
    return await call_next(request)


class Limit:
    def __init__(self, get_response: object, *, rate: int, per: float = 1.0) -> None: ...

    def __call__(self, request: Request) -> Response:
        return Response()


app.middlewares.append(Middleware(Limit, rate=3))
