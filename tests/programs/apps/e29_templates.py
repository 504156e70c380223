"""Pages of templates: as text, in pieces, awaited, as responses; from one folder and from another."""

import os

from nacre import Nacre, Request
from nacre.templates import Jinja, MiniJinja

Engine = {"jinja": Jinja, "minijinja": MiniJinja}[os.environ["REEF_TEMPLATES"]]
templates = Engine("e29_templates")
own = Engine("e29_own")
app = Nacre()


@app.get("/text")
async def text(request):
    return templates.render("index.html", name="Mira")


@app.get("/awaited")
async def awaited(request):
    return await templates.render_async("index.html", name="Mira")


@app.get("/pieces")
async def pieces(request):
    return templates.generate("index.html", name="Mira")


@app.get("/awaited-pieces")
async def awaited_pieces(request):
    return templates.generate_async("index.html", name="Mira")


@app.get("/page/<name>")
def page(request: Request, name: str):
    return templates.response("index.html", request, name=name)


@app.get("/streamed/<name>")
def streamed(request: Request, name: str):
    return templates.stream("index.html", request, name=name)


@app.get("/part/<name>")
def part(request: Request, name: str):
    return templates.response("index.html", request, block="main", name=name)


@app.get("/own")
async def own_folder(request):
    return own.render("index.html", name="Mira")
