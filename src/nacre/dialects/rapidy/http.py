"""What handlers and middlewares are written with."""

from nacre.dialects.rapidy import web_exceptions
from nacre.dialects.rapidy.enums import Charset, ContentType, HeaderName
from nacre.dialects.rapidy.parameters.http import (
    Body,
    Cookie,
    Cookies,
    Header,
    Headers,
    PathParam,
    PathParams,
    QueryParam,
    QueryParams,
)
from nacre.dialects.rapidy.routers import HTTPRouter, controller, delete, get, head, options, patch, post, put
from nacre.dialects.rapidy.web_exceptions import *  # noqa: F403 - all sixty of them
from nacre.dialects.rapidy.web_middlewares import middleware, normalize_path_middleware
from nacre.dialects.rapidy.web_request import BaseRequest, FileField, Request
from nacre.dialects.rapidy.web_response import Response, StreamResponse

# fmt: off
__all__ = [
    "BaseRequest", "Body", "Charset", "ContentType", "Cookie", "Cookies", "FileField", "HTTPRouter", "Header",
    "HeaderName", "Headers", "PathParam", "PathParams", "QueryParam", "QueryParams", "Request", "Response",
    "StreamResponse", "controller", "delete", "get", "head", "middleware", "normalize_path_middleware", "options",
    "patch", "post", "put"
]
# fmt: on
__all__ += web_exceptions.__all__
