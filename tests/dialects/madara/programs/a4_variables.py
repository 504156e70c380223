from madara.app import Madara
from markupsafe import escape

app = Madara(config={})


@app.route("/captain/<name>")
def captain(request, name):
    return "Captain %s" % escape(name)  # noqa: UP031


@app.route("/voyage/<int:voyage_id>")
def voyage(request, voyage_id):
    return "Voyage %d" % voyage_id  # noqa: UP031
