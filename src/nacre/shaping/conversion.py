"""Making a plain value fit the type that a function promises, or saying where it doesn't.

A Struct, dataclass or attrs object that has the type already is checked as deeply as any other value. Pydantic's models
are checked by pydantic's rule: an instance is taken as it is unless its `revalidate_instances` says otherwise.
"""

from __future__ import annotations

import datetime
import decimal
import typing
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Never

import msgspec
from msgspec import Struct

from nacre.errors import ResponseValidationError
from nacre.shaping.annotations import members_of, says_nothing, unaliased
from nacre.shaping.models import holds_pydantic, is_pydantic, type_adapter

Convert = Callable[[Any], Any]
"""Raises ResponseValidationError for a value that doesn't fit."""


class Conversion(Struct, frozen=True):
    """How values are made to fit; `adapter` is pydantic's, if the type is one of pydantic's."""

    convert: Convert
    adapter: Any = None


def compile_conversion(annotation: Any, subject: str) -> Conversion:
    """Compile the conversion to a type. Raises TypeError for a type that can't be checked."""
    annotation = unaliased(annotation)
    if says_nothing(annotation):
        return Conversion(lambda value: value)
    if annotation is Never:
        return Conversion(_refuse_all(subject))
    if holds_pydantic(annotation):
        adapter = type_adapter(annotation)
        return Conversion(_by_pydantic(adapter, subject), adapter)
    try:
        return Conversion(_Rebuilding(annotation, subject))
    except TypeError:
        members = members_of(annotation)
        if len(members) == 1:
            raise
        return Conversion(_by_member(members, subject))


def _refuse_all(subject: str) -> Convert:
    def refuse(value: Any) -> Any:
        raise ResponseValidationError(subject, [f"expected a `Response`, got `{type(value).__qualname__}`"])

    return refuse


def _by_pydantic(adapter: Any, subject: str) -> Convert:
    from pydantic import ValidationError

    def convert(value: Any) -> Any:
        try:
            return adapter.validate_python(value, from_attributes=True)
        except ValidationError as error:
            raise ResponseValidationError(subject, list(_listed(error))) from None

    return convert


def _listed(error: Any) -> Iterator[str]:
    """What pydantic found, without the values."""
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in one["loc"]).lstrip(".")
        if not path.isprintable():  # keys of a dict may be a client's, and this is logged
            path = path.encode("unicode_escape").decode("ascii")
        yield f"{path[:200]}: {one['msg']}" if path else one["msg"]


def _by_member(members: Sequence[Any], subject: str) -> Convert:
    """For unions that msgspec can't tell apart: the member that is the value's class, or else the first that fits."""
    converts = [(typing.get_origin(one) or one, compile_conversion(one, subject).convert) for one in members]

    def convert(value: Any) -> Any:
        for kind, exact in converts:
            if value.__class__ is kind:
                return exact(value)
        errors: list[str] = []
        for _, attempt in converts:
            try:
                return attempt(value)
            except ResponseValidationError as error:
                errors += error.errors
        raise ResponseValidationError(subject, errors)

    return convert


# What msgspec knows and JSON doesn't: it needn't become text and be read again.
_PASSING = (
    bytes,
    bytearray,
    memoryview,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
)


class _Rebuilding:
    """Converts by msgspec, and once more from plain data.

    `convert` looks at the class of an object and not inside, so an object with a wrong value in it, or with one of a
    subclass that has more fields, would pass. Taken apart and built again it is seen whole.
    """

    def __init__(self, annotation: Any, subject: str) -> None:
        msgspec.json.Decoder(annotation, dec_hook=_accept)  # raises TypeError
        self._annotation = annotation
        self._subject = subject
        self._passing: set[type] = set(_PASSING)

    def __call__(self, value: Any) -> Any:
        try:
            typed = msgspec.convert(value, self._annotation, from_attributes=True, dec_hook=_accept)
            plain = self._take_apart(typed)
            rebuilt = msgspec.convert(plain, self._annotation, dec_hook=_accept)
        except msgspec.ValidationError as error:
            raise ResponseValidationError(self._subject, [_located(str(error))]) from None
        # The objects themselves say more to what follows than those built of plain data, unless they hold too much.
        return typed if plain == self._take_apart(rebuilt) else rebuilt

    def _take_apart(self, value: Any) -> Any:
        while True:
            try:
                return msgspec.to_builtins(value, builtin_types=tuple(self._passing), enc_hook=_refuse)
            except _Unknown as unknown:
                self._passing.add(unknown.kind)


class _Unknown(Exception):
    """A class that msgspec has no plain form for; its objects are left as they are."""

    def __init__(self, kind: type) -> None:
        self.kind = kind


def _refuse(value: object) -> Any:
    raise _Unknown(type(value))


def _accept(kind: Any, value: Any) -> Any:
    """Take objects of classes that msgspec doesn't know; of pydantic's models what the named one has."""
    owner = typing.get_origin(kind) or kind
    if is_pydantic(owner) and hasattr(owner, "__pydantic_validator__"):  # a URL of pydantic's has none
        if isinstance(value, owner) and value.__class__ is not owner:
            return owner.model_construct(**{name: getattr(value, name) for name in owner.model_fields})
        try:
            return owner.__pydantic_validator__.validate_python(value, from_attributes=True)
        except ValueError as error:
            raise ValueError("; ".join(_listed(error))) from None
    if not isinstance(value, owner):
        raise TypeError(f"Expected `{owner.__name__}`, got `{type(value).__name__}`")
    return value


def _located(message: str) -> str:
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    return f"{path}: {text}" if path else text
