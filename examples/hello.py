from nacre import Nacre, Request

app = Nacre()


async def timing(request, call_next):
    response = await call_next(request)
    response.headers["x-handled-by"] = "nacre"
    return response


app.middlewares.append(timing)


@app.get("/hello/<name>")
async def hello(request: Request, name: str):
    return {"hello": name}


if __name__ == "__main__":
    app.run()
