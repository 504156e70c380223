from microdot.asgi import Microdot

app = Microdot()


@app.route("/")
async def greet(request):
    return "Ahoy over ASGI"


@app.get("/scope")
async def scope(request):
    return request.asgi_scope["type"]
