"""R24: httplint finds nothing bad in what real servers send; and what they make of files that they read themselves."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from httplint import HttpRequestLinter, HttpResponseLinter, levels

from servers.process import Server, eventually, started
from servers.wire import Reader, Reply, request

CHANGED = 1_777_636_800
PAGE = b"<!doctype html><html lang=en><title>start</title><p>start</p></html>"
TEXT = "".join(f"line {number}\n" for number in range(20_000)).encode()


@pytest.fixture(scope="module", params=["granian-rsgi", "uvicorn"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("linted")
    site = folder / "site"
    (site / "docs").mkdir(parents=True)
    files = {
        "index.html": PAGE,
        "docs/index.html": PAGE,
        "site.css": b"body { color: black }\n",
        "large.txt": TEXT,
        "large.txt.gz": gzip.compress(TEXT),
        "app-1a2b3c4d.js": b"let a = 1;\n",
        "empty.txt": b"",
    }
    for name, content in files.items():
        (site / name).write_bytes(content)
        os.utime(site / name, (CHANGED, CHANGED))
    (folder / "large.bin").write_bytes(b"x" * 300_000)
    with started(request.param, folder, app="linted:app", environment={"LINTED": str(folder)}) as running:
        yield running


def ask(server: Server, method: str, target: str, *headers: tuple[str, str]) -> Reply:
    with server.connect() as connection:
        connection.sendall(request(method, target, headers, b"" if method == "POST" else None))
        return Reader(connection).reply(method)


def lint(method: str, target: str, headers: tuple[tuple[str, str], ...], reply: Reply) -> list[str]:
    """What is bad about an answer, in words."""
    asked = HttpRequestLinter()
    asked.process_request_topline(method.encode(), f"http://example.org{target}".encode(), b"1.1")
    asked.process_headers([(b"Host", b"example.org"), *((name.encode(), value.encode()) for name, value in headers)])
    asked.finish_content(True)
    linter = HttpResponseLinter()
    linter.request = asked  # type: ignore[assignment]
    linter.is_head_response = method == "HEAD"
    linter.process_response_topline(b"1.1", str(reply.status).encode())
    linter.process_headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers])
    linter.feed_content(reply.body)
    linter.finish_content(reply.complete)
    # RFC 9110 §15.3.7.2: with several parts there is none in the header section; each part has its own.
    is_multipart = (reply.get("content-type") or "").startswith("multipart/byteranges")
    ignored = {"PARTIAL_WITHOUT_RANGE"} if is_multipart else set()
    bad = [note for note in linter.notes if note.level is levels.BAD and type(note).__name__ not in ignored]
    return [f"{note.subject}: {type(note).__name__}: {note.summary}" for note in bad]


CASES: dict[str, tuple[int, str, str, tuple[tuple[str, str], ...]]] = {
    "a page": (200, "GET", "/static/", ()),
    "a style sheet": (200, "GET", "/static/site.css", ()),
    "an immutable script": (200, "GET", "/static/app-1a2b3c4d.js", ()),
    "an empty file": (200, "GET", "/static/empty.txt", ()),
    "a large file": (200, "GET", "/static/large.txt", ()),
    "a compressed variant": (200, "GET", "/static/large.txt", (("Accept-Encoding", "gzip"),)),
    "the fallback": (200, "GET", "/static/users/7", (("Accept", "text/html"),)),
    "a download": (200, "GET", "/download", ()),
    "a session": (200, "GET", "/session", ()),
    "HEAD": (200, "HEAD", "/static/site.css", ()),
    "HEAD of a variant": (200, "HEAD", "/static/large.txt", (("Accept-Encoding", "gzip"),)),
    "a range": (206, "GET", "/static/large.txt", (("Range", "bytes=10-19"),)),
    "a large range": (206, "GET", "/static/large.txt", (("Range", "bytes=100000-"),)),
    "ranges": (206, "GET", "/static/large.txt", (("Range", "bytes=0-9,100-109"),)),
    "large ranges": (206, "GET", "/static/large.txt", (("Range", "bytes=0-99999,100001-200000"),)),
    "a range of a variant": (206, "GET", "/static/large.txt", (("Range", "bytes=0-9"), ("Accept-Encoding", "gzip"))),
    "not modified": (304, "GET", "/static/site.css", (("If-None-Match", "*"),)),
    "not modified since": (304, "GET", "/static/site.css", (("If-Modified-Since", "Fri, 01 May 2026 12:00:00 GMT"),)),
    "not modified, a variant": (304, "GET", "/static/large.txt", (("If-None-Match", "*"), ("Accept-Encoding", "gzip"))),
    "not modified, HEAD": (304, "HEAD", "/static/site.css", (("If-None-Match", "*"),)),
    "a failed condition": (412, "GET", "/static/site.css", (("If-Match", '"x"'),)),
    "a range beyond the end": (416, "GET", "/static/site.css", (("Range", "bytes=5000-"),)),
    "to the slash": (308, "GET", "/static/docs", ()),
    "to the root's slash": (308, "GET", "/static", ()),
    "a redirect": (302, "GET", "/elsewhere", ()),
    "a missing file": (404, "GET", "/static/missing.css", ()),
    "no route": (404, "GET", "/nowhere", ()),
    "no route, HEAD": (404, "HEAD", "/nowhere", ()),
    "another method": (405, "POST", "/static/site.css", ()),
    "OPTIONS": (204, "OPTIONS", "/static/site.css", ()),
    "refused": (403, "GET", "/refused", ()),
    "a failure": (500, "GET", "/fail", ()),
}


@pytest.mark.parametrize("case", CASES)
def test_r24_httplint_finds_nothing_bad(server: Server, case: str) -> None:
    status, method, target, headers = CASES[case]
    reply = ask(server, method, target, *headers)
    assert (reply.status, reply.complete) == (status, True)
    assert lint(method, target, headers, reply) == []


def test_the_linter_finds_what_is_bad(server: Server) -> None:
    """So that the table above can fail."""
    reply = ask(server, "GET", "/static/site.css")
    changed = [(name, "7" if name in ("content-length", "last-modified") else value) for name, value in reply.headers]
    found = lint("GET", "/static/site.css", (), Reply(reply.status, changed, reply.body))
    assert {line.partition(":")[0] for line in found} >= {"field-content-length", "field-last-modified"}


def test_what_the_server_sends_by_itself_is_the_file(server: Server, tmp_path: Path) -> None:
    """Granian's own reading of files, by ours: the same bytes, and no descriptor left."""
    whole = ask(server, "GET", "/static/large.txt")
    part = ask(server, "GET", "/static/large.txt", ("Range", "bytes=70000-169999"))
    assert whole.body == TEXT
    assert part.body == TEXT[70_000:170_000]
    assert part.get("content-range") == f"bytes 70000-169999/{len(TEXT)}"
    for target in ("/large", "/large/awaited"):
        assert ask(server, "GET", target).body == b"x" * 300_000
    eventually(lambda: ask(server, "GET", "/descriptors").body == b"[]", what="closing the files")


@pytest.mark.parametrize("target", ["/shrinking", "/shrinking/awaited"])
def test_a_file_that_becomes_shorter_is_cut_off(server: Server, target: str) -> None:
    """The connection ends within the body, or before anything was sent: no client takes a part for the whole."""
    (server.output.parent / "large.bin").write_bytes(b"x" * 600_000)
    with server.connect() as connection:
        connection.sendall(request("GET", target))
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert not head or b"content-length: 600000" in head.lower()
    assert len(body) <= 300_000
    (server.output.parent / "large.bin").write_bytes(b"x" * 300_000)


@pytest.mark.parametrize("target", ["/large", "/large/awaited"])
def test_a_client_that_leaves_within_a_file_leaves_nothing_open(server: Server, target: str) -> None:
    (server.output.parent / "large.bin").write_bytes(b"x" * 30_000_000)
    before = len(server.log())
    for _ in range(5):
        with server.connect() as connection:
            connection.sendall(request("GET", target))
            assert connection.recv(1000)
    eventually(lambda: ask(server, "GET", "/descriptors").body == b"[]", what="closing the files")
    assert "Traceback" not in server.log()[before:]
    (server.output.parent / "large.bin").write_bytes(b"x" * 300_000)
