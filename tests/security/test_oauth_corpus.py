"""Logins of other frameworks that let the wrong one in, by the ids of the security corpus.

The classes are login_csrf, session_fixation, and what there is of logins in csrf, auth_bypass, session and info_leak.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from auth.login_site import Site
from auth.oauth_shop import BACK, NOT_BEGUN, Shop, begin
from auth.oidc_provider import CLIENT_ID, ISSUER, Provider

from nacre import Nacre
from nacre.auth.oauth import OIDC
from nacre.auth.oauth_client import is_secure_url
from nacre.errors import ConfigurationError
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]


# login_csrf: an attacker has begun a login, and has the victim's browser end it.


@pytest.mark.parametrize(
    "has_begun",
    [
        pytest.param(False, id="CVE-2025-68481 GHSA-5j53-63w8-8625"),
        pytest.param(True, id="CVE-2025-68481 GHSA-5j53-63w8-8625, with a login of its own"),
    ],
)
async def test_a_victim_cannot_end_the_login_of_an_attacker(client_for: ClientFor, has_begun: bool) -> None:
    shop = Shop()
    async with client_for(shop.app) as client:
        attackers = shop.provider.authorize(await begin(client))
        client.cookies.clear()
        if has_begun:
            await begin(client)
        response = await client.get("/in/callback", query=attackers)
    assert (response.status, response.text) == (400, NOT_BEGUN)
    assert shop.logins == []
    assert shop.provider.forms == []  # the code wasn't even tried


@pytest.mark.parametrize("state", ["anything", "", "0", "null", "A" * 43])
async def test_no_made_up_state_is_accepted(client_for: ClientFor, state: str) -> None:
    """CVE-2025-14546."""
    shop = Shop()
    async with client_for(shop.app) as client:
        answer = shop.provider.authorize(await begin(client))
        response = await client.get("/in/callback", query=answer | {"state": state})
    assert response.status == 400
    assert shop.logins == []


@pytest.mark.parametrize("advisory", ["CVE-2025-68158", "CVE-2026-41425"])
async def test_a_state_is_kept_in_the_session_alone(client_for: ClientFor, advisory: str) -> None:
    """The attacker and the victim talk to the same provider object, whose memory they share."""
    shop = Shop()
    async with client_for(shop.app) as client:
        location = await begin(client)
        session = dict(client.cookies)
        client.cookies.clear()
        answer = shop.provider.authorize(location)
        assert (await client.get("/in/callback", query=answer)).status == 400
        client.cookies.update(session)
        assert (await client.get("/in/callback", query=answer)).status == 200
        assert (await client.get("/in/callback", query=answer)).status == 400


async def test_an_error_never_redirects(client_for: ClientFor) -> None:
    """authlib 9babc131 / 3be08468."""
    shop = Shop()
    async with client_for(shop.app) as client:
        state = httpx2.URL(await begin(client)).params["state"]
        query = {"state": state, "error": "invalid_scope", "redirect_uri": "https://evil.example", "next": "//evil"}
        response = await client.get("/in/callback", query=query)
    assert response.status == 403
    assert "location" not in response.headers
    assert "evil" not in response.text


async def test_next_of_a_login_at_a_provider_is_a_path_of_this_site(client_for: ClientFor) -> None:
    """CVE-2021-32805 GHSA-624f-cqvr-3qw4."""
    shop = Shop()
    async with client_for(shop.app) as client:
        location = (await client.get("/in", query={"next": "https://evil"})).headers["location"]
        await client.get("/in/callback", query=shop.provider.authorize(location))
    assert shop.logins[0].next is None


# session_fixation


async def test_who_has_planted_a_session_has_no_part_in_the_login(client_for: ClientFor) -> None:
    """CVE-2018-1000519 / CVE-2018-1000814."""
    site = Site()
    async with client_for(site.app) as client:
        await client.post("/cart")
        planted = client.cookies["session"]
        await client.post("/login?user=1")
        client.cookies.clear()
        client.cookies["session"] = planted
        assert (await client.get("/")).text == "nobody"


async def test_a_session_is_flushed_when_the_identity_changes(client_for: ClientFor) -> None:
    """CVE-2014-0482."""
    site = Site()
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        await client.post("/cart")
        await client.post("/login?user=2")
        assert "cart" not in (await client.get("/cart")).json()


# csrf


async def test_what_is_posted_before_a_login_is_not_sent_again_after_it(client_for: ClientFor) -> None:
    """CVE-2008-3909."""
    site = Site()
    async with client_for(site.app) as client:
        refused = await client.post("/account", form={"password": "chosen by another site"})
        assert (refused.status, refused.headers["location"]) == (303, "/login")
        response = await client.post(refused.headers["location"] + "?user=1")
        assert (response.status, response.headers["location"]) == (303, "/")
        assert b"chosen" not in (await client.get("/cart")).body


async def test_no_token_is_given_on_get(client_for: ClientFor) -> None:
    """CVE-2021-21241 GHSA-hh7m-rx4f-4vpv."""
    shop, site = Shop(), Site()
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        response = await client.get("/account", headers={"accept": "application/json"})
        assert client.cookies["session"] not in response.text
    async with client_for(shop.app) as client:
        response = await client.get("/in")
        assert (response.body, response.headers["cache-control"]) == (b"", "no-store")


# auth_bypass


@pytest.mark.parametrize("name", ["../example", "example/..", "__class__", "EXAMPLE", "", "a" * 100, "example\n"])
def test_providers_are_those_that_the_program_names(name: str) -> None:
    """CVE-2021-41265."""
    provider = Provider(time.time)
    with pytest.raises(ConfigurationError, match="the name of a provider"):
        OIDC(
            name,
            issuer=ISSUER,
            client_id=CLIENT_ID,
            client_secret=None,
            redirect_uri=BACK,
            on_login=lambda request, login: None,
            client=provider.client(),
        )


# session


async def test_a_logout_of_nobody_keeps_nothing(client_for: ClientFor) -> None:
    """CVE-2015-5963 / CVE-2015-5964."""
    site = Site()
    async with client_for(site.app) as client:
        for _ in range(20):
            response = await client.post("/logout")
            assert "set-cookie" not in response.headers
    assert len(site.store) == 0


async def test_looking_who_is_logged_in_keeps_nothing(client_for: ClientFor) -> None:
    """CVE-2015-5143."""
    site = Site()
    async with client_for(site.app) as client:
        for number in range(20):
            await client.get("/", headers={"cookie": f"session={number:043}"})
    assert len(site.store) == 0


async def test_the_answer_to_who_is_disabled_is_that_to_who_is_unknown(client_for: ClientFor) -> None:
    """CVE-2018-6188: for those who were logged in before."""
    site = Site()
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        site.users[1].disabled = True
        disabled = await client.get("/account")
        client.cookies.clear()
        unknown = await client.get("/account")
    assert (disabled.status, disabled.body) == (unknown.status, unknown.body)
    assert disabled.headers["location"] == unknown.headers["location"]


# host_header


async def test_the_host_of_a_request_is_in_no_location(client_for: ClientFor) -> None:
    """CVE-2011-4139."""
    shop, site = Shop(), Site()
    async with client_for(site.app, host="evil.example") as client:
        assert (await client.get("/account")).headers["location"] == "/login?next=/account"
        assert (await client.post("/login?user=1")).headers["location"] == "/"
    async with client_for(shop.app, host="evil.example") as client:
        assert "evil" not in await begin(client)


# redos


@pytest.mark.parametrize("piece", ["a.", "a", "/", "%2f", "@", ":", "?", "[", "\\", "-."])
def test_a_url_is_checked_in_time_that_grows_with_its_length(piece: str) -> None:
    """CVE-2022-36087."""

    def seconds(length: int) -> float:
        url, best = "https://" + piece * (length // len(piece)), float("inf")
        for _ in range(9):
            begun = time.thread_time()
            is_secure_url(url)
            best = min(best, time.thread_time() - begun)
        return best

    assert seconds(64 * 1024) <= 24 * max(seconds(4 * 1024), 1e-4)


async def test_a_program_without_sessions_says_what_is_missing(client_for: ClientFor, caplog: Any) -> None:
    shop = Shop()
    app = Nacre()
    app.get("/in")(shop.oauth.start)
    async with client_for(app) as client:
        assert (await client.get("/in")).status == 500
    assert "request.session needs a layer for sessions" in caplog.text
