"""A login that is kept in a session: a name from a form, a page that greets, a way out."""

from nacre import Nacre, RedirectResponse, Request
from nacre.sessions import Sessions

app = Nacre(middlewares=[Sessions("Mk2Yx7_pQ9vLr4Tz8NwB3jHs6DfGc1Ae")])


@app.route("/", methods=["GET", "POST"])
async def index(request: Request):
    if request.method == "POST":
        request.session["username"] = (await request.form())["username"]
        return RedirectResponse("/")
    username = request.session.get("username")
    return "Not logged in" if username is None else f"Logged in as {username}"


@app.post("/logout")
def logout(request: Request):
    request.session.clear()
    return RedirectResponse("/")
