"""A hook that refuses whoever isn't known, and leaves who it is for the handler."""

from nacre import Nacre

app = Nacre()


@app.before_request
async def know(request):
    name = request.query.get("name")
    if name not in ("ama", "kai"):
        return "Not aboard.", 401
    request.state.name = name


@app.get("/")
async def greet(request):
    return f"Aboard: {request.state.name}"
