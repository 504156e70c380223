from microdot import Microdot

app = Microdot()


@app.post("/leave")
async def leave(request):
    @request.after_request
    def forget(request, response):
        response.set_cookie("berth", "", http_only=True)
        return response

    return "Fair winds"
