"""A part that redirects within itself, wherever it is put."""

from nacre import Nacre, RedirectResponse

part = Nacre()


@part.get("/old")
async def old(request):
    return RedirectResponse(request.root_path + "/new")


@part.get("/older")
async def older(request):
    return RedirectResponse(request.url_for("new", since=1999))


@part.get("/new")
async def new(request):
    return "here it is"


app = Nacre()
app.mount("/part", part)
app.mount("/copy/of/it", part)
