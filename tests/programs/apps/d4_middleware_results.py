"""What a marked middleware returns itself gets its content type and status; a `Response` is left as it is."""

from nacre import Group, Nacre, Response, middleware


@middleware(content_type="text/html; charset=utf-8")
async def apologise(request, call_next):
    try:
        return await call_next(request)
    except Exception:
        return "<p>sorry</p>"


@middleware(content_type="text/html; charset=utf-8", status_code=418)
async def give_up(request, call_next):
    try:
        return await call_next(request)
    except Exception:
        return Response(status=500)


async def fail(request):
    raise Exception("no bait")


async def work(request):
    return "fish"


polite = Group("/polite", middlewares=[apologise])
polite.add_route("/fail", fail)
polite.add_route("/work", work)

curt = Group("/curt", middlewares=[give_up])
curt.add_route("/fail", fail)
curt.add_route("/work", work)

app = Nacre()
app.include(polite)
app.include(curt)
