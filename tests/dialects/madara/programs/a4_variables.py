from madara.app import Madara
from markupsafe import escape

app = Madara(config={})


@app.route("/captain/<name>")
def captain(request, name):
    return "Captain %s" % escape(name)


@app.route("/voyage/<int:voyage_id>")
def voyage(request, voyage_id):
    return "Voyage %d" % voyage_id
