"""CORS in BlackSheep's way: what a policy doesn't allow is refused with 400 and a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

from nacre.chain.hooks import Hooks
from nacre.dialects.blacksheep.messages import Response
from nacre.errors import ConfigurationError, Location, Problem
from nacre.headers import TOKEN
from nacre.marks import mark
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse
from nacre.security.origins import is_own_origin

F = TypeVar("F", bound=Callable[..., Any])
Names = str | Iterable[str] | None
"""Names in one text, with spaces, commas or semicolons between them, or in several."""

_MARK = "blacksheep.cors"
_EXPOSED = ("set-cookie", "date", "vary", "request-context", "server", "transfer-encoding", "content-encoding")


class CORSPolicy:
    """What pages of other origins may do; nothing is allowed that isn't listed, and `*` is everything.

    Raises ConfigurationError for credentials with the origin `*`: every site could act as whoever is logged in.
    """

    def __init__(
        self,
        *,
        allow_methods: Names = None,
        allow_headers: Names = None,
        allow_origins: Names = None,
        allow_credentials: bool = False,
        max_age: int = 5,
        expose_headers: Names = None,
    ) -> None:
        self.allow_methods = [name.upper() for name in _names(allow_methods)]
        self.allow_headers = [name.lower() for name in _names(allow_headers)]
        self.allow_origins = [name.lower() for name in _names(allow_origins)]
        self.allow_credentials = allow_credentials
        self.max_age = max_age
        self.expose_headers = list(_EXPOSED) if expose_headers is None else _names(expose_headers)
        if max_age < 0:
            fix = "write max_age=300"
            raise ConfigurationError(Problem(f"CORS: max_age={max_age} is no time", Location.of_caller(), fix))
        if allow_credentials and "*" in self.allow_origins:
            what = 'CORS: allow_origins="*" with allow_credentials lets every site read what a user may see'
            raise ConfigurationError(Problem(what, Location.of_caller(), "list the origins, or leave credentials out"))

    def allows_origin(self, origin: str) -> bool:
        return "*" in self.allow_origins or origin.lower() in self.allow_origins

    def refused_of(self, method: str, headers: Iterable[str]) -> str | None:
        """Why a page may not send a request of this method with these fields; None if it may."""
        if "*" not in self.allow_methods and method.upper() not in self.allow_methods:
            return "The method of the request is not enabled by CORS rules."
        known = "*" in self.allow_headers or all(name.lower() in self.allow_headers for name in headers)
        return None if known else "A header of the request is not enabled by CORS rules."

    def grant(self, response: NativeResponse, origin: str) -> None:
        """Say that pages of an origin that is allowed may have the response."""
        headers = response.headers
        if "*" in self.allow_origins:
            headers.set("access-control-allow-origin", "*")
        else:
            headers.set("access-control-allow-origin", origin)
        if self.allow_credentials:
            headers.set("access-control-allow-credentials", "true")


class CORSStrategy:
    """The policy of an application, and those that routes choose by name: `@app.cors("name")`."""

    def __init__(self, default_policy: CORSPolicy) -> None:
        self.default_policy = default_policy
        self.policies: dict[str, CORSPolicy] = {}

    def add_policy(self, name: str, policy: CORSPolicy) -> CORSStrategy:
        """Add a policy. Raises ConfigurationError for a name that is taken."""
        if not name or name in self.policies:
            what = f"the CORS policy {name!r} is there already" if name else "a CORS policy has no name"
            raise ConfigurationError(Problem(what, Location.of_caller(), "give it another name"))
        self.policies[name] = policy
        return self

    def __call__(self, policy: str) -> Callable[[F], F]:
        """Have a handler follow the policy of this name. Raises ConfigurationError if there is none."""
        if policy not in self.policies:
            what = f"there is no CORS policy {policy!r}"
            raise ConfigurationError(Problem(what, Location.of_caller(), "add it before: app.add_cors_policy(…)"))
        return lambda handler: mark(handler, _MARK, policy)

    def before(self, request: NativeRequest) -> Response | None:
        """Answer preflights, and what isn't allowed."""
        origins, asked = _origins(request), _asked(request)
        if not origins:
            return None
        policy = self._policy(request, asked)
        if len(origins) > 1 or not policy.allows_origin(origins[0]):
            return _refusal("The origin of the request is not enabled by CORS rules.")
        return None if asked is None else self._answer(request, policy, asked, origins[0])

    def finalize(self, request: NativeRequest, response: NativeResponse) -> None:
        """Let the page read the answer, whatever has made it: errors too."""
        origins, asked = _origins(request), _asked(request)
        policy = self._policy(request, asked)
        if "*" not in policy.allow_origins:
            response.headers.add_vary("Origin")  # also where none came: caches keep one answer for all
        if len(origins) == 1 and asked is None and policy.allows_origin(origins[0]):
            policy.grant(response, origins[0])
            if policy.expose_headers:
                response.headers.set("access-control-expose-headers", ", ".join(policy.expose_headers))

    def _policy(self, request: NativeRequest, asked: str | None) -> CORSPolicy:
        app: Any = request.app
        # A preflight is for the route of the method that is to follow it.
        found = request.route if asked is None else app.find_route(asked, request.path)
        name = None if found is None else found.marks.get(_MARK)
        return self.default_policy if name is None else self.policies[name]

    def _answer(self, request: NativeRequest, policy: CORSPolicy, method: str, origin: str) -> Response:
        names = _names(request.headers.get("access-control-request-headers"))
        if not all(map(_is_token, [method, *names])):
            return _refusal("The request asks for what is no method or no header.")
        refused = policy.refused_of(method, names)
        if refused is not None:
            return _refusal(refused)
        response = Response(200)
        policy.grant(response, origin)
        methods = [method] if "*" in policy.allow_methods else policy.allow_methods
        response.headers.set("access-control-allow-methods", ", ".join(methods))
        if names:
            response.headers.set("access-control-allow-headers", ", ".join(names))
        response.headers.set("access-control-max-age", policy.max_age)
        return response


class CORSLayer(Hooks):
    """The layer of an application's policies."""

    dialect: ClassVar[str] = "blacksheep"

    def __init__(self, strategy: CORSStrategy) -> None:
        super().__init__(before=strategy.before, finalize=strategy.finalize, inline=True)


def _origins(request: NativeRequest) -> list[str]:
    """The origins of pages elsewhere that a request comes from: one at most, unless somebody tries something."""
    origins = request.headers.getlist("origin")
    if not origins or request.headers.get("sec-fetch-site") == "same-origin" or is_own_origin(request, origins[0]):
        return []
    return origins


def _asked(request: NativeRequest) -> str | None:
    """The method that a preflight asks for; None for other requests."""
    return request.headers.get("access-control-request-method") if request.method == "OPTIONS" else None


def _refusal(reason: str) -> Response:
    return Response(400, [(b"CORS-Error", reason.encode())])


def _is_token(text: str) -> bool:
    return bool(text) and not text.rstrip(TOKEN)


def _names(value: Names) -> list[str]:
    if isinstance(value, str):
        value = value.replace(",", " ").replace(";", " ").split()
    return list(value or ())
