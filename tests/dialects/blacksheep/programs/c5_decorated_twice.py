import inspect
from functools import wraps
from typing import Tuple

from blacksheep import Application, get
from blacksheep.server.normalization import ensure_response

app = Application()


def flags(additional: Tuple[Tuple[str, str], ...]):
    def decorator(next_handler):
        if inspect.iscoroutinefunction(next_handler):

            @wraps(next_handler)
            async def wrapped(*args, **kwargs):
                response = ensure_response(await next_handler(*args, **kwargs))

                for name, value in additional:
                    response.add_header(name.encode(), value.encode())

                return response

            return wrapped
        else:

            @wraps(next_handler)
            def wrapped(*args, **kwargs):
                response = ensure_response(next_handler(*args, **kwargs))

                for name, value in additional:
                    response.add_header(name.encode(), value.encode())

                return response

            return wrapped

    return decorator


@get("/plain/{name}")
@flags((("X-Flag", "Blue Peter"),))
def plain(name: str):
    return f"{name} is ready."


@get("/async/{name}")
@flags((("X-Flag", "Blue Peter"),))
async def waiting(name: str):
    return f"{name} is ready."
