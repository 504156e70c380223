"""The JSON API."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from examples.tour.layers import AllowAnyOrigin, ApiKey, ConditionalGet
from examples.tour.library import RFC

from nacre import Group, HTTPError, JSONResponse, Middleware, Request, StreamingResponse, abort

KEY = "mother-of-pearl"

api = Group(
    "/api",
    name="api",
    tags=["api"],
    middlewares=[
        AllowAnyOrigin,
        ConditionalGet,
        # Writing needs the key, except where a route is tagged as open to readers.
        Middleware(ApiKey, key=KEY, only=("POST", "DELETE"), skip="open", name="api-key"),
    ],
)
rfcs = Group("/rfcs")
notes = Group("/<int:number>/notes")


class BadInput(ValueError):
    """What a client sent can't be used, and why."""


# Hooks and error handlers of the group.


@api.before_request(inline=True)
def speaks(request):
    if request.accepts("application/json", "application/x-ndjson", "text/csv") is None:
        abort(406, "this API speaks JSON, NDJSON and CSV")


@api.after_request(inline=True)
@api.after_error(inline=True)
def point_to_the_index(request, response):
    response.headers.add("link", f'<{request.url_for("api:index")}>; rel="service-doc"')


@api.error_handler(HTTPError, inline=True)
def problem(request, error):
    """Every error of the API is a problem document (RFC 9457), whatever the client accepts."""
    headers = [("content-type", "application/problem+json"), *error.headers]
    return {"status": error.status, "detail": error.detail}, headers


@api.error_handler(BadInput, inline=True)
def unusable(request, error):
    return {"status": 422, "detail": str(error)}, 422, {"content-type": "application/problem+json"}


# Documents.


@api.get("")
async def index(request: Request):
    return {
        "documents": request.url_for("api:search") + "{?area,q}",
        "all as NDJSON": request.url_for("api:export_ndjson"),
        "all as CSV": request.url_for("api:export_csv"),
        "one document": request.url_for("api:document", number=9110),
    }


@rfcs.get("")
def search(request: Request):
    return request.state.catalogue.find(request.query.get("area", ""), request.query.get("q", ""))


@rfcs.post("")
async def add(request: Request):
    rfc = _rfc(await request.json())
    await asyncio.to_thread(request.state.catalogue.add, rfc)  # IntegrityError: Librarian answers 409
    return JSONResponse(rfc, 201, {"location": request.url_for("api:document", number=rfc.number)})


@rfcs.get("/<int:number>", name="document")
def one_document(request: Request):
    rfc: RFC = request.state.rfc
    replaced = [old.number for old in request.state.catalogue.replaced_by(rfc.number)]
    return {**asdict(rfc), "obsoletes": replaced}


# Notes.


@notes.get("")
def list_notes(request: Request, number: int):
    return request.state.catalogue.notes(number)


@notes.post("", tags=["open"])
async def add_note(request: Request, number: int):
    reader, text = _words(await request.json(), "reader", "text")
    catalogue = request.state.catalogue
    note = await asyncio.to_thread(catalogue.add_note, number, reader, text)

    @request.after_request
    def remember(request, response):
        response.set_cookie("reader", quote(reader), max_age=30 * 86400, httponly=True)

    def tell():  # runs after the response is sent, and the reader doesn't wait for it
        catalogue.record(f"{reader} wrote on RFC {number} (request {request.state.request_id})")

    address = request.url_for("api:note", number=number, note=note.id)
    return JSONResponse(note, 201, {"location": address}, background=tell)


@notes.route("/<int:note>", name="note")
class OneNote:
    """A class gives a route one handler per method."""

    def get(self, request: Request, number: int, note: int):
        return request.state.catalogue.note(number, note) or abort(404, f"RFC {number} has no note {note}")

    def delete(self, request: Request, number: int, note: int):
        if request.state.catalogue.note(number, note) is None:
            abort(404, f"RFC {number} has no note {note}")
        request.state.catalogue.delete_note(note)  # None: 204


# Exports: sent as they are read, a few rows at a time, however many there are.


@api.get("/export.ndjson")
async def export_ndjson(request: Request):
    async def lines() -> AsyncIterator[str]:
        last = 0
        while rows := await asyncio.to_thread(request.state.catalogue.page, last):
            for rfc in rows:
                yield json.dumps(asdict(rfc)) + "\n"
            last = rows[-1].number

    return StreamingResponse(lines(), content_type="application/x-ndjson")


@api.get("/export.csv")
def export_csv(request: Request):
    def lines() -> Iterator[str]:  # a plain generator runs in a worker thread
        yield "number,title,month,year,area,obsoleted_by\r\n"
        for rfc in request.state.catalogue.all():
            line = io.StringIO()
            replaced = " ".join(map(str, rfc.obsoleted_by))
            csv.writer(line).writerow([rfc.number, rfc.title, rfc.month, rfc.year, rfc.area, replaced])
            yield line.getvalue()

    return StreamingResponse(lines(), content_type="text/csv; charset=utf-8")


rfcs.include(notes)
api.include(rfcs)


# What clients send.


def _words(data: Any, *names: str) -> list[str]:
    """The strings of these names, none of them empty or long."""
    words = [data.get(name) if isinstance(data, dict) else None for name in names]
    for name, word in zip(names, words, strict=True):
        if not isinstance(word, str) or not 0 < len(word.strip()) <= 1000:
            raise BadInput(f"`{name}` must be text of 1 to 1000 characters")
    return [word.strip() for word in words if word is not None]


def _rfc(data: Any) -> RFC:
    title, area = _words(data, "title", "area")
    number, month, year = (data.get(name) for name in ("number", "month", "year"))
    for value, low, high in ((number, 1, 99999), (month, 1, 12), (year, 1969, 2100)):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise BadInput("`number`, `month` and `year` must be whole numbers that an RFC can have")
    return RFC(number, title, month, year, area)
