from microdot import Microdot, redirect
from microdot.login import Login
from microdot.session import Session

app = Microdot()
Session(app, secret_key="very-deep-secret")
login = Login()


class Diver:
    def __init__(self, id, name, password):
        self.id = id
        self.name = name
        self.password = password


DIVERS = {1: Diver(1, "joe", "coral"), 2: Diver(2, "mei", "kelp")}


@login.user_loader
async def find_diver(diver_id):
    return DIVERS.get(diver_id)


@app.route("/login", methods=["GET", "POST"])
async def sign_in(request):
    if request.method == "GET":
        return "Who are you?"
    for diver in DIVERS.values():
        if (diver.name, diver.password) == (request.form.get("name"), request.form.get("password")):
            return await login.login_user(request, diver, remember="remember" in request.form)
    return redirect("/login")


@app.route("/")
@login
async def index(request):
    return f"Hello, {request.g.current_user.name}!"


@app.get("/fresh")
@login.fresh
async def fresh(request):
    return f"{request.g.current_user.name} has just signed in"


@app.post("/logout")
@login
async def logout(request):
    await login.logout_user(request)
    return redirect("/")
