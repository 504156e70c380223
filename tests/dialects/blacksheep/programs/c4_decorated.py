from functools import wraps
from typing import Tuple

from blacksheep import Application, Response, get
from blacksheep.server.normalization import ensure_response

app = Application()


def flags(additional: Tuple[Tuple[str, str], ...]):
    def hoisted(crew):
        @wraps(crew)
        async def with_flags(*given, **named) -> Response:
            answer = ensure_response(await crew(*given, **named))

            for flag, colour in additional:
                answer.add_header(flag.encode(), colour.encode())

            return answer

        return with_flags

    return hoisted


@get("/")
@flags((("X-Flag", "Blue Peter"),))
async def mast():
    return "Flag is up."


@get("/bare")
async def bare():
    return "No flag."
