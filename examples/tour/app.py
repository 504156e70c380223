"""The application: which layers all requests pass, in which order, and what is inside of them.

Read this first, then layers.py, pages.py, api.py and desk.py.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from typing import Any

from examples.tour import layers
from examples.tour.admin import admin
from examples.tour.api import api, describe_problems
from examples.tour.desk import desk, open_desk
from examples.tour.layout import page
from examples.tour.library import Library
from examples.tour.pages import pages
from examples.tour.providers import PROVIDERS
from examples.tour.report import report

from nacre import HTTPError, Nacre, PlainTextResponse, Provide, Request, WSGIMiddleware
from nacre.openapi import OpenAPI


def build(database: str = "") -> Nacre:
    """The application over a database file, or over one in memory."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[dict[str, Any]]:
        library = await asyncio.to_thread(Library, database)
        try:
            yield {"library": library}  # each request's `state` starts with this
        finally:
            library.close()

    app = Nacre(
        name="tour",
        lifespan=lifespan,
        middlewares=[layers.ServerTiming, layers.security_headers, layers.RequestID],
        providers=[*PROVIDERS, Provide(open_desk, scope="app")],
    )
    app.register_converter("rfc", parse_rfc, pattern=r"(rfc)?[1-9][0-9]{0,4}", format=lambda number: f"rfc{number}")

    app.after_request(let_revalidate, inline=True)
    app.after_error(forbid_caching, inline=True)
    app.error_handler(404)(not_found)
    app.error_handler(500)(went_wrong)

    app.include(pages)
    app.include(desk)
    app.include(api)
    app.include(
        OpenAPI(
            title="The reading room",
            version="1.0",
            description="RFCs of the web, and the notes that readers left on them.",
            tags={
                "documents": "The RFCs",
                "notes": "What readers say of them",
                "exports": "All of it at once",
                "staff": "The back office",
            },
            amend=describe_problems,
        )
    )
    app.mount("/report", report, middlewares=[WSGIMiddleware(layers.Charset)])
    app.mount("/admin", admin, name="admin")
    return app


def parse_rfc(text: str) -> int:
    """`rfc9110` and `9110`."""
    return int(text.removeprefix("rfc"))


def let_revalidate(request, response):
    response.headers.setdefault("cache-control", "no-cache")


def forbid_caching(request, response):
    response.headers["cache-control"] = "no-store"


def not_found(app: Nacre, request: Request, error: HTTPError):
    if request.accepts("text/plain", "text/html") != "text/html":
        return app.error_page(request, error)
    return page(request, "Not found", f"<h1>Not on these shelves</h1><p>{escape(error.detail)}</p>", 404)


def went_wrong(request: Request, error: Exception):
    name = request.state.get(layers.REQUEST_ID)
    text = f"Something broke. Tell us: request {name}"
    if request.accepts("text/plain", "text/html") != "text/html":
        return PlainTextResponse(text, 500)
    return page(request, "Broken", f"<h1>That was us</h1><p>{escape(text)}</p>", 500)


app = build(os.environ.get("TOUR_DATABASE", ""))
