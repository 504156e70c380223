"""Path variables arrive by name, already of their type."""

from html import escape

from nacre import HTMLResponse, Nacre

app = Nacre()


@app.get("/divers/<name>")
def diver(request, name):
    return HTMLResponse(f"<p>Diver {escape(name)}</p>")


@app.get("/dives/<int:number>")
async def dive(request, number):
    return f"dive no. {number + 1} comes next"
