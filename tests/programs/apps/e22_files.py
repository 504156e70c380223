"""Files, and a folder of them under a path."""

import os
from pathlib import Path

from nacre import Nacre
from nacre.files import FileResponse, send_file

FOLDER = Path(os.environ.get("PEARL_FOLDER", "static"))

app = Nacre()


@app.get("/")
async def index(request):
    return send_file(FOLDER / "index.html")


@app.get("/logo")
def logo(request):
    return FileResponse(FOLDER / "logo.svg", headers={"x-logo": "yes"}, max_age=3600)


@app.get("/report")
async def report(request):
    return send_file(FOLDER / "data.bin", content_type="application/x-report", status=203)


@app.get("/static/<path:path>")
async def static(request, path):
    if ".." in path:
        return "not found", 404
    return send_file(FOLDER / path, max_age=86400)
