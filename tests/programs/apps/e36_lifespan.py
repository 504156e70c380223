# ruff: noqa: T201 - what it prints is tested too
"""Startup and shutdown, and what they leave for requests."""

from contextlib import asynccontextmanager

from nacre import Nacre


@asynccontextmanager
async def open_shop(app):
    print("opening", app.name)
    yield {"stock": ["pearl"]}
    print("closing")


app = Nacre(name="shop", lifespan=open_shop)


@app.on_startup
async def lights_on():
    print("lights on")


@app.on_shutdown
def lights_off(app):
    print("lights off in", app.name)


@app.get("/stock")
async def stock(request):
    return {"stock": request.state.stock}
