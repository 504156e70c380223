from blacksheep import Application, get

app = Application()


class Gangway:
    async def __call__(self, request, handler):
        # Nobody is counted on the way in.
        response = await handler(request)
        # And nobody on the way out.
        return response


app.middlewares.append(Gangway())


@get("/")
def deck():
    return "On deck."
