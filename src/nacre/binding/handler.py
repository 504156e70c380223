"""Handlers: from the user's signature to a function of the request alone."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nacre.callables import describe, is_async
from nacre.errors import Location, Problem
from nacre.request import Request

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


Kind = Literal["async", "plain", "lazy", "stream", "either"]


@dataclass(frozen=True)
class BoundHandler:
    """A handler as the chain calls it: `call(request)`.

    `kind` is "async" (the call is awaited), "plain" (it may block), "lazy" or "stream" (it returns a generator at once,
    plain or async, whose body runs when it is iterated), or "either" (a plain wrapper around something async).
    """

    call: Callable[[Request], Any]
    kind: Kind


def bind_handler(function: Callable[..., Any], variables: Iterable[str]) -> BoundHandler | Problem:
    """Decide where each parameter of a handler comes from.

    The first positional parameter that is unannotated or annotated `Request`, and is no path variable, is the request;
    path variables go in by name; `functools.wraps` is followed; a function of `(*args, **kwargs)` gets the request and
    all path variables. Returns the problem if a parameter has no source.
    """
    names = tuple(variables)
    try:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    except NameError:
        # A name that exists for type checkers only; what is needed here can be read without it.
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        return Problem(f"handler {describe(function)} has no signature: {error}", Location.of(function))
    request = _request_parameter(parameters, names)
    wildcard = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    taken: list[str] = []
    missing: list[str] = []
    for parameter in parameters:
        if parameter is request or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in names and parameter.kind is not parameter.POSITIONAL_ONLY:
            taken.append(parameter.name)
        elif parameter.default is parameter.empty:
            missing.append(parameter.name)
    if missing:
        return _unsourced(function, missing, [name for name in names if name not in taken], names)
    open_ended = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    values = names if wildcard else tuple(taken)
    by_name = request is not None and request is not parameters[0]
    call = _compile(function, request, positional=not by_name, open_ended=open_ended, values=values, all_names=names)
    return BoundHandler(call, _kind(function))


def _request_parameter(parameters: list[inspect.Parameter], names: tuple[str, ...]) -> inspect.Parameter | None:
    for parameter in parameters:
        annotation = parameter.annotation
        if isinstance(annotation, type) and issubclass(annotation, Request):
            return parameter
        if annotation in ("Request", "nacre.Request"):  # a string that could not be evaluated
            return parameter
    for parameter in parameters:
        if parameter.kind in _POSITIONAL and parameter.name not in names:
            unmarked = parameter.annotation is parameter.empty and parameter.default is parameter.empty
            return parameter if unmarked else None
    return None


def _compile(
    function: Callable[..., Any],
    request: inspect.Parameter | None,
    *,
    positional: bool,
    open_ended: bool,
    values: tuple[str, ...],
    all_names: tuple[str, ...],
) -> Callable[[Request], Any]:
    if request is not None and not positional:
        name = request.name
        return lambda incoming: function(**{name: incoming}, **{key: incoming.path_params[key] for key in values})
    with_request = request is not None or (open_ended and not _is_wrapper(function))
    if not values:
        return function if with_request else lambda incoming: function()
    if set(values) == set(all_names):
        if with_request:
            return lambda incoming: function(incoming, **incoming.path_params)
        return lambda incoming: function(**incoming.path_params)
    if with_request:
        return lambda incoming: function(incoming, **{key: incoming.path_params[key] for key in values})
    return lambda incoming: function(**{key: incoming.path_params[key] for key in values})


def _is_wrapper(function: Callable[..., Any]) -> bool:
    return hasattr(function, "__wrapped__")


def _kind(function: Callable[..., Any]) -> Kind:
    inner = inspect.unwrap(function)
    if is_async(function):
        return "async"
    if inspect.isasyncgenfunction(function):
        return "stream"
    if inspect.isgeneratorfunction(function):
        return "lazy"
    # A plain wrapper around an async function returns its coroutine.
    if inner is not function and (is_async(inner) or inspect.isasyncgenfunction(inner)):
        return "either"
    return "plain"


def _unsourced(
    function: Callable[..., Any], missing: Sequence[str], free: Sequence[str], names: Sequence[str]
) -> Problem:
    """The problem of parameters that nothing gives a value; `free` are the path's variables that no parameter takes."""
    takes = " and ".join(f"`{name}`" for name in missing)
    given = ", ".join(f"`{name}`" for name in names) or "none"
    near = difflib.get_close_matches(missing[0], free, n=1)
    if len(missing) > 1:
        value = "them values"
        fix = f"name path variables so (the path has {given}), give them defaults, or annotate one `Request`"
    elif near:
        value = "it a value"
        fix = f"did you mean `{near[0]}`? Rename the parameter, give it a default, or annotate it `Request`"
    else:
        value = "it a value"
        fix = f"name a path variable {takes} (the path has {given}), give it a default, or annotate it `Request`"
    what = f"handler {describe(function)} takes {takes}, and nothing gives {value}"
    return Problem(what, Location.of(function), fix)
