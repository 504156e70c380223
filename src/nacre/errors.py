"""Everything Nacre raises, in three trees that do not mix.

A configuration error is the developer's, an HTTP error becomes a response, a protocol error is the peer's:

    ConfigurationError (ValueError)      found at startup, all at once; see `Problem`
    HTTPError                            an answer with a status
    ├── BadRequest 400                   ├── NotAcceptable 406        ├── UnprocessableContent 422
    ├── Unauthorized 401                 ├── Conflict 409             ├── TooManyRequests 429
    ├── Forbidden 403                    ├── Gone 410                 ├── InternalServerError 500
    ├── NotFound 404                     ├── ContentTooLarge 413      ├── ServiceUnavailable 503
    ├── MethodNotAllowed 405             ├── UnsupportedMediaType 415 ├── GatewayTimeout 504
    └── RequestTimeout 408               └── UpgradeRequired 426      └── InsufficientStorage (OSError) 507
        ValidationError is the UnprocessableContent of binding; it lists what is wrong
    ProtocolError
    ├── ClientDisconnect (ConnectionError)   the peer went away
    ├── WebSocketDisconnect (ConnectionError)  a WebSocket was closed by its peer, or broke off
    ├── BodyConsumed (RuntimeError)          the body was already streamed away
    ├── ResponseStarted (RuntimeError)       a second answer to one request
    └── NextCalledTwice (RuntimeError)       a layer called `call_next` a second time
    ResponseValidationError              a handler or layer returned what its type doesn't allow
    MissingExtra (ImportError)           a feature needs an optional package; names the `pip install` line
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, NoReturn, NotRequired, Self, TypedDict

from msgspec import Struct

from nacre.headers import pairs_of

_PACKAGE = str(Path(__file__).parent)


class Location(Struct, frozen=True):
    """A place in the user's code: the file as Python names it, and a line counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        try:
            path = str(Path(self.file).relative_to(Path.cwd()))
        except ValueError:
            path = self.file
        return f"{path}:{self.line}"

    @classmethod
    def of_caller(cls) -> Location:
        """The nearest frame outside this package: where the user declared what is being declared."""
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        return cls(frame.f_code.co_filename, frame.f_lineno)

    @classmethod
    def of(cls, target: Any) -> Location | None:
        """Where a function, method, class or instance of a class was written; None for builtins and C code."""
        seen: set[int] = set()
        while hasattr(target, "__wrapped__") and id(target) not in seen:
            seen.add(id(target))
            target = target.__wrapped__
        target = getattr(target, "__func__", target)
        code = getattr(target, "__code__", None)
        if code is not None:
            return cls(code.co_filename, code.co_firstlineno)
        owner = target if isinstance(target, type) else type(target)
        for name in ("__init__", "__call__", *vars(owner)):
            code = getattr(vars(owner).get(name), "__code__", None)
            if code is not None:
                return cls(code.co_filename, code.co_firstlineno)
        return None


class Problem(Struct, frozen=True):
    """One thing wrong with a configuration: what it is, where it was written, what to change."""

    what: str
    where: Location | None = None
    fix: str | None = None

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        fix = f"\n      {self.fix}" if self.fix else ""
        return f"{self.what}{place}{fix}"


class ConfigurationError(ValueError):
    """The application can't start as it is declared; `problems` lists all that was found."""

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(self._text())

    def _text(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        return f"{len(self.problems)} problems\n" + "\n".join(f"  - {problem}" for problem in self.problems)


class HTTPError(Exception):
    """End the request with an answer of this status.

    `detail` is shown to the client, so it holds nothing private; the reason phrase stands in when it is None.
    `headers` are added to the answer.
    """

    status: int = 500
    refused_by: object = None
    """The plan of the binder that raised it, if one did."""

    _by_status: ClassVar[dict[int, type[HTTPError]]] = {}

    def __init_subclass__(cls) -> None:
        # Subclasses that users derive keep the status of their parent and don't replace it here.
        if "status" in vars(cls) and cls.__module__ == __name__:
            HTTPError._by_status[cls.status] = cls

    def __init__(
        self,
        detail: str | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> None:
        if status is not None:
            self.status = status
        self.detail = detail if detail is not None else reason_phrase(self.status)
        self.headers: tuple[tuple[str, str], ...] = () if headers is None else tuple(pairs_of(headers))
        super().__init__(f"{self.status} {self.detail}")

    def copy(self) -> Self:
        """The same error to be raised once more, without the traceback and what that holds."""
        error = type(self).__new__(type(self), *self.args)
        vars(error).update(vars(self))
        return error


class BadRequest(HTTPError):
    status = 400


class Unauthorized(HTTPError):
    status = 401


class Forbidden(HTTPError):
    status = 403


class NotFound(HTTPError):
    status = 404


class MethodNotAllowed(HTTPError):
    """405; `allowed` becomes the `Allow` header that RFC 9110 §15.5.6 demands."""

    status = 405

    def __init__(self, allowed: Iterable[str] = (), detail: str | None = None) -> None:
        self.allowed = tuple(allowed)
        super().__init__(detail, headers=[("allow", ", ".join(self.allowed))])


class NotAcceptable(HTTPError):
    status = 406


class RequestTimeout(HTTPError):
    """408: the client didn't send its body in time (RFC 9110 §15.5.9)."""

    status = 408


class Conflict(HTTPError):
    status = 409


class Gone(HTTPError):
    status = 410


class ContentTooLarge(HTTPError):
    status = 413


class UnsupportedMediaType(HTTPError):
    status = 415


class UnprocessableContent(HTTPError):
    status = 422


class ErrorItem(TypedDict):
    """One thing that is wrong with a request: where, in words, and by a name that programs can rely on.

    `loc` begins with the source ("path", "query", "header", "cookie", "body") and leads to the value:
    `["body", "items", 3, "price"]`. `ctx` holds the limit that was passed, never what the client sent.
    """

    loc: list[str | int]
    msg: str
    type: str
    ctx: NotRequired[dict[str, Any]]


class ValidationError(UnprocessableContent):
    """422: parts of a request don't fit what a handler or layer declared; `errors` lists all that was found.

    `content` is what is sent as JSON: `{"errors": [...]}`, or what the `Validation` of the scope makes of them.
    """

    def __init__(
        self,
        errors: Sequence[ErrorItem],
        *,
        status: int = 422,
        shape: Callable[[Sequence[ErrorItem]], object] | None = None,
    ) -> None:
        self.errors: tuple[ErrorItem, ...] = tuple(errors)
        self._shape = shape
        super().__init__(_summary(self.errors), status=status)

    @property
    def content(self) -> object:
        """The data of the answer."""
        return {"errors": list(self.errors)} if self._shape is None else self._shape(self.errors)


def _summary(errors: Sequence[ErrorItem]) -> str:
    return _listed([f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors])


def _listed(errors: Sequence[str]) -> str:
    return "; ".join(errors[:3]) + (f"; and {len(errors) - 3} more" if len(errors) > 3 else "")


class UpgradeRequired(HTTPError):
    """426: what is there speaks WebSocket only; the `Upgrade` header that RFC 9110 §15.5.22 demands says so."""

    status = 426

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers=[("upgrade", "websocket"), ("connection", "Upgrade")])


class TooManyRequests(HTTPError):
    status = 429


class InternalServerError(HTTPError):
    status = 500


class ServiceUnavailable(HTTPError):
    status = 503


class GatewayTimeout(HTTPError):
    status = 504


class InsufficientStorage(HTTPError, OSError):
    """507: there is no room for what the client sent (RFC 4918 §11.5)."""

    status = 507


class ProtocolError(Exception):
    """The other side, or the code in between, broke the order of an exchange."""


class ClientDisconnect(ProtocolError, ConnectionError):
    """The peer closed the connection before the exchange was complete."""


class WebSocketDisconnect(ProtocolError, ConnectionError):
    """The peer of a WebSocket has closed it or is gone.

    `code` is the peer's (RFC 6455 §7.4), 1005 if it gave none, 1006 if the connection broke off; `reason` is its text.
    """

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"the WebSocket was closed by its peer with {code}")
        self.code = code
        self.reason = reason


class BodyConsumed(ProtocolError, RuntimeError):
    """The request body was partly streamed away and can't be read from its start again."""


class ResponseStarted(ProtocolError, RuntimeError):
    """A second response was begun for one request."""


class NextCalledTwice(ProtocolError, RuntimeError):
    """A layer called `call_next` twice for one request; the handler runs at most once."""


class ResponseValidationError(Exception):
    """A handler or layer returned a value that doesn't fit its type; `errors` says where, and what was expected.

    It is the server's mistake, so the client sees no more than a 500. `subject` names the function and its place.
    """

    def __init__(self, subject: str, errors: Sequence[str]) -> None:
        self.subject = subject
        self.errors: tuple[str, ...] = tuple(errors)
        super().__init__(f"{subject} returned a value that doesn't fit its type: {_listed(self.errors)}")


class MissingExtra(ImportError):
    """An optional package is absent; the message names what needs it and the line that installs it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package: pip install 'nacre[{extra}]'")


def abort(
    status: int,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
) -> NoReturn:
    """Raise the HTTP error of this status, 400 to 599.

    Raises ValueError for any other number. The class is the status's own (`abort(404)` raises `NotFound`), so error
    handlers for a class and for a status both see it.
    """
    if not 400 <= status <= 599:
        raise ValueError(f"abort() takes an error status, 400 to 599, not {status}; return a response for others")
    cls = HTTPError._by_status.get(status, HTTPError)
    error = cls.__new__(cls)
    HTTPError.__init__(error, detail, status=status, headers=headers)
    if isinstance(error, MethodNotAllowed):
        error.allowed = tuple(value for name, value in error.headers if name.lower() == "allow")
    raise error


def reason_phrase(status: int) -> str:
    """The phrase of RFC 9110 for a status; empty for numbers that have none."""
    return _PHRASES.get(status, "")


# Python 3.11 still carries the names of RFC 7231 for these.
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Content Too Large",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
