"""Programs for Microdot 2 on Nacre: `from nacre.dialects.microdot import Microdot`."""

from nacre.dialects.microdot.application import Microdot
from nacre.dialects.microdot.errors import HTTPException, abort
from nacre.dialects.microdot.layers import layer
from nacre.dialects.microdot.mappings import MultiDict
from nacre.dialects.microdot.patterns import URLPattern
from nacre.dialects.microdot.request import Request
from nacre.dialects.microdot.response import Response, redirect, send_file
from nacre.dialects.microdot.stream import BodyStream as AsyncBytesIO

__version__ = "2.5.1"

__all__ = [
    "AsyncBytesIO",
    "HTTPException",
    "Microdot",
    "MultiDict",
    "Request",
    "Response",
    "URLPattern",
    "abort",
    "layer",
    "redirect",
    "send_file",
]
