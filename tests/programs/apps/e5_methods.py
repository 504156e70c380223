"""One path and several methods, written in three ways."""

from nacre import Nacre

app = Nacre()


@app.route("/nets", methods=["GET", "POST"])
async def nets(request):
    return "all nets" if request.method == "GET" else "a new net"


@app.route("/boats")
async def boats(request):
    return "all boats"


@app.route("/boats", methods=["post"])
async def new_boat(request):
    return "a new boat", 201


@app.get("/crews")
async def crews(request):
    return "all crews"


@app.post("/crews")
async def new_crew(request):
    return "a new crew", 201
