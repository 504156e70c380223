from microdot import Microdot

app = Microdot()


@app.get("/")
async def index(request):
    return {"wind": "north-west", "knots": [12, 14]}
