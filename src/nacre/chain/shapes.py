"""Which style a middleware is, settled once from its shape (and from nothing but its shape)."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from nacre.binding import read_parameters
from nacre.callables import describe
from nacre.chain.hooks import Hooks
from nacre.chain.middleware import Middleware, Style
from nacre.errors import ConfigurationError, Location, Problem

ACCEPTED = """\
accepted are: a function or instance called with (request, call_next);
      a class built with (get_response) and called with (request);
      a class built with (app, …) and called with (scope, receive, send);
      WSGIMiddleware(…), DjangoMiddleware(…) or ASGIMiddleware(…) around a factory; Hooks(…)"""


def load_target(target: Any, where: Location | None) -> Any:
    """Follow a dotted name to what it names; anything else is itself. Raises ConfigurationError."""
    if not isinstance(target, str):
        return target
    module_name, _, attribute = target.rpartition(".")
    if not module_name:
        raise ConfigurationError(
            Problem(f"middleware {target!r} is no dotted name", where, "write it as 'package.module.Name'")
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that is there but fails on an import of its own is the user's to see as it is.
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        raise ConfigurationError(
            Problem(f"middleware {target!r}: there is no module {module_name!r}", where, _near_module(module_name))
        ) from None
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, vars(module), n=1)
        fix = f"did you mean {module_name}.{near[0]}?" if near else f"check what {module_name} defines"
        raise ConfigurationError(Problem(f"middleware {target!r}: the module has no {attribute!r}", where, fix))
    return getattr(module, attribute)


def _near_module(name: str) -> str:
    """What to do about a module that isn't there: look at its neighbours in the package, if that is there."""
    import pkgutil

    parent, _, last = name.rpartition(".")
    neighbours = [module.name for module in pkgutil.iter_modules(getattr(sys.modules.get(parent), "__path__", ()))]
    near = difflib.get_close_matches(last, neighbours, n=1)
    return f"did you mean '{parent}.{near[0]}'?" if near else "check the dotted name"


def recognise(declared: Middleware, target: Any) -> Style:
    """The style of a loaded target. Raises ConfigurationError that shows what was found and what is accepted."""
    if declared.style is not None:
        return declared.style
    if isinstance(target, Hooks):
        return "hooks"
    if isinstance(target, type):
        if issubclass(target, Hooks):
            return "hooks"
        return _style_of_class(declared, target)
    found = _positional(target)
    if found is None:
        what = f"middleware {describe(target)} cannot be adapted: a {type(target).__name__} can't be called"
        raise ConfigurationError(Problem(what, declared.where, ACCEPTED))
    if declared.args or declared.options:
        raise _refused(
            declared,
            f"options are given to {describe(target)}, which is built already",
            "options are for classes; give a function its values with functools.partial",
        )
    if found == ["scope", "receive", "send"]:
        raise _refused(
            declared, "it is an ASGI application, which has nothing inside it", _instead_of_application(target)
        )
    if len(found) < 2:
        raise _refused(declared, f"it takes {_signature(target)}")
    return "onion"  # what it takes besides is bound for each route


def _instead_of_application(target: Any) -> str:
    if inspect.isroutine(target):
        return "give a class that is built with the next application, or mount this one"
    name = type(target).__name__
    return f"give the class: {name}, or Middleware({name}, …) with options"


def _style_of_class(declared: Middleware, target: type) -> Style:
    call = next((vars(cls)["__call__"] for cls in target.__mro__ if "__call__" in vars(cls)), None)
    found = None if call is None else _positional(call)
    if found is None:
        raise _refused(declared, "its instances can't be called")
    # An onion's further parameters are marked or by name alone; three bare ones are ASGI's.
    match len(found) - 1:
        case 1:
            return "django"
        case 2:
            return "onion"
        case 3:
            return "asgi"
        case _:
            pass
    raise _refused(declared, f"its instances are called with ({', '.join(found[1:])})")


def _positional(function: Any) -> list[str] | None:
    """The names of the parameters that are given by position: not those with a marker, which are bound."""
    parameters = read_parameters(function)
    if isinstance(parameters, Problem):
        return None
    return [parameter.name for parameter in parameters if parameter.is_positional and not parameter.markers]


def _signature(function: Callable[..., Any]) -> str:
    """The parameters as written, without annotations."""
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def _refused(declared: Middleware, found: str, fix: str | None = None) -> ConfigurationError:
    what = f"middleware {describe(declared.target)} cannot be adapted: {found}"
    return ConfigurationError(Problem(what, Location.of(declared.target) or declared.where, fix or ACCEPTED))
