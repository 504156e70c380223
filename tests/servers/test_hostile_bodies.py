"""Bodies that are withheld, malformed or cut off, byte by byte: a refusal, and no word of an error in the log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from servers.process import ALL, ASYNC, Server, started
from servers.wire import Reader

HEAD = "POST {path} HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\n{fields}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the kind that the test is parameterised with, and the application of `programs/impatient.py`."""
    with started(request.param, tmp_path_factory.mktemp("server"), app="programs.impatient:app") as running:
        yield running


# `nacre` is Granian's RSGI too.
async_servers = pytest.mark.parametrize("server", [kind for kind in ASYNC if kind != "nacre"], indirect=True)


@pytest.mark.parametrize("path", ["/read", "/plain", "/layered"])
@pytest.mark.parametrize(
    ("fields", "first"),
    [("Content-Length: 100\r\n", b'{"na'), (CHUNKED, b'4\r\n{"na\r\n')],
    ids=["declared", "chunked"],
)
@async_servers
def test_who_withholds_a_body_gets_a_408_and_the_connection_is_closed(
    server: Server, fields: str, first: bytes, path: str
) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD.format(path=path, fields=fields).encode() + first)
        reader = Reader(connection)
        reply = reader.reply("POST")
        assert (reply.status, reply.complete) == (408, True)
        assert connection.recv(1) == b""


MALFORMED = {
    "no number": b"3\r\nabc\r\nzz\r\nabc\r\n",
    "no number at first": b"zz\r\n",
    "more than said": b"3\r\nabcdef\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("server", [kind for kind in ALL if kind not in ("nacre", "granian-wsgi")], indirect=True)
def test_malformed_chunks_are_refused_and_are_no_error_of_the_application(server: Server, body: bytes) -> None:
    before = server.log()
    with server.connect() as connection:
        connection.sendall(HEAD.format(path="/read", fields=CHUNKED).encode() + body)
        reader = Reader(connection)
        assert reader.start().status == 400
        while connection.recv(65536):
            pass
    assert "Traceback" not in server.log().removeprefix(before)


# Granian's WSGI ends a chunked body that breaks off as if it were whole.
CUT = [
    (kind, fields)
    for kind in ALL
    for fields in ("Content-Length: 100\r\n", CHUNKED)
    if kind != "nacre" and (kind, fields) != ("granian-wsgi", CHUNKED)
]


@pytest.mark.parametrize(("server", "fields"), CUT, indirect=["server"])
def test_a_body_that_is_cut_off_is_refused_or_unanswered_and_no_error(server: Server, fields: str) -> None:
    first = b"3\r\nabc\r\n" if fields == CHUNKED else b"abc"
    before = server.log()
    with server.connect() as connection:
        connection.sendall(HEAD.format(path="/read", fields=fields).encode() + first)
        connection.shutdown(1)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in server.log().removeprefix(before)


@pytest.mark.parametrize("fields", ["", "Trailer: X-Sum\r\n"], ids=["unannounced", "announced"])
@pytest.mark.parametrize("server", [kind for kind in ALL if kind != "nacre"], indirect=True)
def test_trailers_are_left_out_of_the_body(server: Server, fields: str) -> None:
    with server.connect() as connection:
        body = b"3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
        connection.sendall(HEAD.format(path="/read", fields=fields + CHUNKED).encode() + body)
        reply = Reader(connection).reply("POST")
    # Over RSGI they can't be told from a body that breaks off, unless they are announced.
    taken = server.kind != "granian-rsgi" or fields
    assert (reply.status, reply.body == b"abc") == ((200, True) if taken else (400, False))
