"""The programs that use Microdot's extensions, as its users write them: what each answers on every transport."""

import base64
import functools
import re
import sys
import unittest

import pytest
from programs.program import Ask

from dialects.program import FOLDER, load
from nacre.dialects.microdot import helpers, jinja, utemplate

PROGRAMS_FOLDER = FOLDER / "microdot" / "programs"
TEXT = "text/plain; charset=UTF-8"
HTML = "text/html"
TIDE = "<p>Tide at Saint-Malo: 12 m</p>"
HOURS = "<h1>Saint-Malo</h1>\n<li>5</li>\n<li>17</li>"
BASIC = 'Basic realm="Please login", charset="UTF-8"'
TOKEN = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
REEF = "https://reef.example"
FOR_REEF = {
    "access-control-allow-origin": REEF,
    "access-control-allow-credentials": "true",
    "vary": "Origin",
}
FOR_NOBODY = {"access-control-allow-origin": None, "access-control-allow-credentials": None, "vary": None}


def by(**headers):
    return {"headers": {name.replace("_", "-"): value for name, value in headers.items()}}


def signed_in(user, password):
    return by(authorization="Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


SESSION = re.compile(rf"session={TOKEN}; Path=/; HttpOnly")
NO_SESSION = "session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly"

PROGRAMS: dict[str, list[Ask]] = {
    "e29_jinja": [
        Ask("GET /", text=TIDE, type=TEXT),
        Ask("GET /?place=%3Cb%3E", text="<p>Tide at &lt;b&gt;: 12 m</p>"),
        Ask("GET /pieces", text=TIDE, type=TEXT),
        Ask("GET /page", text=TIDE, type=HTML),
    ],
    "e29_jinja_async": [
        Ask("GET /", text=HOURS, type=TEXT),
        Ask("GET /pieces", text=HOURS, type=TEXT),
    ],
    "e29_utemplate": [Ask(f"GET {path}", text=TIDE + "\n") for path in ("/", "/pieces", "/async", "/async-pieces")],
    "e29_utemplate_compiled": [Ask("GET /", text=TIDE + "\n", type=TEXT)],
    "e30_session": [
        Ask("GET /", text="Nobody signed in", headers={"set-cookie": None}),
        Ask("POST /", 302, sent={"form": {"diver": "joe"}}, headers={"location": "/", "set-cookie": SESSION}),
        Ask("GET /", text="Signed in: joe", headers={"set-cookie": None}),
        Ask("POST /leave", 302, headers={"location": "/", "set-cookie": NO_SESSION}),
        Ask("GET /", text="Nobody signed in"),
        Ask("GET /", text="Nobody signed in", sent=by(cookie="session=forged.by.me")),
    ],
    "e31_basic_auth": [
        Ask("GET /", 401, text="", headers={"www-authenticate": BASIC}),
        Ask("GET /", text="Hello, joe!", sent=signed_in("joe", "coral"), headers={"www-authenticate": None}),
        Ask("GET /", 401, text="", sent=signed_in("joe", "sand"), headers={"www-authenticate": BASIC}),
        Ask("GET /shore", text="Hello, anonymous user!"),
        Ask("GET /shore", text="Hello, anonymous user!", sent=signed_in("joe", "sand")),
        Ask("GET /shore", text="Hello, joe!", sent=signed_in("joe", "coral")),
    ],
    "e31_token_auth": [
        Ask("GET /", 401),
        Ask("GET /", text="Hello, joe!", sent=by(authorization="Bearer pearl")),
        Ask("GET /", 401, sent=by(authorization="Bearer sand")),
        Ask("GET /shore", text="Hello, anonymous user!"),
        Ask("GET /shore", text="Hello, joe!", sent=by(authorization="Bearer pearl")),
    ],
    "e32_login": [
        Ask("GET /?day=1", 302, headers={"location": "/login?next=/%3Fday%3D1", "set-cookie": None}),
        Ask("GET /login?next=/%3Fday%3D1", text="Who are you?"),
        Ask("POST /login", 302, sent={"form": {"name": "joe", "password": "sand"}}, headers={"location": "/login"}),
        Ask(
            "POST /login?next=/%3Fday%3D1",
            302,
            sent={"form": {"name": "joe", "password": "coral"}},
            headers={"location": "/?day=1", "set-cookie": SESSION},
        ),
        Ask("GET /", text="Hello, joe!"),
        Ask("GET /fresh", text="joe has just signed in"),
        Ask("POST /logout", 302, headers={"location": "/", "set-cookie": SESSION}),
        Ask("GET /", 302, headers={"location": "/login?next=/"}),
        Ask("GET /fresh", 302, headers={"location": "/login?next=/fresh"}),
    ],
    "e33_cors": [
        Ask("GET /", text="tides", headers=FOR_NOBODY),
        Ask("GET /", text="tides", sent=by(origin=REEF), headers=FOR_REEF),
        Ask("GET /", text="tides", sent=by(origin="https://reef.example.org"), headers=FOR_NOBODY),
        Ask("GET /pieces", text="high low", sent=by(origin=REEF), headers=FOR_REEF),
        Ask("GET /gone", 410, sent=by(origin=REEF), headers=FOR_REEF),
        Ask("GET /nowhere", 404, sent=by(origin=REEF), headers=FOR_REEF),
        Ask("POST /", 405, sent=by(origin=REEF), headers=FOR_REEF),
        Ask("GET /broken", 500, text="Internal server error", sent=by(origin=REEF), headers=FOR_REEF),
        Ask(
            "OPTIONS /",
            sent=by(origin=REEF, access_control_request_method="GET", access_control_request_headers="X-Tide"),
            headers={
                **FOR_REEF,
                "allow": "GET, HEAD, OPTIONS",
                "access-control-allow-methods": "GET",
                "access-control-allow-headers": "X-Tide",
            },
        ),
    ],
    "e34_csrf": [
        Ask("POST /log", text="written"),
        Ask("POST /log", 403, text="Forbidden", sent=by(sec_fetch_site="cross-site"), type=TEXT),
        Ask("POST /log", text="written", sent=by(sec_fetch_site="cross-site", origin=REEF)),
        Ask("POST /log", 403, sent=by(origin="https://pirate.example")),
        Ask("POST /webhook", text="received", sent=by(sec_fetch_site="cross-site")),
        Ask("GET /nowhere", 404, sent=by(sec_fetch_site="cross-site")),
    ],
    "e34_csrf_chosen": [
        Ask("POST /log", text="written", sent=by(sec_fetch_site="cross-site")),
        Ask("POST /submit-form", 403, text="Forbidden", sent=by(sec_fetch_site="cross-site")),
        Ask("POST /submit-form", text="submitted", sent=by(sec_fetch_site="same-origin")),
        Ask("POST /submit-form", text="submitted", sent=by(origin=REEF)),
    ],
    "e39_pirate": [
        Ask("GET /", type=HTML),
        Ask("POST /", type=HTML, sent={"form": {"amount": "100"}}),
    ],
}


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch):
    """Where the templates are is kept with their class."""
    monkeypatch.setattr(jinja.Template, "jinja_env", None)
    monkeypatch.setattr(utemplate.Template, "loader", None)
    yield
    for module in [module for module in sys.modules if module.partition(".")[0] == "utemplate"]:
        del sys.modules[module]


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_answers_and_prints_as_its_document_says(name, client_for, capsys, monkeypatch):
    monkeypatch.chdir(PROGRAMS_FOLDER)
    monkeypatch.syspath_prepend(PROGRAMS_FOLDER / "standin")
    program = load("microdot", name)
    capsys.readouterr()
    async with client_for(program.app) as client:
        for ask in PROGRAMS[name]:
            await ask.put_to(client)
            assert capsys.readouterr().out == ask.printed


async def test_the_treasury_gives_to_its_own_pages_and_not_to_the_pirates(client_for):
    program = load("microdot", "e38_bank")
    own, pirate = "http://localhost:5000", "http://localhost:5001"

    async def give(amount, status, **headers):
        await Ask("POST /", status, sent={"form": {"amount": amount}, **by(**headers)}).put_to(client)

    async def shows(sum):
        response = await client.get("/")
        assert response.headers["content-type"] == HTML
        assert f"You have ${sum} in pearls" in response.text

    async with client_for(program.app) as client:
        await shows("1000.00")
        await give("100", 302, sec_fetch_site="same-origin", origin=own)
        await shows("900.00")
        await give("much", 302, sec_fetch_site="same-origin", origin=own)
        await shows("900.00")
        await give("100", 403, sec_fetch_site="cross-site", origin=pirate)
        await give("100", 403, origin=pirate)
        await give("100", 403, origin="null")
        await shows("900.00")
        await give("100", 302, origin=own)
        await shows("800.00")


@pytest.mark.parametrize("name", ["e40_csrf_tests", "e42_login_tests"])
def test_the_tests_of_a_program_pass(name):
    suite = unittest.defaultTestLoader.loadTestsFromModule(load("microdot", name))
    result = unittest.TestResult()
    suite.run(result)
    assert result.testsRun == {"e40_csrf_tests": 5, "e42_login_tests": 1}[name]
    assert not result.errors + result.failures, result


def test_the_chain_of_a_route_names_the_extensions_around_it():
    program = load("microdot", "e34_csrf")
    chain = next(chain for chain in program.app.describe().chains if chain.path == "/log" and chain.method == "POST")
    assert [(layer.name, layer.dialect) for layer in chain.layers] == [("CORSLayer", "microdot")]
    assert [(hook.name.rpartition(".")[2], hook.dialect) for hook in chain.hooks] == [
        ("csrf_before_request", "microdot")
    ]


def test_the_helper_for_decorators_is_that_of_the_standard_library():
    assert helpers.wraps is functools.wraps
