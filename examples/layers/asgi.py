from nacre import Middleware, Nacre


class Header:
    def __init__(self, app, name, value):
        self.app = app
        self.pair = (name.encode(), value.encode())

    async def __call__(self, scope, receive, send):
        async def with_header(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self.pair]
            await send(message)

        await self.app(scope, receive, with_header)


app = Nacre(middlewares=[Middleware(Header, "x-served-by", value="nacre")])


@app.get("/")
async def home():
    return "hello"
