from microdot import Microdot, abort
from microdot.cors import CORS

app = Microdot()
cors = CORS(app, allowed_origins=["https://reef.example"], allow_credentials=True)


@app.get("/")
async def index(request):
    return "tides"


@app.get("/pieces")
async def pieces(request):
    def tides():
        yield "high "
        yield "low"

    return tides()


@app.get("/gone")
async def gone(request):
    abort(410)


@app.get("/broken")
async def broken(request):
    raise RuntimeError("the net tore")
