"""Schemas: how annotations name the type of a body or of a result, while the function has plain data."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from nacre import Body
from nacre.errors import ConfigurationError, Location, MissingExtra, Problem

__all__ = ["SchemaMetadata", "SchemaType"]

SchemaType = dict[str, Any]
"""Data of which a `SchemaMetadata` beside it says the type."""


@dataclass(frozen=True)
class SchemaMetadata:
    """Beside `SchemaType` in `Annotated`: the data is of this type, a list of it, or some of its fields."""

    schema: Any
    partial: bool = False
    multiple: bool = False


def find_metadata(annotation: Any) -> SchemaMetadata | None:
    """The metadata in an annotation; None for one without."""
    if typing.get_origin(annotation) is not Annotated:
        return None
    return next((one for one in annotation.__metadata__ if isinstance(one, SchemaMetadata)), None)


def type_of(annotation: Any, metadata: SchemaMetadata) -> Any:
    """The type that an annotation with metadata stands for."""
    kind: Any = _partial(metadata.schema) if metadata.partial else metadata.schema
    is_list = metadata.multiple or typing.get_origin(typing.get_args(annotation)[0]) is list
    return list.__class_getitem__(kind) if is_list else kind


def result_type(annotation: Any) -> Any:
    """The type that a result is made to fit, by a return annotation; None if that says nothing of the kind."""
    metadata = find_metadata(annotation)
    if metadata is not None:
        return type_of(annotation, metadata)
    item = typing.get_args(annotation)[0] if typing.get_origin(annotation) is list else annotation
    return annotation if hasattr(item, "model_fields") else None


def loader(annotation: Any, metadata: SchemaMetadata) -> Callable[..., Any]:
    """A provider of plain data that fits a schema: the request's JSON body, validated, with defaults filled in."""
    partial = metadata.partial

    def load(value: Any) -> Any:
        return [_plain(one, partial) for one in value] if isinstance(value, list) else _plain(value, partial)

    load.__annotations__ = {"value": Annotated[type_of(annotation, metadata), Body()], "return": dict[str, Any]}
    return load


def _plain(value: Any, partial: bool) -> Any:
    dump = getattr(value, "model_dump", None)
    return msgspec.to_builtins(value) if dump is None else dump(exclude_unset=partial)


def _partial(schema: Any) -> Any:
    """A pydantic model whose fields may all be left out."""
    if not hasattr(schema, "model_fields"):
        what = f"SchemaMetadata({getattr(schema, '__name__', schema)}, partial=True) needs a pydantic model"
        raise ConfigurationError(Problem(what, Location.of_caller(), "derive the schema from pydantic.BaseModel"))
    try:
        import pydantic
    except ImportError:
        raise MissingExtra("a schema of which fields are left out", "pydantic") from None
    fields: dict[str, Any] = {name: (field.annotation | None, None) for name, field in schema.model_fields.items()}
    return pydantic.create_model(f"{schema.__name__}Partial", **fields)
