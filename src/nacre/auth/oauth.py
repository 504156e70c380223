"""Logging in at a provider: OAuth 2.0 by the code grant (RFC 6749, RFC 9700), and OpenID Connect on top of it."""

from __future__ import annotations

import hmac
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, cast

from nacre.auth.calling import UserFunction
from nacre.auth.oauth_client import ProviderClient, ProviderRefused, is_secure_url, log, raise_problems, url_problems
from nacre.auth.oauth_flow import Flow, begin_flow, take_flow
from nacre.auth.oidc_tokens import ALGORITHMS, IDTokens, InvalidToken, IssuedWith
from nacre.auth.redirects import safe_redirect_target
from nacre.errors import BadRequest, Forbidden, HTTPError, Location, Problem
from nacre.request import Request
from nacre.response import RedirectResponse, Response
from nacre.urls import encode_query

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_DISCOVERY_SECONDS = 3600.0

# RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6: what may stand in a log.
_ERRORS = frozenset(
    {
        *("invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope"),
        *("server_error", "temporarily_unavailable", "interaction_required", "login_required"),
        *("account_selection_required", "consent_required"),
    }
)


@dataclass(frozen=True, slots=True)
class ProviderLogin:
    """Who has logged in at a provider, as `on_login` gets it.

    `subject` is the user's id at the provider (OpenID Connect only): with `provider` it is the key of an account, and
    an e-mail address is not. `userinfo` holds the claims of the ID token and of the userinfo endpoint, `token` what the
    token endpoint gave. `next` is where the user wanted to go: a path of this site, or None.
    """

    provider: str
    subject: str | None
    userinfo: Mapping[str, Any] = field(repr=False)
    token: Mapping[str, Any] = field(repr=False)
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider takes requests. `names_itself` says that its answers have `iss` (RFC 9207)."""

    authorize: str
    token: str
    userinfo: str | None = None
    keys: str | None = None
    names_itself: bool = False


class OAuth:
    """A login at a provider that speaks OAuth 2.0 and tells of its users by a URL of its own, such as GitHub.

    `start` and `callback` are the handlers to declare; `redirect_uri` is the public URL of the second one, as it is
    registered at the provider, and is never made of what a request says of its host. Each provider has one of its own.

    `start` sends the browser to the provider, with a state and a PKCE challenge (S256) that are kept in the session for
    ten minutes, and keeps `next` of the query if it is a path of this site. `callback` takes what the browser brings
    back, once, in the same session, exchanges the code for a token, and answers with what `on_login(request, login)`
    returns: `login` is a `ProviderLogin`. It may be plain or async.

    A request to `callback` that isn't the end of a login that has begun here is a 400, a login that the user or the
    provider refuses a 403, a provider that fails a 502. With `issuer` the provider must name itself in what it sends
    (RFC 9207). `client` is an `httpx2.AsyncClient` to be used in place of one with a timeout of ten seconds.

    Needs a layer for sessions, whose cookie is sent with navigations from other sites (`SameSite=Lax`). Raises
    MissingExtra, and ConfigurationError with all that is wrong.
    """

    def __init__(
        self,
        name: str,
        *,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str,
        on_login: Callable[[Request, ProviderLogin], Any],
        authorize_url: str,
        token_url: str,
        userinfo_url: str | None = None,
        issuer: str | None = None,
        scope: str = "",
        parameters: Mapping[str, str] | None = None,
        client_auth: Literal["basic", "post"] = "basic",
        client: Any | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        urls = {"redirect_uri": redirect_uri, "authorize_url": authorize_url, "token_url": token_url}
        if userinfo_url is not None:
            urls["userinfo_url"] = userinfo_url
        raise_problems([*_problems(name, client_id, client_auth), *url_problems(**urls)])
        self.name = name
        self.redirect_uri = redirect_uri
        self._client_id = client_id
        self._client_secret = client_secret
        self._client_auth = client_auth
        self._issuer = issuer
        self._scope = scope
        self._parameters = dict(parameters or {})
        self._on_login = UserFunction(on_login)
        self._provider = ProviderClient(client)
        self._clock = clock
        self._fixed = Endpoints(authorize_url, token_url, userinfo_url, names_itself=issuer is not None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    # Handlers.

    async def start(self, request: Request) -> Response:
        """Send the browser to the provider."""
        endpoints = await self._endpoints()
        wanted = safe_redirect_target(request.query.get("next"))
        flow = begin_flow(request.session, self.name, self._clock(), wanted)
        location = endpoints.authorize + ("&" if "?" in endpoints.authorize else "?")
        location += encode_query(self._parameters | self._authorization(flow))
        return RedirectResponse(location, 303, headers=_UNSTORED)

    async def callback(self, request: Request) -> Any:
        """Take what the browser brings back from the provider, and answer with what `on_login` returns."""
        flow = take_flow(request.session, self.name, _single(request, "state"), self._clock())
        if flow is None:
            raise BadRequest("this login has begun in another browser, is over, or took too long; begin again")
        endpoints = await self._endpoints()
        self._check_issuer(request, endpoints)
        if "error" in request.query:
            raise self._refused(request.query["error"])
        token = await self._exchange(endpoints, flow, _single(request, "code"))
        subject, userinfo = await self._userinfo(endpoints, flow, token)
        login = ProviderLogin(self.name, subject, userinfo, token, flow.next)
        return await self._on_login(request, request, login)

    # The steps.

    async def _endpoints(self) -> Endpoints:
        return self._fixed

    def _authorization(self, flow: Flow) -> dict[str, str]:
        """The parameters of the authorization request."""
        scope = {"scope": self._scope} if self._scope else {}
        return scope | {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self.redirect_uri,
            "state": flow.state,
            "code_challenge": _challenge_of(flow),
            "code_challenge_method": "S256",
        }

    def _check_issuer(self, request: Request, endpoints: Endpoints) -> None:
        """Refuse the answer of another provider (RFC 9207): the code would be sent to the wrong one of two."""
        named = request.query.getlist("iss")
        if not named and not endpoints.names_itself:
            return
        if self._issuer is None:
            return
        if len(named) != 1 or not hmac.compare_digest(named[0].encode(), self._issuer.encode()):
            raise self._invalid("the answer names another issuer")

    def _refused(self, error: str) -> HTTPError:
        code = error if error in _ERRORS else "an error of no known name"
        log.info("login at %s refused: %s", self.name, code)
        if code in ("server_error", "temporarily_unavailable"):
            return HTTPError("the login provider can't log anybody in at the moment; try again later", status=502)
        return Forbidden("the login was cancelled, or refused by the provider")

    async def _exchange(self, endpoints: Endpoints, flow: Flow, code: str) -> dict[str, Any]:
        """Exchange the code for a token (RFC 6749 §4.1.3)."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": flow.verifier,
        }
        basic = None
        if self._client_secret is not None and self._client_auth == "basic":
            basic = (self._client_id, self._client_secret)
        else:
            fields["client_id"] = self._client_id
            if self._client_secret is not None:
                fields["client_secret"] = self._client_secret
        try:
            token = await self._provider.post(endpoints.token, fields, basic=basic)
        except ProviderRefused as error:
            raise self._invalid(f"the token endpoint refuses the code: {error}") from None
        kind, access = token.get("token_type"), token.get("access_token")
        # Some providers answer 200 with an error in it.
        is_bearer = isinstance(kind, str) and kind.lower() == "bearer"
        if "error" in token or not is_bearer or not isinstance(access, str) or not access:
            raise self._invalid("the token endpoint gives no bearer token")
        return token

    async def _userinfo(
        self, endpoints: Endpoints, flow: Flow, token: Mapping[str, Any]
    ) -> tuple[str | None, dict[str, Any]]:
        """The user's id and what the provider tells of the user."""
        return None, await self._fetch_userinfo(endpoints, token)

    async def _fetch_userinfo(self, endpoints: Endpoints, token: Mapping[str, Any]) -> dict[str, Any]:
        if endpoints.userinfo is None:
            return {}
        try:
            return await self._provider.get(endpoints.userinfo, bearer=token["access_token"])
        except ProviderRefused as error:
            raise self._invalid(f"the userinfo endpoint refuses the token: {error}") from None

    def _invalid(self, why: str) -> BadRequest:
        log.warning("login at %s failed: %s", self.name, why)
        return BadRequest("the answer of the login provider isn't valid; begin again")


class OIDC(OAuth):
    """A login at an OpenID Connect provider; its URLs and keys are found by its `issuer`.

    As `OAuth`, and: the ID token must be signed with a key of the provider by one of `algorithms` (public-key ones
    only), be issued by `issuer` for this client and this login (`nonce`), belong to the access token (`at_hash`) and be
    in time, with 60 seconds of tolerance. The metadata and keys of the provider are fetched when they are first needed
    and kept for an hour; keys are fetched again for a key that isn't known, once a minute at most. Without any keys the
    answer is a 503. With `userinfo` the claims of the userinfo endpoint are added to those of the ID token.
    """

    def __init__(
        self,
        name: str,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str,
        on_login: Callable[[Request, ProviderLogin], Any],
        scope: str = "openid email profile",
        algorithms: Sequence[str] = ("RS256",),
        userinfo: bool = False,
        parameters: Mapping[str, str] | None = None,
        client_auth: Literal["basic", "post"] = "basic",
        client: Any | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        raise_problems(
            [
                *_problems(name, client_id, client_auth),
                *url_problems(issuer=issuer, redirect_uri=redirect_uri),
                *_algorithm_problems(algorithms),
                *_scope_problems(scope),
            ]
        )
        super().__init__(
            name,
            client_id=client_id,
            client_secret=client_secret,
            redirect_uri=redirect_uri,
            on_login=on_login,
            authorize_url=issuer,
            token_url=issuer,
            issuer=issuer,
            scope=scope,
            parameters=parameters,
            client_auth=client_auth,
            client=client,
            clock=clock,
        )
        self._tokens = IDTokens(issuer, client_id, algorithms, self._fetch_keys, clock)
        self._wants_userinfo = userinfo
        self._found: tuple[float, Endpoints] | None = None

    async def _endpoints(self) -> Endpoints:
        if self._found is None or self._clock() - self._found[0] >= _DISCOVERY_SECONDS:
            self._found = self._clock(), await self._discover()
        return self._found[1]

    async def _discover(self) -> Endpoints:
        """The provider's metadata (OpenID Connect Discovery §4)."""
        issuer = cast(str, self._issuer)
        try:
            data = await self._provider.get(issuer.rstrip("/") + "/.well-known/openid-configuration")
        except ProviderRefused as error:
            raise self._misconfigured(f"no metadata ({error})") from None
        if data.get("issuer") != issuer:
            raise self._misconfigured("its metadata is of another issuer")
        urls = [data.get(key) for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        userinfo = data.get("userinfo_endpoint") if self._wants_userinfo else None
        wanted = [*urls, userinfo] if self._wants_userinfo else urls
        if not all(map(is_secure_url, wanted)):
            raise self._misconfigured("its metadata has no usable endpoints")
        authorize, token, keys = cast("list[str]", urls)
        names_itself = data.get("authorization_response_iss_parameter_supported") is True
        return Endpoints(authorize, token, userinfo, keys, names_itself)

    def _misconfigured(self, why: str) -> HTTPError:
        log.error("the login provider %s can't be used: %s", self.name, why)
        return HTTPError("the login provider doesn't answer as it should; try again later", status=502)

    async def _fetch_keys(self, url: str) -> bytes:
        """The key set, which is where the metadata say; `url` is only the issuer."""
        endpoints = await self._endpoints()
        return await self._provider.fetch(cast(str, endpoints.keys))

    def _authorization(self, flow: Flow) -> dict[str, str]:
        # SECURITY: a digest of what the session holds, which is nowhere else (OpenID Connect Core §15.5.2).
        return super()._authorization(flow) | {"nonce": _nonce_of(flow)}

    async def _userinfo(
        self, endpoints: Endpoints, flow: Flow, token: Mapping[str, Any]
    ) -> tuple[str | None, dict[str, Any]]:
        issued = IssuedWith(_nonce_of(flow), token["access_token"])
        try:
            claims = await self._tokens.verify(token.get("id_token"), issued)
        except InvalidToken as error:
            raise self._invalid(f"the ID token: {error}") from None
        more = await self._fetch_userinfo(endpoints, token)
        # SECURITY: OpenID Connect Core §5.3.2: an access token of another user would bring that user's claims.
        if endpoints.userinfo is not None and more.get("sub") != claims["sub"]:
            raise self._invalid("the userinfo endpoint tells of another user")
        return claims["sub"], more | claims


_UNSTORED = {"cache-control": "no-store"}


def _nonce_of(flow: Flow) -> str:
    return sha256(flow.nonce.encode()).hexdigest()


def _challenge_of(flow: Flow) -> str:
    """The PKCE challenge, RFC 7636 §4.2."""
    return urlsafe_b64encode(sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode("ascii")


def _single(request: Request, name: str) -> str:
    """A parameter of the query that must be there once."""
    values = request.query.getlist(name)
    if len(values) != 1 or not 0 < len(values[0]) <= 2048:
        raise BadRequest("this isn't the answer of a login provider; begin again")
    return values[0]


def _problems(name: str, client_id: str, client_auth: str) -> list[Problem]:
    where = Location.of_caller()
    problems: list[Problem] = []
    if _NAME.fullmatch(name) is None:
        what = f"the name of a provider is up to 31 of a-z, 0-9, - and _, not {name[:60]!r}"
        problems.append(Problem(what, where, "write 'google'"))
    if not client_id:
        problems.append(Problem("client_id is empty", where, "it is given to the application by the provider"))
    if client_auth not in ("basic", "post"):
        problems.append(Problem(f"client_auth is 'basic' or 'post', not {client_auth!r}", where))
    return problems


def _algorithm_problems(algorithms: Sequence[str]) -> list[Problem]:
    where = Location.of_caller()
    if isinstance(algorithms, str) or not algorithms:
        return [Problem("algorithms is a list with at least one name", where, 'algorithms=["RS256"]')]
    fix = f"there are {', '.join(ALGORITHMS)}"
    wrong = [one for one in algorithms if one not in ALGORITHMS]
    return [Problem(f"ID tokens may not be signed by {one!r}", where, fix) for one in wrong]


def _scope_problems(scope: str) -> list[Problem]:
    if "openid" in scope.split():
        return []
    return [Problem("scope lacks 'openid', without which there is no ID token", Location.of_caller())]
