import asyncio

from microdot import Microdot
from microdot.sse import with_sse

app = Microdot()


@app.get("/blinks")
@with_sse
async def blinks(request, sse):
    for number in range(10):
        await asyncio.sleep(0)
        await sse.send({"blink": number})
    await sse.send("dark", event="state")


@app.get("/night")
@with_sse
async def night(request, sse):
    number = 0
    try:
        while True:
            await sse.send({"blink": number})
            number += 1
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        print("Nobody watches")


@app.get("/forms")
@with_sse
async def forms(request, sse):
    await sse.send("gull")
    await sse.send("tern", event="bird", event_id="b2")
    await sse.send("tern", retry=2.5)
    await sse.send({"wing": "span"})
    await sse.send("still here", comment=True)
    await sse.send([7, "feathers"])
    await sse.send(b"heron")
    await sse.send(12)
