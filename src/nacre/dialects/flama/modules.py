"""Extensions of an application: found by their names as its attributes, started and stopped with it."""

from __future__ import annotations

from typing import Any

__all__ = ["Module"]


class Module:
    """Derive from it, give it a `name`, and pass an instance as `Flama(modules=[…])`; `app` is set then."""

    name: str
    app: Any

    async def on_startup(self) -> None:
        """Called when the application starts."""

    async def on_shutdown(self) -> None:
        """Called when the application stops."""
