from typing import Awaitable, Callable

from blacksheep import Application, Request, Response, get

app = Application()


class Gangway:
    async def __call__(self, request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await handler(request)
        return response


app.middlewares.append(Gangway())


@get("/")
def deck():
    return "On deck."
