"""Where in a chain an exception was raised, read from its traceback.

A traceback lists frames from the outside in. Those of the chain's own modules mark a step inwards; the first frame of
other code after one belongs to a layer, or to what is inside all layers (a hook, the handler). What follows up to the
next step inwards is code that was called from there, so it counts as its caller's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from nacre.binding import BINDER


class Traced(Protocol):
    """A layer, as far as tracebacks go."""

    @property
    def codes(self) -> frozenset[CodeType]: ...

    @property
    def finalizer_codes(self) -> frozenset[CodeType]: ...


L = TypeVar("L", bound=Traced)


class Origin(Struct, frozen=True):
    """Where an exception was raised: in the layer of this index, in its finalizer, or (None) in no layer's code.

    `in_error_handler`: while an error was being answered, by an error handler or an `after_error` hook.
    """

    index: int | None
    in_finalizer: bool = False
    in_error_handler: bool = False


def layer_of(error: BaseException, layers: Sequence[L]) -> L | None:
    """The layer, of a chain's from the outermost to the innermost, that raised this; None for the handler and hooks.

    What a layer calls, except `call_next` and its like, counts as the layer.
    """
    index = find_origin(error, layers).index
    return None if index is None else layers[index]


def find_origin(error: BaseException, layers: Sequence[Traced]) -> Origin:
    """Say where in a chain with these layers, outermost first, an exception was raised. Never raises."""
    place = _Place(layers)
    for frame in _frames(error):
        place.go_on(frame)
    if place.in_error_handler:
        return Origin(None, in_error_handler=True)
    if place.index is not None and place.entry in layers[place.index].finalizer_codes:
        return Origin(place.index, in_finalizer=True)
    return Origin(place.index)


class _Place:
    """Whose code the frames seen so far have led into."""

    def __init__(self, layers: Sequence[Traced]) -> None:
        self._layers = layers
        self._last = -1
        self._open = True  # a layer's frame may come next
        self.index: int | None = None
        self.entry: CodeType | None = None
        self.in_error_handler = False

    def go_on(self, frame: FrameType) -> None:
        code = frame.f_code
        if code.co_qualname == _REFUSED and code.co_filename.startswith(_CHAIN):
            self._enter(self._index_of(frame.f_locals.get("layer")), code)
        elif _steps_inwards(code):
            self.index, self._open = None, True
            self.in_error_handler = self.in_error_handler or code.co_qualname == _ANSWERING
        elif self._open and not self._is_own(code):
            index = self._find(code)
            if index is not None:
                self._enter(index, code)
            elif self.index is None and not code.co_filename.startswith((_PACKAGE, BINDER)):
                self._open = False  # inside all layers: what is called from here is no layer, even if one uses it too

    def _find(self, code: CodeType) -> int | None:
        """The layer entered next: one further in, or one that is called back from there (by its `send`, say)."""
        further_in = range(self._last + 1, len(self._layers))
        back = range(self._last, -1, -1) if self.index is None else ()
        return next((at for at in (*further_in, *back) if code in self._layers[at].codes), None)

    def _is_own(self, code: CodeType) -> bool:
        """Whether the layer we are in has this code as well: a method of its own, unless it was entered by it."""
        return self.index is not None and code is not self.entry and code in self._layers[self.index].codes

    def _enter(self, index: int | None, code: CodeType) -> None:
        self.index, self.entry = index, code
        if index is not None:
            self._last = index

    def _index_of(self, layer: object) -> int | None:
        return next((at for at, one in enumerate(self._layers) if one is layer), None)


_PACKAGE = str(Path(__file__).parents[1])
_CHAIN = str(Path(__file__).parent)

# Where a layer's result is checked: one that is None, say, is the layer's mistake.
_REFUSED = "_finisher.<locals>.finish"
_ANSWERING = "ErrorBoundary.respond"

# Of these modules only the layer classes step inwards; the rest works for the layer (`send`, `start_response`).
_ADAPTERS = {
    **dict.fromkeys((str(Path(_CHAIN, name)) for name in ("asgi.py", "asgi_upgrade.py", "drive.py")), "ASGILayer."),
    str(Path(_CHAIN, "wsgi.py")): "WSGILayer.",
}


def _steps_inwards(code: CodeType) -> bool:
    if not code.co_filename.startswith(_CHAIN):
        return False
    return code.co_qualname.startswith(_ADAPTERS.get(code.co_filename, ""))


def _frames(error: BaseException) -> Iterator[FrameType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def codes_of(target: Any) -> frozenset[CodeType]:
    """The code that is a layer's own: a function with those in it, or what a class or instance defines or inherits."""
    found: set[CodeType] = set()
    for function in _functions_of(target):
        _collect(function, found)
    return frozenset(found)


def _functions_of(target: Any) -> Iterator[object]:
    yield target
    if not isinstance(target, type):
        yield from getattr(target, "__dict__", {}).values()
        target = type(target)
    for cls in target.__mro__:
        if cls.__module__ not in ("builtins", "typing", "abc"):
            yield from vars(cls).values()


def _collect(value: Any, found: set[CodeType]) -> None:
    """Add the code of a function, of what it wraps, and of the functions written inside it."""
    # By exact type: attributes of a layer may be proxies that raise for whoever looks at them.
    kind = type(value)
    if kind is FunctionType:
        if value.__code__ not in found:
            _add_nested(value.__code__, found)
            _collect(value.__dict__.get("__wrapped__"), found)
    elif kind in (MethodType, staticmethod, classmethod):
        _collect(value.__func__, found)
    elif kind is functools.partial:
        _collect(value.func, found)


def _add_nested(code: CodeType, found: set[CodeType]) -> None:
    found.add(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_nested(constant, found)
