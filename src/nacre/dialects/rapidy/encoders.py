"""Rapidy's forms of plain values: JSON as `json.dumps` writes it, and what is text rather than JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

from nacre.codecs import encode_json
from nacre.response import Response, ready_response
from nacre.results import Results

JSON = ("content-type", "application/json; charset=utf-8")
TEXT = ("content-type", "text/plain; charset=utf-8")
BYTES = ("content-type", "application/octet-stream")

TEXT_TYPES = (str, Enum, int, float, Decimal)
"""What is sent as text: a bool is an int."""


def to_json(value: object, dumps: Callable[[Any], str] = json.dumps) -> str:
    """A value as `dumps` writes it, after the core has made plain data of what that doesn't know.

    Raises TypeError for what has no JSON form. NaN and infinities become null.
    """
    try:
        return json.dumps(value, allow_nan=False) if dumps is json.dumps else dumps(value)
    except (TypeError, ValueError):
        return dumps(json.loads(encode_json(value)))


def to_text(value: object, dumps: Callable[[Any], str] = json.dumps) -> str:
    """A value as text: itself if it is a str or stands for one, as JSON otherwise."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return str.__str__(value)
    return str(value) if isinstance(value, Decimal) else to_json(value, dumps)


class RapidyResults(Results):
    """Numbers, bools and enumerations are text, tuples are JSON, None is an empty 200."""

    def __init__(self) -> None:
        super().__init__(
            text_type=TEXT[1],
            bytes_type=BYTES[1],
            json_type=JSON[1],
            none_status=200,
            int_is_status=False,
            encode=lambda value: to_json(value).encode(),
        )

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
