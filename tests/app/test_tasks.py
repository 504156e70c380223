"""Background tasks: started from anywhere, bounded, named when they fail, ended with the application or the request."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import threading
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nacre import Nacre, PlainTextResponse, Request, StreamingResponse
from nacre.tasks import Tasks, TasksFull
from nacre.testing import TestClient

LONG = 60.0
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody")


class Log(list[Any]):
    """What tasks have done; `add` from any thread, `until` waits for so many entries."""

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self) < count:
                await asyncio.sleep(0.002)

    async def work(self, name: str, seconds: float = 0) -> None:
        try:
            await asyncio.sleep(seconds)
            self.append(name)
        except asyncio.CancelledError:
            self.append(f"{name} cancelled")
            raise

    def plain(self, name: str) -> None:
        self.append((name, threading.current_thread().name.partition("_")[0]))


@pytest.fixture
def log() -> Log:
    return Log()


# What may be started, and from where.


async def test_work_of_every_kind_is_done(client_for, log):
    app = Nacre()

    class Callable:
        async def __call__(self) -> None:
            log.append("callable")

    @app.get("/")
    async def handler(tasks: Tasks):
        assert tasks is app.tasks
        tasks.start(log.work, "function", seconds=0.001)
        tasks.start(log.work("coroutine"))
        tasks.start(functools.partial(log.work, "partial"))
        tasks.start(lambda: log.work("lambda"))
        tasks.start(Callable())
        tasks.start(log.plain, "plain")

    async with client_for(app) as client:
        assert (await client.get("/")).status == 204
        await log.until(6)
    assert {entry for entry in log if isinstance(entry, str)} == {
        "function",
        "coroutine",
        "partial",
        "lambda",
        "callable",
    }
    [plain] = [entry for entry in log if not isinstance(entry, str)]
    assert plain[0] == "plain"
    assert plain[1] != "MainThread"


@pytest.mark.parametrize("lifespan", [True, False], ids=["lived", "not-lived"])
async def test_plain_handlers_layers_and_callbacks_start_tasks_from_their_threads(client_for, log, lifespan):
    def layer(request, call_next):
        request.app.tasks.start(log.work, "layer")
        return call_next(request)

    app = Nacre(middlewares=[layer])

    @app.get("/")
    def handler(request: Request):
        request.after_response(lambda: request.app.tasks.start(log.work, "callback"))
        return request.app.tasks.start(log.work, "handler", name="told").name

    client = client_for(app)
    if lifespan:
        async with client:
            assert (await client.get("/")).text == "told"
            await log.until(3)
    else:
        assert (await client.get("/")).text == "told"
        await log.until(3)
    assert sorted(log) == ["callback", "handler", "layer"]


async def test_startup_and_shutdown_functions_start_tasks(log, transport):
    app = Nacre(tasks=Tasks(grace=5))

    @app.on_startup
    def plain(app: Nacre):
        app.tasks.start(log.work, "plain")

    @app.on_startup
    async def asynchronous(app: Nacre):
        app.tasks.start(log.work, "async")

    @app.on_shutdown
    async def last(app: Nacre):
        app.tasks.start(log.work, "last")

    app.add_route("/", lambda request: "OK")
    async with TestClient(app, transport) as client:
        await client.get("/")
        await log.until(2)
    app.close()
    assert log == ["plain", "async", "last"]


async def test_tasks_have_the_context_variables_of_where_they_were_started(client_for):
    app = Nacre()
    seen: Log = Log()

    async def work() -> None:
        seen.append(variable.get())
        variable.set("task")

    def plain() -> None:
        seen.append(variable.get())

    @app.get("/async")
    async def on_the_loop(request):
        variable.set("handler")
        request.app.tasks.start(work)
        request.app.tasks.start(plain)
        await seen.until(2)
        return variable.get()

    @app.get("/plain")
    def in_a_thread(request):
        variable.set("thread")
        request.app.tasks.start(work)
        return "OK"

    client = client_for(app)
    assert (await client.get("/async")).text == "handler"
    await client.get("/plain")
    await seen.until(3)
    assert seen == ["handler", "handler", "thread"]


async def test_plain_functions_take_no_thread_from_requests(client_for):
    app = Nacre(threads=1, tasks=Tasks(threads=1))
    gate = threading.Event()

    @app.get("/start")
    async def start(request):
        request.app.tasks.start(gate.wait, 5)

    app.add_route("/plain", lambda request: "OK")
    async with client_for(app) as client:
        await client.get("/start")
        assert (await client.get("/plain")).text == "OK"
        gate.set()
        await app.tasks.join()


@pytest.mark.parametrize("work", [None, 5, "name"])
async def test_what_is_no_work_is_refused(work):
    with pytest.raises(TypeError, match="a task is a function or a coroutine"):
        Tasks().start(work)


async def test_a_coroutine_takes_no_arguments(log):
    with pytest.raises(TypeError, match="has its arguments already"):
        Tasks().start(log.work("a"), "b")


def test_without_any_loop_it_is_told():
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="there is no event loop to run a task on"):
        Tasks().start(coroutine)


@pytest.mark.parametrize("options", [{"limit": 0}, {"waiting": -1}, {"threads": 0}, {"grace": -1}])
def test_bounds_are_checked(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}="):
        Tasks(**options)


# How many.


async def test_beyond_the_limit_they_wait_in_turn_and_beyond_that_they_are_refused(log):
    tasks = Tasks(limit=2, waiting=2)
    gate = asyncio.Event()
    running: list[int] = []

    async def work(name: str) -> None:
        running.append(len(running) - len(log) + 1)
        await gate.wait()
        log.append(name)

    started = [tasks.start(work, name) for name in "abcd"]
    with pytest.raises(TasksFull, match=r"2 tasks are running and 2 wait, so mail\\n was not taken"):
        tasks.start(work("e"), name="mail\n")
    assert len(tasks) == 4
    await asyncio.sleep(0)
    assert running == [1, 2]
    gate.set()
    await tasks.join()
    assert log == list("abcd")
    assert max(running) == 2
    assert [task.done() for task in started] == [True] * 4
    assert len(tasks) == 0


async def test_a_task_that_waits_can_be_cancelled_and_never_begins(log):
    tasks = Tasks(limit=1)
    first = tasks.start(log.work, "first", LONG)
    second = tasks.start(log.work("second"))
    second.cancel()
    await second.wait()
    assert (second.done(), first.done(), len(tasks)) == (True, False, 1)
    first.cancel()
    await first.wait()
    first.cancel()
    assert log in ([], ["first cancelled"])  # it may not have begun


async def test_a_task_that_runs_can_be_cancelled_from_any_thread(log):
    tasks = Tasks()
    task = tasks.start(log.work, "a", LONG)
    await asyncio.sleep(0)
    await asyncio.to_thread(task.cancel)
    await task.wait()
    assert log == ["a cancelled"]
    assert repr(task) == "<BackgroundTask 'Log.work' (over)>"


async def test_who_waits_for_a_task_may_give_up_without_ending_it(log):
    tasks = Tasks()
    gate = asyncio.Event()
    task = tasks.start(gate.wait)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await task.wait()
    assert not task.done()
    gate.set()
    await task.wait()


# Failures.


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_an_exception_is_logged_once_with_the_name_of_the_task(client_for, caplog, kind):
    """M20."""
    app = Nacre()
    done = threading.Event()

    def fail() -> None:
        try:
            raise ZeroDivisionError("boom")
        finally:
            done.set()

    async def fail_on_the_loop() -> None:
        fail()

    @app.get("/")
    async def handler(request):
        work = fail if kind == "plain" else fail_on_the_loop
        request.app.tasks.start(work, name="send\r\n2026 INFO forged")
        return "OK"

    async with client_for(app) as client:
        assert (await client.get("/")).text == "OK"
        while not done.is_set() or len(app.tasks):
            await asyncio.sleep(0.002)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "the background task send\\r\\n2026 INFO forged failed"
    assert isinstance(record.exc_info[1], ZeroDivisionError)


# The end of the application.


async def test_tasks_end_before_what_they_use(client_for, log, transport):
    @asynccontextmanager
    async def lifespan(app):
        yield
        log.append("lifespan")

    app = Nacre(lifespan=lifespan, tasks=Tasks(grace=0))
    app.on_shutdown(lambda: log.append("hook"))

    @app.get("/")
    async def handler(request):
        request.app.tasks.start(log.work, "task", LONG)
        await asyncio.sleep(0)

    async with TestClient(app, transport) as client:
        await client.get("/")
    app.close()
    assert log == ["task cancelled", "hook", "lifespan"]
    assert len(app.tasks) == 0


async def test_they_have_a_time_to_end_by_themselves(log, transport):
    app = Nacre(tasks=Tasks(limit=1, grace=5))

    @app.get("/")
    async def handler(request):
        for name in "abc":
            request.app.tasks.start(log.work, name, 0.01)

    async with TestClient(app, transport) as client:
        await client.get("/")
    app.close()
    assert log == ["a", "b", "c"]


async def test_those_that_wait_do_not_begin_when_the_time_is_over(log, transport):
    app = Nacre(tasks=Tasks(limit=1, grace=0.05))

    @app.get("/")
    async def handler(request):
        for name in "abc":
            request.app.tasks.start(log.work, name, LONG)

    async with TestClient(app, transport) as client:
        await client.get("/")
    app.close()
    assert log == ["a cancelled"]


async def test_a_task_that_starts_another_one_when_it_is_cancelled_is_told(log, caplog):
    tasks = Tasks(grace=0)

    async def stubborn() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            tasks.start(log.work, "x", name="another\n")

    tasks.start(stubborn)
    await asyncio.sleep(0)
    await tasks.end()
    assert log == []
    assert "is shutting down; the task another\\n was not started" in str(caplog.records[0].exc_info[1])
    tasks.start(log.work, "later")
    await tasks.join()
    assert log == ["later"]


async def test_one_that_does_not_end_is_named(monkeypatch, caplog):
    monkeypatch.setattr("nacre.tasks._LAST_WAIT", 0.05)
    tasks = Tasks(grace=0)
    gate = asyncio.Event()

    async def stubborn() -> None:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                pass

    tasks.start(stubborn, name="stubborn\n")
    await asyncio.sleep(0)
    await tasks.end()
    assert [record.getMessage() for record in caplog.records] == [
        "the background task stubborn\\n goes on although it was cancelled"
    ]
    gate.set()
    await tasks.join()


async def test_tasks_of_a_mounted_application_are_those_of_the_one_that_is_served(client_for, log):
    inner = Nacre()
    outer = Nacre(tasks=Tasks(grace=0))
    outer.mount("/inner", inner)

    @inner.get("/")
    async def handler(request, tasks: Tasks):
        assert tasks is request.app.tasks is inner.tasks is outer.tasks
        tasks.start(log.work, "task", LONG)
        await asyncio.sleep(0)

    async with client_for(outer) as client:
        assert (await client.get("/inner/")).status == 204
    outer.close()
    assert log == ["task cancelled"]


# The end of a request.


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_m31_tasks_of_a_request_end_with_it(client_for, log, kind):
    app = Nacre()
    begun = threading.Event()

    async def work(name: str) -> None:
        begun.set()
        await log.work(name, LONG)

    @app.get("/async")
    async def on_the_loop(request: Request):
        request.after_response(lambda: log.append("after"))
        request.tasks.start(work, "task")
        while not begun.is_set():
            await asyncio.sleep(0.001)
        return "OK"

    @app.get("/plain")
    def in_a_thread(request: Request):
        request.after_response(lambda: log.append("after"))
        request.tasks.start(work, "task")
        begun.wait(5)
        return "OK"

    assert (await client_for(app).get(f"/{kind}")).text == "OK"
    assert log == ["task cancelled", "after"]
    assert len(app.tasks) == 0


async def test_m31_they_go_on_while_the_body_is_sent(client_for, log):
    app = Nacre()

    @app.get("/")
    async def handler(request: Request):
        queue: asyncio.Queue[str] = asyncio.Queue()

        async def feed() -> None:
            for name in "abc":
                await queue.put(name)
            await log.work("feed", LONG)

        request.tasks.start(feed)
        for _ in range(3):
            yield await queue.get()

    assert (await client_for(app).get("/")).text == "abc"
    assert log == ["feed cancelled"]


# Callbacks after the response.


@pytest.mark.parametrize("how", ["background", "after_response", "on_sent"])
@pytest.mark.parametrize("kind", ["async", "lambda", "plain"])
async def test_callbacks_after_a_response_are_called_whatever_they_are(client_for, log, how, kind):
    app = Nacre()
    callback = {
        "async": functools.partial(log.work, "x"),
        "lambda": lambda: log.work("x"),
        "plain": lambda: log.append("x"),
    }

    @app.get("/")
    async def handler(request: Request):
        response = PlainTextResponse("OK")
        if how == "background":
            response.background = callback[kind]
        elif how == "after_response":
            request.after_response(callback[kind])
        else:
            response.on_sent(callback[kind])
        return response

    assert (await client_for(app).get("/")).text == "OK"
    assert log == ["x"]


def test_an_awaitable_that_comes_where_no_loop_is_is_told(caplog, log):
    app = Nacre()

    @app.get("/")
    def handler(request: Request):
        request.after_response(lambda: log.work("x"))
        return "OK"

    assert TestClient(app, "wsgi").get("/").text == "OK"
    assert "returned an awaitable, and runs without an event loop here" in str(caplog.records[0].exc_info[1])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "plain"])
def test_under_wsgi_the_server_s_thread_does_not_wait_for_a_background_callable(stream, asynchronous):
    """Granian ends a response after `close`, and gunicorn's threads read the next request of the connection then."""
    app = Nacre()
    gate, log = threading.Event(), []

    def background() -> None:
        gate.wait(5)
        log.append("background")

    async def on_the_loop() -> None:
        await asyncio.to_thread(background)

    @app.get("/")
    def handler(request: Request):
        request.after_response(lambda: log.append("after"))
        work = on_the_loop if asynchronous else background
        return StreamingResponse(iter(["OK"]), background=work)

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.0"}
    body = app(environ, lambda status, headers: None)
    assert b"".join(body) == b"OK"
    body.close()
    assert log == []
    gate.set()
    body.over.result(5)
    assert log == ["background", "after"]


def test_what_goes_on_after_responses_under_wsgi_is_awaited_when_the_application_is_closed():
    app = Nacre()
    log: list[str] = []

    async def slow() -> None:
        await asyncio.sleep(0.1)
        log.append("background")

    app.add_route("/", lambda request: PlainTextResponse("OK", background=slow))
    body = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.0"}, lambda status, headers: None)
    assert b"".join(body) == b"OK"
    body.close()
    app.close()
    assert log == ["background"]
