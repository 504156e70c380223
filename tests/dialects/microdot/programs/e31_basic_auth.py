from microdot import Microdot
from microdot.auth import BasicAuth

app = Microdot()
auth = BasicAuth(app)

PASSWORDS = {"joe": "coral"}


@auth.authenticate
async def verify_diver(request, username, password):
    if PASSWORDS.get(username) == password:
        return username


@app.route("/")
@auth
async def index(request):
    return f"Hello, {request.g.current_user}!"


@app.route("/shore")
@auth.optional
async def shore(request):
    if request.g.current_user:
        return f"Hello, {request.g.current_user}!"
    return "Hello, anonymous user!"
