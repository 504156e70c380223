"""What every test has: a client on each transport, and the promise that nothing is left behind and nothing blocks."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster

from nacre.testing import TestClient

TRANSPORTS = ["asgi", "rsgi", "wsgi"]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The name of a transport; a test that uses it runs once on each."""
    return str(request.param)


@pytest.fixture
def client_for(transport: Any) -> Iterator[Callable[..., TestClient]]:
    """Make a client of an application on the transport: `async with client_for(app) as client`."""
    with contextlib.ExitStack() as stack:

        def make(app: Any, **options: Any) -> TestClient:
            client = TestClient(app, transport, **options)
            stack.callback(client.close)
            return client

        yield make


# Nothing is left behind.


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _leaving_no_task(item.obj)


# An async test is wrapped, rather than given an async fixture: a fixture would make every plain test start an event
# loop, and async fixtures may well have tasks that outlive the test's body.
def _leaving_no_task(test: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(test)
    async def wrapper(*args: Any, **kwargs: Any) -> None:
        before = asyncio.all_tasks()
        await test(*args, **kwargs)
        await asyncio.sleep(0)  # what was cancelled last ends now
        left = asyncio.all_tasks() - before
        assert not left, f"the test left tasks behind: {', '.join(map(repr, left))}"

    return wrapper


class _Complaints(logging.Handler):
    """What asyncio logs: exceptions nobody retrieved, tasks destroyed while pending, callbacks that failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


@pytest.fixture(autouse=True)
def _nothing_unretrieved() -> Iterator[None]:
    complaints = _Complaints()
    logger = logging.getLogger("asyncio")
    logger.addHandler(complaints)
    yield
    logger.removeHandler(complaints)
    assert not complaints.messages, "asyncio complained:\n" + "\n".join(complaints.messages)


# Nothing blocks the event loop.


@pytest.fixture(autouse=True, scope="session")
def _nothing_blocks() -> Iterator[None]:
    detector = BlockBuster("nacre")
    for function in detector.functions.values():
        # Compiling may read source text, to say where a declaration stands. It happens before the first request is
        # answered, and then no other is kept waiting by it. So may the log and the debug page of an exception.
        function.can_block_in("nacre/app.py", {"compile", "report"})
        # An application that has documentation pages reads their files while it is put together.
        function.can_block_in("nacre/openapi/pages.py", {"require_assets"})
    # A message that names a place asks for the working directory, which waits for nothing.
    detector.functions["os.getcwd"].can_block_in("nacre/errors.py", {"__str__"})
    # Stands for Granian, which reads the files it sends in threads of its own.
    for name in ("os.stat", "io.BufferedReader.read"):
        detector.functions[name].can_block_in("nacre/testing/rsgi.py", {"_content"})
    # As the documents of Microdot write it, a handler on the loop looks up a template.
    for module in ("jinja", "utemplate"):
        for name in ("os.stat", "io.BufferedReader.read", "io.TextIOWrapper.read", "os.listdir", "os.scandir"):
            if name in detector.functions:
                detector.functions[name].can_block_in(f"nacre/dialects/microdot/{module}.py", {"__init__"})
    # With MSG_DONTWAIT.
    detector.functions["socket.socket.send"].can_block_in("nacre/transports/kernel.py", {"write"})
    # What it lists is no disk's: the descriptors of this process.
    detector.functions["os.listdir"].can_block_in("nacre/transports/kernel.py", {"_descriptors"})
    detector.activate()
    yield
    detector.deactivate()
