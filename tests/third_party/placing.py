"""One application with a layer at each place a layer can have."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from nacre import Group, Nacre

PLACES = ["head", "chain", "group", "route"]
LARGE = "mother of pearl " * 200


class Storm(Exception):
    """Raised by a handler, and seen by everything outside of it."""


async def outermost(request: Any, call_next: Any) -> Any:
    """An onion layer that notes which exception comes by."""
    try:
        return await call_next(request)
    except Storm as error:
        request.app.state.passed = error
        raise


def placed(place: str, *layers: Any, note: Callable[[Any], Any] = lambda request: None) -> Nacre:
    """An application with the layers at `place`; its handlers, all under `/reef`, tell what `note` sees in the request.

    `/whole`, `/plain` (a `def` handler) and `/stream` answer with the note in `x-note` and a large body, `/echo` with
    the request's body, `/storm` raises, `/teapot` raises what a handler of the application answers, `/small` is small.
    """
    app = Nacre(middlewares=[*layers] if place == "head" else [outermost, *layers] if place == "chain" else [outermost])
    group = Group("/reef", middlewares=layers if place == "group" else ())
    own = layers if place == "route" else ()
    app.include(group)

    @group.get("/whole", middlewares=own)
    async def whole(request):
        return LARGE, {"x-note": str(note(request))}

    @group.get("/plain/<int:number>", middlewares=own)
    def plain(request, number):
        return LARGE, {"x-note": str(note(request))}

    @group.get("/stream", middlewares=own)
    async def stream(request):
        async def pieces() -> AsyncIterator[str]:
            for _ in range(4):
                yield LARGE
            yield str(note(request))

        return pieces(), {"x-note": str(note(request))}

    @group.get("/small", middlewares=own)
    def small(request):
        return "small", {"x-note": str(note(request))}

    @group.post("/echo", middlewares=own)
    async def echo(request):
        return await request.body(), {"x-note": str(note(request)), "content-type": "text/plain"}

    @group.get("/storm", middlewares=own)
    async def storm(request):
        raise Storm("from the handler")

    @group.get("/teapot", middlewares=own)
    async def teapot(request):
        raise LookupError("no coffee")

    @app.error_handler(LookupError)
    def lookup(request):
        return "teapot", 418

    return app
