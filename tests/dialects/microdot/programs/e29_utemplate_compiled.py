from microdot import Microdot
from microdot.utemplate import Template
from utemplate import compiled

app = Microdot()
Template.initialize(loader_class=compiled.Loader)


@app.get("/")
async def index(req):
    return Template("tide.tpl").render("Saint-Malo", 12)
