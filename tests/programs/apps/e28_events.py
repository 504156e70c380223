# ruff: noqa: T201 - what it prints is tested too
"""Events as they happen: ten waves and an end, and a buoy that reports until nobody listens."""

import asyncio
from typing import Annotated

from nacre import Header, Nacre
from nacre.eventstream import ServerSentEvent

app = Nacre()


@app.sse("/waves")
async def waves():
    for number in range(10):
        yield {"wave": number}
    yield ServerSentEvent("calm", event="end")


@app.sse("/pushed")
async def pushed(request):
    async def push(events):
        for number in range(3):
            await events.send({"wave": number}, id=number)
        await events.send("calm", event="end", retry=2.5)

    return push


@app.sse("/log")
async def log(last_event_id: Annotated[int, Header()] = -1):
    for number in range(last_event_id + 1, 5):
        yield ServerSentEvent(f"entry {number}\nsigned", id=number)


@app.sse("/buoy", ping=0.2)
async def buoy():
    try:
        yield "afloat"
        while True:
            await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("nobody listens any more")
        raise
