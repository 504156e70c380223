"""Deciding where each parameter of a function gets its value, once per function and place.

The order is: the request; path variables by name; explicit markers; providers by type; files of a form; simple types
from the query; one body model. Nothing is decided by a parameter's name alone, except that a path variable has one.
Where two readings fit, that is a problem that shows both.
"""

from __future__ import annotations

import difflib
import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from nacre.binding.bodies import accepted_types, is_form, is_mixed, text_body
from nacre.binding.inputs import BODY_SOURCES, Input, leave_out
from nacre.binding.kinds import kind_of
from nacre.binding.marks import MISSING, Mark, Source
from nacre.binding.models import group_parser, json_parser, value_parser
from nacre.binding.parser import GroupParser, Parser, Unsupported
from nacre.binding.plan import Argument, Call, Plan, Site, Slots, Value
from nacre.binding.providers import Provider
from nacre.binding.scalars import text_parser, texts_parser
from nacre.binding.signature import MARKING, Parameter, read_parameters
from nacre.binding.singletons import Needs, Singleton
from nacre.binding.uploads import RAW, are_files, bytes_parser, file_parser, files_parser, is_bytes, is_file, is_upload
from nacre.callables import describe
from nacre.errors import Location, Problem
from nacre.headers import Headers, check_name
from nacre.media import is_json
from nacre.request import Request
from nacre.response import Response
from nacre.state import Key, State
from nacre.tasks import Tasks
from nacre.urls import URL, QueryParams
from nacre.websocket import WEBSOCKET, WebSocket

FROM_REQUEST: Mapping[Any, str] = {
    Headers: "request.headers",
    QueryParams: "request.query",
    URL: "request.url",
    State: "request.state",
    Tasks: "request.app.tasks",
}
"""Types that stand for a part of the request."""


class Planner:
    """The decisions for one function at one site; problems are gathered, not raised."""

    def __init__(self, function: Callable[..., Any], site: Site, label: str, *, injects: bool = False) -> None:
        self.function = function
        self.site = site
        self.label = label
        self.where = Location.of(function)
        self._injects = injects
        self.problems: list[Problem] = []
        self._steps: dict[Provider, Call] = {}
        self._singles: dict[Provider, Singleton] = {}
        self._open: list[Provider] = []
        self._variables_used: set[str] = set()
        self._elsewhere = False

    def plan(self, given: Sequence[str], passed: Sequence[str], *, handler: bool = False) -> Plan | None:
        """Decide. `given` names what the binder is called with, `passed` those that the first parameters take.

        A handler may take the request at any place or leave it out.

        Returns None if there are problems, or if it asks for what only routes have and this is a site without one.
        """
        call = self._call(self.function, self.label, passed, handler=handler)
        self._direct = {one.value.provider for one in call.arguments} if call is not None else set()
        steps = tuple(self._steps_of_requests())
        if call is None or self.problems or self._elsewhere:
            return None
        plan = Plan(call, tuple(given), self.label, self.where, self.site.validation, steps, self._singles)
        self._check_body(plan.inputs)
        if handler:
            self._check_variables(plan)
        return None if self.problems else plan

    # One function.

    def _call(
        self, function: Callable[..., Any], label: str, given: Sequence[str], *, handler: bool = False
    ) -> Call | None:
        parameters = read_parameters(function)
        if isinstance(parameters, Problem):
            self.problems.append(replace(parameters, what=f"{label}: {parameters.what}"))
            return None
        wrapped = hasattr(function, "__wrapped__")
        arguments: list[Argument] = []
        fixed = {} if handler else _fixed(parameters, given)
        request = request_parameter(parameters, self.site.variables) if handler else None
        positional, missing = True, []
        for parameter in parameters:
            value: Value | None
            if parameter.is_open:
                continue
            if parameter.name in fixed:
                value = Value(fixed[parameter.name])
            elif parameter is request:
                value = Value(self._subject(parameter))
            else:
                value = self._value(parameter, label)
            if value is None and parameter.kind is inspect.Parameter.POSITIONAL_ONLY and parameter.has_default:
                value = Value(constant=parameter.default)
            left_out = _has_default_of_its_own(function, parameter) and value is not None and value.input is not None
            if left_out and value is not None and value.input is not None:
                value = replace(value, input=replace(value.input, default=MISSING, default_factory=leave_out))
            if value is None:
                positional = False
                if parameter.default is MISSING:
                    missing.append(parameter)
                continue
            # What a wrapper passes on is known by name only: its own signature may be (request, **values).
            first = wrapped and (parameter.name in fixed or parameter is request)
            by_position = parameter.kind is inspect.Parameter.POSITIONAL_ONLY or (
                parameter.is_positional and positional and (first or not wrapped) and not left_out
            )
            positional = positional and by_position
            arguments.append(Argument(parameter.name, value, not by_position))
        if missing and not self.problems:
            self._refuse(label, function, missing)
        rest = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
        is_handler = handler and function is self.function
        if request is None and is_handler and not wrapped and _takes_any(parameters):
            arguments.insert(0, Argument("request", Value(self._subject(None)), False))
        return Call(function, tuple(arguments), rest and is_handler)

    def _subject(self, parameter: Parameter | None) -> str:
        """What a handler has as its first parameter: the request, or the WebSocket where it serves one."""
        annotated = parameter is not None and parameter.type is not MISSING
        return "request.websocket" if self.site.method == WEBSOCKET and not annotated else "request"

    def _value(self, parameter: Parameter, label: str) -> Value | None:
        """Where one parameter comes from; None if from nowhere, which is a problem unless it has a default."""
        kind, name = parameter.type, parameter.name
        if parameter.uncalled is not None:
            return self._uncalled(parameter, parameter.uncalled, label)
        if len(parameter.markers) > 1:
            return self._ambiguous(parameter, label, [_reading(marker) for marker in parameter.markers])
        if isinstance(kind, type) and issubclass(kind, Request):
            return Value("request")
        if parameter.unresolved in ("Request", "nacre.Request"):
            return Value("request")
        if isinstance(kind, type) and issubclass(kind, Response) and not parameter.markers:
            return self._injected(parameter, label)
        marker = parameter.markers[0] if parameter.markers else None
        registered = self._registered(kind)
        if name in self.site.variables and not (isinstance(marker, Mark) and marker.source == "path"):
            other = _reading(marker) if marker is not None else None
            if other is None and registered is not None:
                other = f"what provider {describe(registered.function)} gives"
            if other is not None:
                return self._ambiguous(parameter, label, [f"the path variable `{name}`", other])
            return self._variable(parameter, Mark("path"), label)
        if isinstance(marker, Key):
            absent = None if _is_optional(kind) else MISSING
            return Value(key=marker, default=parameter.default if parameter.has_default else absent)
        if isinstance(marker, Provider):
            return self._provided(marker, label)
        if isinstance(marker, Mark) and parameter.unresolved is None:
            return self._marked(parameter, marker, label)
        if kind is WebSocket:
            return self._websocket(parameter, label)
        if kind in FROM_REQUEST:
            return Value(FROM_REQUEST[kind])
        if registered is not None:
            return self._provided(registered, label)
        if kind is MISSING or any(parameter.default is one for one in MARKING):
            return self._unmarked(parameter, label)
        return self._implicit(parameter, label)

    def _registered(self, kind: Any) -> Provider | None:
        try:
            return self.site.providers.get(kind)
        except TypeError:  # an annotation that can't be hashed
            return None

    def _unmarked(self, parameter: Parameter, label: str) -> Value | None:
        if any(parameter.default is one for one in MARKING):
            return self._uncalled(parameter, parameter.default.__name__, label)
        if parameter.unresolved is not None:
            self._problem(
                f"{label} annotates `{parameter.name}` with {parameter.unresolved!r}, which can't be evaluated",
                "import the name where the function is defined, outside of `if TYPE_CHECKING`, at the module's level",
            )
            return Value("None")  # told already
        return None

    def _uncalled(self, parameter: Parameter, name: str, label: str) -> Value:
        self._problem(f"{label} gives `{parameter.name}` the marker {name} itself", f"call it: `= {name}()`")
        return Value("None")  # told already

    # The single sources.

    def _websocket(self, parameter: Parameter, label: str) -> Value:
        if self.site.method != WEBSOCKET and self.site.has_route:
            place = f"{self.site.method} {self.site.path}"
            self._problem(
                f"{label} takes `{parameter.name}: WebSocket`, and {place} is a route of HTTP",
                f"serve it with @app.websocket({self.site.path!r})",
            )
        return Value("request.websocket")

    def _injected(self, parameter: Parameter, label: str) -> Value | None:
        if not self._injects:
            self._problem(
                f"{label} takes `{parameter.name}: Response`, which only handlers and layers that return a value have",
                "return a Response: a generator's as StreamingResponse(…)",
            )
        if parameter.type is not Response:
            self._problem(
                f"{label} takes `{parameter.name}` of type {parameter.type.__name__}, which nothing makes",
                "annotate it `Response`, for the status and header fields of a plain value that is returned",
            )
        return Value(injected=True)

    def _variable(self, parameter: Parameter, mark: Mark, label: str) -> Value | None:
        key = mark.alias or parameter.name
        self._variables_used.add(key)
        made = self.site.variables[key]
        if parameter.default is not MISSING and key not in self.site.optional:
            self._refuse_default(key, label)
        parameter = replace(parameter, default=MISSING)
        if parameter.type in (MISSING, Any) and not mark.constraints:
            return self._as_it_is(parameter, mark, key)
        if made is not None and made is not str and not _fits(made, parameter.type):
            self._problem(
                f"{label} annotates the path variable `{key}` {_shown(parameter.type)}, and its converter makes "
                f"{_a(made.__name__)}",
                f"annotate it `{made.__name__}`, or leave the converter out: `<{key}>`",
            )
            return None
        if (made is parameter.type or made is None) and not mark.constraints:
            # A converter whose type isn't known is trusted with it.
            return self._as_it_is(parameter, mark, key)
        make = text_parser if made is str else value_parser
        parser = self._parser(parameter, mark, label, make)
        return None if parser is None else self._input(parameter, mark, parser, key)

    def _as_it_is(self, parameter: Parameter, mark: Mark, key: str) -> Value:
        """A variable as its converter made it: no input unless a marker says more of it."""
        if mark == Mark("path", alias=mark.alias):
            return Value(f"request.path_params[{key!r}]")
        return self._input(parameter, mark, RAW, key)

    def _marked(self, parameter: Parameter, mark: Mark, label: str) -> Value | None:
        if mark.has_default and parameter.default is not MISSING:
            self._problem(
                f"{label} gives `{parameter.name}` two defaults, {parameter.default!r} and one in its marker",
                "keep one of them",
            )
        if mark.source == "path":
            return self._marked_variable(parameter, mark, label)
        if mark.source == "body":
            return self._body(parameter, mark, label)
        if mark.source == "file":
            return self._file(parameter, mark, label)
        return self._fields(parameter, mark, label)

    def _marked_variable(self, parameter: Parameter, mark: Mark, label: str) -> Value | None:
        kind = kind_of(parameter.type) if parameter.type is not MISSING else "text"
        key = mark.alias or parameter.name
        if mark.has_default:
            self._refuse_default(key, label)
        if key not in self.site.variables and kind in ("model", "data"):
            self._variables_used.update(self.site.variables)
            parser = self._parser(parameter, mark, label, group_parser)
            return None if parser is None else self._input(parameter, mark, parser, key, group=True)
        if key not in self.site.variables and not self.site.has_route:
            self._elsewhere = True
            return Value("None")
        if key not in self.site.variables:
            near = difflib.get_close_matches(key, self.site.variables, n=1)
            known = ", ".join(f"`{name}`" for name in self.site.variables) or "none"
            fix = f"did you mean `{near[0]}`?" if near else f"the path has {known}; add it as `<{key}>`"
            place = f" {self.site.method} {self.site.path}" if self.site.path else ""
            self._problem(f"{label} asks for the path variable `{key}`, and the path{place} has no such variable", fix)
            return None
        return self._variable(parameter, mark, label)

    def _refuse_default(self, key: str, label: str) -> None:
        self._problem(
            f"{label} gives the path variable `{key}` a default, which is never used",
            "leave the default out; for paths without the variable, add a route of the same function",
        )

    def _body(self, parameter: Parameter, mark: Mark, label: str) -> Value | None:
        types = mark.content_types
        kind = Any if parameter.type is MISSING else parameter.type
        is_raw = kind_of(kind) == "raw"
        if not is_raw and is_mixed(types):
            self._problem(
                f"{label} takes `{parameter.name}` from bodies that are read in different ways: {', '.join(types)}",
                "take one of them, or annotate it `bytes` and look at `request.content_type`",
            )
            return None
        if types and not is_raw and all(is_form(one) for one in types):
            return self._fields(parameter, replace(mark, source="form"), label, types)
        parser: Parser | None
        if types and not is_raw and all(one.startswith("text/") for one in types):
            parser = self._parser(replace(parameter, type=kind), mark, label, text_body)
        elif is_raw or (types and not any(is_json(one) for one in types)):
            parser = self._raw_body(parameter, mark, label)
            types = types or ("*/*",)
        else:
            parser = self._parser(replace(parameter, type=kind), mark, label, json_parser)
            types = types or ("application/json",)
        if parser is None:
            return None
        return self._input(parameter, mark, parser, parameter.name, content_types=types)

    def _raw_body(self, parameter: Parameter, mark: Mark, label: str) -> Parser | None:
        if parameter.type in (MISSING, Any):
            parameter = replace(parameter, type=bytes)
        if not is_bytes(parameter.type):
            self._problem(
                f"{label} takes `{parameter.name}` {_shown(parameter.type)} from a body that is no JSON, text or form",
                "annotate it `bytes`",
            )
            return None
        return self._parser(parameter, mark, label, bytes_parser)

    def _file(self, parameter: Parameter, mark: Mark, label: str) -> Value | None:
        many = are_files(parameter.type)
        if not many and not is_file(parameter.type):
            self._problem(
                f"{label} takes the file `{parameter.name}` {_shown(parameter.type)}",
                "annotate it `UploadFile` of Nacre, `bytes`, or a list of either",
            )
            return None
        parser = self._parser(parameter, mark, label, files_parser if many else file_parser)
        if parser is None:
            return None
        return self._input(parameter, mark, parser, mark.alias or parameter.name, many=many)

    def _fields(
        self, parameter: Parameter, mark: Mark, label: str, content_types: tuple[str, ...] = ()
    ) -> Value | None:
        kind = "text" if parameter.type is MISSING else kind_of(parameter.type)
        if parameter.type is MISSING:
            parameter = replace(parameter, type=str)
        if kind in ("model", "data") and mark.alias is None:
            parser = self._parser(parameter, mark, label, group_parser)
            return (
                None
                if parser is None
                else self._input(parameter, mark, parser, parameter.name, group=True, content_types=content_types)
            )
        many = kind == "texts"
        parser = self._parser(parameter, mark, label, texts_parser if many else text_parser)
        key = mark.alias or (parameter.name.replace("_", "-") if mark.source == "header" else parameter.name)
        key = self._header_name(key, parameter, label) if mark.source == "header" else key
        return (
            None
            if parser is None
            else self._input(parameter, mark, parser, key, many=many, content_types=content_types)
        )

    def _header_name(self, name: str, parameter: Parameter, label: str) -> str:
        try:
            return check_name(name)
        except ValueError:
            self._problem(
                f"{label} takes `{parameter.name}` from the header {name!a}, which no client can send",
                "a name is letters, digits and dashes, as in `X-Request-ID`",
            )
            return name

    def _refuse_files(self, parser: GroupParser, parameter: Parameter, source: Source) -> None:
        for field in parser.fields:
            if field.is_file:
                self._problem(
                    f"{self.label} takes `{parameter.name}` {_shown(parameter.type)} from {_place(source)}, which has "
                    f"no file for its field `{field.name}`",
                    "take it from a form: `= Form()`",
                )

    def _implicit(self, parameter: Parameter, label: str) -> Value | None:
        if parameter.default is not MISSING and self._open and self._open[-1].scope == "app":
            return None  # no request gives it one
        if is_upload(parameter.type):
            return self._file(parameter, Mark("file"), label)
        kind = kind_of(parameter.type)
        if kind in ("text", "texts"):
            return self._fields(parameter, Mark("query"), label)
        is_model = kind == "model" or (kind == "data" and parameter.type not in (Any, object))
        if is_model and self.site.method not in ("GET", "HEAD"):
            return self._body(parameter, Mark("body"), label)
        if is_model:
            return self._ambiguous(
                parameter,
                label,
                ["fields of the query, `= Query()`", f"the body of a {self.site.method} request, `= Body()`"],
            )
        if parameter.default is not MISSING:
            return None  # a default that the author gave, of a type no request can hold
        fix = "say where it comes from: `= Body()`, `= Query()`, `= Provide(function)`"
        if kind == "unsupported":
            fix = f"register a provider that returns it (`@app.provider`), or annotate what a request can hold; {fix}"
        self._problem(f"{label} takes `{parameter.name}` {_shown(parameter.type)}, and nothing gives it a value", fix)
        return Value("None")  # told already

    def _parser(
        self, parameter: Parameter, mark: Mark, label: str, make: Callable[[Any, Any], Parser]
    ) -> Parser | None:
        try:
            return make(parameter.type if parameter.type is not MISSING else str, mark.constraints)
        except Unsupported as error:
            self._problem(
                f"{label} takes `{parameter.name}` {_shown(parameter.type)} from {_place(mark.source)}: {error}",
                "annotate a type that can be read from there, or take it from elsewhere",
            )
            return None

    def _input(
        self,
        parameter: Parameter,
        mark: Mark,
        parser: Parser,
        key: str,
        *,
        many: bool = False,
        group: bool = False,
        content_types: tuple[str, ...] = (),
    ) -> Value:
        default = parameter.default if parameter.default is not MISSING else mark.default
        if default is MISSING and mark.default_factory is None and _is_optional(parameter.type):
            default = None  # text can't say null, so absence does
        self._check_default(parameter, default)
        source = mark.source
        if isinstance(parser, GroupParser) and source != "form":
            self._refuse_files(parser, parameter, source)
        return Value(
            input=Input(
                parameter.name,
                source,
                key,
                parameter.type if parameter.type is not MISSING else str,
                parser,
                mark,
                many,
                group,
                default,
                mark.default_factory,
                content_types,
                self.label,
            )
        )

    def _check_default(self, parameter: Parameter, default: Any) -> None:
        if default is MISSING or default is None or _may_be(default, parameter.type):
            return
        self._problem(
            f"{self.label} takes `{parameter.name}` {_shown(parameter.type)}, and its default is {default!r:.60}",
            "give it a default of its type, or annotate the default's type too",
        )

    # Providers.

    def _provided(self, provider: Provider, label: str) -> Value | None:
        provider = self.site.settle(provider)
        if provider in self._open:
            circle = [*self._open[self._open.index(provider) :], provider]
            # The place of the first, which is the last, is that of the problem.
            between = [one.label.removeprefix("provider ") for one in circle[1:-1]]
            shown = " → ".join([describe(provider.function), *between, describe(provider.function)])
            self.problems.append(
                Problem(
                    f"{self.label} needs providers that need each other: {shown}",
                    Location.of(provider.function) or provider.where,
                    "let one of them make its value without the other",
                )
            )
            return None
        if provider not in self._steps:
            self._open.append(provider)
            call = self._call(provider.function, f"provider {describe(provider.function)}", (), handler=True)
            self._open.pop()
            if call is None:
                return None
            if provider.scope == "app":
                self._singles[provider] = self.site.single(provider, self._needs(provider, call))
            else:
                call = replace(call, slot=self.site.slot(provider.function, self._slots(call)))
            self._steps[provider] = call
        return Value(provider=provider)

    def _slots(self, call: Call) -> Slots:
        """What a provider of the request takes of other providers."""
        needed = [(one.name, one.value.provider) for one in call.arguments if one.value.provider is not None]
        return tuple((name, self._singles.get(one, self._steps[one].slot)) for name, one in needed)

    def _steps_of_requests(self) -> Iterator[tuple[Provider, Call]]:
        """The providers that a request asks; what only those of the application take has been made before."""
        asked = {
            value.value.provider
            for provider, call in self._steps.items()
            if provider.scope == "request"
            for value in call.arguments
        }
        for provider, call in self._steps.items():
            if provider.scope == "request" or provider in asked or provider in self._direct:
                yield provider, call

    def _needs(self, provider: Provider, call: Call) -> Needs:
        """What a provider of the application takes: others that live as long."""
        needs: list[tuple[str | None, Singleton]] = []
        for argument in call.arguments:
            needed = argument.value.provider
            if needed is not None and needed in self._singles:
                needs.append((argument.name if argument.by_name else None, self._singles[needed]))
                continue
            what = f"provider {describe(needed.function)} of the request" if needed else f"`{argument.name}`"
            self.problems.append(
                Problem(
                    f"provider {describe(provider.function)} lives as long as the application and takes {what}",
                    Location.of(provider.function) or provider.where,
                    'it may take other providers with scope="app"; or make it one of the request',
                )
            )
        return tuple(needs)

    # What is checked of a whole plan.

    def _check_body(self, inputs: Sequence[Input]) -> None:
        bodies = [one for one in inputs if one.source == "body"]
        forms = [one for one in inputs if one.source in BODY_SOURCES and one.source != "body"]
        if len(bodies) > 1 or (bodies and forms):
            names = " and ".join(f"`{one.name}` {_shown(one.type)}" for one in [*bodies, *forms][:2])
            self._problem(
                f"{self.label} reads the request's body twice, as {names}",
                "put the fields into one model, or say where one comes from: `= Query()`, `= Provide(function)`",
            )
        elif forms and not accepted_types(forms):
            names = " and ".join(f"`{one.name}`" for one in forms)
            self._problem(
                f"{self.label} takes {names} from forms of different content types, and a body has one",
                "name the same types for all of them",
            )

    def _check_variables(self, plan: Plan) -> None:
        calls = [plan.call, *(call for _, call in plan.steps)]
        takes_request = any(
            value.expression == "request" for call in calls for value in (one.value for one in call.arguments)
        )
        if takes_request or plan.call.rest:
            return
        unused = [name for name in self.site.variables if name not in self._variables_used]
        if unused:
            named = " and ".join(f"`{name}`" for name in unused)
            self._problem(
                f"{self.label} takes neither the path's {named} nor the request that holds it",
                f"add the parameter `{unused[0]}`, or take the request",
            )

    def _refuse(self, label: str, function: Callable[..., Any], missing: Sequence[Parameter]) -> None:
        free = [name for name in self.site.variables if name not in self._variables_used]
        self.problems.append(_unsourced(label, function, [one.name for one in missing], free, self.site.variables))

    def _ambiguous(self, parameter: Parameter, label: str, readings: Sequence[str]) -> Value:
        shown = " or ".join(readings)
        self._problem(
            f"{label} takes `{parameter.name}`, which may be {shown}",
            "say which one, or rename the parameter",
        )
        return Value("None")

    def _problem(self, what: str, fix: str) -> None:
        self.problems.append(Problem(what, self.where, fix))


def request_parameter(parameters: Sequence[Parameter], variables: Mapping[str, Any]) -> Parameter | None:
    """The parameter that is the request: one annotated so, else a first one without annotation and default."""
    for parameter in parameters:
        if isinstance(parameter.type, type) and issubclass(parameter.type, Request):
            return parameter
        if parameter.unresolved in ("Request", "nacre.Request"):
            return parameter
    for parameter in parameters:
        if parameter.is_positional and parameter.name not in variables:
            bare = parameter.type is MISSING and parameter.default is MISSING and parameter.unresolved is None
            return parameter if bare and not parameter.markers else None
    return None


def _fixed(parameters: Sequence[Parameter], given: Sequence[str]) -> dict[str, str]:
    """Which parameters the caller's own arguments go to: the first ones, by position."""
    positional = [parameter.name for parameter in parameters if parameter.is_positional]
    return dict(zip(positional, given, strict=False))


_COLLECTIONS = (tuple, frozenset, list, dict, set)
_SINGLE = (bool, int, float, str, bytes, Decimal, date, time, timedelta, UUID, enum.Enum)
_PLAIN = (type(None), *_SINGLE, *_COLLECTIONS)


def _has_default_of_its_own(function: Callable[..., Any], parameter: Parameter) -> bool:
    """Whether a class shows something in the place of a default that only its constructor knows, such as a factory."""
    if not isinstance(function, type) or parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        return False
    return parameter.has_default and not isinstance(parameter.default, _PLAIN)


def _takes_any(parameters: Sequence[Parameter]) -> bool:
    """Whether what is passed by position goes to `*args`."""
    open_ended = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    return open_ended and not any(parameter.is_positional for parameter in parameters)


def _unsourced(
    label: str, function: Callable[..., Any], missing: Sequence[str], free: Sequence[str], names: Mapping[str, Any]
) -> Problem:
    """The problem of parameters that nothing gives a value; `free` are the path's variables that no parameter takes."""
    takes = " and ".join(f"`{name}`" for name in missing)
    given = ", ".join(f"`{name}`" for name in names) or "none"
    near = difflib.get_close_matches(missing[0], free, n=1)
    if len(missing) > 1:
        value = "them values"
        fix = f"annotate their types, name path variables so (the path has {given}), or give them defaults"
    elif near:
        value = "it a value"
        fix = f"did you mean `{near[0]}`? Rename the parameter, annotate its type, or give it a default"
    else:
        value = "it a value"
        fix = f"annotate its type, name a path variable {takes} (the path has {given}), or give it a default"
    return Problem(f"{label} takes {takes}, and nothing gives {value}", Location.of(function), fix)


def _reading(marker: object) -> str:
    if isinstance(marker, Mark):
        return f"{marker.source.capitalize()}()"
    if isinstance(marker, Provider):
        return f"what provider {describe(marker.function)} gives"
    return f"the state `{marker}`"


def _place(source: Source) -> str:
    places = {"query": "the query", "cookie": "a cookie", "form": "a form", "body": "the body", "path": "the path"}
    return places.get(source, f"a {source}")


def _shown(kind: Any) -> str:
    if kind is MISSING:
        return "without annotation"
    return f"annotated `{kind.__name__ if isinstance(kind, type) else str(kind).replace('typing.', '')}`"


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _is_optional(kind: Any) -> bool:
    return type(None) in typing.get_args(kind)


def _fits(made: type, kind: Any) -> bool:
    """Whether a value of the type that a converter makes may be one of the annotated type."""
    if kind in (MISSING, Any):
        return True
    if isinstance(kind, type):
        return issubclass(made, kind) or (made is int and kind is float) or issubclass(kind, enum.Enum)
    return True  # a union or a Literal: the parser looks at the value


def _may_be(default: Any, kind: Any) -> bool:
    """Whether a default may be of a type; yes of what isn't plain: an object that stands for absence, say."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = kind.__origin__
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(_may_be(default, one) for one in typing.get_args(kind))
    if typing.get_origin(kind) is typing.Literal:
        return default in typing.get_args(kind)
    is_plain = isinstance(kind, type) and issubclass(kind, (types.NoneType, *_SINGLE)) and isinstance(default, _SINGLE)
    return not is_plain or isinstance(default, kind) or (kind in (float, Decimal) and isinstance(default, int | float))
