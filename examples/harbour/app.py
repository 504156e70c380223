"""The whole harbour: five programs, one application, layers of five kinds in one list."""

from examples.harbour import berths, cargo, ferries, pilots, tides

from nacre import Nacre
from nacre.dialects import blacksheep, madara, microdot, rapidy
from nacre.dialects.flama.middleware import Middleware


class Flag:
    """A Flama layer: sets a header as the response begins."""

    def __init__(self, app, colour="white"):
        self.app = app
        self.colour = colour

    async def __call__(self, scope, receive, send):
        async def flying(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), (b"x-flag", self.colour.encode())]}
            await send(message)

        await self.app(scope, receive, flying)


class Logbook:
    """A Madara layer: counts."""

    def __init__(self, get_response):
        self.get_response = get_response
        self.entries = 0

    def __call__(self, request):
        self.entries += 1
        response = self.get_response(request)
        response.headers["X-Entry"] = str(self.entries)
        return response


async def buoy(request, handler):
    """A BlackSheep layer."""
    response = await handler(request)
    response.add_header(b"x-buoy", request.method.encode())
    return response


@rapidy.middleware
async def beacon(request, call_next):
    """A Rapidy layer."""
    response = await call_next(request)
    response.headers["X-Beacon"] = str(response.status)
    return response


def horn(request, response):
    """A Microdot hook."""
    response.headers["X-Horn"] = request.path


async def anchor(request, call_next):
    """A layer of Nacre's own."""
    response = await call_next(request)
    response.headers["x-anchor"] = "dropped"
    return response


app = Nacre(
    middlewares=[
        Middleware(Flag, colour="blue"),
        madara.layer(Logbook),
        blacksheep.layer(buoy),
        beacon,
        microdot.layer(after_request=horn),
        anchor,
    ]
)
app.mount("/ferries", ferries.app)
app.mount("/berths", berths.app)
app.mount("/tides", tides.app)
app.mount("/cargo", cargo.app)
app.mount("/pilots", pilots.app)


@app.get("/")
async def home():
    return {"parts": ["ferries", "berths", "tides", "cargo", "pilots"]}
