"""A harbour that other sites can't order about; what another harbour reports needs no check."""

from nacre import Group, Nacre
from nacre.security import CORS, CSRF, csrf

app = Nacre(middlewares=[CORS(["https://pilots.example"]), CSRF()])


@app.post("/berths")
async def book():
    return "booked"


@app.post("/reports")
@csrf.exempt
async def report():
    return "noted"


chosen = Group("/chosen", middlewares=[CSRF(protect_all=False)])


@chosen.post("/log")
async def log():
    return "logged"


@csrf.protect
@chosen.route("/lock", methods=["GET", "POST"])
async def lock():
    return "locked"


app.include(chosen)
