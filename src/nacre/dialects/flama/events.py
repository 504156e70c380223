"""What is called when an application starts and stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

EventHandler = Callable[..., Any]


@dataclass
class Events:
    """Functions by event: `startup` and `shutdown`."""

    startup: list[EventHandler] = field(default_factory=list[EventHandler])
    shutdown: list[EventHandler] = field(default_factory=list[EventHandler])

    @classmethod
    def build(cls, **handlers: list[EventHandler]) -> Events:
        """Make them of lists by event; raises TypeError for an event that isn't known."""
        return cls(**{event: list(functions) for event, functions in handlers.items()})
