from madara.app import Madara

app = Madara(config={"host_matching": True})


@app.route("/", host="north.example.com")
def north(request):
    return "north"


@app.route("/", host="<side>.example.com")
def other(request, side):
    return "the " + side


@app.route("/chart", host="south.example.com")
def chart(request):
    return "a chart of the south"
