import sys

from microdot import Microdot

app = Microdot()


@app.get("/close")
async def close(request):
    request.app.shutdown()
    return "The harbour closes..."


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
    print("all moored")
