"""Schemas made narrower: by a marker's constraints, by the place a value stands in, by another schema for the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nacre.binding import MISSING, Constraints
from nacre.openapi.schema import Schema

_LOWEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_HIGHEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_STRICTER: dict[str, Callable[..., Any]] = {**dict.fromkeys(_LOWEST, min), **dict.fromkeys(_HIGHEST, max)}
_OF_TEXTS = ("pattern", "minLength", "maxLength")
_LENGTHS = {"array": "Items", "object": "Properties"}


def constrain(schema: Schema, constraints: Constraints) -> Schema:
    """A schema with a marker's constraints; where the type has its own, the stricter holds.

    Lengths of a list count its items; all else is said of each item. Of a union each member takes what fits it.
    """
    if not constraints:
        return schema
    options = schema.get("anyOf")
    if options is not None:
        return {**schema, "anyOf": [_limited(one, _fitting(one, constraints)) for one in options]}
    kind = str(schema.get("type"))
    limits, lengths = _values(constraints), _lengths(constraints, _LENGTHS.get(kind, "Length"))
    if kind != "array":
        return _limited(schema, {**limits, **lengths})
    narrowed = _limited(schema, lengths)
    return {**narrowed, "items": _limited(narrowed.get("items", {}), limits)} if limits else narrowed


def _fitting(schema: Schema, constraints: Constraints) -> Schema:
    kind = schema.get("type")
    limits = {**_values(constraints), **_lengths(constraints, "Length")}
    if kind in ("integer", "number"):
        return {key: value for key, value in limits.items() if key not in _OF_TEXTS}
    return {key: value for key, value in limits.items() if key in _OF_TEXTS} if kind == "string" else {}


def _values(constraints: Constraints) -> Schema:
    found = {
        "minimum": constraints.ge,
        "exclusiveMinimum": constraints.gt,
        "maximum": constraints.le,
        "exclusiveMaximum": constraints.lt,
        "multipleOf": constraints.multiple_of,
        "pattern": constraints.pattern,
    }
    return {key: value for key, value in found.items() if value is not None}


def _lengths(constraints: Constraints, of: str) -> Schema:
    found = {f"min{of}": constraints.min_length, f"max{of}": constraints.max_length}
    return {key: value for key, value in found.items() if value is not None}


def _limited(schema: Schema, limits: Schema) -> Schema:
    narrowed = dict(schema)
    others: Schema = {}
    for key, value in limits.items():
        if narrowed.setdefault(key, value) == value:
            continue
        if key in _STRICTER:
            narrowed[key] = _STRICTER[key](narrowed[key], value)
        else:
            others[key] = value
    if others:  # two patterns, or two divisors
        narrowed["allOf"] = [*narrowed.get("allOf", ()), others]
    return narrowed


def without_null(schema: Schema) -> Schema:
    """A schema for a place where null can't be written, such as a query: it is left out there."""
    found = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    if isinstance(found.get("type"), list):
        kinds = [kind for kind in found["type"] if kind != "null"]
        found["type"] = kinds[0] if len(kinds) == 1 else kinds
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    options = found.get("anyOf", ())
    rest = [one for one in options if one.get("type") != "null"]
    if len(rest) == len(options):
        return found
    del found["anyOf"]
    return {**rest[0], **found} if len(rest) == 1 else {**found, "anyOf": rest}


def both(first: Schema, second: Schema) -> Schema:
    """A schema for a value that two readers take.

    Text is what everything in a query or header is, so a reader of any other type is the stricter one.
    """
    if first == second or second in ({}, {"type": "string"}):
        return first
    if first in ({}, {"type": "string"}):
        return second
    if first.get("type") == second.get("type") and "type" in first and "anyOf" not in {**first, **second}:
        return _limited(first, second)
    return {"allOf": [first, second]}


def with_default(schema: Schema, default: Any) -> Schema:
    """A schema with a default, if that is a value JSON has."""
    if default is MISSING or default is None:
        return schema
    try:
        dump = getattr(default, "model_dump", None)
        plain = dump(mode="json") if dump is not None else msgspec.to_builtins(default, str_keys=True)
        return {**schema, "default": msgspec.json.decode(msgspec.json.encode(plain))}
    except (TypeError, ValueError, msgspec.MsgspecError):
        return schema
