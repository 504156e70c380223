import asyncio

from microdot import Microdot
from microdot.websocket import with_websocket

app = Microdot()


@app.get("/echo")
@with_websocket
async def echo(request, ws):
    try:
        while True:
            await ws.send(await ws.receive())
    except asyncio.CancelledError:
        print("The boat is out of range")
