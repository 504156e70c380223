"""ASGI layers at the head of an application's list: around everything, routing included, on every transport."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.chain.asgi import TAKEN_OVER, replay, respond
from nacre.chain.asgi_upgrade import receive_from, upgrade_by, websocket_scope
from nacre.chain.layer import Layer
from nacre.chain.pipeline import Pipeline
from nacre.request import Application, Request
from nacre.response import Response
from nacre.types import ASGIApp, Receive, Scope, Send

_REFUSAL = "nacre.refusal"
"""Where a scope says what is wrong with its request, if the transport knows more than a scope can tell."""


class _Link:
    """One layer, built once, with a next one that may change when the application's list does."""

    def __init__(self, layer: Layer) -> None:
        assert layer.build_asgi is not None
        self.next: ASGIApp | None = None
        self.app: ASGIApp = layer.build_asgi(self._call_next)

    async def _call_next(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.next is not None
        await self.next(scope, receive, send)


class RawStack:
    """The raw layers of one application around its own ASGI callable.

    Under ASGI `app` takes what the server gives. On other transports a request is described as an ASGI scope, and
    `dispatch` gives a pipeline that drives the layers in the request's task.
    """

    def __init__(self, inner: ASGIApp, application: Application) -> None:
        self._inner = inner
        self._application = application
        self._links: dict[Layer, _Link] = {}
        self.app: ASGIApp | None = None

    def build(self, layers: Sequence[Layer]) -> None:
        """Arrange these layers, first outermost; those built earlier are kept."""
        following = self._inner
        for layer in reversed(layers):
            link = self._links.get(layer) or self._links.setdefault(layer, _Link(layer))
            link.next = following
            following = link.app
        self.app = following if layers else None

    def dispatch(self, request: Request, host: str | None) -> Pipeline:
        """The pipeline of any request: all of the layers, then the application's own routing."""
        request.app = self._application
        return Pipeline(self._handle, None)

    async def _handle(self, request: Request) -> Response:
        assert self.app is not None
        scope = enter(request.scope, self._application)
        if request.refusal is not None:
            scope[_REFUSAL] = request.refusal
        if request.websocket is not None:
            scope = websocket_scope(request, scope)
            receive = receive_from(request.websocket.channel)
            return await upgrade_by(self.app, scope, receive, request, "a layer at the head")
        return await respond(self.app, scope, replay(request, keep=False), request, "a layer at the head")


def enter(scope: Scope, application: Application) -> Scope:
    """Put into a scope what published middlewares look for before a request is routed."""
    scope["app"] = scope["router"] = application
    return scope


def refuse_again(request: Request) -> None:
    """Refuse, inside of the layers at the head, what the transport has refused outside of them."""
    request.refusal = request.refusal or request.raw.get(_REFUSAL)


def pass_on(request: Request) -> None:
    """Take over what layers at the head left for the request, and tell them the route it was matched to."""
    scope = request.raw
    for name in TAKEN_OVER:
        if name in scope:
            setattr(request, name, scope[name])
    if request.route is not None:
        scope["route"], scope["endpoint"] = request.route, request.route.endpoint
        scope["path_params"] = dict(request.path_params)
