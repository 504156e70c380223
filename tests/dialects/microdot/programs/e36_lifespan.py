from microdot.asgi import Microdot


async def open_harbour(scope):
    scope["state"]["keeper"] = "Lotte"


async def close_harbour(scope):
    print(f"{scope['state']['keeper']} locks up", flush=True)


app = Microdot(lifespan_startup=open_harbour, lifespan_shutdown=close_harbour)


@app.get("/")
async def keeper(request):
    return f"{request.asgi_scope['state']['keeper']} keeps watch"
