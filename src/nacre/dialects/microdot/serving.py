"""Microdot's servers: its lifespan functions, and TLS by an `ssl.SSLContext`."""

from __future__ import annotations

import ssl as stdlib_ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

from nacre.errors import ConfigurationError, MissingExtra
from nacre.lifespan import LifespanTask
from nacre.types import Receive, Scope, Send

LifespanHandler = Callable[[Any], Awaitable[object]]
"""Called with the ASGI scope of the lifespan."""


class Served(Protocol):
    """An application, as far as a server goes."""

    stopper: Callable[[], object] | None
    lifespan_state: dict[str, Any]

    def compile(self) -> None: ...

    def mounted_apps(self) -> list[Any]: ...

    async def live(self) -> LifespanTask: ...


class LifespanHandlers:
    """The functions that a program has called with the ASGI scope when the server starts and stops."""

    def __init__(self, startup: LifespanHandler | None, shutdown: LifespanHandler | None) -> None:
        self.startup = startup
        self.shutdown = shutdown
        self.scope: Scope | None = None
        """The server's own scope, where it speaks ASGI."""

    @asynccontextmanager
    async def live(self) -> AsyncGenerator[dict[str, Any]]:
        """Call the one, and the other at the end; what they leave in the scope's state each request has too."""
        scope: Scope = self.scope or {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": {},
        }
        if self.startup is not None:
            await self.startup(scope)
        state = scope.get("state")
        kept = dict(state or {})
        yield kept
        if self.shutdown is not None:
            if state is not None:
                # COMPAT: Granian 2.8 empties the state before it tells of the shutdown.
                state.update(kept | state)
            await self.shutdown(scope)


async def serve_lifespan(app: Served, handlers: LifespanHandlers, scope: Scope, receive: Receive, send: Send) -> None:
    """The lifespan part of an ASGI application. After a failed startup it goes on to the shutdown, as Microdot does."""
    handlers.scope = scope
    living: LifespanTask | None = None
    event = ""
    while event != "lifespan.shutdown":
        event = (await receive())["type"]
        try:
            if event == "lifespan.startup":
                app.compile()
                living = await app.live()
                if isinstance(scope.get("state"), dict):
                    scope["state"].update(app.lifespan_state)
            elif living is not None:
                await living.stop()
            elif handlers.shutdown is not None:
                await handlers.shutdown(scope)
        except ConfigurationError as error:
            await send({"type": f"{event}.failed", "message": f"ConfigurationError: {error}"})
        except Exception as error:
            await send({"type": f"{event}.failed", "message": repr(error)})
        else:
            await send({"type": f"{event}.complete"})


def announce(host: str, port: int, ssl: object) -> None:
    """Tell on the console where the server listens."""
    scheme = "http" if ssl is None else "https"
    print(f"Starting a server on {scheme}://{host}:{port}", flush=True)  # noqa: T201 - what `debug` is for


async def serve_with_context(
    app: Served, host: str, port: int, context: stdlib_ssl.SSLContext, *, access_log: bool
) -> None:
    """Serve by uvicorn, since Granian takes certificate files only. Raises MissingExtra without uvicorn."""
    try:
        import uvicorn
    except ImportError:
        raise MissingExtra("serving with an ssl.SSLContext", "uvicorn") from None

    app.compile()
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        log_level="info" if access_log else "warning",
        access_log=access_log,
        ssl_context_factory=lambda *_: context,
    )
    server = uvicorn.Server(config)

    def stop() -> None:
        server.should_exit = True

    with _stopped_by(app, stop):
        await server.serve()


@contextmanager
def _stopped_by(app: Any, stop: Callable[[], object]) -> Generator[None]:
    """Let `shutdown()` of this application, and of those mounted in it, call `stop`."""
    family = [app, *(one for one in app.mounted_apps() if hasattr(one, "stopper"))]
    for member in family:
        member.stopper = stop
    try:
        yield
    finally:
        for member in family:
            member.stopper = None
