"""Types of path variables that the application adds."""

from nacre import Nacre

app = Nacre()


def parse_hex(text):
    return int(text, 16)


def parse_small_hex(text):
    value = int(text, 16)
    return value if value < 0x100 else None


app.register_converter("hex", parse_hex, format=lambda value: f"{value:x}")
app.register_converter("lowerhex", parse_hex, pattern="[0-9a-f]+")
app.register_converter("byte", parse_small_hex)


@app.get("/hex/<hex:colour>")
async def colour(request, colour):
    return {"value": colour, "here": request.url_for("colour", colour=colour)}


@app.get("/lower/<lowerhex:colour>")
async def lower(request, colour):
    return colour, {"x-type": type(colour).__name__}


@app.get("/byte/{colour:byte}")
async def byte(request, colour):
    return {"value": colour}
