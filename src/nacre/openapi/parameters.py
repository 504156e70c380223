"""The parameters of an operation: variables of its path, fields of query and header, cookies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nacre.describe import InputDescription, VariableDescription
from nacre.openapi.fields import Field, fields_of, merged, plain_examples
from nacre.openapi.narrowing import both
from nacre.openapi.schema import Schema, Schemas

# OpenAPI Specification 3.1.0 §4.8.12.2.1: definitions of these are ignored; the body and the security schemes say them.
_SAID_ELSEWHERE = ("accept", "authorization", "content-type")


def parameters_of(
    variables: Sequence[VariableDescription],
    names: Mapping[str, str],
    inputs: Sequence[InputDescription],
    schemas: Schemas,
    covered: Iterable[tuple[str, str]] = (),
) -> list[Schema]:
    """The Parameter Objects of an operation: variables in the order of the path, then what is asked for first.

    `names` are those of the variables in the document. `covered` are fields that a security scheme speaks of.
    """
    asked = merged(
        field
        for one in inputs
        if one.source in ("path", "query", "header", "cookie")
        for field in fields_of(one, schemas)
    )
    in_path = {field.key: field for field in asked if field.source == "path"}
    found = [_parameter(_variable(one, in_path.get(one.name)), names[one.name]) for one in variables]
    hidden = {(source, key.lower()) for source, key in covered} | {("header", name) for name in _SAID_ELSEWHERE}
    found += [
        _parameter(field, _as_written(field))
        for field in asked
        if field.source != "path" and (field.source, field.key.lower()) not in hidden
    ]
    return [*found, *_open_queries(inputs, schemas)]


def _as_written(field: Field) -> str:
    """Names of header fields as people write them: their case means nothing."""
    return "-".join(word.capitalize() for word in field.key.split("-")) if field.source == "header" else field.key


def _parameter(field: Field, name: str) -> Schema:
    found: Schema = {"name": name, "in": field.source}
    if field.description:
        found["description"] = field.description
    if field.required:
        found["required"] = True
    if field.deprecated:
        found["deprecated"] = True
    found["schema"] = field.schema
    examples = plain_examples(field.examples)
    return {**found, "examples": examples} if examples else found


def _open_queries(inputs: Iterable[InputDescription], schemas: Schemas) -> Iterator[Schema]:
    """A mapping takes whatever the query holds: each property of the object is a field of it."""
    for one in inputs:
        if one.source == "query" and one.group and not one.fields:
            told = {"description": one.description} if one.description else {}
            schema = schemas.of(one.type, "input")
            yield {"name": one.key, "in": "query", **told, "schema": schema, "style": "form", "explode": True}


# Path variables.

_CALL = re.compile(r"(?P<name>\w+)(?:\((?P<arguments>.*)\))?", re.DOTALL)
_KINDS: Mapping[str, Schema] = {
    "int": {"type": "integer"},
    "uint": {"type": "integer", "minimum": 0},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
}
_LIMITS = {"int": ("minimum", "maximum"), "uint": ("minimum", "maximum"), "float": ("minimum", "maximum")}


def _variable(variable: VariableDescription, asked: Field | None) -> Field:
    schema = schema_of_variable(variable)
    if asked is None:
        return Field("path", variable.name, schema, True, ())
    if variable.type is not None:  # what a converter of the application's own makes isn't what the path holds
        schema = both(schema, asked.schema)
    return Field("path", variable.name, schema, True, asked.by, asked.description, asked.deprecated, asked.examples)


def schema_of_variable(variable: VariableDescription) -> Schema:
    """The schema of the text in a path that a converter takes."""
    if variable.converter.startswith("re:"):
        return {"type": "string", "pattern": f"^(?:{variable.converter.removeprefix('re:')})$"}
    call = _CALL.fullmatch(variable.converter)
    if call is None or variable.type is None:
        return {"type": "string"}
    name, arguments = call["name"], [word for word in (call["arguments"] or "").split(",") if word]
    if name == "any":
        return {"type": "string", "enum": arguments}
    schema = dict(_KINDS.get(name, {"type": "string"}))
    lowest, highest = _LIMITS.get(name, ("minLength", "maxLength"))
    for key, value in (one.split("=") for one in arguments):
        for limit in {"min": [lowest], "max": [highest]}.get(key, [lowest, highest]):
            schema[limit] = max(schema.get(limit, int(value)), int(value)) if limit == lowest else int(value)
    return schema


def is_refusing(variable: VariableDescription) -> bool:
    """Whether some text in the place of a variable makes another path of it, which is a 404."""
    return variable.converter not in ("string", "path")
