"""Whom a handler, a layer and a provider see is one user."""

from dataclasses import dataclass

from nacre import Nacre, Provide
from nacre.auth import USER, Login
from nacre.sessions import MemoryStore, Sessions


@dataclass
class Diver:
    id: int
    name: str


DIVERS = {1: Diver(1, "Ama")}


async def load(number):
    return DIVERS.get(number)


login = Login(load)
app = Nacre(middlewares=[Sessions(store=MemoryStore()), login])


@app.get("/")
@login.required
async def index(request, by_login: Diver = Provide(login.current_user), by_key: Diver = Provide(USER)):
    assert login.current_user(request) is request.user is by_login is by_key
    return request.user.name


@app.post("/login")
async def log_in(request):
    await login.login(request, DIVERS[1])
    return login.redirect_after(request)


@app.post("/logout")
async def log_out(request):
    await login.logout(request)
    assert login.current_user(request) is request.user is None
    return "bye"
