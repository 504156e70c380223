from microdot.wsgi import Microdot

app = Microdot()


@app.route("/")
def greet(req):
    return "Ahoy over WSGI"


@app.get("/later")
async def later(req):
    return f"{req.environ['REQUEST_METHOD']} of {req.path}"
