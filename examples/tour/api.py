"""The JSON API. What a handler takes and returns is in its signature; the OpenAPI document is drawn from that."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from examples.tour.layers import REQUEST_ID, AllowAnyOrigin, ApiKey, ConditionalGet, Librarian, speaks
from examples.tour.library import RFC, Catalogue, Note
from examples.tour.models import PROBLEM, Document, NewNote, NewRFC, Problem

from nacre import Group, HTTPError, Middleware, Query, Request, Response, ValidationError

KEY = "mother-of-pearl"
NO_SUCH = {404: ("There is no such document or note.", Problem, PROBLEM)}

api = Group(
    "/api",
    name="api",
    middlewares=[
        AllowAnyOrigin,
        speaks,
        Middleware(ConditionalGet, only="GET"),
        Middleware(Librarian, only="POST"),
        # Writing needs the key, but for notes, which readers write.
        Middleware(ApiKey, key=KEY, only=("POST", "DELETE"), skip="add_note", name="api-key"),
    ],
)
rfcs = Group("/rfcs", tags=["documents"])
notes = Group("/rfcs/<int:number>/notes", tags=["notes"])


# Hooks and error handlers of the group.


@api.after_request(inline=True)
@api.after_error(inline=True)
def point_to_the_index(request, response):
    response.headers.add("link", f'<{request.url_for("api:index")}>; rel="service-doc"')


@api.error_handler(HTTPError, inline=True)
def problem(request, error):
    """Every error of the API is a problem document (RFC 9457), whatever the client accepts."""
    errors = error.errors if isinstance(error, ValidationError) else ()
    return Problem(error.status, error.detail, errors), [("content-type", PROBLEM), *error.headers]


def describe_problems(openapi: dict[str, Any]) -> None:
    """Say in the OpenAPI document what `problem` makes of the errors that Nacre finds."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in openapi["paths"].items():
        for operation in operations.values() if path.startswith("/api") else ():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response.setdefault("content", content)


# Documents.


@api.get("", tags=["documents"])
async def index(request: Request) -> dict[str, str]:
    """What there is, and where."""
    return {
        "documents": request.url_for("api:search") + "{?area,q}",
        "all as NDJSON": request.url_for("api:export_ndjson"),
        "all as CSV": request.url_for("api:export_csv"),
        "one document": request.url_for("api:document", number=9110),
    }


@rfcs.get("")
def search(
    catalogue: Catalogue,
    area: Annotated[str, Query(max_length=40, description="TLS, for instance")] = "",
    q: Annotated[str, Query(max_length=200, description="A part of the title, or a number")] = "",
) -> list[RFC]:
    """Search the documents, newest first."""
    return catalogue.find(area, q)


@rfcs.post("", status_code=201)
def add(request: Request, response: Response, catalogue: Catalogue, document: NewRFC) -> RFC:
    """Add a document to the library."""
    rfc = RFC(**msgspec.structs.asdict(document))
    catalogue.add(rfc)  # IntegrityError: Librarian answers 409
    response.headers["location"] = request.url_for("api:document", number=rfc.number)
    return rfc


@rfcs.get("/<int:number>", name="document", responses=NO_SUCH)
def one_document(catalogue: Catalogue, rfc: RFC) -> Document:
    """One document."""
    replaced = tuple(old.number for old in catalogue.replaced_by(rfc.number))
    return Document(**asdict(rfc), obsoletes=replaced)


# Notes.


@notes.get("", responses=NO_SUCH)
def list_notes(catalogue: Catalogue, rfc: RFC) -> list[Note]:
    """The notes on a document, oldest first."""
    return catalogue.notes(rfc.number)


@notes.post("", status_code=201, responses=NO_SUCH)
def add_note(
    request: Request,
    response: Response,
    catalogue: Catalogue,
    rfc: RFC,
    new: NewNote,
    request_id: Annotated[str, REQUEST_ID],
) -> Note:
    """Leave a note on a document."""
    note = catalogue.add_note(rfc.number, new.reader, new.text)

    def tell():  # runs after the response is sent, and the reader doesn't wait for it
        catalogue.record(f"{note.reader} wrote on RFC {note.number} (request {request_id})")

    response.background = tell
    response.headers["location"] = request.url_for("api:note", number=note.number, id=note.id)
    response.set_cookie("reader", quote(note.reader), max_age=30 * 86400, httponly=True)
    return note


@notes.route("/<int:id>", name="note", responses=NO_SUCH)
class OneNote:
    """A class gives a route one handler per method."""

    def get(self, note: Note) -> Note:
        """One note."""
        return note

    def delete(self, catalogue: Catalogue, note: Note) -> None:
        """Delete a note."""
        catalogue.delete_note(note.id)  # None: 204


# Exports: generators, sent as they go on, a few rows at a time, however many there are.


@api.get("/export.ndjson", tags=["exports"], content_type="application/x-ndjson")
async def export_ndjson(catalogue: Catalogue) -> AsyncIterator[str]:
    """All documents, one JSON document on each line."""
    last = 0
    while rows := await asyncio.to_thread(catalogue.page, last):
        for rfc in rows:
            yield json.dumps(asdict(rfc)) + "\n"
        last = rows[-1].number


@api.get("/export.csv", tags=["exports"], content_type="text/csv", charset="utf-8")
def export_csv(catalogue: Catalogue) -> Iterator[str]:  # a plain generator runs in a worker thread
    """All documents as a table."""
    yield "number,title,month,year,area,obsoleted_by\r\n"
    for rfc in catalogue.all():
        line = io.StringIO()
        replaced = " ".join(map(str, rfc.obsoleted_by))
        csv.writer(line).writerow([rfc.number, rfc.title, rfc.month, rfc.year, rfc.area, replaced])
        yield line.getvalue()


api.include(rfcs)
api.include(notes)
