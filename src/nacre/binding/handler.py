"""Bound functions: a user's function as a chain calls it, with the arguments it asks for."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from nacre.binding.bodies import body_check, form_reader
from nacre.binding.injection import Injection
from nacre.binding.inputs import BODY_SOURCES
from nacre.binding.plan import Plan, Site
from nacre.binding.planner import Planner
from nacre.binding.running import run_opening
from nacre.binding.writer import Kind, Written, must_wait, write
from nacre.callables import Call, is_async, prepare_call
from nacre.errors import HTTPError, Problem
from nacre.request import Request
from nacre.threads import Threads


class Bound(Struct, frozen=True, eq=False, dict=True):
    """A function bound at one site: what it is given, and how it is called."""

    plan: Plan
    kind: Kind
    injection: Injection | None = None

    def call(self, threads: Threads, *, inline: bool = False) -> Call:
        """The function in the forms a chain needs, called with what `plan.given` names."""
        plain = self.kind == "plain" and not inline
        if not must_wait(self.plan):
            asynchronous = self.kind == "async" or self.loop.is_async
            either = self.kind in ("either", "stream") and not asynchronous
            return prepare_call(self.function, threads, inline=not plain, asynchronous=asynchronous, either=either)
        in_thread = directly = None
        if self.kind in ("plain", "lazy") and not self._has_async_provider:
            directly = self.blocking.call
            in_thread = _as_coroutine(directly)
        if plain:
            on_loop = _in_worker(self.blocking.call, self._reader, threads, opens=self.plan.opens)
            return Call(on_loop, in_thread, directly)
        return Call(self.loop.call, in_thread, directly)

    @cached_property
    def loop(self) -> Written:
        """The binder for the event loop."""
        return write(self.plan, self.kind, self.injection, blocking=False)

    @cached_property
    def blocking(self) -> Written:
        """The binder for a thread that may block."""
        return write(self.plan, self.kind, self.injection, blocking=True)

    @property
    def function(self) -> Callable[..., Any]:
        """What is called when nothing has to be awaited first: the user's function itself if it takes just that."""
        call = self.plan.call
        given = [one.value.expression for one in call.arguments if not one.by_name]
        if given == list(self.plan.given) and len(given) == len(call.arguments) and not call.rest:
            return call.function
        return self.loop.call

    @property
    def source(self) -> str | None:
        """The source of the binder; None if there is none."""
        if not must_wait(self.plan) and self.function is self.plan.call.function:
            return None
        return self.loop.source

    @property
    def _has_async_provider(self) -> bool:
        return any(one.kind.startswith("async") and one.scope == "request" for one, _ in self.plan.steps)

    @property
    def _reader(self) -> Callable[[Request], Awaitable[object]] | None:
        return _body_reader(self.plan) if any(one.source in BODY_SOURCES for one in self.plan.inputs) else None


def bind(
    function: Callable[..., Any],
    given: Sequence[str],
    site: Site,
    label: str,
    *,
    passed: Sequence[str] | None = None,
    handler: bool = False,
    injection: Injection | None = None,
) -> Bound | list[Problem]:
    """Bind a function at a site, or say all that is wrong with it: nothing, if only a site with a route can bind it.

    `given` names what the caller passes by position, the request first; `passed` those of them that the function's
    first parameters take, all by default. A `handler` may leave the request out or take it at any place. Only with an
    `injection` may it ask for a response.
    """
    kind = kind_of_call(function)
    planner = Planner(function, site, label, injects=injection is not None and kind not in ("lazy", "stream"))
    plan = planner.plan(given, given if passed is None else passed, handler=handler)
    if plan is None:
        return planner.problems
    return Bound(plan, kind, injection)


def kind_of_call(function: Callable[..., Any]) -> Kind:
    """How a function is called: see `Kind`."""
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


def _body_reader(plan: Plan) -> Callable[[Request], Awaitable[object]]:
    """What receives a body for a thread; one of another media type is refused before, as on the event loop."""
    readers = [one for one in plan.inputs if one.source in BODY_SOURCES]
    check_body = body_check(readers)
    read_form = form_reader(readers) if readers[0].source != "body" else None

    async def read(request: Request) -> object:
        try:
            check_body(request)
            # A form may be larger than what is kept of it in memory.
            return await (request.body_reader.read() if read_form is None else read_form(request))
        except HTTPError as error:
            error.refused_by = plan
            raise

    return read


def _as_coroutine(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def directly(*arguments: Any) -> Any:
        return function(*arguments)

    return directly


def _in_worker(
    function: Callable[..., Any],
    read: Callable[[Request], Awaitable[object]] | None,
    threads: Threads,
    *,
    opens: bool,
) -> Callable[..., Awaitable[Any]]:
    async def in_worker(request: Request, *arguments: Any) -> Any:
        if read is not None:
            # Received here, where nothing waits for it; in the thread it is only looked at.
            await read(request)
        if opens:
            return await run_opening(threads, request, lambda: function(request, *arguments))
        return await threads.run(request, lambda: function(request, *arguments))

    return in_worker
