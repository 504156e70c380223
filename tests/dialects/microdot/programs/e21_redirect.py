from microdot import Microdot, redirect

app = Microdot()


@app.get("/")
async def index(request):
    return redirect("/quay")


@app.get("/moved")
async def moved(request):
    return redirect("/quay", 301)
