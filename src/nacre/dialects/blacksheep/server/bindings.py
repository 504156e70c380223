"""Where BlackSheep's programs say that a parameter comes from, and the signatures that say the same to Nacre."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from types import GenericAlias, NoneType
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from urllib.parse import unquote

from nacre.binding import MISSING, Body, Cookie, Form, Header, Parameter, Path, Provide, Query, read_parameters
from nacre.binding.kinds import kind_of
from nacre.callables import describe, is_async
from nacre.dialects.blacksheep.contents import FormPart
from nacre.dialects.blacksheep.exceptions import BadRequest
from nacre.dialects.blacksheep.messages import Request
from nacre.dialects.blacksheep.server.websocket import WebSocket
from nacre.dialects.blacksheep.url import URL
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request as NativeRequest

T = TypeVar("T")


class BoundValue(Generic[T]):
    """A value that was taken from the request. A subclass may give the `name` that it has there."""

    name: ClassVar[str | None] = None

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.value!r}>"


class FromQuery(BoundValue[T]):
    """A field of the query; all that are repeated for a list."""


class FromHeader(BoundValue[T]):
    """A header field, called as the parameter is unless a subclass names it."""


class FromCookie(BoundValue[T]):
    """A cookie."""


class FromRoute(BoundValue[T]):
    """A variable of the path."""


class FromServices(BoundValue[T]):
    """What the application's services give for the type."""


class FromJSON(BoundValue[T]):
    """The body, decoded from JSON."""


FromJson = FromJSON


class FromBody(FromJSON[T]):
    """The body, decoded from JSON."""


class FromForm(BoundValue[T]):
    """The fields of a form."""


class FromText(BoundValue[str]):
    """The body as text."""


class FromBytes(BoundValue[bytes]):
    """The body as it came."""


class FromFiles(BoundValue[list[FormPart]]):
    """The files of a form."""


class FromFile(BoundValue[FormPart]):
    """The file of a form that is called as the parameter is."""


class ClientInfo(BoundValue[tuple[str, int]]):
    """The client's address and port."""


class ServerInfo(BoundValue[tuple[str, int]]):
    """The address and port that the request came to."""


class RequestUser(BoundValue[Any]):
    """Who the request is from."""


class RequestURL(BoundValue[URL]):
    """The URL of the request."""


class RequestMethod(BoundValue[str]):
    """The method of the request."""


def _view(request: NativeRequest) -> Request:
    return Request.of(request)


def _socket(request: NativeRequest) -> WebSocket:
    return WebSocket.of(request)


_VIEW = Provide(_view, inline=True)
_SOCKET = Provide(_socket, inline=True)


def rebound(
    function: Callable[..., Any], variables: Collection[str] = (), first: Sequence[inspect.Parameter] = ()
) -> inspect.Signature:
    """The signature of a function in Nacre's markers; `first` stand in the place of as many of its own parameters."""
    found = _parameters(function)
    if any(parameter.is_open for parameter in found):
        what = f"{describe(function)} takes *args or **kwargs, so nothing tells what it asks for"
        fix = "decorate the wrapper with functools.wraps(function)"
        raise ConfigurationError(Problem(what, Location.of(function), fix))
    rest = [_rebound(parameter, variables, function) for parameter in found[len(first) :]]
    returned = inspect.Signature.empty
    if not inspect.isasyncgenfunction(inspect.unwrap(function)):
        try:
            returned = inspect.signature(function, eval_str=True).return_annotation
        except (NameError, TypeError, ValueError):
            pass  # a name that exists for type checkers only
    given = _by_position(rest, found[len(first) :], variables)
    return inspect.Signature([*first, *given], return_annotation=returned)


def _by_position(
    parameters: Sequence[inspect.Parameter], found: Sequence[Parameter], variables: Collection[str]
) -> list[inspect.Parameter]:
    """The same parameters, given by their places as far as can be: wrappers may look at their first argument."""
    given: list[inspect.Parameter] = []
    kind: Any = inspect.Parameter.POSITIONAL_ONLY
    default: Any = inspect.Parameter.empty
    for parameter, own in zip(parameters, found, strict=True):
        if own.name in variables:
            parameter = parameter.replace(default=inspect.Parameter.empty)  # a path without it isn't this one
        elif own.has_default and parameter.default is inspect.Parameter.empty:
            # One that stands before it may have a default. What gives it a value comes first.
            parameter = parameter.replace(default=None)
        is_out_of_order = default is not inspect.Parameter.empty and parameter.default is inspect.Parameter.empty
        if own.kind is inspect.Parameter.KEYWORD_ONLY or is_out_of_order:
            kind = inspect.Parameter.KEYWORD_ONLY
        default = parameter.default
        given.append(parameter.replace(kind=kind))
    return given


def with_signature(function: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    """The same function, asking for what the signature says."""
    # PERF: a partial, since a function around it would be a call more for each request.
    wrapper: Any = partial(function)
    functools.update_wrapper(wrapper, function)
    wrapper.__signature__ = signature
    return wrapper  # type: ignore[no-any-return]


def bound_handler(function: Callable[..., Any], variables: Collection[str]) -> Callable[..., Any]:
    """A handler as Nacre binds it; the function itself if it asks for nothing."""
    signature = rebound(function, variables)
    if not signature.parameters:
        return function
    # What is taken from the route by a parameter that is called like its variable is wrapped here.
    kinds = {one.name: _bound_type(one.type) for one in _parameters(function) if one.name in variables}
    classes = {name: kind[0] for name, kind in kinds.items() if kind is not None}
    return with_signature(_wrapping(function, list(signature.parameters), classes) if classes else function, signature)


def services_of(function: Callable[..., Any]) -> list[type]:
    """The classes that a function asks for and that no request has: those of services."""
    kinds = []
    for parameter in _parameters(function):
        bound = _bound_type(parameter.type)
        kind = parameter.type if bound is None else bound[1] if issubclass(bound[0], FromServices) else None
        if isinstance(kind, type) and kind_of(kind) == "unsupported" and not issubclass(kind, _OF_REQUESTS):
            kinds.append(kind)
    return kinds


_OF_REQUESTS = (NativeRequest, Request)


def _parameters(function: Callable[..., Any]) -> list[Parameter]:
    found = read_parameters(function)
    if isinstance(found, Problem):
        raise ConfigurationError(found)
    return found


def _wrapping(
    function: Callable[..., Any], names: Sequence[str], classes: Mapping[str, type[BoundValue[Any]]]
) -> Callable[..., Any]:
    """A function that is given plain values for the names in `classes`."""

    def wrapped(values: Iterable[Any]) -> list[Any]:
        return [classes[name](value) if name in classes else value for name, value in zip(names, values, strict=False)]

    if is_async(function):

        @functools.wraps(function)
        async def call(*values: Any, **named: Any) -> Any:
            return await function(*wrapped(values), **named)

        return call

    @functools.wraps(function)
    def call_plainly(*values: Any, **named: Any) -> Any:
        return function(*wrapped(values), **named)

    return call_plainly


def _rebound(parameter: Parameter, variables: Collection[str], function: Callable[..., Any]) -> inspect.Parameter:
    kind, name = parameter.type, parameter.name
    made = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
    bare = kind is MISSING and not parameter.markers
    default = inspect.Parameter.empty if parameter.default is MISSING else parameter.default
    if parameter.markers:
        return made.replace(annotation=Annotated[(kind, *parameter.markers)], default=default)
    if parameter.unresolved is not None:
        return made.replace(annotation=parameter.unresolved, default=default)
    if (bare and name == "request") or kind is Request:
        return made.replace(annotation=Annotated[Request, _VIEW])
    if kind is WebSocket or (bare and name in ("websocket", "ws") and name not in variables):
        return made.replace(annotation=Annotated[WebSocket, _SOCKET])
    bound = _bound_type(kind)
    if bound is not None and name in variables:
        return made.replace(annotation=bound[1] or str)
    if bound is not None:
        return made.replace(annotation=_taken(*bound, parameter, function))
    if bare and name not in variables:
        marker = Query() if parameter.has_default else Query(None)
        return made.replace(annotation=Annotated[list[str] | None, marker], default=default)
    many = typing.get_origin(kind) or kind
    if many in (list, set) and name not in variables and parameter.default is MISSING:
        shape: Any = GenericAlias(many, (str,)) if kind is many else kind
        # Lists of what no query field holds are the body.
        is_query = kind_of(shape) == "texts"
        marker = Query(default_factory=many) if is_query else Body()
        return made.replace(annotation=Annotated[shape, marker])
    if kind in (Any, bytes):
        return made.replace(annotation=Annotated[kind, Body()], default=default)
    return made.replace(annotation=inspect.Parameter.empty if kind is MISSING else kind, default=default)


def _bound_type(kind: Any) -> tuple[type[BoundValue[Any]], Any] | None:
    """The class of a bound value that an annotation names, and the type of what it holds."""
    args = [one for one in typing.get_args(kind) if one is not NoneType]
    origin = typing.get_origin(kind) or kind
    if not isinstance(origin, type) or not issubclass(origin, BoundValue):
        return _bound_type(args[0]) if len(args) == 1 and origin is not kind and not isinstance(origin, type) else None
    if args:
        return origin, typing.get_args(kind)[0]
    # `class FromAgent(FromHeader[str])` says the type among its bases.
    for cls in origin.__mro__:
        for base in vars(cls).get("__orig_bases__", ()):
            held = typing.get_args(base)
            if held and not isinstance(held[0], TypeVar):
                return origin, held[0]
    return origin, None


_MARKERS: Mapping[type[BoundValue[Any]], Callable[..., Any]] = {
    FromQuery: Query,
    FromHeader: Header,
    FromCookie: Cookie,
    FromRoute: Path,
}


def _taken(cls: type[BoundValue[Any]], held: Any, parameter: Parameter, function: Callable[..., Any]) -> Any:
    """The annotation of a parameter that is given a bound value."""
    given = parameter.default.value if isinstance(parameter.default, BoundValue) else MISSING
    # Where the bound value may be missing, it is: what is optional within it is there, with None.
    may_lack = given is MISSING and (parameter.default is None or NoneType in typing.get_args(parameter.type))
    if may_lack:
        given, held = None, held if held is None else held | None
    put = partial(_put, cls, may_lack)
    name = cls.name or parameter.name
    for base, marker in _MARKERS.items():
        if issubclass(cls, base):
            default = {} if given is MISSING else {"default": given}
            if given is MISSING and typing.get_origin(held) in (list, set):
                default = {"default_factory": typing.get_origin(held)}
            # Cookies are sent percent-encoded.
            is_text = marker is Cookie and _without_none(held) in (None, str)
            return _provided(
                partial(put, unquote if is_text else None), Annotated[held or str, marker(alias=name, **default)]
            )
    if issubclass(cls, FromServices):
        return _provided(partial(put, None), held)
    if issubclass(cls, FromJSON) or (issubclass(cls, FromForm) and held not in (None, dict, Any)):
        marker = Form if issubclass(cls, FromForm) else Body
        return _body_of(put, dict[str, Any] if held is None else held, marker, given)
    for base, read in _READERS.items():
        if issubclass(cls, base):
            return _provided(partial(put, None), Annotated[Any, Provide(partial(read, name=name), inline=True)])
    what = f"{describe(function)} takes `{parameter.name}` from {cls.__name__}, which nothing gives a value"
    fix = "take it from a service: app.services.add_scoped_by_factory(function, Class)"
    raise ConfigurationError(Problem(what, Location.of(function), fix))


def _put(cls: type[BoundValue[Any]], may_lack: bool, make: Callable[..., Any] | None, value: Any) -> Any:
    """A value as a bound value, made of what came by `make`; None where there is none and none is needed."""
    if value is None:
        return None if may_lack else cls(None)
    return cls(value if make is None else make(value))


def _provided(put: Callable[[Any], Any], annotation: Any, default: Any = MISSING) -> Any:
    """The annotation of what is put into a bound value when it is there."""

    def wrap(value: Any) -> Any:
        return put(value)

    kept = inspect.Parameter.empty if default is MISSING else default
    only = inspect.Parameter("value", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=kept)
    wrap.__signature__ = inspect.Signature([only])  # type: ignore[attr-defined]
    return Annotated[Any, Provide(wrap, inline=True)]


def _without_none(kind: Any) -> Any:
    """The type of an optional one; other types as they are."""
    args = typing.get_args(kind)
    return next(one for one in args if one is not NoneType) if NoneType in args and len(args) == 2 else kind


def _body_of(put: Callable[..., Any], held: Any, marker: Callable[..., Any], given: Any) -> Any:
    optional, inner = NoneType in typing.get_args(held), _without_none(held)
    default = None if optional and given is MISSING else given
    if isinstance(inner, type) and kind_of(inner) == "unsupported":
        # A plain class is made of what its constructor asks for.
        model = _model_of(inner)
        shape: Any = model | None if optional else model
        return _provided(partial(put, lambda value: inner(**vars(value))), Annotated[shape, marker()], default)
    return _provided(partial(put, None), Annotated[held, marker()], default)


def _model_of(cls: type) -> type:
    """A dataclass with the parameters of a class's constructor for fields."""
    fields = [
        (one.name, Any if one.type is MISSING else one.type, _field(one.default))
        for one in _parameters(cls)
        if not one.is_open
    ]
    return dataclasses.make_dataclass(cls.__name__, fields, kw_only=True)


def _field(default: Any) -> Any:
    if default is MISSING:
        return dataclasses.field()
    # What can't be hashed is what may be changed, so each object gets its own.
    is_fixed = type(default).__hash__ is not None
    return dataclasses.field(default=default) if is_fixed else dataclasses.field(default_factory=partial(copy, default))


# What Nacre has no marker for is read by functions.


async def _read_text(request: NativeRequest, *, name: str) -> str:
    if not await request.body():
        raise BadRequest("Missing body payload")
    return await request.text()


async def _read_bytes(request: NativeRequest, *, name: str) -> bytes:
    return await request.body()


async def _read_form(request: NativeRequest, *, name: str) -> dict[str, Any]:
    form = await Request.of(request).form()
    if form is None:
        raise BadRequest("Expected request content")
    return form


async def _read_files(request: NativeRequest, *, name: str) -> list[FormPart]:
    return await Request.of(request).files()


async def _read_file(request: NativeRequest, *, name: str) -> FormPart:
    found = await Request.of(request).files(name)
    if not found:
        raise BadRequest(f"Missing file `{name}`")
    return found[0]


_READERS: Mapping[type[BoundValue[Any]], Callable[..., Any]] = {
    FromText: _read_text,
    FromBytes: _read_bytes,
    FromForm: _read_form,
    FromFiles: _read_files,
    FromFile: _read_file,
    ClientInfo: lambda request, name: request.client,
    ServerInfo: lambda request, name: request.server,
    RequestUser: lambda request, name: Request.of(request).user,
    RequestURL: lambda request, name: Request.of(request).url,
    RequestMethod: lambda request, name: request.method,
}
