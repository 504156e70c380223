"""Middlewares `(request, handler)` as layers, and the list that orders them by category."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

from nacre.binding import Parameter, read_parameters
from nacre.callables import describe, is_async
from nacre.chain.hooks import Hooks
from nacre.chain.middleware import Layers, Middleware
from nacre.chain.onion import hands_on_only
from nacre.chain.place import Place
from nacre.dialects.blacksheep.messages import Request, Response, own_response
from nacre.dialects.blacksheep.server.bindings import rebound
from nacre.dialects.blacksheep.server.normalization import ensure_response
from nacre.errors import ConfigurationError, Location, Problem
from nacre.groups import Entry
from nacre.groups import MiddlewareList as NativeList
from nacre.request import CallNext
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse
from nacre.views import native_request

RequestHandler = Callable[[Any], Awaitable[Response]]

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
_HANDLERS = frozenset({"handler", "next_handler"})
_FIRST = (inspect.Parameter("request", _POSITIONAL), inspect.Parameter("call_next", _POSITIONAL))


class MiddlewareCategory(Enum):
    """Where in the chain a middleware stands: those of a lower number are outside."""

    INIT = 10
    SESSION = 20
    AUTH = 30
    AUTHZ = 40
    BUSINESS = 50
    MESSAGE = 60


class BlackSheepLayer:
    """A middleware as a layer for any list: BlackSheep's or another one.

    The middleware is `async def middleware(request, handler)`, or an instance with such a `__call__`. One that asks for
    more is given it as a handler is. One without `handler` can't answer: the chain goes on whatever it returns.
    """

    dialect = "blacksheep"

    def __init__(self, middleware: Callable[..., Any]) -> None:
        if isinstance(middleware, type) or not is_async(middleware):
            what = f"middleware {describe(middleware)} isn't asynchronous"
            fix = "write `async def middleware(request, handler)`, or give an instance with such a `__call__`"
            raise ConfigurationError(Problem(what, Location.of(middleware) or Location.of_caller(), fix))
        self.middleware = middleware
        self.__name__ = getattr(middleware, "__name__", type(middleware).__name__)
        self.__wrapped__ = middleware
        self.call, self.__signature__ = _settled(middleware)

    def for_route(self, place: Place) -> Callable[..., Any]:
        """The layer as it is in one chain, where it is known what stands inside."""
        if place.is_websocket:
            return _OnHandshake(self)
        if len(self.__signature__.parameters) > len(_FIRST):
            return self
        return _on_route(self)

    async def __call__(self, request: NativeRequest, call_next: CallNext, **more: Any) -> NativeResponse:
        return ensure_response(await self.call(Request.of(request), _handler(call_next), **more))


def _on_route(layer: BlackSheepLayer) -> Callable[..., Any]:
    """A middleware in one chain: a native layer.

    PERF: the rest of a chain is the same function for all requests, so what calls it for the middleware is made once.
    """
    made: tuple[Any, Any] = (None, None)
    call, view_of = layer.call, Request.of

    async def onion(request: NativeRequest, call_next: CallNext) -> NativeResponse:
        nonlocal made
        known, handler = made
        if known is not call_next:
            handler = _handler(call_next)
            made = call_next, handler
        response = await call(view_of(request), handler)
        return response if response.__class__ is Response else ensure_response(response)

    onion.__wrapped__ = layer.middleware  # type: ignore[attr-defined]
    if hands_on_only(layer.middleware):
        onion.around = functools.partial(_around, call)  # type: ignore[attr-defined]
    return onion


def _around(call: Callable[..., Any], handle: Any) -> Any:
    """The compiled form of a middleware that provably returns only what its handler gives.

    PERF: it needs no look at its result, so there is no coroutine but its own; the next one is called with the view
    that is there already.
    """
    handler = getattr(handle, "of_view", None) or _handler(handle)
    view_of = Request.of

    def onion(request: NativeRequest) -> Any:
        return call(view_of(request), handler)

    def of_view(request: Any) -> Any:
        return call(request if request.__class__ is Request else view_of(native_request(request)), handler)

    onion.of_view = of_view  # type: ignore[attr-defined]
    return onion


class _OnHandshake:
    """A middleware around the handshake of a WebSocket, whose own answer must come back as the object that it is."""

    def __init__(self, layer: BlackSheepLayer) -> None:
        self.call = layer.call
        self.__wrapped__ = layer.middleware
        self.__signature__ = layer.__signature__

    async def __call__(self, request: NativeRequest, call_next: CallNext, **more: Any) -> NativeResponse:
        given: list[NativeResponse] = []

        async def remembered(request: NativeRequest) -> NativeResponse:
            given[:] = [await call_next(request)]
            return given[0]

        answer = ensure_response(await self.call(Request.of(request), _handler(remembered), **more))
        # The header fields are one list for both.
        return given[0] if given and answer.raw_headers is given[0].raw_headers else answer


def _handler(call_next: CallNext) -> RequestHandler:
    """What a middleware calls to have the rest of the chain run: it gives a response in these words."""

    async def handler(request: Any) -> Response:
        native = request.native if request.__class__ is Request else native_request(request)
        return own_response(await call_next(native))

    return handler


def _settled(middleware: Callable[..., Any]) -> tuple[Callable[..., Any], inspect.Signature]:
    """A middleware as `(request, handler, **more)`, and what a layer of it asks for."""
    found = read_parameters(middleware)
    if isinstance(found, Problem):
        raise ConfigurationError(found)
    if len(found) == 2 and not any(map(_asks, found)):
        return middleware, inspect.Signature(_FIRST)
    names = [parameter.name for parameter in found]
    own = [name for name in names if name in ("request", *_HANDLERS)]
    answers = not _HANDLERS.isdisjoint(own)
    asked = rebound(middleware)
    by_name = inspect.Parameter.KEYWORD_ONLY
    more = [parameter.replace(kind=by_name) for name, parameter in asked.parameters.items() if name not in own]

    @functools.wraps(middleware)
    async def call(request: Request, handler: RequestHandler, **values: Any) -> Any:
        given = values | {name: request if name == "request" else handler for name in own}
        result = await middleware(*[given[name] for name in names])
        return result if answers else await handler(request)

    return call, inspect.Signature([*_FIRST, *more])


def _asks(parameter: Parameter) -> bool:
    """Whether a parameter is none of the two that a middleware has by its place."""
    kind: Any = typing.get_origin(parameter.type) or parameter.type
    is_known = parameter.name in ("request", *_HANDLERS) or kind in (Any, Callable)
    is_service = inspect.isclass(kind) and Request not in kind.__mro__ and NativeRequest not in kind.__mro__
    return (is_service and not is_known) or bool(parameter.markers) or parameter.has_default


def layer(middleware: Callable[..., Any]) -> BlackSheepLayer:
    """Make a layer of a middleware, for the lists of native applications, groups and routes, and of other dialects."""
    return BlackSheepLayer(middleware)


class CategorizedMiddleware:
    """A middleware and its place."""

    def __init__(
        self, middleware: Any, category: MiddlewareCategory = MiddlewareCategory.BUSINESS, priority: int = 0
    ) -> None:
        self.middleware = middleware
        self.category = category
        self.priority = priority


class MiddlewareList(NativeList):
    """The middlewares of an application, ordered by category, then by priority, then as they were put in.

    Native layers and those of other dialects may stand in it too.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # With the item itself, since an id is another one's when its object is gone.
        self._places: dict[int, tuple[Any, CategorizedMiddleware]] = {}
        super().__init__(*arguments, **options)

    def prepare(self, item: Any) -> Any:
        if isinstance(item, str | type | Middleware | Hooks | Layers | BlackSheepLayer):
            return item
        is_foreign = getattr(item, "dialect", None) is not None
        return item if is_foreign else BlackSheepLayer(item)

    @property
    def entries(self) -> Sequence[Entry]:
        return sorted(super().entries, key=lambda entry: _order(self._place(entry.item)))

    def append(
        self, middleware: Any, category: MiddlewareCategory = MiddlewareCategory.BUSINESS, priority: int = 0
    ) -> None:
        """Add a middleware at the end of its category. Raises ConfigurationError for one that isn't asynchronous."""
        self._put(len(self), middleware, category, priority)

    def insert(self, index: int, middleware: Any) -> None:
        """Add a middleware that is outside of all that are appended."""
        self._put(index, middleware, MiddlewareCategory.INIT, -1)

    def extend(self, middlewares: Iterable[Any]) -> None:
        for middleware in middlewares:
            self.append(middleware)

    def items(self) -> Iterable[CategorizedMiddleware]:
        """The middlewares with their places, in order."""
        return [self._place(entry.item) for entry in self.entries]

    def to_list(self) -> list[Any]:
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        return iter([place.middleware for place in self.items()])

    def _put(self, index: int, middleware: Any, category: MiddlewareCategory, priority: int) -> None:
        item = self.prepare(middleware)
        self._places[id(item)] = item, CategorizedMiddleware(middleware, category, priority)
        super().insert(index, item)

    def _place(self, item: Any) -> CategorizedMiddleware:
        return self._places[id(item)][1] if id(item) in self._places else CategorizedMiddleware(item)


def _order(place: CategorizedMiddleware) -> tuple[int, int]:
    return place.category.value, place.priority
