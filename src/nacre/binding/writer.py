"""Writing binders: Python source for one function's plan, compiled at startup.

A binder takes the request (and what else the caller gives), reads and parses what the function asks for, asks its
providers, and calls it. It holds only the steps that this function needs. When a value doesn't fit, `explain` goes over
all inputs once more, slowly, and lists everything that is wrong.

PERF: a loop over a list of steps costs a fifth more (bench/parts.py, rows "binding: one query field").
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable
from copy import deepcopy
from enum import Enum
from functools import lru_cache, partial
from types import CodeType
from typing import Any, Literal

from msgspec import Struct

from nacre.binding.bodies import TextParser, body_check, form_reader, refuse_untyped, to_utf8
from nacre.binding.injection import Injection
from nacre.binding.inputs import (
    ABSENT,
    BODY_SOURCES,
    CookieFields,
    FormFiles,
    FormTexts,
    Input,
    Raws,
    keys_beside,
    leave_out,
    read_group,
    wanted_of,
)
from nacre.binding.marks import MISSING
from nacre.binding.parser import FAILURES
from nacre.binding.plan import Argument, Call, Plan, Value
from nacre.binding.providers import Provider
from nacre.binding.running import BEGUN, NAMES, PROVIDED, emit
from nacre.errors import HTTPError
from nacre.request import Request
from nacre.response import Response
from nacre.threads import wait

BINDER = "<nacre binder"
"""How the file names of written binders begin, in tracebacks."""

Kind = Literal["async", "plain", "lazy", "stream", "either"]
"""How the bound function is called: it is awaited; it may block; it returns a generator at once, plain or async; it is
a plain wrapper around something async."""


class Written(Struct, frozen=True):
    """A compiled binder and its source. `is_async` says that calling it gives a coroutine of its own."""

    call: Callable[..., Any]
    source: str
    is_async: bool


def write(plan: Plan, kind: Kind, injection: Injection | None, *, blocking: bool) -> Written:
    """Write the binder that runs on the event loop, or the one for a thread that may block.

    `injection` is for functions that ask for the response of their plain values.
    """
    return _Writer(plan, kind, injection, blocking).write()


def must_wait(plan: Plan) -> bool:
    """Whether something has to be awaited before the function can be called."""
    if any(one.source in ("body", "form", "file") for one in plan.inputs):
        return True
    return any(emit(provider, "", index, blocking=False).waits for index, (provider, _) in enumerate(plan.steps))


class _Writer:
    def __init__(self, plan: Plan, kind: Kind, injection: Injection | None, blocking: bool) -> None:
        self.plan = plan
        self.kind = kind
        self.blocking = blocking
        goes_on = kind in ("async", "either") and (plan.injects or self.plan.opens)  # after the call
        self.is_async = not blocking and (must_wait(plan) or goes_on)
        self.inputs = {id(one): index for index, one in enumerate(plan.inputs)}
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            **NAMES,
            "FAILURES": FAILURES,
            "HTTPError": HTTPError,
            "CookieFields": CookieFields,
            "FormFiles": FormFiles,
            "FormTexts": FormTexts,
            "Response": Response,
            "answer": injection.answer if injection is not None else None,
            "explain": partial(_explain, plan),
            "function": plan.call.function,
            "isawaitable": inspect.isawaitable,
            "read_group": read_group,
            "to_utf8": to_utf8,
            "wait": wait,
        }

    def write(self) -> Written:
        self._body()
        self._parse()
        if self.lines:
            # Who calls can tell what is refused here from what the function itself raises.
            self.names["plan"] = self.plan
            read = [f"    {line}" for line in self.lines]
            self.lines = ["try:", *read, "except HTTPError as error:", "    error.refused_by = plan", "    raise"]
        asked = len(self.lines)
        if self.plan.injects:
            self._emit("injected = Response()")
        self._provide()
        self._call()
        if self.plan.opens:
            self._tell_failure(asked)
        given = ", ".join(self.plan.given)
        head = f"{'async ' if self.is_async else ''}def bound({given}):"
        source = "\n".join([head, *(f"    {line}" for line in self.lines), ""])
        names = self.names
        code = _compiled(source)
        exec(code, names)  # noqa: S102 - written above, with nothing of a client's in it  # nosec B102
        return Written(names["bound"], source, self.is_async)

    def _emit(self, *lines: str) -> None:
        self.lines += lines

    def _await(self, expression: str) -> str:
        return f"wait({expression})" if self.blocking else f"await {expression}"

    # What is read before anything is parsed.

    def _body(self) -> None:
        readers = [one for one in self.plan.inputs if one.source in BODY_SOURCES]
        if not readers:
            return
        one = readers[0]
        self.names["check_body"] = body_check(readers)
        if one.source == "body":
            self.names["refuse_untyped"] = partial(refuse_untyped, one.content_types)
            self._emit(
                "typed = check_body(request)",
                "body = request.body_at_once()",
                "if body is None:",
                f"    body = {self._await('request.body_reader.read()')}",
                "if body and not typed:",
                "    refuse_untyped()",
            )
            if isinstance(one.parser, TextParser):
                self._emit("body = to_utf8(request, body)")
        else:
            self.names["read_form"] = form_reader(readers)
            self._emit("check_body(request)", f"form = {self._await('read_form(request)')}")

    # Inputs.

    def _parse(self) -> None:
        inputs = self.plan.inputs
        if not inputs:
            return
        self._emit("try:")
        for source, (name, line) in _FIELDS.items():
            wanted = [one for one in inputs if one.source == source]
            if source == "query" and not any(one.many or one.group for one in wanted):
                line = "request.query_firsts()"
            if wanted:
                self._emit(f"    {name} = {line}")
        for one in inputs:
            self._emit(*(f"    {line}" for line in self._input(one)))
        body = "body" if any(one.source == "body" for one in inputs) else "None"
        form = "form" if any(one.source in ("form", "file") for one in inputs) else "None"
        self._emit("except FAILURES as error:", f"    raise explain(request, error, {body}, {form})")

    def _input(self, one: Input) -> list[str]:
        index = self.inputs[id(one)]
        self.names[f"parse{index}"] = one.parser.parse
        raw = self._raw(one, index)
        parsed = one.parser.expression.format(parse=f"parse{index}", raw="raw")
        if one.source == "path":
            return [f"raw = {raw}", f"value{index} = {parsed}"]
        if one.required:
            absent = [] if one.group else ["if raw is None:", "    raise ValueError"]
            return [f"raw = {raw}", *absent, f"value{index} = {parsed}"]
        return [f"raw = {raw}", f"value{index} = {self._default(one, index)} if raw is None else {parsed}"]

    def _raw(self, one: Input, index: int) -> str:
        if one.source == "body":
            return "body" if one.takes_empty else "body or None"
        if one.group:
            if one.source == "path":
                return "path"
            fields, others = getattr(one.parser, "fields", ()), keys_beside(one, self.plan.inputs)
            self.names[f"fields{index}"] = wanted_of(fields, others, header=one.source == "header")
            absent = "" if one.required else " or None"
            return f"read_group({_FIELDS[one.source][0]}, fields{index}){absent}"
        if one.source == "path":
            return f"path[{one.key!r}]"
        if one.many:
            return f"{_FIELDS[one.source][0]}.getlist({one.key!r}) or None"
        return f"{_FIELDS[one.source][0]}.get({one.key!r})"

    def _default(self, one: Input, index: int) -> str:
        if one.default_factory is not None:
            self.names[f"default{index}"] = one.default_factory
            return f"default{index}()"
        if one.default is None or type(one.default) in (bool, int, str):
            return repr(one.default)
        self.names[f"default{index}"] = one.default
        if not isinstance(one.default, float | tuple | frozenset | bytes | Enum):
            self.names["deepcopy"] = deepcopy
            return f"deepcopy(default{index})"  # what one request does to it is no other's business
        return f"default{index}"

    # Providers, and the call itself.

    def _provide(self) -> None:
        if any(provider.scope == "request" for provider, _ in self.plan.steps):
            self._emit(*PROVIDED)
        for index, (provider, call) in enumerate(self.plan.steps):
            self.names[f"function{index}"] = provider.function
            self.names[f"slot{index}"] = call.slot
            single = self.names[f"single{index}"] = self.plan.singles.get(provider)
            arguments = self._arguments(call) if single is None else ""  # it has been asked
            self._emit(*emit(provider, arguments, index, blocking=self.blocking).lines)

    def _call(self) -> None:
        called = f"function({self._arguments(self.plan.call)})"
        awaited = self.is_async and self.kind == "async"
        lines = [f"return {'await ' if awaited else ''}{called}"]
        if self.kind == "either" and self.is_async:
            lines = [f"value = {called}", "return await value if isawaitable(value) else value"]
        if self.plan.injects:
            lines = [line.replace("return ", "value = ") for line in lines]
            lines.append("return answer(injected, value)")
        self._emit(*lines)

    def _tell_failure(self, first: int) -> None:
        """Leave the exception of the lines from `first` on for the teardown of the providers that are open."""
        tried = [f"    {line}" for line in self.lines[first:]]
        caught = ["except BaseException as error:", "    request.failure = error", "    raise"]
        give_up = "await close_at_once" if self.is_async else "give_up"
        cancelled = ["except CancelledError as error:", f"    {give_up}(request, begun, error)", "    raise"]
        self.lines[first:] = [BEGUN, "try:", *tried, *cancelled, *caught]

    def _arguments(self, call: Call) -> str:
        given = [self._argument(argument) for argument in call.arguments]
        if call.rest:
            taken = {one.name for one in call.arguments}
            self.names["taken"] = taken
            given.append("**{name: one for name, one in request.path_params.items() if name not in taken}")
        return ", ".join(given)

    def _argument(self, argument: Argument) -> str:
        text, name = self._value(argument.value), argument.name
        if argument.value.input is not None and argument.value.input.default_factory is leave_out:
            self.names["ABSENT"] = ABSENT
            return f"**({{}} if {text} is ABSENT else {{{name!r}: {text}}})"
        return f"{name}={text}" if argument.by_name else text

    def _value(self, value: Value) -> str:
        if value.expression is not None:
            return value.expression
        if value.injected:
            return "injected"
        if value.constant is not MISSING:
            name = f"constant{sum(one.startswith('constant') for one in self.names)}"
            self.names[name] = value.constant
            return name
        if value.input is not None:
            return f"value{self.inputs[id(self._known(value.input))]}"
        if value.provider is not None:
            return f"provided{self._number(value.provider)}"
        assert value.key is not None
        name = f"key{sum(one.startswith('key') for one in self.names)}"
        self.names[name] = value.key
        if value.default is MISSING:
            return f"request.state[{name}]"
        self.names[f"{name}_default"] = value.default
        return f"request.state.get({name}, {name}_default)"

    def _known(self, wanted: Input) -> Input:
        return next(one for one in self.plan.inputs if one == wanted)

    def _number(self, provider: Provider) -> int:
        return [one for one, _ in self.plan.steps].index(provider)


_FIELDS = {
    "path": ("path", "request.path_params"),
    "query": ("query", "request.query"),
    "header": ("headers", "request.headers"),
    "cookie": ("cookies", "CookieFields(request.cookies)"),
    "form": ("texts", "FormTexts(form)"),
    "file": ("files", "FormFiles(form)"),
}
"""For each source the name of its fields in a binder, and where they come from."""


@lru_cache(maxsize=4096)
def _compiled(source: str) -> CodeType:
    """The code of a binder's source; functions of one shape share it. Debuggers and tracebacks show its lines."""
    import hashlib

    name = f"{BINDER} {hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()[:12]}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    return compile(source, name, "exec")


def _explain(plan: Plan, request: Request, error: Exception, body: bytes | None, form: Any) -> Exception:
    """All that is wrong with a request; the error itself if that isn't the request's fault."""
    if body is not None and (refusal := request.undecoded()) is not None:
        return refusal
    raws = Raws(request, body, form, plan.inputs)
    errors = [item for one in plan.inputs for item in one.explain(raws)]
    if not errors:
        return error  # raised by a default_factory of the user's
    problem = plan.validation.error(errors)
    problem.__suppress_context__ = True
    return problem
