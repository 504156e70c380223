from microdot import Microdot

app = Microdot()
boats = []


@app.post("/boats")
async def register(request):
    boat = request.json
    boats.append(boat)
    return {"registered": True}


@app.get("/boats")
async def registered(request):
    return boats
