"""Every kind of path variable answers with the type it got."""

from nacre import Nacre

app = Nacre()


def told(value):
    return {"type": type(value).__name__, "value": str(value)}


@app.get("/string/<string:value>")
def as_string(request, value):
    return told(value)


@app.get("/int/<int:value>")
def as_int(request, value):
    return told(value)


@app.get("/uint/<uint:value>")
def as_uint(request, value):
    return told(value)


@app.get("/float/<float:value>")
def as_float(request, value):
    return told(value)


@app.get("/path/<path:value>")
def as_path(request, value):
    return told(value)


@app.get("/uuid/{value:uuid}")
def as_uuid(request, value):
    return told(value)


@app.get("/date/{value:date}")
def as_date(request, value):
    return told(value)


@app.get("/any/<any(pearl,shell):value>")
def as_word(request, value):
    return told(value)
