"""What handlers and layers return, made into responses."""

from __future__ import annotations

import copy
import inspect
import types
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from http import HTTPStatus
from typing import Any

from nacre.codecs import encode_json
from nacre.headers import check_value, pairs_of
from nacre.response import Response, StreamingResponse, ready_response

Converter = Callable[[Any], Response]

_new = object.__new__

_STREAM_ORIGINS = (AsyncIterable, AsyncIterator, AsyncGenerator, Iterator, Generator, Iterable)
_ANY_CONTENT = (inspect.Signature.empty, Any, object, types.NoneType, types.UnionType)


class Results:
    """The rules that turn a plain value into a response; one object serves one application.

    Subclass it, or give other content types, to speak for another framework's conventions, and pass it as
    `Nacre(results=…)`. The rules are read at startup into a table by type; `other` is asked for types not in it.
    """

    def __init__(
        self,
        *,
        text_type: str = "text/plain; charset=utf-8",
        bytes_type: str = "application/octet-stream",
        json_type: str = "application/json",
        none_status: int = 204,
        int_is_status: bool = True,
        encode: Callable[[object], bytes] = encode_json,
    ) -> None:
        self._text = ("content-type", check_value("content-type", text_type))
        self._bytes = ("content-type", check_value("content-type", bytes_type))
        self._json = ("content-type", check_value("content-type", json_type))
        self.none_status = none_status
        self.encode = encode
        self._int_is_status = int_is_status
        self._tabulate()

    def _tabulate(self) -> None:
        """Put the rules into the table by type."""
        self.convert_body: Converter = self.convert
        self._by_type: dict[type, Converter] = {
            str: self.text,
            bytes: self.binary,
            dict: self.data,
            list: self.data,
            bool: self.data,
            float: self.data,
            int: self.status if self._int_is_status else self.data,
            type(None): self.nothing,
            tuple: self.parts,
        }

        self._by_exact_type = self._convert_by_type()

    def _convert_by_type(self, *models: type) -> Converter:
        """`convert` as one function, by which values of exactly the types `models` are data as well.

        PERF: where the rule isn't a subclass's own, the response is made right here, without the calls of the rule and
        of `ready_response`: 3,200 instructions in place of 4,500.
        """
        rule_for, other = self._by_type.get, self.other
        form_for = self._forms(models).get

        def by_type(value: Any) -> Response:
            kind = value.__class__
            form = form_for(kind)
            if form is None:
                rule = rule_for(kind)
                return rule(value) if rule is not None else other(value)
            encode, content_type = form
            response = _new(Response)
            response.status = 200
            response.body = encode(value)
            response.raw_headers = [content_type]
            response.stream = None
            response.background = None
            response.sent_callbacks = None
            response.owner = None
            return response

        return by_type

    def _forms(self, models: Iterable[type]) -> dict[type, tuple[Callable[[Any], bytes], tuple[str, str]]]:
        """How values of a type are encoded, and under which content type, as far as this class's own rules say it."""
        forms: dict[type, tuple[Callable[[Any], bytes], tuple[str, str]]] = {}
        own = type(self)
        if own.data is Results.data:
            forms |= dict.fromkeys((dict, list, float, bool, *models), (self.encode, self._json))
        if own.text is Results.text:
            forms[str] = str.encode, self._text
        if own.binary is Results.binary:
            forms[bytes] = bytes, self._bytes
        return forms

    def convert(self, value: Any) -> Response:
        """The response for any value. Raises TypeError or ValueError, saying what was returned and what may be."""
        return self._by_exact_type(value)

    def compile(self, annotation: Any) -> Converter:
        """The converter for a function with this return annotation (`inspect.Signature.empty`: none).

        An annotation that says the value is data (`int`, `tuple[…]`, a model) decides; anything else, unions with
        `Response` included, goes by the value's type as `convert` does.
        """
        if annotation is int or not self.splits_tuples(annotation):
            return self._data_or_response
        if typing.get_origin(annotation) in _STREAM_ORIGINS and bytes in typing.get_args(annotation):
            return self._byte_stream
        if isinstance(annotation, type) and annotation not in _ANY_CONTENT and self._is_data(annotation):
            return self._convert_by_type(annotation)  # PERF: `other` asks abstract classes first, 2 µs for a model
        return self._by_exact_type

    def _is_data(self, kind: type) -> bool:
        """Whether `other` takes an instance of exactly this type for data, as it does those of models."""
        others = (Response, HTTPStatus, AsyncIterator, Iterator, AsyncIterable, bytearray, memoryview, *self._by_type)
        return type(self).other is Results.other and not issubclass(kind, others)

    def splits_tuples(self, annotation: Any) -> bool:
        """Whether a tuple is a body with a status or headers, for a function with this return annotation."""
        return annotation is not tuple and typing.get_origin(annotation) is not tuple

    def variant(self, encode: Callable[[object], bytes], data: Iterable[type] = ()) -> Results:
        """The same rules with another JSON encoder, by which values of the types in `data` are data as well.

        `convert_body` may be set on it, for the bodies in tuples.
        """
        rules = copy.copy(self)
        rules.encode = encode
        rules._tabulate()
        rules._by_type |= dict.fromkeys(data, rules.data)
        rules._by_exact_type = rules._convert_by_type(*data)
        return rules

    def content_type_of(self, kind: Any) -> str | None:
        """The content type of values of this type; None if there is none, or if it depends on the value."""
        origin = typing.get_origin(kind) or kind
        if origin in _STREAM_ORIGINS[:-1]:
            return self._bytes[1] if bytes in typing.get_args(kind) else self._text[1]
        if not isinstance(origin, type) or origin in _ANY_CONTENT:
            return None
        if issubclass(origin, bytes | bytearray | memoryview):
            return self._bytes[1]
        return self._text[1] if issubclass(origin, str) else self._json[1]

    # One method per kind of value; subclasses override these.

    def text(self, value: str) -> Response:
        return ready_response(value.encode(), self._text)

    def binary(self, value: bytes) -> Response:
        return ready_response(bytes(value), self._bytes)

    def data(self, value: object) -> Response:
        return ready_response(self.encode(value), self._json)

    def nothing(self, value: None) -> Response:
        return Response(status=self.none_status)

    def status(self, value: int) -> Response:
        return Response(status=_checked_status(value))

    def stream(self, value: Any) -> Response:
        return StreamingResponse(value, content_type=self._text[1])

    def parts(self, value: tuple[Any, ...]) -> Response:
        """`(body, status)`, `(body, headers)`, `(body, status, headers)` or `(status, headers)`."""
        match value:
            case (body, int() | str() as status) if _is_status(status):
                return self._with(body, status, ())
            case (int() as status, dict() | list() | Mapping() as headers) if not isinstance(status, bool):
                return self._with(None, status, headers, status_only=True)
            case (body, dict() | list() | Mapping() as headers):
                return self._with(body, None, headers)
            case (body, int() | str() as status, dict() | list() | Mapping() as headers) if _is_status(status):
                return self._with(body, status, headers)
            case _:
                pass
        raise TypeError(
            f"a tuple of {len(value)} ({', '.join(type(item).__name__ for item in value)}) is no result; "
            "return (body, status), (body, headers), (body, status, headers) or (status, headers), "
            "or annotate the function `-> tuple[...]` to send it as JSON"
        )

    def other(self, value: Any) -> Response:
        """A value whose exact type is not in the table."""
        if isinstance(value, Response):
            return value
        if isinstance(value, HTTPStatus):
            return self.status(value.value)
        if isinstance(value, tuple):
            return self.data(value)  # a NamedTuple: plain tuples are in the table
        if is_stream(value):
            return self.stream(value)
        for base, rule in self._by_type.items():
            if isinstance(value, base):
                return rule(value)
        if isinstance(value, (bytearray, memoryview)):
            return self.binary(bytes(value))
        return self.data(value)

    def _with(self, body: Any, status: int | str | None, headers: Any, *, status_only: bool = False) -> Response:
        response = Response() if status_only else self.convert_body(body)
        if status is not None:
            response.status = _checked_status(status)
        # A list may name one header twice (two cookies); the first of a name replaces what conversion had set.
        seen: set[str] = set()
        for name, item in pairs_of(headers):
            if str(name).lower() in seen:
                response.headers.add(name, item)
            else:
                response.headers.set(name, item)
            seen.add(str(name).lower())
        return response

    def _data_or_response(self, value: Any) -> Response:
        return value if isinstance(value, Response) else self.data(value)

    def _byte_stream(self, value: Any) -> Response:
        response = self.convert(value)
        if response.stream is not None and not isinstance(value, Response):
            response.raw_headers[:] = [self._bytes]
        return response


def is_stream(value: object) -> bool:
    """Whether a value is produced piece by piece: a generator or any other sync or async iterator."""
    if isinstance(value, types.GeneratorType | types.AsyncGeneratorType | AsyncIterator | Iterator):
        return True
    return isinstance(value, AsyncIterable)


def return_annotation(function: Callable[..., Any]) -> Any:
    """The evaluated return annotation; `inspect.Signature.empty` without one or when it can't be evaluated."""
    try:
        return inspect.signature(function, eval_str=True).return_annotation
    except (NameError, TypeError, ValueError):
        return inspect.Signature.empty


def _is_status(value: object) -> bool:
    if isinstance(value, str):
        return value[:3].isdigit() and (len(value) == 3 or value[3:4] == " ")
    return not isinstance(value, bool)


def _checked_status(value: int | str) -> int:
    number = int(value[:3]) if isinstance(value, str) else int(value)
    if not 100 <= number <= 599:
        raise ValueError(
            f"{number} is no HTTP status (100 to 599); annotate the function `-> int` to send a number as JSON"
        )
    return number
