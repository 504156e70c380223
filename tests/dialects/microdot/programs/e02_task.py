import asyncio
import sys

from microdot import Microdot

app = Microdot()


@app.get("/")
async def tide(request):
    return "rising"


@app.get("/close")
async def close(request):
    request.app.shutdown()
    return "closing time"


async def main(port):
    server = asyncio.create_task(app.start_server(host="127.0.0.1", port=port, debug=True))
    beats = 0
    while not server.done():
        await asyncio.sleep(0.01)
        beats += 1
    await server
    print("the lighthouse blinked meanwhile" if beats > 1 else "nothing ran beside the server")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
