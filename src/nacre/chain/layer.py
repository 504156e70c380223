"""One declared layer, adapted: its style settled, its class built, its promises read."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from nacre.binding import Bound, Injection, Parameter, Site, bind, read_parameters
from nacre.callables import Call, prepare_call
from nacre.chain.asgi import ASGILayer
from nacre.chain.django import DjangoLayer
from nacre.chain.hooks import Hook, HookLayer, Hooks, fuse, source_of
from nacre.chain.middleware import Middleware, Style
from nacre.chain.onion import Finish, adapt_bound_onion, adapt_onion
from nacre.chain.place import Place
from nacre.chain.shapes import load_target, recognise
from nacre.chain.stage import Stage, adopt
from nacre.chain.trace import codes_of
from nacre.chain.wsgi import WSGILayer
from nacre.documentation import Responses, Security, check_responses, check_security
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.response import Response
from nacre.results import Converter, Results
from nacre.shaping import compile_converter
from nacre.threads import Threads

_numbers = itertools.count(1)


class Tools(Struct, frozen=True):
    """What adapters need of the application they work for."""

    app: object
    results: Results
    threads: Threads


class Layer(Struct, eq=False):
    """One layer of a chain, adapted once and shared by all routes it covers.

    Exactly one of `wrap` (a stage around a stage), `hooks`, `django` and `asgi` says how it is compiled; `finalize` may
    be added to any.
    """

    name: str
    style: Style
    where: Location | None
    only: tuple[str, ...] | None = None
    skip: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    responses: Responses = {}
    """What the layer itself may answer: a description for each status."""
    security: Security = {}
    """The security schemes it asks for by their names; a scheme that is declared elsewhere is None."""
    wrap: Callable[[Stage], Stage] | None = None
    hooks: HookLayer | None = None
    django: DjangoLayer | None = None
    asgi: ASGILayer | None = None
    finalize: Call | None = None
    build_asgi: Callable[[Any], Any] | None = None
    target: Any = None
    """What it was made of, built: the function or instance; the class where that is built for its place."""
    dialect: str | None = None
    """The framework whose programs the target is written for; None for Nacre's own."""
    settle: Callable[[Place], Layer | str] | None = None
    """Makes this layer for one chain, if its target wants to know where it stands; a text says why it isn't there."""
    bind: Callable[[Site], Layer | list[Problem]] | None = None
    """Makes this layer for one route, if it asks for more than its style gives it."""
    bounds: tuple[Bound, ...] = ()
    """What is bound in a layer that `bind` has made."""
    traced: tuple[Any, ...] = ()
    """What holds the layer's own code: what was declared, and what its `for_route` made of it."""
    finalizer_codes: frozenset[CodeType] = frozenset()
    _codes: frozenset[CodeType] | None = None

    @property
    def codes(self) -> frozenset[CodeType]:
        """The code that is the layer's own, to find it in tracebacks.

        PERF: looked for when the first traceback is read. That makes the `__dict__` of an instance, and from then on
        CPython 3.11 takes 320 instructions for each of its attributes in place of 50: 3 % of a request with six layers.
        """
        if self._codes is None:
            self._codes = frozenset[CodeType]().union(*map(codes_of, self.traced))
        return self._codes

    @property
    def is_placed(self) -> bool:
        """Whether words were given that say which routes it covers."""
        return self.only is not None or bool(self.skip)

    @property
    def label(self) -> str:
        """The layer as messages name it."""
        return f"layer `{self.name}`" + (f" ({self.where})" if self.where else "")


def adapt(item: object, where: Location, tools: Tools) -> Layer:
    """Make a layer of one item of a middleware list. Raises ConfigurationError for a shape nobody knows."""
    declared = item if isinstance(item, Middleware) else _bare(item, where)
    target = load_target(declared.target, declared.where)
    style = recognise(declared, target)
    marks = declared.marks
    layer = Layer(
        name=declared.name or _name_of(target),
        style=style,
        where=declared.where,
        only=declared.only,
        skip=declared.skip,
        provides=_promise(target, marks, "provides"),
        requires=_promise(target, marks, "requires"),
        before=_promise(target, marks, "before", "outside_of"),
        after=_promise(target, marks, "after", "inside_of"),
        responses=_responses(target, declared),
        security=_security(target, declared),
        target=target,
        dialect=declared.dialect or _dialect_of(target),
    )
    _ADAPTERS[style](layer, declared, target, tools)
    if style in ("hooks", "onion") and hasattr(layer.target, "for_route"):
        layer.settle = lambda place: _settle(layer, declared, tools, place)
    layer.traced = (target,)
    return layer


def _settle(layer: Layer, declared: Middleware, tools: Tools, place: Place) -> Layer | str:
    """The layer as it is in one chain, by what its target's `for_route` gives for it."""
    made: Any = layer.target.for_route(place)
    if made is layer.target or isinstance(made, str):
        return layer if made is layer.target else made
    if not callable(made) and not isinstance(made, Hooks):
        kind = "None" if made is None else f"an object of type {type(made).__name__}"
        fix = "return the layer itself, another one made for the route, or a text that says why it is left out"
        what = f"{layer.label} can't be settled: `for_route` returned {kind}"
        raise ConfigurationError(Problem(what, Location.of(layer.target.for_route), fix))
    settled = replace(
        layer,
        wrap=None,
        hooks=None,
        finalize=None,
        bind=None,
        bounds=(),
        finalizer_codes=frozenset(),
        target=made,
        traced=(*layer.traced, made),
        _codes=None,
    )
    settled.style = "hooks" if isinstance(made, Hooks) else "onion"
    settled.responses = _responses(made, declared) if hasattr(made, "responses") else layer.responses
    settled.security = _security(made, declared) if hasattr(made, "security") else layer.security
    _ADAPTERS[settled.style](settled, Middleware(made, name=layer.name), made, tools)
    return settled


def _bare(item: object, where: Location) -> Middleware:
    target: Any = item
    declared: Middleware = Middleware(target)
    declared.where = where
    return declared


def _name_of(target: Any) -> str:
    name = getattr(target, "__name__", None) or type(target).__name__
    return str(name)


def _dialect_of(target: Any) -> str | None:
    value = getattr(target, "dialect", None)
    return value if isinstance(value, str) else None


def _promise(target: Any, marks: dict[str, Any], mark: str, attribute: str | None = None) -> tuple[str, ...]:
    """What a layer promises by a mark, or by an attribute; `before` and `after` have another name among attributes."""
    value = marks.get(mark)
    for name in (mark, attribute):
        if not value and name is not None:
            value = getattr(target, name, ())
            if callable(value) or isinstance(value, Call):  # Hooks.before and Hooks.after are no promises
                value = ()
    return (value,) if isinstance(value, str) else tuple(value or ())


def _responses(target: Any, declared: Middleware) -> Responses:
    marked = declared.marks.get("responses")
    if marked is not None:
        check_responses(marked, f"layer `{declared.name or _name_of(target)}`", declared.where)
        return dict(marked)
    value = getattr(target, "responses", None)
    try:
        check_responses(value, "", None)
    except ConfigurationError:
        return {}  # an attribute of that name which means something else
    return dict(value or {})


def _security(target: Any, declared: Middleware) -> Security:
    marked = declared.marks.get("security")
    if marked:
        named: Any = dict.fromkeys(marked) if isinstance(marked, list | tuple | set | frozenset) else marked
        check_security(named, f"layer `{declared.name or _name_of(target)}`", declared.where)
        return dict(named)
    value = getattr(target, "security", None)
    found: Any = dict.fromkeys(value) if isinstance(value, list | tuple | set | frozenset) else value
    try:
        check_security(found, "", None)
    except ConfigurationError:
        return {}  # an attribute of that name which means something else
    return dict(found or {})


def _converter(layer: Layer, tools: Tools, marks: dict[str, Any]) -> Converter:
    given = marks.get("response")
    if not given:
        return tools.results.convert
    returns = marks["returns"]
    function = returns.__call__ if isinstance(returns, type) else returns
    return compile_converter(tools.results, function, given, f"layer `{layer.name}`", layer.where)


def _finisher(layer: Layer, tools: Tools, marks: dict[str, Any]) -> Finish:
    convert = _converter(layer, tools, marks)

    def finish(request: Request, result: Any) -> Response:
        if isinstance(result, Response):
            return adopt(request, result)
        if result is None:
            raise TypeError(f"{layer.label} returned None; return what `call_next(request)` gave, or another response")
        try:
            response = convert(result)
        except (TypeError, ValueError) as error:
            kind = type(result).__name__
            raise TypeError(f"{layer.label} returned a {kind} that makes no response: {error}") from error
        return adopt(request, response)

    return finish


def _adapt_onion(layer: Layer, declared: Middleware, target: Any, tools: Tools) -> None:
    call = layer.target = _build(layer, declared, target) if isinstance(target, type) else target
    _add_finalize(layer, call, tools)
    extras = _extras(call, 2)
    if not extras:
        layer.wrap = adapt_onion(call, _finisher(layer, tools, declared.marks), tools.threads)
        return

    def bind_onion(site: Site) -> Layer | list[Problem]:
        made = replace(layer, bind=None)
        injection = Injection(_converter(made, tools, declared.marks))
        bound = bind(call, ("request", "call_next"), site, f"layer `{layer.name}`", injection=injection)
        if not isinstance(bound, Bound):
            return bound
        made.wrap = adapt_bound_onion(bound, _finisher(made, tools, declared.marks), tools.threads)
        made.bounds = (bound,)
        made.requires += bound.plan.needs
        return made

    layer.bind = bind_onion


def _adapt_hooks(layer: Layer, declared: Middleware, target: Hooks | type[Hooks], tools: Tools) -> None:
    if isinstance(target, type):
        _check_options(layer, declared, target)
        target = target(*declared.args, **declared.options)
    layer.target = target
    inline = target.inline

    def prepare(function: Hook | None) -> Call | None:
        return None if function is None else prepare_call(function, tools.threads, inline=inline)

    finish = _finisher(layer, tools, declared.marks)
    layer.hooks = HookLayer(prepare(target.before), prepare(target.after), finish, tools.threads)
    extras = [*_extras(target.before, 1), *_extras(target.after, 2)]
    if extras:
        hooks = target
        layer.bind = lambda site: _bind_hooks(layer, declared, hooks, tools, site)
    layer.finalize = prepare(target.finalize)
    layer.finalizer_codes = codes_of(target.finalize)
    if type(target) is not Hooks:
        return  # a class that derives from it has a name that says more
    for function in (target.finalize, target.after, target.before):
        if function is not None and declared.name is None:
            layer.name = _name_of(function)


def _bind_hooks(layer: Layer, declared: Middleware, target: Hooks, tools: Tools, site: Site) -> Layer | list[Problem]:
    made = replace(layer, bind=None)
    problems: list[Problem] = []
    calls: list[Call | None] = []
    for function, given in ((target.before, ("request",)), (target.after, ("request", "response"))):
        if function is None or isinstance(function, Call):
            calls.append(function)
            continue
        bound = bind(function, given, site, f"layer `{layer.name}`")
        if isinstance(bound, list):
            problems += bound
            continue
        made.bounds += (bound,)
        made.requires += bound.plan.needs
        calls.append(bound.call(tools.threads, inline=target.inline))
    if problems:
        return problems
    made.hooks = HookLayer(calls[0], calls[1], _finisher(made, tools, declared.marks), tools.threads)
    return made


def _extras(function: Hook | None, given: int) -> list[Parameter]:
    """The parameters that ask for more than the `given` first ones, which the caller passes."""
    parameters = [] if function is None or isinstance(function, Call) else read_parameters(function)
    if isinstance(parameters, Problem):
        return []
    first = [one for one in parameters if one.is_positional and not one.markers][:given]
    return [one for one in parameters if one not in first and not one.is_open and one.asks]


def asks_for_more(function: Callable[..., Any], given: int) -> bool:
    """Whether a function asks for more than the `given` first arguments, which the caller passes."""
    return bool(_extras(function, given))


def _adapt_django(layer: Layer, declared: Middleware, target: Any, tools: Tools) -> None:
    def build(get_response: Callable[[Request], Any]) -> Any:
        wants_app = not declared.args and _init_takes(target, 2)
        first = (get_response, tools.app) if wants_app else (get_response,)
        return _build(layer, declared, target, *first)

    layer.django = DjangoLayer(build, target, _finisher(layer, tools, declared.marks), tools.threads)
    _add_finalize(layer, layer.django.instance, tools)


def _adapt_asgi(layer: Layer, declared: Middleware, target: Any, tools: Tools) -> None:
    # Built later: at the head of the application's list it stands outside of routing, elsewhere inside a chain.
    _check_options(layer, declared, target, None)
    layer.build_asgi = lambda inner: _build(layer, declared, target, inner)


def place_asgi(layer: Layer, threads: Threads) -> None:
    """Build an ASGI layer for its place inside chains, unless that was done."""
    if layer.asgi is None and layer.build_asgi is not None:
        layer.asgi = ASGILayer(layer.build_asgi, layer.label, threads, f"nacre.exchange.{next(_numbers)}")


def _adapt_wsgi(layer: Layer, declared: Middleware, target: Any, tools: Tools) -> None:
    finish = _finisher(layer, tools, declared.marks)
    key = f"nacre.next.{next(_numbers)}"
    wsgi = WSGILayer(lambda app: _build(layer, declared, target, app), layer.label, finish, tools.threads, key)
    layer.wrap = wsgi.wrap


_ADAPTERS: dict[Style, Callable[[Layer, Middleware, Any, Tools], None]] = {
    "onion": _adapt_onion,
    "hooks": _adapt_hooks,
    "django": _adapt_django,
    "asgi": _adapt_asgi,
    "wsgi": _adapt_wsgi,
}


def _add_finalize(layer: Layer, instance: Any, tools: Tools) -> None:
    finalize = getattr(instance, "finalize", None)
    if finalize is not None:
        layer.finalize = prepare_call(finalize, tools.threads, inline=getattr(instance, "inline", False))
        layer.finalizer_codes = codes_of(finalize)


def _build(layer: Layer, declared: Middleware, target: Any, *first: Any) -> Any:
    _check_options(layer, declared, target, *first)
    built = target(*first, *declared.args, **declared.options)
    if not callable(built):
        kind = "None" if built is None else f"a {type(built).__name__}"
        raise ConfigurationError(
            Problem(
                f"{layer.label} can't be built: it returned {kind}, which can't be called",
                Location.of(target),
                "return what is to be called for each request",
            )
        )
    return built


def _check_options(layer: Layer, declared: Middleware, target: Any, *first: Any) -> None:
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return  # no signature to check against (a class from C)
    try:
        signature.bind(*first, *declared.args, **declared.options)
    except TypeError as error:
        takes = signature.replace(return_annotation=signature.empty)
        name = getattr(target, "__name__", layer.name)
        raise ConfigurationError(
            Problem(f"{layer.label} can't be built: {error}", Location.of(target), f"`{name}` takes {takes}")
        ) from None


def _init_takes(target: Any, count: int) -> bool:
    """Whether a class asks for at least `count` arguments by position that have no default."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return False
    return (
        sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
        >= count
    )


def compose(
    layers: Sequence[Layer],
    inner: Stage,
    wrap_django: Callable[[Layer, Stage], Stage],
    answer_refused: Callable[[Stage, Sequence[Bound]], Stage],
) -> Stage:
    """Put layers, outermost first, around a stage; neighbours that are hook-like, or ASGI, become one step.

    `answer_refused` makes responses of what these bound layers refuse of a request, for the layers outside of them.
    """
    for kind, neighbours in itertools.groupby(reversed(layers), _row_kind):
        row = list(neighbours)[::-1]
        if kind == "hooks":
            hooks = [layer.hooks for layer in _in_line(row) if layer.hooks is not None]
            inner = fuse(hooks, inner) if hooks else inner
            bounds = [bound for layer in row for bound in layer.bounds]
            inner = answer_refused(inner, bounds) if bounds else inner
        elif kind == "asgi":
            inner = ASGILayer.wrap([layer.asgi for layer in row if layer.asgi is not None], inner)
        else:
            for layer in reversed(row):
                inner = wrap_django(layer, inner) if layer.wrap is None else layer.wrap(inner)
                inner = answer_refused(inner, layer.bounds) if layer.bounds else inner
    return inner


def written_rows(layers: Sequence[Layer]) -> Iterator[tuple[str, str]]:
    """The names of hook-like neighbours among the layers of one scope, and the source written for them."""
    for kind, neighbours in itertools.groupby(layers, _row_kind):
        row = _in_line(list(neighbours)) if kind == "hooks" else []
        if row:
            names = ", ".join(layer.name for layer in row)
            yield names, source_of([layer.hooks for layer in row if layer.hooks is not None])


def _in_line(row: Sequence[Layer]) -> list[Layer]:
    """Those of a row that have something to do on the way in or out."""
    return [layer for layer in row if layer.hooks and (layer.hooks.before or layer.hooks.after)]


def _row_kind(layer: Layer) -> str:
    return "hooks" if layer.hooks is not None else "asgi" if layer.asgi is not None else "single"
