"""What can hold a value of a type: one text, several, a model, JSON. Annotations are taken as evaluated."""

from __future__ import annotations

import collections.abc
import dataclasses
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import Struct

Kind = Literal["text", "texts", "model", "data", "raw", "unsupported"]

SCALARS: Final = frozenset({str, int, float, bool, Decimal, UUID, date, time, datetime, timedelta})
"""The types of one text, besides enumerations and literals."""

COLLECTIONS: Final[dict[Any, type]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    tuple: tuple,
    collections.abc.Collection: list,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
}
"""The types of several values, each with the type that is made."""

MAPPINGS: Final = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})

_RAW = frozenset({bytes, bytearray, memoryview})
_NOTHING = (None, type(None), msgspec.UnsetType)
# `type X = …`, from CPython 3.12 on.
_ALIAS: Any = getattr(typing, "TypeAliasType", None)
_QUALIFIERS = frozenset({typing.Required, typing.NotRequired, Final, getattr(typing, "ReadOnly", Final)})


class Bare(Struct, frozen=True):
    """A type without what is wrapped around it, and the metadata of every `Annotated` that was."""

    type: Any
    metadata: tuple[Any, ...] = ()


def unwrap(type_: Any) -> Bare:
    """Take off `Annotated`, `NewType`, `type X = …` and `Required`, `NotRequired`, `ReadOnly`, `Final`."""
    metadata: list[Any] = []
    while True:
        origin = get_origin(type_)
        if origin is Annotated:
            metadata = [*type_.__metadata__, *metadata]
            type_ = type_.__origin__
        elif origin in _QUALIFIERS:
            type_ = get_args(type_)[0]
        elif hasattr(type_, "__supertype__"):
            type_ = type_.__supertype__
        elif _ALIAS is not None and isinstance(type_, _ALIAS):
            type_ = type_.__value__
        elif _ALIAS is not None and isinstance(origin, _ALIAS):
            type_ = origin.__value__[get_args(type_)]
        else:
            return Bare(type_, tuple(metadata))


def members_of(type_: Any) -> tuple[Any, ...]:
    """The types that a value may have: those of a union but None, else the type itself. The type is bare."""
    if get_origin(type_) not in (Union, UnionType):
        return (type_,)
    found: list[Any] = []
    for member in get_args(type_):
        inner = unwrap(member)
        if get_origin(inner.type) in (Union, UnionType) and not inner.metadata:
            found += members_of(inner.type)
        elif inner.type not in _NOTHING:
            found.append(member)
    return tuple(found)


def kind_of(type_: Any) -> Kind:
    """What can hold a value of this type.

    text          one text: numbers, dates, enumerations …, and unions of them, with None too
    texts         a list, set or tuple of such values, from repeated fields
    model         named fields: Struct, dataclass, TypedDict, NamedTuple, attrs class, pydantic model
    data          anything else that JSON holds
    raw           bytes
    unsupported   nothing that a request has
    """
    bare = unwrap(type_).type
    members = members_of(bare)
    if len(members) != 1 or members[0] is not bare:
        kinds: set[Kind] = {kind_of(member) for member in members}
        if len(kinds) == 1 and (len(members) == 1 or kinds == {"text"}):
            return kinds.pop()
        return "data" if kinds and kinds <= {"text", "texts", "model", "data"} else "unsupported"
    origin = get_origin(bare) or bare
    if not _is_hashable(origin):
        return "unsupported"
    if origin in COLLECTIONS:
        return _kind_of_collection(get_args(bare))
    if origin in MAPPINGS:
        return _kind_of_parts(get_args(bare))
    return _kind_of_class(origin)


def _kind_of_collection(args: tuple[Any, ...]) -> Kind:
    items = [arg for arg in args if arg is not Ellipsis]
    if items and all(kind_of(item) == "text" for item in items):
        return "texts"
    return _kind_of_parts(items)


def _kind_of_parts(parts: collections.abc.Sequence[Any]) -> Kind:
    return "unsupported" if any(kind_of(part) == "unsupported" for part in parts) else "data"


def _kind_of_class(origin: Any) -> Kind:
    if origin is Any or origin is msgspec.Raw:
        return "data"
    if origin in SCALARS or origin is Literal:
        return "text"
    if origin in _RAW:
        return "raw"
    if not isinstance(origin, type):
        return "unsupported"
    if issubclass(origin, Enum):
        return "text"
    if is_model(origin):
        return "model"
    # A type of pydantic's own that is no model, such as an e-mail address.
    return "text" if _has_schema(origin) else "unsupported"


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def is_model(cls: Any) -> bool:
    """Whether a class has named fields that a request can fill."""
    if not isinstance(cls, type):
        return False
    return (
        issubclass(cls, msgspec.Struct)
        or dataclasses.is_dataclass(cls)
        or hasattr(cls, "__attrs_attrs__")
        or is_typed_dict(cls)
        or is_named_tuple(cls)
        or hasattr(cls, "__pydantic_fields__")
    )


def is_typed_dict(cls: type) -> bool:
    """Whether a class was made by TypedDict, that of `typing` or another."""
    return issubclass(cls, dict) and hasattr(cls, "__total__")


def is_named_tuple(cls: type) -> bool:
    """Whether a class was made by NamedTuple."""
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_pydantic(type_: Any) -> bool:
    """Whether a type is pydantic's, or something in it is: an argument, a field, the metadata of an `Annotated`.

    pydantic isn't imported for that. Fields of a Struct don't count, since pydantic can't read a Struct.
    """
    return _is_pydantic(type_, set())


def _is_pydantic(type_: Any, seen: set[int]) -> bool:
    if id(type_) in seen:
        return False
    seen.add(id(type_))
    bare = unwrap(type_)
    if any(_has_schema(type(one)) or type(one).__module__.startswith("pydantic.") for one in bare.metadata):
        return True
    origin = get_origin(bare.type) or bare.type
    if origin is Literal:
        return False
    if isinstance(origin, type) and (hasattr(origin, "__pydantic_fields__") or _has_schema(origin)):
        return True
    inner: list[Any] = list(get_args(bare.type))
    if is_model(origin) and not issubclass(origin, msgspec.Struct):
        try:
            inner += field_types(bare.type).values()
        except (NameError, TypeError):
            pass  # a name that can't be evaluated yet: the parser says so
    return any(_is_pydantic(one, seen) for one in inner)


def _has_schema(cls: type) -> bool:
    return hasattr(cls, "__get_pydantic_core_schema__")


def field_types(model: Any) -> dict[str, Any]:
    """The fields of a model with their annotations; type variables are replaced by the arguments of `Model[int]`.

    Raises NameError for an annotation that names what can't be found.
    """
    cls = get_origin(model) or model
    hints = typing.get_type_hints(cls, include_extras=True)
    found = _arguments(model)
    return {name: _filled(hint, found) for name, hint in hints.items()} if found else hints


def _arguments(model: Any) -> dict[Any, Any]:
    cls = get_origin(model) or model
    found = dict(zip(getattr(cls, "__parameters__", ()), get_args(model), strict=False))
    for base in getattr(cls, "__orig_bases__", ()):
        if (get_origin(base) or base) not in (typing.Generic, typing.Protocol) and get_args(base):
            found |= {key: _filled(value, found) for key, value in _arguments(base).items() if key not in found}
    return found


def _filled(type_: Any, arguments: dict[Any, Any]) -> Any:
    if isinstance(type_, TypeVar):
        return arguments.get(type_, type_)
    parameters = getattr(type_, "__parameters__", ())
    if not parameters or isinstance(type_, type):
        return type_
    return type_[tuple(arguments.get(one, one) for one in parameters)]
