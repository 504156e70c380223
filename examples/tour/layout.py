"""What all pages share: the frame around them, and the drawing of the layers that a request passes."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from examples.tour.layers import nonce

from nacre import HTMLResponse, Request

CSS = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def page(request: Request, title: str, body: str, status: int = 200, script: str = "") -> HTMLResponse:
    """A whole page; `body` and `script` are markup and code already."""
    mark = nonce(request)
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="/favicon.svg">
<style nonce="{mark}">{CSS}</style>
<body>
<a class="skip" href="#main">To the content</a>
<header>
  <strong><a href="/">The reading room</a></strong>
  <nav aria-label="Site">
    <a href="/">Documents</a> <a href="/random">Random</a> <a href="/desk">Desk</a> <a href="/chains">Chains</a>
    <a href="/report">Report</a> <a href="/admin/">Admin</a> <a href="/api">API</a>
  </nav>
</header>
<main id="main">{body}</main>
<footer>A tour of Nacre: <code>examples/tour/</code>. The facts are those of the RFC index in January 2025.</footer>
{f'<script nonce="{mark}">{script}</script>' if script else ""}
</body>
</html>
""",
        status,
    )


def draw_chain(chain: Any) -> str:
    """A chain as boxes in boxes; the innermost is the handler."""
    drawing = _box("handler", chain.handler, "handler", str(chain.where or ""))
    hooks = [(hook.name, hook.kind) for hook in chain.hooks]
    for name, kind in reversed(hooks):
        drawing = _box("hooks", name, kind.replace("_", " "), "", drawing)
    for layer in reversed(chain.layers):
        drawing = _box(layer.style, layer.name, f"{layer.style} · {layer.scope}", str(layer.where or ""), drawing)
    return drawing


def chains_of(app: Any) -> dict[tuple[str, str], Any]:
    """All chains of an application, by path pattern and method; described once."""
    if "chains" not in app.state:
        routes = app.describe().routes
        app.state.chains = {(route.path, chain.method): chain for route in routes for chain in route.chains}
    chains: dict[tuple[str, str], Any] = app.state.chains
    return chains


def has_docs(app: Any) -> bool:
    """Whether the API's documentation pages are served: they need the extra `openapi-ui`."""
    return ("/docs", "GET") in chains_of(app)


def links(request: Request, numbers: Iterable[int]) -> str:
    return ", ".join(
        f'<a href="{request.url_for("document", number=number)}">RFC&nbsp;{number}</a>' for number in numbers
    )


def _box(style: str, name: str, kind: str, where: str, inside: str = "") -> str:
    return (
        f'<div class="layer {style}"><p title="{escape(where)}"><b>{escape(name)}</b>'
        f"<span>{escape(kind)}</span></p>{inside}</div>"
    )
