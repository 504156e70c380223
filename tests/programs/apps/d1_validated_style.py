# ruff: noqa: T201 - what it prints is tested too
"""A function marked as a middleware, around a handler that returns data."""

from nacre import CallNext, Nacre, Request, Response, get, middleware


@middleware
async def tide(request: Request, call_next: CallNext) -> Response:
    print("rising")
    response = await call_next(request)
    print("falling")
    return response


@get("/")
async def catch() -> dict[str, list[str]]:
    return {"catch": ["sole", "crab"]}


app = Nacre(routes=[catch], middlewares=[tide])
