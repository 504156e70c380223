"""A purse that its owner can empty, and no other site."""

from nacre import HTMLResponse, Nacre, RedirectResponse
from nacre.security import CORS, CSRF

app = Nacre(middlewares=[CORS(["http://localhost:5000"]), CSRF()])
purse = {"pearls": 1000}

PAGE = """<!doctype html>
<p>You have {pearls} pearls.</p>
<form method="post"><input name="pearls" type="number"><button>Give away</button></form>"""


@app.get("/")
async def show():
    return HTMLResponse(PAGE.format(**purse))


@app.post("/")
async def give(request):
    given = (await request.form()).get("pearls", "")
    if given.isdecimal():
        purse["pearls"] -= int(given)
    return RedirectResponse("/")


if __name__ == "__main__":
    app.run(port=5000, debug=True)
