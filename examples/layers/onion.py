from nacre import Nacre, abort


async def members_only(request, call_next):
    if "member" not in request.cookies:
        abort(403, "members only")
    return await call_next(request)


app = Nacre(middlewares=[members_only])


@app.get("/")
async def home():
    return "welcome"
