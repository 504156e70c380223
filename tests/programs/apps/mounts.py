"""Three applications under prefixes of a fourth, each with its own startup."""

from contextlib import asynccontextmanager

from nacre import Nacre

life = []


@asynccontextmanager
async def child_life(app):
    life.append("child up")
    yield {"from_child": True}
    life.append("child down")


child = Nacre(lifespan=child_life)


@child.before_request
def child_hook(request):
    request.state.hooked = True


@child.error_handler(404)
def child_unknown(request):
    return f"the child knows no {request.path}"


@child.get("/")
@child.get("/where/<int:number>")
def where(request, number=0):
    return {
        "path": request.path,
        "root_path": request.root_path,
        "url": str(request.url),
        "number": number,
        "hooked": request.state.hooked,
        "link": request.url_for("where", number=3),
    }


async def asgi_app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            life.append(f"asgi {message['type'].rpartition('.')[2]}")
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    text = f"{scope['method']} {scope['root_path']} {scope['path']} {body.decode()}"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


def wsgi_app(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size).decode()
    text = f"{environ['REQUEST_METHOD']} {environ['SCRIPT_NAME']} {environ['PATH_INFO']} {body}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


async def mark(request, call_next):
    response = await call_next(request)
    response.headers["x-through"] = request.path
    return response


app = Nacre()
app.mount("/child", child, name="child", middlewares=[mark])
app.mount("/asgi", asgi_app, middlewares=[mark])
app.mount("/wsgi", wsgi_app, middlewares=[mark])


@app.get("/links")
def links(request):
    return [request.url_for("child:where", number=5), app.url_for("child:where")]


@app.error_handler(404)
def unknown(request):
    return "nobody knows"
