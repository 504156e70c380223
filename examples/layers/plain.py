import sqlite3

from nacre import Nacre


def database(request, call_next):
    with sqlite3.connect(":memory:", check_same_thread=False) as connection:
        request.state.database = connection
        return call_next(request)


app = Nacre(middlewares=[database])


@app.get("/sum")
def add(request):
    return {"sum": request.state.database.execute("select 1 + 1").fetchone()[0]}
