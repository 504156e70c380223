from microdot import Microdot

boats_app = Microdot()


@boats_app.get("/")
async def boats(request):
    return ["Heron", "Tern"]


@boats_app.post("/")
async def new_boat(request):
    return {"launched": request.json["name"]}, 201


crews_app = Microdot()


@crews_app.get("/")
async def crews(request):
    return ["Mei", "Ravi"]


@crews_app.post("/")
async def new_crew(request):
    return {"signed": request.json["name"]}, 201


def create_app():
    harbour = Microdot()
    harbour.mount(boats_app, url_prefix="/boats")
    harbour.mount(crews_app, url_prefix="/crews")
    return harbour


app = create_app()
