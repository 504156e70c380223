"""What the client sees of an error: plain text, JSON or a page, and in debug mode the traceback."""

from __future__ import annotations

import html
import traceback
from typing import Any

from nacre.codecs import encode_json
from nacre.errors import HTTPError, reason_phrase
from nacre.request import Request
from nacre.response import HTMLResponse, PlainTextResponse, Response

_OFFERS = ("text/plain", "application/json", "application/problem+json", "text/html")


def error_page(request: Request, error: HTTPError) -> Response:
    """An HTTP error as the client accepts it: plain text unless it asks for JSON (RFC 9457) or HTML."""
    offer = request.accepts(*_OFFERS)
    title = reason_phrase(error.status) or "Error"
    response: Response
    if offer in ("application/json", "application/problem+json"):
        body = {"type": "about:blank", "title": title, "status": error.status, "detail": error.detail}
        response = Response(encode_json(body), error.status, content_type="application/problem+json")
    elif offer == "text/html":
        response = HTMLResponse(_page(f"{error.status} {title}", f"<p>{html.escape(error.detail)}</p>"), error.status)
    else:
        response = PlainTextResponse(error.detail, error.status)
    for name, value in error.headers:
        response.headers.add(name, value)
    return response


def debug_page(request: Request, error: Exception, compiled: Any) -> Response:
    """The traceback of an exception, for the developer."""
    text = "".join(traceback.format_exception(error))
    if request.accepts("text/plain", "text/html") == "text/html":
        return HTMLResponse(_page(f"500 {type(error).__name__}", f"<pre>{html.escape(text)}</pre>"), 500)
    return PlainTextResponse(text, 500)


def _page(title: str, content: str) -> str:
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>{content}"
