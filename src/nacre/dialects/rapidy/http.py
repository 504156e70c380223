"""What handlers and middlewares are written with."""

from nacre.dialects.rapidy.enums import (
    Charset as Charset,
)
from nacre.dialects.rapidy.enums import (
    ContentType as ContentType,
)
from nacre.dialects.rapidy.enums import (
    HeaderName as HeaderName,
)
from nacre.dialects.rapidy.parameters.http import (
    Body as Body,
)
from nacre.dialects.rapidy.parameters.http import (
    Cookie as Cookie,
)
from nacre.dialects.rapidy.parameters.http import (
    Cookies as Cookies,
)
from nacre.dialects.rapidy.parameters.http import (
    Header as Header,
)
from nacre.dialects.rapidy.parameters.http import (
    Headers as Headers,
)
from nacre.dialects.rapidy.parameters.http import (
    PathParam as PathParam,
)
from nacre.dialects.rapidy.parameters.http import (
    PathParams as PathParams,
)
from nacre.dialects.rapidy.parameters.http import (
    QueryParam as QueryParam,
)
from nacre.dialects.rapidy.parameters.http import (
    QueryParams as QueryParams,
)
from nacre.dialects.rapidy.routers import (
    HTTPRouter as HTTPRouter,
)
from nacre.dialects.rapidy.routers import (
    controller as controller,
)
from nacre.dialects.rapidy.routers import (
    delete as delete,
)
from nacre.dialects.rapidy.routers import (
    get as get,
)
from nacre.dialects.rapidy.routers import (
    head as head,
)
from nacre.dialects.rapidy.routers import (
    options as options,
)
from nacre.dialects.rapidy.routers import (
    patch as patch,
)
from nacre.dialects.rapidy.routers import (
    post as post,
)
from nacre.dialects.rapidy.routers import (
    put as put,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPAccepted as HTTPAccepted,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPBadGateway as HTTPBadGateway,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPBadRequest as HTTPBadRequest,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPClientError as HTTPClientError,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPConflict as HTTPConflict,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPCreated as HTTPCreated,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPError as HTTPError,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPException as HTTPException,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPExpectationFailed as HTTPExpectationFailed,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPFailedDependency as HTTPFailedDependency,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPForbidden as HTTPForbidden,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPFound as HTTPFound,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPGatewayTimeout as HTTPGatewayTimeout,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPGone as HTTPGone,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPInsufficientStorage as HTTPInsufficientStorage,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPInternalServerError as HTTPInternalServerError,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPLengthRequired as HTTPLengthRequired,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPMethodNotAllowed as HTTPMethodNotAllowed,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPMisdirectedRequest as HTTPMisdirectedRequest,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPMovedPermanently as HTTPMovedPermanently,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPMultipleChoices as HTTPMultipleChoices,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNetworkAuthenticationRequired as HTTPNetworkAuthenticationRequired,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNoContent as HTTPNoContent,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNonAuthoritativeInformation as HTTPNonAuthoritativeInformation,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNotAcceptable as HTTPNotAcceptable,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNotExtended as HTTPNotExtended,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNotFound as HTTPNotFound,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNotImplemented as HTTPNotImplemented,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPNotModified as HTTPNotModified,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPOk as HTTPOk,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPPartialContent as HTTPPartialContent,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPPaymentRequired as HTTPPaymentRequired,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPPermanentRedirect as HTTPPermanentRedirect,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPPreconditionFailed as HTTPPreconditionFailed,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPPreconditionRequired as HTTPPreconditionRequired,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPProxyAuthenticationRequired as HTTPProxyAuthenticationRequired,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPRedirection as HTTPRedirection,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPRequestEntityTooLarge as HTTPRequestEntityTooLarge,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPRequestHeaderFieldsTooLarge as HTTPRequestHeaderFieldsTooLarge,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPRequestRangeNotSatisfiable as HTTPRequestRangeNotSatisfiable,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPRequestTimeout as HTTPRequestTimeout,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPRequestURITooLong as HTTPRequestURITooLong,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPResetContent as HTTPResetContent,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPSeeOther as HTTPSeeOther,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPServerError as HTTPServerError,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPServiceUnavailable as HTTPServiceUnavailable,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPSuccessful as HTTPSuccessful,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPTemporaryRedirect as HTTPTemporaryRedirect,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPTooManyRequests as HTTPTooManyRequests,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPUnauthorized as HTTPUnauthorized,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPUnavailableForLegalReasons as HTTPUnavailableForLegalReasons,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPUnprocessableEntity as HTTPUnprocessableEntity,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPUnsupportedMediaType as HTTPUnsupportedMediaType,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPUpgradeRequired as HTTPUpgradeRequired,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPUseProxy as HTTPUseProxy,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPValidationFailure as HTTPValidationFailure,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPVariantAlsoNegotiates as HTTPVariantAlsoNegotiates,
)
from nacre.dialects.rapidy.web_exceptions import (
    HTTPVersionNotSupported as HTTPVersionNotSupported,
)
from nacre.dialects.rapidy.web_middlewares import (
    middleware as middleware,
)
from nacre.dialects.rapidy.web_middlewares import (
    normalize_path_middleware as normalize_path_middleware,
)
from nacre.dialects.rapidy.web_request import (
    BaseRequest as BaseRequest,
)
from nacre.dialects.rapidy.web_request import (
    FileField as FileField,
)
from nacre.dialects.rapidy.web_request import (
    Request as Request,
)
from nacre.dialects.rapidy.web_response import (
    Response as Response,
)
from nacre.dialects.rapidy.web_response import (
    StreamResponse as StreamResponse,
)
