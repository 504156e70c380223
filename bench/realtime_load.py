"""What the clients of the view `realtime` do: `python -m bench.realtime_load events|echo PORT CLIENTS COUNT`.

Prints how many events were delivered or messages came back; fails if one is missing or another.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.client import connect

from bench.apps.realtime_hub import event_text

_LIMIT = 60.0
_MARK = b"data: "


async def listen(port: int, count: int) -> int:
    """Listen to all events until the stream ends; how many there were."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    seen = bytearray()
    # Both ends of a chunked body's frame may come apart.
    while b"\r\n0\r\n\r\n" not in seen[-16:]:
        data = await reader.read(65536)
        if not data:
            break
        seen += data
    writer.close()
    if not seen.startswith(b"HTTP/1.1 200") or event_text(count - 1).rstrip().encode() not in seen:
        raise RuntimeError(f"the stream is not right: {bytes(seen[:200])!r}")
    return seen.count(_MARK)


async def publish(port: int, listeners: int, count: int) -> None:
    """Have the application send events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"/publish?listeners={listeners}&count={count}"
    writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"publishing failed: {answer[:200]!r}")


async def fan_out(port: int, clients: int, count: int) -> int:
    """So many clients listen to so many events."""
    told = await asyncio.gather(publish(port, clients, count), *(listen(port, count) for _ in range(clients)))
    return sum(one for one in told if one is not None)


async def talk(port: int, count: int) -> int:
    """Send so many messages on one connection, each when the last one has come back."""
    async with connect(f"ws://127.0.0.1:{port}/echo", compression=None) as connection:
        for number in range(count):
            text = event_text(number)
            await connection.send(text)
            if await connection.recv() != text:
                raise RuntimeError("the echo is another text")
    return count


async def echo(port: int, clients: int, count: int) -> int:
    """So many clients talk at once."""
    return sum(await asyncio.gather(*(talk(port, count) for _ in range(clients))))


async def main() -> None:
    work = {"events": fan_out, "echo": echo}[sys.argv[1]]
    done = await asyncio.wait_for(work(*map(int, sys.argv[2:5])), _LIMIT)
    print(done)


if __name__ == "__main__":
    asyncio.run(main())
