"""Bare protocol doubles that write down every call: for rules on the protocol itself, and for cancelling a request.

`nacre.testing.TestClient` refuses what breaks a protocol and lets no request be cancelled; these only look.
Each has `serve(app)`, a coroutine that is the request, and then `status`, `headers`, `body` and `calls`.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Pairs = Iterable[tuple[str, str]]


class Driver:
    """One request to be served; `gone` is set by a test to make the client leave."""

    def __init__(self, method: str = "GET", path: str = "/", headers: Pairs = (), body: Iterable[bytes] = ()) -> None:
        self.method = method
        self.path = path
        self.request_headers = [("host", "testserver"), *headers]
        self.chunks = list(body)
        self.calls: list[str] = []
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []
        self.reads = 0
        self.gone = asyncio.Event()
        self.on_piece: Callable[[bytes], None] = lambda piece: None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    async def serve(self, app: Any) -> None:
        raise NotImplementedError

    def _start(self, status: int, headers: Pairs) -> None:
        if self.status is None:
            self.status, self.headers = status, list(headers)

    def _piece(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.on_piece(piece)


class ASGIDriver(Driver):
    """ASGI, with a `receive` that tells of the departure to one waiter only, as a queue does."""

    async def serve(self, app: Any) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in self.request_headers],
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
        }
        await app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        self.reads += 1
        if self.chunks is not None:
            chunk = self.chunks.pop(0) if self.chunks else b""
            more = bool(self.chunks)
            if not more:
                self.chunks = None  # type: ignore[assignment]
            return {"type": "http.request", "body": chunk, "more_body": more}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"].removeprefix("http.response.")
        self.calls.append(kind if kind == "start" or message.get("more_body") else "end")
        if kind == "start":
            self._start(message["status"], [(n.decode(), v.decode()) for n, v in message["headers"]])
        else:
            self._piece(message.get("body", b""))
        await asyncio.sleep(0)


class _RSGIHeaders:
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def items(self) -> list[tuple[str, str]]:
        return self._pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        return next((value for known, value in self._pairs if known == name), default)

    def get_all(self, name: str) -> list[str]:
        return [value for known, value in self._pairs if known == name]

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def keys(self) -> list[str]:
        return [name for name, _ in self._pairs]


class _RSGIScope:
    proto = "http"
    rsgi_version = "1.6"
    http_version = "1.1"
    server = "127.0.0.1:80"
    client = "127.0.0.1:50000"
    scheme = "http"
    query_string = ""
    authority = None

    def __init__(self, driver: Driver) -> None:
        self.method = driver.method
        self.path = driver.path
        self.headers = _RSGIHeaders(driver.request_headers)


class RSGIDriver(Driver):
    """RSGI; the driver is the protocol object itself."""

    async def serve(self, app: Any) -> None:
        await app.__rsgi__(_RSGIScope(self), self)

    async def __call__(self) -> bytes:
        self.reads += 1
        chunks, self.chunks = self.chunks, []
        await asyncio.sleep(0)
        return b"".join(chunks)

    async def __aiter__(self) -> Any:
        while self.chunks:
            self.reads += 1
            yield self.chunks.pop(0)

    async def client_disconnect(self) -> None:
        await self.gone.wait()

    def response_empty(self, status: int, headers: Pairs) -> None:
        self.calls.append("empty")
        self._start(status, headers)

    def response_str(self, status: int, headers: Pairs, body: str) -> None:
        self.response_bytes(status, headers, body.encode())

    def response_bytes(self, status: int, headers: Pairs, body: bytes) -> None:
        self.calls.append("bytes")
        self._start(status, headers)
        self._piece(body)

    def response_file(self, status: int, headers: Pairs, file: str) -> None:
        self.calls.append("file")
        self._start(status, headers)

    def response_file_range(self, status: int, headers: Pairs, file: str, start: int, end: int) -> None:
        self.response_file(status, headers, file)

    def response_stream(self, status: int, headers: Pairs) -> RSGIDriver:
        self.calls.append("stream")
        self._start(status, headers)
        return self

    async def send_bytes(self, data: bytes) -> None:
        self.calls.append("piece")
        self._piece(data)
        await asyncio.sleep(0)

    async def send_str(self, data: str) -> None:
        await self.send_bytes(data.encode())


class WSGIDriver(Driver):
    """WSGI, in a thread of its own; `leave_after` pieces the server stops reading and closes the iterable."""

    leave_after: int | None = None
    environ: Mapping[str, Any] = {}
    closes = 0

    async def serve(self, app: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.run, app)

    def run(self, app: Any) -> None:
        """Serve on this thread."""
        content = b"".join(self.chunks)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(content),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "CONTENT_LENGTH": str(len(content)) if content else "",
        }
        for name, value in self.request_headers:
            key = name.upper().replace("-", "_")
            environ[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
        environ |= self.environ
        pieces = app(environ, self._start_response)
        try:
            for piece in pieces:
                self.calls.append("piece")
                self._piece(piece)
                if self.leave_after is not None and len(self.pieces) >= self.leave_after:
                    break
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                self.calls.append("close")
                close()
            over = getattr(pieces, "over", None)
            if over is not None:
                over.result(5)

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self.calls.append("start")
        self._start(int(status[:3]), headers)
        return self.pieces.append


DRIVERS: dict[str, type[Driver]] = {"asgi": ASGIDriver, "rsgi": RSGIDriver, "wsgi": WSGIDriver}
