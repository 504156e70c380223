"""`Cache-Control` for handlers and for whole applications."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from nacre.dialects.blacksheep.messages import Response
from nacre.dialects.blacksheep.server.normalization import ensure_response


def write_cache_control_response_header(**directives: bool | int | list[str] | None) -> bytes:
    """The field's value (RFC 9111 §5.2.2): `max_age=60, public=True` is `max-age=60, public`."""
    parts: list[str] = []
    for name, value in directives.items():
        word = "s-maxage" if name == "shared_max_age" else name.replace("_", "-")
        if isinstance(value, list):
            parts.append(f'{word}="{", ".join(value)}"')
        elif isinstance(value, bool) or value is None:
            parts += [word] if value else []
        else:
            parts.append(f"{word}={int(value)}")
    return ", ".join(parts).encode()


def cache_control(
    max_age: int | None = None, shared_max_age: int | None = None, **directives: bool | int | list[str] | None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Set the field on what a handler returns; stands below the decorator of the route."""
    value = write_cache_control_response_header(max_age=max_age, shared_max_age=shared_max_age, **directives)

    def finish(result: Any) -> Response:
        response = ensure_response(result)
        response.set_header(b"cache-control", value)
        return response

    def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(handler):

            @functools.wraps(handler)
            async def answer(*args: Any, **kwargs: Any) -> Response:
                return finish(await handler(*args, **kwargs))

            return answer

        @functools.wraps(handler)
        def answer_plainly(*args: Any, **kwargs: Any) -> Response:
            return finish(handler(*args, **kwargs))

        return answer_plainly

    return decorate
