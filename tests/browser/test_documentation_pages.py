"""The documentation pages, as a person uses them: opened without a network, and operations executed from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from browser.application import TITLE
from browser.chromium import Chromium, Page

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"

pytestmark = pytest.mark.timeout(180)

PREFIXES = {"at the root": "", "below a mount": "/mounted/below"}
SECRET = "mother-of-pearl"


def check(page: Page, origin: str, name: str) -> None:
    """Keep a picture; nothing was refused, nothing failed, no host but ours was asked, no secret was kept."""
    page.screenshot(SCREENSHOTS / f"{name}.png")
    assert page.complaints == []
    assert {f"http://{host}" for host in page.hosts()} == {origin}
    assert SECRET not in json.dumps(page.stored(origin))


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_operations_are_executed_from_swagger_ui(browser: Chromium, origin: str, prefix: str) -> None:
    name = f"swagger{prefix.replace('/', '-')}"
    with browser.open(f"{origin}{prefix}/docs") as page:
        page.wait_for_text(TITLE, "h1, h2")
        assert page.evaluate("document.title") == TITLE
        page.wait_for_text("Things that shine")
        check(page, origin, name)

        page.click(".auth-wrapper .authorize", "Authorize")
        page.fill("#auth-bearer-value", SECRET)
        page.click(".auth-btn-wrapper .authorize", "Authorize")
        page.click(".auth-btn-wrapper .btn-done", "Close")

        page.click(".opblock-summary-control", "One lamp")
        page.click(".opblock-get .try-out__btn")
        page.fill("tr[data-param-name=lamp_id] input", "7")
        page.fill("tr[data-param-name=note] input", "a b&c")
        page.fill("tr[data-param-name=X-Trace] input", "t-1")
        page.click(".opblock-get .execute")
        page.wait_for_text(f'"path": "{prefix}/lamps/7"', ".live-responses-table")
        page.wait_for_text('"note": "a b&c"', ".live-responses-table")
        page.wait_for_text('"trace": "t-1"', ".live-responses-table")
        page.wait_for_text(f'"authorization": "Bearer {SECRET}"', ".live-responses-table")
        check(page, origin, f"{name}-get")
        page.click(".opblock-summary-control", "One lamp")

        page.click(".opblock-summary-control", "Add a lamp")
        page.click(".opblock-post .try-out__btn")
        page.fill(".opblock-post textarea", '{"name": "Tizio"}')
        page.click(".opblock-post .execute")
        page.wait_for_text('"kept": "Tizio"', ".opblock-post .live-responses-table")
        check(page, origin, f"{name}-post")
        page.click(".opblock-summary-control", "Add a lamp")

        page.click(".opblock-summary-control", "A picture")
        page.click(".opblock-get .try-out__btn")
        page.click(".opblock-get .execute")
        page.wait_for("document.querySelector('.live-responses-table img')?.naturalWidth === 1")
        page.click(".json-schema-2020-12-accordion", "Lamp")
        page.wait_for_text("shades", ".json-schema-2020-12-property")
        check(page, origin, f"{name}-picture")


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_operations_are_executed_from_elements(browser: Chromium, origin: str, prefix: str) -> None:
    name = f"elements{prefix.replace('/', '-')}"
    with browser.open(f"{origin}{prefix}/deep/elements") as page:
        page.wait_for_text(TITLE, "h1")
        assert page.evaluate("document.title") == TITLE
        check(page, origin, name)

        page.click("[title=lamps]")
        page.click("a[href]", "One lamp")
        page.fill("input[aria-label=Token]", SECRET)
        page.fill("input[aria-label=lamp_id]", "7")
        page.fill("input[aria-label=note]", "a b&c")
        page.fill("input[aria-label=X-Trace]", "t-1")
        page.click("button", "Send API Request")
        page.wait_for_text(f'"path": "{prefix}/lamps/7"')
        page.wait_for_text('"note": "a b&c"')
        page.wait_for_text('"trace": "t-1"')
        page.wait_for_text(f'"authorization": "Bearer {SECRET}"')
        check(page, origin, f"{name}-get")

        page.click("a[href]", "Add a lamp")
        page.fill("textarea", '{"name": "Tizio"}')
        page.click("button", "Send API Request")
        page.wait_for_text('"kept": "Tizio"')
        check(page, origin, f"{name}-post")

        page.click("a[href]", "A picture")
        page.click("button", "Send API Request")
        page.wait_for("document.querySelector('img[alt=\"response image\"]')?.naturalWidth === 1")
        check(page, origin, f"{name}-picture")


def test_page_that_breaks_the_rules_is_noticed(browser: Chromium, origin: str) -> None:
    with browser.open(f"{origin}/unruly") as page:
        page.wait_for("document.title === 'finished'")
        found = "\n".join(page.complaints)
        hosts = page.hosts()
    for expected in (
        "refused: script-src-elem inline",
        "refused: style-src-attr inline",
        "refused: img-src https://images.example/a.png",
        "refused: connect-src https://fetched.example/",
        "refused: script-src eval",
        "console: ['planted in the console']",
        "exception: Error: planted in a timer",
    ):
        assert expected in found
    assert "images.example" in hosts
