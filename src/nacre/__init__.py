"""Nacre: a web framework in which a request passes through layers, all decided before the first request."""

from nacre.app import Nacre
from nacre.binding import Body, Cookie, File, Form, Header, Path, Provide, Query, Validation
from nacre.chain.hooks import DefaultHeaders, Hooks
from nacre.chain.middleware import ASGIMiddleware, DjangoMiddleware, Middleware, WSGIMiddleware, middleware
from nacre.declare import DeclaredRoute, delete, get, head, options, patch, post, put, route
from nacre.errors import ConfigurationError, HTTPError, ValidationError, abort
from nacre.groups import Group
from nacre.request import CallNext, Request
from nacre.response import (
    HTMLResponse,
    JSONResponse,
    NDJSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from nacre.results import Results
from nacre.state import Key
from nacre.threads import wait
from nacre.uploads import UploadFile

__version__ = "0.1.0.dev0"

__all__ = [
    "ASGIMiddleware",
    "Body",
    "CallNext",
    "ConfigurationError",
    "Cookie",
    "DeclaredRoute",
    "DefaultHeaders",
    "DjangoMiddleware",
    "File",
    "Form",
    "Group",
    "HTMLResponse",
    "HTTPError",
    "Header",
    "Hooks",
    "JSONResponse",
    "Key",
    "Middleware",
    "NDJSONResponse",
    "Nacre",
    "Path",
    "PlainTextResponse",
    "Provide",
    "Query",
    "RedirectResponse",
    "Request",
    "Response",
    "Results",
    "StreamingResponse",
    "UploadFile",
    "Validation",
    "ValidationError",
    "WSGIMiddleware",
    "abort",
    "delete",
    "get",
    "head",
    "middleware",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "wait",
]
