from microdot import Microdot

app = Microdot()


@app.before_request
async def identify(request):
    name = request.cookies.get("name")
    if not name:
        return "Who goes there?", 401
    request.g.name = name


@app.get("/")
async def index(request):
    return f"Pass, {request.g.name}!"
