"""The test client."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, TypeVar, Unpack

from nacre.testing.asgi import ASGITransport
from nacre.testing.cookies import CookieJar
from nacre.testing.events import EventsContext
from nacre.testing.exchange import Exchange, PeerGone
from nacre.testing.outgoing import Call, HeaderInput, QueryInput, RequestOptions, StreamOptions, Target
from nacre.testing.response import TestResponse
from nacre.testing.rsgi import RSGITransport
from nacre.testing.stream import PATIENCE, OpenStream, StreamContext, see_off
from nacre.testing.threads import PrivateLoop, run_on
from nacre.testing.websocket import HandshakeDenied, OpenLink, WebSocketContext, see_off_link
from nacre.testing.wsgi import WSGITransport

T = TypeVar("T")

TransportName = Literal["asgi", "rsgi", "wsgi"]
Transport = ASGITransport | RSGITransport | WSGITransport

_TRANSPORTS: dict[str, type[Transport]] = {"asgi": ASGITransport, "rsgi": RSGITransport, "wsgi": WSGITransport}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 20


class TestClient:
    """Send requests to an application in this process, as a server with the chosen transport would hand them over.

    Where an event loop is running, responses are awaited and the client is entered with `async with`; in plain code
    neither. Entering runs the application's startup, leaving its shutdown; without entering there is neither. (WSGI
    has no lifespan: an application starts up at its first request, entered or not, and is closed on leaving.)

    In plain code requests run on an event loop of the client's own, in a thread, from the first request to `close()`.
    """

    __test__ = False

    def __init__(
        self,
        app: Any,
        transport: TransportName = "asgi",
        *,
        scheme: str = "http",
        host: str = "testserver",
        headers: HeaderInput = (),
        cookies: Mapping[str, str] | None = None,
        client: tuple[str, int] = ("127.0.0.1", 50000),
        root_path: str = "",
        follow_redirects: bool = False,
        raise_errors: bool = False,
    ) -> None:
        if transport not in _TRANSPORTS:
            raise ValueError(f"there is no transport {transport!r}; there are {', '.join(_TRANSPORTS)}")
        self.app = app
        self.transport = transport
        self.scheme = scheme
        self.host = host
        self.headers = headers
        self.client = client
        self.root_path = root_path
        self.follow_redirects = follow_redirects
        self.raise_errors = raise_errors
        self.cookies = CookieJar(Target(scheme, host, "/", "").hostname)
        self.cookies.update(cookies or {})
        self._transport = _TRANSPORTS[transport](app)
        self._home: asyncio.AbstractEventLoop | None = None
        self._private: PrivateLoop | None = None
        self._entered = False

    # Lifespan.

    async def __aenter__(self) -> TestClient:
        self._enter(asyncio.get_running_loop())
        try:
            await self._transport.startup()
        except BaseException:
            self._entered, self._home = False, None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._transport.shutdown()
        finally:
            self._entered, self._home = False, None

    def __enter__(self) -> TestClient:
        if _running_loop() is not None:
            raise RuntimeError("an event loop is running here: write `async with TestClient(…) as client`")
        self._enter(self._own_loop())
        try:
            self._run(self._transport.startup())
        except BaseException:
            self._entered = False
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enter(self, home: asyncio.AbstractEventLoop) -> None:
        if self._entered:
            raise RuntimeError("the client was entered already")
        self._entered, self._home = True, home

    def close(self) -> None:
        """Leave the client if plain code has entered it, and end its event loop if it has one. Safe to call twice."""
        private, self._private = self._private, None
        entered, self._entered, self._home = self._entered, False, None
        if private is not None:
            try:
                if entered:
                    run_on(private.loop, self._transport.shutdown())
            finally:
                private.close()

    # Requests.

    def request(self, method: str, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a request and receive its response.

        `path` is what stands on the request line, with escapes and query; see `RequestOptions` for the rest.
        """
        follow = options.pop("follow_redirects", self.follow_redirects)
        call = Call.of(method, self._target(path, options), options)

        async def perform() -> tuple[Exchange, list[TestResponse]]:
            return await self._at_home(self._follow(call) if follow else self._answer_of(call))

        response = TestResponse(call.label, perform)
        if _running_loop() is None:
            self._run(response.perform())
        return response

    def _target(self, path: str, options: StreamOptions) -> Target:
        return Target.parse(self.scheme, self.host, path, options.get("query"), options.get("params"))

    def get(self, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        return self.request("HEAD", path, **options)

    def post(self, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        return self.request("DELETE", path, **options)

    def options(self, path: str, **options: Unpack[RequestOptions]) -> TestResponse:
        return self.request("OPTIONS", path, **options)

    def stream(self, method: str, path: str, **options: Unpack[StreamOptions]) -> StreamContext:
        """Send a request and read its response piece by piece, within `async with` or `with`. Follows no redirect."""
        call = Call.of(method, self._target(path, options), options)
        return StreamContext(lambda: self._open(call), self._close_stream, self._run)

    def events(self, path: str, method: str = "GET", **options: Unpack[StreamOptions]) -> EventsContext:
        """Send a request and iterate over the server-sent events of its response, within `async with` or `with`."""
        return EventsContext(self.stream(method, path, **options))

    def websocket(
        self,
        path: str,
        *,
        subprotocols: Iterable[str] = (),
        origin: str | None = None,
        query: QueryInput = None,
        headers: HeaderInput = (),
        cookies: Mapping[str, str] | None = None,
        timeout: float | None = PATIENCE,
    ) -> WebSocketContext:
        """Open a WebSocket connection and talk over it, within `async with` or `with`.

        `subprotocols` are offered, the preferred one first. `origin` is that of the page a browser would connect from;
        without it the client is no browser. A message is waited for at most `timeout` seconds (None: without end).
        """
        offered = tuple(subprotocols)
        target = Target.parse(self.scheme, self.host, path, query)
        call = Call.of("GET", target, {"headers": headers, "cookies": cookies or {}})
        call = replace(call, own=_handshake(offered, origin))
        return WebSocketContext(lambda: self._open_websocket(call, offered), self._close_websocket, self._run, timeout)

    # On the event loop.

    async def _answer_of(self, call: Call) -> tuple[Exchange, list[TestResponse]]:
        opened = self._begin(call, hold=False)
        exchange = opened[0]
        try:
            await exchange.wait_over()
        finally:
            await see_off(opened)
        self._learn(call, exchange)
        self._judge(exchange)
        return exchange, []

    async def _follow(self, call: Call) -> tuple[Exchange, list[TestResponse]]:
        history: list[TestResponse] = []
        while True:
            exchange, _ = await self._answer_of(call)
            location = exchange.headers.get("location")
            if exchange.status not in _REDIRECTS or location is None:
                return exchange, history
            if len(history) == _MAX_REDIRECTS:
                raise RuntimeError(f"{history[0]!r}: more than {_MAX_REDIRECTS} redirects")
            history.append(TestResponse.of(call.label, exchange))
            call = call.redirected(exchange.status, location)

    async def _open(self, call: Call) -> OpenStream:
        if self._home not in (None, asyncio.get_running_loop()):
            raise RuntimeError("the client was entered on another event loop; a stream is read on the same one")
        opened = self._begin(call, hold=True)
        try:
            await opened[0].wait_started()
        except BaseException:
            await see_off(opened)
            raise
        self._learn(call, opened[0])
        return opened

    async def _close_stream(self, opened: OpenStream, *, failed: bool) -> None:
        await see_off(opened)
        if not failed:
            self._judge(opened[0])

    async def _open_websocket(self, call: Call, offered: tuple[str, ...]) -> OpenLink:
        if self._home not in (None, asyncio.get_running_loop()):
            raise RuntimeError("the client was entered on another event loop; a WebSocket is used on the same one")
        link = self._transport.link(call.sent(self.headers, self.cookies, self.client, self.root_path), offered)
        task = asyncio.create_task(self._serve(link, self._transport.serve_websocket(link)), name=call.label)
        try:
            await link.wait_started()
        except BaseException:
            link.leave()
            await see_off_link((link, task))
            raise
        self._learn(call, link)
        if not link.is_accepted:
            await see_off_link((link, task))
            self._judge(link)
            raise HandshakeDenied(TestResponse.of(call.label, link))
        return link, task

    async def _close_websocket(self, opened: OpenLink, *, failed: bool) -> None:
        link = opened[0]
        if failed:
            link.leave()
        else:
            await link.close(1000, "")
        await see_off_link(opened)
        if not failed:
            self._judge(link)

    def _begin(self, call: Call, *, hold: bool) -> OpenStream:
        sent = call.sent(self.headers, self.cookies, self.client, self.root_path)
        exchange = Exchange(sent, hold=hold, disconnect_after=call.disconnect_after)
        return exchange, asyncio.create_task(self._serve(exchange, self._transport.serve(exchange)), name=call.label)

    async def _serve(self, exchange: Exchange, served: Awaitable[None]) -> None:
        error: BaseException | None = None
        try:
            await served
        except PeerGone:
            pass  # what the application was told when it sent to a client that had left
        except (Exception, asyncio.CancelledError) as raised:
            error = raised
        finally:
            exchange.finish(error)

    def _learn(self, call: Call, exchange: Exchange) -> None:
        fields = exchange.headers.getlist("set-cookie")
        if fields:
            self.cookies.store(fields, call.target.scheme, call.host, call.target.path)

    def _judge(self, exchange: Exchange) -> None:
        if exchange.violations:
            raise exchange.violations[0]
        if self.raise_errors and exchange.error is not None:
            raise exchange.error

    # Which loop.

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._private is None:
            self._private = PrivateLoop()
        return self._private.loop

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine for plain code: where the client was entered, else on its own loop."""
        if _running_loop() is not None:
            coroutine.close()
            raise RuntimeError("an event loop is running here: write `async with client.stream(…)`")
        return run_on(self._home or self._own_loop(), coroutine)

    async def _at_home(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine on the loop that the client was entered on, which need not be this one."""
        if self._home is None or self._home is asyncio.get_running_loop():
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._home))

    def __repr__(self) -> str:
        return f"<TestClient {self.transport} {self.app!r}>"


def _handshake(offered: tuple[str, ...], origin: str | None) -> tuple[tuple[str, str], ...]:
    """The header fields that begin a WebSocket (RFC 6455 §4.1)."""
    fields = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", base64.b64encode(os.urandom(16)).decode()),
    ]
    if offered:
        fields.append(("sec-websocket-protocol", ", ".join(offered)))
    if origin is not None:
        fields.append(("origin", origin))
    return tuple(fields)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
