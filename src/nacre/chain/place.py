"""Where a layer stands in one chain: what it is told at startup if it wants to be settled for each route."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from nacre.route import Route
from nacre.websocket import WEBSOCKET


class Place(Struct, frozen=True):
    """One chain, as a layer in it sees it.

    `route` is None for the chains that answer where no route does (404, 405, automatic OPTIONS); `method` is `*` or
    `OPTIONS` there. `outside` and `inside` are the targets of the other layers, outermost first.
    """

    route: Route | None
    method: str
    outside: tuple[Any, ...] = ()
    inside: tuple[Any, ...] = ()

    @property
    def is_websocket(self) -> bool:
        """Whether the chain is that of a WebSocket's handshake."""
        return self.method == WEBSOCKET

    def mark(self, name: str) -> Any:
        """What the handler was marked with under this name (`nacre.marks`); None for no mark or no route."""
        return None if self.route is None else self.route.marks.get(name)
