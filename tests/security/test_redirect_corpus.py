"""Open redirects of other frameworks, by the ids of the security corpus (class open_redirect).

Most are targets that a client gives as `next`: they are put to the login page of a site here. The others are locations
that a framework makes of a request's path.

Entries of this class that concern nothing here:

authlib 9babc131 / 3be08468   errors of an authorization server; Nacre has the client's side only, which on errors never
                              redirects: tests/security/test_oauth_corpus.py
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from auth.login_site import Site

from nacre import Nacre, RedirectResponse
from nacre.auth.redirects import is_safe_redirect
from nacre.static import StaticFiles
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

NEXT = {
    "CVE-2023-49438, one slash": "https:/evil.example",
    "CVE-2023-49438, a tab": "/\t/evil.example",
    "CVE-2023-49438, a tab that is escaped": "/%09/evil.example",
    "CVE-2021-23401 GHSA-4298-89hc-6rfv, slashes": "/////evil.com/path",
    "CVE-2021-23401 GHSA-4298-89hc-6rfv, backslashes": "\\\\\\evil.com/path",
    "CVE-2021-23393 GHSA-pjc4-3w99-j7v4": "\\\\\\evil.com/path",
    "CVE-2021-32805 GHSA-624f-cqvr-3qw4": "https://evil",
    "CVE-2013-6044": "javascript:alert(1)",
    "CVE-2015-0220 / CVE-2015-2317, a line feed": "\njavascript:alert(1)",
    "CVE-2015-0220 / CVE-2015-2317, a backspace": "\x08javascript:alert(1)",
    "CVE-2014-3730": "http:\\\\\\djangoproject.com",
    "CVE-2016-2512": "http://mysite.example.com\\@attacker.com",
    "CVE-2017-7233": "http:999999999",
    "CVE-2021-32618": "\\\\\\github.com",
    "CPython CVE-2023-24329 / CVE-2022-0391, a space": " https://evil",
    "CPython CVE-2023-24329 / CVE-2022-0391, a line feed": "ht\ntps://evil",
    "CPython CVE-2023-24329 / CVE-2022-0391, a tab": "/\t/evil",
}


@pytest.mark.parametrize("target", NEXT.values(), ids=NEXT)
async def test_next_never_leads_to_another_site(client_for: ClientFor, target: str) -> None:
    async with client_for(Site().app) as client:
        response = await client.post("/login", query={"user": "1", "next": target})
    assert (response.status, response.headers["location"]) == (303, "/")
    assert not is_safe_redirect(target, allowed_hosts=["mysite.example.com"])


@pytest.mark.parametrize("target", NEXT.values(), ids=NEXT)
async def test_an_address_that_needs_a_login_never_leads_to_another_site_afterwards(
    client_for: ClientFor, target: str
) -> None:
    site = Site(required=True)
    async with client_for(site.app) as client:
        there = await client.get("/account", query={"next": target})
        assert there.headers["location"].startswith("/login?next=/account%3Fnext%3D")
        back = await client.post(there.headers["location"] + "&user=1")
    assert back.headers["location"].startswith("/account?next=")


# Locations that are made of the path.

PATHS = {
    "CVE-2021-21330 GHSA-v6wp-4m6f-gcjg": "//evil.example/%2e%2e",
    "CVE-2021-21330 GHSA-v6wp-4m6f-gcjg, a backslash": "/%5Cevil.example",
    "CVE-2020-28724 GHSA-3p3h-qghp-hvh2": "//evil.example",
    "CVE-2018-14574": "//evil.com/path",
    "CVE-2023-28370": "//evil.com/%2e%2e",
    "CVE-2024-42353 GHSA-mg3v-6m49-jhp3": "//evil.example/x",
    "three slashes": "///evil.example/x",
    "an escaped slash": "/%2Fevil.example",
    "an escaped tab": "/%09/evil.example",
    "an escaped line break": "/%0d%0aevil.example",
}


def site_of(location: str) -> str:
    """The host that a browser goes to, from `http://shop.example/a/b`; it takes backslashes for slashes."""
    return urlsplit(urljoin("http://shop.example/a/b", re.sub(r"[\t\r\n]", "", location).replace("\\", "/"))).netloc


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
async def test_a_slash_that_is_added_leads_to_this_site(client_for: ClientFor, path: str) -> None:
    app = Nacre(slashes="redirect")
    app.get("/{rest:path}/")(lambda rest: rest)
    async with client_for(app) as client:
        assert (await client.get("/page")).headers["location"] == "/page/"
        response = await client.get(path)
    if path.startswith("//"):
        assert response.status == 404  # no variable of a route begins with a slash
        return
    location = response.headers.get("location", "/")
    assert re.fullmatch(r"/(?![/\\])[!-~]*", location)
    assert "\\" not in location
    assert site_of(location) == "shop.example"


@pytest.mark.parametrize("path", ["/static//evil.example/..", "/static//evil.example", *PATHS.values()])
async def test_files_never_lead_to_another_site(client_for: ClientFor, tmp_path: Path, path: str) -> None:
    """CVE-2017-7234 and CVE-2023-28370: a directory without its slash."""
    (tmp_path / "evil.example").mkdir()
    (tmp_path / "evil.example" / "index.html").write_text("page")
    app = Nacre(slashes="redirect")
    app.mount("/static", StaticFiles(tmp_path), name="static")
    app.mount("/", StaticFiles(tmp_path), name="root")
    async with client_for(app) as client:
        response = await client.get(path)
    assert site_of(response.headers.get("location", "/")) == "shop.example"


@pytest.mark.parametrize("value", ["/evil.example", "//evil.example"])
def test_no_address_is_built_that_names_a_host(value: str) -> None:
    """CVE-2014-0480."""
    app = Nacre()
    app.get("/{rest:path}", name="rest")(lambda rest: rest)
    with pytest.raises(ValueError, match="starts with two slashes, which names a host"):
        app.url_for("rest", rest=value)


@pytest.mark.parametrize("value", ["\\evil.example", "\t/evil.example", "\\\\evil.example"])
def test_an_address_that_is_built_leads_to_this_site(value: str) -> None:
    """CVE-2014-0480, by what browsers take for a slash."""
    app = Nacre()
    app.get("/{rest:path}", name="rest")(lambda rest: rest)
    assert site_of(app.url_for("rest", rest=value)) == "shop.example"


@pytest.mark.parametrize(
    "location", ["/\t/evil.example", "/\n/evil.example", "\r//evil.example", "/\x00/evil", "/\x7f"]
)
def test_a_location_holds_no_control_characters(location: str) -> None:
    """GHSA-fh3h-vg37-cc95."""
    with pytest.raises(ValueError, match="can't hold the control character"):
        RedirectResponse(location)


@pytest.mark.parametrize(
    "location", ["data:text/html,<script>", "javascript:alert(1)", "JAVASCRIPT:alert(1)", "file:/a"]
)
def test_a_location_has_a_scheme_that_may_be_followed(location: str) -> None:
    """CVE-2012-3442."""
    with pytest.raises(ValueError, match="scheme"):
        RedirectResponse(location)
    assert RedirectResponse("shop:cart", schemes=["shop"]).headers["location"] == "shop:cart"


@pytest.mark.parametrize("location", ["//evil.example/x", "///evil.example/x", "//evil.example"])
def test_a_location_that_begins_with_two_slashes_stays_on_this_site(location: str) -> None:
    """CVE-2024-42353 GHSA-mg3v-6m49-jhp3."""
    sent = RedirectResponse(location).headers["location"]
    assert site_of(sent) == "shop.example"
    assert sent == "/" + location.lstrip("/")


@pytest.mark.parametrize("location", ["/\\evil.example", "\\\\evil.example", "\\/evil.example"])
def test_backslashes_in_a_location_are_escaped(location: str) -> None:
    """CVE-2024-42353 GHSA-mg3v-6m49-jhp3, by what browsers take for a slash."""
    sent = RedirectResponse(location).headers["location"]
    assert "\\" not in sent
    assert site_of(sent) == "shop.example"
