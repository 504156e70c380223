"""What handlers say of the login that they need: `@login_required` and its kin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, overload

from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Location, Problem
from nacre.marks import mark

F = TypeVar("F", bound=Callable[..., Any])

_REQUIRED, _FRESH, _OPTIONAL = "login", "fresh login", "login optional"


@dataclass(frozen=True, slots=True)
class LoginRule:
    """The login that a route needs: any, or one by credentials in this session, at most `max_age` seconds ago."""

    requires: ClassVar[tuple[str, ...]] = ("login",)
    fresh: bool = False
    max_age: float | None = None


def login_required(function: F) -> F:
    """Let only users who are logged in reach a handler; needs the layer `Login`, which says what others get.

    It may stand anywhere among a handler's decorators, on plain and async functions, and on classes.
    """
    return mark(function, _REQUIRED, LoginRule())


def login_optional(function: F) -> F:
    """Let everyone reach a handler under `Login(required=True)`: the login page itself, for one."""
    return mark(function, _OPTIONAL, True)


@overload
def fresh_login_required(function: F, /) -> F: ...
@overload
def fresh_login_required(*, max_age: float | None = None) -> Callable[[F], F]: ...
def fresh_login_required(function: Any = None, /, *, max_age: float | None = None) -> Any:
    """Let only users reach a handler who gave their credentials in this session, at most `max_age` seconds ago.

    A login by a cookie that remembers isn't a fresh one: these users log in again. Used as `@login_required` is, with
    or without parentheses. Raises ConfigurationError for a `max_age` that isn't more than 0.
    """
    if max_age is not None and max_age <= 0:
        what = f"max_age of a fresh login is a number of seconds above 0, not {max_age}"
        raise ConfigurationError(Problem(what, Location.of_caller()))
    rule = LoginRule(fresh=True, max_age=max_age)
    if function is not None:
        return mark(function, _FRESH, rule)
    return lambda function: mark(function, _FRESH, rule)


def rule_for(place: Place, *, required: bool) -> LoginRule | None:
    """What holds where a layer stands; None where everyone may pass. The stricter of two marks counts."""
    if place.route is None:
        return None
    marked: LoginRule | None = place.mark(_FRESH) or place.mark(_REQUIRED)
    if marked is not None:
        return marked
    return LoginRule() if required and not place.mark(_OPTIONAL) else None
