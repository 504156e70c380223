"""Microdot's names for ASGI: all of the main module's; the application is the same one on every transport."""

from nacre.dialects.microdot import (
    AsyncBytesIO,
    Microdot,
    Request,
    Response,
    URLPattern,
    abort,
    redirect,
    send_file,
)
from nacre.dialects.microdot.websocket import WebSocket, websocket_upgrade, with_websocket

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
