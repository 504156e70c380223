"""Routes with defaults for what their path lacks, and every way to treat a final slash."""

from nacre import Group, Nacre

app = Nacre(slashes="redirect")


@app.get("/pages/<int:number>")
@app.get("/pages", defaults={"number": 1})
async def pages(request, number):
    return f"page {number}"


@app.get("/folder/")
async def folder(request):
    return "folder"


@app.get("/exact", slashes="strict")
async def exact(request):
    return "exact"


loose = Group("/loose", slashes="ignore")


@loose.post("/form")
async def form(request):
    return f"form at {request.path}"


app.include(loose)
