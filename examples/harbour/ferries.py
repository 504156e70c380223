"""Ferries, as a Microdot program."""

from nacre.dialects.microdot import Microdot, abort

TIMES = {"outer reef": ["7:00", "12:30", "18:15"], "lighthouse": ["9:00"]}

app = Microdot()


@app.before_request
async def note_the_time(request):
    request.g.zone = request.args.get("zone", "local")


@app.get("/<place>")
async def departures(request, place):
    if place not in TIMES:
        abort(404)
    return {"place": place, "zone": request.g.zone, "departures": TIMES[place]}


@app.errorhandler(404)
async def no_such_place(request):
    return {"error": "no ferry goes there"}, 404
