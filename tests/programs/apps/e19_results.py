"""What a handler may return."""

from nacre import JSONResponse, Nacre, RedirectResponse, Response

app = Nacre()
HTML = {"Content-Type": "text/html"}


@app.get("/text")
async def text(request):
    return "plain words"


@app.get("/status")
async def with_status(request):
    return "noted", 202


@app.get("/all-three")
async def all_three(request):
    return "<h2>noted</h2>", 202, HTML


@app.get("/headers")
async def with_headers(request):
    return "<h2>read me</h2>", HTML


@app.get("/number")
async def number(request):
    return 204


@app.get("/status-headers")
async def status_headers(request):
    return 205, {"x-form": "reset"}


@app.get("/response")
async def response(request):
    return Response("exactly so", 203, {"x-kind": "whole"})


@app.get("/dict")
async def dictionary(request):
    return {"pearl": {"size": 7.5}}


@app.get("/list")
async def sequence(request):
    return [1, "two", None]


@app.get("/json")
async def json(request):
    return JSONResponse({"made": True}, 201)


@app.get("/none")
async def none(request):
    return None


@app.get("/bytes")
async def raw(request):
    return b"\x00\x01"


@app.get("/moved")
async def moved(request):
    return RedirectResponse("/text")


@app.get("/moved-for-good")
async def moved_for_good(request):
    return RedirectResponse("/text?from=näcre", 308)
