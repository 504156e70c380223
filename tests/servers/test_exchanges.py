"""The same exchanges with every server, over real sockets."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

import pytest

from servers.process import ALL, ASYNC, THREADED, Server, eventually
from servers.script import CASES, SERVERS_OWN, Case
from servers.wire import Reader, Reply, request

every_server = pytest.mark.parametrize("server", ALL, indirect=True)
async_servers = pytest.mark.parametrize("server", ASYNC, indirect=True)


def get(server: Server, target: str) -> Reply:
    with server.connect() as connection:
        connection.sendall(request("GET", target))
        return Reader(connection).reply()


def events(server: Server, key: str) -> dict[str, int]:
    counts: dict[str, int] = json.loads(get(server, f"/events?of={key}").body)
    return counts


def happened(server: Server, key: str, what: str) -> None:
    eventually(lambda: events(server, key).get(what), seconds=1, what=f"{what!r} of {key}")


def leave(connection: socket.socket, how: str) -> None:
    if how == "RST":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def difference(server: Server, case: Case) -> Any:
    """What is wrong with the server's answer; None if nothing is."""
    expected = case.answer_of(server.kind)
    with server.connect() as connection:
        connection.sendall(
            request(case.method, case.target, case.headers, case.body, chunked=case.chunked, host=case.host)
        )
        reply = Reader(connection).reply(case.method)
    found = sorted(pair for pair in reply.headers if pair[0] not in SERVERS_OWN)
    if expected.headers is None:
        wanted = found
    else:
        wanted = sorted(expected.headers)
        if "content-length" not in dict(wanted):
            # Checked by the reader, which reads as much; and a stream has none.
            found = [pair for pair in found if pair[0] != "content-length"]
    body = reply.body if expected.body is None else expected.body
    if (reply.status, found, reply.body, reply.complete) == (expected.status, wanted, body, True):
        return None
    return reply.status, found, reply.body[:200], reply.complete


@every_server
def test_every_server_gives_the_same_answers(server: Server) -> None:
    wrong = {case.name: found for case in CASES if (found := difference(server, case)) is not None}
    assert wrong == {}


@every_server
def test_one_connection_carries_many_requests(server: Server) -> None:
    if server.kind == "gunicorn-sync":
        pytest.skip("this worker closes each connection")
    with server.connect() as connection:
        reader = Reader(connection)
        for target in ("/text", "/nowhere", "/fail", "/stream/async", "/empty", "/text"):
            connection.sendall(request("GET", target))
            last = reader.reply()
        connection.sendall(request("POST", "/unread", (), b"x" * 100))
        assert reader.reply().body == b"not read"
        connection.sendall(request("GET", "/json"))
        assert reader.reply().status == 200
        assert last.body == b"plain words"


@every_server
def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    if server.kind == "gunicorn-sync":
        pytest.skip("this worker closes each connection")
    with server.connect() as connection:
        connection.sendall(request("GET", "/sync") + request("GET", "/text"))
        reader = Reader(connection)
        assert [reader.reply().body, reader.reply().body] == [b"from a thread", b"plain words"]


@every_server
def test_continue_is_sent_when_the_body_is_wanted(server: Server) -> None:
    with server.connect() as connection:
        head, _, _ = request("POST", "/length", (("Expect", "100-continue"),), b"").rpartition(b"Content-Length: 0")
        connection.sendall(head + b"Content-Length: 5\r\n\r\n")
        reader = Reader(connection)
        assert reader.start().status == 100
        connection.sendall(b"12345")
        assert reader.reply().body == b'{"length":5}'


@pytest.mark.parametrize("target", ["/gated", "/gated/sync"])
@every_server
def test_a_stream_arrives_piece_by_piece(server: Server, target: str) -> None:
    if server.kind == "gunicorn-sync":
        pytest.skip("this server answers one request at a time, so nobody could open the gate")
    key = target.replace("/", "") + server.kind
    with server.connect() as connection:
        connection.sendall(request("GET", f"{target}?key={key}"))
        reader = Reader(connection)
        assert reader.start().get("transfer-encoding") == "chunked"
        assert reader.piece() == b"first"
        assert get(server, f"/open?key={key}").status == 204
        assert [reader.piece(), reader.piece()] == [b"second", b""]


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("target", ["/waiting", "/endless", "/flood", "/endless/sync"])
@async_servers
def test_a_client_that_leaves_ends_the_stream_and_all_layers_once(server: Server, target: str, how: str) -> None:
    key = (target + how).replace("/", "")
    connection = server.connect()
    connection.sendall(request("GET", f"{target}?key={key}"))
    reader = Reader(connection)
    assert reader.start().status == 200
    assert reader.piece()
    leave(connection, how)
    happened(server, key, "after_response")
    found = events(server, key)
    found.pop("piece", None)
    cancelled = {"cancelled": 1} if target in ("/waiting", "/endless") else {}
    asgi = {} if target == "/endless/sync" else {"asgi": 1}
    assert found == {"onion": 1, "django": 1, "finally": 1, "after_response": 1, **asgi, **cancelled}


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("server", THREADED, indirect=True)
def test_under_wsgi_the_next_piece_shows_that_the_client_left(server: Server, how: str) -> None:
    key = f"wsgi{how}"
    connection = server.connect()
    connection.sendall(request("GET", f"/endless/sync?key={key}"))
    assert Reader(connection).start().status == 200
    leave(connection, how)
    happened(server, key, "after_response")
    assert events(server, key) == {"onion": 1, "django": 1, "finally": 1, "after_response": 1}


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize("how", ["FIN", "RST"])
@async_servers
def test_a_client_that_leaves_while_it_sends_its_body_is_noticed(server: Server, how: str, chunked: bool) -> None:
    key = f"upload{how}{chunked}"
    connection = server.connect()
    frame = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" if chunked else "Content-Length: 1000\r\n\r\nabc"
    connection.sendall(f"POST /upload?key={key} HTTP/1.1\r\nHost: example.org\r\n{frame}".encode())
    happened(server, key, "begun")
    leave(connection, how)
    happened(server, key, "finally")
    found = events(server, key)
    assert found in ({"begun": 1, "ClientDisconnect": 1, "finally": 1}, {"begun": 1, "CancelledError": 1, "finally": 1})


@async_servers
def test_is_disconnected_knows_who_is_there(server: Server) -> None:
    assert json.loads(get(server, "/disconnected").body) == {"answers": [False, False, False]}
    connection = server.connect()
    connection.sendall(request("GET", "/left?key=left"))
    happened(server, "left", "begun")
    connection.close()
    happened(server, "left", "seen")


@async_servers
def test_is_disconnected_loses_nothing_of_the_body(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(request("POST", "/patient", (("Content-Length", "20000"),)))
        for _ in range(20):
            connection.sendall(b"x" * 1000)
            time.sleep(0.005)  # so that pieces arrive between and during the questions
        assert Reader(connection).reply().body == b'{"length":20000}'


def peek(connection: socket.socket) -> bytes:
    """The first byte that comes; empty if the connection ends without one."""
    try:
        return connection.recv(1, socket.MSG_PEEK)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("target", ["/broken", "/broken/length", "/broken/sync"])
@every_server
def test_a_stream_that_fails_is_cut_and_logged_once(server: Server, target: str) -> None:
    before = server.log().count(f"GET {target} ")
    with server.connect() as connection:
        connection.sendall(request("GET", f"{target}?key=broken"))
        # Granian cuts a WSGI response of a declared length at once, at times before its status has left.
        cut_early = server.kind == "granian-wsgi" and target == "/broken/length" and not peek(connection)
        reply = None if cut_early else Reader(connection).reply()
    if reply is not None:
        assert reply.status == 200
        assert reply.body in (b"", b"first")
        # Nothing can be done about it there; see transports/wsgi.py.
        assert reply.complete == (server.kind == "granian-wsgi" and target != "/broken/length")
    eventually(lambda: server.log().count(f"GET {target} ") > before, what="the log line")
    assert server.log().count(f"GET {target} ") == before + 1
    if target == "/broken":
        happened(server, "broken", "after_response")
        assert events(server, "broken") == {"onion": 1, "django": 1, "asgi": 1, "finally": 1, "after_response": 1}


@every_server
def test_a_slow_client_slows_the_stream_down(server: Server) -> None:
    if server.kind == "gunicorn-sync":
        pytest.skip("this server answers one request at a time, so nobody could ask")
    key = "slowly"
    with server.connect() as connection:
        connection.sendall(request("GET", f"/flood?key={key}"))
        assert Reader(connection).start().status == 200
        seen: list[int] = []

        def stands_still() -> bool:
            seen.append(events(server, key).get("piece", 0))
            return len(seen) > 20 and seen[-20] == seen[-1]

        eventually(stands_still, what="the stream's rest")
        # What the kernel's buffers hold, and a little more: far from what a second of 64 KiB pieces would be.
        assert seen[-1] < 300
