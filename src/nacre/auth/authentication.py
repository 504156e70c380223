"""The layer that finds out who a request is from, and holds to what routes ask of their callers."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from nacre.auth.calling import UserFunction
from nacre.auth.identity import IDENTITY, USER, Identity, attribute, words_of
from nacre.auth.marks import AUTHENTICATION, Requirement, demands_of
from nacre.auth.schemes import Credentials, InvalidCredentials, Scheme, takes_request
from nacre.auth.throttle import Attempt, FailureLimit
from nacre.callables import Call, describe, is_async
from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Forbidden, HTTPError, Location, Problem, Unauthorized
from nacre.headers import add_vary, check_pair
from nacre.logline import printable
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.state import Key

_log = logging.getLogger("nacre.auth")

Words = Callable[[Any], Iterable[str] | None]
"""A function that tells the roles or the scopes of a user."""

_CHALLENGES: Key[list[tuple[str, str]]] = Key("nacre.challenges")


class Authentication(Hooks):
    """A layer that finds the user of each request: `request.user`, None for an anonymous one.

    The schemes are tried in order, and the first that knows its credentials says who it is. Where credentials are
    given and none is right the answer is 401, also where anonymous requests are let in: who sends a token that has
    expired is told so, and not shown the page of somebody else. Malformed credentials, and two of a kind, are a 400. A
    401 holds a `WWW-Authenticate` for every scheme, also if a handler raised it.

    `default` says what holds for routes without a mark: "optional" lets anonymous requests in, "required" doesn't,
    except where a handler is marked `@public`. `@authenticated` and `@requires(…)` ask for more; who is known and
    isn't allowed gets a 403. All that is settled for each route at startup. Unknown paths stay 404, wrong methods 405,
    and preflights pass: nobody is refused where no route answers, and of the schemes only cookies are looked at.

    `policies` are functions by the names that `requires(policy=…)` uses; they take the user, or the request and the
    user, plain or async, and return whether the user may pass. `roles` and `scopes` are functions that tell those of a
    user, and must not block; by default they are the user's attributes (or keys) of these names. `failures` limits
    wrong credentials, by 429.

    Of two such layers around a route the inner one decides alone, so that a group takes what it lists and nothing else.
    """

    provides = ("user", AUTHENTICATION)

    def __init__(
        self,
        *schemes: Scheme,
        default: Literal["optional", "required"] = "optional",
        policies: Mapping[str, Callable[..., Any]] | None = None,
        roles: Words | None = None,
        scopes: Words | None = None,
        failures: FailureLimit | None = None,
    ) -> None:
        super().__init__()
        policies = policies or {}
        self._words = {"roles": roles, "scopes": scopes}
        problems = [*_scheme_problems(schemes), *_policy_problems(policies), *_words_problems(self._words)]
        if default not in ("optional", "required"):
            what = f"the default of Authentication is {default!r}"
            problems.append(Problem(what, Location.of_caller(), 'it is "optional" or "required"'))
        if problems:
            raise ConfigurationError(problems)
        self.schemes = schemes
        self._where = Location.of_caller()
        self.requires = tuple(dict.fromkeys(need for scheme in schemes for need in scheme.requires))
        self.default = default
        self.policies = {name: Policy(name, function) for name, function in policies.items()}
        self.failures = failures

    def __repr__(self) -> str:
        return f"Authentication({', '.join(map(repr, self.schemes))}, default={self.default!r})"

    def for_route(self, place: Place) -> Any:
        """The layer as it is on one route. Raises ConfigurationError for policies that nobody knows."""
        if any(isinstance(other, Authentication) for other in place.inside):
            return "another Authentication further in decides"
        if place.route is None:
            return _OnNoRoute(self)
        demands = demands_of(place)
        requirements = demands.requirements
        if self.default == "required" and not demands.is_public and not requirements:
            requirements = (Requirement(),)
        problems = [problem for requirement in requirements for problem in self._unknown(requirement)]
        if problems:
            raise ConfigurationError(problems)
        return _OnRoute(self, requirements)

    def find_risks(self) -> Iterator[Risk]:
        """Passwords that may be tried out, and what the schemes say of themselves."""
        for scheme in self.schemes:
            yield from scheme.find_risks()
            if self.failures is None and type(scheme).account is not Scheme.account:
                what = f"passwords can be tried out without end ({scheme!r})"
                yield Risk(what, "write Authentication(…, failures=FailureLimit())", "medium", self._where)
        if self.failures is not None and self.failures.is_in_memory:
            what = "each process counts failed logins by itself, so as many more are let through"
            fix = "run one process, or give FailureLimit a store that they share"
            yield Risk(what, fix, "low", self._where)

    def words(self, identity: Identity, name: Literal["roles", "scopes"]) -> frozenset[str]:
        """The roles or scopes that count for an identity: what the credentials say, then the function, the user."""
        given: frozenset[str] | None = getattr(identity, name)
        if given is not None:
            return given
        function = self._words[name]
        return words_of(attribute(identity.user, name) if function is None else function(identity.user))

    def _unknown(self, requirement: Requirement) -> Iterable[Problem]:
        for name in requirement.policies:
            if name not in self.policies:
                near = difflib.get_close_matches(name, self.policies, n=1)
                known = f"there are {', '.join(self.policies) or 'none'}: Authentication(…, policies={{{name!r}: …}})"
                fix = f"did you mean {near[0]!r}?" if near else known
                yield Problem(f"there is no policy {name!r}, and {requirement} asks for it", requirement.where, fix)


class Policy:
    """One named policy: whether a user may pass."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self._takes_request = takes_request(function, 1)
        self._call = UserFunction(function)

    @property
    def needs_loop(self) -> bool:
        """Whether it must be awaited on an event loop."""
        return self._call.is_async

    async def accepts(self, request: Request, user: Any) -> bool:
        """Whether the user may pass. Raises TypeError for anything but True and False."""
        answer = await self._call(request, *((request, user) if self._takes_request else (user,)))
        # SECURITY: a coroutine that nobody awaits, and the result of a query, are true whatever they say.
        if not isinstance(answer, bool):
            raise TypeError(f"the policy {self.name!r} returned a {type(answer).__name__}; return True or False")
        return answer


class _OnRoute(Hooks):
    """`Authentication` on one route: the requirements that hold there, and what its OpenAPI operation says."""

    provides = Authentication.provides

    def __init__(self, layer: Authentication, requirements: tuple[Requirement, ...]) -> None:
        needs_loop = any(
            [
                *(scheme.needs_loop for scheme in layer.schemes),
                *(layer.policies[name].needs_loop for requirement in requirements for name in requirement.policies),
                layer.failures is not None and layer.failures.needs_loop,
            ]
        )
        inline = layer.failures is None and all(scheme.is_inline for scheme in layer.schemes)
        inline = inline and not any(requirement.policies for requirement in requirements)
        before = Call(self._admit, None if needs_loop else self._admit, self._admit_inline if inline else None, inline)
        super().__init__(before=before, finalize=self._finish, inline=True)
        self._layer = layer
        self._schemes = layer.schemes
        self._failures = layer.failures
        self._requirements = requirements
        self._checked = tuple(one for one in requirements if one != Requirement())
        # SECURITY: RFC 9111 §3.5 lets shared caches store answers to requests with `Authorization` if they say
        # `public`, `s-maxage` or `must-revalidate`, and `Vary` keeps those from other users.
        self._vary = _vary_of(layer.schemes)
        self._refusing = [one for one in layer.schemes if type(one).refuse is not Scheme.refuse]
        # One with a method of its own may say something new each time.
        are_plain = all(type(one).challenge is Scheme.challenge for one in layer.schemes)
        self._plain_challenges = self._challenges({}) if are_plain else None
        self.responses = self._documented()
        self.security = self._schemes_documented()

    def __repr__(self) -> str:
        return repr(self._layer)

    async def _admit(self, request: Request) -> Response | None:
        state = request.state
        state[USER] = request.user  # for handlers of the errors that are raised from here on
        identity = await self._identify(request)
        request.user = state[USER] = None if identity is None else identity.user
        if identity is None:
            return self._refuse(request) if self._requirements else None
        state[IDENTITY] = identity
        for requirement in self._checked:
            await self._check(request, identity, requirement)
        return None

    def _admit_inline(self, request: Request) -> Response | None:
        """The same where all of it is plain code that never blocks. PERF: four coroutines less."""
        state: Any = request.state.shared
        state[USER] = request.user
        identity = self._identify_inline(request)
        request.user = state[USER] = None if identity is None else identity.user
        if identity is None:
            return self._refuse(request) if self._requirements else None
        state[IDENTITY] = identity
        for requirement in self._checked:
            self._check_words(identity, requirement)
        return None

    def _identify_inline(self, request: Request) -> Identity | None:
        failed: dict[str, str] = {}
        for scheme in self._schemes:
            credentials = scheme.credentials(request)
            if credentials is None:
                continue
            try:
                identity, description = scheme.verify_inline(request, credentials), ""
            except InvalidCredentials as error:
                identity, description = None, error.description
            if identity is not None:
                return identity
            if not scheme.is_ambient:
                failed[scheme.name] = description
        if failed:
            raise self._wrong(request, failed)
        return None

    async def _identify(self, request: Request) -> Identity | None:
        """Who the request is from; None if it has no credentials. Raises what it is refused with."""
        failed: dict[str, str] = {}
        attempts: list[Attempt] = []
        for scheme in self._schemes:
            credentials = scheme.credentials(request)
            if credentials is None:
                continue
            attempt = None
            if self._failures is not None and not scheme.is_ambient:
                attempt = await self._failures.begin(request, scheme.account(credentials))
            identity = await self._verify(request, scheme, credentials, attempt, failed)
            # A token that another scheme knows isn't a failure; a wrong password is, whatever else was right.
            if attempt is not None and (identity is not None or attempt.account is None):
                attempts.append(attempt)
            if identity is not None:
                for one in attempts:
                    await one.succeeded()
                return identity
        if failed:
            raise self._wrong(request, failed)
        return None

    async def _verify(
        self,
        request: Request,
        scheme: Scheme,
        credentials: Credentials,
        attempt: Attempt | None,
        failed: dict[str, str],
    ) -> Identity | None:
        """Who the credentials are of; None, and an entry in `failed` with what is said, if they aren't right."""
        try:
            identity, description = await scheme.verify(request, credentials), ""
        except InvalidCredentials as error:
            identity, description = None, error.description
        except Exception as error:
            # SECURITY: a `verify` that raises a 401 or 403 has refused, and that counts; what it couldn't find out not.
            if attempt is not None and not (isinstance(error, HTTPError) and error.status < 500):
                await attempt.withdraw()
            raise
        if identity is None and not scheme.is_ambient:
            failed[scheme.name] = description
        return identity

    def _wrong(self, request: Request, failed: Mapping[str, str]) -> HTTPError:
        client = request.client[0] if request.client else "-"
        _log.info("wrong credentials (%s) from %s", ", ".join(failed), printable(client))
        return self._unauthorized(request, "the credentials are not valid", failed)

    def _refuse(self, request: Request) -> Response:
        """The answer to who must be known and isn't. Raises Unauthorized unless a scheme has a better one."""
        for scheme in self._refusing:
            answer = scheme.refuse(request)
            if answer is not None:
                return answer
        raise self._unauthorized(request, "authentication is needed", {})

    async def _check(self, request: Request, identity: Identity, requirement: Requirement) -> None:
        """Raise Forbidden unless the user has what one requirement asks for."""
        self._check_words(identity, requirement)
        for name in requirement.policies:
            if not await self._layer.policies[name].accepts(request, identity.user):
                raise Forbidden("this isn't allowed")

    def _check_words(self, identity: Identity, requirement: Requirement) -> None:
        missing = set(requirement.scopes) - self._layer.words(identity, "scopes") if requirement.scopes else ()
        if missing:
            raise Forbidden("more scopes are needed", headers=self._insufficient(identity, requirement))
        if requirement.roles and self._layer.words(identity, "roles").isdisjoint(requirement.roles):
            raise Forbidden("another role is needed")

    def _insufficient(self, identity: Identity, requirement: Requirement) -> list[tuple[str, str]]:
        scheme = next((one for one in self._schemes if one.name == identity.scheme and one.reports_errors), None)
        if scheme is None:
            return []
        # RFC 6750 §3.1
        words = scheme.challenge(error="insufficient_scope", scope=" ".join(requirement.scopes))
        return [("www-authenticate", words)]

    def _unauthorized(self, request: Request, detail: str, failed: Mapping[str, str]) -> HTTPError:
        challenges = self._plain_challenges
        if failed or challenges is None:
            challenges = request.state[_CHALLENGES] = self._challenges(failed)
        return Unauthorized(detail, headers=challenges)

    def _challenges(self, failed: Mapping[str, str]) -> list[tuple[str, str]]:
        """A challenge for each scheme; those whose credentials failed say so. Two schemes of one kind have one."""
        found: dict[str, str] = {}
        for scheme in self._schemes:
            plain = scheme.challenge()
            found.setdefault(plain, plain)
            if scheme.name in failed and scheme.reports_errors:
                found[plain] = scheme.challenge(error="invalid_token", error_description=failed[scheme.name])
        return [check_pair("www-authenticate", words) for words in found.values()]

    def _finish(self, request: Request, response: Response) -> None:
        _vary(response, self._vary)
        # RFC 9110 §15.5.2: one that a handler raised, or a page of the user's that stands for ours, has them too.
        if response.status == 401 and "www-authenticate" not in [name for name, _ in response.raw_headers]:
            said = request.state.get(_CHALLENGES) or self._plain_challenges
            response.raw_headers += said or self._challenges({})

    def _documented(self) -> dict[int, str]:
        responses = {400: "The credentials are malformed.", 401: "The credentials are missing or not valid."}
        if self._checked:
            responses[403] = "The user isn't allowed to do this."
        if self._failures is not None:
            responses[429] = "There were too many failed attempts."
        return responses

    def _schemes_documented(self) -> dict[str, Mapping[str, Any] | None]:
        scopes = dict.fromkeys(word for one in self._requirements for word in one.scopes)
        found: dict[str, Mapping[str, Any] | None] = {}
        for scheme in self._schemes:
            found[scheme.name] = {**scheme.security, "scopes": list(scopes)} if scopes else scheme.security
        if not self._requirements:
            found[""] = None  # anonymous requests are let in
        return found


class _OnNoRoute(Hooks):
    """`Authentication` where no route answers: error pages know who is logged in, and nobody is refused."""

    provides = Authentication.provides

    def __init__(self, layer: Authentication) -> None:
        schemes = [scheme for scheme in layer.schemes if scheme.is_ambient]
        needs_loop = any(one.needs_loop for one in schemes)
        inline = all(one.is_inline for one in schemes)
        before = Call(self._look, None if needs_loop else self._look, self._look_inline if inline else None, inline)
        super().__init__(before=before, finalize=self._finish, inline=True)
        self._layer = layer
        self._schemes = schemes
        self._vary = _vary_of(schemes)

    def __repr__(self) -> str:
        return repr(self._layer)

    async def _look(self, request: Request) -> None:
        request.state[USER] = request.user
        for scheme in self._schemes:
            try:
                credentials = scheme.credentials(request)
                identity = None if credentials is None else await scheme.verify(request, credentials)
            except (HTTPError, InvalidCredentials):
                continue
            if identity is not None:
                self._know(request, identity)
                return

    def _look_inline(self, request: Request) -> None:
        """The same where all of it is plain code that never blocks. PERF: scanners ask for many paths."""
        request.state[USER] = request.user
        for scheme in self._schemes:
            try:
                credentials = scheme.credentials(request)
                identity = None if credentials is None else scheme.verify_inline(request, credentials)
            except (HTTPError, InvalidCredentials):
                continue
            if identity is not None:
                self._know(request, identity)
                return

    def _know(self, request: Request, identity: Identity) -> None:
        request.user = request.state[USER] = identity.user
        request.state[IDENTITY] = identity

    def _finish(self, request: Request, response: Response) -> None:
        _vary(response, self._vary)


def _vary_of(schemes: Sequence[Scheme]) -> tuple[str, str] | None:
    """The `Vary` that lists the header fields which schemes read; None if they read none."""
    names = dict.fromkeys(field for scheme in schemes for field in scheme.varies_on)
    return ("vary", ", ".join(names)) if names else None


def _vary(response: Response, pair: tuple[str, str] | None) -> None:
    """Add to `Vary`. PERF: most responses have none yet, and merging takes three times as long."""
    if pair is None:
        return
    for name, _ in response.raw_headers:
        if name == "vary":
            add_vary(response.raw_headers, *pair[1].split(", "))
            return
    response.raw_headers.append(pair)


def _scheme_problems(schemes: Sequence[Any]) -> Iterable[Problem]:
    where = Location.of_caller()
    if not schemes:
        what = "Authentication has no scheme, so nobody could be known"
        yield Problem(what, where, "write Authentication(BearerAuth(…))")
    names: set[str] = set()
    for scheme in schemes:
        if not isinstance(scheme, Scheme):
            what = f"{describe(scheme)} is no scheme of Authentication"
            yield Problem(what, where, "take BasicAuth, BearerAuth, APIKey or JWTAuth, or derive it from Scheme")
        elif scheme.name in names:
            what = f"two schemes of Authentication have the name {scheme.name!r}"
            yield Problem(what, where, f"name one of them: {type(scheme).__name__}(…, name='partners')")
        else:
            names.add(scheme.name)


def _words_problems(functions: Mapping[str, Any]) -> Iterable[Problem]:
    for name, function in functions.items():
        if function is None or (callable(function) and takes_request(function, 1) is False and not is_async(function)):
            continue
        fix = "it is a plain function of the user; load with the user what it needs"
        yield Problem(f"`{name}` of Authentication can't tell them", Location.of_caller(), fix)


def _policy_problems(policies: Mapping[str, Any]) -> Iterable[Problem]:
    for name, function in policies.items():
        if not callable(function) or takes_request(function, 1) is None:
            fix = "it takes the user, or the request and the user, and returns True or False"
            yield Problem(f"the policy {name!r} can't be called", Location.of(function) or Location.of_caller(), fix)
