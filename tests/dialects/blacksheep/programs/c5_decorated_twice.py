import inspect
from functools import wraps
from typing import Tuple

from blacksheep import Application, get
from blacksheep.server.normalization import ensure_response

app = Application()


def flags(additional: Tuple[Tuple[str, str], ...]):
    def hoisted(crew):
        if inspect.iscoroutinefunction(crew):

            @wraps(crew)
            async def with_flags(*given, **named):
                answer = ensure_response(await crew(*given, **named))

                for flag, colour in additional:
                    answer.add_header(flag.encode(), colour.encode())

                return answer

            return with_flags
        else:

            @wraps(crew)
            def with_flags(*given, **named):
                answer = ensure_response(crew(*given, **named))

                for flag, colour in additional:
                    answer.add_header(flag.encode(), colour.encode())

                return answer

            return with_flags

    return hoisted


@get("/plain/{name}")
@flags((("X-Flag", "Blue Peter"),))
def plain(name: str):
    return f"{name} is ready."


@get("/async/{name}")
@flags((("X-Flag", "Blue Peter"),))
async def waiting(name: str):
    return f"{name} is ready."
