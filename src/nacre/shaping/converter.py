"""From a function's options and return annotation to the converter of its plain values; what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from nacre.errors import ConfigurationError, Location, Problem
from nacre.response import Response
from nacre.results import Converter, Results, is_stream, return_annotation
from nacre.shaping.annotations import EMPTY, is_stream_type, makes_stream, members_of, plain_part, says_nothing
from nacre.shaping.checks import Checks
from nacre.shaping.conversion import Conversion, compile_conversion
from nacre.shaping.label import Label
from nacre.shaping.options import ResponseOptions, read_options
from nacre.shaping.selection import Selection


class Promise(Struct, frozen=True):
    """What a function says that it answers with a plain value.

    `type` is the type of the value (`inspect.Signature.empty` if nothing says it, `Never` if there is none), `status`
    and `content_type` are those of the response, None where they depend on the value.
    """

    type: Any
    status: int | None
    content_type: str | None


def promise_of(results: Results, function: Callable[..., Any], given: Mapping[str, Any]) -> Promise:
    """Read what a function with these options promises. The options must have been found sound."""
    options = read_options(given, "", None)
    kind = _value_type(function, options)
    if kind is int and options.response_type is None and return_annotation(function) is not int:
        kind = EMPTY  # in a union a number is a status, as `Results.compile` has it
    status = options.status_code
    if status is None:
        status = results.none_status if kind in (None, type(None)) else None if says_nothing(kind) else 200
    return Promise(kind, status, options.content_type or results.content_type_of(kind))


def compile_converter(
    results: Results, function: Callable[..., Any], given: Mapping[str, Any], name: str, where: Location | None
) -> Converter:
    """Compile the converter of what a function returns, with the response options that were given for it.

    Without options it is the one that `results` has for the return annotation. Raises ConfigurationError for all that
    is wrong; `name` and `where` say there, and in errors of the running application, which function it is.
    """
    if not given:
        return results.compile(return_annotation(function))
    options = read_options(given, name, where)
    kind = _value_type(function, options)
    streams = is_stream_type(kind) or makes_stream(function)
    problems = Checks(options, kind, streams, name, where).problems()
    conversion = None
    if not problems and _validates(options):
        try:
            conversion = compile_conversion(kind, f"{name} ({where})" if where else name)
        except TypeError as error:
            fix = "give a response_type that can be checked, or leave validation out"
            problems = [Problem(f"{name} can't have its results validated: {error}", where, fix)]
    if problems:
        raise ConfigurationError(problems)
    # A number or a tuple of a response_type is data; of an annotation, only where it says nothing else.
    is_typed = options.response_type is not None
    rules = results.variant(_json_encoder(results, options, conversion), (int, tuple) if is_typed else ())
    annotation = options.response_type if is_typed else return_annotation(function)
    return _converter(rules, options, annotation, conversion)


def _validates(options: ResponseOptions) -> bool:
    if options.response_validate is None:
        return options.response_type is not None
    return options.response_validate


def _value_type(function: Callable[..., Any], options: ResponseOptions) -> Any:
    return plain_part(return_annotation(function) if options.response_type is None else options.response_type)


def _converter(rules: Results, options: ResponseOptions, annotation: Any, conversion: Conversion | None) -> Converter:
    put, make = Label(options).put, rules.compile(annotation)
    convert = None if conversion is None else conversion.convert
    members = (annotation,) if options.response_type is None else members_of(annotation)
    splits_tuples = all(rules.splits_tuples(member) for member in members)
    unfit_for_streams = options.about_fields

    def converter(value: Any) -> Response:
        if isinstance(value, Response):
            return value
        if splits_tuples and value.__class__ is tuple:
            return rules.parts(value)
        if unfit_for_streams and is_stream(value):
            raise TypeError(f"a stream has no fields for {' and '.join(unfit_for_streams)}")
        if convert is not None:
            value = convert(value)
        return put(make(value), value)

    rules.convert_body = converter  # the body in a tuple is a plain value too
    return converter


def _json_encoder(
    results: Results, options: ResponseOptions, conversion: Conversion | None
) -> Callable[[object], bytes]:
    selection = Selection(options)
    if conversion is not None and conversion.adapter is not None:
        select: Callable[[Any], Any] = selection.through(conversion.adapter)
    elif options.about_fields:
        select = selection
    else:
        select = _as_it_is
    encode = results.encode if options.json_encoder is None else _bytes_of(options.json_encoder)
    return lambda value: encode(select(value))


def _as_it_is(value: Any) -> Any:
    return value


def _bytes_of(json_encoder: Callable[[Any], Any]) -> Callable[[object], bytes]:
    def encode(value: object) -> bytes:
        text = json_encoder(msgspec.to_builtins(value, str_keys=True, enc_hook=_dump))
        if isinstance(text, str):
            return text.encode()
        if isinstance(text, bytes):
            return text
        raise TypeError(f"the json_encoder gave a {type(text).__name__}; it must return str or bytes")

    return encode


def _dump(value: object) -> Any:
    dump = getattr(value, "model_dump", None)  # pydantic's models, without importing pydantic
    if dump is not None:
        return dump(mode="json")
    raise TypeError(f"{type(value).__qualname__} has no JSON form; name it in `custom_encoder`")
