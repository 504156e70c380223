from nacre import Hooks, Nacre


def refuse_robots(request):
    if "bot" in request.headers.get("user-agent", "").lower():
        return "no robots, please", 403


def secure(request, response):
    response.headers["x-content-type-options"] = "nosniff"


app = Nacre(middlewares=[Hooks(before=refuse_robots, finalize=secure, inline=True)])


@app.get("/")
async def home():
    return "hello"
