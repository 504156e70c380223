"""Onion layers: a function or an instance called as `(request, call_next)`, plain or async."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

from nacre.binding import Bound
from nacre.callables import Call, is_async
from nacre.chain.stage import BlockingNext, Stage, blocking_next
from nacre.request import CallNext, Handler, Request
from nacre.response import Response
from nacre.streams import complete
from nacre.threads import Threads, run_at_once

Finish = Callable[[Request, Any], Response]
"""Makes a response of what a layer returned; where it has a stream, `complete` is to follow."""


def adapt_onion(call: Callable[..., Any], finish: Finish, threads: Threads) -> Callable[[Stage], Stage]:
    """Adapt one onion layer; `finish` checks and converts its result.

    One that has `around(handler)` gives its compiled form itself: a handler that returns a response of its request's.
    """
    around: Callable[[Handler], Handler] | None = getattr(call, "around", None)
    if around is not None:
        return lambda inner: Stage(around(inner.handle), None)
    if not is_async(call):
        return lambda inner: _plain(call, inner, finish, threads)
    if hands_on_only(call):
        return lambda inner: Stage(_direct(call, inner.handle), None)
    return lambda inner: Stage(_checked(call, inner.handle, finish, threads), None)


def adapt_bound_onion(bound: Bound, finish: Finish, threads: Threads) -> Callable[[Stage], Stage]:
    """Adapt an onion layer that asks for more than `(request, call_next)`, bound for one route."""
    function = bound.plan.call.function
    if bound.kind != "async":
        prepared = bound.call(threads)
        return lambda inner: _plain_bound(prepared, inner, finish, threads)
    call = bound.loop.call
    if hands_on_only(function) and not bound.plan.injects:
        return lambda inner: Stage(_direct(call, inner.handle), None)
    return lambda inner: Stage(_checked(call, inner.handle, finish, threads), None)


def _plain_bound(prepared: Call, inner: Stage, finish: Finish, threads: Threads) -> Stage:
    call_next = blocking_next(inner)

    async def in_worker(request: Request) -> Response:
        await threads.admit(request)
        response = finish(request, await prepared.on_loop(request, call_next))
        if response.stream is not None:
            await complete(response, request, threads)
        return response

    if inner.inline is None or prepared.in_thread is None:
        return Stage(in_worker, None)
    call, _ = prepared.step(blocking=True)

    def in_thread(request: Request) -> Response:
        response = finish(request, call(request, call_next))
        if response.stream is not None:
            run_at_once(complete(response, request, None))
        return response

    return Stage(in_worker, in_thread)


def _direct(call: Callable[[Request, CallNext], Any], call_next: CallNext) -> Handler:
    """The layer as a handler: what it is called with besides the request is settled.

    PERF: a plain function is copied with `call_next` as a default, its code stays the same object. A function of ours
    around it would cost a frame more, a fifth of what the layer costs at all (bench/parts.py).
    """
    if inspect.isfunction(call) and _takes_two(call):
        return FunctionType(call.__code__, call.__globals__, call.__name__, (call_next,), call.__closure__)
    return lambda request: call(request, call_next)


def _takes_two(function: FunctionType) -> bool:
    """Whether a function takes two arguments by position, and has no others and no defaults."""
    code = function.__code__
    more = code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return code.co_argcount == 2 and not more and function.__defaults__ is None


def _checked(
    call: Callable[[Request, CallNext], Any], call_next: CallNext, finish: Finish, threads: Threads
) -> Handler:
    async def onion(request: Request) -> Response:
        result = await call(request, call_next)
        if isinstance(result, Response) and result.owner is request:
            return result
        response = finish(request, result)
        if response.stream is not None:
            await complete(response, request, threads)
        return response

    return onion


def _plain(call: Callable[[Request, BlockingNext], Any], inner: Stage, finish: Finish, threads: Threads) -> Stage:
    call_next = blocking_next(inner)

    async def in_worker(request: Request) -> Response:
        await threads.admit(request)
        response = finish(request, await threads.run(request, lambda: call(request, call_next)))
        if response.stream is not None:
            await complete(response, request, threads)
        return response

    def in_thread(request: Request) -> Response:
        result = call(request, call_next)
        if isinstance(result, Response) and result.owner is request:
            return result
        response = finish(request, result)
        if response.stream is not None:
            run_at_once(complete(response, request, None))
        return response

    return Stage(in_worker, in_thread if inner.inline is not None else None)


def hands_on_only(call: Callable[..., Any]) -> bool:
    """Whether an async layer provably returns nothing but what `call_next` returned.

    PERF: what a layer returns has to be looked at (it may be None, a plain value, or a response shared by requests),
    which costs a coroutine around the layer, about 80 ns. The most common layer needs no look: every `return` gives
    back `await call_next(…)` or a name that only ever holds it. False whenever that can't be seen in the source.
    """
    function = call if inspect.isfunction(call) else getattr(call, "__func__", type(call).__call__)
    # The code itself is looked at, not what it wraps: a decorator may return something else than its function does.
    code: Any = getattr(function, "__code__", None)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError, SystemError):
        # COMPAT: until 3.12.2 parsing in two threads at once may raise SystemError (gh-106905).
        return False
    if not isinstance(tree, ast.AsyncFunctionDef) or code.co_name != tree.name:
        return False
    parameters = [*tree.args.posonlyargs, *tree.args.args][0 if function is call else 1 :]
    if len(parameters) < 2:
        return False
    visitor = _Returns(parameters[1].arg)
    for statement in tree.body:
        visitor.visit(statement)
    return visitor.passes and _always_returns(tree.body)


class _Returns(ast.NodeVisitor):
    """Looks at each `return` and each assignment of one function, not of those nested in it."""

    def __init__(self, call_next: str) -> None:
        self._call_next = call_next
        self._held: set[str] = set()
        self._other: set[str] = set()
        self._returned: set[str] = set()
        self._sound = True

    @property
    def passes(self) -> bool:
        if not self._sound or self._call_next in self._other | self._held:
            return False
        return not (self._returned - self._held) and not (self._returned & self._other)

    def visit_Return(self, node: ast.Return) -> None:
        if isinstance(node.value, ast.Name):
            self._returned.add(node.value.id)
        elif not self._is_inner(node.value):
            self._sound = False

    def visit_Assign(self, node: ast.Assign) -> None:
        inner = self._is_inner(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                (self._held if inner else self._other).add(target.id)
            else:
                self.visit(target)
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        # Any other way to bind a name (for, with, walrus, del, augmented assignment) makes it unknown.
        if not isinstance(node.ctx, ast.Load):
            self._other.add(node.id)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._other.add(node.name)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._other.add(node.name)
        if any(isinstance(inside, ast.Nonlocal) for inside in ast.walk(node)):
            self._sound = False

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast.NodeVisitor's spelling

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._other.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def visit_Global(self, node: ast.Global) -> None:
        self._other.update(node.names)

    def visit_Match(self, node: ast.Match) -> None:
        self._sound = False

    def visit_Import(self, node: ast.Import) -> None:
        self._other.update(alias.asname or alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._other.update(alias.asname or alias.name for alias in node.names)

    def _is_inner(self, node: ast.expr | None) -> bool:
        return (
            isinstance(node, ast.Await)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
            and node.value.func.id == self._call_next
        )


def _always_returns(body: list[ast.stmt]) -> bool:
    """Whether control can't fall off the end of these statements."""
    last = body[-1]
    match last:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=then, orelse=otherwise):
            return bool(otherwise) and _always_returns(then) and _always_returns(otherwise)
        case ast.Try(body=tried, handlers=handlers, orelse=otherwise, finalbody=finish):
            if finish and _always_returns(finish):
                return True
            ends = _always_returns(otherwise) if otherwise else _always_returns(tried)
            return ends and all(_always_returns(handler.body) for handler in handlers)
        case _:
            # A `with` block may swallow an exception and go on after it.
            return False
