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

    Further keywords are those of `httpx2.AsyncClient`; without an application it asks a server, at `base_url`.
    """

    def __init__(self, app: Nacre | None = None, **kwargs: Any) -> None:
        self.app = app
        if app is not None:
            kwargs.setdefault("transport", httpx2.ASGITransport(app=app))
        kwargs.setdefault("base_url", "http://localapp")
        super().__init__(**kwargs)

    async def __aenter__(self) -> Self:
        self.lifespan = None if self.app is None else await self.app.live()
        return await super().__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await super().__aexit__(*error)
        if self.lifespan is not None:
            await self.lifespan.stop()
