"""WSGI (PEP 3333): the caller's thread does the plain code; what must be awaited runs on one loop beside it.

No server tells that a client has left: that shows when the next piece of a stream is written. Two request headers of
one name arrive as one, joined. Granian 2.8 decodes the path and drops the raw target, so `%2F` is taken for a slash,
gives a header value that is not ASCII as "", and ends a response that failed in the middle as if it were whole, which
nothing can be done about from here.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextvars import Context, copy_context
from functools import lru_cache, partial
from typing import Any, TypeVar

from nacre.chain.pipeline import Admit
from nacre.errors import BadRequest, ClientDisconnect, HTTPError, reason_phrase
from nacre.headers import Headers
from nacre.request import Request
from nacre.response import Response
from nacre.streams import is_async_stream, iterate
from nacre.threads import Threads, Visit, run_at_once
from nacre.transports.completion import NO_BODY, complete, framed, has_work, needs_loop
from nacre.transports.outflow import pour
from nacre.transports.scope import asgi_scope
from nacre.types import Address, Environ, Scope, StartResponse, WSGIApp
from nacre.urls import decode_path, keep_escapes

T = TypeVar("T")

_PIECE = 64 * 1024
_UPGRADE_REQUIRED = 426
_VARIABLES = frozenset(key for key in os.environ if key.startswith("HTTP_"))
"""Some servers put the process's environment (HTTP_PROXY) into every request's, where it looks like headers."""


class LoopThread:
    """An event loop in a thread of its own, started when something must be awaited; one per application."""

    def __init__(self, started: Callable[[], object] = lambda: None) -> None:
        self._started = started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._unfinished: set[Future[None]] = set()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        if self._loop is None:
            with self._lock:
                if self._loop is None:
                    loop = asyncio.new_event_loop()
                    self._thread = threading.Thread(target=_run_loop, args=(loop,), name="nacre-loop", daemon=True)
                    self._thread.start()
                    self._loop = loop
                    self._started()
        return self._loop

    def run(self, awaitable: Awaitable[T]) -> T:
        """Await something on the loop, from another thread."""
        return asyncio.run_coroutine_threadsafe(_coroutine(awaitable), self.loop).result()

    def track(self, future: Future[None]) -> Future[None]:
        """Know of something that goes on on the loop when nobody waits for it any more."""
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def drain(self) -> None:
        """Wait, in another thread, for all that goes on."""
        while unfinished := list(self._unfinished):
            wait(unfinished)

    def stop(self) -> None:
        """Stop the loop, if it was started, and wait for its thread."""
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is not None and self._thread is not None:
                loop.call_soon_threadsafe(loop.stop)
                self._thread.join()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class WSGIBody:
    """The receiving side of one request: `wsgi.input`, read in the caller's thread and never past the end."""

    def __init__(self, environ: Environ, channel: Channel) -> None:
        self._input = environ["wsgi.input"]
        self._channel = channel
        length = environ.get("CONTENT_LENGTH") or ""
        if length:
            # A longer number is refused where the body is read: Python takes none of more than 4300 digits.
            sound = length.isascii() and length.isdigit() and len(length) < 20
            self._left: int | None = int(length) if sound else 0
        else:
            self._left = None if environ.get("wsgi.input_terminated") else 0
        self._begun = b""

    @property
    def ended(self) -> bool:
        """Whether all of the body was read."""
        return self._left == 0 and not self._begun

    def take(self, length: int) -> bytes | None:
        """All of the body, if it is so long and comes in one piece; else `read` has all of it."""
        if self._left != length or length > _PIECE:
            return None
        data = self._read()
        if self._left:
            self._begun = data
            return None
        return data

    async def read(self) -> bytes:
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        visit = self._channel.visit
        if visit is not None and visit.listening:
            return await visit.call(self._read)
        return self._read()

    def _read(self) -> bytes:
        if self._left == 0:
            return b""
        try:
            data: bytes = self._input.read(_PIECE if self._left is None else min(_PIECE, self._left))
        except Exception as error:  # each server has its own for chunks that can't be read
            raise ClientDisconnect("the body broke off before it was complete") from error
        if self._left is not None:
            if not data:
                raise ClientDisconnect(f"the client left {self._left} bytes before the end of the body")
            self._left -= len(data)
        return data


class Channel:
    """What a WSGI request is answered through: the visit that its thread plays the worker in, if it needs one."""

    visit: Visit | None = None


class WSGICarrier:
    """Reads a request from a WSGI environ."""

    protocol = "wsgi"

    def headers(self, raw: Environ) -> Headers:
        pairs = [
            (key[5:].replace("_", "-").lower(), value)
            for key, value in raw.items()
            if key.startswith("HTTP_")
            and isinstance(value, str)
            and not (key in _VARIABLES and os.environ.get(key) == value)
        ]
        for key, name in (("CONTENT_TYPE", "content-type"), ("CONTENT_LENGTH", "content-length")):
            if raw.get(key):
                pairs.append((name, raw[key]))
        return Headers(pairs)

    def body_fields(self, request: Request) -> tuple[str | None, str | None]:
        raw = request.raw
        if "HTTP_CONTENT_TYPE" in raw or "HTTP_CONTENT_LENGTH" in raw:
            return request.headers.get("content-type"), request.headers.get("content-length")
        return raw.get("CONTENT_TYPE") or None, raw.get("CONTENT_LENGTH") or None

    def query_string(self, raw: Environ) -> str:
        return raw.get("QUERY_STRING", "")  # type: ignore[no-any-return]

    def scheme(self, raw: Environ) -> str:
        return raw.get("wsgi.url_scheme", "http")  # type: ignore[no-any-return]

    def http_version(self, raw: Environ) -> str:
        return raw.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2]  # type: ignore[no-any-return]

    def client(self, raw: Environ) -> Address | None:
        host, port = raw.get("REMOTE_ADDR"), raw.get("REMOTE_PORT")
        return (host, int(port) if port else None) if host else None

    def server(self, raw: Environ) -> Address | None:
        host, port = raw.get("SERVER_NAME"), raw.get("SERVER_PORT")
        return (host, int(port) if port else None) if host else None

    def root_path(self, raw: Environ) -> str:
        return _text(raw.get("SCRIPT_NAME", "")).rstrip("/")

    def raw_path(self, raw: Environ) -> bytes | None:
        target = raw.get("RAW_URI") or raw.get("REQUEST_URI")
        return target.partition("?")[0].encode("latin-1") if target else None

    def body(self, raw: Environ, channel: Channel) -> WSGIBody:
        return WSGIBody(raw, channel)

    def body_at_once(self, request: Request, length: int) -> bytes | None:
        channel: Channel = request.channel
        if channel.visit is not None and channel.visit.listening:
            return None  # the thread that has the input is asked for it
        source = request.opened_source = WSGIBody(request.raw, channel)
        return source.take(length)

    def state(self, raw: Any) -> None:
        return None

    def scope(self, request: Request) -> Scope:
        return asgi_scope(request)

    async def wait_disconnect(self, request: Request) -> None:
        # WSGI never tells; who waits for it is cancelled when the request ends.
        await asyncio.get_running_loop().create_future()

    async def is_disconnected(self, request: Request) -> bool:
        return False


CARRIER = WSGICarrier()


def _text(value: str) -> str:
    """Undo PEP 3333's byte-as-latin-1 spelling."""
    return value.encode("latin-1").decode("utf-8", "replace")


def serve_wsgi(admit: Admit, threads: Threads, report: Any, beside: LoopThread) -> WSGIApp:
    """A WSGI application; what must be awaited runs on the loop of `beside`."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # A server's thread keeps its context from one request to the next; each gets a copy of its own.
        context = copy_context()
        return context.run(answer, environ, start_response, context)

    def answer(environ: Environ, start_response: StartResponse, context: Context) -> Iterable[bytes]:
        path, refusal = read_path(environ)
        method, host = environ["REQUEST_METHOD"], environ.get("HTTP_HOST")
        request, pipeline = admit(CARRIER, environ, Channel(), method, path, host, refusal)
        inline = pipeline.inline
        if inline is None:
            exchange = WSGIExchange(start_response, context, threads, report, beside)
            return exchange.hosted(request, partial(pipeline.handle, request))
        try:
            response = inline(request)
        except BaseException:  # a process that is told to stop
            run_at_once(complete(request, None, None))
            raise
        if response.stream is None and not has_work(request, response):
            # PERF: most requests end here, and need no object for what may follow (0.5 µs).
            with_body = _start(start_response, request, response)
            if request.views is not None:
                request.views = None  # they hold the request
            return [response.body] if with_body else []
        return WSGIExchange(start_response, context, threads, report, beside).send(request, response)

    return application


def read_path(environ: Environ) -> tuple[str, HTTPError | None]:
    """The path to match, and what is wrong with the request, if that shows in its environ."""
    refusal = None
    path = environ.get("PATH_INFO") or "/"
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not path.isascii() or "%" in path or (target and "%" in target):
        try:
            path = _path(environ)
        except ValueError as error:
            path, refusal = "/", BadRequest(str(error))
    if "HTTP_HOST" not in environ and environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
        refusal = BadRequest("the request has no Host header")
    return path, refusal


def _start(start_response: StartResponse, request: Request, response: Response) -> bool:
    """Tell the server status and headers; True if a body may follow."""
    status, head = response.status, request.method == "HEAD"
    headers = framed(response, head)
    if status == _UPGRADE_REQUIRED:
        # The fields that it should have are those that PEP 3333 leaves to the server.
        headers = [pair for pair in headers if pair[0] not in ("connection", "upgrade")]
    start_response(_status_line(status), headers)
    return not head and status not in NO_BODY


@lru_cache(maxsize=128)
def _status_line(status: int) -> str:
    return f"{status:d} {reason_phrase(status)}"


class WSGIExchange:
    """One response under WSGI that is more than a body in one piece, or must be awaited.

    What is plain throughout is done here, in the caller's thread. What must be awaited is done by one task on the loop
    beside, from the chain to the last callback, so that it finds its context and cancel scopes again; this thread is
    its worker meanwhile and takes from it the response and then each piece.
    """

    def __init__(
        self, start_response: StartResponse, context: Context, threads: Threads, report: Any, beside: LoopThread
    ) -> None:
        self.start_response = start_response
        self.context = context
        self._threads = threads
        self._report = report
        self._beside = beside
        self._response: Response | None = None
        self._over: Future[None] | None = None

    def send(self, request: Request, response: Response) -> Iterable[bytes]:
        """Send a response of plain code, and do what follows it."""
        must_await = has_work(request, response) and needs_loop(request, response)
        if must_await or (response.stream is not None and is_async_stream(response.stream)):
            return self.hosted(request, lambda: _given(response))
        return self._plain(request, response)

    def _plain(self, request: Request, response: Response) -> Iterable[bytes]:
        stream = response.stream
        try:
            with_body = _start(self.start_response, request, response)
        except BaseException:
            run_at_once(complete(request, None, None))
            raise
        if stream is None or not with_body:
            pieces: Iterator[bytes] = iter([response.body] if with_body else [])
        else:
            response.stream = None
            pieces = _plain_pieces(request, stream)
        return _Body(pieces, self.context, lambda: self._complete(request, response), self._failed(request))

    def _complete(self, request: Request, response: Response) -> Future[None] | None:
        if response.background is None:
            return run_at_once(complete(request, response, None))
        completed = asyncio.run_coroutine_threadsafe(complete(request, response, self._threads), self._beside.loop)
        return self._beside.track(completed)

    def hosted(self, request: Request, produce: Callable[[], Awaitable[Response]]) -> Iterable[bytes]:
        """Have the loop beside produce a response, and send it."""
        visit = self.open_visit(request)
        self._over = over = Future[None]()
        visit.begin(
            lambda: self._live(request, produce, visit), self.context.copy(), lambda: self._follow(request, over)
        )
        return self.sent(request, visit.take(), visit)

    def open_visit(self, request: Request) -> Visit:
        """Make this thread the worker of a request."""
        visit = request.channel.visit = request.visit = Visit(self._beside.loop)
        return visit

    def sent(self, request: Request, response: Response, visit: Visit) -> Iterable[bytes]:
        """Send a response that the task on the loop has handed over."""

        def leave() -> Future[None] | None:
            visit.leave()
            return self._over

        try:
            with_body = _start(self.start_response, request, response)
        except BaseException:
            visit.leave()
            raise
        if response.stream is None and with_body:
            whole = response.body

            def pieces() -> Iterator[bytes]:
                yield whole

            return _Body(pieces(), self.context, leave, self._failed(request))
        return _Body(_taken(visit) if with_body else iter(()), self.context, leave, self._failed(request))

    async def _live(self, request: Request, produce: Callable[[], Awaitable[Response]], visit: Visit) -> None:
        """The part on the loop: hand the response to the thread, then each piece, then run what waits for the end."""
        response = None
        try:
            response = await produce()
            await visit.hand_over(response)
            if response.stream is not None and request.method != "HEAD" and response.status not in NO_BODY:
                stream, response.stream = response.stream, None
                await pour(iterate(stream, request, self._threads), visit.hand_over, visit.left())
            elif response.stream is not None:
                await response.aclose()
        except Exception as error:
            if request.after_callbacks is not None:
                request.failure = error  # the thread reports it, which is too late for those who are called here
            raise
        finally:
            self._response = response

    async def _follow(self, request: Request, over: Future[None]) -> None:
        """What waits for the end, in the same task. The thread is the server's again."""
        request.visit = None
        try:
            if has_work(request, self._response):
                self._beside.track(over)
                await complete(request, self._response, self._threads)
        finally:
            request.views = None  # they hold the request
            over.set_result(None)

    def _failed(self, request: Request) -> Callable[[Exception], object]:
        return lambda error: self._report(request, error)


async def _coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


async def _given(response: Response) -> Response:
    return response


def _plain_pieces(request: Request, stream: Any) -> Iterator[bytes]:
    """The pieces of a stream that never waits for a loop."""
    source = iterate(stream, request, None)
    try:
        while (piece := run_at_once(_coroutine(anext(source, None)))) is not None:
            yield piece
    except GeneratorExit:
        if request.after_callbacks is not None:
            request.failure = asyncio.CancelledError("the client left")
        raise
    finally:
        run_at_once(_coroutine(source.aclose()))


def _taken(visit: Visit) -> Iterator[bytes]:
    """The pieces that the task on the loop hands over."""
    while (piece := visit.go_on()) is not None:
        yield piece


class _Body:
    """The iterable a server sends from; `close` ends the stream and runs what waits for the end, once.

    Servers end the response after `close` (Granian), or read the connection's next request (gunicorn's threads). So
    where there is a background callable, the loop beside does all of that: `over` tells then when it is done.
    """

    over: Future[None] | None = None

    def __init__(
        self,
        pieces: Iterator[bytes],
        context: Context,
        finish: Callable[[], Future[None] | None],
        failed: Callable[[Exception], object],
    ) -> None:
        self._pieces = pieces
        self._context = context
        self._finish: Callable[[], Future[None] | None] | None = finish
        self._failed = failed

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return self._context.run(next, self._pieces)
        except StopIteration:
            raise
        except Exception as error:
            # The status is out, so all that is left is to cut the connection: raising makes the server do that.
            self._failed(error)
            raise

    def close(self) -> None:
        finish, self._finish = self._finish, None
        if finish is not None:
            self._context.run(self._close, finish)

    def _close(self, finish: Callable[[], Future[None] | None]) -> None:
        try:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        finally:
            self.over = finish()


def _path(environ: Environ) -> str:
    """The path to match, decoded once; from the raw target where the server gives it."""
    try:
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8") or "/"
    except UnicodeDecodeError as error:
        raise ValueError(f"the path is not UTF-8: {error.reason}") from None
    raw = CARRIER.raw_path(environ)
    if raw is None or b"%" not in raw:
        return keep_escapes(path)
    decoded = decode_path(raw)
    prefix = _text(environ.get("SCRIPT_NAME", ""))
    if prefix and decoded.startswith(prefix):
        decoded = decoded[len(prefix) :]
    # A server or middleware may have changed PATH_INFO, and then the raw target says nothing about it.
    return decoded if decoded.replace("%2F", "/").replace("%25", "%") == path else keep_escapes(path)
