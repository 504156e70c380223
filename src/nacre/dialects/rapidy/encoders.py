"""Rapidy's forms of plain values: JSON as `json.dumps` writes it, and what is text rather than JSON."""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from nacre.codecs import encode_json
from nacre.dialects.rapidy.pydantic_fields import adapter_of
from nacre.errors import ResponseValidationError
from nacre.response import Response, ready_response
from nacre.results import Converter, Results
from nacre.shaping.annotations import plain_part
from nacre.shaping.models import is_pydantic
from nacre.shaping.options import read_options
from nacre.shaping.selection import Selection

JSON = ("content-type", "application/json; charset=utf-8")
TEXT = ("content-type", "text/plain; charset=utf-8")
BYTES = ("content-type", "application/octet-stream")

# PERF: `json.dumps` makes an encoder for each call with options.
_encode = json.JSONEncoder(allow_nan=False).encode

_KEYS = (str, int, float, type(None))
_LISTS = (list, tuple, set, frozenset, deque, Generator)
_TEXTS = (PurePath, IPv4Address, IPv6Address)

TEXT_TYPES = (str, Enum, int, float, Decimal)
"""What is sent as text: a bool is an int."""


def to_json(value: object, dumps: Callable[[Any], str] = json.dumps) -> str:
    """A value as `dumps` writes it, made plain data if that doesn't know it.

    Raises TypeError for what has no JSON form. NaN and infinities become null.
    """
    encode = _encode if dumps is json.dumps else dumps
    try:
        return encode(value)
    except (TypeError, ValueError):
        pass
    data = plain(value)
    try:
        return encode(data)
    except ValueError:  # NaN
        return encode(json.loads(encode_json(data)))


def plain(value: Any) -> Any:
    """A value as dicts, lists, texts, numbers, bools and None. Raises TypeError for what has no such form.

    Times are ISO 8601 with an offset, spans are seconds, paths, addresses and pydantic's own types are their texts; of
    everything else it is what the core writes.
    """
    if value is None or value.__class__ in (str, int, bool):
        return value
    if is_pydantic(type(value)):
        return value.__pydantic_serializer__.to_python(value, mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {key if isinstance(key, _KEYS) else plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, _LISTS) and not hasattr(value, "_fields"):
        return [plain(one) for one in value]
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, _TEXTS) or type(value).__module__.startswith("pydantic."):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    return json.loads(encode_json(value))


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
    return to_json(value, dumps_encoder) if dumps else plain(value)


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

        fit = Fit(kind)

        def convert(value: Any) -> Response:
            return make(value if isinstance(value, Response) else fit(value))

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
    """Whether `Fit` validates values of a type, and not the core.

    PERF: the core takes objects apart and builds them again; what holds none is known by one call.
    """
    if get_origin(kind) in (list, dict, tuple, set, Union, UnionType):
        return all(map(holds_no_objects, get_args(kind)))
    return kind in (str, int, float, bool, bytes, None, type(None), ...)


class Fit:
    """Makes a value one of a type that holds no objects, as pydantic does: a text may stand for a number.

    Raises ResponseValidationError for one that can't be made so.
    """

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        # PERF: what fits as it is needs no pydantic. Of bytes msgspec thinks that a text is their base64.
        self._is_quick = not _holds_bytes(kind) and _is_known(kind)
        self._adapter: Any = None

    def __call__(self, value: Any) -> Any:
        if self._is_quick:
            try:
                return msgspec.convert(value, self.kind)
            except msgspec.ValidationError:
                pass
        self._adapter = self._adapter or adapter_of(self.kind, {})
        try:
            return self._adapter.validate_python(value)
        except ValueError as error:
            raise ResponseValidationError("a handler", [_told(error)]) from None


def _holds_bytes(kind: Any) -> bool:
    return kind is bytes or any(map(_holds_bytes, get_args(kind)))


def _is_known(kind: Any) -> bool:
    """Whether msgspec can tell the members of all unions in a type apart."""
    try:
        msgspec.json.Decoder(kind)
    except TypeError:
        return False
    return True


def _told(error: Any) -> str:
    """What pydantic found, without the values, for the log."""
    listed = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(one["msg"] for one in listed)
