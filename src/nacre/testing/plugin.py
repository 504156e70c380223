"""The pytest plugin: a factory of clients, and an option for the transports to run tests on.

Nothing but pytest is imported here, so that an application's coverage is measured from its first line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nacre.testing.client import TestClient

TRANSPORTS = ("asgi", "rsgi", "wsgi")
_PARAMETER = "_nacre_transport"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option and the ini value; the option wins."""
    explanation = "the transport on which tests with the fixture nacre_client run: asgi, rsgi, wsgi or all"
    parser.getgroup("nacre").addoption("--nacre-transport", choices=[*TRANSPORTS, "all"], help=explanation)
    parser.addini("nacre_transport", explanation, default="asgi")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once per transport when several are asked for."""
    if _PARAMETER in metafunc.fixturenames:
        metafunc.parametrize(_PARAMETER, _transports(metafunc.config), indirect=True)


def _transports(config: pytest.Config) -> tuple[str, ...]:
    name: str = config.getoption("--nacre-transport") or config.getini("nacre_transport")
    if name == "all":
        return TRANSPORTS
    if name not in TRANSPORTS:
        raise pytest.UsageError(f"nacre_transport is {name!r}; it is one of {', '.join(TRANSPORTS)}, all")
    return (name,)


@pytest.fixture
def _nacre_transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def nacre_client(_nacre_transport: str) -> Iterator[Callable[..., TestClient]]:
    """Make a test client: `nacre_client(app, **options)`, with the options of `nacre.testing.TestClient`.

    Enter it (`async with` or `with`) for the application's startup and shutdown. What plain tests leave open is closed
    after the test.
    """
    from nacre.testing.client import TestClient

    with contextlib.ExitStack() as stack:

        def make(app: Any, **options: Any) -> TestClient:
            options.setdefault("transport", _nacre_transport)
            client = TestClient(app, **options)
            stack.callback(client.close)
            return client

        yield make
