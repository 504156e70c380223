"""JSON Schema of pydantic's models, by pydantic. Imported only for an application that has some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

Schema = dict[str, Any]
Mode = Literal["input", "output"]

_MODES: Mapping[Mode, JsonSchemaMode] = {"input": "validation", "output": "serialization"}


class _Generator(GenerateJsonSchema):
    """A field of a type that has no JSON form is any value, instead of an error; a default without one is left out."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}

    def emit_warning(self, kind: Any, detail: str) -> None:
        pass


def knows(kind: Any) -> bool:
    """Whether pydantic can describe a type, which may hold models anywhere."""
    try:
        TypeAdapter(kind).json_schema(schema_generator=_Generator)
    except Exception:  # of all sorts: names that aren't defined, types it doesn't take
        return False
    return True


def describe(wanted: Sequence[tuple[Any, Mode]], template: str) -> tuple[list[Schema], dict[str, Schema]]:
    """The schemas of types, and those of the models that they refer to by `template`.

    A model that is read in another form than it is written in has two.
    """
    adapters: list[tuple[int, JsonSchemaMode, TypeAdapter[Any]]] = [
        (number, _MODES[mode], TypeAdapter(kind)) for number, (kind, mode) in enumerate(wanted)
    ]
    schemas, definitions = TypeAdapter.json_schemas(adapters, ref_template=template, schema_generator=_Generator)
    return [schemas[number, mode] for number, mode, _ in adapters], definitions.get("$defs", {})
