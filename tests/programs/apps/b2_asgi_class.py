"""An ASGI class with options; it also sees lifespans and changes the start message only."""

from nacre import Middleware, Nacre

seen = []


class Stamp:
    def __init__(self, app, label="plain"):
        self.app = app
        self.label = label

    async def __call__(self, scope, receive, send):
        seen.append(scope["type"])
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def stamped(message):
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                headers.append((b"x-stamp", self.label.encode()))
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, stamped)


app = Nacre(middlewares=[Middleware(Stamp, label="first"), Stamp])


@app.get("/letter")
async def letter(request):
    return "sealed"
