"""A page with a form that answers itself."""

from html import escape

from nacre import HTMLResponse, Nacre

app = Nacre()

PAGE = """<!doctype html>
<p>{greeting}</p>
<form method="post"><input name="diver"><button>Sign in</button></form>"""


@app.route("/", methods=["GET", "POST"])
async def sign_in(request):
    diver = (await request.form()).get("diver", "") if request.method == "POST" else ""
    return HTMLResponse(PAGE.format(greeting=f"Dive well, {escape(diver)}." if diver else "Who dives?"))
