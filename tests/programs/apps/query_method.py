"""QUERY: a safe method with a body."""

from nacre import Nacre

app = Nacre()


@app.query("/search")
async def search(request):
    wanted = await request.json()
    return {"found": [word for word in ("pearl", "shell", "sand") if wanted["has"] in word]}


@app.get("/search")
async def form(request):
    return "ask with QUERY"
