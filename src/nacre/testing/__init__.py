"""An in-process client for tests: the same requests over ASGI, RSGI or WSGI, without a socket."""

from nacre.testing.client import TestClient
from nacre.testing.cookies import CookieJar
from nacre.testing.exchange import ProtocolViolation
from nacre.testing.response import TestResponse
from nacre.testing.stream import AsyncStream, Stream

__all__ = ["AsyncStream", "CookieJar", "ProtocolViolation", "Stream", "TestClient", "TestResponse"]
