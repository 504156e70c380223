"""A headless Chromium, driven over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

# The names that install.sh looks for.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # what is opened is ours, and root can't have one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--allow-pre-commit-input",  # else a click is lost that comes before a page's first frame
    "--no-first-run",
    # What the browser would send on its own.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # There is no network: every name but this machine's, under which two sites can be told apart, stays unknown.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-proxy-server",
    "--remote-debugging-port=0",
    "--window-size=1280,1600",
)

# A refused `eval` that the page catches is in no log, so the page's own event is listened to.
WATCH = """
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
  reportRefusal([effectiveDirective, blockedURI, sample].join(" ")), true);
"""

# The element, among those shown, that a selector and a piece of its text mean.
FIND = """
const find = (selector, text) =>
  [...document.querySelectorAll(selector)].find((one) => one.checkVisibility() && one.textContent.includes(text));
"""

# Where to click it: null until it stands still from one frame to the next and nothing lies over it.
PLACE = """(async (selector, text) => {
  const element = find(selector, text);
  if (!element) return null;
  element.scrollIntoView({ block: "center", behavior: "instant" });
  const before = element.getBoundingClientRect();
  await new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume)));
  const box = element.getBoundingClientRect();
  if (!box.width || box.x !== before.x || box.y !== before.y) return null;
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const hit = document.elementFromPoint(x, y);
  return hit && element.contains(hit) ? { x, y } : null;
})"""


def find_executable() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A running browser. `open` gives pages that share nothing with each other."""

    def __init__(self, process: subprocess.Popen[bytes], socket: ClientConnection) -> None:
        self.process = process
        self._socket = socket
        self._number = 0
        self._pages: dict[str, Page] = {}

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result; what happens meanwhile is told to the pages."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message if session is None else message | {"sessionId": session}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            if (page := self._pages.get(answer.get("sessionId", ""))) is not None:
                page.take(answer["method"], answer["params"])

    @contextlib.contextmanager
    def open(self, url: str) -> Iterator[Page]:
        """A page with cookies and storage of its own, at this URL."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        try:
            target = self.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
            session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            page = self._pages[session] = Page(self, session)
            for domain in ("Page", "Network", "Log", "Runtime", "DOMStorage"):
                page.command(f"{domain}.enable")
            page.command("Runtime.addBinding", name="reportRefusal")
            page.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
            page.command("Page.navigate", url=url)
            yield page
        finally:
            self.command("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """A page and what was noticed in it: each request it tried to make, and everything it complained about."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.requested: list[str] = []
        self.complaints: list[str] = []

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.command(method, self._session, **parameters)

    def take(self, event: str, about: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])
        elif event == "Runtime.bindingCalled":
            self.complaints.append(f"refused: {about['payload']}")
        elif event == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.complaints.append(f"{about['entry']['source']}: {about['entry']['text']} {about['entry'].get('url')}")
        elif event == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.complaints.append(
                f"exception: {details.get('exception', details).get('description', details['text'])}"
            )
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.complaints.append(f"console: {[one.get('value', one.get('description')) for one in about['args']]}")

    def hosts(self) -> set[str]:
        """The hosts that the page tried to reach, with their ports."""
        return {place.netloc for place in map(urlsplit, self.requested) if place.scheme not in ("data", "blob")}

    def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait_for(self, script: str, *, seconds: float = 30) -> Any:
        """The value of the expression as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            if time.monotonic() > deadline:
                shown = self.evaluate("document.body.innerText.slice(0, 3000)")
                raise AssertionError(f"not within {seconds} s: {script}\n{self.complaints}\nThe page shows:\n{shown}")
            time.sleep(0.05)
        return value

    def wait_for_text(self, text: str, selector: str = "body") -> None:
        self.wait_for(f"(() => {{ {FIND} return Boolean({_call('find', selector, text)}); }})()")

    def click(self, selector: str, text: str = "") -> None:
        """Click the first element shown that has this text, as a mouse does."""
        place = self.wait_for(f"(() => {{ {FIND} return {_call(PLACE, selector, text)}; }})()")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            pressed = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.command("Input.dispatchMouseEvent", type=kind, **place, **pressed)

    def fill(self, selector: str, text: str) -> None:
        """Replace what stands in a field, as a keyboard does."""
        self.click(selector)
        self.wait_for(f"(() => {{ {FIND} return document.activeElement === {_call('find', selector, '')}; }})()")
        self.evaluate("document.activeElement.select()")
        self.command("Input.insertText", text=text)

    def stored(self, origin: str) -> list[list[str]]:
        """What the page has put into the storages of its origin; told by the browser, so no script can hide it."""
        return [
            item
            for local in (True, False)
            for item in self.command(
                "DOMStorage.getDOMStorageItems", storageId={"securityOrigin": origin, "isLocalStorage": local}
            )["entries"]
        ]

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot")["data"]))


def _call(function: str, *arguments: str) -> str:
    return f"{function}({', '.join(map(json.dumps, arguments))})"


@contextlib.contextmanager
def running(executable: str, folder: Path) -> Iterator[Chromium]:
    """Start a browser with an empty profile in the folder, and end it with everything it started."""
    profile, output = folder / "profile", folder / "chromium.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [executable, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"],
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with connect(_address(process, profile / "DevToolsActivePort", output), max_size=None) as socket:
            yield Chromium(process, socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _address(process: subprocess.Popen[bytes], file: Path, output: Path, *, seconds: float = 60) -> str:
    """The URL of the browser's DevTools socket, from the file that it writes when it listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        lines = file.read_text(encoding="utf-8").split("\n") if file.exists() else []
        if len(lines) > 1 and lines[1]:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.02)
    raise AssertionError(f"Chromium did not start:\n{output.read_text(encoding='utf-8', errors='replace')}")
