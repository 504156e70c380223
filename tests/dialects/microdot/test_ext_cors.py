"""CORS of the Microdot dialect: which header fields an answer has, for which request, under which options."""

import pytest

from nacre import Nacre
from nacre.dialects.microdot import Microdot
from nacre.dialects.microdot.cors import CORS

REEF = "https://reef.example"
OTHER = "https://other.example"
NAMES = ("origin", "credentials", "expose-headers", "max-age", "methods", "headers")


def program(**options):
    app = Microdot()
    app.cors = CORS(app, **options)

    @app.get("/")
    async def index(request):
        return "tides"

    @app.get("/varied")
    async def varied(request):
        return "tides", {"Vary": "X-Foo, X-Bar"}

    return app


def cors_fields(answer):
    prefix = "access-control-"
    fields = {name: value for name, value in answer.headers.items() if name.startswith(prefix) or name == "vary"}
    return {name.removeprefix(prefix).removeprefix("allow-"): value for name, value in fields.items()}


EVERYBODY = {"allowed_origins": "*"}
ONE = {"allowed_origins": [REEF]}


@pytest.mark.parametrize(
    ("options", "origin", "fields"),
    [
        (EVERYBODY, None, {"origin": "*"}),
        (EVERYBODY, OTHER, {"origin": OTHER, "vary": "Origin"}),
        (EVERYBODY | {"allow_credentials": True}, None, {"origin": "*", "credentials": "true"}),
        (
            EVERYBODY | {"allow_credentials": True},
            OTHER,
            {"origin": OTHER, "vary": "Origin", "credentials": "true"},
        ),
        (ONE, None, {}),
        (ONE, REEF, {"origin": REEF, "vary": "Origin"}),
        (ONE, OTHER, {}),
        (ONE, REEF + ".evil.example", {}),
        (ONE, "https://reef.exampl", {}),
        (ONE, "null", {}),
        (ONE | {"allow_credentials": True}, REEF, {"origin": REEF, "vary": "Origin", "credentials": "true"}),
        (ONE | {"allow_credentials": True}, OTHER, {}),
        (ONE | {"expose_headers": ["X-A", "X-B"]}, OTHER, {"expose-headers": "X-A, X-B"}),
        ({}, REEF, {}),
        ({}, None, {}),
        ({"allowed_origins": []}, REEF, {}),
        # The original takes every part of the text for an origin, and fails without one.
        ({"allowed_origins": REEF}, REEF, {"origin": REEF, "vary": "Origin"}),
        ({"allowed_origins": REEF}, "https://reef", {}),
        ({"allowed_origins": REEF}, None, {}),
    ],
)
async def test_an_answer_has_the_fields_of_its_origin(options, origin, fields, client_for):
    async with client_for(program(**options)) as client:
        headers = {} if origin is None else {"origin": origin}
        for path in ("/", "/nowhere"):
            assert cors_fields(await client.get(path, headers=headers)) == fields


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "X-Test, X-Test2"}
FOR_REEF = {"origin": REEF, "vary": "Origin"}


@pytest.mark.parametrize(
    ("options", "asked", "fields"),
    [
        (ONE, {}, {}),
        (ONE, PREFLIGHT, {"methods": "POST", "headers": "X-Test, X-Test2"}),
        (ONE, {"access-control-request-method": "patch"}, {"methods": "PATCH"}),
        (ONE | {"max_age": 3600}, {}, {"max-age": "3600"}),
        (ONE | {"max_age": 0}, {}, {}),
        (ONE | {"allowed_methods": ["GET", "POST"]}, PREFLIGHT, {"methods": "POST", "headers": "X-Test, X-Test2"}),
        (ONE | {"allowed_methods": ["GET"]}, PREFLIGHT, {"headers": "X-Test, X-Test2"}),
        (ONE | {"allowed_headers": ["x-TEST"]}, PREFLIGHT, {"methods": "POST", "headers": "X-Test"}),
        (
            ONE | {"allowed_headers": ["X-A", "X-B"]},
            {"access-control-request-headers": "x-b,X-C ,  X-A"},
            {"headers": "x-b, X-A"},
        ),
        (ONE | {"allowed_headers": []}, PREFLIGHT, {"methods": "POST", "headers": ""}),
    ],
)
async def test_a_preflight_is_told_what_a_page_may_send(options, asked, fields, client_for):
    async with client_for(program(**options)) as client:
        answer = await client.request("OPTIONS", "/", headers={"origin": REEF, **asked})
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert cors_fields(answer) == FOR_REEF | fields
        plain = await client.get("/", headers={"origin": REEF, **asked})
        assert cors_fields(plain) == FOR_REEF


@pytest.mark.parametrize("value", ["https://a\x01b", "\x7f", "µ", "ÿ", "PÜT"])
async def test_what_a_request_says_is_repeated_only_if_it_can_be(value, client_for):
    async with client_for(program(**EVERYBODY)) as client:
        answer = await client.get("/", headers={"origin": value})
        assert (answer.status, cors_fields(answer)) == (200, {"origin": "*"})
        for name in ("method", "headers"):
            headers = {"origin": REEF, f"access-control-request-{name}": value}
            answer = await client.request("OPTIONS", "/", headers=headers)
            assert (answer.status, cors_fields(answer)) == (200, FOR_REEF)


async def test_what_an_answer_varies_by_is_kept(client_for):
    async with client_for(program(**ONE)) as client:
        assert (await client.get("/varied", headers={"origin": REEF})).headers["vary"] == "X-Foo, X-Bar, Origin"
        assert (await client.get("/varied")).headers["vary"] == "X-Foo, X-Bar"


async def test_options_may_be_changed_while_the_application_serves(client_for):
    app = program()
    async with client_for(app) as client:
        assert cors_fields(await client.get("/", headers={"origin": REEF})) == {}
        app.cors.allowed_origins = [REEF]
        app.cors.allow_credentials = True
        app.cors.expose_headers = ["X-A"]
        app.cors.allowed_headers = ["X-Tide"]
        asked = {"origin": REEF, "access-control-request-headers": "x-tide, x-depth"}
        preflight = cors_fields(await client.request("OPTIONS", "/", headers=asked))
        assert preflight["headers"] == "x-tide"
        assert cors_fields(await client.get("/", headers={"origin": REEF})) == FOR_REEF | {
            "credentials": "true",
            "expose-headers": "X-A",
        }


async def test_a_program_may_add_the_fields_by_itself(client_for):
    app = Microdot()
    cors = CORS(app, allowed_origins=[REEF], handle_cors=False)

    @app.get("/")
    async def index(request):
        return "tides"

    @app.get("/own")
    async def own(request):
        return "tides", cors.get_cors_headers(request)

    async with client_for(app) as client:
        assert cors_fields(await client.get("/", headers={"origin": REEF})) == {}
        assert cors_fields(await client.get("/own", headers={"origin": REEF})) == FOR_REEF
        app.after_request(cors.after_request)
        assert cors_fields(await client.get("/", headers={"origin": REEF})) == FOR_REEF
        assert cors_fields(await client.get("/nowhere", headers={"origin": REEF})) == {}
        cors.initialize(app)
        assert cors_fields(await client.get("/nowhere", headers={"origin": REEF})) == FOR_REEF


async def test_a_sub_application_has_its_own_or_gives_it_to_the_whole(client_for):
    for local, expected in ((True, {}), (False, FOR_REEF)):
        app, sea = Microdot(), Microdot()
        app.get("/")(lambda request: "shore")
        sea.get("/")(lambda request: "sea")
        CORS(sea, allowed_origins=[REEF])
        app.mount(sea, url_prefix="/sea", local=local)
        async with client_for(app) as client:
            assert cors_fields(await client.get("/sea/", headers={"origin": REEF})) == FOR_REEF
            assert cors_fields(await client.get("/", headers={"origin": REEF})) == expected


async def test_it_goes_with_an_application_that_is_mounted_in_a_native_one(client_for):
    app = Nacre()
    app.mount("/sea", program(**ONE))
    async with client_for(app) as client:
        assert cors_fields(await client.get("/sea/", headers={"origin": REEF})) == FOR_REEF


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (EVERYBODY | {"allow_credentials": True}, 1),
        (EVERYBODY, 0),
        (ONE | {"allow_credentials": True}, 0),
    ],
)
def test_credentials_for_all_origins_are_a_risk(options, count):
    found = [risk for risk in program(**options).find_risks() if "lets every site read" in risk.what]
    assert len(found) == count
    assert all(risk.where.file == __file__ and risk.severity == "high" for risk in found)
