"""The names of Microdot's main module."""

from nacre.dialects.microdot import (
    AsyncBytesIO,
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
