"""What a template can use besides the values it is given: the request, and what layers leave for templates.

A layer gives values with `nacre.state.give_templates(request.state, tenant=tenant)`, and needs nothing of this package
for that. They are variables of every template that is rendered for the request. The names that Nacre's own layers give
(`csrf_token` and the like) are global functions instead: macros that are imported without context have them too, and
without the layer a call says which one is missing, where an undefined variable would leave a form unprotected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import ContextVar
from functools import partial
from html import escape
from typing import Any, Final

from nacre.callables import describe, is_async
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.session import Flash, Session
from nacre.state import OfRequest, given_to_templates

ContextProcessor = Callable[[Request], Mapping[str, Any]]
"""Gives every template of a request some more variables."""

rendered_for: ContextVar[Request | None] = ContextVar("nacre_rendered_for", default=None)
"""The request that a template is rendered for, where template code runs: macros and globals don't see its variables."""


def url_for(name: str, /, **values: object) -> str:
    """As `request.url_for`, for the request that the template is rendered for."""
    request = rendered_for.get()
    if request is None:
        raise LookupError(
            "url_for() needs the request, and the template is rendered without one: "
            'pass it, as in templates.response("page.html", request)'
        )
    return request.url_for(name, **values)


class FromLayer:
    """A function that templates call and a layer gives."""

    def __init__(self, name: str, feature: str) -> None:
        self._name = name
        self._feature = feature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = rendered_for.get()
        if request is None:
            raise LookupError(f"`{self._name}` needs the request, and the template is rendered without one: pass it")
        value = self._given(request)
        if value is None:
            raise LookupError(
                f"`{self._name}` comes from a layer for {self._feature}, and the request has passed none: "
                "add one to the application, the group or the route"
            )
        return value(*args, **kwargs) if callable(value) else value

    def _given(self, request: Request) -> Any:
        """What the layer gives; None without the layer."""
        return _of(request, given_to_templates(request.state).get(self._name))

    # Written without parentheses it is the same.

    def __html__(self) -> str:
        value = self()
        return str(value.__html__()) if hasattr(value, "__html__") else escape(str(value))

    def __str__(self) -> str:
        return str(self())


def _of(request: Request, value: object) -> Any:
    """What a layer has given, for this request."""
    return partial(value.function, request) if isinstance(value, OfRequest) else value


class FlashedMessages(FromLayer):
    """The messages of the session, unless a layer gives templates a function of this name."""

    def _given(self, request: Request) -> Any:
        given = super()._given(request)
        return partial(_take_messages, request.session) if given is None and request._session is not None else given


def _take_messages(
    session: Session, with_categories: bool = False, category_filter: Collection[str] = ()
) -> list[str] | list[Flash]:
    """Take the messages of the session: their texts, or pairs of category and text.

    All are taken, whatever is asked for; `category_filter` names the categories to be given.
    """
    flashes = [one for one in session.flashes() if not category_filter or one.category in category_filter]
    return flashes if with_categories else [one.message for one in flashes]


GLOBALS: Final[Mapping[str, Any]] = {
    "url_for": url_for,
    "csrf_token": FromLayer("csrf_token", "protection against cross-site request forgery"),
    "csrf_input": FromLayer("csrf_input", "protection against cross-site request forgery"),
    "get_flashed_messages": FlashedMessages("get_flashed_messages", "flash messages"),
}


def checked_processors(processors: Iterable[ContextProcessor], where: Location) -> tuple[ContextProcessor, ...]:
    """Raises ConfigurationError for those that would have to be awaited: `render` couldn't."""
    checked = tuple(processors)
    problems = [
        Problem(
            f"the context processor {describe(one)} is async, and templates are rendered by plain code too",
            Location.of(one) or where,
            "let a layer await it, and give what comes of it to `nacre.state.give_templates`",
        )
        for one in checked
        if is_async(one)
    ]
    if problems:
        raise ConfigurationError(problems)
    return checked


def variables_of(
    request: Request | None, processors: Iterable[ContextProcessor], *given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """All variables of a template; the later of two with one name counts: the layers', the processors', the given."""
    variables: dict[str, Any] = {}
    if request is not None:
        variables["request"] = request
        shared = given_to_templates(request.state)
        variables.update((name, _of(request, value)) for name, value in shared.items() if name not in GLOBALS)
        for processor in processors:
            more: Any = processor(request)
            if not isinstance(more, Mapping):
                raise TypeError(f"the context processor {describe(processor)} returned {type(more).__name__}, no dict")
            variables.update(more)
    for one in given:
        variables.update(one or {})
    return variables
