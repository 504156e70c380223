"""Bodies that are read in Rapidy's own ways: unchecked types, own decoders, forms as dicts, streams."""

from __future__ import annotations

import json
import typing
from collections.abc import Awaitable, Callable, Mapping
from types import UnionType
from typing import Any, Union

from nacre.binding import MISSING
from nacre.binding.parser import FAILURES, Parser
from nacre.dialects.rapidy.pydantic_fields import adapter_of, json_parser_of
from nacre.dialects.rapidy.streams import StreamReader
from nacre.dialects.rapidy.web_exceptions import (
    HTTPBadRequest,
    HTTPValidationFailure,
    extraction_failure,
    validation_failure,
)
from nacre.dialects.rapidy.web_request import PostedForm, Request
from nacre.errors import BadRequest, ValidationError
from nacre.media import parse_media_type
from nacre.request import Request as NativeRequest

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def is_marked(kind: Any, content_type: str) -> bool:
    """Whether the core's own marker reads such a body: JSON of any type but streams, text as a str."""
    if content_type == "application/json":
        return kind not in (MISSING, StreamReader) and kind is not bytes
    return content_type.startswith("text/") and "*" not in content_type and kind is str


def is_mapping(kind: Any) -> bool:
    """Whether a type, or a part of a union, is a dict or its like, which takes any field."""
    origin = typing.get_origin(kind) or kind
    if origin in (Union, UnionType):
        return any(is_mapping(one) for one in typing.get_args(kind))
    return isinstance(origin, type) and issubclass(origin, Mapping) and not hasattr(origin, "__total__")


class BodyReader:
    """Reads a body by its declared type, and has pydantic validate it."""

    def __init__(
        self,
        kind: Any,
        content_type: str,
        *,
        checks: bool,
        loads: Callable[[str], Any],
        default: Any,
        default_factory: Callable[[], Any] | None,
        constraints: Mapping[str, Any],
    ) -> None:
        self.kind = Any if kind is MISSING else kind
        self.content_type = content_type
        self._checks = checks
        self._loads = loads
        self._default = default
        self._default_factory = default_factory
        self._is_stream = kind is StreamReader
        is_raw = self._is_stream or self.kind in (Any, bytes)
        is_json = content_type == "application/json"
        self._parser = (
            json_parser_of(self.kind, constraints) if is_json and loads is json.loads and not is_raw else None
        )
        self._validate = None if is_raw or self._parser else adapter_of(self.kind, constraints).validate_python

    def provider(self) -> Callable[[NativeRequest], Awaitable[Any]]:
        """The function that gives the body to a parameter."""

        async def body(request: NativeRequest) -> Any:
            return await self.read(Request.of(request))

        return body

    async def read(self, request: Request) -> Any:
        """The validated body. Raises HTTPValidationFailure, and what reading raises."""
        if self._checks:
            self._check(request)
        if self._is_stream:
            return request.content
        if not request.body_exists:
            return self._absent()
        if self._parser is not None:
            return _parsed(self._parser, (await request.text()).encode())
        raw = await self._received(request)
        if self._validate is None:
            return raw
        if isinstance(raw, PostedForm):
            return _validated_form(self._validate, raw, is_mapping=is_mapping(self.kind))
        return validated(self._validate, raw, "body")

    def _absent(self) -> Any:
        if self._default_factory is not None:
            return self._default_factory()
        if self._default is not MISSING:
            return self._default
        raise HTTPValidationFailure([{"type": "missing", "loc": ["body"], "msg": "Field required"}])

    def _check(self, request: Request) -> None:
        given = request.native.body_fields()[0]
        if not given:
            raise extraction_failure(f"`Content-Type` header cannot be empty. Expected: `{self.content_type}`")
        try:
            essence = parse_media_type(given).essence
        except ValueError:
            raise extraction_failure(f"Expected Content-Type `{self.content_type}`") from None
        wanted, found = self.content_type.split("/"), essence.split("/")
        if any(part not in ("*", other) for part, other in zip(wanted, found, strict=False)):
            raise extraction_failure(f"Expected Content-Type `{self.content_type}` not `{essence}`")

    async def _received(self, request: Request) -> Any:
        if self.kind is bytes:
            return await request.read()
        if self.content_type == "application/json":
            try:
                return self._loads(await request.text())
            except (ValueError, RecursionError) as error:
                said = str(error) if isinstance(error, json.JSONDecodeError) else "it can't be read"
                raise extraction_failure(said, " as Json") from None
        if self.content_type in FORMS:
            try:
                return await request.post()
            except HTTPBadRequest:
                raise extraction_failure("extraction error") from None
        return await (request.text() if self.content_type.startswith("text/") else request.read())


def validated(validate: Callable[[Any], Any], raw: Any, source: str) -> Any:
    """What pydantic makes of a part of a request. Raises HTTPValidationFailure; `source` is "body" and the like."""
    try:
        return validate(raw)
    except ValueError as error:
        raise _failure(error, source) from None


def _validated_form(validate: Callable[[Any], Any], form: PostedForm, *, is_mapping: bool) -> Any:
    """A form as an object: a repeated field is a list where one is wanted, and its first value elsewhere.

    In a dict it is its last value: a program that wants texts is never given a list by a client.
    """
    if is_mapping:
        return validated(validate, dict(form.items()), "body")
    lists = {name: form.getall(name) for name in form}
    if any(len(values) > 1 for values in lists.values()):
        try:
            return validate({name: values if len(values) > 1 else values[0] for name, values in lists.items()})
        except ValueError:
            pass
    return validated(validate, {name: values[0] for name, values in lists.items()}, "body")


def _parsed(parser: Parser, raw: bytes) -> Any:
    try:
        return parser.parse(raw)
    except FAILURES:
        pass
    try:
        errors = parser.explain(raw)
    except BadRequest as error:
        raise extraction_failure(error.detail, " as Json") from None
    raise validation_failure(ValidationError([{**one, "loc": ["body", *one["loc"]]} for one in errors]))


def _failure(error: ValueError, source: str) -> HTTPValidationFailure:
    found = getattr(error, "errors", None)
    if found is None:
        return HTTPValidationFailure([{"type": "value_error", "loc": [source], "msg": "is not valid"}])
    listed = found(include_url=False, include_input=False)
    return HTTPValidationFailure([{**one, "loc": [source, *one["loc"]]} for one in listed])
