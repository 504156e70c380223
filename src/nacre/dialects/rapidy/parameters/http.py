"""Parameters: which part of a request a handler or middleware asks for, and what must hold of it.

They become markers of the core, with pydantic's own `Field` in the type, so that pydantic's rules and words hold.
"""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar

import nacre
from nacre.binding import MISSING
from nacre.dialects.rapidy.bodies import BodyReader, is_mapping, is_marked, validated
from nacre.dialects.rapidy.pydantic_fields import adapter_of, or_if_empty, with_constraints
from nacre.dialects.rapidy.web_request import CIMultiDict, MultiDict
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request

CONSTRAINTS = (
    *("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "strict"),
    *("allow_inf_nan", "max_digits", "decimal_places", "discriminator"),
)
_TOLD = ("description", "examples", "deprecated")
_OTHERS = (
    *("default_factory", "alias", "validation_alias", "regex", "validate"),
    *("alias_priority", "serialization_alias", "title", "json_schema_extra"),
)


class RequestParameter:
    """One parameter: a part of the request, by its own name or by `alias`, or all of them as one object.

    The options are those of pydantic's `Field`. `validate=False` gives what the client sent.
    """

    source: ClassVar[str]
    takes_default: ClassVar[bool] = True

    def __init__(self, default: Any = MISSING, **options: Any) -> None:
        self.where = Location.of_caller()
        self.options = options
        self.default = MISSING if default is ... else default
        self.problems = [self._unknown(name) for name in options if name not in self.known()]
        if not self.takes_default and (self.default is not MISSING or options.get("default_factory")):
            self._problem("can't have a default", "leave it out: a path without it is another one")
        if self.default is not MISSING and options.get("default_factory"):
            self._problem("has both a default and a default_factory", "keep one of them")
        if self.problems:
            raise ConfigurationError(self.problems)

    def known(self) -> tuple[str, ...]:
        """The names of its options."""
        return (*CONSTRAINTS, *_TOLD, *_OTHERS)

    def _problem(self, what: str, fix: str) -> None:
        self.problems.append(Problem(f"{type(self).__name__} {what}", self.where, fix))

    def _unknown(self, name: str) -> Problem:
        near = difflib.get_close_matches(name, self.known(), n=1)
        fix = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(self.known())}"
        return Problem(f"{type(self).__name__} has no option `{name}`", self.where, fix)

    def annotation(self, kind: Any, name: str, default: Any) -> Any:
        """The annotation by which the core binds a parameter of this type and name."""
        raise NotImplementedError

    def constraints(self) -> dict[str, Any]:
        """What must hold of the value, as pydantic's `Field` has it."""
        given = {name: self.options[name] for name in CONSTRAINTS if self.options.get(name) is not None}
        if "regex" in self.options:
            given["pattern"] = self.options["regex"]
        return given

    def constrained(self, kind: Any) -> Any:
        """A type with the constraints. Raises TypeError if pydantic can't hold it to them."""
        if given := self.constraints():
            adapter_of(kind, given)
        return with_constraints(kind, given)

    def absent(self, kind: Any, default: Any) -> dict[str, Any]:
        """What stands for a value that wasn't sent, under the core's names; nothing if it must be sent."""
        factory = self.options.get("default_factory")
        if factory is not None:
            return {"default_factory": factory}
        default = self.default if default is MISSING else default
        if default is MISSING and self.takes_default and _is_optional(kind):
            default = None
        return {} if default is MISSING else {"default": default}

    def marked(self, kind: Any, marker: Callable[..., Any], absent: Mapping[str, Any], **options: Any) -> Any:
        """A type with a marker of the core."""
        told = {name: self.options[name] for name in _TOLD if self.options.get(name) is not None}
        if "deprecated" in told:
            told["deprecated"] = bool(told["deprecated"])
        annotated: Any = Annotated
        return annotated[kind, marker(**absent, **told, **options)]


class Single(RequestParameter):
    """A parameter that is one field."""

    marker: ClassVar[Callable[..., Any]]

    def annotation(self, kind: Any, name: str, default: Any) -> Any:
        alias = str(self.options.get("alias") or self.options.get("validation_alias") or name)
        absent = self.absent(kind, default)
        if kind in (MISSING, Any) or self.options.get("validate") is False:
            # Any default is right then, also one that is no text.
            absent = {"default_factory": _maker(absent)} if absent else {}
            kind = str
        else:
            kind = self.constrained(kind)
        if absent:
            kind = or_if_empty(kind, _maker(absent))
        return self.marked(kind, type(self).marker, absent, alias=alias)


def _maker(absent: Mapping[str, Any]) -> Callable[[], Any]:
    factory: Callable[[], Any] = absent.get("default_factory") or (lambda: absent["default"])
    return factory


class Whole(RequestParameter):
    """A parameter that is all fields of a source: a model or dataclass that takes them, or a dict."""

    marker: ClassVar[Callable[..., Any]]
    read: ClassVar[Callable[[Request], Mapping[str, Any]]]

    def annotation(self, kind: Any, name: str, default: Any) -> Any:
        annotated: Any = Annotated
        origin = typing.get_origin(kind) or kind
        if kind in (MISSING, Any) or is_mapping(origin):
            return annotated[Any, nacre.Provide(self._reader(kind), inline=True)]
        return annotated[kind, type(self).marker(**({} if default is MISSING else {"default": default}))]

    def _reader(self, kind: Any) -> Callable[[Request], Any]:
        """What reads all fields into a dict, of a repeated one the last, and validates it; as they are for no type."""
        read, source = type(self).read, self.source
        if (typing.get_origin(kind) or kind) is not dict:
            return read
        validate = adapter_of(kind, {}).validate_python if typing.get_args(kind) else dict

        def fields(request: Request) -> Any:
            return validated(validate, dict(read(request).items()), source)

        return fields


def _path(request: Request) -> Mapping[str, Any]:
    return request.path_params


def _headers(request: Request) -> Mapping[str, Any]:
    return CIMultiDict(request.headers.pairs())


def _cookies(request: Request) -> Mapping[str, Any]:
    return request.cookies


def _query(request: Request) -> Mapping[str, Any]:
    return MultiDict(request.query.pairs())


class PathParam(Single):
    """A variable of the path."""

    source, marker, takes_default = "path", nacre.Path, False


class PathParams(Whole):
    """All variables of the path."""

    source, marker, read, takes_default = "path", nacre.Path, _path, False


class Header(Single):
    """A header field, by the parameter's own name unless `alias` gives another."""

    source, marker = "header", nacre.Header


class Headers(Whole):
    """All header fields."""

    source, marker, read = "header", nacre.Header, _headers


class Cookie(Single):
    """A cookie."""

    source, marker = "cookie", nacre.Cookie


class Cookies(Whole):
    """All cookies."""

    source, marker, read = "cookie", nacre.Cookie, _cookies


class QueryParam(Single):
    """A field of the query; all that are repeated for a list."""

    source, marker = "query", nacre.Query


class QueryParams(Whole):
    """All fields of the query."""

    source, marker, read = "query", nacre.Query, _query


class Body(RequestParameter):
    """The body, read by its `content_type`: JSON, a form, text, or bytes for all else.

    A body of another type is refused unless `check_content_type` is False. `json_decoder` makes data of a JSON text.
    A parameter annotated `StreamReader` gets the body as it arrives.
    """

    source = "body"

    def __init__(
        self,
        default: Any = MISSING,
        *,
        content_type: str = "application/json",
        check_content_type: bool = True,
        json_decoder: Callable[[str], Any] = json.loads,
        **options: Any,
    ) -> None:
        super().__init__(default, **options)
        self.content_type = str(content_type).lower()
        self.check_content_type = check_content_type
        self.json_decoder = json_decoder

    def annotation(self, kind: Any, name: str, default: Any) -> Any:
        optional = _is_optional(kind)
        is_plain = self.check_content_type and self.json_decoder is json.loads
        validates = self.options.get("validate") is not False
        if is_plain and validates and is_marked(kind, self.content_type):
            absent = self.absent(kind, default)
            return self.marked(self.constrained(kind), nacre.Body, absent, content_type=self.content_type)
        # What the core's marker doesn't know is read by a provider, which OpenAPI can't describe.
        default = self.default if default is MISSING else default
        reader = BodyReader(
            Any if not validates else kind,
            self.content_type,
            checks=self.check_content_type,
            loads=self.json_decoder,
            default=None if default is MISSING and optional else default,
            default_factory=self.options.get("default_factory"),
            constraints=self.constraints(),
        )
        annotated: Any = Annotated
        return annotated[Any, nacre.Provide(reader.provider())]


def parameters_of(metadata: Iterable[Any]) -> list[RequestParameter]:
    """The parameters among what an annotation holds."""
    return [one for one in metadata if isinstance(one, RequestParameter)]


def _is_optional(kind: Any) -> bool:
    return type(None) in typing.get_args(kind)
