"""The document: paths, operations, parameters, bodies, responses, security; what layers contribute, and to what."""

import dataclasses
import enum
import functools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from nacre import (
    Body,
    ConfigurationError,
    Cookie,
    File,
    Form,
    Group,
    Header,
    HTMLResponse,
    JSONResponse,
    Middleware,
    Nacre,
    Path,
    PlainTextResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    Validation,
    middleware,
)
from nacre.documentation import Documentation, split_docstring
from nacre.forms import UploadFile
from nacre.openapi.document import Heading, draw_document

KEY = {"type": "apiKey", "in": "header", "name": "X-Key"}
BEARER = {"type": "http", "scheme": "bearer"}


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct):
    """Something to buy."""

    name: str
    price: float = 1.0


class Problem(msgspec.Struct):
    title: str


class Paging(msgspec.Struct):
    page: int = 1
    size: int = 20


class Search(pydantic.BaseModel):
    q: str | None = None
    limit: int = pydantic.Field(10, ge=1, le=50, description="How many.")


class Upload(msgspec.Struct):
    title: str
    pages: int = 1


def document_of(app, **options):
    """The document of an application, which the specification's own schema accepts."""
    app = app if isinstance(app, Nacre) else app()
    document = draw_document(app.describe(), Heading("Shop", **options))
    OpenAPIV31SpecValidator(json.loads(json.dumps(document))).validate()
    return document


def operation_of(handler, path="/", method="POST", document=None, **options):
    """The operation of one handler, or the document's with `document=True`."""
    app = Nacre()
    app.add_route(path, handler, methods=[method], **options)
    drawn = document_of(app)
    [item] = drawn["paths"].values()
    return drawn if document else item[method.lower()]


def parameters_of(handler, path="/", method="GET", **options):
    return operation_of(handler, path, method, **options)["parameters"]


async def anything(request):
    return None


# The whole.


def test_document_of_nothing():
    assert document_of(Nacre) == {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "0.1.0"},
        "paths": {},
        "components": {},
    }


def test_heading_is_what_the_application_does_not_know():
    document = document_of(
        Nacre,
        version="2",
        description="All of it.",
        info={"contact": {"name": "Ada"}},
        servers=("https://api.example.com", {"url": "/v1", "description": "here"}),
        tags={"orders": "What was bought."},
    )
    assert document["info"] == {
        "title": "Shop",
        "version": "2",
        "description": "All of it.",
        "contact": {"name": "Ada"},
    }
    assert document["servers"] == [{"url": "https://api.example.com"}, {"url": "/v1", "description": "here"}]
    assert document["tags"] == [{"name": "orders", "description": "What was bought."}]


def test_document_is_the_same_each_time():
    app = Nacre()
    for number in range(20):
        app.get(f"/{number}", tags=[f"tag {number}"])(lambda item: Item, name=f"route{number}") if False else None
        app.add_route(f"/{number}", lambda color: None, methods=["GET", "POST"], tags=[f"tag {number % 7}"])
    assert json.dumps(document_of(app)) == json.dumps(document_of(app))
