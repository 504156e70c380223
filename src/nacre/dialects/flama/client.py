"""A client for tests: httpx's, which calls the application in this process and runs its lifespan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from nacre.errors import MissingExtra

if TYPE_CHECKING:
    from nacre import Nacre

try:
    import httpx2
except ImportError:
    raise MissingExtra("nacre.dialects.flama.client", "flama") from None

__all__ = ["Client"]


class Client(httpx2.AsyncClient):
    """`async with Client(app=app) as client:` starts the application, and stops it at the end.

    Further keywords are those of `httpx2.AsyncClient`.
    """

    def __init__(self, app: Nacre, **kwargs: Any) -> None:
        self.app = app
        options: dict[str, Any] = {
            "transport": httpx2.ASGITransport(app=app),
            "base_url": "http://localapp",
            **kwargs,
        }
        super().__init__(**options)

    async def __aenter__(self) -> Self:
        self.lifespan = await self.app.live()
        return await super().__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await super().__aexit__(*error)
        await self.lifespan.stop()
