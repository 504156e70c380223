from microdot import Microdot
from microdot.auth import TokenAuth

app = Microdot()
auth = TokenAuth()

TOKENS = {"pearl": "joe"}


@auth.authenticate
async def verify_token(request, token):
    return TOKENS.get(token)


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
