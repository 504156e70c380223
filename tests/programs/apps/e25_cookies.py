"""Cookies, set on a response and by a hook of one request."""

from nacre import Nacre, Response

app = Nacre()


@app.get("/by-hook")
async def by_hook(request):
    @request.after_request
    async def remember(request, response):
        response.set_cookie("tide", "high", path=None, samesite=None)
        return response

    return "remembered"


@app.get("/by-response")
def by_response(request):
    response = Response("remembered")
    response.set_cookie("tide", "low", httponly=True)
    response.set_cookie("__Host-boat", "1", secure=True, samesite="none", partitioned=True)
    return response


@app.get("/forget")
def forget(request):
    response = Response("forgotten")
    response.delete_cookie("tide")
    return response


@app.get("/read")
def read(request):
    return request.cookies
