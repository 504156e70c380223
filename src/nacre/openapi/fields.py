"""Inputs taken apart: one field for each name on the wire, whoever asks for it and in whatever model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from nacre.binding import MISSING
from nacre.binding.kinds import MAPPINGS, is_pydantic, members_of, unwrap
from nacre.binding.limits import constraints_of
from nacre.binding.parser import GroupField
from nacre.describe import InputDescription
from nacre.openapi.narrowing import both, constrain, with_default, without_null
from nacre.openapi.schema import FILE, Schema, Schemas


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request as a document shows it. `by` are those that read it."""

    source: str
    key: str
    schema: Schema
    required: bool
    by: tuple[str, ...]
    description: str | None = None
    deprecated: bool = False
    examples: tuple[Any, ...] = ()


def fields_of(one: InputDescription, schemas: Schemas) -> Iterator[Field]:
    """The fields that an input takes; those of a model that takes a whole source are named by the model."""
    if one.group:
        properties = schemas.properties(_model(one.type))
        for part in one.fields:
            yield _part(one, part, properties.get(part.key) or properties.get(part.name), schemas)
        return
    if one.source == "file":
        schema: Schema = {"type": "array", "items": dict(FILE)} if one.many else dict(FILE)
    else:
        schema = _narrowed(one.type, schemas)
    yield Field(
        one.source,
        one.key,
        with_default(constrain(schema, one.constraints), one.default),
        one.required,
        (one.by,),
        one.description,
        one.deprecated,
        one.examples,
    )


_TOLD_OF_FIELDS = ("title", "description", "deprecated")


def _part(one: InputDescription, part: GroupField, known: Schema | None, schemas: Schemas) -> Field:
    told = known or _narrowed(part.type, schemas)
    schema = {key: value for key, value in without_null(told).items() if key not in _TOLD_OF_FIELDS}
    return Field(
        one.source,
        part.key.replace("_", "-") if one.source == "header" else part.key,
        with_default(schema, part.default),
        part.required and one.required,
        (one.by,),
        told.get("description"),
        one.deprecated or bool(told.get("deprecated")),
    )


def _narrowed(kind: Any, schemas: Schemas) -> Schema:
    """The schema of a type as a text may have it, with the constraints of its `Annotated`."""
    schema = without_null(schemas.of(kind, "input"))
    for constraints in constraints_of(unwrap(kind)):
        schema = constrain(schema, constraints)
    return schema


def merged(fields: Iterable[Field]) -> list[Field]:
    """The fields with those of one source and key made one: required if one reader needs it, and as strict as both."""
    found: dict[tuple[str, str], Field] = {}
    for field in fields:
        place = field.source, field.key
        found[place] = _merged(found[place], field) if place in found else field
    return list(found.values())


def _merged(first: Field, second: Field) -> Field:
    by = tuple(dict.fromkeys((*first.by, *second.by)))
    required = first.required or second.required
    schemas = [{key: value for key, value in one.schema.items() if key != "default"} for one in (first, second)]
    schema = dict(both(*schemas))
    if not required and first.schema.get("default", MISSING) == second.schema.get("default", MISSING) != MISSING:
        schema["default"] = first.schema["default"]
    told = [one.description for one in (first, second) if one.description]
    if schemas[0] != schemas[1]:
        told.append(f"Read by {' and '.join(by)}.")
    return Field(
        first.source,
        first.key,
        schema,
        required,
        by,
        "\n\n".join(dict.fromkeys(told)) or None,
        first.deprecated and second.deprecated,
        first.examples or second.examples,
    )


def can_fail(one: InputDescription) -> bool:
    """Whether some request is refused for this input: what is required may be missing, what isn't text may not fit."""
    if one.group:
        return _checks_more(one.type) or any(part.required or _is_refusing(part.type) for part in one.fields)
    refuses = bool(one.constraints) or _is_refusing(one.type)
    if one.source == "path":
        return refuses  # without the variable it would be another path
    is_raw = one.source == "body" and "*/*" in one.content_types
    return one.required or bool(one.constraints) or (refuses and not is_raw)


def _model(kind: Any) -> Any:
    """A model that may be left out, without the None."""
    members = members_of(unwrap(kind).type)
    return members[0] if len(members) == 1 else kind


def _checks_more(model: Any) -> bool:
    """Whether a model that takes a whole source may refuse fields that fit one by one."""
    kind = unwrap(_model(model)).type
    cls: Any = getattr(kind, "__origin__", kind)
    if cls in MAPPINGS:
        return any(map(_is_refusing, getattr(kind, "__args__", ())))
    forbids = getattr(getattr(cls, "__struct_config__", None), "forbid_unknown_fields", False)
    return forbids or hasattr(cls, "__post_init__") or is_pydantic(kind)


def _is_refusing(kind: Any) -> bool:
    bare = unwrap(kind)
    if any(constraints_of(bare)) or is_pydantic(kind):
        return True
    members = [unwrap(member) for member in members_of(bare.type)]
    return not all(_takes_all(member.type) and not any(constraints_of(member)) for member in members)


def _takes_all(kind: Any) -> bool:
    arguments: tuple[Any, ...] = getattr(kind, "__args__", ())
    if kind in (str, Any, object, MISSING):
        return True
    return getattr(kind, "__origin__", None) in (list, set, frozenset) and not any(map(_is_refusing, arguments))


def plain_examples(examples: Iterable[Any]) -> Schema:
    """Examples as OpenAPI lists them; what has no JSON form is left out."""
    found: Schema = {}
    for example in examples:
        try:
            value = msgspec.to_builtins(example, str_keys=True)
        except TypeError:
            continue
        found[str(len(found) + 1)] = {"value": value}
    return found
