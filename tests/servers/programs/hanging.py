"""A stream that doesn't care about being stopped."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from nacre import Nacre

app = Nacre()


@app.get("/")
async def hang() -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.sleep(60)
    yield b"last"


if __name__ == "__main__":
    app.run(log_level="warning", **json.loads(sys.argv[1]))
