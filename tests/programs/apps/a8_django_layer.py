# ruff: noqa: T201 - what it prints is tested too
"""A Django-style layer that only looks on: nothing changes but what it prints."""

from nacre import Nacre


class Diary:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        print("in", request.path)
        response = self.get_response(request)
        print("out", response.status)
        return response

    def process_view(self, request, view, view_kwargs):
        print("view", view.__name__, view_kwargs)

    def process_exception(self, request, exception):
        print("raised", exception)


app = Nacre(middlewares=[Diary])


@app.get("/pearls/<int:number>")
def pearl(request, number):
    return {"pearl": number}


@app.get("/broken")
def broken(request):
    raise RuntimeError("the net tore")
