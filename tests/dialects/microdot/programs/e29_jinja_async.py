from microdot import Microdot
from microdot.jinja import Template

app = Microdot()
Template.initialize("my_templates", enable_async=True)


async def hours():
    for hour in (5, 17):
        yield hour


@app.get("/")
async def index(req):
    return await Template("index.html").render_async(place="Saint-Malo", hours=hours())


@app.get("/pieces")
async def pieces(req):
    return Template("index.html").generate_async(place="Saint-Malo", hours=hours())
