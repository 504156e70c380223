"""The OpenAPI 3.1 document of an application, drawn from its description."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nacre.describe import AppDescription
from nacre.documentation import Security
from nacre.openapi.answers import answers_of
from nacre.openapi.bodies import body_of
from nacre.openapi.operations import Operation, in_order, operations_of, place, servers_of, tags_of
from nacre.openapi.parameters import parameters_of
from nacre.openapi.schema import Schema, Schemas
from nacre.openapi.security import SecuritySchemes

VERSION = "3.1.0"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a document says of the application as a whole, that the application doesn't know itself.

    `info` has further fields of the Info Object, `servers` are URLs or Server Objects, `tags` describe tags by name,
    `security_schemes` are those that layers and routes only name.
    """

    title: str
    version: str = "0.1.0"
    description: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict[str, Any])
    servers: tuple[str | Mapping[str, Any], ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    security_schemes: Security = field(default_factory=dict[str, Any])


def draw_document(
    app: AppDescription,
    heading: Heading,
    *,
    prefix: str = "",
    root_path: str = "",
    amend: Callable[[Schema], object] | None = None,
) -> Schema:
    """Draw the document of the routes under `prefix`, whose paths it has without it.

    `root_path` is where the server has the application, the prefix included; it stands in `servers`, unless the heading
    has some. `amend` may change the document. Raises ConfigurationError for security schemes that are wrong.
    """
    operations = operations_of(app, prefix)
    schemas, schemes = Schemas(), SecuritySchemes(heading.security_schemes, app)
    drawing = _Drawing(schemas, schemes, root_path)
    drawing.paths(operations)
    schemas.settle()
    paths = drawing.paths(operations)
    document: Schema = {"openapi": VERSION, "info": _info(heading)}
    servers = [_server(one, root_path) for one in heading.servers] or [{"url": root_path}]
    if servers != [{"url": ""}]:
        document["servers"] = servers
    tags = tags_of(operations)
    named = [*(tag for tag in heading.tags if tag not in tags), *tags]
    if named:
        document["tags"] = [_tag(name, heading.tags.get(name)) for name in named]
    document["paths"] = paths
    components = {"schemas": _used(paths, schemas.components), "securitySchemes": schemes.schemes}
    document["components"] = {name: part for name, part in components.items() if part}
    if amend is not None:
        amend(document)
    return document


def _info(heading: Heading) -> Schema:
    told = {"description": heading.description} if heading.description else {}
    return {"title": heading.title, "version": heading.version, **told, **heading.info}


def _server(server: str | Mapping[str, Any], root_path: str) -> Schema:
    """A Server Object; a path begins where the server has the application."""
    found: Schema = {"url": server} if isinstance(server, str) else dict(server)
    url = str(found["url"])
    return {**found, "url": root_path + url} if url.startswith("/") and not url.startswith("//") else found


def _tag(name: str, description: str | None) -> Schema:
    return {"name": name, "description": description} if description else {"name": name}


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One pass over the operations. The first one only finds out which schemas there are."""

    schemas: Schemas
    schemes: SecuritySchemes
    root_path: str

    def paths(self, operations: Iterable[Operation]) -> dict[str, Schema]:
        """The Paths Object: paths as they are declared, with what every host answers first."""
        paths: dict[str, Schema] = {one.path: {} for one in operations}
        for operation in sorted(operations, key=lambda one: one.route.host is not None):
            place(paths, operation, self.operation(operation))
        return {path: in_order(item) for path, item in paths.items()}

    def operation(self, one: Operation) -> Schema:
        """The Operation Object of one route and method."""
        route, chain, told = one.route, one.chain, one.route.documentation
        security = self.schemes.requirements(chain, told.security)
        covered = self.schemes.covered(security)
        found: Schema = {
            "tags": list(route.tags),
            "summary": told.summary,
            "description": told.description,
            "operationId": one.id,
            "parameters": parameters_of(route.variables, one.names, chain.inputs, self.schemas, covered),
            "requestBody": body_of(chain.inputs, self.schemas),
        }
        found = {key: value for key, value in found.items() if value not in (None, [])}
        found["responses"] = answers_of(route, chain, self.schemas, self._errors)
        if told.deprecated:
            found["deprecated"] = True
        if security is not None:
            found["security"] = security
        return {**found, **servers_of(route.host, self.root_path)}

    @property
    def _errors(self) -> Schema:
        """The schema of a failed validation (`nacre.errors.ErrorItem`)."""
        item = self.schemas.add("ErrorItem", _ERROR_ITEM)
        return self.schemas.add(
            "Errors",
            {
                "title": "Errors",
                "type": "object",
                "properties": {"errors": {"type": "array", "items": item}},
                "required": ["errors"],
            },
        )


_ERROR_ITEM: Schema = {
    "title": "ErrorItem",
    "description": "One thing that is wrong with a request.",
    "type": "object",
    "properties": {
        "loc": {
            "description": "The source, and the way from there to the value.",
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        },
        "msg": {"type": "string"},
        "type": {"description": "What is wrong, as a name for programs.", "type": "string"},
        "ctx": {"description": "The limits that were passed.", "type": "object"},
    },
    "required": ["loc", "msg", "type"],
}


# Components.

_REFERENCE = re.compile(r"#/components/schemas/(.+)")


def _used(paths: Schema, schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """The schemas that are referred to, directly or by one another, sorted by name."""
    used: set[str] = set()
    waiting = list(_references(paths))
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in used:
            used.add(name)
            waiting += _references(schemas[name])
    return {name: schemas[name] for name in sorted(used)}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            reference = _REFERENCE.fullmatch(value) if key == "$ref" and isinstance(value, str) else None
            if reference is not None:
                yield reference[1]
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for one in node:
            yield from _references(one)
