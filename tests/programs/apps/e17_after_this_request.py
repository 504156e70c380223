"""A plain hook for one request, which takes a cookie back."""

from nacre import Nacre

app = Nacre()


@app.post("/leave")
async def leave(request):
    @request.after_request
    def forget(request, response):
        response.delete_cookie("berth", httponly=True)
        return response

    return "Ashore."


@app.get("/stay")
async def stay(request):
    return "Aboard."
