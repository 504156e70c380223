"""A server on the program's own event loop, beside another task."""

import asyncio
import os
import sys

from nacre import Nacre, Request

app = Nacre()
ticks = 0


@app.get("/")
async def index() -> dict[str, int]:
    return {"ticks": ticks}


@app.get("/shutdown")
async def shutdown(request: Request) -> str:
    request.app.shutdown()
    return "The server is shutting down..."


@app.on_startup
def started() -> None:
    note("startup")


@app.on_shutdown
def stopped() -> None:
    note("shutdown")


def note(line: str) -> None:
    with open(os.environ["NOTES"], "a", encoding="utf-8") as file:
        file.write(line + "\n")


async def tick() -> None:
    global ticks
    while True:
        await asyncio.sleep(0.01)
        ticks += 1


async def main() -> None:
    ticking = asyncio.create_task(tick())
    server = asyncio.create_task(app.start_server(port=int(sys.argv[1]), log_level="warning"))
    await server
    note("returned")
    ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main())
