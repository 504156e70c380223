"""Hook-like layers: a part before, a part after, a part on the way to the wire; no `call_next` in between."""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from nacre.callables import Call, at_once
from nacre.chain.onion import Finish
from nacre.chain.stage import BlockingNext, Stage
from nacre.headers import MutableHeaders
from nacre.request import Handler, Request
from nacre.response import Response
from nacre.streams import complete
from nacre.threads import Threads

Hook = Callable[..., Any] | Call
"""A function to be called with the request, and with the response on the way out."""


@dataclass(frozen=True)
class Hooks:
    """A layer made of hooks, for any place in a list of middlewares.

    `before(request)` runs on the way in; what it returns, if not None, is the response, and nothing inside runs.
    `after(request, response)` runs on the way out of a request that raised nothing; a returned value replaces the
    response. `finalize(request, response)` runs once for every response, errors and streams too, just before its first
    byte. Each may be plain or async; plain ones run in a worker thread unless `inline` says that they never block. A
    `Call` is one that is there in both forms, as in layers of Nacre's own, which derive from this class.
    """

    before: Hook | None = None
    after: Hook | None = None
    finalize: Hook | None = None
    inline: bool = False


class DefaultHeaders(Hooks):
    """A layer that gives every response these header fields, errors and streams too: `DefaultHeaders({"x-app": "9"})`.

    A field that a response has already stays. Of several such layers the innermost decides. Raises ValueError for what
    can't be sent, and for the fields that frame a message.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = MutableHeaders()
        self.headers.extend(headers)
        super().__init__(finalize=default_fields(self.headers.raw), inline=True)

    def __repr__(self) -> str:
        return f"DefaultHeaders({', '.join(name for name, _ in self.headers.raw)})"


class DefaultFields(Call, frozen=True):
    """A finalizer that adds header fields, known at startup, to those a response has."""

    pairs: tuple[tuple[str, str], ...] = ()


def default_fields(pairs: Iterable[tuple[str, str]]) -> DefaultFields:
    """The finalizer that adds these pairs, which are checked already, where a response has no field of the name."""
    given = tuple(pairs)
    names = frozenset(name for name, _ in given)
    for name in names & {"content-length", "transfer-encoding", "connection"}:
        raise ValueError(f"{name} is said by the transport, never by a layer")

    def add(_: Request, response: Response) -> None:
        present = {name for name, _ in response.raw_headers}
        response.raw_headers.extend(
            given if present.isdisjoint(names) else [pair for pair in given if pair[0] not in present]
        )

    async def added(request: Request, response: Response) -> None:
        add(request, response)

    return DefaultFields(added, added, add, True, given)


def fold(finalizers: Iterable[Call]) -> list[Call]:
    """Make one of neighbouring finalizers, innermost first, that add fields known at startup.

    PERF: such a layer costs next to nothing then, beside 80 ns for a finalizer of its own (bench/parts.py).
    """
    folded: list[Call] = []
    for finalizer in finalizers:
        last = folded[-1] if folded else None
        if isinstance(finalizer, DefaultFields) and isinstance(last, DefaultFields):
            there = {name for name, _ in last.pairs}
            more = [pair for pair in finalizer.pairs if pair[0] not in there]
            folded[-1] = default_fields([*last.pairs, *more])
        else:
            folded.append(finalizer)
    return folded


class HookLayer(Struct, frozen=True):
    """One hook-like layer, ready to be put in a row with its neighbours."""

    before: Call | None
    after: Call | None
    finish: Finish
    threads: Threads


def fuse(row: Sequence[HookLayer], inner: Stage) -> Stage:
    """Run neighbouring hook-like layers, outermost first, as one straight line around `inner`.

    They behave as if nested: a layer whose `before` answers is left without its own `after`, and those outside it run
    theirs.
    """
    calls = [call for layer in row for call in (layer.before, layer.after) if call is not None]
    handle = _line(row, inner.handle, blocking=False)
    if inner.inline is None or any(call.in_thread is None for call in calls):
        return Stage(handle, None)
    return Stage(handle, _line(row, inner.inline, blocking=True))


_Hook = tuple[str, int, bool]
"""One hook of a row: `before` or `after`, its layer's index, and whether it is awaited."""


def source_of(row: Sequence[HookLayer]) -> str:
    """The source of the straight line that `fuse` makes of a row, as it runs on the event loop."""
    return _written(_shape(row, blocking=False)[0], len(row))


def _shape(row: Sequence[HookLayer], *, blocking: bool) -> tuple[tuple[_Hook, ...], list[Callable[..., Any]]]:
    hooks: list[_Hook] = []
    functions: list[Callable[..., Any]] = []
    for index, layer in enumerate(row):
        for kind, call in (("before", layer.before), ("after", layer.after)):
            if call is not None:
                function, awaited = call.step(blocking=blocking)
                hooks.append((kind, index, awaited))
                functions.append(function)
    return tuple(hooks), functions


def _line(row: Sequence[HookLayer], inner: Handler | BlockingNext, *, blocking: bool) -> Any:
    hooks, functions = _shape(row, blocking=blocking)

    async def replace(index: int, request: Request, result: Any) -> Response:
        response = row[index].finish(request, result)
        if response.stream is not None:
            await complete(response, request, None if blocking else row[0].threads)
        return response

    make = _maker(hooks, len(row), blocking)
    return make(inner, at_once(replace) if blocking else replace, *functions)


@lru_cache(maxsize=1024)
def _maker(hooks: tuple[_Hook, ...], length: int, blocking: bool) -> Any:
    """What makes the straight line of a row of `length` layers; rows of one shape share the code.

    PERF: written as source, which debuggers and tracebacks show. In a loop over the hooks each costs a third more
    (bench/parts.py).
    """
    source = _written(hooks, length)
    if blocking:
        source = source.replace("async def", "def").replace("await ", "")
    # Frames of this file are the chain's own, as `nacre.chain.trace` reads tracebacks.
    digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()[:12]
    name = str(Path(__file__).with_name(f"<hooks {digest}>"))
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    names: dict[str, Any] = {}
    exec(compile(source, name, "exec"), names)  # noqa: S102 - written below, of numbers alone  # nosec B102
    return names["make"]


def _written(hooks: Sequence[_Hook], length: int) -> str:
    befores = [hook for hook in hooks if hook[0] == "before"]
    lines = _enter(befores, length) if befores else ["response = await inner(request)"]
    first = min((index for _, index, _ in befores), default=length)
    for kind, index, awaited in reversed(hooks):
        if kind == "after":
            leave = [
                f"result = {_called('after', index, awaited)}(request, response)",
                "if result is not None:",
                f"    response = await replace({index}, request, result)",
            ]
            # A `before` from here outwards may have answered, and then this layer was never entered, or left at once.
            lines += leave if index < first else [f"if depth > {index}:", *(f"    {line}" for line in leave)]
    given = ", ".join(["inner", "replace", *(f"{kind}_{index}" for kind, index, _ in hooks)])
    body = "\n".join(f"        {line}" for line in [*lines, "return response"])
    return f"def make({given}):\n    async def line(request):\n{body}\n    return line\n"


def _enter(befores: Sequence[_Hook], length: int) -> list[str]:
    """The way in. `depth` is the index of the layer that has answered."""
    lines = [f"depth = {length}", "while True:"]
    for _, index, awaited in befores:
        lines += [
            f"    result = {_called('before', index, awaited)}(request)",
            "    if result is not None:",
            f"        response, depth = await replace({index}, request, result), {index}",
            "        break",
        ]
    return [*lines, "    response = await inner(request)", "    break"]


def _called(kind: str, index: int, awaited: bool) -> str:
    return f"await {kind}_{index}" if awaited else f"{kind}_{index}"
