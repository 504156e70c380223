"""Microdot's names for ASGI; the application is the same one on every transport."""

from nacre.dialects.microdot import Microdot
from nacre.dialects.microdot.websocket import WebSocket, websocket_upgrade, with_websocket

__all__ = ["Microdot", "WebSocket", "websocket_upgrade", "with_websocket"]
