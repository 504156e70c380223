from microdot import Microdot
from microdot.websocket import with_websocket

app = Microdot()


@app.get("/radio/<channel>")
@with_websocket
async def radio(request, ws, channel):
    while True:
        message = await ws.receive()
        if message == "over and out":
            break
        await ws.send(f"{channel}: {message}")
    await ws.send("fair winds")
