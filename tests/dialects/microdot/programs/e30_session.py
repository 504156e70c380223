from microdot import Microdot, redirect
from microdot.session import Session, with_session

app = Microdot()
Session(app, secret_key="deep-secret")


@app.route("/", methods=["GET", "POST"])
@with_session
async def harbour(req, session):
    diver = session.get("diver")
    if req.method == "POST":
        session["diver"] = req.form.get("diver")
        session.save()
        return redirect("/")
    return "Nobody signed in" if diver is None else "Signed in: " + diver


@app.post("/leave")
@with_session
async def leave(req, session):
    session.delete()
    return redirect("/")
