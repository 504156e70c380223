"""Shapes of programs that the documents don't show, and that Microdot takes."""

import json

from microdot import Microdot, Response, abort

pages, app = Microdot(), Microdot()


@pages.get("/<slug>")
async def page(request, slug):
    return f"page {slug} of {request.url_prefix or 'the root'}"


@pages.get("")
async def cover(request):
    return f"cover of {request.url_prefix}"


@app.get("tide")
async def tide(request):
    return "rising"


app.mount(pages, url_prefix="log")


@app.get("/fields")
async def fields(request):
    @request.after_request
    async def more(request, response):
        response.headers["X-More"] = 0.5
        response.headers["Set-Cookie"] = ["a=1", "b=2"]

    return "fields", {"X-Trail": 3}


@app.get("/cookie/<kind>")
async def cookie(request, kind):
    response = Response("kept")
    response.set_cookie("name", {"words": "two words", "json": json.dumps({"a": [1]}), "number": 7}[kind], path="/")
    return response


@app.get("/cookies")
async def cookies(request):
    return request.cookies


@app.before_request
async def behind_a_proxy(request):
    if "X-Real-IP" in request.headers:
        request.client_addr = (request.headers["X-Real-IP"], 0)


@app.get("/who")
async def who(request):
    return request.client_addr[0]


@app.errorhandler(ArithmeticError)
async def sums(request, error):
    raise RuntimeError("the abacus is broken")


@app.after_error_request
async def stamp(request, response):
    response.headers["X-Error"] = response.status_code


@app.get("/sums")
async def divide(request):
    return 1 // 0


@app.get("/ends/<int:status>")
async def ends(request, status):
    abort(status)


# Last, as what is mounted first answers first.
app.mount(pages)


@app.get("/late")
async def late(request):
    return "never asked"
