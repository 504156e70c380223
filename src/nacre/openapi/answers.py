"""The responses of an operation: what the handler gives, what layers may answer, what Nacre answers itself."""

from __future__ import annotations

import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import Parameter
from types import NoneType
from typing import Any

from nacre.binding import MISSING
from nacre.binding.kinds import members_of, unwrap
from nacre.describe import ChainDescription, ResultDescription, RouteDescription
from nacre.documentation import Responses, words_of
from nacre.errors import reason_phrase
from nacre.media import parse_media_type
from nacre.openapi.bodies import refusals
from nacre.openapi.fields import can_fail
from nacre.openapi.parameters import is_refusing
from nacre.openapi.schema import FILE, Schema, Schemas
from nacre.response import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

Content = dict[str, Schema]
"""Schemas by media type."""

_STREAMS = (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterator)
_BYTES = (bytes, bytearray, memoryview)
_TEXT: Schema = {"type": "string"}
_UNKNOWN = (Any, object, MISSING, Parameter.empty, HTTPStatus, typing.Never, typing.NoReturn, Iterable)
_RESPONSES: Mapping[type, tuple[int, Content]] = {
    HTMLResponse: (200, {"text/html": _TEXT}),
    PlainTextResponse: (200, {"text/plain": _TEXT}),
    JSONResponse: (200, {"application/json": {}}),
    RedirectResponse: (302, {}),
}


@dataclass(slots=True)
class _Answer:
    """One response as it is gathered from all who may give it."""

    told: list[str] = field(default_factory=list[str])
    content: Content = field(default_factory=dict[str, Schema])


class Answers:
    """The responses of one operation, by status."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._found: dict[int, _Answer] = {}

    def objects(self) -> dict[str, Schema]:
        """The Response Objects, by status in its order."""
        return {str(status): _object(status, self._found[status]) for status in sorted(self._found)}

    def add(self, status: int, text: str | None = None, content: Content | None = None) -> None:
        """Add what somebody may answer; the first who says what is in it is believed."""
        answer = self._found.setdefault(status, _Answer())
        if text and text not in answer.told:
            answer.told.append(text)
        if content and not answer.content:
            answer.content = dict(content)

    def add_declared(self, responses: Responses) -> None:
        """Add what a route or a layer says of itself."""
        for status, answer in responses.items():
            content: Content = {}
            if isinstance(answer, tuple):
                content_type = answer[2] if len(answer) == 3 else "application/json"
                content = {content_type: self._schemas.of(answer[1], "output")}
            self.add(status, words_of(status, answer), content)

    def add_result(self, result: ResultDescription | None) -> None:
        """Add what the handler gives; of one that doesn't say, that it succeeds, unless the route says with what."""
        known = dict(_results(result, self._schemas)) if result is not None else {}
        for status, content in known.items():
            self.add(status, None, content)
        if result is None or any(map(_is_unknown, _members(result.type))):
            answered = [status for status in self._found if status < 400 and status != 204]
            if not answered:
                self.add(result.status if result is not None and result.status else 200)


def answers_of(route: RouteDescription, chain: ChainDescription, schemas: Schemas, errors: Schema) -> dict[str, Schema]:
    """The Response Objects of one route and method; `errors` is the schema of a failed validation."""
    answers = Answers(schemas)
    answers.add_declared(route.documentation.responses)
    answers.add_result(chain.result)
    for layer in chain.layers:
        answers.add_declared(layer.responses)
    if any(map(is_refusing, route.variables)):
        answers.add(404, "Nothing has this path.")
    for status, text in refusals(chain.inputs, chain.max_body):
        answers.add(status, text)
    if any(map(can_fail, chain.inputs)):
        content = {"application/json": errors} if _is_standard(chain) else None
        answers.add(chain.validation.status, "The request doesn't fit what is declared here.", content)
    return answers.objects()


_VALIDATION_KEYS = ("ValidationError", "UnprocessableContent", "HTTPError", "Exception", "422")


def _is_standard(chain: ChainDescription) -> bool:
    """Whether a failed validation is answered in Nacre's own form."""
    status = str(chain.validation.status)
    handled = any(one.key in (*_VALIDATION_KEYS, status) for one in chain.error_handlers)
    return chain.validation.shape is None and not handled


def _object(status: int, answer: _Answer) -> Schema:
    default = "Success" if status < 300 else reason_phrase(status) or f"Status {status}"
    found: Schema = {"description": "\n\n".join(answer.told) or default}
    if answer.content:
        found["content"] = {name: {"schema": schema} for name, schema in answer.content.items()}
    return found


def _results(result: ResultDescription, schemas: Schemas) -> Iterator[tuple[int, Content]]:
    """What each member of a return annotation is sent as: status and content; nothing for what isn't known."""
    members = _members(result.type)
    data: list[Any] = []
    content: Content = {}
    for member in members:
        response = _response_of(member)
        if response is not None:
            yield response
        elif _is_plain(member):
            content |= _plain_content(member)
        elif not _is_unknown(member):
            data.append(member)
    if data:
        # As one union, since that is what tells its members apart; without None, which is sent as 204 instead.
        whole = result.type if len(members) == 1 and data == [result.type] else typing.Union[tuple(data)]  # noqa: UP007
        content |= {"application/json": schemas.of(whole, "output")}
    if content and result.content_type is not None:
        content = {parse_media_type(result.content_type).essence: next(iter(content.values()))}
    if content:
        yield result.status or 200, content
    if _may_be_none(result.type):
        yield (204 if members else result.status or 204), {}


def _members(kind: Any) -> tuple[Any, ...]:
    """The types of a union but None; the type itself if it is none."""
    bare = unwrap(kind).type
    return () if bare in (None, NoneType) else members_of(bare)


def _response_of(kind: Any) -> tuple[int, Content] | None:
    return next((known for cls, known in _RESPONSES.items() if isinstance(kind, type) and issubclass(kind, cls)), None)


def _is_unknown(kind: Any) -> bool:
    """Whether a type doesn't say what is sent; an `Iterable` may be a list, or a generator that streams."""
    if kind in _UNKNOWN or typing.get_origin(kind) is Iterable:
        return True
    return isinstance(kind, type) and issubclass(kind, Response) and _response_of(kind) is None


def _is_plain(kind: Any) -> bool:
    return kind in (str, *_BYTES) or typing.get_origin(kind) in _STREAMS


def _plain_content(kind: Any) -> Content:
    """Text and bytes, at once or in pieces."""
    piece = typing.get_args(kind)[0] if typing.get_origin(kind) in _STREAMS else kind
    return {"application/octet-stream": dict(FILE)} if piece in _BYTES else {"text/plain": dict(_TEXT)}


def _may_be_none(kind: Any) -> bool:
    bare = unwrap(kind).type
    return bare in (None, NoneType) or NoneType in typing.get_args(bare)
