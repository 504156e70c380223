"""An in-process client for tests: the same requests over ASGI, RSGI or WSGI, without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nacre.testing.client import TestClient
    from nacre.testing.cookies import CookieJar
    from nacre.testing.events import AsyncEvents, Events
    from nacre.testing.exchange import ProtocolViolation
    from nacre.testing.response import TestResponse
    from nacre.testing.stream import AsyncStream, Stream
    from nacre.testing.websocket import AsyncWebSocketSession, HandshakeDenied, WebSocketSession

__all__ = [
    "AsyncEvents",
    "AsyncStream",
    "AsyncWebSocketSession",
    "CookieJar",
    "Events",
    "HandshakeDenied",
    "ProtocolViolation",
    "Stream",
    "TestClient",
    "TestResponse",
    "WebSocketSession",
]

_HOMES = {
    "AsyncEvents": "events",
    "AsyncStream": "stream",
    "AsyncWebSocketSession": "websocket",
    "CookieJar": "cookies",
    "Events": "events",
    "HandshakeDenied": "websocket",
    "ProtocolViolation": "exchange",
    "Stream": "stream",
    "TestClient": "client",
    "TestResponse": "response",
    "WebSocketSession": "websocket",
}


def __getattr__(name: str) -> Any:
    # Loaded when first used: pytest imports this package for the plugin in it, long before there is a test to run.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
