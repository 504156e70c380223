"""The request body of an operation, and what its reading may be refused with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nacre.binding.inputs import BODY_SOURCES
from nacre.describe import InputDescription
from nacre.fields import MULTIPART, URLENCODED
from nacre.media import is_json
from nacre.openapi.fields import Field, fields_of, merged, plain_examples
from nacre.openapi.narrowing import both, constrain
from nacre.openapi.schema import FILE, Schema, Schemas, holds_upload

_ANY = "*/*"
_BYTES = "application/octet-stream"


def body_of(inputs: Sequence[InputDescription], schemas: Schemas) -> Schema | None:
    """The Request Body Object for all that layers and the handler read of the body; None if nobody reads it.

    What several readers take must please all of them; whoever takes the bytes as they are adds nothing to another.
    """
    readers = [one for one in inputs if one.source in BODY_SOURCES]
    if not readers:
        return None
    content: dict[str, Schema] = {}
    for content_type, schema in _contents(readers, schemas):
        content[content_type] = both(content[content_type], schema) if content_type in content else schema
    raw = content.pop(_ANY, None)
    told = [one.description for one in readers if one.description and one.source == "body"]
    if raw is not None and not content:
        # A page has to send some type, and `*/*` is none.
        content[_BYTES] = raw
        told.append("Any media type is taken.")
    found: Schema = {}
    if told:
        found["description"] = "\n\n".join(dict.fromkeys(told))
    examples = plain_examples(example for one in readers if one.source == "body" for example in one.examples)
    shown = {"examples": examples} if examples else {}
    found["content"] = {name: {"schema": schema, **shown} for name, schema in content.items()}
    return {**found, "required": True} if any(one.required for one in readers) else found


def _contents(readers: Sequence[InputDescription], schemas: Schemas) -> Iterator[tuple[str, Schema]]:
    for one in readers:
        if one.source != "body":
            continue
        for content_type in one.content_types or ("application/json",):
            yield content_type, _schema(one, content_type, schemas)
    forms = [one for one in readers if one.source != "body"]
    if forms:
        schema = _form(forms, schemas)
        for content_type in _types_of(forms):
            yield content_type, schema


def _schema(one: InputDescription, content_type: str, schemas: Schemas) -> Schema:
    if is_json(content_type):
        return constrain(schemas.of(one.type, "input"), one.constraints)
    least: Schema = {"minLength": 1} if one.required else {}  # an empty body is none
    if content_type.startswith("text/"):
        return {**least, **constrain(both({"type": "string"}, schemas.of(one.type, "input")), one.constraints)}
    return {**FILE, **least}


def _types_of(forms: Sequence[InputDescription]) -> tuple[str, ...]:
    given = [one.content_types for one in forms if one.content_types]
    if given:
        return given[-1]
    files = any(one.source == "file" or any(holds_upload(part.type) for part in one.fields) for one in forms)
    return (MULTIPART,) if files else (URLENCODED, MULTIPART)


def _form(forms: Sequence[InputDescription], schemas: Schemas) -> Schema:
    fields = merged(field for one in forms for field in fields_of(one, schemas))
    schema: Schema = {"type": "object", "properties": {field.key: _property(field) for field in fields}}
    required = [field.key for field in fields if field.required]
    if required:
        schema["required"] = required
    if any(one.group and not one.fields for one in forms):
        schema["additionalProperties"] = {"type": "string"}
    return schema


def _property(field: Field) -> Schema:
    found = dict(field.schema)
    if field.description:
        found["description"] = field.description
    if field.deprecated:
        found["deprecated"] = True
    if field.examples:
        found["examples"] = [one["value"] for one in plain_examples(field.examples).values()]
    return found


def refusals(inputs: Sequence[InputDescription], max_body: int | None) -> Iterator[tuple[int, str]]:
    """The answers to a body that can't be read, by status."""
    readers = [one for one in inputs if one.source in BODY_SOURCES]
    parsed = [one for one in readers if one.source != "body" or _ANY not in one.content_types]
    if any(one.source != "body" or any(map(is_json, one.content_types or ("application/json",))) for one in parsed):
        yield 400, "The body is malformed."
    if readers and max_body is not None:
        yield 413, f"The body has more than {max_body:,} bytes."
    if parsed:
        yield 415, "The body has another media type."
