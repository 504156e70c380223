from microdot import Microdot

app = Microdot()


def pass_of(request):
    return request.headers.get("X-Pass")


@app.before_request
async def check_pass(request):
    holder = pass_of(request)
    if not holder:
        return "No pass", 401
    request.g.holder = holder


@app.get("/dock")
async def dock(request):
    print("the gate opens")
    return f"Come in, {request.g.holder}"
