import datetime

from microdot import Microdot, Response, abort, redirect
from microdot.auth import BasicAuth, TokenAuth
from microdot.cors import CORS
from microdot.csrf import CSRF
from microdot.helpers import wraps
from microdot.login import Login
from microdot.multipart import with_form_data
from microdot.session import Session, with_session

app = Microdot()
harbour = Microdot()
sessions = Session(secret_key="first")
sessions.initialize(app, "a-key-for-the-whole-harbour", {"max_age": 600, "domain": "example.com"})
cors = CORS(allowed_origins=["https://reef.example"], max_age=5, allowed_methods=["GET"])
cors.initialize(app)
csrf = CSRF(allow_subdomains=True)
csrf.initialize(app, cors)
basic, token, login = BasicAuth(), TokenAuth(scheme="Key"), Login(login_url="/harbour/gate?by=foot")


class Captain:
    def __init__(self, id):
        self.id = id


@basic.authenticate
async def by_password(request, username, password):
    return username and {"name": username, "password": password}


@token.authenticate
def by_token(request, token):
    return token.upper()


@login.user_loader
def find(user_id):
    return Captain(user_id) if user_id != "gone" else None


def counted(f):
    @wraps(f)
    async def wrapper(request, *args, **kwargs):
        request.g.count = getattr(request.g, "count", 0) + 1
        return await f(request, *args, **kwargs)

    return wrapper


@app.before_request
@with_session
async def visit(request, session):
    session["visits"] = session.get("visits", 0) + 1
    if request.path == "/closed":
        session["closed"] = True
        session.save()
        return {"closed": True}, 503


@app.after_request
@with_session
def stamp(request, session, response):
    response.headers["X-Visits"] = str(session.get("visits"))


@app.errorhandler(404)
@with_session
async def not_here(request, session):
    return f"not here {session.get('visits')}", 404


@app.errorhandler(401)
async def who(request):
    return {"who": None}, 401


@app.errorhandler(ValueError)
@token.optional
async def wrong(request, *error):
    return f"wrong {request.g.current_user} {len(error)}", 400


@app.get("/visit/<int:times>/<name>")
@counted
@with_session
@counted
async def visits(request, session, times, name):
    session["names"] = session.get("names", []) + [name] * times
    session.save()
    return {"names": session["names"], "count": request.g.count, "is_dict": isinstance(session, dict)}


@app.get("/keep")
@with_session
def keep(request, session):
    session.update(request.args)
    session.save()
    return dict(session)


@app.get("/until")
@with_session
async def until(request, session):
    session["exp"] = datetime.datetime(2000 if "past" in request.args else 2100, 1, 1)
    session["tide"] = "high"
    session.save()
    return "kept"


@app.get("/stream")
@with_session
async def stream(request, session):
    session.save()

    async def pieces():
        yield "a"
        yield session.get("tide", "low")

    return pieces()


@app.get("/drop")
@with_session
async def drop(request, session):
    session["tide"] = "gone"
    session.delete()
    return session.get("tide"), 202


@app.get("/response")
@with_session
async def response(request, session):
    session.save()
    made = Response("made", 201, {"X-Made": "1"})
    made.set_cookie("made", "yes", path="/", http_only=True)
    return made


@app.get("/user")
@basic
async def user(request):
    return request.g.current_user


@app.get("/either")
@token.optional
@basic.optional
def either(request):
    return str(request.g.current_user)


@app.get("/both")
@basic
@token
def both(request):
    return "never, as there is one Authorization field"


@app.get("/wrong")
@token.optional
async def raising(request):
    raise ValueError(request.g.current_user)


@app.get("/none")
@with_session
async def none(request, session):
    session.save()


@app.get("/status")
@token
async def status(request):
    return 418


@app.post("/form")
@csrf.exempt
@token
@with_session
@with_form_data
async def form(request, session):
    session["fields"] = dict(request.form)
    session.save()
    return session["fields"]


@app.route("/log", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
async def log(request):
    return request.method


@app.get("/open")
@csrf.protect
@with_session
async def opened(request, session):
    return "opened"


@harbour.get("/")
@login
async def quay(request):
    user = await login.get_current_user(request)
    return f"{user.id} {request.url} {request.url_prefix}"


@harbour.get("/fresh/<name>")
@login.fresh
def fresh(request, name):
    return f"{request.g.current_user.id} {name}"


@harbour.post("/gate")
async def gate(request):
    days = request.args.get("days", 0, type=int)
    user = Captain(request.args.get("id", "mei"))
    return await login.login_user(request, user, remember=days, redirect_url="/harbour/")


@harbour.get("/maybe")
async def maybe(request):
    user = await login.get_current_user(request)
    return "nobody" if user is None else user.id


@harbour.post("/leave")
@login
async def leave(request):
    await login.logout_user(request)
    return redirect("/harbour/maybe")


@harbour.get("/abort")
@with_session
async def aborted(request, session):
    abort(404)


app.mount(harbour, url_prefix="/harbour")
