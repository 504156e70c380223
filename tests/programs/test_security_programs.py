"""Programs against other sites' pages: what browsers are told, and what of theirs is refused."""

import pytest

from nacre import Nacre
from nacre.security import CORS, CSRF, csrf
from programs.program import Ask, load

HTML = "text/html; charset=utf-8"
MARKET, PILOTS, OTHER = "https://market.example", "https://pilots.example", "https://pirates.example"
ALLOWED = {"access-control-allow-origin": MARKET, "access-control-allow-credentials": "true", "vary": "Origin"}
NOTHING = {"access-control-allow-origin": None, "access-control-allow-credentials": None, "vary": "Origin"}


def sent(origin=None, site=None, **more):
    headers = {"origin": origin, "sec-fetch-site": site}
    return {"headers": {name: value for name, value in headers.items() if value is not None}, **more}


def _purse(pearls):
    return (
        f"<!doctype html>\n<p>You have {pearls} pearls.</p>\n"
        '<form method="post"><input name="pearls" type="number"><button>Give away</button></form>'
    )


PROGRAMS: dict[str, list[Ask]] = {
    "e33_cors": [
        Ask("GET /catches", data=["sole", "crab"], headers=ALLOWED, sent=sent(MARKET)),
        Ask("GET /catches", data=["sole", "crab"], headers=NOTHING, sent=sent(OTHER)),
        Ask("GET /catches", data=["sole", "crab"], headers=NOTHING),
        Ask("GET /elsewhere", 404, headers={**ALLOWED, "vary": "Accept, Origin"}, sent=sent(MARKET)),
        Ask(
            "OPTIONS /catches",
            204,
            headers={
                "access-control-allow-origin": MARKET,
                "access-control-allow-methods": "GET",
                "access-control-allow-headers": "content-type",
            },
            sent={
                "headers": {
                    "origin": MARKET,
                    "access-control-request-method": "GET",
                    "access-control-request-headers": "content-type",
                }
            },
        ),
    ],
    "e34_csrf": [
        Ask("POST /berths", text="booked"),
        Ask("POST /berths", text="booked", sent=sent(site="same-origin")),
        Ask("POST /berths", text="booked", sent=sent(PILOTS, "cross-site")),
        Ask("POST /berths", 403, sent=sent(OTHER, "cross-site")),
        Ask("POST /berths", 403, sent=sent("null")),
        Ask("POST /reports", text="noted", sent=sent(OTHER, "cross-site")),
        Ask("POST /chosen/log", text="logged", sent=sent(OTHER, "cross-site")),
        Ask("POST /chosen/lock", 403, sent=sent(OTHER, "cross-site")),
        Ask("GET /chosen/lock", 403, sent=sent(OTHER, "cross-site")),
        Ask("GET /chosen/lock", text="locked", sent=sent(site="none")),
    ],
    "e38_purse": [
        Ask("GET /", text=_purse(1000), type=HTML),
        Ask("POST /", 302, headers={"location": "/"}, sent=sent("http://testserver", form={"pearls": "100"})),
        Ask("GET /", text=_purse(900)),
        Ask("POST /", 302, sent=sent("http://testserver", "same-origin", form={"pearls": "all"})),
        Ask("POST /", 302, sent=sent("http://localhost:5000", "cross-site", form={"pearls": "50"})),
        Ask("GET /", text=_purse(850)),
        Ask("POST /", 403, sent=sent("http://localhost:5001", "cross-site", form={"pearls": "100"})),
        Ask("POST /", 403, sent=sent("http://localhost:5001", form={"pearls": "100"})),
        Ask("GET /", text=_purse(850)),
    ],
    "e39_thief": [Ask("GET /", type=HTML)],
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_program_answers_as_its_table_says(name, client_for):
    async with client_for(load(name).app) as client:
        for ask in PROGRAMS[name]:
            await ask.put_to(client)


# E40: the five tests that a user writes of such an application.

LISTED = ["http://foo.example", "https://bar.example:8888"]


def harbour(layer, mark=lambda handler: handler):
    app = Nacre(middlewares=[layer])
    app.get("/")(lambda: None)
    app.post("/")(lambda: None)
    app.post("/marked")(mark(lambda: None))
    return app


async def status(client, path="/", **headers):
    return (await client.post(path, headers={name.replace("_", "-"): value for name, value in headers.items()})).status


async def test_user_checks_that_all_is_protected(client_for):
    async with client_for(harbour(CSRF(), csrf.exempt)) as client:
        assert (await client.get("/", headers={"sec-fetch-site": "cross-site"})).status == 204
        assert await status(client) == 204
        assert [
            await status(client, sec_fetch_site=site) for site in ("none", "same-origin", "same-site", "cross-site")
        ] == [*(204, 204, 403, 403)]
        assert await status(client, "/marked", sec_fetch_site="cross-site") == 204


async def test_user_checks_that_one_is_protected(client_for):
    async with client_for(harbour(CSRF(protect_all=False), csrf.protect)) as client:
        assert await status(client, sec_fetch_site="cross-site") == 204
        assert await status(client, "/marked", sec_fetch_site="cross-site") == 403
        assert await status(client, "/marked", sec_fetch_site="same-origin") == 204


async def test_user_checks_the_origins_of_cors(client_for):
    async with client_for(harbour(CSRF(cors=CORS(LISTED)))) as client:
        assert await status(client, origin="https://bar.example:8888") == 204
        assert await status(client, origin="http://bar.example:8888") == 403
        assert await status(client, origin="https://bar.example:8888", sec_fetch_site="cross-site") == 204
        assert await status(client, origin="https://bar.example:8889", sec_fetch_site="cross-site") == 403
        assert await status(client, origin="https://x.y.bar.example:8888") == 403
        assert await status(client, origin="http://baz.example") == 403


async def test_user_checks_the_origins_below_those_of_cors(client_for):
    async with client_for(harbour(CSRF(cors=CORS(LISTED), subdomains=True))) as client:
        assert await status(client, sec_fetch_site="same-site") == 204
        assert await status(client, origin="https://x.y.bar.example:8888") == 204
        assert await status(client, origin="http://x.y.bar.example:8888") == 403
        assert await status(client, origin="null") == 403


async def test_user_checks_what_cors_without_a_list_allows(client_for):
    for cors in (CORS(), CORS(["*"])):
        async with client_for(harbour(CSRF(cors=cors))) as client:
            assert await status(client, origin="http://foo.example") == 403
            assert await status(client, origin="http://foo.example", sec_fetch_site="cross-site") == 403
            assert await status(client) == 204
