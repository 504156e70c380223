# ruff: noqa: T201 - what it prints is tested too
"""A pair of hooks around matched handlers; requests that no route answers pass neither."""

import time

from nacre import Nacre, abort

app = Nacre()


@app.before_request
async def start(request):
    request.state.began = time.perf_counter()


@app.after_request
async def stop(request, response):
    print(f"{request.path} took {time.perf_counter() - request.state.began:.0f} s")


@app.after_error
async def count(request, response):
    print(f"error {response.status}")


@app.get("/")
async def index(request):
    return "ready"


@app.get("/gone")
async def gone(request):
    abort(410)
