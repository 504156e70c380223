from microdot import Microdot, redirect

piers = Microdot()


@piers.get("/")
async def index(request):
    return redirect(request.url_prefix + "/north")


@piers.get("/north")
async def north(request):
    return "the north pier"


app = Microdot()
app.mount(piers, url_prefix="/piers")
