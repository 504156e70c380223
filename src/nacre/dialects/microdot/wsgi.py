"""Microdot's names for WSGI, which are those for ASGI; the application is the same one on every transport."""

from nacre.dialects.microdot.asgi import (
    AsyncBytesIO,
    Microdot,
    Request,
    Response,
    URLPattern,
    WebSocket,
    abort,
    redirect,
    send_file,
    websocket_upgrade,
    with_websocket,
)

__all__ = [
    "AsyncBytesIO",
    "Microdot",
    "Request",
    "Response",
    "URLPattern",
    "WebSocket",
    "abort",
    "redirect",
    "send_file",
    "websocket_upgrade",
    "with_websocket",
]
