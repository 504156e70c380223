"""Endpoints as classes: a method for each HTTP method, or for what happens on a WebSocket."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal

import nacre
from nacre import Provide
from nacre.chain.asgi import replay, scope_of
from nacre.chain.asgi_upgrade import receive_from
from nacre.codecs import decode_json
from nacre.dialects.flama import types
from nacre.dialects.flama.exceptions import WebSocketException
from nacre.dialects.flama.http import Method, Request
from nacre.dialects.flama.injection import Component, settle
from nacre.dialects.flama.websockets import WebSocket
from nacre.errors import ConfigurationError, Location, Problem, WebSocketDisconnect

__all__ = ["BaseEndpoint", "HTTPEndpoint", "WebSocketEndpoint"]


class BaseEndpoint:
    """What both kinds have in common: one instance for each request, whose `state` holds what it is made for."""

    def __init__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        self.state: dict[str, Any] = {
            "scope": scope,
            "receive": receive,
            "send": send,
            "exc": None,
            "app": scope["app"],
            "route": scope["route"],
        }


class HTTPEndpoint(BaseEndpoint):
    """Derive from it and write `get`, `post` …, plain or async; each may ask for what handlers may ask for."""

    @classmethod
    def allowed_methods(cls) -> set[str]:
        """The methods that it answers."""
        found = {method.value for method in Method if callable(getattr(cls, method.lower(), None))}
        return found | {"HEAD"} if "GET" in found else found


class WebSocketEndpoint(BaseEndpoint):
    """Derive from it and override what is to be done when a client comes, sends, leaves.

    `encoding` says what messages are decoded from: "text", "bytes" or "json"; None gives them as they come. The methods
    may ask for the WebSocket, for the message (annotated `types.Data`, or called `data`), and for the code
    (`types.Code`, or `websocket_code`). A message of another kind closes the connection with 1003.
    """

    encoding: ClassVar[Literal["text", "bytes", "json"] | None] = None

    async def on_connect(self, websocket: WebSocket) -> None:
        """The handshake; accepts it."""
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: types.Data) -> None:
        """A message has come."""

    async def on_disconnect(self, websocket: WebSocket, websocket_code: types.Code) -> None:
        """The connection is over."""


def handlers_of(
    cls: type[HTTPEndpoint], components: Iterable[Component], methods: Iterable[str] | None = None
) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of an endpoint as handlers, or of them those in `methods`. Raises ConfigurationError if none is."""

    def make(request: nacre.Request) -> Any:
        endpoint = cls(types.Scope(scope_of(request)), replay(request), _send_nothing)
        endpoint.state["request"] = Request.of(request)
        return endpoint

    instance: Any = Annotated[Any, Provide(make, inline=True)]
    wanted = cls.allowed_methods() if methods is None else methods
    names = [method for method in sorted(wanted) if callable(getattr(cls, method.lower(), None))]
    if not names:
        fix = "define get(self), post(self) or another method's name in lower case"
        raise ConfigurationError(Problem(f"endpoint `{cls.__qualname__}` handles no method", Location.of(cls), fix))
    for name in names:
        method = getattr(cls, name.lower())
        first = next(iter(inspect.signature(method).parameters), "")
        if not first:
            what = f"`{method.__qualname__}` takes no `self`"
            raise ConfigurationError(Problem(what, Location.of(method), f"write `def {name.lower()}(self)`"))
        handler = settle(method, components, {first: instance})
        if name == names[0]:
            handler.__name__ = cls.__name__  # by which URLs of the endpoint are built
        yield name, handler


def websocket_handler(cls: type[WebSocketEndpoint]) -> Callable[..., Any]:
    """A handler that gives what happens on a connection to the methods of an endpoint."""
    connected, received, left = (_caller(getattr(cls, name)) for name in _EVENTS)

    async def endpoint(websocket: WebSocket) -> None:
        instance = cls(types.Scope(websocket.scope), receive_from(websocket.native.websocket.channel), _send_nothing)
        instance.state["websocket"] = websocket
        code = 1000
        await connected(instance, websocket, None, None)
        try:
            while not websocket.is_disconnected:
                message = await websocket.receive_any()
                try:
                    data = _decoded(message, cls.encoding)
                except ValueError:
                    code = 1003
                    await websocket.close(code)
                    return
                await received(instance, websocket, data, None)
        except WebSocketDisconnect as error:
            code = error.code
        except WebSocketException as error:
            code = error.code
            await websocket.close(code, error.reason)
        except BaseException:
            code = 1011
            raise
        finally:
            await left(instance, websocket, None, code)

    endpoint.__name__, endpoint.__doc__ = cls.__name__, cls.__doc__
    return endpoint


async def _send_nothing(message: types.Message) -> None:
    raise RuntimeError("endpoints return their responses, and send by their WebSocket")


_EVENTS = ("on_connect", "on_receive", "on_disconnect")


def _caller(method: Callable[..., Any]) -> Callable[[Any, WebSocket, Any, Any], Awaitable[Any]]:
    """What calls a method with as much as it asks for. Raises ConfigurationError if it asks for something else."""
    found: list[tuple[str, int]] = []
    for one in list(inspect.signature(method, eval_str=True).parameters.values())[1:]:
        asked = [one.annotation is WebSocket or one.name == "websocket"]
        asked += [one.annotation is types.Data or one.name == "data"]
        asked += [one.annotation is types.Code or one.name == "websocket_code"]
        if not any(asked):
            what = f"`{method.__qualname__}` takes `{one.name}`, which endpoints of WebSockets aren't given"
            fix = "ask for `websocket: WebSocket`, `data: types.Data` or `websocket_code: types.Code`"
            raise ConfigurationError(Problem(what, Location.of(method), fix))
        found.append((one.name, asked.index(True)))

    async def call(instance: Any, *values: Any) -> Any:
        return await method(instance, **{name: values[index] for name, index in found})

    return call


def _decoded(message: str | bytes, encoding: str | None) -> Any:
    """A message as the endpoint wants it. Raises ValueError for one of another kind."""
    if encoding == "json":
        return decode_json(message)
    if encoding is not None and isinstance(message, str) is not (encoding == "text"):
        raise ValueError("a message of another kind")
    return message
