"""An HTTP error as the client accepts it: plain text, JSON or a page, with nothing in it but what the error says."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from nacre.codecs import encode_json
from nacre.errors import HTTPError, ValidationError, reason_phrase
from nacre.media import best_match
from nacre.pages.markup import escape, html_response, visible
from nacre.request import Request
from nacre.response import PlainTextResponse, Response

Form = Literal["plain", "json", "html"]

_KEPT_MAX = 256
"""Characters of an `Accept` up to which it is kept with the form that it asks for."""
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
    title = reason_phrase(error.status) or "Error"
    detail = visible(error.detail)
    form = preferred_form(request, "plain" if error.refused_by is None else "json")
    response: Response
    if form == "json":
        body = encode_json({"type": "about:blank", "title": title, "status": error.status, "detail": detail})
        response = Response(body, error.status, content_type="application/problem+json")
    elif form == "html":
        text = f"<p>{escape(detail)}</p>" if detail != title else ""
        content = f"<main><p class=status>{error.status}</p><h1>{escape(title)}</h1>{text}</main>"
        response = html_response(f"{error.status} {title}", content, error.status)
    else:
        response = PlainTextResponse(detail, error.status)
    add_headers(response, error)
    return response


def add_headers(response: Response, error: HTTPError) -> None:
    """Give a negotiated answer the header fields of its error, and tell caches what it depends on."""
    response.headers.add("vary", "Accept")
    for name, value in error.headers:
        response.headers.add(name, value)
