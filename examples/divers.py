from nacre.dialects.microdot import Microdot  # was: from microdot import Microdot

app = Microdot()


@app.get("/divers/<name>")
async def diver(request, name):
    return {"diver": name, "deep": request.args.get("deep")}, 200, {"X-Reef": "outer"}
