"""Bearer tokens, RFC 6750, and API keys in header fields, queries and cookies."""

import pytest

from nacre import Nacre
from nacre.auth import APIKey, Authentication, BearerAuth
from nacre.errors import ConfigurationError

KEYS = {"k-1": "ada", "k-2": "ben"}


def application(*schemes, **options):
    app = Nacre(middlewares=[Authentication(*schemes, **options)])
    app.get("/")(lambda request: str(request.user))
    return app


TOKENS = {
    "plain": ("Bearer abc", 200),
    "lower case": ("bearer abc", 200),
    "all letters": ("Bearer aZ09-._~+/==", 200),
    "more spaces": ("Bearer   abc", 200),
    "none": ("Bearer", 400),
    "a space": ("Bearer a b", 400),
    "a comma": ("Bearer a,b", 400),
    "two, joined by a server": ("Bearer a, Bearer b", 400),
    "padding within": ("Bearer a=b", 400),
    "quoted": ('Bearer "abc"', 400),
    "8,192 letters": ("Bearer " + "a" * 8192, 200),
    "one more": ("Bearer " + "a" * 8193, 400),
}


@pytest.mark.parametrize(("value", "status"), TOKENS.values(), ids=TOKENS)
async def test_what_is_a_token(client_for, value, status):
    async with client_for(application(BearerAuth(lambda token: token))) as client:
        answer = await client.get("/", headers={"authorization": value})
    assert answer.status == status
    if status == 200:
        assert answer.text == value.split()[1]
    else:
        assert answer.headers["www-authenticate"] == 'Bearer realm="api", error="invalid_request"'


@pytest.mark.parametrize(
    ("options", "sent", "user"),
    [
        pytest.param({}, {"headers": {"x-api-key": "k-1"}}, "ada", id="the usual header field"),
        pytest.param({"header": "X-Key"}, {"headers": {"x-key": "k-2"}}, "ben", id="another field"),
        pytest.param({"header": "X-Key"}, {"headers": {"x-api-key": "k-2"}}, "None", id="only that field"),
        pytest.param({"query": "key"}, {"params": {"key": "k-1"}}, "ada", id="the query"),
        pytest.param({"cookie": "key"}, {"cookies": {"key": "k-1"}}, "ada", id="a cookie"),
        pytest.param({"cookie": "key"}, {"params": {"key": "k-1"}}, "None", id="not the query"),
        pytest.param({"header": "X-Key", "query": "key"}, {"params": {"key": "k-2"}}, "ben", id="either"),
        pytest.param({}, {"headers": {"x-api-key": ""}}, "None", id="an empty one"),
    ],
)
async def test_where_a_key_may_be(client_for, options, sent, user):
    async with client_for(application(APIKey(KEYS, **options))) as client:
        answer = await client.get("/", **sent)
    assert (answer.status, answer.text) == (200, user)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param({}, {"headers": [("x-api-key", "k-1"), ("x-api-key", "k-1")]}, id="two fields"),
        pytest.param({"query": "key"}, {"params": [("key", "k-1"), ("key", "k-2")]}, id="twice in the query"),
        pytest.param(
            {"header": "X-Key", "query": "key"},
            {"headers": {"x-key": "k-1"}, "params": {"key": "k-1"}},
            id="two places",
        ),
        pytest.param({}, {"headers": {"x-api-key": "k" * 8193}}, id="too long"),
    ],
)
async def test_keys_that_say_two_things_are_a_400(client_for, options, sent, transport):
    # WSGI servers join fields of one name, and what they join is a wrong key.
    status = 401 if transport == "wsgi" and isinstance(sent.get("headers"), list) else 400
    async with client_for(application(APIKey(KEYS, **options))) as client:
        assert (await client.get("/", **sent)).status == status


async def test_a_wrong_key_is_refused_and_a_wrong_cookie_is_nothing(client_for):
    async with client_for(application(APIKey(KEYS))) as client:
        answer = await client.get("/", headers={"x-api-key": "k-3"})
        assert (answer.status, answer.headers["www-authenticate"]) == (401, 'ApiKey realm="api"')
    async with client_for(application(APIKey(KEYS, cookie="key"))) as client:
        assert (await client.get("/", cookies={"key": "k-3"})).text == "None"
    async with client_for(application(APIKey(KEYS, cookie="key"), default="required")) as client:
        assert (await client.get("/", cookies={"key": "k-3"})).status == 401


@pytest.mark.parametrize("default", ["optional", "required"])
async def test_a_cookie_that_is_too_long_is_nothing(client_for, default):
    async with client_for(application(APIKey(KEYS, cookie="key"), default=default)) as client:
        answer = await client.get("/", cookies={"key": "k" * 8193})
    assert answer.status == (200 if default == "optional" else 401)


async def test_a_wrong_cookie_beside_a_right_header_field_is_nothing(client_for):
    schemes = [APIKey(KEYS, cookie="key", name="cookie"), APIKey(KEYS)]
    async with client_for(application(*schemes)) as client:
        answer = await client.get("/", cookies={"key": "k-3"}, headers={"x-api-key": "k-1"})
    assert answer.text == "ada"


async def test_error_pages_know_who_comes_by_a_cookie(client_for):
    app = application(APIKey(KEYS, cookie="key"), BearerAuth(KEYS))

    @app.error_handler(404)
    def page(request, error):
        return f"{request.user} is lost", 404

    async with client_for(app) as client:
        answer = await client.get("/nothing", cookies={"key": "k-1"})
        wrong = await client.get("/nothing", cookies={"key": "k-3"})
        bad = await client.get("/nothing", cookies={"key": "k" * 8193}, headers={"authorization": "Bearer ,"})
    assert (bad.status, bad.text) == (404, "None is lost")
    assert (answer.status, answer.text) == (404, "ada is lost")
    assert "Cookie" in answer.headers["vary"]
    assert (wrong.status, wrong.text) == (404, "None is lost")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, {"in": "header", "name": "X-API-Key"}),
        ({"query": "k"}, {"in": "query", "name": "k"}),
        ({"cookie": "k"}, {"in": "cookie", "name": "k"}),
    ],
)
def test_openapi_says_where_the_key_is(options, place):
    assert APIKey(KEYS, **options).security == {"type": "apiKey", **place}


@pytest.mark.parametrize("options", [{"header": ""}, {"header": "X Key"}, {"cookie": "a;b"}, {"header": b"X-Key"}])
def test_names_that_no_field_has_are_refused(options):
    with pytest.raises(ConfigurationError, match="no name of a header field or cookie"):
        APIKey(KEYS, **options)


@pytest.mark.parametrize("query", ["", 7])
def test_a_query_field_has_a_name(query):
    with pytest.raises(ConfigurationError, match="no name of a query field"):
        APIKey(KEYS, query=query)


@pytest.mark.parametrize("options", [{"header": "X-Key"}, {"query": "key"}])
def test_what_browsers_send_by_themselves_is_a_scheme_by_itself(options):
    with pytest.raises(ConfigurationError, match="one for each"):
        APIKey(KEYS, cookie="key", **options)
