"""Providers while requests run: asked once, in the right place, torn down after the response whatever became of it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any

import pytest

from nacre import Group, Header, Hooks, Nacre, Provide, Request, Response, StreamingResponse, abort, wait
from rules.drivers import DRIVERS


class Boom(Exception): ...


class Log(list[str]):
    """What happens, in order, and providers that write it down."""

    def provider(self, kind: str, name: str, needs: Any = None) -> Callable[..., Any]:
        """A generator provider of this kind; it gives its name, and that of what it needs."""

        def plain(outer: str = Provide(needs) if needs else "") -> Iterator[str]:
            self.append(f"{name} up")
            try:
                yield outer + name
            except BaseException as error:
                self.append(f"{name} {type(error).__name__}")
                raise
            finally:
                self.append(f"{name} down")

        async def asynchronous(outer: str = Provide(needs) if needs else "") -> AsyncIterator[str]:
            self.append(f"{name} up")
            try:
                yield outer + name
            except BaseException as error:
                self.append(f"{name} {type(error).__name__}")
                raise
            finally:
                self.append(f"{name} down")

        if needs is None:
            plain.__defaults__ = asynchronous.__defaults__ = ()
            plain = _without_parameter(plain)
            asynchronous = _without_parameter(asynchronous)
        return plain if kind == "plain" else asynchronous

    def sent(self, request: Request) -> None:
        """Write down that the response has left."""
        request.after_request(lambda request, response: response.on_sent(lambda: self.append("sent")))


def _without_parameter(function: Callable[..., Any]) -> Callable[..., Any]:
    inner = function

    if asyncio.iscoroutinefunction(inner) or hasattr(inner("").__class__, "__anext__"):

        async def asynchronous() -> AsyncIterator[str]:
            generator = inner("")
            value = await anext(generator)
            try:
                yield value
            except BaseException as error:
                await generator.athrow(error)
            else:
                await anext(generator, None)

        return asynchronous
    return lambda: inner("")
