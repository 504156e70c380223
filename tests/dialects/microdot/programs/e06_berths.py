from microdot import Microdot

app = Microdot()


@app.get("/sailors/<name>")
async def sailor(request, name):
    return "Sailor: " + name


@app.get("/sailors/<first>/<last>")
async def sailor_in_full(request, first, last):
    return "Sailor: " + last + ", " + first


@app.get("/berths/<int:number>/<string:boat>")
async def berth(request, number, boat):
    return f"{boat} lies at {number + 1}"


@app.get("/charts/<path:place>")
async def chart(request, place):
    return "Chart: " + place


@app.get("/signals/<re:[a-zA-Z][a-zA-Z0-9]*:flag>")
async def signal(request, flag):
    return "Signal: " + flag
