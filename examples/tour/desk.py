"""The desk: scans that readers bring, what happens in the room as it happens, and a chat.

The bytes of a scan go to the disk as they arrive, events are sent to whoever has the page open, and the chat is a
WebSocket.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Annotated, Any

from examples.tour.layout import page

from nacre import Cookie, Group, Request, abort
from nacre.errors import WebSocketDisconnect
from nacre.files import FileResponse
from nacre.forms import FormLimits
from nacre.sse import ServerSentEvent
from nacre.websocket import WebSocket

LARGEST_SCAN = 256 * 1024 * 1024
KINDS = {".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".txt": "text/plain; charset=utf-8"}

desk = Group("/desk", tags=["desk"])


@dataclass
class Desk:
    """What the readers in the room share: their scans, who listens, and who talks."""

    scans: Path
    listeners: set[asyncio.Queue[ServerSentEvent]] = field(default_factory=set)
    talking: dict[WebSocket, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def tell(self, event: str, **facts: Any) -> None:
        """Tell all who listen. One that doesn't keep up loses the oldest event, not its memory's worth of them."""
        told = ServerSentEvent({"at": f"{datetime.now(UTC):%H:%M:%S}", **facts}, event=event, id=next(self.numbers))
        for queue in self.listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(told)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[ServerSentEvent]]:
        queue: asyncio.Queue[ServerSentEvent] = asyncio.Queue(100)
        self.listeners.add(queue)
        try:
            yield queue
        finally:
            self.listeners.discard(queue)

    async def say(self, who: str, text: str) -> None:
        """Send a line to all who talk; who has left meanwhile is taken off by its own handler."""
        for one in list(self.talking):
            with suppress(WebSocketDisconnect):
                await one.send_json({"who": who, "text": text})


def open_desk() -> Iterator[Desk]:
    scans = Path(tempfile.mkdtemp(prefix="nacre-tour-scans-"))
    try:
        yield Desk(scans)
    finally:
        shutil.rmtree(scans)


# Scans.


@desk.post("/scans", hidden=True, form_limits=FormLimits(files=1, file_size=LARGEST_SCAN))
async def bring_scan(request: Request, desk: Desk):
    """Take a scan as it arrives: nothing of it is held in memory, and nothing is left of one that breaks off."""
    async for part in request.parts():
        if part.filename is None:
            continue
        if Path(part.filename).suffix.lower() not in KINDS:
            abort(415, f"the desk takes {', '.join(KINDS)}")
        path = await part.save(desk.scans)  # 409 if there is one of this name
        size = path.stat().st_size
        desk.tell("scan", text=f"A scan came in: {path.name}, {size:,} bytes")
        return {"name": path.name, "size": size, "url": request.url_for("scan", name=path.name)}, 201
    abort(400, "send one file")


@desk.get("/scans/<name>", name="scan", hidden=True)
def scan(name: str, desk: Desk):
    path = desk.scans / Path(name).name
    return FileResponse(path, content_type=KINDS.get(path.suffix.lower()), download=path.name)


# What happens.


@desk.sse("/events", name="events", hidden=True)
async def events(desk: Desk) -> AsyncIterator[ServerSentEvent]:
    with desk.listening() as queue:
        count = len(desk.listeners)
        desk.tell("room", text=f"Readers in the room: {count}", readers=count)
        while True:
            yield await queue.get()


# The chat.


@desk.websocket("/chat", name="chat", max_message=4096)
async def chat(ws: WebSocket, desk: Desk, reader: Annotated[str, Cookie()] = ""):
    who = reader[:40] or f"Reader {next(desk.numbers)}"
    await ws.accept()
    desk.talking[ws] = who
    await desk.say("", f"{who} sits down")
    try:
        async for line in ws:
            if isinstance(line, str) and line.strip():
                await desk.say(who, line.strip())
    finally:
        del desk.talking[ws]
        await desk.say("", f"{who} leaves")


# The page.


@desk.get("", name="desk", hidden=True)
async def show(request: Request):
    kinds = ",".join(KINDS)
    return page(
        request,
        "The desk",
        f"""
<h1>The desk</h1>
<p class="lead">Bring a scan, see what happens in the room, talk to who is here. Open this page twice.</p>
<div class="two">
<section>
  <h2>Bring a scan</h2>
  <form class="write bring" data-to="{escape(request.url_for("bring_scan"))}">
    <label>A file <input type="file" name="scan" accept="{kinds}" required></label>
    <progress max="1" value="0" aria-label="Progress"></progress>
    <button>Bring it</button>
    <p role="status"></p>
  </form>
  <h2>What happens</h2>
  <ol class="feed" data-from="{escape(request.url_for("events"))}" aria-live="polite"></ol>
</section>
<section>
  <h2>Talk</h2>
  <ol class="feed talk" aria-live="polite"></ol>
  <form class="search say" data-to="{escape(request.url_for("chat"))}">
    <input name="line" maxlength="1000" autocomplete="off" placeholder="Say something" aria-label="Say something">
    <button>Say it</button>
  </form>
</section>
</div>""",
        script=SCRIPT,
    )


SCRIPT = """
const add = (list, text, mark) => {
  const item = document.createElement("li");
  if (mark) item.append(Object.assign(document.createElement("b"), {textContent: mark + " "}));
  item.append(text);
  list.append(item);
  item.scrollIntoView({block: "nearest"});
};

const bring = document.querySelector(".bring");
bring.addEventListener("submit", event => {
  event.preventDefault();
  const progress = bring.querySelector("progress"), status = bring.querySelector("[role=status]");
  const request = new XMLHttpRequest();  // fetch() tells nothing of what has been sent
  request.upload.addEventListener("progress", ({loaded, total}) => { progress.value = loaded / total; });
  request.addEventListener("load", () => {
    const answer = JSON.parse(request.responseText);
    status.textContent = "";
    if (request.status === 201) {
      progress.value = 1;
      const link = Object.assign(document.createElement("a"), {href: answer.url, textContent: answer.name});
      status.append(link, " is here");
      bring.reset();
    } else status.textContent = answer.detail;
  });
  request.addEventListener("error", () => { status.textContent = "The connection broke off. Try again."; });
  request.open("POST", bring.dataset.to);
  request.setRequestHeader("accept", "application/json");
  request.send(new FormData(bring));
});

const feed = document.querySelector(".feed");
const source = new EventSource(feed.dataset.from);
for (const kind of ["scan", "room"])
  source.addEventListener(kind, ({data}) => { const {at, text} = JSON.parse(data); add(feed, text, at); });

const say = document.querySelector(".say"), talk = document.querySelector(".talk");
const open = () => {
  const socket = new WebSocket(new URL(say.dataset.to, location.href).href.replace(/^http/, "ws"));
  socket.addEventListener("message", ({data}) => { const {who, text} = JSON.parse(data); add(talk, text, who); });
  socket.addEventListener("close", () => setTimeout(open, 2000));
  say.onsubmit = event => {
    event.preventDefault();
    if (say.line.value.trim()) socket.send(say.line.value);
    say.reset();
  };
};
open();
"""
