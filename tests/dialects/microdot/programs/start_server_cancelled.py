import asyncio
import sys

from microdot import Microdot

app = Microdot()
tasks = {}


@app.get("/close")
async def close(request):
    asyncio.get_running_loop().call_later(0.1, tasks["server"].cancel)
    return "closing time"


async def main(port):
    tasks["server"] = asyncio.create_task(app.start_server(host="127.0.0.1", port=port))
    await tasks["server"]
    print("the pier is closed")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
