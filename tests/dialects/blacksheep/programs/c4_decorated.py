from functools import wraps
from typing import Tuple

from blacksheep import Application, Response, get
from blacksheep.server.normalization import ensure_response

app = Application()


def flags(additional: Tuple[Tuple[str, str], ...]):
    def decorator(next_handler):
        @wraps(next_handler)
        async def wrapped(*args, **kwargs) -> Response:
            response = ensure_response(await next_handler(*args, **kwargs))

            for name, value in additional:
                response.add_header(name.encode(), value.encode())

            return response

        return wrapped

    return decorator


@get("/")
@flags((("X-Flag", "Blue Peter"),))
async def mast():
    return "Flag is up."


@get("/bare")
async def bare():
    return "No flag."
