from microdot import Microdot

app = Microdot()


@app.route("/", methods=["GET", "POST"])
async def index(req):
    captain = "stranger"
    if req.method == "POST":
        captain = req.form.get("captain")
    return f"Welcome {captain}"
