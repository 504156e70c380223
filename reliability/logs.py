"""R34: what hostile clients can make of the log.

10 000 requests (600 in the short form) are sent, each on a connection of its own, by a generator with a fixed seed:
control characters, escape sequences of terminals and line breaks, raw and percent-encoded, in paths, queries, header
fields and methods; names and values of tens of kilobytes; hundreds of malformed cookies; bytes outside of ASCII and of
UTF-8; malformed hosts, lengths, ranges, content types and bodies. The application logs every request (`AccessLog`) and
all of Nacre's warnings, to one file. What servers write by themselves is counted and not judged.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import tempfile
from collections.abc import Callable, Iterator

from nacre import Nacre, Request
from nacre.traffic import AccessLog, RequestId
from reliability.experiment import Finding, Options
from reliability.servers import ALL, Server, settled

GOAL = "at most 1 line and 2 KiB per request, no byte below 0x20 or from 0x7f on"

_REQUESTS = 10_000
_FEW_REQUESTS = 600
_LINE_MAX = 2048
_FILE = "RELIABILITY_LOG"

app = Nacre(middlewares=[AccessLog(), RequestId(trust=True)])
if _FILE in os.environ:  # in the server's process
    _log = logging.FileHandler(os.environ[_FILE], encoding="utf-8", errors="surrogateescape")
    _log.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("nacre").addHandler(_log)
    logging.getLogger("nacre.access").setLevel(logging.INFO)


@app.get("/echo/<text>")
async def echo(request: Request) -> dict[str, object]:
    return {"query": list(request.query.items()), "cookies": len(request.cookies)}


@app.post("/json")
async def take_json(request: Request) -> object:
    return await request.json()


@app.post("/form")
async def take_form(request: Request) -> dict[str, int]:
    return {"fields": len(await request.form())}


_TRICKS = [
    "%0d%0aERROR%20fake", "%1b[2J%1b[1;31m", "%00", "%7f", "%c2%85", "%e2%80%a8", "%ff%fe", "%25%30%61", "\u0085", "é",
    "..%2f", "%c2%9b31m", "<script>", "${jndi:ldap://x}", "%s%n%(name)s{0}", '"', "\\", "'", "%22%7d%0a%7b", "x" * 2000,
]  # fmt: skip
_BYTES = [
    b"\x1b[2J",
    b"\x7f",
    b"\x80\x9f",
    b"\xff\xfe",
    b"\t",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"x" * 8000,
    b'"\\',
    b"%0a",
]


def hostile(number: int) -> bytes:
    """One of endlessly many requests, the same for the same number."""
    dice = random.Random(number)
    return dice.choice(_MAKERS)(dice)


def _text(dice: random.Random) -> bytes:
    return "".join(dice.choices(_TRICKS, k=dice.randint(1, 4))).encode()


def _value(dice: random.Random) -> bytes:
    return b"".join(dice.choices(_BYTES, k=dice.randint(1, 4)))


def _request(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    host = () if any(field.lower().startswith(b"host:") for field in fields) else (b"Host: localhost",)
    head = b"\r\n".join([line + b" HTTP/1.1", *host, *fields, b"Connection: close", b"", b""])
    return head + body


def _path(dice: random.Random) -> bytes:
    return _request(b"GET /echo/" + _text(dice))


def _query(dice: random.Random) -> bytes:
    return _request(b"GET /echo/a?" + b"&".join(_text(dice) + b"=" + _text(dice) for _ in range(dice.randint(1, 40))))


def _fields(dice: random.Random) -> bytes:
    names = [b"User-Agent", b"Referer", b"X-Request-Id", b"X-Forwarded-For", b"Accept-Language", b"Range", b"Accept"]
    return _request(b"GET /echo/a", *(dice.choice(names) + b": " + _value(dice) for _ in range(dice.randint(1, 5))))


def _cookies(dice: random.Random) -> bytes:
    return _request(b"GET /echo/a", b"Cookie: " + b"; ".join(b"a b,\x80%d" % number for number in range(500)))


def _method(dice: random.Random) -> bytes:
    return _request(dice.choice([b"GE\x1bT", b"X" * 300, b"get", b"G%0aT", b"\xff"]) + b" /echo/a")


def _host(dice: random.Random) -> bytes:
    return _request(
        b"GET /echo/a", b"Host: " + dice.choice([_value(dice), b"a\x1b[2J", b"", b"a:b:c", b"[::1", b"a@b"])
    )


def _length(dice: random.Random) -> bytes:
    return _request(b"POST /json", b"Content-Length: " + dice.choice([b"-1", b"1e3", b"9" * 40, b"\x80", b"0x5", b""]))


def _body(dice: random.Random) -> bytes:
    body = dice.choice([b'{"a": \x80\n', b"[" * 5000, b"--b\r\nx: \x1b\n", b"a=%ff%0a&" * 50, b"\x00", b'"\\ud800"'])
    kinds = [
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=b",
        _value(dice),
    ]
    fields = b"Content-Type: " + dice.choice(kinds), b"Content-Length: %d" % len(body)
    return _request(b"POST " + dice.choice([b"/json", b"/form"]), *fields, body=body)


def _junk(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randint(1, 400)) + b"\r\n\r\n"


_MAKERS: tuple[Callable[[random.Random], bytes], ...] = (
    _path, _query, _fields, _cookies, _method, _host, _length, _body, _junk,
)  # fmt: skip


def run(options: Options) -> Iterator[Finding]:
    count = _REQUESTS if options.full else _FEW_REQUESTS
    for kind in options.chosen(ALL):
        with (
            tempfile.NamedTemporaryFile() as log,
            Server(kind, app="reliability.logs:app", **{_FILE: log.name}) as server,
        ):
            for number in range(count):
                send(server.port, hostile(number))
            alive = send(server.port, _request(b"GET /echo/alive")).startswith(b"HTTP/1.1 200")
            settled(lambda log=log: os.path.getsize(log.name), within=0)  # type: ignore[misc]
            figure, passed = judge(log.read(), count + 1)
            own = server.log().count("\n")
        yield Finding(kind, f"{figure}; {own} lines of the server's own", passed and alive)


def judge(log: bytes, count: int) -> tuple[str, bool]:
    """What the log of so many requests is like, and whether it is as it should be."""
    lines = log.split(b"\n")[:-1]
    longest = max(map(len, lines), default=0)
    bad = [line for line in lines if any(byte < 0x20 or byte >= 0x7F for byte in line)]
    figure = f"{count} requests, {len(lines)} lines, the longest of {longest} bytes, {len(bad)} with control characters"
    passed = count // 4 < len(lines) <= count and longest <= _LINE_MAX and not bad
    return figure + (f", such as {bad[0][:100]!r}" if bad else ""), passed


def send(port: int, request: bytes) -> bytes:
    """Send bytes on a connection of their own, and take what comes until it is closed."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.settimeout(1)
        try:
            connection.sendall(request)
            while data := connection.recv(65536):
                answer += data
        except OSError:
            pass  # the server has closed it, or waits for more than comes
    return answer
