"""Serving with Granian: what `app.run()`, `await app.start_server()` and `nacre run` do.

One worker is served in this process, on an event loop of ours, by Granian's embedded server: the application object is
served as it is, wherever it was made, and what fails at startup is an ordinary exception here. (Measured against
Granian's own single worker process: the same requests per second within the noise.) Several workers, and reloading, are
processes that Granian keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import inspect
import logging
import multiprocessing
import os
import signal
import socket
import ssl as stdlib_ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self, cast

from nacre.errors import MissingExtra
from nacre.lifespan import LifespanTask
from nacre.types import Receive, Scope, Send

Interface = Literal["rsgi", "asgi", "wsgi"]
StrPath = str | os.PathLike[str]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_SERVING = 0.1
"""Seconds after which Granian's threads are at work."""


@dataclass(frozen=True, slots=True)
class TLS:
    """A server's certificate and key, as PEM files; with `ca`, only clients with a certificate of it may connect."""

    cert: StrPath
    key: StrPath
    key_password: str | None = None
    ca: StrPath | None = None


class Served(Protocol):
    """An application, as far as a server goes."""

    stopper: Callable[[], object] | None
    lifespan_state: dict[str, Any]

    def compile(self) -> None: ...

    def mounted_apps(self) -> list[Any]: ...

    async def live(self) -> LifespanTask: ...

    def __call__(self, first: Any, second: Any, third: Any = None, /) -> Any: ...

    def __rsgi__(self, scope: Any, protocol: Any) -> Coroutine[Any, Any, None]: ...

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None: ...

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None: ...


def run(
    app: Served | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    uds: StrPath | None = None,
    ssl: TLS | tuple[StrPath, StrPath] | None = None,
    workers: int = 1,
    reload: bool = False,
    interface: Interface = "rsgi",
    access_log: bool = False,
    log_level: str = "info",
    shutdown_timeout: int = 30,
    **options: Any,
) -> None:
    """Serve until SIGINT, SIGTERM or `app.shutdown()`; running requests are finished first.

    `app` is an application or where to import it from: `"module:attribute"`. `uds` is the path of a Unix socket to
    listen on instead of host and port; `ssl` is a `TLS` or a pair of certificate and key files. Requests that run
    longer than `shutdown_timeout` seconds into the stop are dropped; a second signal drops them at once. `options` are
    more keyword arguments of `granian.Granian`, as it takes them; those that concern worker processes have even one
    worker served in a process of its own.

    What fails at startup is raised here; worker processes log it and this exits with status 1. `reload` restarts the
    workers when a file in the working directory changes; it raises MissingExtra without the extra `reload`. Worker
    processes import the application again where Python doesn't fork (reload, macOS, Windows, Python 3.14): there it
    must be a module's global variable, and `run()` stand under `if __name__ == "__main__":`.
    """
    settings = _settings(host, port, uds, ssl, interface, access_log, log_level) | options
    if workers > 1 or reload or interface == "wsgi" or not _embeddable(options):
        _run_workers(app, workers=workers, reload=reload, shutdown_timeout=shutdown_timeout, settings=settings)
        return
    if _loop_runs():
        raise RuntimeError("run() was called on a running event loop; use `await app.start_server()` there")
    served = load_app(app) if isinstance(app, str) else app
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve_until_signal(served, settings, shutdown_timeout))


async def serve(
    app: Served,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    uds: StrPath | None = None,
    ssl: TLS | tuple[StrPath, StrPath] | None = None,
    interface: Interface = "rsgi",
    access_log: bool = False,
    log_level: str = "info",
    shutdown_timeout: float = 30,
    **options: Any,
) -> None:
    """Serve on the running event loop until `app.shutdown()` is called or this is cancelled.

    Either way running requests are finished first, for `shutdown_timeout` seconds; what still runs then is left to the
    loop. Signals are the caller's business. Arguments are those of `run`; raises what fails at startup.
    """
    # In a thread: names are looked up and files are read, and the loop may have other work.
    settings = await asyncio.to_thread(_settings, host, port, uds, ssl, interface, access_log, log_level)
    await _serve(app, settings | options, shutdown_timeout, asyncio.Event())


def load_app(reference: str) -> Served:
    """Import `module:attribute` (`app` without the attribute). Raises ImportError if there is no such thing."""
    module_name, _, attribute = reference.partition(":")
    value: Any = importlib.import_module(module_name)
    for name in (attribute or "app").split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            raise ImportError(f"{module_name!r} has no {name!r}; an application is given as module:attribute") from None
    return cast(Served, value)


def stop_foreign_server() -> None:
    """Tell the server that runs this process, whichever it is, to stop: SIGTERM to it, or to its parent.

    A worker process that stops alone would be replaced.
    """
    os.kill(os.getppid() if _is_worker() else os.getpid(), signal.SIGTERM)


def _is_worker() -> bool:
    # The servers' worker processes are told by where their main function comes from: to go by the parent process alone
    # would stop, say, a test runner that serves from a process of its own.
    target = getattr(multiprocessing.current_process(), "_target", None)
    server = getattr(target, "__module__", "").partition(".")[0]
    return server in ("uvicorn", "hypercorn", "granian") or os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn")


# Settings.


def _settings(
    host: str,
    port: int,
    uds: StrPath | None,
    ssl: object,
    interface: Interface,
    access_log: bool,
    log_level: str,
) -> dict[str, Any]:
    """Keyword arguments that both servers of Granian take."""
    from granian.constants import Interfaces
    from granian.log import LogLevels

    return {
        "address": _free_address(host, port) if uds is None else host,
        "port": port,
        "uds": None if uds is None else Path(uds),
        "interface": Interfaces(interface),
        "log_access": access_log,
        "log_level": LogLevels(log_level),
        **_tls_settings(ssl),
    }


def _free_address(host: str, port: int) -> str:
    """The address of `host`, free to listen on. Raises OSError if it isn't.

    Granian shares its port with whoever else shares it: two servers started on one port would answer by turns.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    if port:
        socket.create_server(address[:2], family=family).close()
    return str(address[0])


def _tls_settings(ssl: object) -> dict[str, Any]:
    if ssl is None:
        return {}
    if isinstance(ssl, tuple) and len(ssl) == 2:
        ssl = TLS(*cast("tuple[StrPath, StrPath]", ssl))
    if isinstance(ssl, TLS):
        return {
            "ssl_cert": Path(ssl.cert),
            "ssl_key": Path(ssl.key),
            "ssl_key_password": ssl.key_password,
            "ssl_ca": None if ssl.ca is None else Path(ssl.ca),
            "ssl_client_verify": ssl.ca is not None,
        }
    why = " (a context doesn't give its key away again)" if isinstance(ssl, stdlib_ssl.SSLContext) else ""
    raise TypeError(
        f"ssl takes the files of certificate and key, not {type(ssl).__name__}{why}: "
        'ssl=("cert.pem", "key.pem"), or a nacre.server.TLS for more'
    )


def _embeddable(options: dict[str, Any]) -> bool:
    from granian.server.embed import Server

    return options.keys() <= inspect.signature(Server).parameters.keys()


# In this process.


async def _serve_until_signal(app: Served, settings: dict[str, Any], shutdown_timeout: float) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    stopping = asyncio.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            task.cancel()
        stopping.set()

    for number in _SIGNALS:
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
        except (ValueError, RuntimeError):
            pass  # not the main thread: signals are somebody else's
    try:
        await _serve(app, settings, shutdown_timeout, stopping)
    except asyncio.CancelledError:
        raise SystemExit(1) from None


async def _serve(app: Served, settings: dict[str, Any], shutdown_timeout: float, stopping: asyncio.Event) -> None:
    from granian.server.embed import Server

    app.compile()
    # Granian would call `__rsgi_init__` on a loop that runs, where it can't wait; the lifespan is lived here instead.
    asgi = settings["interface"] == "asgi"
    settings = settings | {"interface": type(settings["interface"])("asginl" if asgi else "rsgi")}
    target = _ASGITarget(app) if asgi else _RSGITarget(app)
    server = await asyncio.to_thread(Server, target, **settings)
    loop = asyncio.get_running_loop()
    lifespan = await app.live()
    try:
        with _stopped_by(app, lambda: loop.call_soon_threadsafe(stopping.set)):
            await _serve_and_drain(server, stopping, shutdown_timeout)
    finally:
        await asyncio.wait_for(lifespan.stop(), shutdown_timeout)


async def _serve_and_drain(server: Any, stopping: asyncio.Event, shutdown_timeout: float) -> None:
    logging.getLogger("_granian").addFilter(_leave_out_warning)
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        server.stop()
        await asyncio.wait([serving], timeout=shutdown_timeout)
        serving.cancel()
    if serving.done():
        serving.result()
        if server.interrupt_children:
            raise RuntimeError("the server ended by itself")


def _leave_out_warning(record: logging.LogRecord) -> bool:
    # Granian warns of its embedded server at every start; that it serves us well is what tests/servers is for.
    return record.msg != "Embedded server is experimental!"


class _RSGITarget:
    """What Granian's embedded server calls: the application's requests, without its lifespan."""

    def __init__(self, app: Served) -> None:
        self.__rsgi__ = app.__rsgi__


class _ASGITarget:
    def __init__(self, app: Served) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(self._app.lifespan_state)
        await self._app(scope, receive, send)


@contextlib.contextmanager
def _stopped_by(app: Served, stopper: Callable[[], object]) -> Generator[None]:
    """Let `shutdown()` of this application, and of those mounted in it, call `stopper`."""
    family = list(_family(app))
    for member in family:
        member.stopper = stopper
    try:
        yield
    finally:
        for member in family:
            member.stopper = None


def _family(app: Served) -> Iterator[Served]:
    yield app
    for mounted in app.mounted_apps():
        if hasattr(mounted, "stopper"):
            yield from _family(mounted)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed; the choice that Granian makes too."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    return cast("Callable[[], asyncio.AbstractEventLoop]", importlib.import_module("uvloop").new_event_loop)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


# In worker processes.


def _run_workers(
    app: Served | str, *, workers: int, reload: bool, shutdown_timeout: int, settings: dict[str, Any]
) -> None:
    from granian import Granian

    if reload and importlib.util.find_spec("watchfiles") is None:
        raise MissingExtra("reload", "reload")
    if reload:
        settings = {"reload_ignore_worker_failure": True} | settings
        served = None if isinstance(app, str) else app
    else:
        # Compiled once here, so that a mistake in the configuration is shown once, and not by each worker.
        served = load_app(app) if isinstance(app, str) else app
        served.compile()
    reference = app if isinstance(app, str) else _reference(app)
    server = Granian(
        reference or "app", workers=workers, reload=reload, workers_kill_timeout=shutdown_timeout, **settings
    )
    with _Wakeup() as wakeup, _start_method("spawn" if reload else None):
        server.main_loop_interrupt = cast("threading.Event", wakeup)
        if hasattr(os, "register_at_fork"):
            _SignalsAtFork(os.getpid()).register()
        loader = _Loader(served, reference, os.getpid(), rsgi=settings["interface"] == "rsgi")
        server.serve(target_loader=loader, wrap_loader=False)


class _Wakeup:
    """What Granian's main loop waits for: a `threading.Event` that a signal's handler may set.

    Setting an Event takes a lock, and the handler runs in the thread that may hold it just then; and a signal that
    comes right before a thread waits for a lock isn't noticed. Here a signal, by `signal.set_wakeup_fd`, ends the wait.
    """

    def __init__(self) -> None:
        self._is_set = False

    def __enter__(self) -> Self:
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)
        self._before = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._receiver.close()
        self._sender.close()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        with contextlib.suppress(OSError):  # full, so that the wait ends anyway; or over
            self._sender.send(b"\0")

    def clear(self) -> None:
        self._is_set = False

    def wait(self) -> None:
        while not self._is_set:
            self._receiver.recv(4096)


class _SignalsAtFork(threading.local):
    """Signals that are sent to a worker process reach it, however early they come.

    A worker sets handlers of its own when it has started. Until then those of the parent, inherited, would swallow a
    SIGTERM, and so does Python itself, until a forked process has run its first steps: the worker would be killed only
    after `shutdown_timeout`. So signals wait while a process is forked, and then just end it.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._before: set[int] | None = None

    def register(self) -> None:
        os.register_at_fork(before=self._block, after_in_parent=self._go_on, after_in_child=self._let_end)

    # What is registered at a fork stays so: it must not touch the children of the workers.

    def _block(self) -> None:
        if os.getpid() == self._parent:
            self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def _go_on(self) -> None:
        if self._before is not None and os.getpid() == self._parent:
            before, self._before = self._before, None
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _let_end(self) -> None:
        # Not told by its parent process, which may have been killed meanwhile.
        if self._before is not None:
            before, self._before = self._before, None
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Loader:
    """Gets the application in a worker process: a forked one has it, any other imports it."""

    def __init__(self, app: Served | None, reference: str | None, server: int, *, rsgi: bool) -> None:
        self._app = app
        self._reference = reference
        self._server = server
        self._rsgi = rsgi

    def __call__(self) -> Any:
        app = self._app
        if app is None:
            assert self._reference is not None
            app = load_app(self._reference)
        for member in _family(app):
            member.stopper = lambda: os.kill(self._server, signal.SIGTERM)
        return _WorkerTarget(app) if self._rsgi else app

    def __getstate__(self) -> dict[str, Any]:
        if self._reference is None:
            raise TypeError(
                "worker processes have to import the application, and it is no global variable of a module; "
                "make it one, or serve it with one worker and without reload"
            )
        return self.__dict__ | {"_app": None}


class _WorkerTarget:
    """What a worker process serves by RSGI: the application, started up already."""

    def __init__(self, app: Served) -> None:
        self.__rsgi__ = app.__rsgi__
        self.__rsgi_del__ = app.__rsgi_del__
        # Granian loses for good a signal that comes between setting its handlers and serving. Starting up in between,
        # as it has it, could take long; so that is done before, when a signal just ends the process. Then signals wait
        # until the loop runs. No code but Granian's runs meanwhile: nothing else inherits that they are blocked.
        loop = asyncio.get_event_loop()
        app.__rsgi_init__(loop)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            loop.call_later(_SERVING, signal.pthread_sigmask, signal.SIG_UNBLOCK, _SIGNALS)


def _reference(app: Served) -> str | None:
    """Where a module keeps the application: `module:attribute`, the main module first."""
    for name, module in [("__main__", sys.modules["__main__"]), *sys.modules.items()]:
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is app:
                return f"{name}:{attribute}"
    return None


@contextlib.contextmanager
def _start_method(method: str | None) -> Generator[None]:
    """Start processes in this way: a forked one would have the modules from before the change."""
    if method is None:
        yield
        return
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(method, force=True)
    try:
        yield
    finally:
        multiprocessing.set_start_method(before, force=True)
