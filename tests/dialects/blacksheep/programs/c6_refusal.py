from blacksheep import Application, Response, get

app = Application()


async def watchman(request, handler):
    if not request.has_header(b"X-Pass"):
        return Response(401)
    return await handler(request)


app.middlewares.append(watchman)


@get("/")
def vault():
    print("the vault is open")
    return "Gold."
