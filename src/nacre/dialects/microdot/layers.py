"""Microdot's hooks as a layer for any list of middlewares: a native application's, or another dialect's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from nacre import Hooks
from nacre.chain.middleware import Layers
from nacre.dialects.microdot import calls
from nacre.dialects.microdot.request import Request
from nacre.response import Response as NativeResponse

Function = Callable[..., Any]


class MicrodotHooks(Hooks):
    """Hooks of a program for Microdot."""

    dialect: ClassVar[str] = "microdot"

    @property
    def __name__(self) -> str:
        """The name of the function, for chains."""
        return str(getattr(self.before or self.after or self.finalize, "__name__", "function"))


def layer(
    before_request: Function | None = None,
    after_request: Function | None = None,
    after_error_request: Function | None = None,
) -> Layers:
    """Make a layer of functions as Microdot's decorators of these names take them.

    Here a response of 400 and more is what an error is: it goes to `after_error_request`, any other one to
    `after_request`. A layer is asked on unknown paths too, unlike the hooks of an application.
    """
    hooks: list[Hooks] = []
    if before_request is not None:
        hooks.append(MicrodotHooks(before=calls.receiver(Request.of)))
        hooks.append(MicrodotHooks(before=calls.endpoint(before_request, Request.of, variables=False)))
    if after_request is not None:
        hooks.append(MicrodotHooks(after=calls.after_hook(after_request, Request.of, _is_fine)))
    if after_error_request is not None:
        # Only finalizers see the response to an exception that nobody handles.
        hooks.append(MicrodotHooks(finalize=calls.after_hook(after_error_request, Request.of, _is_error)))
    return Layers(*hooks)


def _is_fine(response: NativeResponse) -> bool:
    return response.status < 400


def _is_error(response: NativeResponse) -> bool:
    return response.status >= 400
