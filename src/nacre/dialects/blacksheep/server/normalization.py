"""What handlers return, made into responses."""

from __future__ import annotations

from typing import Any

from nacre.dialects.blacksheep.messages import Response, own_response
from nacre.dialects.blacksheep.settings.json import json_settings
from nacre.response import Response as NativeResponse
from nacre.response import ready_response
from nacre.results import Converter, Results

_TEXT = ("content-type", "text/plain; charset=utf-8")
_JSON = ("content-type", "application/json")


class BlackSheepResults(Results):
    """BlackSheep's rules: None is 204, text is text, and everything else is JSON: numbers, tuples and bytes too."""

    def __init__(self) -> None:
        super().__init__(int_is_status=False)

    def compile(self, annotation: Any) -> Converter:
        convert = super().compile(annotation)
        if annotation is not Response:
            return convert
        # PERF: what says that it returns a response nearly always does.
        return lambda value: value if value.__class__ is Response else convert(value)

    def text(self, value: str) -> NativeResponse:
        return ready_response(value.encode(), _TEXT, Response)

    def data(self, value: object) -> NativeResponse:
        return ready_response(json_settings.encode(value), _JSON, Response)

    def nothing(self, value: None) -> NativeResponse:
        return Response(204)

    def binary(self, value: bytes) -> NativeResponse:
        return self.data(value)

    def parts(self, value: tuple[Any, ...]) -> NativeResponse:
        return self.data(value)


_results = BlackSheepResults()


def ensure_response(result: Any) -> Response:
    """The response for whatever a handler returns; a `Response` is itself.

    It may be called in any thread, with or without an event loop. Raises TypeError for what has no JSON form.
    """
    if isinstance(result, Response):
        return result
    return own_response(_results.convert(result))
