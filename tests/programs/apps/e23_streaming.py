# ruff: noqa: T201 - what it prints is tested too
"""Bodies that come in pieces."""

from nacre import Nacre

app = Nacre()


@app.get("/fibonacci")
async def fibonacci(request):
    async def numbers():
        a, b = 0, 1
        while a < 100:
            yield f"{a}\n"
            a, b = b, a + b

    return numbers()


@app.get("/countdown")
def countdown(request):
    for number in range(3, 0, -1):
        yield f"{number}… "
    yield "go"


@app.get("/direct/<int:count>")
async def direct(request, count: int):
    for number in range(count):
        yield bytes([65 + number])


class Waves:
    def __init__(self):
        self.left = 2

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return "wave "

    async def aclose(self):
        print("closed")


@app.get("/waves")
async def waves(request):
    return Waves(), 206, {"content-type": "text/x-waves"}
