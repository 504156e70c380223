"""Madara's middlewares as layers: classes built with `(get_response)` or `(get_response, app)`.

Neighbours in one list are one step of the native chain, `Stack`, in which they call each other: what a middleware
raises passes those outside of it as it is, and then the `process_exception` hooks of all are asked, as in Madara. The
chain lists each of them all the same.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FunctionType
from typing import Any

from werkzeug.exceptions import HTTPException

from nacre.callables import describe, is_async
from nacre.chain.hooks import Hooks
from nacre.chain.middleware import DjangoMiddleware, Middleware
from nacre.chain.shapes import load_target, recognise
from nacre.chain.stage import adopt
from nacre.dialects.madara.responses import as_madara, as_native
from nacre.dialects.madara.wrappers import Request, Response, make_response
from nacre.errors import ConfigurationError, HTTPError, Location, Problem
from nacre.groups import Entry, MiddlewareList
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse
from nacre.views import native_request

GetResponse = Callable[[Any], Any]
"""What a middleware calls to run everything inside it."""


class MadaraMiddleware(DjangoMiddleware):
    """A layer of a Madara middleware: a class, a factory function, or the dotted name of one.

    It is built with `get_response`, and with the application as well if it takes a second argument, and is called with
    Madara's request. `process_view` and `process_exception` are optional. `only`, `skip` and `name` are those of
    `nacre.Middleware`; other options go to the class.
    """

    dialect = "madara"

    def __init__(self, target: Any, *args: Any, **options: Any) -> None:
        placing = {name: options.pop(name) for name in ("name", "only", "skip") if name in options}
        part = Part(load_target(target, Location.of_caller()), args, options)
        super().__init__(_Factory([part], Part.new_link), **{"name": part.name, **placing})


def layer(target: Any, *args: Any, **options: Any) -> MadaraMiddleware:
    """Make a Madara middleware, given by itself or by its dotted name, a layer for any list of middlewares."""
    return MadaraMiddleware(target, *args, **options)


class MadaraMiddlewares(MiddlewareList):
    """A list for Madara's middlewares, dotted names included, and for layers of every other kind.

    What can be called is a factory, as in Madara. What is async, what its first parameter tells to be called with the
    `request`, and what Nacre recognises as a class of another kind, is a native layer.
    """

    def prepare(self, item: Any) -> Any:
        target = load_target(item, Location.of_caller()) if isinstance(item, str) else item
        if isinstance(target, Part):
            return Part(target.target)  # of another place, where it goes on to others
        return Part(target) if _is_factory(target) else target

    @property
    def entries(self) -> Sequence[Entry]:
        """The layers: for each row of Madara's own, the step that runs them all, and a name for each further one."""
        kept = super().entries
        known: tuple[Any, Any] | None = vars(self).get("made")
        if known is None or known[0] != kept:
            known = self.made = kept, tuple(_in_rows(kept))
        return known[1]


def build(middlewares: MiddlewareList, app: Any) -> None:
    """Build the middlewares that stand in a list now, innermost first; those that are put in later are at first use.

    They may add to the application: rules, and attributes that the program uses from here on.
    """
    for item in reversed(middlewares):
        if isinstance(item, Part):
            item.link(app)


def _in_rows(entries: Sequence[Entry]) -> Iterator[Entry]:
    for is_own, neighbours in itertools.groupby(entries, lambda entry: isinstance(entry.item, Part)):
        row = list(neighbours)
        if not is_own:
            yield from row
            continue
        yield Entry(_Row([entry.item for entry in row], row[0].where), row[0].where)
        yield from (Entry(_Inner(entry.item, entry.where), entry.where) for entry in row[1:])


def _is_factory(target: Any) -> bool:
    if isinstance(target, type):
        bare: Middleware = Middleware(target)
        try:
            return recognise(bare, target) == "django" and not is_async(target.__call__)
        except ConfigurationError:
            return True  # it may be one all the same, by its metaclass for instance; else `Part` tells
    if isinstance(target, Middleware | Hooks) or not callable(target) or is_async(target):
        return False
    try:
        return next(iter(inspect.signature(target).parameters), None) != "request"
    except (TypeError, ValueError):
        return True


class Part:
    """One middleware of a list: what it is made of, and what was made of it for each application."""

    def __init__(self, target: Any, args: tuple[Any, ...] = (), options: dict[str, Any] | None = None) -> None:
        self.target = target
        self._written = target.func if isinstance(target, partial) else target
        self.name: str = getattr(self._written, "__name__", type(target).__name__)
        self._args = args
        self._options = options or {}
        self._links: list[tuple[Any, Link]] = []

    def link(self, app: Any) -> Link:
        """The middleware as it is at its place in an application, built when it is first asked for."""
        for known, link in self._links:
            if known is app:
                return link
        link = self.new_link(app)
        self._links.append((app, link))
        return link

    def new_link(self, app: Any) -> Link:
        """The middleware built for one more place."""
        link = Link()
        link.hold(self._build(link.follow, app))
        return link

    def _build(self, follow: GetResponse, app: Any) -> Any:
        # Madara itself gives both, its document's example takes one.
        both, one = (follow, app, *self._args), (follow, *self._args)
        first = one if _misfit(self.target, *both, **self._options) else both
        problem = _misfit(self.target, *first, **self._options)
        if problem is None:
            built = self.target(*first, **self._options)
            if callable(built):
                return built
            problem = f"it gives {describe(built)}, which can't be called"
        fix = "let it take (get_response) or (get_response, app), and be called with (request)"
        raise ConfigurationError(Problem(f"middleware `{self.name}`: {problem}", Location.of(self._written), fix))

    def __repr__(self) -> str:
        return f"<{self.name}, a Madara middleware>"

    @property
    def functions(self) -> dict[str, Any]:
        """The code of the user's that runs in it; errors are traced to layers by the functions that they have."""
        classes = self._written.__mro__[::-1] if isinstance(self._written, type) else ()
        found = {name: one for cls in classes for name, one in vars(cls).items() if isinstance(one, FunctionType)}
        return {f"its_{name}": one for name, one in found.items()} or {"its_call": self._written}


def _misfit(target: Any, *args: Any, **options: Any) -> str | None:
    """Why something can't be called so; None if it can, or doesn't tell."""
    try:
        inspect.signature(target).bind(*args, **options)
    except TypeError as error:
        return f"it can't be built: {error}"
    except ValueError:
        pass
    return None


class Link:
    """One built middleware and the way on from it."""

    def __init__(self) -> None:
        self.call: Any = None
        self.process_view: Any = None
        self.process_exception: Any = None

    def hold(self, instance: Any) -> None:
        """Take what the middleware was built to be."""
        self.call = instance
        self.process_view = getattr(instance, "process_view", None)
        self.process_exception = getattr(instance, "process_exception", None)

    def follow(self, request: Any) -> Any:
        """`get_response`: call what is inside of this middleware.

        A middleware may answer by any value that a view may, and by raising Werkzeug's errors.
        """
        view = request if request.__class__ is Request else Request.of(native_request(request))
        try:
            result: Any = view.madara_stack[self](view)
        except HTTPException as error:
            result = error
        if result.__class__ is Response and result.owner is view.native:
            return result
        return _owned(view, result)


def _owned(request: Request, result: Any) -> Response:
    """What a middleware answers by itself, as a response of this request's own: others may add to it."""
    return as_madara(adopt(request.native, make_response(request, result)))


class _Row(DjangoMiddleware):
    """The step of a chain that runs neighbouring middlewares, under the name of the outermost."""

    dialect = "madara"

    def __init__(self, parts: list[Part], where: Location) -> None:
        super().__init__(_Factory(parts, Part.link), name=parts[0].name)
        self.where = where


class _Inner(Middleware):
    """Tells chains of a middleware that is run by the first one of its row."""

    dialect = "madara"

    def __init__(self, part: Part, where: Location) -> None:
        super().__init__(_Named(part), name=part.name)
        self.where = where


class _Named(Hooks):
    def __init__(self, part: Part) -> None:
        super().__init__()
        vars(self).update(part.functions)


class _Factory:
    """Builds what the native chain calls for a row of middlewares."""

    def __init__(self, parts: list[Part], link: Callable[[Part, Any], Link]) -> None:
        self._parts = parts
        self._link = link
        self.__name__ = self.__qualname__ = parts[0].name
        vars(self).update(parts[0].functions)

    def __call__(self, get_response: Callable[[NativeRequest], Any], app: Any) -> Any:
        return Stack([self._link(part, app) for part in self._parts], get_response)


class Stack:
    """Middlewares that call each other, as one that the native chain calls.

    A request keeps to the stack that it came in by: the list may be changed meanwhile, and the built middlewares go on
    in the stack that is made of it then.
    """

    def __init__(self, links: list[Link], get_response: Callable[[NativeRequest], NativeResponse]) -> None:
        def follow(request: Request) -> Response:
            return as_madara(get_response(request.native))

        outside = Link()
        calls: list[GetResponse] = [*(link.call for link in links), follow]
        self._inner = dict(zip([outside, *links], calls, strict=True))
        self._answer = outside.follow
        self._exceptions = [link.process_exception for link in reversed(links) if link.process_exception is not None]
        self._views = [link.process_view for link in links if link.process_view is not None]
        if self._views:
            self.process_view = self._process_view
        if self._exceptions:
            self.process_exception = self._process_exception

    def __call__(self, native: NativeRequest) -> NativeResponse:
        request = Request.of(native)
        outer, request.madara_stack = request.madara_stack, self._inner
        try:
            return as_native(self._answer(request))
        except HTTPError:
            raise
        except Exception as error:
            response = self._process_exception(native, error)
            if response is None:
                raise
            return response
        finally:
            request.madara_stack = outer

    def _process_view(self, native: NativeRequest, view: Any, values: dict[str, Any]) -> NativeResponse | None:
        request = Request.of(native)
        # The view as it was written, and the very dict that it is called with: a hook may put something in.
        view, kwargs = getattr(view, "madara_view", view), request.view_args
        for hook in self._views:
            try:
                result = hook(request, view, values if kwargs is None else kwargs)
            except HTTPException as error:
                result = error
            if result is not None:
                return as_native(make_response(request, result))
        return None

    def _process_exception(self, native: NativeRequest, error: Exception) -> NativeResponse | None:
        request = Request.of(native)
        for hook in self._exceptions:
            result = hook(request, error)
            if result is not None:
                return as_native(make_response(request, result))
        return None
