"""The HTTP exceptions of Rapidy's programs, which are those of aiohttp: exceptions that are responses too.

A middleware meets them as exceptions. Everything else in a chain, a layer of Nacre's own for instance, meets the
responses that they are: to the core they are HTTP errors, which the nearest boundary answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import nacre
from nacre.dialects.rapidy.web_response import Response
from nacre.errors import ErrorItem, ValidationError
from nacre.urls import check_redirect

# fmt: off
__all__ = [
    "HTTPAccepted", "HTTPBadGateway", "HTTPBadRequest", "HTTPClientError", "HTTPConflict", "HTTPCreated",
    "HTTPError", "HTTPException", "HTTPExpectationFailed", "HTTPFailedDependency", "HTTPForbidden", "HTTPFound",
    "HTTPGatewayTimeout", "HTTPGone", "HTTPInsufficientStorage", "HTTPInternalServerError", "HTTPLengthRequired",
    "HTTPMethodNotAllowed", "HTTPMisdirectedRequest", "HTTPMovedPermanently", "HTTPMultipleChoices",
    "HTTPNetworkAuthenticationRequired", "HTTPNoContent", "HTTPNonAuthoritativeInformation", "HTTPNotAcceptable",
    "HTTPNotExtended", "HTTPNotFound", "HTTPNotImplemented", "HTTPNotModified", "HTTPOk", "HTTPPartialContent",
    "HTTPPaymentRequired", "HTTPPermanentRedirect", "HTTPPreconditionFailed", "HTTPPreconditionRequired",
    "HTTPProxyAuthenticationRequired", "HTTPRedirection", "HTTPRequestEntityTooLarge",
    "HTTPRequestHeaderFieldsTooLarge", "HTTPRequestRangeNotSatisfiable", "HTTPRequestTimeout",
    "HTTPRequestURITooLong", "HTTPResetContent", "HTTPSeeOther", "HTTPServerError", "HTTPServiceUnavailable",
    "HTTPSuccessful", "HTTPTemporaryRedirect", "HTTPTooManyRequests", "HTTPUnauthorized",
    "HTTPUnavailableForLegalReasons", "HTTPUnprocessableEntity", "HTTPUnsupportedMediaType", "HTTPUpgradeRequired",
    "HTTPUseProxy", "HTTPValidationFailure", "HTTPVariantAlsoNegotiates", "HTTPVersionNotSupported"
]
# fmt: on

_BODILESS = (204, 205, 304)


class HTTPException(Response, nacre.HTTPError):
    """End the request with this response; the body says status and reason unless one is given."""

    status_code: ClassVar[int] = 500
    headers: Any  # the response's: both bases have some

    def __init_subclass__(cls, status: int | None = None) -> None:
        super().__init_subclass__()
        if status is not None:
            cls.status_code = status

    def __init__(
        self,
        *,
        headers: Any | None = None,
        reason: str | None = None,
        body: Any = None,
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        super().__init__(
            body, status=self.status_code, headers=headers, content_type=content_type, text=text, reason=reason
        )
        self.detail = self.reason
        self.args = (self.reason,)
        if self.status in _BODILESS:
            self.headers.remove("content-type")
        elif body is None and text is None:
            self.text = f"{self.status}: {self.reason}"

    def copy(self) -> Self:
        """The same answer once more, with header fields of its own."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        vars(twin).pop("headers", None)
        twin.args, twin.raw_headers, twin.owner = self.args, list(self.raw_headers), None
        return twin

    def claim(self, owner: object) -> Self:
        """A copy for each request: one that is a module's constant must not gather what layers add."""
        if self.owner is owner:
            return self
        twin = self.copy()
        twin.owner = owner
        return twin


class HTTPError(HTTPException):
    """Statuses from 400 on."""


class HTTPRedirection(HTTPException):
    """Statuses 3xx."""


class HTTPSuccessful(HTTPException):
    """Statuses 2xx."""


class HTTPClientError(HTTPError):
    """Statuses 4xx."""


class HTTPServerError(HTTPError):
    """Statuses 5xx."""


class HTTPMove(HTTPRedirection):
    """A redirect to `location`. Raises ValueError for one that is no URL of http or https, or a path."""

    def __init__(self, location: object, **options: Any) -> None:
        target = str(location)
        if not target:
            raise ValueError("a redirect needs a location")
        self.location = check_redirect(target, ("http", "https"))
        super().__init__(**options)
        self.headers.set("location", self.location)


# fmt: off
class HTTPOk(HTTPSuccessful, status=200): ...
class HTTPCreated(HTTPSuccessful, status=201): ...
class HTTPAccepted(HTTPSuccessful, status=202): ...
class HTTPNonAuthoritativeInformation(HTTPSuccessful, status=203): ...
class HTTPNoContent(HTTPSuccessful, status=204): ...
class HTTPResetContent(HTTPSuccessful, status=205): ...
class HTTPPartialContent(HTTPSuccessful, status=206): ...
class HTTPMultipleChoices(HTTPMove, status=300): ...
class HTTPMovedPermanently(HTTPMove, status=301): ...
class HTTPFound(HTTPMove, status=302): ...
class HTTPSeeOther(HTTPMove, status=303): ...
class HTTPNotModified(HTTPRedirection, status=304): ...
class HTTPUseProxy(HTTPMove, status=305): ...
class HTTPTemporaryRedirect(HTTPMove, status=307): ...
class HTTPPermanentRedirect(HTTPMove, status=308): ...
class HTTPBadRequest(HTTPClientError, status=400): ...
class HTTPUnauthorized(HTTPClientError, status=401): ...
class HTTPPaymentRequired(HTTPClientError, status=402): ...
class HTTPForbidden(HTTPClientError, status=403): ...
class HTTPNotFound(HTTPClientError, status=404): ...
# fmt: on


class HTTPMethodNotAllowed(HTTPClientError):
    """405, with the `Allow` field that RFC 9110 §15.5.6 demands."""

    status_code = 405

    def __init__(self, method: str, allowed_methods: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.method = method.upper()
        self.allowed_methods = {allowed.upper() for allowed in allowed_methods}
        self.headers.set("allow", ", ".join(sorted(self.allowed_methods)))


# fmt: off
class HTTPNotAcceptable(HTTPClientError, status=406): ...
class HTTPProxyAuthenticationRequired(HTTPClientError, status=407): ...
class HTTPRequestTimeout(HTTPClientError, status=408): ...
class HTTPConflict(HTTPClientError, status=409): ...
class HTTPGone(HTTPClientError, status=410): ...
class HTTPLengthRequired(HTTPClientError, status=411): ...
class HTTPPreconditionFailed(HTTPClientError, status=412): ...
# fmt: on


class HTTPRequestEntityTooLarge(HTTPClientError):
    """413: the body is larger than `max_size` bytes."""

    status_code = 413

    def __init__(self, max_size: float, actual_size: float = 0, **options: Any) -> None:
        if "body" not in options:
            options.setdefault("text", f"Maximum request body size {max_size} exceeded.")
        super().__init__(**options)


# fmt: off
class HTTPRequestURITooLong(HTTPClientError, status=414): ...
class HTTPUnsupportedMediaType(HTTPClientError, status=415): ...
class HTTPRequestRangeNotSatisfiable(HTTPClientError, status=416): ...
class HTTPExpectationFailed(HTTPClientError, status=417): ...
class HTTPMisdirectedRequest(HTTPClientError, status=421): ...
class HTTPUnprocessableEntity(HTTPClientError, status=422): ...
# fmt: on


class HTTPValidationFailure(HTTPUnprocessableEntity):
    """422: parts of the request don't fit what a handler or middleware asks for; `validation_errors` lists them."""

    validation_failure_field_name: ClassVar[str] = "errors"

    def __init__(self, errors: Sequence[Any], **options: Any) -> None:
        self.validation_errors = [_without_input(one) for one in errors]
        if options.get("text") is None and options.get("body") is None:
            options["text"] = json.dumps({self.validation_failure_field_name: self.validation_errors}, default=str)
        if options.get("content_type") is None:
            options["content_type"] = "application/json"
        super().__init__(**options)


# fmt: off
class HTTPFailedDependency(HTTPClientError, status=424): ...
class HTTPUpgradeRequired(HTTPClientError, status=426): ...
class HTTPPreconditionRequired(HTTPClientError, status=428): ...
class HTTPTooManyRequests(HTTPClientError, status=429): ...
class HTTPRequestHeaderFieldsTooLarge(HTTPClientError, status=431): ...
# fmt: on


class HTTPUnavailableForLegalReasons(HTTPClientError):
    """451; `link` names who demands it (RFC 7725)."""

    status_code = 451

    def __init__(self, link: object, **options: Any) -> None:
        super().__init__(**options)
        self.link = None if link is None else str(link)
        if self.link is not None:
            self.headers.set("link", f'<{self.link}>; rel="blocked-by"')


# fmt: off
class HTTPInternalServerError(HTTPServerError, status=500): ...
class HTTPNotImplemented(HTTPServerError, status=501): ...
class HTTPBadGateway(HTTPServerError, status=502): ...
class HTTPServiceUnavailable(HTTPServerError, status=503): ...
class HTTPGatewayTimeout(HTTPServerError, status=504): ...
class HTTPVersionNotSupported(HTTPServerError, status=505): ...
class HTTPVariantAlsoNegotiates(HTTPServerError, status=506): ...
class HTTPInsufficientStorage(HTTPServerError, status=507): ...
class HTTPNotExtended(HTTPServerError, status=510): ...
class HTTPNetworkAuthenticationRequired(HTTPServerError, status=511): ...
# fmt: on


def of_status(status: int, detail: str) -> HTTPException:
    """The exception of this status, saying `detail`."""
    found = _BY_STATUS.get(status, HTTPError)(text=f"{status}: {detail}")
    found.set_status(status)
    return found


def validation_failure(error: ValidationError) -> HTTPValidationFailure:
    """The exception for what the core's binder found: pydantic's words, header fields by their aliases."""
    plan: Any = error.refused_by
    inputs = () if plan is None else plan.inputs
    aliases = {one.key: one.mark.alias or one.key for one in inputs if one.source == "header"}
    return HTTPValidationFailure([_in_pydantics_words(one, aliases) for one in error.errors])


def extraction_failure(message: str, form: str = "") -> HTTPValidationFailure:
    """The exception for a body that can't be read as it was declared; `form` is " as Json" and the like."""
    text = f"Failed to extract body data{form}: {message}"
    return HTTPValidationFailure([{"type": "ExtractError", "loc": ["body"], "msg": text}])


# What pydantic says of Python values where it says something else of JSON: Rapidy has it validate the former.
_OF_PYTHON = {
    "list_type": "Input should be a valid list",
    "tuple_type": "Input should be a valid tuple",
    "set_type": "Input should be a valid set",
    "frozen_set_type": "Input should be a valid frozenset",
    "dict_type": "Input should be a valid dictionary",
    "dataclass_type": "Input should be a dictionary or an instance of {class_name}",
}


def _in_pydantics_words(item: ErrorItem, aliases: Mapping[Any, str]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": item["type"], "loc": item["loc"], "msg": item["msg"], **item}
    if item["type"] == "missing":
        told["msg"] = "Field required"
    elif item["loc"][0] == "body" and item["type"] in _OF_PYTHON:
        told["msg"] = _OF_PYTHON[item["type"]].format(**item.get("ctx", {}))
    if item["type"] == "model_type" and item["loc"][0] == "body":
        told["type"], told["msg"] = "model_attributes_type", _NO_FIELDS
        del told["ctx"]
    if item["loc"][0] == "header" and len(item["loc"]) > 1:
        told["loc"] = ["header", aliases.get(item["loc"][1], item["loc"][1]), *item["loc"][2:]]
    return told


_NO_FIELDS = "Input should be a valid dictionary or object to extract fields from"


def _without_input(error: Any) -> Any:
    # SECURITY: pydantic quotes what the client has sent.
    return {name: value for name, value in error.items() if name not in ("input", "url")}


_BY_STATUS: dict[int, type[HTTPException]] = {
    kind.status_code: kind
    for parent in (HTTPClientError, HTTPServerError)
    for kind in parent.__subclasses__()
    if kind not in (HTTPMethodNotAllowed, HTTPRequestEntityTooLarge, HTTPUnavailableForLegalReasons)
}
