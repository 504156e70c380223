"""Applications that break the rules of their protocol are told so, and so is the test."""

from __future__ import annotations

import sys

import pytest

from nacre.testing import ProtocolViolation, TestClient


def start(status=200, *headers):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data=b"", more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def length(value):
    return (b"content-length", value)


ASGI = [
    ("returned without a response", []),
    ("returned within its response", [start()]),
    ("returned within its response", [start(), body(b"a", True)]),
    ("second response", [start(), start()]),
    ("before the response was started", [body(b"a")]),
    ("after the end of the response", [start(), body(), body()]),
    ("a body was sent after the end", [start(), body(b"a"), body(b"b", True)]),
    ("not a message", [{"type": "http.response.push"}]),
    ("body is bytes, not str", [start(), body("a")]),
    ("status is an int, not '200'", [start("200")]),
    ("not the status of a final response", [start(100)]),
    ("are bytes", [start(200, ("a", "b"))]),
    ("lower case, unlike b'A'", [start(200, (b"A", b"b"))]),
    ("not a header name", [start(200, (b"a b", b"c"))]),
    ("control character", [start(200, (b"a", b"b\r\nc: d"))]),
    ("2 bytes were sent, and Content-Length is 1", [start(200, length(b"1")), body(b"ab")]),
    ("1 bytes were sent, and Content-Length is 2", [start(200, length(b"2")), body(b"a")]),
    ("Content-Length is '1, 1'", [start(200, length(b"1"), length(b"1")), body(b"a")]),
    ("Content-Length is 'x'", [start(200, length(b"x")), body(b"a")]),
    ("a 204 response has a Content-Length", [start(204, length(b"0")), body()]),
    ("a 304 answer", [start(304), body(b"a")]),
]


def asgi(messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


@pytest.mark.parametrize(("text", "messages"), ASGI, ids=[text for text, _ in ASGI])
async def test_asgi(text, messages):
    with pytest.raises(ProtocolViolation, match=rf"GET /: .*{text}"):
        await TestClient(asgi(messages)).get("/")


async def test_a_violation_that_the_application_swallows_fails_the_test_too():
    async def app(scope, receive, send):
        try:
            await send(body())
        except AssertionError:
            await send(start())
            await send(body(b"fine"))

    with pytest.raises(ProtocolViolation, match="before the response was started"):
        await TestClient(app).get("/")


async def test_a_violation_within_a_stream_is_raised_at_its_end():
    with pytest.raises(ProtocolViolation, match="second response"):
        async with TestClient(asgi([start(), body(b"a", True), start()])).stream("GET", "/") as response:
            assert [piece async for piece in response] == [b"a"]


async def test_asgi_refuses_a_body_for_head():
    with pytest.raises(ProtocolViolation, match="HEAD"):
        await TestClient(asgi([start(), body(b"a")])).head("/")


RSGI = [
    ("returned without a response", lambda protocol: None),
    ("second response_", lambda p: (p.response_empty(200, []), p.response_str(200, [], ""))),
    ("second response_", lambda p: (p.response_stream(200, []), p.response_bytes(200, [], b""))),
    ("bytes, not str", lambda p: p.response_bytes(200, [], "a")),
    ("str, not bytes", lambda p: p.response_str(200, [], b"a")),
    ("tuples of two str", lambda p: p.response_empty(200, [("a", b"b")])),
    ("tuples of two str", lambda p: p.response_empty(200, [["a", "b"]])),
    ("no file '/nowhere'", lambda p: p.response_file(200, [], "/nowhere")),
    ("not a header name", lambda p: p.response_empty(200, [("a b", "c")])),
    ("3 bytes were sent, and Content-Length is 1", lambda p: p.response_bytes(200, [("content-length", "1")], b"abc")),
]


@pytest.mark.parametrize(("text", "answer"), RSGI, ids=[text for text, _ in RSGI])
async def test_rsgi(text, answer):
    async def app(scope, protocol):
        answer(protocol)

    with pytest.raises(ProtocolViolation, match=text):
        await TestClient(app, "rsgi").get("/")


RSGI_STREAMS = [
    ("send_bytes takes bytes, not str", "send_bytes", "a"),
    ("send_str takes str, not bytes", "send_str", b"a"),
    ("2 bytes were sent, and Content-Length is 1", "send_str", "ab"),
]


@pytest.mark.parametrize(("text", "method", "piece"), RSGI_STREAMS, ids=[text for text, _, _ in RSGI_STREAMS])
async def test_rsgi_streams(text, method, piece):
    async def app(scope, protocol):
        await getattr(protocol.response_stream(200, [("content-length", "1")]), method)(piece)

    with pytest.raises(ProtocolViolation, match=text):
        await TestClient(app, "rsgi").get("/")


@pytest.mark.parametrize("sending", ["response_bytes", "response_stream"])
async def test_rsgi_leaves_out_the_body_for_head(sending):
    async def app(scope, protocol):
        if sending == "response_bytes":
            protocol.response_bytes(200, [("content-length", "3")], b"abc")
        else:
            await protocol.response_stream(200, []).send_bytes(b"abc")

    assert (await TestClient(app, "rsgi").head("/")).body == b""


def wsgi_twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def wsgi_late(environ, start_response):
    yield b"early"
    start_response("200 OK", [])


def wsgi_short(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"a"]


def answering(status="200 OK", headers=(), pieces=()):
    def app(environ, start_response):
        start_response(status, headers if headers is None else list(headers))
        return pieces

    return app


WSGI = [
    ("start_response was not called", lambda environ, start_response: []),
    ("a second time, without exc_info", wsgi_twice),
    ("before start_response", wsgi_late),
    ("a status looks like '200 OK'", answering("200")),
    ("a status looks like '200 OK'", answering(b"200 OK")),
    ("the headers are a list, not NoneType", answering(headers=None)),
    ("tuples of two str", answering(headers=[("a", b"b")])),
    ("Connection is the server's business", answering(headers=[("Connection", "close")])),
    ("control character", answering(headers=[("a", "b\nc")], pieces=[b"x"])),
    ("bytes, not str", answering(pieces=["a"])),
    ("returned bytes, not an iterable", answering(pieces=b"a")),
    ("1 bytes were sent, and Content-Length is 2", wsgi_short),
]


@pytest.mark.parametrize(("text", "app"), WSGI, ids=[text for text, _ in WSGI])
async def test_wsgi(text, app):
    with pytest.raises(ProtocolViolation, match=text):
        await TestClient(app, "wsgi").get("/")


class Pieces:
    """A WSGI iterable that counts how often it is closed."""

    def __init__(self, pieces, error=None):
        self._pieces = iter(pieces)
        self._error = error
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        piece = next(self._pieces, None)
        if piece is not None:
            return piece
        raise self._error or StopIteration

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("error", [None, ZeroDivisionError()], ids=repr)
async def test_wsgi_iterables_are_closed_once(error):
    pieces = Pieces([b"a", b"b"], error)
    response = await TestClient(answering(pieces=pieces), "wsgi").get("/")
    assert (response.body, response.aborted, pieces.closed) == (b"ab", error, 1)


async def test_wsgi_iterables_are_closed_once_when_the_client_leaves():
    pieces = Pieces([b"a", b"b", b"c"])
    async with TestClient(answering(pieces=pieces), "wsgi").stream("GET", "/") as response:
        assert await anext(response) == b"a"
        await response.disconnect()
    assert pieces.closed == 1


async def test_wsgi_applications_may_write_and_start_again_after_an_error():
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            write = start_response("500 Oh", [("X-A", "b")], sys.exc_info())
        write(b"written ")
        return [b"returned"]

    response = await TestClient(app, "wsgi").get("/")
    assert (response.status, response.headers["x-a"], response.body) == (500, "b", b"written returned")


async def test_wsgi_errors_after_the_start_come_back():
    def app(environ, start_response):
        start_response("200 OK", [])(b"a")
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response("500 Oh", [], sys.exc_info())
        return []

    response = await TestClient(app, "wsgi").get("/")
    assert (response.status, response.body, type(response.aborted)) == (200, b"a", ZeroDivisionError)
