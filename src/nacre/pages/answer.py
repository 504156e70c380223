"""An HTTP error as the client accepts it: plain text, JSON or a page, with nothing in it but what the error says."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from nacre.codecs import encode_json
from nacre.errors import HTTPError, ValidationError, reason_phrase
from nacre.headers import check_pair
from nacre.media import best_match
from nacre.pages.markup import escape, html_response, visible
from nacre.request import Request
from nacre.response import PlainTextResponse, Response

Form = Literal["plain", "json", "html"]

_VARY = ("vary", "Accept")
_KEPT_MAX = 256
"""Characters of an `Accept` up to which it is kept with the form that it asks for, and of a detail with its page."""
_FORMS: dict[str, Form] = {
    "text/plain": "plain",
    "application/json": "json",
    "application/problem+json": "json",
    "text/html": "html",
}


def preferred_form(request: Request, default: Form = "plain") -> Form:
    """The form a client likes best; the default for `*/*`, for no preference, and if it accepts none of them."""
    accept = request.headers.get("accept")
    return _kept_form(accept, default) if accept is None or len(accept) <= _KEPT_MAX else _form_for(accept, default)


def _form_for(accept: str | None, default: Form) -> Form:
    names = sorted(_FORMS, key=lambda name: _FORMS[name] != default)
    best = best_match(accept, names)
    return default if best is None else _FORMS[best]


# PERF: clients of a kind send the same field, and to weigh the forms takes as long as the rest of the page.
_kept_form = lru_cache(maxsize=256)(_form_for)


def error_page(request: Request, error: HTTPError) -> Response:
    """The answer of an HTTP error: its status, its detail and its headers. JSON is a problem of RFC 9457.

    A failed validation is always JSON, whatever the client accepts: its list of errors is for programs. So is, unless
    the client prefers another form, what was refused before a validation (400, 413, 415).
    """
    if isinstance(error, ValidationError):
        return Response(encode_json(error.content), error.status, error.headers, content_type="application/json")
    form = preferred_form(request, "plain" if error.refused_by is None else "json")
    page = (_kept_page if len(error.detail) <= _KEPT_MAX else _page)(form, error.status, error.detail)
    response = Response(status=error.status)
    response.body, response.raw_headers = page.body, page.raw_headers.copy()
    add_headers(response, error)
    return response


def _page(form: Form, status: int, detail: str) -> Response:
    title = reason_phrase(status) or "Error"
    detail = visible(detail)
    if form == "json":
        body = encode_json({"type": "about:blank", "title": title, "status": status, "detail": detail})
        return Response(body, status, content_type="application/problem+json")
    if form == "html":
        text = f"<p>{escape(detail)}</p>" if detail != title else ""
        content = f"<main><p class=status>{status}</p><h1>{escape(title)}</h1>{text}</main>"
        return html_response(f"{status} {title}", content, status)
    return PlainTextResponse(detail, status)


# PERF: an application has few errors, and scanners ask for the same one all the time: 1.7 µs in place of 2.4 for text
# and 8.3 for HTML. At most 1 MB is kept.
_kept_page = lru_cache(maxsize=256)(_page)


def add_headers(response: Response, error: HTTPError) -> None:
    """Give a negotiated answer the header fields of its error, and tell caches what it depends on."""
    pairs = response.raw_headers
    pairs.append(_VARY)
    for name, value in error.headers:
        pairs.append(check_pair(name, value))
