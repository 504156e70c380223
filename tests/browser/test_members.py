"""The members' site in a browser: logging in by password and by passkey, and what pages of other sites may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers.process import Server, started

from browser.chromium import Chromium, Page

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"
FOLDER = Path(__file__).parent

pytestmark = pytest.mark.timeout(120)

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


@dataclass(frozen=True)
class Sites:
    """The members' site, a site whose pages may read its API, and one whose pages may not."""

    members: Server
    reader: Server
    stranger: Server

    @property
    def url(self) -> str:
        return f"http://localhost:{self.members.port}"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with ExitStack() as stack:

        def start(*command: str) -> Server:
            return stack.enter_context(started(command, tmp_path_factory.mktemp("site")))

        reader = start(str(FOLDER / "elsewhere.py"), "{port}")
        stranger = start(str(FOLDER / "elsewhere.py"), "{port}")
        members = start(str(FOLDER / "serve_members.py"), "{port}", f"http://127.0.0.1:{reader.port}")
        yield Sites(members, reader, stranger)


def log_in(page: Page, password: str = "mother of pearl") -> None:
    page.wait_for_text("Log in", "main h1")
    page.fill("input[name=name]", "ada")
    page.fill("input[name=password]", password)
    page.click("main .card button")


def test_a_member_logs_in_uses_the_account_and_logs_out(browser: Chromium, sites: Sites) -> None:
    with browser.open(f"{sites.url}/login?next=/passkeys") as page:
        log_in(page, "guessed")
        page.wait_for_text("is wrong", ".wrong")
        log_in(page)
        page.wait_for_text("Passkeys", "h1")
        page.wait_for_text("Welcome, ada.", ".flash")
        page.command("Page.navigate", url=sites.url + "/")
        page.wait_for_text("Your account", "h1")
        before = page.evaluate("document.querySelector('.balance strong').textContent")
        page.click("main .card button", "Send")
        page.wait_for_text("100 sent.", ".flash")
        after = page.evaluate("document.querySelector('.balance strong').textContent")
        assert int(before[1:]) - int(after[1:]) == 100
        assert page.evaluate("document.cookie") == ""
        page.screenshot(SCREENSHOTS / "members-account.png")
        page.click("header button", "Log out")
        page.wait_for_text("For members", "h1")
        assert [complaint for complaint in page.complaints if "422" not in complaint] == []


def test_a_form_of_another_site_is_refused(browser: Chromium, sites: Sites) -> None:
    with browser.open(f"{sites.url}/login") as page:
        log_in(page)
        page.wait_for_text("Your account", "h1")
        before = page.evaluate("document.querySelector('.balance strong').textContent")
        page.command("Page.navigate", url=f"http://127.0.0.1:{sites.stranger.port}/prize?port={sites.members.port}")
        page.click("button", "Take your prize")
        page.wait_for_text("sent by a page of another site", "body")
        assert page.evaluate("location.href") == f"{sites.url}/transfer"
        page.screenshot(SCREENSHOTS / "members-refused.png")
        page.command("Page.navigate", url=sites.url + "/")
        page.wait_for_text("Your account", "h1")
        assert page.evaluate("document.querySelector('.balance strong').textContent") == before


READ = """fetch("{url}/api/rate", {{headers: {{"x-asked-by": "a page"}}}}).then(
  (answer) => answer.json().then((data) => `read ${{data.rate}}`), (error) => `refused: ${{error.name}}`)"""


def test_only_pages_of_an_allowed_origin_read_the_api(browser: Chromium, sites: Sites) -> None:
    # The header field makes browsers send a preflight.
    for site, outcome in ((sites.reader, "read 1.25"), (sites.stranger, "refused: TypeError")):
        with browser.open(f"http://127.0.0.1:{site.port}/") as page:
            page.wait_for_text("Elsewhere", "p")
            assert page.evaluate(READ.format(url=sites.url)) == outcome


def test_a_passkey_is_registered_and_logs_in(browser: Chromium, sites: Sites) -> None:
    with browser.open(f"{sites.url}/login?next=/passkeys") as page:
        page.command("WebAuthn.enable")
        authenticator = page.command("WebAuthn.addVirtualAuthenticator", options=AUTHENTICATOR)["authenticatorId"]
        log_in(page)
        page.click("#add-passkey")
        page.wait_for_text("The passkey is yours.", "#outcome")
        [credential] = page.command("WebAuthn.getCredentials", authenticatorId=authenticator)["credentials"]
        assert credential["rpId"] == "localhost"
        page.screenshot(SCREENSHOTS / "members-passkey.png")
        page.click("header button", "Log out")
        page.wait_for_text("For members", "h1")

        page.click("header a", "Log in")
        page.click("#by-passkey")
        page.wait_for_text("Your account", "h1")
        page.click("header button", "Log out")
        page.wait_for_text("For members", "h1")

        # A passkey that the site has never seen.
        page.command("WebAuthn.removeVirtualAuthenticator", authenticatorId=authenticator)
        page.command("WebAuthn.addVirtualAuthenticator", options=AUTHENTICATOR)
        page.click("header a", "Log in")
        page.click("#by-passkey")
        page.wait_for_text("llowed", "#outcome")
        page.command("Page.navigate", url=sites.url + "/")
        page.wait_for_text("For members", "h1")
