"""Files, errors and redirects, for `test_httplint.py` and `test_files.py`; run as `linted:app`.

`LINTED` names the directory: a static site in `site`, and other files beside it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from nacre import CallNext, JSONResponse, Nacre, RedirectResponse, Request, Response, abort
from nacre.files import FileResponse
from nacre.static import StaticFiles

FOLDER = Path(os.environ["LINTED"])

app = Nacre()
app.mount(
    "/static",
    StaticFiles(FOLDER / "site", fallback="index.html", max_age=3600, immutable=r"-[0-9a-f]{8}\."),
    name="static",
)


async def truncate(request: Request, call_next: CallNext) -> Response:
    """Make the file shorter when its length was told already."""
    response = await call_next(request)
    path = FOLDER / "large.bin"
    size = await asyncio.to_thread(lambda: path.stat().st_size)
    await asyncio.to_thread(os.truncate, path, size // 2)
    return response


@app.get("/large")
async def large() -> Response:
    return FileResponse(FOLDER / "large.bin")


@app.get("/large/awaited")
async def awaited(request: Request) -> Response:
    """One whose end somebody waits for."""
    request.after_response(lambda: None)
    return FileResponse(FOLDER / "large.bin")


@app.get("/shrinking", middlewares=[truncate])
async def shrinking() -> Response:
    return FileResponse(FOLDER / "large.bin")


@app.get("/shrinking/awaited", middlewares=[truncate])
async def shrinking_awaited(request: Request) -> Response:
    request.after_response(lambda: None)
    return FileResponse(FOLDER / "large.bin")


@app.get("/download")
async def download() -> Response:
    return FileResponse(FOLDER / "large.bin", download='the "largest" räport.bin')


@app.get("/descriptors")
def descriptors() -> Response:
    return JSONResponse(
        [
            name
            for name in map(_target, os.listdir("/proc/self/fd"))
            if name.startswith(str(FOLDER)) and name.endswith((".bin", ".txt"))
        ]
    )


def _target(number: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return ""


@app.get("/fail")
async def fail() -> None:
    raise ZeroDivisionError("as it should")


@app.get("/refused")
async def refused() -> None:
    abort(403)


@app.get("/elsewhere")
async def elsewhere() -> Response:
    return RedirectResponse("/static/")


@app.get("/session")
async def session() -> Response:
    response = JSONResponse({"user": 7}, headers={"cache-control": "no-store"})
    response.set_cookie("__Host-session", "abc", secure=True, httponly=True, max_age=3600)
    return response
