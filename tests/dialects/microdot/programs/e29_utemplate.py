from microdot import Microdot
from microdot.utemplate import Template

app = Microdot()


@app.get("/")
async def index(req):
    return Template("tide.tpl").render("Saint-Malo", height=12)


@app.get("/pieces")
async def pieces(req):
    return Template("tide.tpl").generate("Saint-Malo", 12)


@app.get("/async")
async def awaited(req):
    return await Template("tide.tpl").render_async("Saint-Malo", 12)


@app.get("/async-pieces")
async def awaited_pieces(req):
    return Template("tide.tpl").generate_async("Saint-Malo", 12)
