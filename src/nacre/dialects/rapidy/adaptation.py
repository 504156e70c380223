"""Functions of Rapidy's programs as the core calls them: its binder reads a signature with the core's own markers."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import nacre
from nacre.binding import MISSING, Parameter, read_parameters
from nacre.callables import describe, is_async
from nacre.dialects.rapidy.encoders import Fit, holds_no_objects
from nacre.dialects.rapidy.parameters.http import RequestParameter, parameters_of
from nacre.dialects.rapidy.streaming import driven, writes_itself
from nacre.dialects.rapidy.web_exceptions import HTTPException
from nacre.dialects.rapidy.web_request import Request
from nacre.dialects.rapidy.web_response import Response, StreamResponse
from nacre.errors import ConfigurationError, Location, Problem
from nacre.results import return_annotation
from nacre.shaping.annotations import plain_part
from nacre.views import native_request

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a function asks for: the signature for the core's binder, and which parameters need the dialect's words."""

    signature: inspect.Signature
    request: str | None
    response: str | None
    changed: bool


def check_async(function: Callable[..., Any]) -> None:
    """Raises ConfigurationError for a function that isn't async."""
    if not is_async(function):
        what = f"{describe(function)} is no async function, and Rapidy's handlers and middlewares are"
        raise ConfigurationError(Problem(what, Location.of(function), "write `async def`"))


def promised(function: Callable[..., Any], options: Options) -> Any:
    """The type of the plain values that a function returns, as its options or its annotation say."""
    return plain_part(options.get("response_type", return_annotation(function)))


def fit_of(function: Callable[..., Any], options: Options) -> Fit | None:
    """What validates results that hold no objects; None where the core does, or nobody."""
    kind = promised(function, options)
    return Fit(kind) if options.get("response_validate", True) and holds_no_objects(kind) else None


def adapt_handler(function: Callable[..., Any], options: Options) -> Callable[..., Any]:
    """A handler as the core calls it; the function itself if it asks for nothing of the dialect's."""
    check_async(function)
    reading = _read(function, 0)
    # Without options the application's own rules validate.
    finish = _finishing(options, fit_of(function, options) if options else None)
    if not reading.changed and finish is None:
        return function
    request_name, response_name = reading.request, reading.response
    streams = request_name is not None and response_name is None and writes_itself(function)

    @functools.wraps(function)
    async def handler(**values: Any) -> Any:
        if request_name is not None:
            values[request_name] = Request.of(values[request_name])
        if streams:
            result = await driven(lambda: function(**values), values[request_name or ""])
        elif response_name is None:
            result = await function(**values)
        else:
            result = await _with_response(function, (), values, response_name, options)
        return result if finish is None else finish(result)

    handler.__signature__ = reading.signature  # type: ignore[attr-defined]
    return handler


def adapt_middleware(function: Callable[..., Any], options: Options) -> Callable[..., Any]:
    """A middleware as an onion of the core, in whose frame exceptions and responses are the dialect's."""
    check_async(function)
    reading = _read(function, 2)
    response_name = reading.response
    finish = _finishing(options, fit_of(function, options))

    def settled(result: Any) -> Any:
        if result is None:
            return _prepared(options, nacre.Response().as_kind(Response))
        return result if finish is None or isinstance(result, nacre.Response) else finish(result)

    async def plain(native: nacre.Request, call_next: Callable[..., Any], /) -> Any:
        try:
            return settled(await function(Request.of(native), _next_of(call_next)))
        except HTTPException as error:
            # It is a response, and for layers that know nothing of Rapidy nothing else.
            return error

    async def asking(native: nacre.Request, call_next: Callable[..., Any], /, **values: Any) -> Any:
        given = (Request.of(native), _next_of(call_next))
        try:
            if response_name is not None:
                return settled(await _with_response(function, given, values, response_name, options))
            return settled(await function(*given, **values))
        except HTTPException as error:
            return error

    layer = functools.wraps(function)(asking if len(reading.signature.parameters) > 2 else plain)
    layer.__signature__ = reading.signature  # type: ignore[attr-defined]
    layer.dialect = "rapidy"  # type: ignore[attr-defined]
    return layer


def _next_of(call_next: Callable[..., Awaitable[nacre.Response]]) -> Callable[[Any], Awaitable[Any]]:
    """What a middleware awaits: the response as a StreamResponse, HTTP exceptions raised."""

    async def following(request: Any) -> Any:
        # PERF: a layer is asked for these two by every request (bench/dialects.py).
        response: Any = await call_next(request.native if request.__class__ is Request else native_request(request))
        if response.__class__ is Response or response.status == 101:  # a WebSocket's can't be made anew
            return response
        if isinstance(response, HTTPException):
            raise response
        return response if isinstance(response, StreamResponse) else response.as_kind(Response)

    return following


async def _with_response(
    function: Callable[..., Any], given: tuple[Any, ...], values: dict[str, Any], name: str, options: Options
) -> Any:
    """Call a function that asks for the response: it holds for plain values and for None."""
    injected: nacre.Response = values[name]
    mine = values[name] = _prepared(options, injected.as_kind(Response))
    result = await function(*given, **values)
    if result is None:
        return mine
    if isinstance(result, str) and mine.content_type == "application/json":
        return _encoded(result, mine)
    injected.status = mine.status
    if mine.content_type.startswith(("text/", "application/json")) and mine.charset is None:
        mine.charset = "utf-8"  # as for a body that is set; the header fields are those of `injected`
    return result


def _prepared(options: Options, response: Response) -> Response:
    """An empty response with the status and content type of the options."""
    response.set_status(options.get("status_code", 200))
    if "content_type" in options:
        response.headers.set("content-type", options["content_type"])
    return response


def _finishing(options: Options, fit: Fit | None) -> Callable[[Any], Any] | None:
    """What is done to a result before the core sees it: it is made to fit, and a text is quoted if JSON is wanted."""
    quotes = str(options.get("content_type", "")).startswith("application/json")
    if fit is None and not quotes:
        return None

    def finish(result: Any) -> Any:
        if isinstance(result, nacre.Response):
            return result
        value = result if fit is None else fit(result)
        return _encoded(value, _prepared(options, Response())) if quotes and isinstance(value, str) else value

    return finish


def _encoded(value: Any, response: Response) -> Response:
    response.body = value
    return response


# Signatures.


def _read(function: Callable[..., Any], given: int) -> Reading:
    """Read a function whose first `given` parameters are passed by position. Raises ConfigurationError."""
    known = read_parameters(function)
    if isinstance(known, Problem):
        raise ConfigurationError(known)
    parameters: list[inspect.Parameter] = []
    names: dict[str, str | None] = {"request": None, "response": None}
    changed = False
    for index, one in enumerate(known):
        if index < given:
            kind: Any = inspect.Parameter.POSITIONAL_ONLY
            parameters.append(inspect.Parameter(one.name, kind))
            continue
        role, annotation = _annotation(one, function, first=index == 0 and given == 0)
        if role in names:
            names[role] = one.name
        changed = changed or role != "other"
        default = one.default if role == "other" and one.has_default else inspect.Parameter.empty
        kind = one.kind if one.is_open else inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(one.name, kind, default=default, annotation=annotation))
    signature = inspect.Signature(parameters, return_annotation=return_annotation(function))
    return Reading(signature, names["request"], names["response"], changed)


def _annotation(one: Parameter, function: Callable[..., Any], *, first: bool) -> tuple[str, Any]:
    """The role of a parameter, and the annotation by which the core binds it."""
    kind, marks = one.type, []
    if typing.get_origin(kind) is Annotated:
        marks = parameters_of(kind.__metadata__)
        kind = kind.__origin__ if marks else kind
    default = one.default
    if isinstance(default, RequestParameter):
        marks, default = [*marks, default], inspect.Parameter.empty
    _check_called(one, function)
    if marks:
        absent = default is inspect.Parameter.empty or not one.has_default
        try:
            return "parameter", marks[-1].annotation(kind, one.name, MISSING if absent else default)
        except TypeError as error:
            what = f"{describe(function)} takes `{one.name}`, and pydantic can't validate it: {error}"
            raise ConfigurationError(Problem(what, Location.of(function), "change its type or constraints")) from None
    if isinstance(kind, type) and issubclass(kind, Request):
        return "request", nacre.Request
    if isinstance(kind, type) and issubclass(kind, StreamResponse):
        return "response", nacre.Response
    if first and kind is MISSING and not one.has_default and not one.markers and not one.is_open:
        return "request", nacre.Request
    return "other", _as_written(one)


def _as_written(one: Parameter) -> Any:
    """The annotation again, with the core's own markers, which `read_parameters` has taken out."""
    annotated: Any = Annotated
    if one.unresolved is not None:
        return one.unresolved
    kind = Any if one.type is MISSING else one.type
    if one.markers:
        return annotated[kind, *one.markers]
    return inspect.Parameter.empty if one.type is MISSING else kind


def _check_called(one: Parameter, function: Callable[..., Any]) -> None:
    """Raises ConfigurationError for `= Header` without parentheses."""
    metadata = getattr(one.type, "__metadata__", ())
    for found in (one.default, *metadata):
        if isinstance(found, type) and issubclass(found, RequestParameter):
            what = f"{describe(function)} gives `{one.name}` the class {found.__name__} itself"
            raise ConfigurationError(Problem(what, Location.of(function), f"call it: `{found.__name__}()`"))
