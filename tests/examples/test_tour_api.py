"""The tour's API as it describes itself: the document, its pages, and requests that schemathesis makes from it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import schemathesis
from examples.tour.api import KEY
from examples.tour.app import build
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from nacre.errors import MissingExtra
from nacre.openapi import pages
from nacre.testing import TestClient

CREDENTIALS = {"X-API-Key": KEY, "Authorization": "Basic " + base64.b64encode(b"admin:nacre").decode()}
JSON = {"content-type": "application/json"}
NOTES = "/api/rfcs/9110/notes"

OPERATIONS = {
    "GET /api",
    "GET /api/rfcs",
    "POST /api/rfcs",
    "GET /api/rfcs/{number}",
    "GET /api/rfcs/{number}/notes",
    "POST /api/rfcs/{number}/notes",
    "GET /api/rfcs/{number}/notes/{id}",
    "DELETE /api/rfcs/{number}/notes/{id}",
    "GET /api/export.ndjson",
    "GET /api/export.csv",
    "GET /admin/journal",
    "DELETE /admin/notes/{note}",
}


@pytest.fixture
def tour(client_for):
    app = build()
    app.compile()

    @asynccontextmanager
    async def open_tour(**options):
        async with client_for(app, **options) as client:
            yield client

    return open_tour


# The document.


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with TestClient(build()) as client:
        drawn: dict[str, Any] = client.get("/openapi.json").json()
        return drawn


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_valid(document):
    OpenAPIV31SpecValidator(document).validate()


def test_it_has_the_api_and_the_back_office_and_no_pages(document):
    assert {label for label, _ in operations(document)} == OPERATIONS


def test_it_asks_for_the_key_and_the_password_where_they_are_asked_for(document):
    asked = {label: operation["security"] for label, operation in operations(document) if "security" in operation}
    assert asked == {
        "POST /api/rfcs": [{"key": []}],
        "DELETE /api/rfcs/{number}/notes/{id}": [{"key": []}],
        "GET /admin/journal": [{"password": []}],
        "DELETE /admin/notes/{note}": [{"password": []}],
    }
    assert {label for label, operation in operations(document) if "401" in operation["responses"]} == set(asked)
    assert document["components"]["securitySchemes"] == {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "password": {"type": "http", "scheme": "basic"},
    }


@pytest.mark.parametrize(
    ("status", "selected"),
    [
        ("304", lambda label: label.startswith("GET /api")),
        ("406", lambda label: " /api" in label),
        ("409", lambda label: label.startswith("POST")),
    ],
    ids=["ConditionalGet", "speaks", "Librarian"],
)
def test_what_a_layer_may_answer_stands_where_the_layer_does(document, status, selected):
    found = {label for label, operation in operations(document) if status in operation["responses"]}
    assert found == set(filter(selected, OPERATIONS))


def test_every_error_of_the_api_is_described_as_a_problem(document):
    forms = {
        tuple(response["content"])
        for label, operation in operations(document)
        for status, response in operation["responses"].items()
        if " /api" in label and status >= "400"
    }
    assert forms == {("application/problem+json",)}


def test_every_operation_says_what_it_does_and_has_a_described_tag(document):
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert all(operation["summary"] and set(operation["tags"]) <= described for _, operation in operations(document))


# Its pages.


async def test_the_home_page_leads_to_the_documentation(tour):
    async with tour() as client:
        assert 'href="/docs"' in (await client.get("/")).text
        page = await client.get("/docs")
    # The page says itself what it needs, which the layer that guards all others leaves as it is.
    policy = "content-security-policy"
    assert page.headers.getlist(policy) == pages.page("", "", "swagger", "").headers.getlist(policy)
    assert page.headers["x-content-type-options"] == "nosniff"


def test_without_the_extra_it_leads_to_the_api(monkeypatch):
    def absent():
        raise MissingExtra("the documentation pages", "openapi-ui")

    monkeypatch.setattr(pages, "require_assets", absent)
    with TestClient(build()) as client:
        home = client.get("/").text
        assert client.get("/docs").status == 404
    assert '<a href="/docs">' not in home
    assert 'in the <a href="/api">API</a>' in home


# What it says of requests that don't fit.


async def test_all_that_is_wrong_is_told_at_once(tour):
    document = {"number": 0, "title": " ", "month": 13, "year": "2040"}
    async with tour() as client:
        answer = await client.post("/api/rfcs", json=document, headers=CREDENTIALS)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [(error["loc"], error["type"]) for error in answer.json()["errors"]] == [
        (["body", "number"], "greater_than_equal"),
        (["body", "title"], "string_pattern_mismatch"),
        (["body", "month"], "less_than_equal"),
        (["body", "year"], "int_type"),
        (["body", "area"], "missing"),
    ]


async def test_the_path_and_the_body_are_checked_together(tour):
    async with tour() as client:
        answer = await client.post("/api/rfcs/100000/notes", json={"reader": "Ada"})
    assert [error["loc"] for error in answer.json()["errors"]] == [["path", "number"], ["body", "text"]]


REQUESTS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "a number beyond 64 bits": ("GET", f"/api/rfcs/{2**64}", {}, 422),
    "a number of 5000 digits": ("GET", f"/api/rfcs/{'9' * 5000}", {}, 404),
    "a note beyond 64 bits": ("GET", f"{NOTES}/{2**64}", {}, 422),
    "a note beyond 64 bits, in the back office": ("DELETE", f"/admin/notes/{2**64}", {}, 404),
    "a search for null": ("GET", "/api/rfcs?q=%00", {}, 200),
    "a search for a lone surrogate": ("GET", "/api/rfcs?q=%ED%A0%80", {}, 200),
    "a search for too much": ("GET", f"/api/rfcs?q={'q' * 201}", {}, 422),
    "a cookie of a lone surrogate": ("GET", "/", {"headers": {"cookie": "reader=%ED%A0%80%00"}}, 200),
    "a request id of odd bytes": ("GET", "/api", {"headers": {"x-request-id": "\xff"}}, 200),
    "a key of odd bytes": ("DELETE", f"{NOTES}/1", {"headers": {"X-API-Key": "\xff"}}, 401),
    "an Accept of odd bytes": ("GET", "/api", {"headers": {"accept": "\xff;q=x, */*"}}, 200),
    "null in a text": ("POST", NOTES, {"json": {"reader": "\0", "text": "\0"}}, 201),
    "a line break in a name": ("POST", NOTES, {"json": {"reader": "Ada\r\nSet-Cookie: a=b", "text": "t"}}, 201),
    "a lone surrogate": ("POST", NOTES, {"content": rb'{"reader": "\ud800", "text": "t"}', "headers": JSON}, 400),
    "bytes that are no UTF-8": ("POST", NOTES, {"content": b'{"reader": "\xff"}', "headers": JSON}, 400),
    "deep JSON": ("POST", NOTES, {"content": b"[" * 100_000, "headers": JSON}, 400),
    "a body over the limit": ("POST", NOTES, {"content": b" " * 1_048_577, "headers": JSON}, 413),
}


@pytest.mark.parametrize(("method", "path", "options", "status"), REQUESTS.values(), ids=REQUESTS)
async def test_hostile_requests_are_answered(tour, method, path, options, status):
    headers = {**CREDENTIALS, **options.get("headers", {})}
    async with tour() as client:
        answer = await client.request(method, path, **{**options, "headers": headers})
    assert answer.status == status
    assert not any("\r" in value for value in answer.headers.values())


# Requests made from the document.

MAX_EXAMPLES = 40


def whole(body: Any) -> Any:
    """JSON Schema counts 7.0 among the integers; msgspec, which reads the bodies of this API, doesn't."""
    if not isinstance(body, dict):
        return body
    return {key: int(one) if isinstance(one, float) and one.is_integer() else one for key, one in body.items()}


@schemathesis.hook("before_call")
def write_headers(context: Any, case: Any, kwargs: Any) -> None:
    """A header field that is taken from an earlier response (the number of a note) is sent as text."""
    for name, value in list((case.headers or {}).items()):
        if isinstance(value, int):
            case.headers[name] = str(value)


def schemathesis_events() -> Iterator[Any]:
    """What happens when all phases run, with all checks: limits, random values, one operation after another."""
    generation = {"deterministic": True, "max-examples": MAX_EXAMPLES, "database": "none"}
    config = SchemathesisConfig.from_dict({"headers": CREDENTIALS, "generation": generation})
    schema = schemathesis.openapi.from_asgi("/openapi.json", build(), config=config)
    schema.hook("map_body")(lambda context, body: whole(body))
    return engine.from_schema(schema).execute()


@pytest.mark.timeout(240)
def test_schemathesis_finds_nothing():
    called: set[str] = set()
    found: list[str] = []
    for event in schemathesis_events():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.append(repr(event))
        if isinstance(event, events.ScenarioFinished):
            called |= {node.value.operation.label for node in event.recorder.cases.values()}
            found += failures(event.recorder)
    assert not found, "\n\n".join(found)
    assert called == OPERATIONS


def failures(recorder: Any) -> Iterator[str]:
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                interaction = recorder.interactions[case]
                content = interaction.response.content if interaction.response is not None else b""
                told = (f"{check.name}: {failure.title}: {failure.message}", check.failure_info.code_sample)
                yield "\n".join([*told, repr(content[:500])])
