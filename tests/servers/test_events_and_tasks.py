"""Server-sent events over real sockets, and work after a response that keeps nobody waiting."""

from __future__ import annotations

import pytest

from servers.process import ALL, Server, eventually
from servers.test_exchanges import events, get, happened
from servers.wire import Reader, request

every_server = pytest.mark.parametrize("server", ALL, indirect=True)


@every_server
def test_events_come_when_they_are_sent_and_end_with_the_client(server: Server) -> None:
    """M50, M70. A WSGI server notices at the second comment that it can't write."""
    key = f"sse-{server.kind}"
    received = b""
    with server.connect() as connection:
        connection.sendall(request("GET", f"/sse?key={key}"))

        def receive(what: bytes) -> None:
            nonlocal received
            while what not in received:
                piece = connection.recv(65536)
                assert piece, f"the stream ended with {received!r}"
                received += piece

        receive(b'data: {"number":1}\n\n')
        assert b"text/event-stream" in received
        receive(b": ping\n\n")
        if server.kind != "gunicorn-sync":  # whose one worker sends these events
            get(server, f"/open?key={key}")
            receive(b'data: {"number":2}\n\n')
    happened(server, key, "cancelled")
    assert events(server, key)["finally"] == 1
    assert "never retrieved" not in server.log()


@every_server
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_background_work_delays_neither_its_response_nor_the_next_one(server: Server, kind: str) -> None:
    key = f"background-{kind}-{server.kind}"
    with server.connect() as connection:
        reader = Reader(connection)
        connection.sendall(request("GET", f"/background?kind={kind}&key={key}"))
        reply = reader.reply()
        assert (reply.body, reply.complete) == (b"first", True)
        if server.kind != "gunicorn-sync":  # closes each connection
            connection.sendall(request("GET", "/text"))
            assert reader.reply().body == b"plain words"
    assert "background" not in events(server, key)
    get(server, f"/open?key={key}")
    eventually(lambda: events(server, key).get("background"), what="the background work")
