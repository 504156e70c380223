"""Dynamic paths: several variables, typed ones, a rest of the path, an expression."""

from nacre import Nacre

app = Nacre()


@app.get("/divers/active")
async def active(request):
    return "in the water: Ama and Jacques"


@app.get("/divers/<name>")
async def diver(request, name):
    return f"one diver: {name}"


@app.get("/divers/<family>/<given>")
async def full_name(request, given, family):
    return f"{given} {family}"


@app.get("/log/<int:id>/<string:name>")
async def entry(request, id: int, name: str):
    return f"{name} wrote entry {id!r}"


@app.get("/charts/<path:place>")
async def chart(request, place):
    return f"chart of {place}"


@app.get("/buoys/<re:[A-Z][0-9]{1,3}:mark>")
async def buoy(request, mark):
    return f"buoy {mark}"
