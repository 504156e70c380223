"""Rapidy's forms of plain values: JSON as `json.dumps` writes it, and what is text rather than JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from nacre.codecs import encode_json
from nacre.errors import ResponseValidationError
from nacre.response import Response, ready_response
from nacre.results import Converter, Results
from nacre.shaping.annotations import plain_part
from nacre.shaping.options import read_options
from nacre.shaping.selection import Selection

JSON = ("content-type", "application/json; charset=utf-8")
TEXT = ("content-type", "text/plain; charset=utf-8")
BYTES = ("content-type", "application/octet-stream")

# PERF: `json.dumps` makes an encoder for each call with options.
_encode = json.JSONEncoder(allow_nan=False).encode

TEXT_TYPES = (str, Enum, int, float, Decimal)
"""What is sent as text: a bool is an int."""


def to_json(value: object, dumps: Callable[[Any], str] = json.dumps) -> str:
    """A value as `dumps` writes it, after the core has made plain data of what that doesn't know.

    Raises TypeError for what has no JSON form. NaN and infinities become null.
    """
    try:
        return _encode(value) if dumps is json.dumps else dumps(value)
    except (TypeError, ValueError):
        return dumps(json.loads(encode_json(value)))


def to_text(value: object, dumps: Callable[[Any], str] = json.dumps) -> str:
    """A value as text: itself if it is a str or stands for one, as JSON otherwise."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return str.__str__(value)
    return str(value) if isinstance(value, Decimal) else to_json(value, dumps)


def selection(**options: Any) -> Callable[[Any], Any] | None:
    """What picks the fields that leave, by the options of responses; None if no option says anything."""
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    if options.get("by_alias") is False:
        given["by_alias"] = False
    elif not given.keys() - {"by_alias"}:
        return None  # models leave by their aliases anyway
    return Selection(read_options(given, "the response", None))


def jsonify(
    obj: Any,
    *,
    include: Any = None,
    exclude: Any = None,
    by_alias: bool = True,
    exclude_unset: bool = False,
    exclude_defaults: bool = False,
    exclude_none: bool = False,
    custom_encoder: Any = None,
    dumps: bool = True,
    dumps_encoder: Callable[[Any], str] = json.dumps,
) -> Any:
    """A value as JSON text; as plain data without `dumps`."""
    select = selection(
        include_fields=include,
        exclude_fields=exclude,
        by_alias=by_alias,
        exclude_unset=exclude_unset,
        exclude_defaults=exclude_defaults,
        exclude_none=exclude_none,
        custom_encoder=custom_encoder,
    )
    value = obj if select is None else select(obj)
    return to_json(value, dumps_encoder) if dumps else json.loads(encode_json(value))


class RapidyResults(Results):
    """Numbers, bools and enumerations are text, tuples are JSON, None is an empty 200; annotations are validated."""

    validates = True

    def __init__(self) -> None:
        super().__init__(
            text_type=TEXT[1],
            bytes_type=BYTES[1],
            json_type=JSON[1],
            none_status=200,
            int_is_status=False,
            encode=lambda value: to_json(value).encode(),
        )

    def compile(self, annotation: Any) -> Converter:
        make, kind = super().compile(annotation), plain_part(annotation)
        if not self.validates or not holds_no_objects(kind):
            return make

        def convert(value: Any) -> Response:
            return make(value if isinstance(value, Response) else _fitted(value, kind))

        if isinstance(kind, type):
            return lambda value: make(value) if value.__class__ is kind else convert(value)
        return convert

    def variant(self, encode: Callable[[object], bytes], data: Iterable[type] = ()) -> Results:
        rules = super().variant(encode, data)
        vars(rules)["validates"] = False  # the options of the function have said how
        return rules

    def data(self, value: object) -> Response:
        if isinstance(value, TEXT_TYPES):
            return ready_response(to_text(value).encode(), TEXT)
        return super().data(value)

    def text(self, value: str) -> Response:
        return ready_response(to_text(value).encode(), TEXT)

    def parts(self, value: tuple[Any, ...]) -> Response:
        return self.data(value)

    def nothing(self, value: None) -> Response:
        return Response()


def holds_no_objects(kind: Any) -> bool:
    """Whether `RapidyResults` validates values of a type by itself.

    PERF: the core takes objects apart and builds them again; what holds none is known by one call.
    """
    if get_origin(kind) in (list, dict, tuple, set, Union, UnionType):
        return all(map(holds_no_objects, get_args(kind)))
    return kind in (str, int, float, bool, bytes, None, type(None), ...)


def _fitted(value: Any, kind: Any) -> Any:
    """A value as one of a type, texts for numbers if need be. Raises ResponseValidationError."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ResponseValidationError("a handler", [str(error)]) from None
