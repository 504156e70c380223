"""Tides, as a Flama program."""

from nacre.dialects.flama import Flama, http
from nacre.dialects.flama.middleware import Middleware


class Source:
    """Names where the figures come from, in a header of each response."""

    def __init__(self, app, name):
        self.app = app
        self.name = name

    async def __call__(self, scope, receive, send):
        async def naming(message):
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                message = {**message, "headers": [*headers, (b"x-source", self.name.encode())]}
            await send(message)

        await self.app(scope, receive, naming)


app = Flama(middleware=[Middleware(Source, name="tide tables")])


@app.route("/today/")
async def today():
    return http.PlainTextResponse("high at 6:10, low at 12:25")


@app.route("/height/{hour:int}/")
async def height(hour: int):
    return {"hour": hour, "metres": 4 - abs(6 - hour % 12) / 2}
