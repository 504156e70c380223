"""CSRF of the Microdot dialect: the decision table of `Sec-Fetch-Site`, `Origin` and the origins that are listed."""

import functools

import pytest

from nacre.dialects.microdot import Microdot
from nacre.dialects.microdot.auth import TokenAuth
from nacre.dialects.microdot.cors import CORS
from nacre.dialects.microdot.csrf import CSRF

LISTED = ["http://foo.com", "https://bar.com:8888"]
FOO, BAR = LISTED
BELOW = "https://x.y.bar.com:8888"


def program(cors=None, **options):
    app = Microdot()
    app.csrf = CSRF(app, cors, **options)

    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def index(request):
        return 204

    return app


async def statuses(client, path="/", methods=("POST",), **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
    found = {(await client.request(method, path, headers=sent)).status for method in methods}
    (status,) = found
    return status


SITES_THAT_ARE_NONE = ["cross-site", "CROSS-SITE", "sideways", "Same-Origin"]
ORIGINS = [
    None,
    FOO,
    BAR,
    "https://bar.com:8889",
    "http://bar.com:8888",
    BELOW,
    "http://baz.com",
    "null",
    "foo.com",
    "*",
]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("cors", [None, CORS(), CORS(allowed_origins="*"), CORS(allowed_origins=LISTED)])
@pytest.mark.parametrize("below", [False, True])
async def test_the_table_decides(origin, cors, below):
    from nacre.testing import TestClient

    listed = cors is not None and cors.allowed_origins == LISTED
    known = listed and (origin in LISTED or (below and origin == BELOW))
    async with TestClient(program(cors, allow_subdomains=below)) as client:
        ask = functools.partial(statuses, client, methods=("POST", "PUT", "PATCH", "DELETE"), origin=origin)
        assert await ask(sec_fetch_site="same-origin") == 204
        assert await ask(sec_fetch_site="none") == 204
        assert await ask(sec_fetch_site="same-site") == (204 if below or known else 403)
        for site in SITES_THAT_ARE_NONE:
            assert await ask(sec_fetch_site=site) == (204 if known else 403)
        assert await ask() == (204 if known or origin is None else 403)


async def test_safe_methods_and_paths_without_a_route_are_not_checked(client_for):
    async with client_for(program()) as client:
        for method, status in (("GET", 204), ("HEAD", 204), ("OPTIONS", 200)):
            assert await statuses(client, methods=(method,), sec_fetch_site="cross-site") == status
        assert await statuses(client, "/nowhere", sec_fetch_site="cross-site") == 404


async def test_a_refusal_is_an_error_of_the_application(client_for):
    app = program()
    async with client_for(app) as client:
        answer = await client.post("/", headers={"origin": "https://evil.com"})
        assert (answer.status, answer.text) == (403, "Forbidden")

    @app.errorhandler(403)
    async def refused(request):
        return "not from there", 403

    async with client_for(app) as client:
        assert (await client.post("/", headers={"origin": "https://evil.com"})).text == "not from there"


async def test_the_sandboxed_frames_of_all_sites_are_never_trusted(client_for):
    """The original trusts them where the text `null` is listed."""
    for below in (False, True):
        async with client_for(program(CORS(allowed_origins=["null", FOO]), allow_subdomains=below)) as client:
            assert await statuses(client, origin="null") == 403


@pytest.mark.parametrize(
    ("listed", "origin", "status"),
    [
        (FOO, FOO, 204),
        (FOO, "http://foo", 403),
        (FOO, "o", 403),
        (["foo.com"], "http://a.foo.com", 403),
        (["http://"], "http://a.", 403),
        ([], FOO, 403),
        ([FOO], "http://afoo.com", 403),
        ([FOO], "http://a.foo.com", 204),
        ([FOO], "http://a.foo.com:80", 403),
    ],
)
async def test_origins_below_a_listed_one_share_its_scheme_and_port(listed, origin, status, client_for):
    async with client_for(program(CORS(allowed_origins=listed), allow_subdomains=True)) as client:
        assert await statuses(client, origin=origin) == status


async def test_the_cors_object_of_the_constructor_counts_for_applications_given_later(client_for):
    csrf = CSRF(cors=CORS(allowed_origins=LISTED))
    app = Microdot()
    csrf.initialize(app)
    app.post("/")(lambda request: 204)
    async with client_for(app) as client:
        assert await statuses(client, origin=FOO) == 204
        assert await statuses(client, origin="http://baz.com") == 403


async def test_marks_count_at_any_place_among_the_decorators(client_for):
    app = Microdot()
    csrf, auth = CSRF(app), TokenAuth(header="X-Token")
    auth.authenticate(lambda request, token: token)

    @app.post("/below")
    @auth
    @csrf.exempt
    async def below(request):
        return 204

    @app.post("/between")
    @csrf.exempt
    @auth
    def between(request):
        return 204

    @csrf.exempt
    @app.post("/above")
    @auth
    async def above(request):
        return 204

    @app.get("/log")
    @auth
    @csrf.protect
    async def log(request):
        return 204

    @app.post("/both")
    @csrf.exempt
    @csrf.protect
    async def both(request):
        return 204

    @app.post("/neither")
    @auth
    async def neither(request):
        return 204

    async with client_for(app) as client:
        for path, status in (("/below", 204), ("/between", 204), ("/above", 204), ("/both", 403), ("/neither", 403)):
            assert await statuses(client, path, x_token="joe", sec_fetch_site="cross-site") == status
        assert await statuses(client, "/log", ("GET",), x_token="joe", sec_fetch_site="cross-site") == 403
        assert await statuses(client, "/log", ("GET",), x_token="joe") == 204


async def test_what_an_exempt_function_wraps_is_checked_in_other_routes(client_for):
    app = Microdot()
    csrf, auth = CSRF(app), TokenAuth(header="X-Token")
    auth.authenticate(lambda request, token: token)

    async def write(request):
        return 204

    app.post("/exempt")(csrf.exempt(auth(write)))
    app.post("/checked")(auth(write))
    app.post("/bare")(write)
    async with client_for(app) as client:
        for path, status in (("/exempt", 204), ("/checked", 403), ("/bare", 403)):
            assert await statuses(client, path, x_token="joe", sec_fetch_site="cross-site") == status


async def test_a_mark_above_a_decorator_that_stands_above_the_routes_protects_only(client_for):
    app = Microdot()
    csrf = CSRF(app)

    def logged(function):
        return functools.wraps(function)(lambda request: function(request))

    @csrf.protect
    @logged
    @app.get("/protected")
    async def protected(request):
        return 204

    @csrf.exempt
    @logged
    @app.post("/exempt")
    async def exempt(request):
        return 204

    async with client_for(app) as client:
        assert await statuses(client, "/protected", ("GET",), sec_fetch_site="cross-site") == 403
        assert await statuses(client, "/exempt", sec_fetch_site="cross-site") == 403


async def test_a_route_that_one_object_exempts_another_one_checks(client_for):
    app = Microdot()
    first, second = CSRF(app), CSRF(app)

    @app.post("/")
    @first.exempt
    async def index(request):
        return 204

    async with client_for(app) as client:
        assert await statuses(client, sec_fetch_site="cross-site") == 403
        second.exempt(index)
        assert await statuses(client, sec_fetch_site="cross-site") == 204


def test_the_safe_methods_are_the_original_ones():
    assert CSRF.SAFE_METHODS == ["GET", "HEAD", "OPTIONS"]
