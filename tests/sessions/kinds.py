"""The ways in which sessions are kept, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nacre import Nacre, Request
from nacre.sessions import FileStore, MemoryStore, Record, SQLiteStore
from nacre.testing import TestClient, TestResponse

ClientFor = Callable[..., TestClient]

SECRET = "9ByQ2-o7uYkf0aVnPz4LwXsTgEhJcRm1"
OTHER = "fN3_dK8qZtB6yWvA5xHrUeCpMjGi0oS2"

IN_COOKIE = ["signed", "sealed"]
IN_STORE = ["memory", "file", "sqlite", "async"]
KINDS = [*IN_COOKIE, *IN_STORE]


class Clock:
    """A time that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class AsyncStore:
    """A store whose methods are awaited, as those of a database driver are."""

    def __init__(self, clock: Clock) -> None:
        self.inner = MemoryStore(clock=clock)

    async def read(self, key: str) -> Record | None:
        return self.inner.read(key)

    async def write(self, key: str, record: Record, replaces: int | None) -> bool:
        return self.inner.write(key, record, replaces)

    async def delete(self, key: str, version: int | None = None) -> bool:
        return self.inner.delete(key, version)


def make_store(kind: str, folder: Path, clock: Clock) -> Any:
    match kind:
        case "memory":
            return MemoryStore(clock=clock)
        case "file":
            return FileStore(folder / "sessions", clock=clock)
        case "sqlite":
            return SQLiteStore(folder / "sessions.db", clock=clock)
        case _:
            return AsyncStore(clock)


def application(layer: Any, **options: Any) -> Nacre:
    """Handlers that do with the session what the path says."""
    app = Nacre(middlewares=[layer], **options)

    @app.get("/untouched")
    def untouched() -> str:
        return "untouched"

    @app.get("/read")
    async def read(request: Request) -> Any:
        return dict(request.session)

    @app.post("/set")
    def set_(request: Request) -> Any:
        request.session.update(request.query)
        return dict(request.session)

    @app.post("/unset")
    def unset(request: Request) -> Any:
        for name in request.query:
            request.session.pop(name, None)
        return dict(request.session)

    @app.post("/append")
    async def append(request: Request, item: str) -> Any:
        request.session.setdefault("cart", [])
        request.session["cart"].append(item)
        return request.session["cart"]

    @app.post("/login")
    async def login(request: Request, user: str) -> Any:
        request.session.regenerate()
        request.session["user"] = user
        return "in"

    @app.post("/logout")
    def logout(request: Request) -> Any:
        request.session.clear()
        return "out"

    return app


def cookie_of(response: TestResponse, name: str = "session") -> str:
    """The value that a response gives the cookie of the session."""
    fields = [field for field in response.headers.getlist("set-cookie") if field.startswith(f"{name}=")]
    assert len(fields) == 1, response.headers.pairs()
    return fields[0].split(";")[0].partition("=")[2]


def sending(value: str, name: str = "session") -> dict[str, Any]:
    """The options of a request that comes with this cookie."""
    return {"headers": {"cookie": f"{name}={value}"}}
