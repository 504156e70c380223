"""A site with users: a login form, a page for those who are logged in, and one that wants the password again."""

from dataclasses import dataclass

from nacre import HTMLResponse, Nacre
from nacre.auth import Login, MemoryRememberStore
from nacre.sessions import MemoryStore, Sessions


@dataclass
class Diver:
    id: str
    name: str
    password: str


DIVERS = {"007": Diver("007", "Ama", "pearl"), "008": Diver("008", "Bo", "shell")}

login = Login(DIVERS.get, remember=MemoryRememberStore())
app = Nacre(middlewares=[Sessions(store=MemoryStore()), login])


@app.get("/login")
def login_page(request):
    return HTMLResponse('<form method="post"><input name="name"><input name="password" type="password"></form>')


@app.post("/login")
async def log_in(request):
    form = await request.form()
    diver = next((one for one in DIVERS.values() if one.name == form.get("name")), None)
    if diver is None or diver.password != form.get("password"):
        return login.redirect_to_login(request)
    await login.login(request, diver, remember="remember" in form)
    return login.redirect_after(request)


@app.get("/")
@login.required
async def index(request):
    return f"Hello, {request.user.name}"


@app.get("/fresh")
@login.fresh
async def fresh(request):
    return f"Your password is fresh, {request.user.name}"


@app.post("/logout")
@login.required
async def log_out(request):
    await login.logout(request)
    return login.redirect_to_login(request)
