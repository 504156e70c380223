import sys
from pathlib import Path

from microdot import Microdot, send_file

app = Microdot()
PLACES = [Path(__file__).parent, *map(Path, sys.path)]
FOLDER = next(str(place / "harbour") for place in PLACES if (place / "harbour").is_dir())


@app.get("/")
async def index(request):
    return send_file(FOLDER + "/index.html")


@app.get("/gull")
async def gull(request):
    return send_file(FOLDER + "/gull.jpg", max_age=3600)


@app.route("/harbour/<path:path>")
async def from_the_harbour(request, path):
    if ".." in path.split("/"):
        return "Not here", 404
    return send_file(FOLDER + "/" + path, max_age=86400)
