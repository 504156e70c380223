"""The lifespan as an ASGI server sees it (E41), and the scheme and host of the test client (E43)."""

import pytest

from nacre import Nacre
from nacre.testing import TestClient
from programs.program import load


async def talk(app):
    """What an application answers to startup and shutdown, and the state it leaves in the scope."""
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    received = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(received)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent, scope["state"]


COMPLETE = [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


async def test_an_application_without_a_lifespan_starts_and_stops():
    assert await talk(Nacre()) == (COMPLETE, {})


async def test_what_the_startup_leaves_is_in_the_state_of_the_scope():
    program = load("e41_state")
    assert await talk(program.app) == (COMPLETE, {"foo": "bar"})
    assert program.left == [{"foo": "baz"}]


async def test_and_in_that_of_requests(client_for):
    async with client_for(load("e41_state").app) as client:
        assert (await client.get("/")).text == "bar"


async def test_errors_are_told_to_the_server():
    program = load("e41_errors")
    [failed], _ = await talk(program.fails_to_start)  # after this a server asks for no shutdown
    assert failed["type"] == "lifespan.startup.failed"
    assert failed["message"].splitlines()[-1] == "KeyError: 'foo'"
    [started, stopped], _ = await talk(program.fails_to_stop)
    assert started == {"type": "lifespan.startup.complete"}
    assert stopped["type"] == "lifespan.shutdown.failed"
    assert stopped["message"].splitlines()[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_scheme_and_host_are_the_clients(transport, scheme):
    async with TestClient(load("e43_host").app, transport, scheme=scheme, host="foo.com") as client:
        response = await client.get("/")
    assert (response.status, response.text) == (200, f"{scheme}://foo.com")
