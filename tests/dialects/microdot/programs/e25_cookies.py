from microdot import Microdot, Response

app = Microdot()


@app.get("/hook")
async def by_hook(request):
    @request.after_request
    async def keep(request, response):
        response.set_cookie("berth", "12")
        return response

    return "kept"


@app.get("/object")
async def by_object(request):
    response = Response("kept")
    response.set_cookie("berth", "12")
    return response
