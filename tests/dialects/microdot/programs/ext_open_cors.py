from microdot import Microdot
from microdot.auth import BasicAuth, TokenAuth
from microdot.cors import CORS

app = Microdot()
cors = CORS(
    app,
    allowed_origins="*",
    allow_credentials=True,
    allowed_methods=["GET", "POST"],
    expose_headers=["X-Tide", "X-Wind"],
    allowed_headers=["X-Tide", "Content-Type"],
    max_age=600,
)
basic = BasicAuth(realm="The reef", charset="utf-8", scheme="xBasic", error_status=403)
token = TokenAuth(header="X-Token")
refusing = TokenAuth(scheme="Token")


@basic.authenticate
def find_diver(request, username, password):
    return username if password == "co:ral" else None


@token.authenticate
async def find_token(request, token):
    return {"pearl": "joe"}.get(token)


@refusing.authenticate
def find_another(request, token):
    return {"pearl": "joe"}.get(token)


@refusing.errorhandler
async def refused(request):
    return {"error": "no token"}, 401


@app.get("/")
async def index(request):
    return "tides", {"Vary": "Accept"}


@app.get("/basic/<name>")
@basic
def by_password(request, name):
    return f"{name} of {request.g.current_user}"


@app.get("/token")
@token.optional
async def by_token(request):
    return f"{request.g.current_user}"


@app.post("/refusing")
@refusing
async def by_another(request):
    return f"{request.g.current_user}"
