"""Logging in at a provider: the way there and back, and everything that may be wrong with it."""

from __future__ import annotations

import asyncio
import hmac
import logging
import sys
from base64 import urlsafe_b64encode
from urllib.parse import quote_plus

import httpx2
import pytest
from joserfc import jwk

from auth.oauth_shop import BACK, NOT_BEGUN, Shop, begin
from auth.oidc_provider import CLIENT_ID, CLIENT_SECRET, ISSUER, KEY, basic_credentials
from nacre import Request, Response
from nacre.auth.oauth import OIDC, OAuth
from nacre.errors import ConfigurationError, MissingExtra

INVALID = "the answer of the login provider isn't valid; begin again"
AWAY = "the login provider doesn't answer as it should; try again later"


@pytest.fixture
def shop():
    return Shop()


async def come_back(client, shop, **changes):
    answer = shop.provider.authorize(await begin(client)) | changes
    return await client.get("/in/callback", query={name: value for name, value in answer.items() if value is not None})


# There and back.


async def test_a_login_goes_there_and_back(client_for, shop):
    async with client_for(shop.app) as client:
        response = await come_back(client, shop)
    assert (response.status, response.text) == (200, "welcome ama")
    (login,) = shop.logins
    assert (login.provider, login.subject, login.next) == ("example", "ama", None)
    assert login.userinfo["email"] == "ama@example.com"
    assert login.token["access_token"] not in repr(login)


async def test_the_way_there_says_what_is_wanted_and_is_stored_nowhere(client_for):
    shop = Shop(parameters={"prompt": "login", "state": "mine"})
    async with client_for(shop.app) as client:
        response = await client.get("/in")
    query = httpx2.URL(response.headers["location"]).params
    assert response.headers["location"].startswith(f"{ISSUER}/authorize?")
    assert response.headers["cache-control"] == "no-store"
    assert {name: query[name] for name in query if name not in ("state", "nonce", "code_challenge")} == {
        "prompt": "login",
        "scope": "openid email profile",
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "code_challenge_method": "S256",
    }
    assert [len(query["state"]), len(query["code_challenge"]), len(query["nonce"])] == [43, 43, 64]


async def test_each_login_has_a_state_nonce_and_challenge_of_its_own(client_for, shop):
    async with client_for(shop.app) as client:
        queries = [httpx2.URL(await begin(client)).params for _ in range(3)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({query[name] for query in queries}) == 3


async def test_the_redirect_uri_is_that_of_the_configuration(client_for, shop):
    async with client_for(shop.app, host="evil.example") as client:
        await come_back(client, shop)
    assert shop.provider.forms[0]["redirect_uri"] == BACK


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("/account?a=b", "/account?a=b"),
        ("//evil.example", None),
        ("https://evil.example", None),
        ("/" + "a" * 512, None),
    ],
)
async def test_next_is_kept_if_it_is_a_path_of_this_site(client_for, shop, wanted, kept):
    async with client_for(shop.app) as client:
        location = (await client.get("/in", query={"next": wanted})).headers["location"]
        await client.get("/in/callback", query=shop.provider.authorize(location))
    assert shop.logins[0].next == kept


@pytest.mark.parametrize(
    ("options", "fields", "authorization"),
    [
        ({}, {}, [quote_plus(CLIENT_ID), quote_plus(CLIENT_SECRET)]),
        ({"client_auth": "post"}, {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}, None),
        ({"client_secret": None}, {"client_id": CLIENT_ID}, None),
    ],
    ids=["basic", "post", "public"],
)
async def test_the_client_says_who_it_is_as_it_is_configured(client_for, options, fields, authorization):
    shop = Shop(**options)
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 200
    (form,) = shop.provider.forms
    assert {name: form[name] for name in ("client_id", "client_secret") if name in form} == fields
    assert (basic_credentials(form["authorization"]) if form["authorization"] else None) == authorization


async def test_claims_of_the_userinfo_endpoint_are_added(client_for):
    shop = Shop(userinfo=True)
    async with client_for(shop.app) as client:
        await come_back(client, shop)
    assert (shop.logins[0].userinfo["nickname"], shop.logins[0].userinfo["email"]) == ("A.", "ama@example.com")


async def test_a_provider_of_plain_oauth_tells_by_its_own_url(client_for):
    shop = Shop(OAuth, scope="user")
    async with client_for(shop.app) as client:
        location = await begin(client)
        response = await client.get("/in/callback", query=shop.provider.authorize(location))
    assert location.startswith(f"{ISSUER}/authorize?audience=a&scope=user&")
    assert response.status == 200
    assert (shop.logins[0].subject, shop.logins[0].userinfo) == (None, {"sub": "ama", "nickname": "A."})


async def test_several_tabs_may_log_in_at_once(client_for, shop):
    async with client_for(shop.app) as client:
        answers = [shop.provider.authorize(await begin(client)) for _ in range(3)]
        statuses = [(await client.get("/in/callback", query=answer)).status for answer in answers]
    assert statuses == [200, 200, 200]


async def test_metadata_and_keys_are_fetched_once_an_hour(client_for, shop):
    async with client_for(shop.app) as client:
        for _ in range(3):
            await come_back(client, shop)
        assert (shop.provider.asked.count("metadata"), shop.provider.asked.count("keys")) == (1, 1)
        shop.clock.now += 3600
        for _ in range(2):  # the keys are fetched beside the first one
            await come_back(client, shop)
    assert (shop.provider.asked.count("metadata"), shop.provider.asked.count("keys")) == (2, 2)


# What comes back must belong to a login that has begun in this browser.


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"state": "made up"}, NOT_BEGUN),
        ({"state": ""}, "this isn't the answer of a login provider; begin again"),
        ({"state": None}, "this isn't the answer of a login provider; begin again"),
        ({"state": "\u00e9"}, NOT_BEGUN),
        ({"code": None}, "this isn't the answer of a login provider; begin again"),
        ({"code": "x" * 2049}, "this isn't the answer of a login provider; begin again"),
        ({"code": "made up"}, INVALID),
        ({"iss": "https://evil.example"}, INVALID),
    ],
)
async def test_another_answer_is_refused_and_not_repeated(client_for, shop, changes, detail):
    async with client_for(shop.app) as client:
        response = await come_back(client, shop, **changes)
    assert (response.status, response.text) == (400, detail)
    assert shop.logins == []


@pytest.mark.parametrize("name", ["state", "code"])
async def test_a_parameter_that_comes_twice_is_refused(client_for, shop, name):
    async with client_for(shop.app) as client:
        answer = shop.provider.authorize(await begin(client))
        response = await client.get("/in/callback", query=[*answer.items(), (name, answer[name])])
    assert response.status == 400


async def test_an_answer_counts_once(client_for, shop):
    async with client_for(shop.app) as client:
        answer = shop.provider.authorize(await begin(client))
        assert (await client.get("/in/callback", query=answer)).status == 200
        again = await client.get("/in/callback", query=answer)
    assert (again.status, again.text) == (400, NOT_BEGUN)


async def test_an_answer_counts_for_ten_minutes(client_for, shop):
    async with client_for(shop.app) as client:
        answers = [shop.provider.authorize(await begin(client)) for _ in range(2)]
        shop.clock.now += 599
        assert (await client.get("/in/callback", query=answers[0])).status == 200
        shop.clock.now += 1
        assert (await client.get("/in/callback", query=answers[1])).status == 400


async def test_an_answer_of_another_browser_is_refused(client_for, shop):
    async with client_for(shop.app) as client:
        answer = shop.provider.authorize(await begin(client))
        client.cookies.clear()
        without_session = await client.get("/in/callback", query=answer)
        await begin(client)
        with_its_own = await client.get("/in/callback", query=answer)
    assert [without_session.status, with_its_own.status] == [400, 400]
    assert shop.logins == []


async def test_the_answer_of_another_provider_is_refused(client_for, shop):
    other = OIDC(
        "other",
        issuer=ISSUER,
        client_id=CLIENT_ID,
        client_secret=None,
        redirect_uri="https://shop.example/other",
        on_login=shop.log_in,
        client=shop.provider.client(),
        clock=shop.clock,
    )
    shop.app.get("/other")(other.callback)
    async with client_for(shop.app) as client:
        answer = shop.provider.authorize(await begin(client))
        assert (await client.get("/other", query=answer)).status == 400


async def test_tabs_that_begin_at_the_same_time_do_not_lose_one_another(client_for, shop):
    entered = []

    @shop.app.get("/together")
    async def together(request: Request):
        response = await shop.oauth.start(request)
        entered.append(1)
        while len(entered) % 2:
            await asyncio.sleep(0)
        return response

    @shop.app.get("/visit")
    async def visit(request: Request):
        request.session["visited"] = True

    async with client_for(shop.app) as client:
        await client.get("/visit")
        locations = await asyncio.gather(*(begin(client, "/together") for _ in range(2)))
        answers = [shop.provider.authorize(location) for location in locations]
        statuses = [(await client.get("/in/callback", query=answer)).status for answer in answers]
    assert statuses == [200, 200]


async def test_a_session_holds_a_few_logins_that_have_begun(client_for, shop):
    async with client_for(shop.app) as client:
        answers = [shop.provider.authorize(await begin(client)) for _ in range(4)]
        statuses = [(await client.get("/in/callback", query=answer)).status for answer in answers]
    assert statuses == [400, 200, 200, 200]


@pytest.mark.parametrize("kept", [1, "text", [1], [{"state": "s"}], [{"provider": "example", "unknown": 1}], {}])
async def test_a_session_of_another_shape_is_one_without_logins(client_for, shop, kept):
    @shop.app.post("/plant")
    async def plant(request: Request):
        request.session["_oauth.s"] = kept

    async with client_for(shop.app) as client:
        await client.post("/plant")
        assert (await client.get("/in/callback", query={"state": "s", "code": "c"})).status == 400
        assert (await come_back(client, shop)).status == 200


@pytest.mark.parametrize(
    ("error", "status", "logged"),
    [
        ("access_denied", 403, "access_denied"),
        ("login_required", 403, "login_required"),
        ("<script>alert(1)</script>", 403, "an error of no known name"),
        ("a\nb", 403, "an error of no known name"),
        ("temporarily_unavailable", 502, "temporarily_unavailable"),
    ],
)
async def test_an_error_of_the_provider_is_told_without_its_words(client_for, shop, caplog, error, status, logged):
    async with client_for(shop.app) as client:
        with caplog.at_level(logging.INFO, "nacre.auth"):
            response = await come_back(client, shop, code=None, error=error, error_description="<b>evil</b>")
    assert response.status == status
    assert error not in response.text
    assert "evil" not in response.text
    assert caplog.messages[-1] == f"login at example refused: {logged}"


async def test_an_error_without_a_login_that_has_begun_is_refused_as_such(client_for, shop):
    async with client_for(shop.app) as client:
        response = await client.get("/in/callback", query={"error": "access_denied", "state": "made up"})
    assert (response.status, response.text) == (400, NOT_BEGUN)


@pytest.mark.parametrize(("named", "status"), [(ISSUER, 200), (None, 400), ("https://evil.example", 400)])
async def test_a_provider_that_names_itself_must_do_so(client_for, shop, named, status):
    shop.provider.metadata["authorization_response_iss_parameter_supported"] = True
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop, iss=named)).status == status


@pytest.mark.parametrize(("named", "status"), [(ISSUER, 200), (None, 400), ("https://evil.example", 400)])
async def test_a_provider_of_plain_oauth_may_have_to_name_itself(client_for, named, status):
    shop = Shop(OAuth, issuer=ISSUER)
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop, iss=named)).status == status


# The ID token.


def unsigned(text):
    return text.rpartition(".")[0] + "."


def altered(text):
    head, body, signature = text.split(".")
    return f"{head}.{body[:-2]}AA.{signature}"


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "https://evil.example"}, id="of another issuer"),
        pytest.param({"iss": None}, id="of no issuer"),
        pytest.param({"aud": "other"}, id="for another client"),
        pytest.param({"aud": None}, id="for nobody"),
        pytest.param({"aud": [CLIENT_ID, "other"]}, id="for several without saying for whom"),
        pytest.param({"aud": [CLIENT_ID, "other"], "azp": "other"}, id="issued to another client"),
        pytest.param({"nonce": "another"}, id="of another login"),
        pytest.param({"nonce": None}, id="of no login"),
        pytest.param({"nonce": 1}, id="with a number for a nonce"),
        pytest.param({"exp": 1_800_000_000 - 61}, id="expired"),
        pytest.param({"exp": None}, id="without an end"),
        pytest.param({"exp": "never"}, id="with a text for its end"),
        pytest.param({"iat": 1_800_000_000 + 3600}, id="issued in the future"),
        pytest.param({"nbf": 1_800_000_000 + 3600}, id="not valid yet"),
        pytest.param({"sub": None}, id="of no subject"),
        pytest.param({"sub": ""}, id="of an empty subject"),
        pytest.param({"sub": 7}, id="with a number for a subject"),
        pytest.param({"sub": "x" * 256}, id="of a subject that is too long"),
        pytest.param({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, id="for another access token"),
    ],
)
async def test_an_id_token_that_says_something_else_is_refused(client_for, shop, claims):
    shop.provider.claims = claims
    async with client_for(shop.app) as client:
        response = await come_back(client, shop)
    assert (response.status, response.text) == (400, INVALID)
    assert shop.logins == []


@pytest.mark.parametrize(
    "mangle",
    [
        pytest.param(unsigned, id="without a signature"),
        pytest.param(altered, id="altered"),
        pytest.param(lambda text: None, id="none"),
        pytest.param(lambda text: 7, id="a number"),
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: "a.b.c", id="no JSON"),
        pytest.param(lambda text: "W10.W10.", id="lists"),
        pytest.param(lambda text: "eyJhbGciOiJub25lIn0" + text[text.index(".") : text.rindex(".") + 1], id="alg none"),
        pytest.param(lambda text: text * 100, id="too long"),
    ],
)
async def test_what_is_no_signed_token_is_refused(client_for, shop, mangle):
    shop.provider.mangle = mangle
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 400
    assert shop.logins == []


async def test_a_token_by_another_algorithm_than_configured_is_refused(client_for):
    shop = Shop(algorithms=["ES256"])
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 400


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
async def test_other_algorithms_can_be_configured(client_for, algorithm):
    shop = Shop(algorithms=[algorithm])
    if algorithm == "ES256":
        shop.provider.keys = [jwk.ECKey.generate_key("P-256", {"kid": "curve"})]
        shop.provider.signing_key = shop.provider.keys[0]
    shop.provider.algorithm = algorithm
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).text == "welcome ama"


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(client_for, shop):
    def confuse(text):
        head = urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
        signed = f"{head}.{text.split('.')[1]}"
        public = shop.provider.keys[0].as_pem(private=False)
        return f"{signed}.{urlsafe_b64encode(hmac.digest(public, signed.encode(), 'sha256')).rstrip(b'=').decode()}"

    shop.provider.mangle = confuse
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 400


async def test_a_symmetric_key_among_those_of_the_provider_counts_for_nothing(client_for, shop):
    secret = jwk.OctKey.generate_key(256, {"kid": "one"})
    shop.provider.keys = [secret, jwk.RSAKey.import_key(KEY.as_dict(private=True) | {"kid": "two"})]
    shop.provider.signing_key, shop.provider.algorithm = secret, "HS256"
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 400


async def test_a_new_key_of_the_provider_is_fetched_and_an_unknown_one_not_again_and_again(client_for, shop):
    async with client_for(shop.app) as client:
        await come_back(client, shop)
        shop.provider.keys.append(jwk.RSAKey.generate_key(2048, {"kid": "two"}))
        shop.provider.signing_key = shop.provider.keys[1]
        assert (await come_back(client, shop)).status == 400  # asked less than a minute ago
        shop.clock.now += 60
        assert (await come_back(client, shop)).status == 200
        shop.provider.signing_key = jwk.RSAKey.generate_key(2048, {"kid": "three"})
        for _ in range(3):
            assert (await come_back(client, shop)).status == 400
    assert shop.provider.asked.count("keys") == 2


async def test_a_token_without_a_key_id_is_verified_by_any_of_the_keys(client_for, shop):
    shop.provider.signing_key = jwk.RSAKey.import_key(
        {k: v for k, v in KEY.as_dict(private=True).items() if k != "kid"}
    )
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 200


async def test_userinfo_of_another_user_is_refused(client_for):
    shop = Shop(userinfo=True)
    shop.provider.userinfo = {"sub": "bo"}
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 400


# A provider that fails.


@pytest.mark.parametrize("name", ["metadata", "token", "userinfo"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda: Response("down", 500), id="500"),
        pytest.param(lambda: Response("<html>", 200), id="no JSON"),
        pytest.param(lambda: Response("[]", 200), id="no object"),
        pytest.param(lambda: Response(b"[" * 100_000, 200), id="nested deeply"),
        pytest.param(lambda: Response(b" " * 600_000, 200), id="too long"),
        pytest.param(lambda: Response(status=302, headers={"location": "https://evil.example"}), id="a redirect"),
    ],
)
async def test_a_provider_that_does_not_answer_as_it_should_is_a_502(client_for, caplog, name, answer):
    shop = Shop(userinfo=True)
    shop.provider.failing[name] = answer()
    async with client_for(shop.app) as client:
        response = await client.get("/in")
        if name != "metadata":
            response = await client.get("/in/callback", query=shop.provider.authorize(response.headers["location"]))
    assert (response.status, response.text) == (502, AWAY)
    assert "can't be used" in caplog.text
    assert shop.logins == []


@pytest.mark.parametrize(
    "answer", [Response("down", 500), {"keys": []}, {"keys": 7}, {"none": 1}, Response("<html>")], ids=str
)
async def test_a_provider_without_keys_is_a_503(client_for, shop, answer):
    shop.provider.failing["keys"] = answer
    async with client_for(shop.app) as client:
        response = await come_back(client, shop)
    assert (response.status, "retry-after" in response.headers) == (503, True)
    assert shop.logins == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": 7},
        {"token_endpoint": "https://id.example@evil.example\\"},
    ],
)
async def test_metadata_that_lead_elsewhere_are_not_used(client_for, shop, metadata):
    shop.provider.metadata = metadata
    async with client_for(shop.app) as client:
        assert (await client.get("/in")).status == 502


@pytest.mark.parametrize(
    "token",
    [{"access_token": None}, {"access_token": 7}, {"access_token": ""}, {"token_type": "mac"}, {"error": "bad_code"}],
)
async def test_a_token_endpoint_that_gives_no_bearer_token_is_refused(client_for, shop, token):
    shop.provider.token = token
    async with client_for(shop.app) as client:
        assert (await come_back(client, shop)).status == 400


async def test_a_provider_that_cannot_be_reached_is_a_502(client_for):
    def refuse(request):
        raise httpx2.ConnectError("secret details")

    shop = Shop(client=httpx2.AsyncClient(transport=httpx2.MockTransport(refuse)))
    async with client_for(shop.app) as client:
        response = await client.get("/in")
    assert (response.status, response.text) == (502, AWAY)


async def test_nothing_secret_is_logged(client_for, shop, caplog):
    with caplog.at_level(logging.DEBUG, "nacre"):
        async with client_for(shop.app) as client:
            answer = shop.provider.authorize(await begin(client))
            shop.provider.codes.clear()
            await client.get("/in/callback", query=answer)
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("nacre"))
    assert "failed" in text
    for secret in (CLIENT_SECRET, answer["code"], answer["state"], shop.provider.forms[0]["code_verifier"]):
        assert secret not in text


# Configuration.

SOUND = {
    "issuer": ISSUER,
    "client_id": "shop",
    "client_secret": "s",
    "redirect_uri": BACK,
    "on_login": lambda request, login: None,
}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Google!"}, "the name of a provider is up to 31 of a-z"),
        ({"client_id": ""}, "client_id is empty"),
        ({"redirect_uri": "/callback"}, "redirect_uri is no URL to send secrets to"),
        ({"redirect_uri": "http://shop.example/callback"}, "redirect_uri"),
        ({"redirect_uri": BACK + "#a"}, "redirect_uri"),
        ({"redirect_uri": None}, "redirect_uri"),
        ({"redirect_uri": "https://a@shop.example/"}, "redirect_uri"),
        ({"issuer": "http://id.example"}, "issuer is no URL"),
        ({"algorithms": []}, "algorithms is a list with at least one name"),
        ({"algorithms": "RS256"}, "algorithms is a list with at least one name"),
        ({"algorithms": ["none"]}, "ID tokens may not be signed by 'none'"),
        ({"algorithms": ["RS256", "HS256"]}, "ID tokens may not be signed by 'HS256'"),
        ({"scope": "email"}, "scope lacks 'openid'"),
        ({"client_auth": "header"}, "client_auth is 'basic' or 'post'"),
    ],
)
def test_options_are_checked_when_the_provider_is_declared(options, message):
    options = SOUND | options
    with pytest.raises(ConfigurationError) as caught:
        OIDC(options.pop("name", "example"), **options)
    assert message in str(caught.value)
    assert caught.value.problems[0].where.file == __file__


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigurationError) as caught:
        OIDC("!", **(SOUND | {"issuer": "", "redirect_uri": "", "client_id": "", "scope": "", "algorithms": []}))
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize("library", ["httpx2", "authlib.oidc.core"])
def test_a_missing_library_is_told_with_the_line_that_installs_it(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=r"pip install 'nacre\[oauth\]'"):
        OIDC("example", **SOUND)


def test_http_is_for_this_machine_only():
    OIDC("example", **(SOUND | {"redirect_uri": "http://localhost:8000/callback"}))
    OIDC("example", **(SOUND | {"redirect_uri": "http://127.0.0.1:8000/callback"}))


def test_nothing_secret_is_shown():
    assert repr(OIDC("example", **SOUND)) == "OIDC('example')"
