"""A 404 for the developer: the routes there are, those most like the path first."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.describe import RouteDescription, nearest_routes
from nacre.errors import HTTPError
from nacre.pages.answer import add_headers, preferred_form
from nacre.pages.markup import escape, html_response, shorten
from nacre.request import Request
from nacre.response import Response

_ROUTES_MAX = 200
_PATH_MAX = 200


def unknown_path_page(request: Request, error: HTTPError, routes: Sequence[RouteDescription]) -> Response | None:
    """The page of a path that no route has; None for a client that doesn't ask for HTML."""
    if preferred_form(request) != "html":
        return None
    path = request.root_path + request.path
    shown = nearest_routes(routes, path)[:_ROUTES_MAX]
    rows = "".join(_row(route) for route in shown)
    more = f'<p class="soft">… and {len(routes) - len(shown):,} more</p>' if len(routes) > len(shown) else ""
    table = (
        '<h2>Routes, most alike first</h2><div class="card"><table><thead><tr><th scope="col">Method</th>'
        '<th scope="col">Path</th><th scope="col">Name</th><th scope="col">Handler</th><th scope="col">Declared</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>{more}"
        if rows
        else "<p>The application has no routes yet.</p>"
    )
    content = (
        f'<main><p class="request"><b>{escape(request.method)}</b> <code>{escape(shorten(path, _PATH_MAX))}</code></p>'
        f'<h1>No route has this path</h1><p class="soft">The answer is {error.status}.</p>{table}<footer>You see this '
        "page because debug is on; with it off, clients get only the status.</footer></main>"
    )
    response = html_response(f"{error.status}: no route has this path", content, error.status, wide=True)
    add_headers(response, error)
    return response


def _row(route: RouteDescription) -> str:
    path = f"{route.host or ''}{route.path}"
    cells = (", ".join(route.methods), path, route.name or "", route.handler, str(route.where or ""))
    return "<tr>" + "".join(f"<td><code>{escape(shorten(cell, _PATH_MAX))}</code></td>" for cell in cells) + "</tr>"
