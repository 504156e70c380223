"""Layers that write down what happens to them, one factory per style; the tests of the rules are tables over these.

A factory takes a `Recorder`, a name and what the layer does before and after it calls inwards, and gives an item for a
list of middlewares. What a style can't do by its nature (a Django-style layer never sees an exception, hooks never see
a cancellation) is data of the style, so that a test leaves it out by what it needs and not by name.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from nacre import ASGIMiddleware, CallNext, Hooks, Middleware, Request, Response, WSGIMiddleware
from nacre.response import StreamingResponse

Act = Callable[[], object]
Inward = Callable[[Request], Response]

current: ContextVar[str] = ContextVar("current", default="default")
"""The context variable whose value is written down with each event."""


@dataclass(frozen=True)
class Event:
    """One thing that happened in a layer, a handler or a callback."""

    who: str
    what: str
    task: int | None
    thread: int
    error: int | None
    value: str

    def __repr__(self) -> str:
        return f"{self.what} {self.who}"


@dataclass
class Recorder:
    """What happened, in order, in one application."""

    events: list[Event] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    """The exceptions of `raised` events; held, so that no two of them can have one id."""

    def note(self, who: str, what: str, error: BaseException | None = None) -> None:
        if error is not None:
            self.errors.append(error)
        identity = None if error is None else id(error)
        self.events.append(Event(who, what, _task(), threading.get_ident(), identity, current.get()))

    def of(self, *what: str) -> list[Event]:
        """The events of these kinds."""
        return [event for event in self.events if event.what in what]

    def who(self, what: str) -> list[str]:
        """Who it happened to, in order."""
        return [event.who for event in self.of(what)]

    def balance(self) -> tuple[list[str], list[str]]:
        """Who entered, and who left, in reverse order: the two are equal when layers nest and none is forgotten."""
        return self.who("enter"), self.who("leave")[::-1]

    def clear(self) -> None:
        self.events.clear()
        self.errors.clear()


def _task() -> int | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return None if task is None else id(task)


def nothing() -> None:
    """The act of a layer that only looks."""


Make = Callable[[Recorder, str, Act, Act], Any]


@dataclass(frozen=True)
class Style:
    """A way to write a layer.

    `around`: it encloses what is inside it, so it sees whatever ends a request. `sees_errors`: exceptions from inside
    reach it as they are. `plain`: it is `def` code, run in a worker thread. `raw`: it stands outside of routing, at the
    head of the application's list.
    """

    name: str
    make: Make
    around: bool = True
    sees_errors: bool = True
    plain: bool = False
    raw: bool = False

    def __str__(self) -> str:
        return self.name

    def layers(self, log: Recorder, depth: int, *, before: Act = nothing, after: Act = nothing) -> list[Any]:
        """`depth` of them, named L0 (outermost), L1, …"""
        return [self.make(log, f"L{index}", before, after) for index in range(depth)]


def names(depth: int) -> list[str]:
    return [f"L{index}" for index in range(depth)]


# One factory per style. Each layer is written as its users write it, so none shares code with another.


def onion_async(log: Recorder, name: str, before: Act, after: Act) -> Any:
    async def layer(request: Request, call_next: CallNext) -> Response:
        log.note(name, "enter")
        try:
            before()
            response = await call_next(request)
            log.note(name, f"got {response.status}")
            after()
            return response
        except BaseException as error:
            log.note(name, "raised", error)
            raise
        finally:
            log.note(name, "leave")

    return Middleware(layer, name=name)


def onion_plain(log: Recorder, name: str, before: Act, after: Act) -> Any:
    def layer(request: Request, call_next: Inward) -> Response:
        log.note(name, "enter")
        try:
            before()
            response = call_next(request)
            log.note(name, f"got {response.status}")
            after()
            return response
        except BaseException as error:
            log.note(name, "raised", error)
            raise
        finally:
            log.note(name, "leave")

    return Middleware(layer, name=name)


def onion_instance(log: Recorder, name: str, before: Act, after: Act) -> Any:
    class Layer:
        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            log.note(name, "enter")
            try:
                before()
                response = await call_next(request)
                log.note(name, f"got {response.status}")
                after()
            except BaseException as error:
                log.note(name, "raised", error)
                raise
            finally:
                log.note(name, "leave")
            return response

    return Middleware(Layer(), name=name)


def onion_checked(log: Recorder, name: str, before: Act, after: Act) -> Any:
    """Returns a plain value where the response has a whole body, so each such layer makes a new response."""

    async def layer(request: Request, call_next: CallNext) -> Any:
        log.note(name, "enter")
        try:
            before()
            response = await call_next(request)
            log.note(name, f"got {response.status}")
            after()
            if response.stream is not None or response.sent_callbacks or response.background:
                return response
            return response.body, response.status, response.headers.pairs()
        except BaseException as error:
            log.note(name, "raised", error)
            raise
        finally:
            log.note(name, "leave")

    return Middleware(layer, name=name)


def django_plain(log: Recorder, name: str, before: Act, after: Act) -> Any:
    class Layer:
        def __init__(self, get_response: Inward) -> None:
            self.get_response = get_response

        def __call__(self, request: Request) -> Response:
            log.note(name, "enter")
            try:
                before()
                response = self.get_response(request)
                log.note(name, f"got {response.status}")
                after()
                return response
            except BaseException as error:
                log.note(name, "raised", error)
                raise
            finally:
                log.note(name, "leave")

    return Middleware(Layer, name=name)


def django_async(log: Recorder, name: str, before: Act, after: Act) -> Any:
    class Layer:
        def __init__(self, get_response: CallNext) -> None:
            self.get_response = get_response

        async def __call__(self, request: Request) -> Response:
            log.note(name, "enter")
            try:
                before()
                response = await self.get_response(request)
                log.note(name, f"got {response.status}")
                after()
                return response
            except BaseException as error:
                log.note(name, "raised", error)
                raise
            finally:
                log.note(name, "leave")

    return Middleware(Layer, name=name)


def _asgi_class(log: Recorder, name: str, before: Act, after: Act) -> type:
    class Layer:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await self.app(scope, receive, send)
                return

            async def watched(message: Any) -> None:
                if message["type"] == "http.response.start":
                    log.note(name, f"got {message['status']}")
                await send(message)

            log.note(name, "enter")
            try:
                before()
                await self.app(scope, receive, watched)
                after()
            except BaseException as error:
                log.note(name, "raised", error)
                raise
            finally:
                log.note(name, "leave")

    return Layer


def asgi_inside(log: Recorder, name: str, before: Act, after: Act) -> Any:
    # `only` keeps a layer within the chain that would stand at the head of the list otherwise.
    return ASGIMiddleware(_asgi_class(log, name, before, after), name=name, only="/*")


def asgi_head(log: Recorder, name: str, before: Act, after: Act) -> Any:
    return ASGIMiddleware(_asgi_class(log, name, before, after), name=name)


def wsgi(log: Recorder, name: str, before: Act, after: Act) -> Any:
    def factory(app: Any) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            def watched(status: str, *rest: Any) -> Any:
                log.note(name, f"got {status[:3]}")
                return start_response(status, *rest)

            log.note(name, "enter")
            try:
                before()
                body = app(environ, watched)
                after()
                return body
            except BaseException as error:
                log.note(name, "raised", error)
                raise
            finally:
                log.note(name, "leave")

        return middleware

    return WSGIMiddleware(factory, name=name)


def hooks_async(log: Recorder, name: str, before: Act, after: Act) -> Any:
    async def enter(request: Request) -> None:
        log.note(name, "enter")
        before()

    async def on_way_out(request: Request, response: Response) -> None:
        log.note(name, f"got {response.status}")
        after()

    async def leave(request: Request, response: Response) -> None:
        log.note(name, "leave")

    return Middleware(Hooks(before=enter, after=on_way_out, finalize=leave), name=name)


def hooks_inline(log: Recorder, name: str, before: Act, after: Act) -> Any:
    def enter(request: Request) -> None:
        log.note(name, "enter")
        before()

    def on_way_out(request: Request, response: Response) -> None:
        log.note(name, f"got {response.status}")
        after()

    def leave(request: Request, response: Response) -> None:
        log.note(name, "leave")

    return Middleware(Hooks(before=enter, after=on_way_out, finalize=leave, inline=True), name=name)


STYLES = [
    Style("onion-async", onion_async),
    Style("onion-plain", onion_plain, plain=True),
    Style("onion-instance", onion_instance),
    Style("onion-checked", onion_checked),
    Style("django-plain", django_plain, sees_errors=False, plain=True),
    Style("django-async", django_async, sees_errors=False),
    Style("asgi-inside", asgi_inside),
    Style("asgi-head", asgi_head, raw=True, sees_errors=False),
    Style("wsgi", wsgi, plain=True),
    Style("hooks-async", hooks_async, around=False, sees_errors=False),
    Style("hooks-inline", hooks_inline, around=False, sees_errors=False),
]
BY_NAME = {style.name: style for style in STYLES}

AROUND = [style for style in STYLES if style.around]
"""The styles that enclose what is inside them."""

SEEING = [style for style in STYLES if style.sees_errors]
"""The styles that exceptions from inside reach as they are."""

INNER = [style for style in STYLES if not style.raw]
"""The styles that run inside routing."""

ASYNC = [style for style in AROUND if not style.plain]

DEPTHS = [1, 3, 50]

# Every style next to every other one somewhere: the list, and the same from the middle, backwards.
_INNER_NAMES = [style.name for style in INNER]
MIXES: dict[str, Sequence[str]] = {
    "mixed": _INNER_NAMES,
    "mixed-back": _INNER_NAMES[::-1],
    "alternating": [name for other in _INNER_NAMES[1:] for name in (_INNER_NAMES[0], other)],
    "plain-and-asgi": ["onion-plain", "asgi-inside", "django-plain", "asgi-inside", "wsgi", "asgi-inside"],
}


def mixed(log: Recorder, styles: Iterable[str], *, before: Act = nothing, after: Act = nothing) -> list[Any]:
    """A list of layers of different styles, named L0, L1, … from the outside."""
    return [BY_NAME[name].make(log, f"L{index}", before, after) for index, name in enumerate(styles)]


@dataclass(frozen=True)
class Chain:
    """A list of recording layers that a test puts around its application."""

    name: str
    styles: tuple[Style, ...]

    def __str__(self) -> str:
        return self.name

    @property
    def names(self) -> list[str]:
        return names(len(self.styles))

    def build(self, log: Recorder, *, before: Act = nothing, after: Act = nothing, at: int | None = None) -> list[Any]:
        """The layers; with `at`, only the one of that number acts, the others look."""
        acting = [at is None or at == index for index in range(len(self.styles))]
        return [
            style.make(log, f"L{index}", before if acts else nothing, after if acts else nothing)
            for index, (style, acts) in enumerate(zip(self.styles, acting, strict=True))
        ]


def chains(styles: Iterable[Style] = STYLES, *, depths: Iterable[int] = (1, 3, 50), mixes: bool = True) -> list[Chain]:
    """One chain per style and depth, and the mixes that hold none but these styles."""
    wanted = list(styles)
    found = [Chain(f"{style}*{depth}", (style,) * depth) for style in wanted for depth in depths]
    if mixes:
        for name, members in MIXES.items():
            kept = tuple(BY_NAME[member] for member in members if BY_NAME[member] in wanted)
            if len({style.name for style in kept}) > 1:
                found.append(Chain(name, kept))
    return found


def ids(value: object) -> str | None:
    """The ids of a table's rows: what has a name shows it."""
    return str(value) if isinstance(value, Chain | Style) else None


class Source:
    """An async stream that is watched: how many pieces were taken, and how and how often it was closed."""

    def __init__(self, log: Recorder, pieces: int = 3) -> None:
        self.log = log
        self.pieces = pieces
        self.taken = 0
        self.gate = asyncio.Event()

    async def generate(self) -> Any:
        self.log.note("source", "enter")
        try:
            for number in range(self.pieces):
                self.taken += 1
                yield f"piece {number};"
        except BaseException as error:
            self.log.note("source", "raised", error)
            raise
        finally:
            self.log.note("source", "leave")


def stream_of(log: Recorder, pieces: int = 3, *, eager: bool = True) -> StreamingResponse:
    return StreamingResponse(Source(log, pieces).generate(), eager=eager)


def plain_stream(log: Recorder, pieces: int = 3) -> Iterator[str]:
    """The same as plain code."""
    log.note("source", "enter")
    try:
        for number in range(pieces):
            yield f"piece {number};"
    finally:
        log.note("source", "leave")
