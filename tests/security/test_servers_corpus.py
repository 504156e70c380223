"""Entries of the security corpus about the bytes of HTTP/1.1: raw, against every server that Nacre runs on.

Servers take messages apart, and what they do then is theirs. The tables say what that is, and that no byte of one
request becomes another: everything that is answered is a request that a reader of RFC 9112 sees too.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from servers.process import ALL, Server, eventually, started
from servers.wire import Reader

KINDS = tuple(kind for kind in ALL if kind != "nacre")
"""`nacre` is Granian's RSGI too."""


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(request.param, tmp_path_factory.mktemp("server"), app="programs.told:app") as server:
        yield server


@dataclass(frozen=True)
class Answers:
    """What came back for some bytes."""

    text: str
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3})", self.text)]

    def __contains__(self, word: str) -> bool:
        return f'"{word}"' in self.text


def answers(server: Server, data: bytes, seconds: float = 5) -> Answers:
    """Send bytes, and read until the server closes the connection or is silent for so long."""
    received = b""
    with server.connect(seconds) as connection:
        try:
            connection.sendall(data)
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            return Answers(received.decode("latin-1"), closed=False)
        except OSError:
            pass  # reset
    return Answers(received.decode("latin-1"), closed=True)


def family(server: Server) -> list[int]:
    """The processes of a server."""
    found = [server.process.pid]
    for pid in found:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found


def memory(server: Server) -> int:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in family(server))
    return pages * os.sysconf("SC_PAGE_SIZE")


def request(method: str, path: str, *fields: str, body: bytes = b"", host: str = "Host: a") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", host, *fields, "", ""]).encode("latin-1") + body


SMUGGLED = request("GET", "/smuggled", "Connection: close")
CHUNKED = "Transfer-Encoding: chunked"


def post(*fields: str, body: bytes) -> bytes:
    """A request, and behind it one that is none if the first is taken as it is meant to be misread."""
    return request("POST", "/told", *fields, body=body) + SMUGGLED


def chunked(body: bytes) -> bytes:
    return post(CHUNKED, body=body)


# How servers differ from "a 4xx or 501, and the connection is closed".

ALIKE = "both readings of it are one: what follows is a request indeed"
CUT = "the body is given as empty, and the connection is closed behind the answer"
ENDLESS = "more bytes are waited for: it is the length of a chunk"

GRANIAN = ("granian-rsgi", "granian-asgi", "granian-wsgi")
H11 = ("uvicorn-h11", "hypercorn")

BOTH = post("Content-Length: 6", CHUNKED, body=b"0\r\n\r\n")
"""RFC 9112 §6.3: the chunks count, and the connection is to be closed. Proxies have to take the length out."""
BARE_LF = b"POST /told HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello" + SMUGGLED
"""RFC 9112 §2.2: a LF may be taken for the end of a line."""
ONE_LF = b"POST /told HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 5\r\n\r\nhello" + SMUGGLED
TWICE = post(CHUNKED, CHUNKED, body=b"0\r\n\r\n")
OVERFLOW = chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n")
BAD_EXTENSION = chunked(b"5;\nxx\r\nhello\r\n0\r\n\r\n")
SIZES = {text: chunked(text.encode() + b"\r\nhello\r\n0\r\n\r\n") for text in ("0x5", "+5", "0_5", "0x01")}

EMPTY_MEMBER = post("Content-Length: 5", "Transfer-Encoding: ,chunked", body=b"0\r\n\r\n")
NO_LINE_END = chunked(b"5\r\nhelloXX0\r\n\r\n")
NO_TRAILER = chunked(b"5\r\nhello\r\n0\r\nX-Y: z\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")

OTHERWISE: dict[bytes, dict[str, str]] = {
    BOTH: dict.fromkeys(GRANIAN, CUT) | dict.fromkeys(H11, ALIKE),
    BARE_LF: dict.fromkeys((*GRANIAN, *H11), ALIKE),
    ONE_LF: dict.fromkeys((*GRANIAN, *H11), ALIKE),
    TWICE: dict.fromkeys(GRANIAN, ALIKE),
    OVERFLOW: {"granian-wsgi": CUT} | dict.fromkeys((*H11, "gunicorn-sync", "gunicorn-gthread"), ENDLESS),
    EMPTY_MEMBER: dict.fromkeys(GRANIAN, CUT),
    BAD_EXTENSION: {"granian-wsgi": CUT},
    NO_LINE_END: {"granian-wsgi": CUT},
    NO_TRAILER: {"granian-rsgi": CUT, "granian-wsgi": CUT},
    **{data: {"granian-wsgi": CUT} for data in SIZES.values()},
}

ATTACKS = {
    "CVE-2023-47641 GHSA-xx9p-xxvh-7g8j": [
        BOTH,
        post("Content-Length: 6", "Transfer-Encoding: chunked123", body=b"0\r\n\r\n"),
    ],
    "CVE-2023-47627 GHSA-gfw2-4jvh-wgfg": [
        post("Content-Length: +5", body=b"hello"),
        post("Content-Length: 1_0", body=b"hellohello"),
        post("Content-Length : 5", body=b"hello"),
        BARE_LF,
    ],
    "GHSA-pjjw-qhg8-p2p9": [OVERFLOW, post("Content-Length: 5", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n")],
    "CVE-2024-23829 GHSA-8qpw-xqxj-h4r2": [
        request("GET", "/told", "X: y", host="Host : a") + SMUGGLED,
        request("GE(T", "/told") + SMUGGLED,
    ],
    "CVE-2024-52304 GHSA-8495-4g3g-x7pr": [BAD_EXTENSION],
    'sanic 13dc474c "Error on smuggle attempt"': [BOTH],
    "GHSA-qppv-j76h-2rpx": [
        post("Content-Length: +1", body=b"h"),
        post("Content-Length: 1_0", body=b"hellohello"),
        *SIZES.values(),
    ],
    "GHSA-753j-mpmx-qq6g": [
        post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
        post("Transfer-Encoding: unknown", body=b"0\r\n\r\n"),
    ],
    "CVE-2019-16785": [BARE_LF, ONE_LF],
    "CVE-2019-16789": [post("Content-Length: 5", "Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n")],
    "CVE-2019-16792": [
        post("Content-Length: 5", "Content-Length: 0", body=b"hello"),
        post("Content-Length: 5", " Content-Length: 0", body=b"hello"),
    ],
    "CVE-2022-24761": [post("Content-Length: +10", body=b"hellohello"), SIZES["0x01"], BAD_EXTENSION],
    "waitress#465": [TWICE],
    "CVE-2024-1135 GHSA-w3h3-4rj7-4ph4": [
        post("Content-Length: 5", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
        TWICE,
    ],
    "CVE-2024-6827 GHSA-hc5x-x2vx-497g": [post("Content-Length: 5", "Transfer-Encoding: gzip", body=b"hello")],
    "CVE-2025-43859 GHSA-vqfr-h8mv-ghfj": [NO_LINE_END],
    "h11#181": [post(f"Content-Length: {'9' * 5000}", body=b"hello")],
    "CVE-2020-10108 / CVE-2020-10109": [post("Content-Length: 5", "Content-Length: 0", body=b"hello"), BOTH],
    "CVE-2022-24801": [
        post("Content-Length: +5", body=b"hello"),
        SIZES["0x5"],
        NO_LINE_END,
        post("Transfer-Encoding: identity, chunked, identity", body=b"0\r\n\r\n"),
    ],
    "CVE-2020-7658": [
        EMPTY_MEMBER,
        post("Content-Length: abc", body=b"0\r\n\r\n"),
    ],
    "CVE-2025-58068": [NO_TRAILER],
    "CVE-2026-34520 GHSA-63hf-3vf5-4wqf": [request("GET", "/told", "X: a\0b") + SMUGGLED],
}


@pytest.mark.parametrize(
    "data",
    [pytest.param(data, id=f"{entry} {at}") for entry, all_of in ATTACKS.items() for at, data in enumerate(all_of)],
)
def test_no_request_hides_in_another_one(server: Server, data: bytes) -> None:
    otherwise = OTHERWISE.get(data, {}).get(server.kind)
    found = answers(server, data, 0.2 if otherwise == ENDLESS else 5)
    if otherwise == ENDLESS:
        assert (found.statuses, found.closed) == ([], False)
    elif otherwise == ALIKE:
        assert "told" in found
        assert "smuggled" in found
    elif otherwise == CUT:
        assert "smuggled" not in found
        assert (found.statuses, found.closed) in (([200], True), ([400], True))
    else:
        assert "told" not in found
        assert "smuggled" not in found
        assert found.statuses in ([400], [501], [404])
        assert found.closed


@pytest.mark.parametrize("digits", ["0" * 5000 + "5", "0" * 19 + "5"])
def test_h11_181_a_length_with_more_digits_than_python_reads_is_no_error_of_ours(server: Server, digits: str) -> None:
    """The servers that take it read five bytes; what Nacre can't read it refuses."""
    found = answers(server, request("POST", "/told", f"Content-Length: {digits}", body=b"hello") + SMUGGLED)
    assert found.statuses[0] in (200, 400)
    assert found.closed
    assert "Traceback" not in server.log()


TARGETS = ["example.com:443", "foo", "@evil.example", "http:/told", "//"]


@pytest.mark.parametrize("target", [*TARGETS, "*"])
def test_gunicorn_26_0_target_validation(server: Server, target: str) -> None:
    """CVE-2026-54282 GHSA-jp82-jpqv-5vv3 too: what isn't a path, or one in an URL, reaches no handler."""
    found = answers(server, request("GET", target, "Connection: close"))
    assert found.statuses in ([400], [404])
    assert "told" not in found


def test_cve_2025_53643_ghsa_9548_qrrj_x5pj_trailers_are_no_headers_and_no_request(server: Server) -> None:
    """CVE-2025-53643 GHSA-9548-qrrj-x5pj; and "gunicorn 26.0 trailers": fields that frame or authorise."""
    for trailers in (b"X: y", b"Content-Length: 90\r\nHost: evil\r\nAuthorization: x\r\nTransfer-Encoding: chunked"):
        body = b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n\r\n"
        data = request("POST", "/told", CHUNKED, "Trailer: X, Host", body=body) + request(
            "GET", "/second", "Connection: close"
        )
        found = answers(server, data)
        assert found.statuses in ([200, 200], [200], [400])
        assert found.closed
        # uvicorn adds them to the headers while it parses with httptools: docs/security.md.
        assert '"x"' not in found.text or server.kind == "uvicorn"
        assert '"content-length"' not in found.text
        assert "evil" not in found.text


def test_cve_2022_29361_an_unread_body_is_no_request(server: Server) -> None:
    """CVE-2022-29361, with a body of 100 KB too, which is more than servers read ahead."""
    for padding in (4, 100_000):
        body = request("GET", "/smuggled") + b"x" * padding
        data = request("POST", "/unread", f"Content-Length: {len(body)}", body=body)
        found = answers(server, data + request("GET", "/second", "Connection: close"))
        assert "unread" in found
        assert "smuggled" not in found
        assert found.closed


def test_cve_2024_49768_after_a_message_that_is_none_nothing_is_served(server: Server) -> None:
    """CVE-2024-49768 GHSA-9298-4cf8-g4wj: the first of two pipelined requests is malformed."""
    found = answers(server, request("GET", "/told", "X : y") + SMUGGLED * 3)
    assert found.statuses == [400]
    assert found.closed
    assert "smuggled" not in found


def test_cve_2023_46137_pipelined_answers_come_in_the_order_of_the_requests(server: Server) -> None:
    """CVE-2023-46137: the first one takes longer."""
    found = answers(server, request("GET", "/slow") + request("GET", "/second", "Connection: close"))
    # gunicorn's sync workers close behind every answer.
    order = [found.text.find(word) for word in ('"slow"', '"second"') if word in found.text]
    assert '"slow"' in found.text
    assert order == sorted(order)
    assert found.statuses == [200] * len(order)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("Bad: " + "x" * 30_000 + "\x10", id="CVE-2020-5236"),
        pytest.param("X: a\x08b", id="CVE-2026-34520 GHSA-63hf-3vf5-4wqf"),
    ],
)
def test_control_characters_in_a_header_are_refused_or_are_only_text(server: Server, field: str) -> None:
    """h11 leaves them in the value, where `Headers` shows them and nothing sends them on."""
    begun = time.monotonic()
    found = answers(server, request("GET", "/told", field, "Connection: close"))
    assert found.statuses == ([200] if server.kind in H11 else [400])
    assert time.monotonic() - begun < 1


def test_gunicorn_3366_two_content_types_are_refused(server: Server) -> None:
    """gunicorn#3366: who looks at the one and who looks at the other see two requests."""
    for fields in (
        ("Content-Type: text/plain", "Content-Type: application/json"),
        ("Content-Type: application/json", "Content-Type: text/plain"),
    ):
        found = answers(server, request("POST", "/json", *fields, "Content-Length: 2", "Connection: close", body=b"{}"))
        # Over Granian's WSGI there is only the first.
        assert found.statuses == ([200] if server.kind == "granian-wsgi" and "json" in fields[0] else [400]) or (
            server.kind == "granian-wsgi" and found.statuses == [415]
        )


def test_cve_2015_0219_a_name_with_an_underscore_is_not_the_one_with_a_hyphen(server: Server) -> None:
    """CVE-2015-0219 for WSGI, CVE-2026-3902 for ASGI.

    Granian makes one variable of both names, and its WSGI is no place for a proxy's headers: docs/security.md.
    """
    found = answers(server, request("GET", "/told", "X_Forwarded_User: admin", "Connection: close"))
    assert found.statuses == [200]
    if server.kind != "granian-wsgi":
        assert '"x-forwarded-user"' not in found.text
        real = ("X-Forwarded-User: ann", "X-Forwarded_User: admin", "X_Forwarded-User: admin", "Connection: close")
        found = answers(server, request("GET", "/told", *real))
        assert '"x-forwarded-user":["ann"]' in found.text
        assert "admin" not in found.text


def test_cve_2016_1000111_httpoxy_a_header_named_proxy_is_no_variable_of_a_process(server: Server) -> None:
    """CVE-2016-1000111 (httpoxy): the header is one, and no process that is started sees it."""
    found = answers(server, request("GET", "/told", "Proxy: http://evil:8080", "Connection: close"))
    assert found.statuses == [200]
    assert '"HTTP_PROXY"' not in found.text
    assert all(b"evil:8080" not in Path(f"/proc/{pid}/environ").read_bytes() for pid in family(server))


def test_cve_2020_7695_what_is_written_past_the_checks_of_a_header_is_not_sent(server: Server) -> None:
    """CVE-2020-7695 and granian e155a82: the list of pairs itself; that request fails, and no process does."""
    processes = family(server)
    for value in ("a\r\nSet-Cookie: b=c", "a\nSet-Cookie: b=c", "a\0", "\u4e2d"):
        path = "/header?value=" + quote(value)
        head = answers(server, request("GET", path, "Connection: close")).text.lower().partition("\r\n\r\n")[0]
        assert "\nset-cookie" not in head
        assert "x: a" not in head
        assert answers(server, request("GET", "/second", "Connection: close")).statuses == [200]
    assert family(server) == processes


# Messages without an end.


def push(connection: socket.socket, piece: bytes, most: int, seconds: float = 0.3) -> int:
    """Send a piece over and over, as long as it is taken; how many bytes were."""
    connection.setblocking(False)
    sent, end = 0, time.monotonic() + seconds
    while sent < most and time.monotonic() < end:
        try:
            sent += connection.send(piece)
        except BlockingIOError:
            time.sleep(0.005)
        except OSError:
            break
    connection.settimeout(5)
    return sent


PYTHON_LIMITS = "uvicorn"
"""With httptools it keeps lines and fields as long as they come: docs/security.md says what to do about it."""

ENDLESS_MESSAGES = {
    "CVE-2026-54277 GHSA-63hw-fmq6-xxg2": (b"GET /", b"a" * 4096),
    "CVE-2026-22815 GHSA-w2fm-2cpv-w7v5": (
        request("POST", "/told", CHUNKED, "Trailer: X", body=b"5\r\nhello\r\n0\r\n"),
        b"X: yyyy\r\n" * 400,
    ),
    "microdot limits": (b"GET /told HTTP/1.1\r\nHost: a\r\n", b"X: yyyy\r\n" * 400),
}


@pytest.mark.parametrize("server", [kind for kind in KINDS if kind != PYTHON_LIMITS], indirect=True)
@pytest.mark.parametrize("entry", ENDLESS_MESSAGES)
def test_a_line_or_header_without_end_is_refused(server: Server, entry: str) -> None:
    first, more = ENDLESS_MESSAGES[entry]
    answers(server, request("GET", "/told", "Connection: close"))
    before = memory(server)
    with server.connect() as connection:
        connection.sendall(first)
        push(connection, more, 2_000_000)
        grown = memory(server) - before
        try:
            answer = connection.recv(100)
        except OSError:
            answer = b""
    # Granian's RSGI passes over announced trailers, and keeps none of them.
    assert answer[9:12] in (b"", b"400", b"414", b"431") or "22815" in entry
    assert grown < 8 * 1024 * 1024


def test_cve_2026_54273_requests_are_not_queued_while_one_is_answered(server: Server) -> None:
    """CVE-2026-54273 GHSA-4fvr-rgm6-gqmc: what isn't read waits in the sockets, not in the server."""
    answers(server, request("GET", "/told", "Connection: close"))
    before = memory(server)
    with server.connect() as connection:
        connection.sendall(request("GET", "/slow"))
        sent = push(connection, request("GET", "/second") * 1000, 16_000_000, 0.15)
        grown = memory(server) - before
    assert sent < 16_000_000
    assert grown < 8 * 1024 * 1024


def test_granian_898_a_stream_waits_for_a_slow_reader(server: Server) -> None:
    """granian#898, and CPython CVE-2024-12254: an endless stream, of which nothing is read."""
    answers(server, request("GET", "/told", "Connection: close"))
    before = memory(server)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(request("GET", "/endless"))
        connection.recv(1)
        time.sleep(0.3)
        assert memory(server) - before < 12 * 1024 * 1024


def test_cve_2024_49769_connections_that_are_reset_at_once_cost_nothing(server: Server) -> None:
    """CVE-2024-49769 GHSA-3f84-rpwh-47g6: 60 of them, then the server is idle and answers."""
    for _ in range(60):
        with server.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert answers(server, request("GET", "/told", "Connection: close")).statuses == [200]
    eventually(lambda: is_idle(server), what="rest")


def is_idle(server: Server) -> bool:
    before = spent(server)
    time.sleep(0.1)
    return spent(server) - before < 0.05


def spent(server: Server) -> float:
    """Seconds of processor time."""
    ticks = 0
    for pid in family(server):
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def test_cve_2024_30251_a_part_that_promises_more_than_comes_ends_with_the_body(server: Server) -> None:
    """CVE-2024-30251 GHSA-5m98-qgg9-wh84, and CVE-2022-23833: base64 that doesn't come out even."""
    for part in (
        b"Content-Length: 1000000",
        b"Content-Transfer-Encoding: base64",
    ):
        body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n' + part + b"\r\n\r\nabc\r\n--b"
        fields = ("Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(body)}", "Connection: close")
        before = spent(server)
        found = answers(server, request("POST", "/form", *fields, body=body))
        assert found.statuses == [400]
        assert spent(server) - before < 0.5


# Inputs that have ended processes (R32): each is answered, and the same processes go on.

HEADERS = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000

CRASHING = {
    "NUL in the path": request("GET", "/path/a%00b", "Connection: close"),
    "not UTF-8 in the path": request("GET", "/path/%ff", "Connection: close"),
    "a lone surrogate in the path": request("GET", "/path/%ed%a0%80", "Connection: close"),
    "a raw byte in the path": b"GET /path/\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "a lone surrogate in the query": request("GET", "/told?a=%ed%a0%80&%ff=%", "Connection: close"),
    "a lone surrogate in a field": request("GET", "/told", "X: \xed\xa0\x80", "Connection: close"),
}
JSON_BODIES = {
    "CVE-2024-27454 / CVE-2025-67221": (DEEP, 400),
    "deep and closed": (DEEP + b"]" * 100_000, 400),
    "deep objects": (b'{"a":' * 100_000, 400),
    "NaN": (b"[NaN]", 400),
    "Infinity": (b"[-Infinity]", 400),
    "a lone surrogate": (b'["\\ud800"]', 400),
    "NUL": (b'["\0"]', 400),
    "not UTF-8": (b'["\xff"]', 400),
    "5 000 digits": (b"9" * 5000, None),
    "an exponent": (b"1e99999", None),
    "nothing": (b"", 400),
}
FORMS = {
    "an empty form": b"",
    "only its end": b"--b--\r\n",
    "only its beginning": b"--b\r\n",
    "a part without a name": b"--b\r\n\r\n\r\n--b--\r\n",
    "NUL in a name": b'--b\r\nContent-Disposition: form-data; name="\0"\r\n\r\n\0\r\n--b--\r\n',
    "not UTF-8 in a name": b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n\xff\r\n--b--\r\n',
}


@contextlib.contextmanager
def unharmed(server: Server) -> Iterator[None]:
    """The same processes serve afterwards, and none has logged an exception."""
    processes, log = family(server), server.log()
    yield
    assert answers(server, request("GET", "/second", "Connection: close")).statuses == [200]
    assert family(server) == processes
    # hypercorn logs one of its own for subprotocols and frames that wsproto can't read.
    assert "Traceback" not in server.log().removeprefix(log) or server.kind == "hypercorn"


@pytest.mark.parametrize("data", CRASHING.values(), ids=CRASHING)
def test_a_path_query_or_field_that_crashes_others_is_answered(server: Server, data: bytes) -> None:
    """CVE-2022-31799: bytes in the path that are no text; the error is answered like any other."""
    with unharmed(server):
        [status] = answers(server, data).statuses
        assert status < 500


def test_json_that_crashes_others_is_answered(server: Server) -> None:
    """CVE-2024-27454 / CVE-2025-67221, and what else no JSON is."""
    with unharmed(server):
        for name, (body, expected) in JSON_BODIES.items():
            fields = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
            [status] = answers(server, request("POST", "/json", *fields, body=body)).statuses
            assert status == expected or (expected is None and status < 500), name


def test_forms_that_crash_others_are_answered(server: Server) -> None:
    with unharmed(server):
        for name, body in FORMS.items():
            fields = (
                "Content-Type: multipart/form-data; boundary=b",
                f"Content-Length: {len(body)}",
                "Connection: close",
            )
            [status] = answers(server, request("POST", "/form", *fields, body=body)).statuses
            assert status < 500, name


UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="


def test_cve_2026_42544_subprotocols_outside_ascii_end_no_worker(server: Server) -> None:
    """CVE-2026-42544 GHSA-vrg7-482j-p6f6, and with a name that is offered among them."""
    with unharmed(server):
        for protocols in ("\x80\xff", "chat, \xff", "\xe4\xb8\xad"):
            data = request("GET", "/ws", *UPGRADE, KEY, f"Sec-WebSocket-Protocol: {protocols}")
            found = answers(server, data + b"\x88\x80\0\0\0\0", 0.15)
            assert all(status < 600 for status in found.statuses)
            assert "\x80" not in found.text.partition("\r\n\r\n")[0]


@pytest.mark.parametrize("server", [kind for kind in KINDS if kind != "granian-wsgi"], indirect=True)
def test_text_frames_that_are_no_utf_8_end_the_connection_only(server: Server) -> None:
    with unharmed(server):
        for payload in (b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"):
            frame = bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload
            found = answers(server, request("GET", "/ws", *UPGRADE, KEY) + frame, 0.15)
            assert payload not in found.text.encode("latin-1").partition(b"\r\n\r\n")[2]


def test_a_reader_sees_two_answers_as_two() -> None:
    """The tables above rest on counting answers."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        reader = Reader(ours)
        assert [reader.reply().status, reader.reply().status] == [200, 404]
    assert Answers("HTTP/1.1 200 OK\r\n\r\n{}\r\nHTTP/1.1 404 No\r\n", closed=True).statuses == [200, 404]
