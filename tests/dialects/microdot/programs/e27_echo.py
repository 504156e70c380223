from microdot import Microdot
from microdot.websocket import with_websocket

app = Microdot()


@app.get("/echo")
@with_websocket
async def echo(request, ws):
    while True:
        await ws.send(await ws.receive())
