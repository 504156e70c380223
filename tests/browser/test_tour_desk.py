"""The tour's desk, as two readers use it: one brings a scan, both see it come in, and they talk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from servers.process import Server, started

from browser.chromium import Chromium, Page

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"
SERVE = Path(__file__).with_name("serve_tour.py")
SIZE = 4 * 1024 * 1024

pytestmark = pytest.mark.timeout(180)

# What a reader sees of the bar while the file is on its way.
WATCH_PROGRESS = """
window.progress = [];
const bar = Object.getOwnPropertyDescriptor(HTMLProgressElement.prototype, "value");
Object.defineProperty(bring.querySelector("progress"), "value", {
  get() { return bar.get.call(this); },
  set(value) { window.progress.push(value); bar.set.call(this, value); },
});
"""


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started((str(SERVE), "{port}"), tmp_path_factory.mktemp("tour")) as server:
        yield server


def attach(page: Page, selector: str, file: Path) -> None:
    """Choose a file in a form, as its dialogue does."""
    document = page.command("DOM.getDocument")["root"]["nodeId"]
    node = page.command("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
    page.command("DOM.setFileInputFiles", nodeId=node, files=[str(file)])


def test_scans_events_and_the_chat_reach_both_readers(browser: Chromium, tour: Server, tmp_path: Path) -> None:
    scan = tmp_path / "page 1.pdf"
    scan.write_bytes(b"%PDF-1.7\n" + bytes(SIZE))
    url = f"http://127.0.0.1:{tour.port}/desk"
    with browser.open(url) as ada, browser.open(url) as bob:
        for page in (ada, bob):
            page.wait_for_text("sits down", ".talk")
        ada.wait_for_text("Readers in the room: 2", ".feed")

        ada.evaluate(WATCH_PROGRESS)
        attach(ada, "input[type=file]", scan)
        ada.command(
            "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=SIZE
        )
        ada.click(".bring button")
        ada.wait_for_text("is here", ".bring")
        between = [value for value in ada.evaluate("window.progress") if 0 < value < 1]
        assert between == sorted(between)
        assert between, "the bar never stood between its ends"
        bob.wait_for_text(f"{scan.name}, {scan.stat().st_size:,} bytes", ".feed")

        with urlopen(ada.evaluate("document.querySelector('.bring a').href"), timeout=30) as answer:  # noqa: S310
            assert hashlib.sha256(answer.read()).digest() == hashlib.sha256(scan.read_bytes()).digest()
            assert answer.headers["content-disposition"].startswith("attachment")

        bob.fill(".say input", "<b>hello</b>")
        bob.click(".say button")
        ada.wait_for_text("<b>hello</b>", ".talk")
        ada.fill(".say input", "hello yourself")
        ada.click(".say button")
        bob.wait_for_text("hello yourself", ".talk")
        for name, page in (("ada", ada), ("bob", bob)):
            page.screenshot(SCREENSHOTS / f"desk-{name}.png")
            assert page.complaints == []
            assert page.hosts() == {f"127.0.0.1:{tour.port}"}


def test_a_file_of_another_kind_is_refused_with_words(browser: Chromium, tour: Server, tmp_path: Path) -> None:
    program = tmp_path / "page.html"
    program.write_text("<script>alert(1)</script>")
    with browser.open(f"http://127.0.0.1:{tour.port}/desk") as page:
        page.wait_for_text("sits down", ".talk")
        attach(page, "input[type=file]", program)
        page.click(".bring button")
        page.wait_for_text("the desk takes .pdf", ".bring")
