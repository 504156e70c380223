"""What handlers say about who may call them: `@authenticated`, `@requires(roles=["admin"])`, `@public`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Location, Problem
from nacre.marks import mark, own_marks_of
from nacre.route import Route

F = TypeVar("F", bound=Callable[..., Any])

AUTHENTICATION = "authentication"
"""What a layer provides that holds to the marks of this module."""


@dataclass(frozen=True)
class Requirement:
    """What a user must have: all of the scopes, one of the roles, and what all of the policies ask for."""

    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    where: Location | None = field(default=None, compare=False, repr=False)
    requires: ClassVar[tuple[str, ...]] = (AUTHENTICATION,)

    def __str__(self) -> str:
        given = (("scopes", self.scopes), ("roles", self.roles), ("policy", self.policies))
        return f"requires({', '.join(f'{name}={list(words)}' for name, words in given if words)})"


@dataclass(frozen=True)
class Public:
    """That anonymous requests are let in."""

    requires: ClassVar[tuple[str, ...]] = ()


def authenticated(function: F) -> F:
    """Let only requests of a known user pass to this handler, or to all methods of this class."""
    return mark(function, "authenticated", Requirement(where=Location.of_caller()))


def public(function: F) -> F:
    """Let anonymous requests pass to this handler, where `Authentication` requires a user by default.

    Credentials that are there are still read, and wrong ones refused.
    """
    return mark(function, "public", Public())


def requires(
    *, scopes: Collection[str] | None = None, roles: Collection[str] | None = None, policy: str | None = None
) -> Callable[[F], F]:
    """Let only users pass that have all of the scopes, one of the roles, and whom the policy accepts.

    Others get a 403, anonymous requests a 401. Several of these decorators must all be met: two for `roles` ask for one
    of each. On a class it is for all its methods. It may stand anywhere among the decorators of a handler, and startup
    fails if no `Authentication` stands around the route, or none knows the policy. Raises ConfigurationError for an
    empty list, which would let nobody pass.
    """
    requirement = requirement_of(scopes, roles, policy, "requires")

    def decorate(function: F) -> F:
        return mark(function, str(requirement), requirement)

    return decorate


class Authorization(Hooks):
    """A layer that asks of all routes inside it what `requires` asks of one; it stands inside of `Authentication`.

    Without arguments it asks for a known user. It holds for routes: what none answers stays a 404.
    """

    requires = (AUTHENTICATION,)

    def __init__(
        self,
        *,
        scopes: Collection[str] | None = None,
        roles: Collection[str] | None = None,
        policy: str | None = None,
    ) -> None:
        super().__init__()
        if scopes is roles is policy is None:
            self.requirement = Requirement(where=Location.of_caller())
        else:
            self.requirement = requirement_of(scopes, roles, policy, "Authorization")

    def __repr__(self) -> str:
        return f"Authorization{str(self.requirement).removeprefix('requires')}"

    def for_route(self, place: Place) -> Any:
        """Itself on routes; `Authentication`, which looks for it, does the work."""
        return self if place.route is not None else "no route answers here"


@dataclass(frozen=True)
class Demands:
    """What one route asks of those who call it; `is_public` says that it is marked as such."""

    is_public: bool
    requirements: tuple[Requirement, ...]


def demands_of(place: Place) -> Demands:
    """What the marks of a route and the layers around it ask for. Raises ConfigurationError for contradictions."""
    route = place.route
    if route is None:
        return Demands(is_public=False, requirements=())
    groups = tuple(layer.requirement for layer in place.inside if isinstance(layer, Authorization))
    own, inherited = _marks_of(route)
    if not any(isinstance(one, Public) for one in own):
        # What a method asks for counts more than that its class is public.
        own = [*own, *(one for one in inherited if not own or isinstance(one, Requirement))]
    requirements = groups + tuple(one for one in own if isinstance(one, Requirement))
    is_public = any(isinstance(one, Public) for one in own)
    if is_public and requirements:
        what = f"route `{route.path}` is public, and {requirements[0]} asks for a user"
        raise ConfigurationError(Problem(what, Location.of(route.endpoint), "take off one of the two"))
    return Demands(is_public, requirements)


def requirement_of(scopes: Any, roles: Any, policy: Any, what: str) -> Requirement:
    """A requirement of what the user wrote. Raises ConfigurationError with all that is wrong with it."""
    where = Location.of_caller()
    problems = [*_list_problems("scopes", scopes, what, where), *_list_problems("roles", roles, what, where)]
    if policy is not None and not (isinstance(policy, str) and policy):
        fix = f'write {what}(policy="owner"), and {what} once more for another one'
        problems.append(Problem(f"the policy of {what} is not the name of one", where, fix))
    if scopes is roles is policy is None:
        problems.append(Problem(f"{what}() asks for nothing", where, "use @authenticated for a user of any kind"))
    if problems:
        raise ConfigurationError(problems)
    return Requirement(tuple(scopes or ()), tuple(roles or ()), () if policy is None else (policy,), where)


def _list_problems(name: str, words: Any, what: str, where: Location) -> Iterable[Problem]:
    fix = f'write {what}({name}=["{name.removesuffix("s")}"])'
    if words is None:
        return
    if isinstance(words, (str, bytes)) or not isinstance(words, Collection):
        yield Problem(f"the {name} of {what} are a list, not a {type(words).__name__}", where, fix)
    elif not words:
        yield Problem(f"{what} lists no {name}, which nobody has, so that nobody would pass", where, fix)
    elif not all(isinstance(word, str) and _WORDS[name].fullmatch(word) for word in words):
        yield Problem(f"the {name} of {what} hold what is no word", where, fix)


_WORDS = {"scopes": re.compile(r"[!#-\[\]-~]+"), "roles": re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")}
"""What one word is. That of a scope is RFC 6749 §3.3, since challenges name scopes."""


def _marks_of(route: Route) -> tuple[list[Any], list[Any]]:
    """The marks of this module on a route's handler, and those that it has of its class."""
    kinds = (Requirement, Public)
    every = route.marks
    own = own_marks_of(route.endpoint)
    return (
        [one for one in own.values() if isinstance(one, kinds)],
        [one for name, one in every.items() if isinstance(one, kinds) and name not in own],
    )
