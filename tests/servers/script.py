"""What is asked of every server, and the one answer that all must give.

A case's reply is compared whole: status, body, and all headers but the server's own. Where a server can't give the
same answer, `unless` says what it gives, by the beginning of its kind's name, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Headers = tuple[tuple[str, str], ...]

TEXT = ("content-type", "text/plain; charset=utf-8")
JSON = ("content-type", "application/json")
BINARY = ("content-type", "application/octet-stream")
FINAL = ("x-final", "yes")

SERVERS_OWN = frozenset({"server", "date", "connection", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True)
class Answer:
    """A response: `headers` are the application's, in any order; None: any."""

    status: int
    headers: Headers | None = (TEXT, FINAL)
    body: bytes | None = b""


@dataclass(frozen=True)
class Case:
    name: str
    method: str
    target: str
    answer: Answer
    headers: Headers = ()
    body: bytes | None = None
    chunked: bool = False
    host: str | None = "example.org"
    unless: Mapping[str, tuple[Answer, str]] = field(default_factory=dict)

    def answer_of(self, kind: str) -> Answer:
        for beginning, (answer, _) in self.unless.items():
            if kind.startswith(beginning):
                return answer
        return self.answer


def text(body: str, status: int = 200, *headers: tuple[str, str]) -> Answer:
    return Answer(status, (TEXT, FINAL, *headers), body.encode())


def error(body: str, status: int, *headers: tuple[str, str]) -> Answer:
    return text(body, status, VARY, *headers)


def json(body: str, status: int = 200, *headers: tuple[str, str]) -> Answer:
    return Answer(status, (JSON, FINAL, *headers), body.encode())


JSON_BODY = ("content-type", "application/json")
BIG = bytes(range(256)) * 1200
VARY = ("vary", "Accept")
DECODED = "the server decodes the path and drops the raw target, so an escaped slash is a slash"
UNSEEN = "the server leaves a header value out that is not ASCII"
UTF8 = "the server sends a header value that is not ASCII as UTF-8"
JOINED = "WSGI has one place for the headers of one name"

CASES = [
    Case("text", "GET", "/text", text("plain words")),
    Case("plain def handler", "GET", "/sync", text("from a thread")),
    Case("json", "GET", "/json", json('{"name":"nácre","layers":[1,2,3]}')),
    Case("json body", "POST", "/json", json('{"got":{"a":[1,null]}}'), (JSON_BODY,), b'{"a": [1, null]}'),
    Case("json body, chunked", "POST", "/json", json('{"got":[1,2]}'), (JSON_BODY,), b"[1, 2]", chunked=True),
    Case("no content", "GET", "/empty", Answer(204, (FINAL,))),
    Case("HEAD", "HEAD", "/text", Answer(200, (TEXT, FINAL, ("content-length", "11")))),
    Case("HEAD of a stream", "HEAD", "/stream/async", Answer(200, (BINARY, FINAL))),
    Case("not found", "GET", "/nowhere", error("Not Found", 404)),
    Case("HEAD of nothing", "HEAD", "/nowhere", Answer(404, (TEXT, VARY, FINAL, ("content-length", "9")))),
    Case("wrong method", "DELETE", "/json", error("Method Not Allowed", 405, ("allow", "GET, HEAD, POST, OPTIONS"))),
    Case("automatic OPTIONS", "OPTIONS", "/json", Answer(204, (FINAL, ("allow", "GET, HEAD, POST, OPTIONS")))),
    Case("too large, declared", "POST", "/echo", Answer(413, (TEXT, VARY, FINAL), None), body=b"x" * 400_001),
    Case(
        "too large, chunked", "POST", "/echo", Answer(413, (TEXT, VARY, FINAL), None), body=b"x" * 400_001, chunked=True
    ),
    Case("an exception", "GET", "/fail", error("Internal Server Error", 500)),
    Case("an HTTP error", "GET", "/abort", error("not you", 403)),
    Case(
        "an HTTP error as JSON",
        "GET",
        "/abort",
        Answer(
            403,
            (("content-type", "application/problem+json"), VARY, FINAL),
            b'{"type":"about:blank","title":"Forbidden","status":403,"detail":"not you"}',
        ),
        (("accept", "application/json"),),
    ),
    Case("redirect", "GET", "/redirect", Answer(302, (FINAL, ("location", "/text?after=redirect")))),
    Case(
        "cookies",
        "GET",
        "/cookies",
        json(
            '{"a":"1","b":"x y"}',
            200,
            ("set-cookie", "one=1; Path=/; HttpOnly; SameSite=Lax"),
            ("set-cookie", "two=2; Path=/sub; Secure; SameSite=Lax"),
        ),
        (("cookie", 'a=1; b="x y"'),),
    ),
    Case("query", "GET", "/query?a=1&a=%C3%A9&b=+x%26", json('{"raw":"a=1&a=%C3%A9&b=+x%26","a":["1","é"],"b":" x&"}')),
    Case("empty query", "GET", "/query?", json('{"raw":"","a":[],"b":null}')),
    Case("escaped path", "GET", "/path/caf%C3%A9%20au/lait%3F", json('{"rest":"café au/lait?"}')),
    Case("escaped percent", "GET", "/segment/100%25", json('{"one":"100%"}')),
    Case("escaped twice", "GET", "/segment/a%252Fb", json('{"one":"a%2Fb"}')),
    Case(
        "escaped slash",
        "GET",
        "/segment/a%2Fb",
        json('{"one":"a/b"}'),
        unless={
            "nacre": (error("Not Found", 404), DECODED),
            "granian-rsgi": (error("Not Found", 404), DECODED),
            "granian-wsgi": (error("Not Found", 404), DECODED),
        },
    ),
    Case("dots in the path", "GET", "/path/a/../b", json('{"rest":"a/../b"}')),
    Case("path not UTF-8", "GET", "/path/%ff", Answer(400, (TEXT, VARY, FINAL), None)),
    Case("host not one", "GET", "/text", Answer(400, (TEXT, VARY, FINAL), None), host="exa mple"),
    Case("two hosts", "GET", "/text", Answer(400, None, None), (("Host", "other.org"),)),
    Case("no host", "GET", "/text", Answer(400, None, None), host=None),
    Case("asterisk", "OPTIONS", "*", Answer(204, (FINAL, ("allow", "")))),
    Case("async stream", "GET", "/stream/async", Answer(200, (BINARY, FINAL), b"piece 0\npiece 1\npiece 2\n")),
    Case("plain stream", "GET", "/stream/sync", text("piece 0\npiece 1\npiece 2\n")),
    Case("echo", "PUT", "/echo", Answer(200, (BINARY, FINAL), BIG), (BINARY,), BIG),
    Case("echo, chunked", "PUT", "/echo", Answer(200, (BINARY, FINAL), BIG), (BINARY,), BIG, chunked=True),
    Case("empty body", "POST", "/echo", Answer(200, (BINARY, FINAL)), (BINARY,), b""),
    Case("streamed body", "POST", "/length", json('{"length":300000}'), body=b"x" * 300_000),
    Case("unread body", "POST", "/unread", text("not read"), body=b"x" * 100),
    Case(
        "two headers of a name",
        "GET",
        "/headers",
        json('{"x-twice":["1","2"],"x-latin":[],"host":["example.org"]}'),
        (("X-Twice", "1"), ("X-Twice", "2")),
        unless={
            "granian-wsgi": (json('{"x-twice":["1,2"],"x-latin":[],"host":["example.org"]}'), JOINED),
            "gunicorn": (json('{"x-twice":["1,2"],"x-latin":[],"host":["example.org"]}'), JOINED),
        },
    ),
    Case(
        "latin-1 header",
        "GET",
        "/headers",
        json('{"x-twice":[],"x-latin":["café"],"host":["example.org"]}'),
        (("X-Latin", "caf\xe9"),),
        unless={
            "nacre": (json('{"x-twice":[],"x-latin":[],"host":["example.org"]}'), UNSEEN),
            "granian-rsgi": (json('{"x-twice":[],"x-latin":[],"host":["example.org"]}'), UNSEEN),
            "granian-wsgi": (json('{"x-twice":[],"x-latin":[""],"host":["example.org"]}'), UNSEEN),
        },
    ),
    Case(
        "latin-1 header in the response",
        "GET",
        "/latin",
        text("ok", 200, ("x-latin", "caf\xe9")),
        unless={
            "nacre": (text("ok", 200, ("x-latin", "caf\xc3\xa9")), UTF8),
            "granian-rsgi": (text("ok", 200, ("x-latin", "caf\xc3\xa9")), UTF8),
            "granian-wsgi": (text("ok", 200, ("x-latin", "caf\xc3\xa9")), UTF8),
        },
    ),
    Case("lifespan state", "GET", "/state", json('{"database":"connected","scheme":"http","version":"1.1"}')),
    Case(
        "expectation",
        "POST",
        "/echo",
        Answer(200, (BINARY, FINAL), b"waited"),
        (BINARY, ("Expect", "100-continue")),
        b"waited",
    ),
]
