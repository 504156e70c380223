"""Classes with fields: what the fields are, and what classes an annotation is about."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, is_typeddict

import msgspec
from msgspec import Struct

from nacre.shaping.annotations import members_of, unaliased
from nacre.shaping.models import is_pydantic

C = TypeVar("C")

_WITHOUT_FIELDS = (None, type(None), str, bytes, int, float, bool)
_PURE_FACTORIES = (list, dict, set, tuple, frozenset, bytearray)


class Field(Struct, frozen=True):
    """One field of a class: its name in Python, the one it is sent under, and what it is by default."""

    name: str
    key: str
    default: Any = msgspec.NODEFAULT

    def is_default(self, value: Any) -> bool:
        """Whether a value is the default one."""
        return self.default is not msgspec.NODEFAULT and (value is self.default or bool(value == self.default))


def fields_of(kind: type) -> tuple[Field, ...] | None:
    """The fields of a Struct, dataclass or attrs class; None for a class of another kind."""
    if hasattr(kind, "__struct_fields__"):
        infos = msgspec.structs.fields(kind)
        return tuple(Field(one.name, one.encode_name, _default(one.default, one.default_factory)) for one in infos)
    if dataclasses.is_dataclass(kind):
        return tuple(
            Field(one.name, one.name, _default(_given(one.default), _given(one.default_factory)))
            for one in dataclasses.fields(kind)
        )
    if hasattr(kind, "__attrs_attrs__"):
        return tuple(
            Field(one.name, one.name, _default(one.default, getattr(one.default, "factory", None)))
            for one in kind.__attrs_attrs__
            if not one.name.startswith("_")  # which are private to the object for msgspec too
        )
    return None


def _given(default: Any) -> Any:
    return msgspec.NODEFAULT if default is dataclasses.MISSING else default


def _default(default: Any, factory: Any) -> Any:
    # Factories of other kinds may count, or look at a clock: nothing that they give is the default.
    if factory in _PURE_FACTORIES:
        return factory()
    return default


def names_of(annotation: Any) -> dict[str, Any] | None:
    """The fields, with their types, that values of this type have between them; None if that isn't known."""
    found: dict[str, Any] = {}
    for member in members_of(unaliased(annotation)):
        member = unaliased(member)
        if member in _WITHOUT_FIELDS:
            continue
        inner = _element_type(member)
        names = _types_of(member) if inner is None else names_of(inner)
        if names is None:
            return None
        found |= {name: Any if name in found else kind for name, kind in names.items()}
    return found or None


def _types_of(kind: Any) -> dict[str, Any] | None:
    kind = typing.get_origin(kind) or kind
    if not isinstance(kind, type):
        return None
    if is_pydantic(kind) and hasattr(kind, "model_fields"):
        models: Any = kind
        computed = dict.fromkeys(models.model_computed_fields, Any)
        return {name: one.annotation for name, one in models.model_fields.items()} | computed
    if is_typeddict(kind):
        return _hints(kind)
    fields = fields_of(kind)
    if fields is None:
        return None
    hints = _hints(kind)
    return {field.name: hints.get(field.name, Any) for field in fields}


def _hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except (NameError, TypeError):
        # A name that exists for type checkers only.
        return {name: Any for owner in kind.__mro__ for name in vars(owner).get("__annotations__", ())}


def _element_type(annotation: Any) -> Any:
    """The type of the items of a list-like type; None for other types."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if not isinstance(origin, type) or issubclass(origin, Mapping) or not arguments:
        return None
    return unaliased(arguments[0]) if issubclass(origin, Iterable) and not is_pydantic(origin) else None


def item_type(annotation: Any) -> Any:
    """The type of the items of a list, or of the values of a dict; None if that isn't known."""
    annotation = unaliased(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
        return arguments[1]
    return _element_type(annotation)


def nearest(kinds: Mapping[type, C], kind: type) -> C | None:
    """What a mapping has for a class, or for the first of its bases that is in it."""
    return next((kinds[one] for one in kind.__mro__ if one in kinds), None)


def classes_of(annotation: Any) -> Iterator[type]:
    """The classes of the objects that values of this type are, or are lists of."""
    for member in members_of(unaliased(annotation)):
        member = unaliased(member)
        inner = _element_type(member)
        if inner is not None:
            yield from classes_of(inner)
        elif isinstance(kind := typing.get_origin(member) or member, type):
            yield kind


def is_array(kind: type) -> bool:
    """Whether a class with fields is sent as an array: a NamedTuple, a Struct with `array_like`."""
    if issubclass(kind, tuple):
        return hasattr(kind, "_fields")
    config = getattr(kind, "__struct_config__", None)
    return config is not None and bool(config.array_like)
