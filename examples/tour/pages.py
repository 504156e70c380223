"""The pages."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlencode

from examples.tour.layers import count_reading
from examples.tour.layout import chains_of, draw_chain, has_docs, links, page
from examples.tour.library import RFC, Catalogue, Note

from nacre import Cookie, Group, RedirectResponse, Request
from nacre.files import FileResponse

pages = Group()


@pages.before_request(inline=True)
def know_the_reader(request, reader: Annotated[str, Cookie()] = ""):
    request.state.reader = unquote(reader)[:40]


@pages.after_request(inline=True)
def vary(request, response):
    """Pages greet a reader by the name in a cookie."""
    response.headers.add_vary("Cookie")


@pages.get("/", hidden=True)
def home(request: Request, catalogue: Catalogue, area: str = "", q: str = ""):
    rfcs = catalogue.find(area, q.strip())
    areas = catalogue.areas()
    chips = [_chip("Everything", sum(areas.values()), "", q, area)]
    chips += [_chip(name, count, name, q, area) for name, count in areas.items()]
    found = "".join(_row(request, rfc) for rfc in rfcs) or "<li>Nothing. Try another word or area.</li>"
    return page(
        request,
        "The reading room",
        f"""
<h1>The RFCs the web is made of</h1>
<p class="lead">{_greeting(request)} {sum(areas.values())} documents on HTTP, URIs, cookies, TLS and what travels over
them. Open one to see what it replaced, what other readers say, and which layers your request has passed.
Programs find the same {_api(request)}.</p>
<form class="search" role="search">
  <input type="search" name="q" value="{escape(q)}" placeholder="A word of the title, or a number" aria-label="Search">
  {f'<input type="hidden" name="area" value="{escape(area)}">' if area else ""}
  <button>Search</button>
</form>
<ul class="areas" aria-label="Areas">{"".join(chips)}</ul>
<p class="soft">{len(rfcs)} found, newest first</p>
<ol class="documents">{found}</ol>""",
        script=FORGET if request.state.reader else "",
    )


@pages.get("/rfc/<rfc:number>", middlewares=[count_reading], hidden=True)
def document(request: Request, catalogue: Catalogue, rfc: RFC):
    facts = {"Published": rfc.published, "Area": f'<a href="/?area={rfc.area}">{rfc.area}</a>'}
    if rfc.obsoleted_by:
        facts["Obsoleted by"] = links(request, rfc.obsoleted_by)
    if replaced := catalogue.replaced_by(rfc.number):
        facts["Obsoletes (here)"] = links(request, (old.number for old in replaced))
    facts["Text"] = f'<a href="https://www.rfc-editor.org/rfc/rfc{rfc.number}.html">rfc-editor.org</a>'
    chain = chains_of(request.app)["/rfc/<rfc:number>", "GET"]
    return page(
        request,
        f"RFC {rfc.number}: {rfc.title}",
        f"""
<p class="soft number">RFC {rfc.number}</p>
<h1>{escape(rfc.title)}</h1>
<div class="two">
<div>
  <dl class="facts">{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())}</dl>
  <h2>Readers' notes</h2>
  <ul class="notes">{"".join(_note(note) for note in catalogue.notes(rfc.number))}</ul>
  <form class="write" data-to="{request.url_for("api:add_note", number=rfc.number)}">
    <label>Your name <input name="reader" required maxlength="40" value="{escape(request.state.reader)}"></label>
    <label>Your note <textarea name="text" required maxlength="1000" rows="3"></textarea></label>
    <button>Add the note</button>
    <p role="status"></p>
  </form>
</div>
<div>
  <h2>What this page passed through</h2>
  {draw_chain(chain)}
</div>
</div>""",
        script=ADD_NOTE,
    )


@pages.get("/chains", hidden=True)
def chains(request: Request):
    """Every route with its layers: what `nacre chain` prints, as a page."""
    items = "".join(
        f"<li><details><summary><code>{method} {escape(path)}</code> "
        f'<span class="soft">{len(chain.layers)} layers</span></summary>{draw_chain(chain)}</details></li>'
        for (path, method), chain in sorted(chains_of(request.app).items())
    )
    return page(request, "Chains", f'<h1>Every chain of this application</h1><ul class="chains">{items}</ul>')


@pages.get("/random", hidden=True)
def random(request: Request, catalogue: Catalogue):
    return RedirectResponse(request.url_for("document", number=catalogue.random()))


@pages.get("/favicon.svg", hidden=True)
async def favicon():
    return FileResponse(Path(__file__).with_name("favicon.svg"), max_age=86400)


@pages.delete("/reader", hidden=True)
async def forget_me(request: Request):
    request.after_request(lambda request, response: response.delete_cookie("reader"))


@pages.get("/broken", hidden=True)
async def broken():
    """A page with a bug, to see what becomes of one."""
    return 1 / 0


def _greeting(request: Request) -> str:
    reader = request.state.reader
    return f'Welcome back, {escape(reader)}. <button class="quiet">Forget me</button>' if reader else ""


def _api(request: Request) -> str:
    return f'in the <a href="{"/docs" if has_docs(request.app) else "/api"}">API</a>'


def _chip(label: str, count: int, area: str, q: str, current: str) -> str:
    query = urlencode({key: value for key, value in (("area", area), ("q", q)) if value})
    mark = ' aria-current="true"' if area == current else ""
    return (
        f'<li><a href="/{escape("?" + query) if query else ""}"{mark}>{escape(label)} <small>{count}</small></a></li>'
    )


def _row(request: Request, rfc: RFC) -> str:
    obsolete = f"<small>obsoleted by {links(request, rfc.obsoleted_by)}</small>" if rfc.obsoleted_by else ""
    address = request.url_for("document", number=rfc.number)
    return (
        f'<li><span class="number">{rfc.number}</span>'
        f'<span class="title"><a href="{address}">{escape(rfc.title)}</a>{obsolete}</span>'
        f'<span class="when">{rfc.published}</span><span class="area">{rfc.area}</span></li>'
    )


def _note(note: Note) -> str:
    return f"<li><p>{escape(note.text)}</p><footer>{escape(note.reader)}, {note.written} UTC</footer></li>"


ADD_NOTE = """
const form = document.querySelector(".write");
form.addEventListener("submit", async event => {
  event.preventDefault();
  const answer = await fetch(form.dataset.to, {
    method: "POST",
    headers: {"content-type": "application/json", "accept": "application/json"},
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  if (answer.ok) location.reload();
  else form.querySelector("[role=status]").textContent = (await answer.json()).detail;
});
"""

FORGET = """
document.querySelector(".lead button").addEventListener("click", async () => {
  await fetch("/reader", {method: "DELETE"});
  location.reload();
});
"""
