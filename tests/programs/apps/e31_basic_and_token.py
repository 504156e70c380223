"""Basic authentication and bearer tokens: a page for known divers, and one that greets everybody."""

from nacre import Nacre
from nacre.auth import Authentication, BasicAuth, BearerAuth, authenticated

DIVERS = {"ama": "pearl:1"}
TOKENS = {"t-1": "ama", "t-2": "haenyeo"}


async def verify_diver(request, name, password):
    request.state.path = request.path
    if DIVERS.get(name) == password:
        return name


def verify_token(token):
    return TOKENS.get(token)


app = Nacre(
    middlewares=[Authentication(BasicAuth(verify_diver, realm="The reef"), BearerAuth(verify_token, realm="The reef"))]
)


@app.get("/log")
@authenticated
async def log(request):
    return f"The log of {request.user}."


@app.get("/")
async def index(request):
    if request.user:
        return f"Good dive, {request.user}!"
    return "Good dive, whoever you are!"
