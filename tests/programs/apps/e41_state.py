"""A lifespan whose startup leaves a value for requests, which the shutdown finds and changes."""

from contextlib import asynccontextmanager

from nacre import Nacre

left = []


@asynccontextmanager
async def lifespan(app):
    state = {"foo": "bar"}
    yield state
    assert state["foo"] == "bar"
    state["foo"] = "baz"
    left.append(state)


app = Nacre(lifespan=lifespan)


@app.get("/")
def index(request):
    return request.state.foo
