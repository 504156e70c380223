from microdot import Microdot, Response

app = Microdot()


@app.get("/text")
async def text(request):
    return "Land ahoy"


@app.get("/status")
async def status(request):
    return "Land ahoy", 202


@app.get("/all")
async def everything(request):
    return "<b>Land ahoy</b>", 202, {"Content-Type": "text/html"}


@app.get("/nothing")
async def nothing(request):
    return 204


@app.get("/headers")
async def headers(request):
    return "<b>Land ahoy</b>", {"Content-Type": "text/html"}


@app.get("/object")
async def an_object(request):
    return Response(body=b"Land ahoy", status_code=203, headers={"X-Lookout": "Lotte"})
