from madara.app import Madara

app = Madara(config={})


def told(value):
    return {"type": type(value).__name__, "value": str(value)}


@app.route("/string/<string:value>")
def text(request, value):
    return told(value)


@app.route("/plain/<value>")
def plain(request, value):
    return told(value)


@app.route("/int/<int:value>")
def whole(request, value):
    return told(value)


@app.route("/float/<float:value>")
def real(request, value):
    return told(value)


@app.route("/path/<path:value>")
def path(request, value):
    return told(value)


@app.route("/uuid/<uuid:value>")
def mark(request, value):
    return told(value)


@app.route("/any/<any(port, starboard):value>")
def side(request, value):
    return told(value)


@app.route("/code/<string(length=3):value>")
def code(request, value):
    return told(value)


@app.route("/short/<string(minlength=2, maxlength=4):value>")
def short(request, value):
    return told(value)


@app.route("/range/<int(min=10, max=20):value>")
def within(request, value):
    return told(value)


@app.route("/digits/<int(fixed_digits=4):value>")
def digits(request, value):
    return told(value)


@app.route("/signed/<int(signed=True):value>")
def signed(request, value):
    return told(value)


@app.route("/pair/<int:first>-<value>")
def pair(request, first, value):
    return {"first": first, "second": value}
