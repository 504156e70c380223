"""Entries of the security corpus about what caches may keep, and by which keys: cache_vary and cache_key.

Nacre has no cache of responses of its own, so what counts is what its responses tell the caches of others, and what
`IdempotencyKey` keeps.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre import Hooks, Nacre, Request
from nacre.compression import Compression
from nacre.conditional import ConditionalGet
from nacre.response import Response
from nacre.sessions import MemoryStore, Sessions
from nacre.testing import TestClient
from nacre.traffic import CacheControl, IdempotencyKey, MemoryResponses, cache_control, parse_cache_control
from nacre.traffic.ratelimit import _joined

ClientFor = Callable[..., TestClient]

KEY = {"idempotency-key": "k"}


@pytest.mark.parametrize("entry", ["CVE-2026-8404"])
@pytest.mark.parametrize("said", ["Private", "PRIVATE, Max-Age=60", "No-Store", "NO-CACHE"])
async def test_directives_count_in_any_case(client_for: ClientFor, entry: str, said: str) -> None:
    def cookie(request: Request, response: Response) -> None:
        response.set_cookie("a", "b")

    app = Nacre(middlewares=[CacheControl(public=True, max_age=60), Hooks(finalize=cookie, inline=True)])
    app.get("/")(lambda request: Response("x", headers={"cache-control": said}))
    async with client_for(app) as client:
        [field] = (await client.get("/")).headers.getlist("cache-control")
    assert "public" not in field.lower(), entry
    assert parse_cache_control([field]).keys() >= parse_cache_control([said]).keys()


@pytest.mark.parametrize("entry", ["CVE-2026-35193"])
async def test_a_response_to_a_request_with_credentials_is_not_made_public(client_for: ClientFor, entry: str) -> None:
    app = Nacre(middlewares=[CacheControl(public=True, s_maxage=600, max_age=60)])
    app.get("/")(lambda request: "mine")
    app.get("/all")(cache_control(public=True, max_age=60)(lambda request: "everybody's"))
    async with client_for(app) as client:
        mine = await client.get("/", headers={"authorization": "Bearer x"})
        everybodys = await client.get("/all", headers={"authorization": "Bearer x"})
    assert mine.headers["cache-control"] == "private, max-age=60", entry
    assert everybodys.headers["cache-control"] == "public, max-age=60"


@pytest.mark.parametrize("entry", ["CVE-2026-48588", "CVE-2023-30861 GHSA-m2qf-hxjv-5gpq"])
async def test_a_response_that_sets_a_cookie_is_never_public(client_for: ClientFor, entry: str) -> None:
    layers = [CacheControl(public=True, max_age=60), Sessions(store=MemoryStore())]
    app = Nacre(middlewares=layers)

    @app.get("/")
    def index(request: Request) -> Response:
        request.session["n"] = 1
        return Response("", headers={"cache-control": "public, max-age=60"} if "own" in request.query else {})

    async with client_for(app) as client:
        for path in ("/", "/?own="):
            response = await client.get(path, headers={"cookie": "unrelated=1"})
            said = parse_cache_control(response.headers.getlist("cache-control"))
            assert "set-cookie" in response.headers
            assert "public" not in said, entry
            assert said.keys() & {"private", "no-store"}, entry
            assert "cookie" in response.headers["vary"].lower()


@pytest.mark.parametrize("entry", ["CVE-2014-1418", "starlette#2865/#2871"])
@pytest.mark.parametrize("agent", ["", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", "curl/8"])
async def test_what_responses_vary_by_is_said_to_every_agent(client_for: ClientFor, entry: str, agent: str) -> None:
    layers = [CacheControl(public=True, max_age=60), Compression(minimum_size=10), Sessions(store=MemoryStore())]
    app = Nacre(middlewares=layers)

    @app.get("/")
    def index(request: Request) -> str:
        return f"{'x' * 100}{len(request.session)}"

    async with client_for(app) as client:
        response = await client.get("/", headers={"user-agent": agent, "accept-encoding": "identity"})
    assert {"cookie", "accept-encoding"} <= {name.strip() for name in response.headers["vary"].lower().split(",")}, (
        entry
    )


@pytest.mark.parametrize("entry", ["starlette#3044"])
async def test_a_tag_that_differs_counts_more_than_a_date_that_doesnt(client_for: ClientFor, entry: str) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    app = Nacre(middlewares=[CacheControl(max_age=60), ConditionalGet()])
    app.get("/")(lambda request: Response("x", headers={"last-modified": date}))
    async with client_for(app) as client:
        headers = {"if-none-match": '"other"', "if-modified-since": date}
        response = await client.get("/", headers=headers)
        same = await client.get("/", headers={"if-none-match": response.headers["etag"]})
    assert response.status == 200, entry
    assert (same.status, same.headers["cache-control"]) == (304, "max-age=60")


@pytest.mark.parametrize("entry", ["CVE-2021-23336", "CVE-2020-28473"])
async def test_a_semicolon_separates_nothing_in_what_a_request_is_known_by(client_for: ClientFor, entry: str) -> None:
    app = Nacre(middlewares=[IdempotencyKey()])

    @app.post("/")
    def index(request: Request) -> dict[str, str]:
        return dict(request.query.items())

    async with client_for(app) as client:
        first = await client.post("/?q=1;utm=evil", headers=KEY)
        other = await client.post("/?q=1&utm=evil", headers=KEY)
    assert first.json() == {"q": "1;utm=evil"}, entry
    assert other.status == 422, entry


@pytest.mark.parametrize("entry", ["CVE-2020-13254", "CVE-2026-25480 GHSA-vxqx-rh46-q2pg"])
async def test_what_stores_are_given_are_digests_that_keys_share_never(entry: str) -> None:
    keys: list[str] = []

    class Store(MemoryResponses):
        async def begin(self, key: str, attempt: object) -> None:  # type: ignore[override]
            keys.append(key)

    app = Nacre(middlewares=[IdempotencyKey(store=Store())])
    app.post("/")(lambda request: "")
    async with TestClient(app) as client:
        for key in ['"k-"', '"k45"', '"K"', '"k"', '"a b"', '"set x 0 1"']:
            await client.post("/", headers={"idempotency-key": key})
    assert len(set(keys)) == len(keys) == 6, entry
    assert all(len(key) == 64 and key.isalnum() for key in keys), entry


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_no_two_combinations_of_a_rate_limit_have_one_key(one: list[str], other: list[str]) -> None:
    assert (_joined(one) == _joined(other)) is (one == other)


@given(st.text(min_size=60, max_size=70), st.text(min_size=60, max_size=70))
def test_long_parts_of_a_key_are_told_apart_and_bounded(one: str, other: str) -> None:
    assert (_joined([one]) == _joined([other])) is (one == other)
    assert len(_joined([one * 100])) <= 68


async def test_no_response_is_replayed_to_another_client(client_for: ClientFor) -> None:
    app = Nacre(middlewares=[IdempotencyKey()])

    @app.post("/")
    def index(request: Request) -> str:
        return request.headers.get("authorization", "nobody")

    async with client_for(app) as client:
        for credentials in ("Bearer victim", "Bearer attacker", "Bearer victi", ""):
            headers = {**KEY, **({"authorization": credentials} if credentials else {})}
            assert (await client.post("/", headers=headers)).text == (credentials or "nobody")
