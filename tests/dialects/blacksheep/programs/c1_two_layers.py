from blacksheep import Application, get

app = Application()


async def outer(request, handler):
    print("outer: in")
    response = await handler(request)
    print("outer: out")
    return response


async def inner(request, handler):
    print("inner: in")
    response = await handler(request)
    print("inner: out")
    return response


app.middlewares.append(outer)
app.middlewares.append(inner)


@get("/")
def pier():
    return "The pier is empty."
