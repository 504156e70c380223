"""Flama; a layer is an ASGI class that wraps `send`."""

from __future__ import annotations

from flama import Flama, http, types
from flama.middleware import Middleware

from bench.workloads import MESSAGE, TEXT, Setting


async def _plain() -> http.PlainTextResponse:
    return http.PlainTextResponse(TEXT.decode())


async def _message():  # type: ignore[no-untyped-def]  # an annotation would be a schema
    return MESSAGE


class AddHeader:
    def __init__(self, app: types.App, name: bytes, value: bytes) -> None:
        self.app = app
        self.field = (name, value)

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_header(message: types.Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), self.field]
            await send(message)

        await self.app(scope, receive, send_with_header)


def build(setting: Setting) -> Flama:
    fields = setting.added_headers()
    app = Flama(middleware=[Middleware(AddHeader, name=name.encode(), value=value.encode()) for name, value in fields])
    app.route("/plain")(_plain)
    app.route("/json")(_message)
    # Granian gives the application's names to a function, and a Flama has None for whatever it hasn't got.
    app.__name__ = app.__qualname__ = "app"
    return app


app = build(Setting.from_environment())
