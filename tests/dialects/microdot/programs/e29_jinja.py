from microdot import Microdot
from microdot.jinja import Template

app = Microdot()


@app.get("/")
async def index(req):
    return Template("index.html").render(place=req.args.get("place", "Saint-Malo"), height=12)


@app.get("/pieces")
async def pieces(req):
    return Template("index.html").generate(place="Saint-Malo", height=12)


@app.get("/page")
def page(req):
    return Template("index.html").render(place="Saint-Malo", height=12), {"Content-Type": "text/html"}
