"""Layers of each style for the Nacre application: one adds one header, or does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.apps.raw_asgi import AddHeader, PassOn
from bench.workloads import Setting
from nacre import CallNext, Header, Hooks, Middleware, Provide, Request, Response
from nacre.chain.hooks import DefaultHeaders


@dataclass
class Places:
    """Where the layers of one application stand: in its own list, in that of its group, or as hooks."""

    app: list[Any] = field(default_factory=list)
    group: list[Any] = field(default_factory=list)
    after_request: list[Callable[..., Any]] = field(default_factory=list)


def placed(setting: Setting) -> Places:
    """The layers of a setting, outermost first, in their places."""
    places = Places()
    cycle = MIXED if setting.style == "mixed" else MIXED_PLAIN if setting.style == "mixed, plain" else (setting.style,)
    for index, (name, value) in enumerate(setting.added_headers()):
        style = cycle[index % len(cycle)]
        layer = STYLES[style](name, value) if setting.adding else IDLE[style]()
        if style == "after_request":
            places.after_request.append(layer)
        elif style == "ASGI class inside" or setting.style == "mixed":
            # The ASGI classes of a mixed chain would be the head of the list if they stood first in it.
            places.group.append(layer)
        else:
            places.app.append(layer)
    return places


def _onion(name: str, value: str) -> Any:
    async def onion(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add(name, value)
        return response

    return onion


def _bare_onion(name: str, value: str) -> Any:
    async def onion(request, call_next):  # type: ignore[no-untyped-def]
        response = await call_next(request)
        response.headers.add(name, value)
        return response

    return onion


def _opaque_onion(name: str, value: str) -> Any:
    """One whose source doesn't show what it returns, so that each response has to be looked at."""

    async def onion(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add(name, value)
        other = response
        return other

    return onion


def _bound_onion(name: str, value: str) -> Any:
    """One that asks for a header that has to fit."""

    async def onion(request: Request, call_next: CallNext, accept: str = Header(min_length=1)) -> Response:
        response = await call_next(request)
        response.headers.add(name, value)
        return response

    return onion


def _providing_onion(name: str, value: str) -> Any:
    """One that gets what it adds from a provider of its own."""

    def field() -> tuple[str, str]:
        return name, value

    async def onion(
        request: Request, call_next: CallNext, pair: tuple[str, str] = Provide(field, inline=True)
    ) -> Response:
        response = await call_next(request)
        response.headers.add(*pair)
        return response

    return onion


def _plain_onion(name: str, value: str) -> Any:
    def onion(request: Request, call_next: Any) -> Response:
        response: Response = call_next(request)
        response.headers.add(name, value)
        return response

    return onion


def _after(name: str, value: str) -> Callable[..., None]:
    def after(request: Request, response: Response) -> None:
        response.headers.add(name, value)

    return after


class _Django:
    def __init__(self, get_response: Callable[[Request], Response], name: str, value: str) -> None:
        self.get_response = get_response
        self.field = (name, value)

    def __call__(self, request: Request) -> Response:
        response = self.get_response(request)
        response.headers.add(*self.field)
        return response


class _AsyncDjango:
    def __init__(self, get_response: Callable[[Request], Any], name: str, value: str) -> None:
        self.get_response = get_response
        self.field = (name, value)

    async def __call__(self, request: Request) -> Response:
        response: Response = await self.get_response(request)
        response.headers.add(*self.field)
        return response


def _asgi(name: str, value: str) -> Any:
    return Middleware(AddHeader, name.encode(), value.encode())


STYLES: dict[str, Callable[[str, str], Any]] = {
    "onion": _onion,
    "onion, not annotated": _bare_onion,
    "onion, looked at": _opaque_onion,
    "onion, bound (header)": _bound_onion,
    "provider": _providing_onion,
    "onion, plain def": _plain_onion,
    "after hook": lambda name, value: Hooks(after=_after(name, value), inline=True),
    "after_request": _after,
    "finalizer": lambda name, value: Hooks(finalize=_after(name, value), inline=True),
    "default headers": lambda name, value: DefaultHeaders({name: value}),
    "Django class": lambda name, value: Middleware(_Django, name, value),
    "Django class, async": lambda name, value: Middleware(_AsyncDjango, name, value),
    "ASGI class inside": _asgi,
    "ASGI class at the head": _asgi,
}

MIXED = ("onion", "after hook", "finalizer", "Django class, async", "ASGI class inside")
MIXED_PLAIN = ("onion, plain def", "after hook", "finalizer", "Django class")


# The same, doing nothing.


def _idle_onion() -> Any:
    async def onion(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    return onion


def _idle_bare_onion() -> Any:
    async def onion(request, call_next):  # type: ignore[no-untyped-def]
        return await call_next(request)

    return onion


def _idle_opaque_onion() -> Any:
    async def onion(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        other = response
        return other

    return onion


def _idle_bound_onion() -> Any:
    async def onion(request: Request, call_next: CallNext, accept: str = Header(min_length=1)) -> Response:
        return await call_next(request)

    return onion


def _idle_providing_onion() -> Any:
    def nothing() -> None:
        pass

    async def onion(request: Request, call_next: CallNext, given: None = Provide(nothing, inline=True)) -> Response:
        return await call_next(request)

    return onion


def _idle_plain_onion() -> Any:
    def onion(request: Request, call_next: Any) -> Response:
        return call_next(request)  # type: ignore[no-any-return]

    return onion


def _idle_after() -> Callable[..., None]:
    def after(request: Request, response: Response) -> None:
        pass

    return after


class _Skipped:
    """An onion layer that doesn't apply to any route."""

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    def for_route(self, place: object) -> str:
        return "it is to be skipped"


class _IdleDjango:
    def __init__(self, get_response: Callable[[Request], Response]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> Response:
        return self.get_response(request)


class _IdleAsyncDjango:
    def __init__(self, get_response: Callable[[Request], Any]) -> None:
        self.get_response = get_response

    async def __call__(self, request: Request) -> Response:
        return await self.get_response(request)  # type: ignore[no-any-return]


IDLE: dict[str, Callable[[], Any]] = {
    "onion": _idle_onion,
    "onion, not annotated": _idle_bare_onion,
    "onion, looked at": _idle_opaque_onion,
    "onion, bound (header)": _idle_bound_onion,
    "provider": _idle_providing_onion,
    "onion, plain def": _idle_plain_onion,
    "after hook": lambda: Hooks(after=_idle_after(), inline=True),
    "after_request": _idle_after,
    "finalizer": lambda: Hooks(finalize=_idle_after(), inline=True),
    "default headers": lambda: DefaultHeaders({}),
    "skipped": _Skipped,
    "Django class": lambda: Middleware(_IdleDjango),
    "Django class, async": lambda: Middleware(_IdleAsyncDjango),
    "ASGI class inside": lambda: Middleware(PassOn),
    "ASGI class at the head": lambda: Middleware(PassOn),
}
