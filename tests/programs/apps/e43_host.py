"""A page that says under which scheme and host it was asked for."""

from nacre import Nacre

app = Nacre()


@app.get("/")
def index(request):
    return request.scheme + "://" + request.headers["Host"]
