"""What programs raise, and what error handlers are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nacre import HTTPError
from nacre import ValidationError as NativeValidationError
from nacre.errors import ErrorItem, MethodNotAllowed, NotFound, WebSocketDisconnect, reason_phrase

__all__ = [
    "ApplicationError",
    "HTTPException",
    "MethodNotAllowedException",
    "NotFoundException",
    "SerializationError",
    "ValidationError",
    "WebSocketDisconnect",
    "WebSocketException",
]

Detail = str | dict[str, Any] | list[Any] | None


class ApplicationError(Exception):
    """The application was used in a way that it can't be."""


class HTTPException(HTTPError):
    """End the request with this status; `detail`, the status's phrase by default, is sent in the JSON of the error."""

    def __init__(self, status_code: int, detail: Detail = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(None, status=status_code, headers=headers)
        self.detail: Any = reason_phrase(status_code) if detail is None else detail

    @property
    def status_code(self) -> int:
        return self.status

    def __str__(self) -> str:
        return str(self.detail)

    def __repr__(self) -> str:
        return _shown(self, "status_code", "detail", "headers")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HTTPException) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


def _shown(error: Exception, *names: str) -> str:
    """An exception with those of its attributes that say something."""
    told = ", ".join(f"{name}={value!r}" for name in names if (value := getattr(error, name)))
    return f"{type(error).__name__}({told})"


class ValidationError(HTTPException):
    """Parts of the request don't fit; `detail` says what is wrong, by the names of fields if it is a dict."""

    def __init__(self, detail: Detail = None, status_code: int = 400) -> None:
        super().__init__(status_code, detail)


class SerializationError(HTTPException):
    """What was to be sent doesn't fit its schema."""

    def __init__(self, detail: Detail = None, status_code: int = 500) -> None:
        super().__init__(status_code, detail)


class NotFoundException(Exception):
    """No route has this path, or no route has this name."""

    def __init__(self, path: str | None = None, params: dict[str, Any] | None = None, name: str | None = None) -> None:
        super().__init__(f"nothing is found for {name or path!r}")
        self.path, self.params, self.name = path, params, name

    def __repr__(self) -> str:
        return _shown(self, "path", "params", "name")


class MethodNotAllowedException(Exception):
    """The path has routes, and none for this method."""

    def __init__(self, path: str, method: str, allowed: set[str]) -> None:
        super().__init__(f"{path} is not for {method}")
        self.path, self.method, self.allowed = path, method, allowed

    def __repr__(self) -> str:
        return _shown(self, "path", "method", "allowed")


class WebSocketException(Exception):
    """End the handler of a WebSocket and close the connection with this code (RFC 6455 §7.4)."""

    def __init__(self, code: int, reason: str | None = None) -> None:
        super().__init__(reason or "")
        self.code, self.reason = code, reason or ""

    def __repr__(self) -> str:
        return _shown(self, "code", "reason")


NATIVE: dict[type[Exception], tuple[type[HTTPError], ...]] = {
    HTTPException: (HTTPError,),
    ValidationError: (NativeValidationError,),
    NotFoundException: (NotFound,),
    MethodNotAllowedException: (MethodNotAllowed,),
}
"""What the core raises where Flama raises these."""


def by_field(errors: tuple[ErrorItem, ...]) -> dict[str, Any]:
    """What is wrong with a request, by the names of its fields. What the client sent isn't told."""
    found: dict[str, Any] = {}
    for error in errors:
        path = [str(part) for part in error["loc"][1:]] or [str(part) for part in error["loc"]]
        found.setdefault(path[0], {"type": error["type"], "loc": path, "msg": error["msg"]})
    return found


def translated(error: Exception, key: object, path: str, method: str) -> Exception:
    """An exception as a handler for this key knows it; the core's own kinds are given Flama's classes."""
    if not isinstance(error, HTTPError) or isinstance(error, HTTPException):
        return error
    if key is NotFoundException:
        return NotFoundException(path=path)
    if key is MethodNotAllowedException and isinstance(error, MethodNotAllowed):
        return MethodNotAllowedException(path, method, set(error.allowed))
    return as_http(error)


def as_http(error: HTTPError) -> HTTPException:
    """An HTTP error of the core as Flama's exception."""
    if isinstance(error, HTTPException):
        return error
    if isinstance(error, NativeValidationError):
        return ValidationError(by_field(error.errors))
    return HTTPException(error.status, error.detail, dict(error.headers))
