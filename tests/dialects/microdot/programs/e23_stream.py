from microdot import Microdot

app = Microdot()


@app.get("/fathoms")
async def fathoms(request):
    async def depths():
        last, depth = 1, 0
        while depth < 100:
            yield f"{depth}\n"
            last, depth = depth, last + depth

    return depths()


@app.get("/plain")
async def plain(request):
    def depths():
        yield "shallow, "
        yield b"deep"

    return depths(), 201, {"Content-Type": "text/csv"}


class Soundings:
    def __init__(self):
        self.left = 3

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return f"{self.left} "

    async def aclose(self):
        print("the lead is hauled in")


@app.get("/class")
async def of_a_class(request):
    return Soundings()
