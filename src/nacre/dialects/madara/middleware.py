"""Madara's middlewares as layers: classes built with `(get_response)` or `(get_response, app)`.

Neighbours in one list are one step of the native chain, `Stack`, in which they call each other: what a middleware
raises passes those outside of it as it is, and then the `process_exception` hooks of all are asked, as in Madara. The
chain lists each of them all the same.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

from werkzeug.exceptions import HTTPException

from nacre.callables import is_async
from nacre.chain.hooks import Hooks
from nacre.chain.middleware import DjangoMiddleware, Middleware
from nacre.chain.shapes import load_target, recognise
from nacre.dialects.madara.responses import as_madara, as_native
from nacre.dialects.madara.wrappers import Request, Response, make_response
from nacre.errors import ConfigurationError, HTTPError, Location
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
        super().__init__(_Factory([part]), **{"name": part.name, **placing})


def layer(target: Any, *args: Any, **options: Any) -> MadaraMiddleware:
    """Make a Madara middleware, given by itself or by its dotted name, a layer for any list of middlewares."""
    return MadaraMiddleware(target, *args, **options)


class MadaraMiddlewares(MiddlewareList):
    """A list for Madara's middlewares, dotted names included, and for layers of every other kind.

    A function is a factory, as in Madara; one that is called with `(request, call_next)` is given as
    `nacre.Middleware(function)`.
    """

    def prepare(self, item: Any) -> Any:
        target = load_target(item, Location.of_caller()) if isinstance(item, str) else item
        if inspect.isfunction(target) or (isinstance(target, type) and _is_django(target)):
            return Part(target)
        return target

    @property
    def entries(self) -> Sequence[Entry]:
        """The layers: for each row of Madara's own, the step that runs them all, and a name for each further one."""
        kept = super().entries
        known: tuple[Any, Any] | None = vars(self).get("made")
        if known is None or known[0] != kept:
            known = self.made = kept, tuple(_in_rows(kept))
        return known[1]  # type: ignore[no-any-return]


def _in_rows(entries: Sequence[Entry]) -> Iterator[Entry]:
    def kind(entry: Entry) -> Any:
        return "plain" if isinstance(entry.item, Part) and not entry.item.is_async else id(entry)

    for key, row in itertools.groupby(entries, kind):
        whole = list(row)
        first = whole[0]
        if not isinstance(first.item, Part):
            yield first
            continue
        yield Entry(_Row([entry.item for entry in whole], first.where), first.where)
        for entry in whole[1:] if key == "plain" else ():
            yield Entry(_Inner(entry.item, entry.where), entry.where)


def _is_django(cls: type) -> bool:
    bare: Middleware = Middleware(cls)
    try:
        return recognise(bare, cls) == "django"
    except ConfigurationError:
        return False  # told by who adapts it, with what is accepted


class Part:
    """One middleware of a list: what it is made of, and what was made of it for each application."""

    def __init__(self, target: Any, args: tuple[Any, ...] = (), options: dict[str, Any] | None = None) -> None:
        self.target = target
        self.name: str = getattr(target, "__name__", type(target).__name__)
        self.is_async = bool(getattr(target, "async_capable", False)) or (
            isinstance(target, type) and is_async(target.__call__)
        )
        self._args = args
        self._options = options or {}
        self._built: dict[int, Link] = {}

    def link(self, app: Any) -> Link:
        """The middleware as it is in an application, built when it is first asked for."""
        link = self._built.get(id(app))
        if link is None:
            link = self._built[id(app)] = Link()
            follow = link.begin if self.is_async else link.follow
            first = (follow, app) if _takes_two(self.target) and not self._args else (follow,)
            link.hold(self.target(*first, *self._args, **self._options))
        return link

    @property
    def functions(self) -> dict[str, Any]:
        """The code of the user's that runs in it; errors are traced to layers by the functions that they have."""
        classes = self.target.__mro__ if isinstance(self.target, type) else ()
        found = {name: one for cls in classes for name, one in vars(cls).items() if isinstance(one, FunctionType)}
        return {f"its_{name}": one for name, one in found.items()} or {"its_call": self.target}


def _takes_two(target: Any) -> bool:
    # Madara itself gives both, its document's example takes one.
    try:
        inspect.signature(target).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


class Link:
    """One built middleware, or what stands inside of them all, and the way on from it."""

    def __init__(self, call: GetResponse | None = None) -> None:
        self.call: GetResponse = call or _not_yet
        self.inner: Link = self
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
        try:
            result = self.inner.call(request)
        except HTTPException as error:
            result = error
        return result if result.__class__ is Response else make_response(request, result)

    def begin(self, request: Any) -> Any:
        """`get_response` of a middleware that awaits it."""
        return self.inner.call(request)


def _not_yet(request: Any) -> Any:
    raise RuntimeError("a middleware called `get_response` while it was being built; wait for a request")


class _Row(DjangoMiddleware):
    """The step of a chain that runs neighbouring middlewares, under the name of the outermost."""

    dialect = "madara"

    def __init__(self, parts: list[Part], where: Location) -> None:
        super().__init__(_Factory(parts), name=parts[0].name)
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

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts
        self.__name__ = self.__qualname__ = parts[0].name
        if parts[0].is_async:
            self.async_capable = True
        vars(self).update(parts[0].functions)

    def __call__(self, get_response: Callable[[NativeRequest], Any], app: Any) -> Any:
        links = [part.link(app) for part in self._parts]
        if self._parts[0].is_async:
            return AsyncStack(links[0], get_response)
        return Stack(links, get_response)


class Stack:
    """Middlewares that call each other, as one that the native chain calls."""

    def __init__(self, links: list[Link], get_response: Callable[[NativeRequest], NativeResponse]) -> None:
        def follow(request: Any) -> Response:
            return as_madara(get_response(request.native if request.__class__ is Request else native_request(request)))

        outside = Link()
        for link, inner in itertools.pairwise([outside, *links, Link(follow)]):
            link.inner = inner
        self._answer = outside.follow
        self._exceptions = [link.process_exception for link in reversed(links) if link.process_exception is not None]
        self._views = [link.process_view for link in links if link.process_view is not None]
        if self._views:
            self.process_view = self._process_view
        if self._exceptions:
            self.process_exception = self._process_exception

    def __call__(self, native: NativeRequest) -> NativeResponse:
        request = Request.of(native)
        try:
            return as_native(self._answer(request))
        except HTTPError:
            raise
        except Exception as error:
            response = self._process_exception(native, error)
            if response is None:
                raise
            return response

    def _process_view(self, native: NativeRequest, view: Any, values: dict[str, Any]) -> Response | None:
        request = Request.of(native)
        # The view as it was written, and the very dict that it is called with.
        view, values = getattr(view, "madara_view", view), request.view_args or {}
        for hook in self._views:
            try:
                result = hook(request, view, values)
            except HTTPException as error:
                result = error
            if result is not None:
                return make_response(request, result)
        return None

    def _process_exception(self, native: NativeRequest, error: Exception) -> Response | None:
        request = Request.of(native)
        for hook in self._exceptions:
            result = hook(request, error)
            if result is not None:
                return make_response(request, result)
        return None


class AsyncStack:
    """A middleware with `async def __call__`, which Madara itself has not: `get_response` is awaited in it."""

    def __init__(self, link: Link, get_response: Callable[[NativeRequest], Any]) -> None:
        async def follow(request: Any) -> Response:
            return as_madara(await get_response(native_request(request)))

        link.inner = Link(follow)
        self._call = link.call
        self._view, self._exception = link.process_view, link.process_exception
        if self._view is not None:
            self.process_view = self._process_view
        if self._exception is not None:
            self.process_exception = self._process_exception

    async def __call__(self, native: NativeRequest) -> NativeResponse:
        request = Request.of(native)
        try:
            return as_native(await _response(request, self._call(request)))
        except HTTPException as error:
            return make_response(request, error)
        except HTTPError:
            raise
        except Exception as error:
            response = None if self._exception is None else await self._process_exception(native, error)
            if response is None:
                raise
            return response

    async def _process_view(self, native: NativeRequest, view: Any, values: dict[str, Any]) -> Response | None:
        request = Request.of(native)
        try:
            result = await _value(self._view(request, getattr(view, "madara_view", view), request.view_args or {}))
        except HTTPException as error:
            result = error
        return None if result is None else make_response(request, result)

    async def _process_exception(self, native: NativeRequest, error: Exception) -> Response | None:
        request = Request.of(native)
        result = await _value(self._exception(request, error))
        return None if result is None else make_response(request, result)


async def _value(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


async def _response(request: Request, result: Any) -> Response:
    return make_response(request, await _value(result))
