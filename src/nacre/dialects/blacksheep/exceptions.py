"""The errors of BlackSheep's programs: HTTP errors with a status, which become responses, and misuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from nacre import errors
from nacre.errors import ConfigurationError, ErrorItem, HTTPError, ValidationError, reason_phrase


class HTTPException(HTTPError):
    """End the request with an answer of this status; `message` is what handlers of it are told."""

    own: ClassVar[dict[int, type[HTTPException]]] = {}
    """The class of each status that has one."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Classes that programs derive don't stand for all errors of their status.
        status = vars(cls).get("status")
        if status is not None and cls.__module__ == __name__:
            HTTPException.own[status] = cls

    def __init__(self, status: int, message: str = "") -> None:
        message = message or reason_phrase(status).capitalize()
        super().__init__(message, status=int(status))
        self.args = (message,)


class _OfStatus(HTTPException):
    """An HTTP exception whose class says the status."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(self.status, message or "")


class BadRequest(_OfStatus):
    status = 400


class BadRequestFormat(BadRequest):
    """What was sent isn't what its content type says; `inner_exception` is the parser's."""

    def __init__(self, message: str, inner_exception: object = None) -> None:
        super().__init__(message)
        self.inner_exception = inner_exception


class Unauthorized(_OfStatus):
    status = 401


class Forbidden(_OfStatus):
    status = 403


class NotFound(_OfStatus):
    status = 404


class Conflict(_OfStatus):
    status = 409


class UnsupportedMediaType(_OfStatus):
    status = 415


class RangeNotSatisfiable(_OfStatus):
    status = 416


class InternalServerError(_OfStatus):
    """What handlers of 500 are given; `source_error` is the exception that nobody handled."""

    status = 500

    def __init__(self, source_error: Exception | str | None = None) -> None:
        super().__init__(source_error if isinstance(source_error, str) else None)
        self.source_error = source_error


class NotImplementedByServer(_OfStatus):
    status = 501


MessageAborted = errors.ClientDisconnect
"""The client left before its request was received."""


class InvalidArgument(Exception):
    """An argument that a function doesn't take."""


class InvalidOperation(Exception):
    """What can't be done at this time."""


class InvalidExceptionHandler(ConfigurationError):
    """A function that can't be called with `(app, request, exc)`."""


_SOURCES = {"path": "route", "form": "body"}


def _refused(error: ErrorItem) -> str:
    """What is wrong with one part of a request. SECURITY: what the client sent isn't quoted."""
    source, *place = error["loc"]
    name = ".".join(map(str, place))
    if not name:
        return "Expected request content" if error["type"] == "missing" else f"the {source} {error['msg']}"
    if error["type"] == "missing" and source != "body":
        return f"Missing {_SOURCES.get(str(source), source)} parameter `{name}`"
    return f"Invalid value for parameter `{name}`: it {error['msg']}"


def status_of(error: HTTPError) -> int:
    """The status that an error is answered with: 400 where a parameter asks for a body of another type."""
    return HTTPStatus.BAD_REQUEST if _is_of_another_type(error) else error.status


def _is_of_another_type(error: HTTPError) -> bool:
    return error.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and error.refused_by is not None


def _detail(error: HTTPError) -> str:
    """What an error says beyond its status; "" for nothing."""
    if _is_of_another_type(error):
        return "Expected request content"
    if isinstance(error, ValidationError):
        return "; ".join(map(_refused, error.errors))
    return "" if error.detail == reason_phrase(error.status) else error.detail


def own_exception(error: Exception) -> Exception:
    """An HTTP error as these programs know it; any other exception as it is."""
    if not isinstance(error, HTTPError) or isinstance(error, HTTPException):
        return error
    status, text = status_of(error), _detail(error)
    cls = HTTPException.own.get(status)
    made = HTTPException(status, text) if cls is None else cls(text)  # type: ignore[arg-type]
    made.headers = error.headers
    made.__cause__ = error
    return made


def error_text(error: HTTPError) -> str:
    """What the default page of an HTTP error says."""
    status = status_of(error)
    phrase = reason_phrase(status) or f"HTTP {status}"
    if status == HTTPStatus.NOT_FOUND:
        return "Resource not found"
    detail = _detail(error)
    return f"{phrase}: {detail}" if detail and status == HTTPStatus.BAD_REQUEST else phrase
