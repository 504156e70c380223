"""WSGI applications and middlewares inside a chain (PEP 3333): plain code, run where plain code runs."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar

from nacre.chain.onion import Finish
from nacre.chain.stage import BlockingNext, Stage, adopt, blocking_next
from nacre.errors import ResponseStarted, reason_phrase
from nacre.headers import check_name, check_value
from nacre.request import Request
from nacre.response import Response
from nacre.streams import is_async_stream, iterate
from nacre.threads import Threads, run_at_once, wait
from nacre.types import Environ, StartResponse, WSGIApp
from nacre.urls import decode_segment

T = TypeVar("T")

_ENCODED_SEPARATELY = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class BodyFile(io.RawIOBase):
    """The request body as the file that WSGI code reads; each read waits for bytes as needed."""

    def __init__(self, request: Request) -> None:
        self._pieces = request.body_reader.chunks()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = wait(self._next())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    async def _next(self) -> bytes:
        return await anext(self._pieces, b"")


def environ_of(request: Request) -> Environ:
    """A WSGI environ for a request of any transport.

    SECURITY: a header with an underscore would be taken for the one with a hyphen, and `Proxy` for the variable
    HTTP_PROXY; neither enters.
    """
    host, port = request.server or ("localhost", 80)
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _latin1(request.root_path),
        "PATH_INFO": _latin1(decode_segment(request.path)),
        "QUERY_STRING": request.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or ""),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "REMOTE_ADDR": request.client[0] if request.client else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BufferedReader(BodyFile(request)),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name in request.headers:
        if "_" not in name and name != "proxy":
            key = _ENCODED_SEPARATELY.get(name) or "HTTP_" + name.upper().replace("-", "_")
            environ[key] = ("; " if name == "cookie" else ",").join(request.headers.getlist(name))
    return environ


def _latin1(text: str) -> str:
    return text.encode().decode("latin-1")


def call_wsgi(app: WSGIApp, environ: Environ, label: str) -> Response:
    """Run a WSGI application up to its first bytes, and give its answer as a response."""
    answer = _Answer(label)
    body = app(environ, answer.start_response)
    pieces = iter(body)
    first = b""
    try:
        if not isinstance(body, _Blocking):  # of ours the first piece is there, or the chain says when it is awaited
            first = next((piece for piece in pieces if piece), b"")
    except BaseException:
        _close(body)
        raise
    if answer.response is None:
        _close(body)
        raise RuntimeError(f"{label} returned without calling start_response")
    response, answer.is_given = answer.response, True
    if isinstance(body, list | tuple):
        response.body = b"".join(answer.written) + b"".join(body)
        _close(body)
    else:
        response.stream = _Pieces([*answer.written, first], pieces, body)
    return response


class _Answer:
    """What an application told `start_response`."""

    def __init__(self, label: str) -> None:
        self.response: Response | None = None
        self.written: list[bytes] = []
        self.is_given = False
        self._label = label

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.response is not None and exc_info is None:
            raise ResponseStarted(f"{self._label} called start_response twice")
        if exc_info is not None and (self.is_given or self.written):
            raise exc_info[1].with_traceback(exc_info[2])  # PEP 3333: the headers are out
        response = Response(status=int(status[:3]))
        response.raw_headers = [(check_name(name), check_value(name, value)) for name, value in headers]
        self.response = response
        return self.written.append


class _Pieces:
    """The rest of a WSGI body; closing it closes the iterable, once."""

    needs_loop = False

    def __init__(self, first: list[bytes], rest: Iterator[bytes], body: Iterable[bytes]) -> None:
        self._first = [piece for piece in first if piece]
        self._rest = rest
        self._body: Iterable[bytes] | None = body
        self._inner: _Blocking | None = None

    def hold(self, inner: _Blocking) -> None:
        """Keep the stream that is inside of this one: a middleware's iterable may forget to close it."""
        self._inner = inner
        self.needs_loop = inner.needs_loop

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._first.pop(0) if self._first else next(self._rest)

    def close(self) -> None:
        body, self._body = self._body, None
        inner, self._inner = self._inner, None
        try:
            if body is not None:
                _close(body)
        finally:
            if inner is not None:
                inner.close()


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


class WSGILayer:
    """One WSGI middleware of the user's, built once for all routes it stands in front of."""

    def __init__(
        self, build: Callable[[WSGIApp], WSGIApp], label: str, finish: Finish, threads: Threads, key: str
    ) -> None:
        self._key = key
        self._label = label
        self._finish = finish
        self._threads = threads
        self.app = build(self._inner)

    def wrap(self, inner: Stage) -> Stage:
        """Put this layer around one route's inner chain."""
        call_next = blocking_next(inner)

        def run(request: Request) -> Response:
            environ = environ_of(request)
            environ[self._key] = call = _Call(request, call_next)
            try:
                response = call_wsgi(self.app, environ, self._label)
            except BaseException:
                try:
                    call.close()
                except asyncio.CancelledError:
                    pass  # the request was cancelled and closes what is left open itself
                raise
            if isinstance(response.stream, _Pieces) and call.body is not None:
                response.stream.hold(call.body)
                response.holds = call.response
            else:
                call.close()
            if call.response is not None:
                response.background, response.sent_callbacks = call.response.background, call.response.sent_callbacks
            return response

        async def in_worker(request: Request) -> Response:
            await self._threads.admit(request)
            return self._finish(request, await self._threads.run(request, lambda: run(request)))

        def in_thread(request: Request) -> Response:
            return self._finish(request, run(request))

        return Stage(in_worker, in_thread if inner.inline is not None else None)

    def _inner(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        call: _Call = environ[self._key]
        request = call.request
        call.response = response = call.call_next(request)
        start_response(f"{response.status:d} {reason_phrase(response.status)}", list(response.raw_headers))
        if response.stream is None:
            return [response.body]
        call.body = _Blocking(response, request, self._threads)
        return call.body


class _Call:
    """What a WSGI layer's inner application finds in the environ, and what it leaves there."""

    def __init__(self, request: Request, call_next: BlockingNext) -> None:
        self.request = request
        self.call_next = call_next
        self.response: Response | None = None
        self.body: _Blocking | None = None

    def close(self) -> None:
        if self.body is not None:
            self.body.close()


class _Blocking:
    """A response stream for WSGI code: plain iteration over it, from the thread of its request."""

    def __init__(self, response: Response, request: Request, threads: Threads) -> None:
        self._response = response
        self.needs_loop = is_async_stream(response.stream)
        self._pieces = iterate(response.stream, request, threads if self.needs_loop else None)
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._await(self._next())
        if piece is None:
            raise StopIteration
        return piece

    async def _next(self) -> bytes | None:
        self._begun = True  # not earlier: a request that was cancelled refuses to await
        return await anext(self._pieces, None)

    def close(self) -> None:
        stream: Any = self._response.stream
        if stream is None:
            return
        if self._begun:
            self._await(self._pieces.aclose())
        elif hasattr(stream, "aclose"):
            self._await(stream.aclose())
        else:
            _close(stream)
        self._response.stream = None

    def _await(self, awaitable: Awaitable[T]) -> T:
        return wait(awaitable) if self.needs_loop else run_at_once(_as_coroutine(awaitable))


async def _as_coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


def wsgi_endpoint(app: WSGIApp, label: str) -> Callable[[Request], Response]:
    """A plain handler that has a whole WSGI application answer."""

    def answer(request: Request) -> Response:
        return adopt(request, call_wsgi(app, environ_of(request), label))

    return answer
