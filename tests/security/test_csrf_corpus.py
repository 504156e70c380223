"""Published attacks by forged requests, each by its id, on every transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from nacre import Nacre, Request
from nacre.security import CSRF, CSRFToken, TrustedHosts, csrf_token
from nacre.sessions import Sessions
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

SECRET = "mIeW4XqZ0t7yVn2cJr8sKp5uLh3gDf6b"
CROSS = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


class Order(msgspec.Struct):
    a: int


def serving(*layers: Any) -> Nacre:
    app = Nacre(middlewares=list(layers))

    @app.post("/json")
    async def json(request: Request) -> Any:
        return await request.json()

    @app.post("/model")
    async def model(order: Order) -> Any:
        return order.a

    @app.post("/form")
    async def form(request: Request) -> Any:
        return (await request.form()).texts("a")

    @app.get("/token")
    def token(request: Request) -> str:
        return csrf_token(request)

    return app


@pytest.mark.parametrize("path", ["/json", "/model"])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("text/plain", id="CVE-2021-32677"),
        pytest.param("text/plain;application/json", id="CVE-2014-3137"),
        pytest.param("text/plain; application/json", id="CVE-2014-3137, a space"),
        pytest.param("application/x-www-form-urlencoded", id="CVE-2020-7965"),
        pytest.param("multipart/form-data; boundary=json", id="as multipart"),
        pytest.param(None, id="without a type"),
    ],
)
async def test_what_a_form_can_send_is_no_json(path: str, kind: str | None, client_for: ClientFor) -> None:
    async with client_for(serving()) as client:
        answer = await client.post(path, content=b'{"a":1}', headers={"content-type": kind})
    assert answer.status in (415, 422)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
            id="multipart",
        ),
        pytest.param("text/plain", b"a=1", id="text/plain"),
        pytest.param("application/x-www-form-urlencoded", b"a=1", id="urlencoded"),
        pytest.param("application/json", b'{"a":1}', id="JSON"),
    ],
)
async def test_strawberry_cve_2024_47082_every_type_of_body_is_checked(
    kind: str, body: bytes, client_for: ClientFor
) -> None:
    async with client_for(serving(CSRF())) as client:
        answer = await client.post("/form", content=body, headers={"content-type": kind, **CROSS})
    assert answer.status == 403


@pytest.mark.parametrize(
    "name", ["x-requested-with", "x-csrf-token", "x-xsrf-token", "authorization", "x-http-method-override"]
)
async def test_cve_2011_0696_no_header_stands_for_a_proof(name: str, client_for: ClientFor) -> None:
    async with client_for(serving(Sessions(SECRET), CSRF(), CSRFToken())) as client:
        await client.get("/token")
        assert (await client.post("/form", form={"a": "1"}, headers={name: "XMLHttpRequest", **CROSS})).status == 403
        assert (await client.post("/form", form={"a": "1"}, headers={name: "XMLHttpRequest"})).status == 403


async def test_cve_2011_4140_the_origin_is_compared_with_a_host_that_is_served(client_for: ClientFor) -> None:
    forged = {"host": "evil.example", "origin": "http://evil.example"}
    async with client_for(serving(TrustedHosts(["shop.example"]), CSRF())) as client:
        assert (await client.post("/form", form={"a": "1"}, headers=forged)).status == 400
        own = {"host": "shop.example", "origin": "http://shop.example"}
        assert (await client.post("/form", form={"a": "1"}, headers=own)).status == 200


@pytest.mark.parametrize(
    "cookie",
    ["a=b]csrf_token={0}", "a=b,csrf_token={0}", 'a="b; csrf_token={0}', "csrf_token={0}", "_csrf={0}", "session={0}"],
)
async def test_cve_2016_7401_no_cookie_makes_a_token_good(cookie: str, client_for: ClientFor) -> None:
    forged = "A" * 86
    async with client_for(serving(Sessions(SECRET), CSRFToken())) as client:
        await client.get("/token")
        held = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        sends = {"cookie": f"{held}; {cookie.format(forged)}"}
        answer = await client.post("/form", form={"csrf_token": forged, "a": "1"}, headers=sends)
    assert answer.status == 403


async def test_cve_2016_7401_a_cookie_ends_at_a_semicolon_only(client_for: ClientFor) -> None:
    app = Nacre()
    app.get("/")(lambda request: dict(request.cookies))
    async with client_for(app) as client:
        answer = await client.get("/", headers={"cookie": "a=b]csrftoken=x; c=d,csrftoken=y"})
    assert answer.json() == {"a": "b]csrftoken=x", "c": "d,csrftoken=y"}


async def test_cve_2010_3082_nothing_of_a_cookie_is_written_into_the_page(client_for: ClientFor) -> None:
    async with client_for(serving(Sessions(SECRET), CSRFToken())) as client:
        for name in ("csrftoken", "csrf_token", "_csrf", "session"):
            token = (await client.get("/token", headers={"cookie": f'{name}="><script>'})).text
            assert len(token) == 86
            assert token.replace("-", "").replace("_", "").isalnum()


async def test_cve_2021_21241_a_token_says_nothing_of_the_user_and_answers_that_hold_one_are_private(
    client_for: ClientFor,
) -> None:
    async with client_for(serving(Sessions(SECRET), CSRFToken())) as client:
        first, second = await client.get("/token"), await client.get("/token")
    assert first.text != second.text
    assert "Cookie" in first.headers["vary"]
    assert "Cookie" in second.headers["vary"]


async def test_cve_2008_3909_a_post_that_was_refused_is_not_kept(client_for: ClientFor) -> None:
    seen: list[int] = []
    app = serving(Sessions(SECRET), CSRFToken())
    app.post("/buy")(lambda: seen.append(1))
    async with client_for(app) as client:
        assert (await client.post("/buy", form={"a": "1"})).status == 403
        token = (await client.get("/token")).text
        assert seen == []
        await client.post("/buy", form={"csrf_token": token})
    assert seen == [1]


async def test_cve_2014_9720_a_token_does_not_repeat_in_compressed_pages(client_for: ClientFor) -> None:
    async with client_for(serving(Sessions(SECRET), CSRFToken())) as client:
        texts = [(await client.get("/token")).text for _ in range(20)]
        for text in texts:
            assert (await client.post("/form", form={"csrf_token": text, "a": "1"})).status == 200
    pieces = [{text[at : at + 12] for at in range(len(text) - 11)} for text in texts]
    assert sum(map(len, pieces)) == len(set().union(*pieces))
