"""Conditions and ranges of file responses: what each request gets, by the sections of RFC 9110."""

from __future__ import annotations

import email.parser
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nacre import Nacre, Request, Response
from nacre.files import FileResponse
from nacre.media import http_date
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

LENGTH = 1000
CONTENT = bytes(number * 7 % 256 for number in range(LENGTH))
CHANGED = 1_777_636_800  # Fri, 01 May 2026 12:00:00 GMT


@dataclass(frozen=True)
class Case:
    """A request for a file of 1000 bytes and its answer; `{etag}` and such stand for the file's own."""

    status: int
    headers: dict[str, str] | list[tuple[str, str]] = field(default_factory=dict)
    content_range: str | None = None
    body: bytes | None = None
    method: str = "GET"
    path: str = "/file"


def part(start: int, stop: int, /, **headers: str) -> Case:
    """206 with one part."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(206, given, f"bytes {start}-{stop - 1}/{LENGTH}", CONTENT[start:stop])


def whole(*pairs: tuple[str, str], method: str = "GET", path: str = "/file") -> Case:
    """200 with all of it."""
    return Case(200, list(pairs), None, CONTENT if method == "GET" else b"", method, path)


def refused(*pairs: tuple[str, str]) -> Case:
    """416, which says how much there is."""
    return Case(416, list(pairs), f"bytes */{LENGTH}")


CASES: dict[str, Case] = {
    # Ranges.
    "14.2 no range": whole(),
    "14.1.2 first byte": part(0, 1, range="bytes=0-0"),
    "14.1.2 first half": part(0, 500, range="bytes=0-499"),
    "14.1.2 second half": part(500, 1000, range="bytes=500-999"),
    "14.1.2 open end": part(950, 1000, range="bytes=950-"),
    "14.1.2 last byte": part(999, 1000, range="bytes=999-"),
    "14.1.2 suffix": part(990, 1000, range="bytes=-10"),
    "14.1.2 suffix longer than the file": part(0, 1000, range="bytes=-5000"),
    "14.1.2 end beyond the file": part(900, 1000, range="bytes=900-5000"),
    "14.1.2 whole file as a range": part(0, 1000, range="bytes=0-"),
    "14.1.2 leading zeros": part(1, 3, range="bytes=001-002"),
    "14.1 unit without case": part(0, 2, range="BYTES=0-1"),
    "5.6.1 empty members": part(0, 2, range="bytes=,0-1,"),
    "5.6.1 spaces around members": part(0, 2, range="bytes= 0-1 "),
    "14.1.2 one of two is satisfiable": part(0, 2, range="bytes=0-1,5000-"),
    "14.1.2 start beyond the file": refused(("range", "bytes=1000-")),
    "14.1.2 all beyond the file": refused(("range", "bytes=1000-1001,2000-")),
    "14.1.2 suffix of nothing": refused(("range", "bytes=-0")),
    "14.1.2 start of 19 digits": refused(("range", "bytes=9999999999999999999-")),
    "14.1.1 other unit": whole(("range", "pages=1-2")),
    "14.2 malformed": whole(("range", "bytes=a-b")),
    "14.2 no unit": whole(("range", "0-1")),
    "14.2 nothing after the unit": whole(("range", "bytes=")),
    "14.2 a hyphen alone": whole(("range", "bytes=-")),
    "14.1.2 last before first": whole(("range", "bytes=5-4")),
    "14.2 digits of 5000 places": whole(("range", "bytes=0-" + "9" * 5000)),
    "14.2 two fields": whole(("range", "bytes=0-1"), ("range", "bytes=2-3")),
    "14.2 overlapping": whole(("range", "bytes=0-500,400-600")),
    "14.2 more than sixteen": whole(("range", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)))),
    "14.2 HEAD ignores it": whole(("range", "bytes=0-1"), method="HEAD"),
    "14.2 POST ignores it": Case(200, {"range": "bytes=0-1"}, None, CONTENT, "POST"),
    "14.2 another status ignores it": Case(203, {"range": "bytes=0-1"}, None, CONTENT, path="/copy"),
    # If-Range.
    "13.1.5 the tag": part(0, 10, range="bytes=0-9", if_range="{etag}"),
    "13.1.5 the date": part(0, 10, range="bytes=0-9", if_range="{modified}"),
    "13.1.5 another tag": whole(("range", "bytes=0-9"), ("if-range", '"other"')),
    "13.1.5 the tag as a weak one": whole(("range", "bytes=0-9"), ("if-range", "W/{etag}")),
    "13.1.5 an earlier date": whole(("range", "bytes=0-9"), ("if-range", "{earlier}")),
    "13.1.5 a later date": whole(("range", "bytes=0-9"), ("if-range", "{later}")),
    "13.1.5 malformed": whole(("range", "bytes=0-9"), ("if-range", "yesterday")),
    "13.1.5 without a range": whole(("if-range", "{etag}")),
    "13.1.5 decides before 416": whole(("range", "bytes=5000-"), ("if-range", '"other"')),
    # Conditions.
    "13.1.2 the tag": Case(304, {"if-none-match": "{etag}"}),
    "13.1.2 the tag as a weak one": Case(304, {"if-none-match": "W/{etag}"}),
    "13.1.2 one of several": Case(304, {"if-none-match": '"a", {etag}'}),
    "13.1.2 on two lines": Case(304, [("if-none-match", '"a"'), ("if-none-match", "{etag}")]),
    "13.1.2 star": Case(304, {"if-none-match": "*"}),
    "13.1.2 another tag": whole(("if-none-match", '"a"')),
    "13.1.2 unquoted": whole(("if-none-match", "a")),
    "13.1.2 HEAD": Case(304, {"if-none-match": "{etag}"}, method="HEAD"),
    "13.1.2 not for POST": Case(200, {"if-none-match": "{etag}"}, None, CONTENT, "POST"),
    "13.1.2 not for an error page": Case(418, {"if-none-match": "*"}, None, CONTENT, path="/teapot"),
    "13.1.3 the date": Case(304, {"if-modified-since": "{modified}"}),
    "13.1.3 a later date": Case(304, {"if-modified-since": "{later}"}),
    "13.1.3 an earlier date": whole(("if-modified-since", "{earlier}")),
    "13.1.3 malformed": whole(("if-modified-since", "0")),
    "13.1.3 ignored beside if-none-match": whole(("if-modified-since", "{modified}"), ("if-none-match", '"a"')),
    "13.1.1 the tag": whole(("if-match", "{etag}")),
    "13.1.1 star": whole(("if-match", "*")),
    "13.1.1 another tag": Case(412, {"if-match": '"a"'}),
    "13.1.1 the tag as a weak one": Case(412, {"if-match": "W/{etag}"}),
    "13.1.4 the date": whole(("if-unmodified-since", "{modified}")),
    "13.1.4 an earlier date": Case(412, {"if-unmodified-since": "{earlier}"}),
    "13.1.4 ignored beside if-match": whole(("if-unmodified-since", "{earlier}"), ("if-match", "*")),
    "13.2.2 304 before the range": Case(304, {"if-none-match": "{etag}", "range": "bytes=0-1"}),
    "13.2.2 412 before the range": Case(412, {"if-match": '"a"', "range": "bytes=5000-"}),
    "13.2.2 range after a fulfilled condition": part(0, 2, range="bytes=0-1", if_match="{etag}"),
    "13.2.2 range after both": part(0, 2, range="bytes=0-1", if_match="{etag}", if_range="{etag}"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that was changed long ago, so that its tag is a strong one."""
    path = tmp_path / "file.txt"
    path.write_bytes(CONTENT)
    os.utime(path, (CHANGED, CHANGED))
    return path


def application(path: Path) -> Nacre:
    app = Nacre()

    @app.route("/file", methods=["GET", "POST"])
    async def handler(request: Request) -> Response:
        return FileResponse(path, max_age=60, headers={"x-own": "kept"})

    @app.get("/copy")
    async def copy(request: Request) -> Response:
        return FileResponse(path, 203)

    @app.get("/teapot")
    def teapot(request: Request) -> Response:
        return FileResponse(path, 418)

    return app


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_conditions_and_ranges_are_answered_as_rfc9110_says(
    client_for: ClientFor, file: Path, case: Case
) -> None:
    async with client_for(application(file)) as client:
        plain = await client.get("/file")
        own = {
            "etag": plain.headers["etag"],
            "modified": plain.headers["last-modified"],
            "earlier": http_date(CHANGED - 1),
            "later": http_date(CHANGED + 1),
        }
        pairs = case.headers.items() if isinstance(case.headers, dict) else case.headers
        headers = [(name, re.sub(r"\{(\w+)\}", lambda match: own[match[1]], value)) for name, value in pairs]
        answer = await client.request(case.method, case.path, headers=headers)
    assert answer.status == case.status
    assert answer.headers.get("content-range") == case.content_range
    if case.body is not None:
        assert answer.body == case.body
    if case.status in (200, 206):
        assert answer.headers["etag"] == own["etag"]
        assert answer.headers["last-modified"] == own["modified"]
        assert answer.headers["accept-ranges"] == "bytes"
        expected = len(case.body or CONTENT)
        assert answer.headers["content-length"] == str(expected)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    if case.status == 304:
        # §15.4.5: what guides caches, and nothing else of the representation.
        assert answer.body == b""
        assert {name for name, _ in answer.headers.pairs()} == {"etag", "cache-control", "x-own"}
    if case.status in (412, 416):
        assert "etag" not in answer.headers
        assert "x-own" not in answer.headers


def parts_of(answer: Any) -> list[tuple[str, str, bytes]]:
    """The parts of a multipart body, read by the standard library: content type, content range, content."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode("latin-1")
    message = email.parser.BytesParser().parsebytes(head + answer.body)
    assert message.is_multipart()
    return [(one["content-type"], one["content-range"], one.get_payload(decode=True)) for one in message.get_payload()]


MANY = {
    "in order": ("bytes=0-9,20-29", [(0, 10), (20, 30)]),
    "in another order": ("bytes=-5,0-0", [(995, 1000), (0, 1)]),
    "neighbours": ("bytes=0-0,1-1", [(0, 1), (1, 2)]),
    "some beyond the file": ("bytes=0-0,2000-,5-5", [(0, 1), (5, 6)]),
    "sixteen": ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 32, 2)), [(n, n + 1) for n in range(0, 32, 2)]),
}


@pytest.mark.parametrize("case", MANY)
async def test_several_ranges_are_parts_with_their_own_fields(client_for: ClientFor, tmp_path: Path, case: str) -> None:
    """§14.6: a type and a range for each part, CRLF, the length of it all, and no Content-Range outside."""
    value, expected = MANY[case]
    text = bytes(number % 26 + 97 for number in range(LENGTH))  # the standard library's parser would change newlines
    (tmp_path / "file.txt").write_bytes(text)
    async with client_for(application(tmp_path / "file.txt")) as client:
        answer = await client.get("/file", headers={"range": value})
    assert answer.status == 206
    assert "content-range" not in answer.headers
    assert answer.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert answer.headers["content-length"] == str(len(answer.body))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", answer.body)
    kind = "text/plain; charset=utf-8"
    assert parts_of(answer) == [
        (kind, f"bytes {start}-{stop - 1}/{LENGTH}", text[start:stop]) for start, stop in expected
    ]


async def test_ranges_of_a_large_file_are_streamed(client_for: ClientFor, tmp_path: Path) -> None:
    """One and several, from behind the first pieces that are read."""
    path = tmp_path / "large.bin"
    content = os.urandom(900_000)
    path.write_bytes(content)
    async with client_for(application(path)) as client:
        one = await client.get("/file", headers={"range": "bytes=300000-899999"})
        several = await client.get("/file", headers={"range": "bytes=0-299999,400000-799999"})
        all_of_it = await client.get("/file")
    assert (one.status, one.body) == (206, content[300_000:])
    assert several.headers["content-length"] == str(len(several.body))
    assert content[:300_000] in several.body
    assert content[400_000:800_000] in several.body
    assert all_of_it.body == content


async def test_an_empty_file_is_always_whole(client_for: ClientFor, tmp_path: Path) -> None:
    """It has no byte that a `Content-Range` could name."""
    path = tmp_path / "empty.txt"
    path.touch()
    async with client_for(application(path)) as client:
        for value in ("bytes=0-", "bytes=0-0", "bytes=-1"):
            answer = await client.get("/file", headers={"range": value})
            assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


async def test_a_young_file_has_validators_that_are_not_used_for_ranges(client_for: ClientFor, tmp_path: Path) -> None:
    """§8.8.2.2: another change within the same tick would leave both as they are."""
    path = tmp_path / "young.txt"
    path.write_bytes(CONTENT)
    async with client_for(application(path)) as client:
        first = await client.get("/file")
        assert first.headers["etag"].startswith('W/"')
        for validator in (first.headers["etag"], first.headers["last-modified"]):
            answer = await client.get("/file", headers={"range": "bytes=0-1", "if-range": validator})
            assert answer.status == 200
        again = await client.get("/file", headers={"if-none-match": first.headers["etag"]})
        assert again.status == 304


async def test_a_file_that_changes_has_another_tag(client_for: ClientFor, file: Path) -> None:
    async with client_for(application(file)) as client:
        tags = {(await client.get("/file")).headers["etag"]}
        file.write_bytes(CONTENT + b"x")
        os.utime(file, (CHANGED, CHANGED))
        tags.add((await client.get("/file")).headers["etag"])
        os.utime(file, ns=(CHANGED * 10**9, CHANGED * 10**9 + 1))
        tags.add((await client.get("/file")).headers["etag"])
    assert len(tags) == 3


@pytest.mark.parametrize("moment", [0, 1, 315_532_800], ids=["zero", "one", "zip files' first"])
async def test_a_time_that_build_tools_give_to_every_file_tells_nothing(
    client_for: ClientFor, tmp_path: Path, moment: int
) -> None:
    """Two versions of one length and with one time: told apart by when they were put there."""
    tags = []
    async with client_for(application(tmp_path / "file.txt")) as client:
        for content in (b"one", b"two"):
            (tmp_path / "new.txt").write_bytes(content)
            os.utime(tmp_path / "new.txt", (moment, moment))
            (tmp_path / "new.txt").replace(tmp_path / "file.txt")
            answer = await client.get("/file")
            tags.append(answer.headers["etag"])
            assert answer.headers["last-modified"] != http_date(moment)
            _wait_for_another_tick(tmp_path)
    assert tags[0] != tags[1]


def _wait_for_another_tick(folder: Path) -> None:
    """Until the file system's clock has gone on."""
    probe = folder / "probe"
    probe.touch()
    first = probe.stat().st_ctime_ns
    deadline = time.monotonic() + 5
    while probe.stat().st_ctime_ns == first:
        assert time.monotonic() < deadline
        probe.touch()


async def test_a_time_to_come_is_not_told(client_for: ClientFor, file: Path) -> None:
    """§8.8.2.1: a message names no later date than its own."""
    os.utime(file, (time.time() + 10_000,) * 2)
    async with client_for(application(file)) as client:
        before = http_date(time.time())
        answer = await client.get("/file")
        assert answer.headers["last-modified"] in (before, http_date(time.time()))
        assert answer.headers["etag"].startswith("W/")


async def test_the_callers_own_validators_count(client_for: ClientFor, file: Path) -> None:
    app = Nacre()
    own = {"etag": '"v1"', "last-modified": http_date(CHANGED - 100)}
    app.add_route("/", lambda request: FileResponse(file, headers=own))
    async with client_for(app) as client:
        answer = await client.get("/")
        assert {name: answer.headers[name] for name in own} == own
        assert (await client.get("/", headers={"if-none-match": '"v1"'})).status == 304
        assert (await client.get("/", headers={"if-modified-since": own["last-modified"]})).status == 304
        assert (await client.get("/", headers={"range": "bytes=0-1", "if-range": '"v1"'})).status == 206
