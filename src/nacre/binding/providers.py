"""Providers: functions that make what handlers and layers ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from nacre.errors import Location

Scope = Literal["request", "app"]
ProviderKind = Literal["async", "plain", "generator", "async generator"]


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as it was declared; as a default value or in `Annotated` it is the marker itself.

    `kind` says how `function` is called, `provides` is the type that it gives (what its generator yields), None if it
    isn't annotated. `inline` says that plain code never blocks and may run on the event loop.
    """

    function: Callable[..., Any]
    kind: ProviderKind
    scope: Scope = "request"
    inline: bool = False
    provides: Any = None
    where: Location | None = field(default=None, compare=False)
