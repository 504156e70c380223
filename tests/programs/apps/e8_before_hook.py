# ruff: noqa: T201 - what it prints is tested too
"""Hooks before the handler: one refuses, and what it finds out the handler can read."""

from nacre import Nacre

app = Nacre()
USERS = {"t-1": "ama"}


@app.before_request
async def authenticate(request):
    user = USERS.get(request.headers.get("x-token", ""))
    if user is None:
        return "Who are you?", 401
    request.state.user = user


@app.before_request
def tell(request):
    print("before", request.state.user)


@app.get("/me")
async def me(request):
    print("handler")
    return f"You are {request.state.user}."
