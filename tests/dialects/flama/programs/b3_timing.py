"""Twin of B3: a middleware that tells how long each request took, and two endpoints that take different times."""

import asyncio
import time
import typing as t

import flama
from flama import Flama, http, types
from flama.middleware import Middleware


class Stopwatch:
    def __init__(self, app: types.App):
        self.inner = t.cast(Flama, app)

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send):
        # Only requests are timed; WebSockets and the lifespan go by.
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return

        begun = time.perf_counter()

        async def timed_send(message: types.Message):
            if message["type"] == "http.response.start":
                taken = (time.perf_counter() - begun) * 1000
                fields = list(message.get("headers", []))
                fields.append((b"x-process-time-ms", f"{taken:.2f}".encode("latin-1")))
                message["headers"] = fields
            await send(message)

        await self.inner(scope, receive, timed_send)


app = Flama(middleware=[Middleware(Stopwatch)])


@app.route("/fast")
async def quick_lift():
    return http.PlainTextResponse("The quick lift came; X-Process-Time-MS has it.")


@app.route("/slow")
async def slow_lift():
    await asyncio.sleep(0.5)
    time.sleep(0.5)
    return http.PlainTextResponse("The slow lift came in the end; X-Process-Time-MS says.")


if __name__ == "__main__":
    flama.run(server_host="0.0.0.0", server_port=8000, flama_app=app)
