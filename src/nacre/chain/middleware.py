"""Placing a layer: what it is made from, where it applies, what it needs around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Concatenate, Literal, ParamSpec, Unpack, cast, overload

from nacre.documentation import Responses, Security
from nacre.errors import Location
from nacre.shaping import RESPONSE_OPTIONS, ResponseKeywords, unknown_option
from nacre.state import Key

P = ParamSpec("P")
Style = Literal["onion", "django", "asgi", "wsgi", "hooks"]
Left = str | Key[Any] | Iterable[str | Key[Any]]
"""One or more names of what a layer leaves for others."""

Where = str | Iterable[str]
"""One or more of: a path pattern (`/admin/*` covers all below it), a method (`POST`), a route's name or tag."""


class Middleware:
    """A layer of any style with its options and its place.

    `target` is a function, an instance, a class, or the dotted name of one; `args` and `options` go to a class when it
    is built, once. `only` and `skip` say which routes it covers, settled at startup: where it is skipped it costs
    nothing. `name` is how chains, logs and `before=`/`after=` call it.

    SECURITY: path words are compared with the patterns of routes, so `only="/admin/*"` leaves out a route
    `/<section>/users`. A guard belongs on the group, mount or route that it guards.
    """

    style: ClassVar[Style | None] = None

    dialect: ClassVar[str | None] = None
    """The framework whose programs its target is written for, which chains show; None for Nacre's own."""

    @overload
    def __init__(self, target: Callable[Concatenate[Any, P], Any], *args: P.args, **options: P.kwargs) -> None: ...
    @overload
    def __init__(self, target: Callable[P, Any], *args: P.args, **options: P.kwargs) -> None: ...
    @overload
    def __init__(
        self, target: object, *args: Any, only: Where, skip: Where = (), name: str | None = None, **options: Any
    ) -> None: ...
    @overload
    def __init__(
        self,
        target: object,
        *args: Any,
        skip: Where,
        only: Where | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None: ...
    @overload
    def __init__(
        self, target: object, *args: Any, name: str, only: Where | None = None, skip: Where = (), **options: Any
    ) -> None: ...
    @overload
    def __init__(self, target: str, *args: Any, **options: Any) -> None: ...
    def __init__(self, target: Any, *args: Any, **options: Any) -> None:
        only, skip, name = options.pop("only", None), options.pop("skip", ()), options.pop("name", None)
        self.target = target
        self.args = args
        self.options = options
        # SECURITY: no word at all selects nothing; only leaving `only` out selects everything.
        self.only = None if only is None else _words(only)
        self.skip = _words(skip)
        self.name = name
        self.marks: dict[str, Any] = {}
        self.where = Location.of_caller()

    def __repr__(self) -> str:
        # Options may hold secrets, so only the target is shown.
        return f"Middleware({getattr(self.target, '__qualname__', self.target)!s})"


class Layers:
    """Several layers as one item of a list of middlewares, the first outermost; chains show each by itself."""

    def __init__(self, *layers: Any) -> None:
        self.layers = layers

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


class ASGIMiddleware(Middleware):
    """A `Middleware` whose target is called with an ASGI app and returns one, whatever it looks like."""

    style = "asgi"


class DjangoMiddleware(Middleware):
    """A `Middleware` whose target is called with `get_response`, a factory function for instance."""

    style = "django"


class WSGIMiddleware(Middleware):
    """A `Middleware` whose target is called with a WSGI app and returns one (PEP 3333)."""

    style = "wsgi"


@overload
def middleware(function: Callable[..., Any], /) -> Middleware: ...
@overload
def middleware(
    *,
    name: str | None = None,
    only: Where | None = None,
    skip: Where = (),
    provides: Left = (),
    requires: Left = (),
    before: Where = (),
    after: Where = (),
    responses: Responses | None = None,
    security: Security | Sequence[str] = (),
    **response: Unpack[ResponseKeywords],
) -> Callable[[Callable[..., Any]], Middleware]: ...
def middleware(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    only: Where | None = None,
    skip: Where = (),
    provides: Left = (),
    requires: Left = (),
    before: Where = (),
    after: Where = (),
    responses: Responses | None = None,
    security: Security | Sequence[str] = (),
    **response: Unpack[ResponseKeywords],
) -> Any:
    """Make a layer of a function, with options: `@middleware` or `@middleware(…)`.

    `provides` and `requires` are names, or typed keys, of what a layer leaves for those inside it and needs of those
    outside; `before` and `after` name layers it must stand outside or inside of. All four are checked at startup.
    `responses` (status → description) and `security` (scheme's name → scheme, or names alone) say, for the OpenAPI
    document, what the layer itself may answer and what it asks for. All others are those of `ResponseKeywords`: they
    apply when the layer itself returns a plain value, never to a `Response`.
    """
    for option in response:
        if option not in RESPONSE_OPTIONS:
            raise unknown_option(option, (*_PLACING, *RESPONSE_OPTIONS), Location.of_caller())

    def place(function: Callable[..., Any]) -> Middleware:
        layer = Middleware(function, only=only, skip=skip, name=name)
        layer.where = Location.of(function) or layer.where
        layer.marks = {
            "provides": _words(provides),
            "requires": _words(requires),
            "before": _words(before),
            "after": _words(after),
            "responses": responses,
            "security": security,
            "response": response,
            "returns": function,
        }
        return layer

    return place if function is None else place(function)


_PLACING = ("name", "only", "skip", "provides", "requires", "before", "after", "responses", "security")


def _words(value: Left) -> tuple[str, ...]:
    words = [value] if isinstance(value, str | Key) else value
    return tuple(cast(str, word) for word in words)  # a key is its name
