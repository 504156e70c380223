"""Mistakes that type checkers must find: `check.py` compares what they report with the lines marked `# wrong`.

`unseen by` names a checker that is known to pass over a mistake; it is an error too when it no longer does.
"""

from nacre import Key, Middleware, Nacre, Provide, Query, Request, Response


class Session: ...


class User: ...


USER: Key[User] = Key("user")


def get_session() -> Session:
    return Session()


async def get_user() -> User:
    return User()


class Limit:
    def __init__(self, get_response: object, *, rate: int) -> None: ...

    def __call__(self, request: Request) -> Response:
        return Response()


app = Nacre()
one: User = Provide(get_session)  # wrong
two: Session = Provide(get_user)  # wrong
three: Session = Provide(USER)  # wrong
four: Session = Provide(get_session, scope="forever")  # wrong
five: int = Query(10, greater=3)  # wrong, unseen by ty
six: int = Query(10, ge="3")  # wrong
seven = Middleware(Limit, rate="3")  # wrong
eight = Middleware(Limit, speed=3)  # wrong


@app.get("/")
async def handler(number: int) -> str:
    return str(number)


@app.provider
def provider(number: int) -> Session:
    return Session()


async def used(request: Request) -> None:
    text: int = await handler(3)  # wrong
    await handler("three")  # wrong
    provider("three")  # wrong
    request.state[USER] = Session()  # wrong
    name: str = request.state[USER]  # wrong
    _ = text, name
