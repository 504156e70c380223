"""The names of Microdot's main module."""

from nacre.dialects.microdot import (
    HTTPException,
    Microdot,
    MultiDict,
    Request,
    Response,
    URLPattern,
    abort,
    redirect,
    send_file,
)
from nacre.dialects.microdot.stream import BodyStream as AsyncBytesIO

__all__ = [
    "AsyncBytesIO",
    "HTTPException",
    "Microdot",
    "MultiDict",
    "Request",
    "Response",
    "URLPattern",
    "abort",
    "redirect",
    "send_file",
]
