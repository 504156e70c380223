"""The client's cookie jar."""

from __future__ import annotations

import pytest

from nacre import Nacre, Request, Response
from nacre.testing import CookieJar, TestClient

RULES = [
    # Set-Cookie, asked where, sent
    ("a=1", "http://h/", True),
    ("a=1", "http://sub.h/", False),
    ("a=1", "http://other/", False),
    ("a=1; Domain=h", "http://sub.h/", True),
    ("a=1; Domain=.H", "http://sub.h/", True),
    ("a=1; Domain=other", "http://other/", False),
    ("a=1; Path=/x", "http://h/x", True),
    ("a=1; Path=/x", "http://h/x/y", True),
    ("a=1; Path=/x", "http://h/xy", False),
    ("a=1; Path=/x", "http://h/", False),
    ("a=1; Path=/x/", "http://h/x/y", True),
    ("a=1; Path=nonsense", "http://h/dir/z", True),
    ("a=1; Path=nonsense", "http://h/", False),
    ("a=1; Path=/; Max-Age=60", "http://h/", True),
    ("a=1; Path=/; Max-Age=0", "http://h/", False),
    ("a=1; Path=/; Max-Age=-1", "http://h/", False),
    ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://h/", False),
    ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9", "http://h/", True),
    ("a=1; Path=/; Expires=nonsense; Max-Age=nonsense", "http://h/", True),
    ("a=1; Path=/; Secure", "http://h/", False),
    ("=1; Path=/", "http://h/", False),
]


@pytest.mark.parametrize(("field", "url", "sent"), RULES, ids=[f"{field} at {url}" for field, url, _ in RULES])
def test_a_cookie_is_sent_where_it_belongs(field, url, sent):
    jar = CookieJar("h")
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    jar.store([field.replace("a=1", "a=1; Path=/", 1) if "Path" not in field else field], "http", "h", "/dir/page")
    assert bool(jar.header(scheme, host, "/" + path)) is sent


def test_secure_cookies_are_for_https():
    jar = CookieJar("h")
    jar.store(["a=1; Secure; Path=/"], "https", "h", "/")
    assert jar.header("https", "h", "/") == [("a", "1")]
    assert jar.header("http", "h", "/") == []


def test_the_longest_path_comes_first():
    jar = CookieJar("h")
    jar.store(["a=root; Path=/", "a=deep; Path=/x/y"], "http", "h", "/")
    assert jar.header("http", "h", "/x/y") == [("a", "deep"), ("a", "root")]
    assert jar["a"] == "deep"


def test_a_jar_is_a_mapping():
    jar = CookieJar("h")
    jar["a"] = "1"
    jar.update(b="2")
    assert (dict(jar), len(jar), "a" in jar) == ({"a": "1", "b": "2"}, 2, True)
    del jar["a"]
    assert repr(jar) == "CookieJar({'b': '2'})"
    with pytest.raises(KeyError):
        del jar["a"]
    with pytest.raises(KeyError):
        jar["a"]


@pytest.fixture
def app():
    app = Nacre()

    @app.get("/")
    async def show(request: Request):
        return dict(request.cookies)

    @app.get("/set/<name>/<value>")
    async def set_cookie(name: str, value: str):
        response = Response("")
        response.set_cookie(name, value)
        return response

    @app.get("/delete/<name>")
    async def delete(name: str):
        response = Response("")
        response.delete_cookie(name)
        return response

    return app


async def test_the_client_keeps_and_sends_and_forgets_cookies(client_for, app):
    client = client_for(app, cookies={"own": "0"})
    assert (await client.get("/set/a/1")).cookies == {"a": "1"}
    assert (await client.get("/")).json() == {"own": "0", "a": "1"}
    assert (await client.get("/delete/a")).cookies == {"a": ""}
    assert (await client.get("/")).json() == {"own": "0"}


async def test_cookies_of_one_request_are_sent_once(client_for, app):
    client = client_for(app)
    client.cookies["a"] = "jar"
    assert (await client.get("/", cookies={"a": "here", "b": "2"})).json() == {"a": "here", "b": "2"}
    assert (await client.get("/")).json() == {"a": "jar"}


async def test_a_cookie_field_of_the_test_stays_as_it_is(client_for, app):
    client = client_for(app, cookies={"a": "jar"})
    assert (await client.get("/", headers={"cookie": "b=2"})).json() == {"b": "2"}


async def test_two_clients_share_nothing(client_for, app):
    await client_for(app).get("/set/a/1")
    assert dict(TestClient(app).cookies) == {}
