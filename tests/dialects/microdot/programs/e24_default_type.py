from microdot import Microdot, Response

Response.default_content_type = "text/html"

app = Microdot()


@app.get("/")
async def index(request):
    return "<h1>Harbour</h1>"


@app.get("/data")
async def data(request):
    return {"still": "JSON"}
