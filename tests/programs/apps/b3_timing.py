"""Measuring each request in an ASGI class; one handler is slow."""

import asyncio
import time

from nacre import Middleware, Nacre, PlainTextResponse


class Clock:
    def __init__(self, app, header=b"x-took-ms"):
        self.app = app
        self.header = header

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = time.perf_counter()

        async def timed(message):
            if message["type"] == "http.response.start":
                took = f"{(time.perf_counter() - began) * 1000:.2f}"
                message["headers"] = [*message.get("headers", []), (self.header, took.encode())]
            await send(message)

        await self.app(scope, receive, timed)


app = Nacre(middlewares=[Middleware(Clock)])


@app.route("/quick")
async def quick():
    return PlainTextResponse("See x-took-ms.")


@app.route("/slow")
async def slow():
    await asyncio.sleep(0.03)
    return PlainTextResponse("That took a while; see x-took-ms.")


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8000)
