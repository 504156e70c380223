"""File responses: what may be sent, its names and ages, its compressed variants, and that each file is closed once."""

from __future__ import annotations

import asyncio
import errno
import gzip
import io
import os
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nacre import CallNext, Group, Hooks, Nacre, Request, Response
from nacre.errors import NotFound
from nacre.filebody import FileBody
from nacre.files import FileResponse, send_file
from nacre.testing import TestClient
from nacre.testing.rsgi import HTTPProtocol

ClientFor = Callable[..., TestClient]

OLD = 1_777_636_800


def write(path: Path, content: bytes, changed: float = OLD) -> Path:
    path.write_bytes(content)
    os.utime(path, (changed, changed))
    return path


def serving(make: Callable[[], Any], **options: Any) -> Nacre:
    app = Nacre(**options)
    app.add_route("/", lambda request: make())
    return app


# What may be sent.


class Pipe(io.RawIOBase):
    """A file that can't be searched, as a socket's or a process's."""

    def __init__(self, content: bytes) -> None:
        self._source = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._source.read(size)


class OnlyRead:
    """Nothing but `read`."""

    def __init__(self, content: bytes) -> None:
        self._source = io.BytesIO(content)
        self.closed = 0

    def read(self, size: int) -> bytes:
        return self._source.read(size)

    def close(self) -> None:
        self.closed += 1


def spooled(content: bytes, path: Path) -> Any:
    file = tempfile.SpooledTemporaryFile(max_size=10)  # noqa: SIM115 - closed by the response
    file.write(content)
    file.seek(0)
    return file


def zipped(content: bytes, path: Path) -> Any:
    path.write_bytes(gzip.compress(content))
    return gzip.open(path)


def buffered(content: bytes, path: Path) -> Any:
    path.write_bytes(content)
    return path.open("rb")


KINDS: dict[str, Callable[[bytes, Path], Any]] = {
    "path": lambda content, path: write(path, content),
    "path as text": lambda content, path: str(write(path, content)),
    "bytes": lambda content, path: content,
    "bytearray": lambda content, path: bytearray(content),
    "memoryview": lambda content, path: memoryview(content),
    "open file": buffered,
    "BytesIO": lambda content, path: io.BytesIO(content),
    "spooled file": spooled,
    "gzip file": zipped,
    "pipe": lambda content, path: Pipe(content),
    "only read": lambda content, path: OnlyRead(content),
}
SEARCHED = [kind for kind in KINDS if kind not in ("pipe", "only read")]


@pytest.mark.parametrize("size", [0, 10, 500_000], ids=["empty", "small", "large"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_path_bytes_and_any_binary_file_are_sent_whole(
    client_for: ClientFor, tmp_path: Path, kind: str, size: int
) -> None:
    content = os.urandom(size)
    app = serving(lambda: FileResponse(KINDS[kind](content, tmp_path / "a.bin")))
    async with client_for(app) as client:
        answer = await client.get("/")
        head = await client.head("/")
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (head.status, head.body) == (200, b"")
    if kind in SEARCHED:
        assert answer.headers["content-length"] == head.headers["content-length"] == str(size)


@pytest.mark.parametrize("kind", SEARCHED)
async def test_a_range_of_what_can_be_searched(client_for: ClientFor, tmp_path: Path, kind: str) -> None:
    app = serving(lambda: FileResponse(KINDS[kind](b"0123456789", tmp_path / "a.bin")))
    async with client_for(app) as client:
        answer = await client.get("/", headers={"range": "bytes=2-3"})
    assert (answer.status, answer.body, answer.headers["content-range"]) == (206, b"23", "bytes 2-3/10")


async def test_what_can_not_be_searched_has_no_ranges(client_for: ClientFor) -> None:
    async with client_for(serving(lambda: FileResponse(Pipe(b"0123456789")))) as client:
        answer = await client.get("/", headers={"range": "bytes=2-3", "if-none-match": '"x"'})
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert not {"accept-ranges", "etag", "last-modified", "content-length"} & set(answer.headers)


async def test_an_open_file_is_sent_from_where_it_stands(client_for: ClientFor, tmp_path: Path) -> None:
    def make() -> Response:
        file = write(tmp_path / "a.txt", b"0123456789").open("rb")
        file.read(4)
        return FileResponse(file)

    async with client_for(serving(make)) as client:
        answer = await client.get("/")
        assert (answer.body, answer.headers["content-length"]) == (b"456789", "6")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        part = await client.get("/", headers={"range": "bytes=1-2", "if-range": answer.headers["etag"]})
        assert (part.status, part.body, part.headers["content-range"]) == (206, b"56", "bytes 1-2/6")


async def test_equal_bytes_have_one_tag_and_others_another(client_for: ClientFor) -> None:
    app = Nacre()
    app.add_route("/<text>", lambda request: FileResponse(request.path.encode()))
    async with client_for(app) as client:
        tags = [(await client.get(path)).headers["etag"] for path in ("/a", "/a", "/b")]
        assert tags[0] == tags[1] != tags[2]
        assert (await client.get("/a", headers={"if-none-match": tags[0]})).status == 304


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (io.StringIO("x"), "not a file opened as text"),
        (None, "not a NoneType"),
        (["a"], "not a list"),
    ],
    ids=["text", "None", "list"],
)
def test_anything_else_is_refused_where_it_is_given(content: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        FileResponse(content)


@pytest.mark.parametrize("name", ["missing.txt", "folder", "nul\0.txt", "a.txt/b", "x" * 5000, "pipe", "loop", ""])
async def test_what_is_no_file_to_read_is_not_found(client_for: ClientFor, tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.txt", b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    async with client_for(serving(lambda: FileResponse(os.path.join(tmp_path, name)))) as client:
        answer = await client.get("/")
    assert (answer.status, answer.body) == (404, b"Not Found")


@pytest.mark.parametrize(
    ("number", "status"),
    [(errno.EACCES, 404), (errno.EPERM, 404), (errno.EMFILE, 500), (errno.EIO, 500), (errno.ENOMEM, 500)],
    ids=errno.errorcode.get,
)
async def test_a_file_that_may_not_be_read_is_not_found_and_a_failing_machine_fails(
    client_for: ClientFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    """A cache may keep a 404."""

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("nacre.representations.open", refuse, raising=False)
    async with client_for(serving(lambda: FileResponse(tmp_path / "a.txt"))) as client:
        assert (await client.get("/")).status == status


# Names and ages.


async def test_a_download_is_named(client_for: ClientFor, tmp_path: Path) -> None:
    path = write(tmp_path / "r\xe9sum\xe9.pdf", b"x")
    app = Nacre()
    app.add_route("/own", lambda request: FileResponse(path, download=True))
    app.add_route("/given", lambda request: send_file(path, download='a";dummy=".txt'))
    app.add_route("/bytes", lambda request: send_file(b"a,b", download="table.csv"))
    async with client_for(app) as client:
        own, given, table = [await client.get(target) for target in ("/own", "/given", "/bytes")]
    assert own.headers["content-disposition"] == (
        "attachment; filename=\"r_sum_.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf"
    )
    assert given.headers["content-disposition"] == (
        "attachment; filename=\"a_;dummy=_.txt\"; filename*=UTF-8''a%22%3Bdummy%3D%22.txt"
    )
    assert table.headers["content-type"] == "text/csv; charset=utf-8"


def test_a_download_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs a name: download='report\.csv'"):
        FileResponse(b"x", download=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"max_age": 0}, "max-age=0"),
        ({"max_age": 3600}, "max-age=3600"),
        ({"max_age": timedelta(days=1)}, "max-age=86400"),
        ({"immutable": True}, "max-age=31536000, immutable"),
        ({"immutable": True, "max_age": 60}, "max-age=60, immutable"),
        ({"headers": {"cache-control": "no-store"}}, "no-store"),
    ],
    ids=str,
)
async def test_an_age_becomes_cache_control(client_for: ClientFor, options: Any, expected: str | None) -> None:
    async with client_for(serving(lambda: FileResponse(b"x", **options))) as client:
        assert (await client.get("/")).headers.get("cache-control") == expected


def test_a_negative_age_is_refused() -> None:
    with pytest.raises(ValueError, match="not -1"):
        FileResponse(b"x", max_age=-1)


# Compressed variants.

VARIANTS = {
    "no field": (None, None),
    "empty field": ("", None),
    "a browser's": ("gzip, deflate, br, zstd", "br"),
    "by weight": ("br;q=0.5, gzip", "gzip"),
    "by weight, zstd": ("br;q=0.5, zstd;q=0.9, gzip;q=0.1", "zstd"),
    "one only": ("gzip", "gzip"),
    "an old name": ("x-gzip", "gzip"),
    "any": ("*", "br"),
    "any but one": ("*, br;q=0", "zstd"),
    "none of them": ("br;q=0, gzip;q=0", None),
    "plain liked more": ("identity, br;q=0.9", None),
    "plain liked less": ("identity;q=0.1, gzip;q=0.2", "gzip"),
    "unknown": ("compress, dcb", None),
    "plain refused and nothing else": ("identity;q=0", None),
    "malformed": ("gzip;q=x", None),
}


@pytest.mark.parametrize("case", VARIANTS)
async def test_the_variant_that_the_client_likes_most_is_sent(client_for: ClientFor, tmp_path: Path, case: str) -> None:
    accept, expected = VARIANTS[case]
    path = write(tmp_path / "a.css", b"plain")
    for coding, ending in (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")):
        write(tmp_path / f"a.css{ending}", coding.encode())
    app = serving(lambda: FileResponse(path, precompressed=True))
    async with client_for(app) as client:
        headers = {"accept-encoding": accept} if accept is not None else {}
        answer = await client.get("/", headers=headers)
    assert answer.status == 200
    assert answer.headers.get("content-encoding") == expected
    assert answer.body == (expected or "plain").encode()
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_each_variant_has_a_tag_and_ranges_of_its_own(client_for: ClientFor, tmp_path: Path) -> None:
    """No part of one is taken for a part of another: RFC 9110 §13.1.5 with the tag of what was begun."""
    path = write(tmp_path / "a.txt", b"0123456789")
    write(tmp_path / "a.txt.gz", b"abcdefghij")
    app = serving(lambda: FileResponse(path, precompressed=True))
    compressed, plain = {"accept-encoding": "gzip"}, {"accept-encoding": "identity"}
    async with client_for(app) as client:
        one, other = await client.get("/", headers=compressed), await client.get("/", headers=plain)
        assert one.headers["etag"] != other.headers["etag"]
        part = {"range": "bytes=1-2", "if-range": one.headers["etag"]}
        assert (await client.get("/", headers=compressed | part)).body == b"bc"
        assert (await client.get("/", headers=plain | part)).body == b"0123456789"
        assert (await client.get("/", headers=plain | {"range": "bytes=1-2"})).body == b"12"
        known = await client.get("/", headers=compressed | {"if-none-match": one.headers["etag"]})
        assert (known.status, known.headers["vary"]) == (304, "Accept-Encoding")
        assert (await client.get("/", headers=compressed | {"if-none-match": other.headers["etag"]})).status == 200


@pytest.mark.parametrize("what", ["older", "folder", "missing"])
async def test_a_variant_that_does_not_belong_to_the_file_is_left(
    client_for: ClientFor, tmp_path: Path, what: str
) -> None:
    path = write(tmp_path / "a.txt", b"plain")
    if what == "older":
        write(tmp_path / "a.txt.gz", b"of the day before", OLD - 1)
    elif what == "folder":
        (tmp_path / "a.txt.gz").mkdir()
    async with client_for(serving(lambda: FileResponse(path, precompressed=True))) as client:
        answer = await client.get("/", headers={"accept-encoding": "gzip"})
    assert (answer.body, answer.headers.get("content-encoding")) == (b"plain", None)


async def test_a_variant_without_the_file_is_not_found(client_for: ClientFor, tmp_path: Path) -> None:
    write(tmp_path / "a.txt.gz", b"x")
    async with client_for(serving(lambda: FileResponse(tmp_path / "a.txt", precompressed=True))) as client:
        assert (await client.get("/", headers={"accept-encoding": "gzip"})).status == 404


# One object for many requests.


@pytest.mark.parametrize("kind", ["path", "bytes"])
async def test_one_response_serves_many_requests(client_for: ClientFor, tmp_path: Path, kind: str) -> None:
    """starlette#3144: what one request makes of it is no other one's."""
    shared = FileResponse(KINDS[kind](b"0123456789", tmp_path / "a.bin"), headers={"x-own": "1"})

    async def layer(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add("x-layer", "1")
        return response

    async with client_for(serving(lambda: shared, middlewares=[layer])) as client:
        part = await client.get("/", headers={"range": "bytes=0-1"})
        parts = await client.get("/", headers={"range": "bytes=0-1,5-6"})
        known = await client.get("/", headers={"if-none-match": part.headers["etag"]})
        beyond = await client.get("/", headers={"range": "bytes=10-"})
        both = await asyncio.gather(*(_perform(client) for _ in range(8)))
    assert [part.status, parts.status, known.status, beyond.status] == [206, 206, 304, 416]
    for answer in both:
        assert (answer.status, answer.body) == (200, b"0123456789")
        assert answer.headers.getlist("x-layer") == ["1"]
        assert "content-range" not in answer.headers


async def _perform(client: TestClient) -> Any:
    return await client.get("/")


async def test_one_response_of_an_open_file_serves_one_request(client_for: ClientFor, caplog: Any) -> None:
    shared = FileResponse(io.BytesIO(b"x"))
    async with client_for(serving(lambda: shared)) as client:
        assert (await client.get("/")).body == b"x"
        assert (await client.get("/")).status == 500
    assert "was returned for a second request; build a new one for each" in caplog.text


# What layers see, and when.


async def test_layers_see_the_answer_that_is_sent(client_for: ClientFor, tmp_path: Path) -> None:
    seen: list[tuple[int, dict[str, str]]] = []

    async def layer(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append((response.status, dict(response.headers)))
        return response

    path = write(tmp_path / "a.bin", b"x" * 200_000)
    async with client_for(serving(lambda: FileResponse(path), middlewares=[layer])) as client:
        whole = await client.get("/")
        await client.get("/", headers={"range": "bytes=0-1"})
        await client.get("/", headers={"if-none-match": whole.headers["etag"]})
        await client.get("/", headers={"range": "bytes=200000-"})
        await client.head("/")
    assert [status for status, _ in seen] == [200, 206, 304, 416, 200]
    assert seen[0][1]["content-length"] == seen[4][1]["content-length"] == "200000"
    assert seen[1][1]["content-range"] == "bytes 0-1/200000"
    assert seen[3][1]["content-range"] == "bytes */200000"


async def test_callbacks_run_after_the_last_byte(client_for: ClientFor, tmp_path: Path) -> None:
    """M4, also where the server could send the file by itself."""
    path = write(tmp_path / "a.bin", b"x" * 400_000)
    done: list[str] = []

    def make(request: Request) -> Response:
        request.after_response(lambda: done.append("after_response"))
        response = FileResponse(path, background=lambda: done.append("background"))
        response.on_sent(lambda: done.append("on_sent"))
        return response

    app = Nacre()
    app.add_route("/", make)
    async with client_for(app) as client:
        async with client.stream("GET", "/") as response:
            first = await anext(response)
            assert first
            assert done == []
            assert len(first) + len(await response.read()) == 400_000
    assert done == ["on_sent", "background", "after_response"]


async def test_a_layer_may_send_a_file_and_a_layer_around_it_may_read_it(client_for: ClientFor, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"text " * 50_000)

    async def sends(request: Request, call_next: CallNext) -> Response:
        return FileResponse(path)

    async def reads(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert response.stream is not None
        return Response(b"".join(response.stream)[:9])

    app = Nacre(middlewares=[sends])
    async with client_for(app) as client:
        assert (await client.get("/nowhere", headers={"range": "bytes=0-3"})).body == b"text"
    async with client_for(Nacre(middlewares=[reads, sends])) as client:
        assert (await client.get("/")).body == b"text text"


# Files that change while they are sent.


def onion(path: Path) -> Any:
    async def layer(request: Request, call_next: CallNext) -> Response:
        return FileResponse(path)

    return layer


def plain(path: Path) -> Any:
    def layer(request: Request, call_next: Any) -> Response:
        return FileResponse(path)

    return layer


def django(path: Path) -> Any:
    class Layer:
        def __init__(self, get_response: Any) -> None:
            self.get_response = get_response

        def __call__(self, request: Request) -> Response:
            return FileResponse(path)

    return Layer


def before(path: Path) -> Any:
    return Hooks(before=lambda request: FileResponse(path))


def after(path: Path) -> Any:
    return Hooks(after=lambda request, response: FileResponse(path))


class Passing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.mark.parametrize("made_by", [onion, plain, django, before, after], ids=lambda made_by: made_by.__name__)
async def test_a_layer_that_sends_a_file_gives_those_outside_the_answer_that_is_sent(
    client_for: ClientFor, tmp_path: Path, made_by: Callable[[Path], Any]
) -> None:
    path = write(tmp_path / "x.txt", b"0123456789" * 20_000)
    seen: list[Any] = []

    async def outside(request: Request, call_next: CallNext) -> Response:
        try:
            response = await call_next(request)
        except NotFound as error:
            seen.append(error.status)
            raise
        seen.append((response.status, response.headers.get("content-length")))
        return response

    app = Nacre(middlewares=[outside])
    for prefix, found in (("/file", path), ("/missing", tmp_path / "missing")):
        group = Group(prefix, middlewares=[Passing, outside, made_by(found)])
        group.get("/")(lambda: "page")
        app.include(group)
    async with client_for(app) as client:
        answer = await client.get("/file/", headers={"range": "bytes=2-4"})
        assert (answer.status, answer.text, answer.headers["content-range"]) == (206, "234", "bytes 2-4/200000")
        assert seen == [(206, "3"), (206, "3")]
        seen.clear()
        assert (await client.get("/missing/")).status == 404
    assert [one if isinstance(one, int) else one[0] for one in seen] == [404, 404]


async def test_a_hook_that_sends_a_file_gives_layers_the_answer_that_is_sent(
    client_for: ClientFor, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.txt", b"0123456789")
    seen: list[int] = []

    async def outside(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append(response.status)
        return response

    app = serving(lambda: "page", middlewares=[outside])
    app.after_request(lambda request, response: FileResponse(path))
    async with client_for(app) as client:
        await client.get("/", headers={"range": "bytes=2-4"})
    assert seen == [206]


async def test_a_file_that_grows_is_sent_as_long_as_it_was(client_for: ClientFor, tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"x" * 400_000)

    async def grow(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert isinstance(response.stream, FileBody)
        await asyncio.to_thread(path.write_bytes, b"x" * 500_000)
        return response

    async with client_for(serving(lambda: FileResponse(path), middlewares=[grow])) as client:
        answer = await client.get("/")
    assert (answer.headers["content-length"], len(answer.body)) == ("400000", 400_000)


async def test_a_file_that_shrinks_breaks_the_answer_off(client_for: ClientFor, tmp_path: Path, caplog: Any) -> None:
    path = write(tmp_path / "a.bin", b"x" * 400_000)

    async def shrink(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.on_sent(lambda: None)  # so that no server sends it by itself
        await asyncio.to_thread(os.truncate, path, 300_000)
        return response

    async with client_for(serving(lambda: FileResponse(path), middlewares=[shrink])) as client:
        async with client.stream("GET", "/") as response:
            pieces = [piece async for piece in response]
    assert len(b"".join(pieces)) == 300_000
    assert "the file became shorter while it was sent: 100000 bytes are missing" in caplog.text


# Closed exactly once.


class Counting(io.BytesIO):
    """A file that counts how often it is closed."""

    closings = 0

    def close(self) -> None:
        self.closings += 1
        super().close()


class CountingPipe(Counting):
    def seekable(self) -> bool:
        return False


async def replaced(request: Request, call_next: CallNext) -> Any:
    await call_next(request)
    return "something else"


async def raising(request: Request, call_next: CallNext) -> Any:
    await call_next(request)
    raise ZeroDivisionError


def plain_replaced(request: Request, call_next: Any) -> Any:
    call_next(request)
    return "something else"


OUTCOMES: dict[str, tuple[str, dict[str, str], list[Any], int]] = {
    "sent": ("GET", {}, [], 200),
    "head": ("HEAD", {}, [], 200),
    "not modified": ("GET", {"if-none-match": "*"}, [], 304),
    "not modified, head": ("HEAD", {"if-none-match": "*"}, [], 304),
    "precondition failed": ("GET", {"if-match": '"x"'}, [], 412),
    "replaced": ("GET", {}, [replaced], 200),
    "replaced in a thread": ("GET", {}, [plain_replaced], 200),
    "an outer layer raises": ("GET", {}, [raising], 500),
    "not modified and replaced": ("GET", {"if-none-match": "*"}, [replaced], 200),
}
RANGED = {
    "range": ("GET", {"range": "bytes=0-199999"}, [], 206),
    "small range": ("GET", {"range": "bytes=0-1"}, [], 206),
    "ranges": ("GET", {"range": "bytes=0-99999,100001-200000"}, [], 206),
    "not satisfiable": ("GET", {"range": "bytes=300000-"}, [], 416),
    "not satisfiable and replaced": ("GET", {"range": "bytes=300000-"}, [replaced], 200),
}


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(Counting, one) for one in OUTCOMES | RANGED] + [(CountingPipe, one) for one in OUTCOMES],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_m53_an_open_file_is_closed_exactly_once(
    client_for: ClientFor, kind: type[Counting], outcome: str
) -> None:
    method, headers, layers, status = (OUTCOMES | RANGED)[outcome]
    files: list[Counting] = []

    def make() -> Response:
        files.append(kind(b"x" * 300_000))
        return FileResponse(files[-1])

    async with client_for(serving(make, middlewares=layers)) as client:
        assert (await client.request(method, "/", headers=headers)).status == status
    assert [file.closings for file in files] == [1]


@pytest.mark.parametrize("kind", [Counting, CountingPipe])
async def test_m53_an_open_file_is_closed_when_the_client_leaves(client_for: ClientFor, kind: type[Counting]) -> None:
    file = kind(b"x" * 1_000_000)
    async with client_for(serving(lambda: FileResponse(file))) as client:
        async with client.stream("GET", "/") as response:
            await anext(response)
            await response.disconnect()
    assert file.closings == 1


async def test_m53_a_file_whose_reading_fails_is_closed(client_for: ClientFor) -> None:
    class Failing(Counting):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the disk fails")

    for size in (10, 300_000):
        file = Failing(b"x" * size)
        async with client_for(serving(lambda file=file: FileResponse(file))) as client:
            try:
                await client.get("/")
            except OSError:
                pass  # within the body: the double's server sees it
        assert file.closings == 1


async def test_m53_a_file_that_can_not_be_measured_is_closed(client_for: ClientFor) -> None:
    class Failing(Counting):
        def tell(self) -> int:
            raise OSError("the disk fails")

    file = Failing(b"x")
    async with client_for(serving(lambda: FileResponse(file))) as client:
        assert (await client.get("/")).status == 500
    assert file.closings == 1


async def test_m53_a_file_is_closed_when_the_request_is_cancelled_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread goes on opening it, and nobody waits for what it finds."""
    path = write(tmp_path / "a.bin", b"x" * 300_000)
    opening, go_on = threading.Event(), threading.Event()
    files: list[Any] = []

    def slow_open(*arguments: Any, **options: Any) -> Any:
        opening.set()
        assert go_on.wait(10)
        files.append(open(*arguments, **options))  # noqa: SIM115
        return files[-1]

    monkeypatch.setattr("nacre.representations.open", slow_open, raising=False)

    async def deadline(request: Request, call_next: CallNext) -> Any:
        task = asyncio.ensure_future(call_next(request))
        await asyncio.to_thread(opening.wait, 10)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        return "too late"

    async with TestClient(serving(lambda: FileResponse(path), middlewares=[deadline])) as client:
        assert (await client.get("/")).text == "too late"
    assert [file.closed for file in files] == [True]


# Where it runs.


async def test_under_wsgi_a_plain_handler_needs_no_event_loop_for_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"x" * 300_000)
    app = serving(lambda: FileResponse(path))

    def exchange() -> bytes:
        status: list[str] = []
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.0", "wsgi.input": io.BytesIO()}
        body: Any = app(environ, lambda line, headers: status.append(line))
        try:
            return status[0].encode() + b" " + b"".join(body)
        finally:
            body.close()

    before = threading.enumerate()  # other tests' applications may still have one
    answer = await asyncio.to_thread(exchange)
    assert answer == b"200 OK " + b"x" * 300_000
    assert not [one for one in threading.enumerate() if one.name == "nacre-loop" and one not in before]
    assert threading.active_count() <= len(before) + 1


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, int, int]]:
    """What is left to the server to send, by status, path, start and end."""
    calls: list[tuple[int, str, int, int]] = []
    send = HTTPProtocol.response_file_range

    def note(self: HTTPProtocol, status: int, headers: Any, file: str, start: int, end: int) -> None:
        calls.append((status, file, start, end))
        send(self, status, headers, file, start, end)

    monkeypatch.setattr(HTTPProtocol, "response_file_range", note)
    return calls


async def test_granian_is_left_to_send_large_files_and_single_ranges(tmp_path: Path, handed_over: Any) -> None:
    path = write(tmp_path / "a.bin", b"x" * 300_000)
    async with TestClient(serving(lambda: FileResponse(path)), "rsgi") as client:
        assert len((await client.get("/")).body) == 300_000
        part = await client.get("/", headers={"range": "bytes=100000-199999"})
        assert (part.status, len(part.body), part.headers["content-length"]) == (206, 100_000, "100000")
        await client.get("/", headers={"range": "bytes=0-9"})
        await client.get("/", headers={"if-none-match": "*"})
        await client.head("/")
    assert handed_over == [(200, str(path), 0, 300_000), (206, str(path), 100_000, 200_000)]


@pytest.mark.parametrize("what", ["background", "on_sent", "after_response", "open file", "parts", "name"])
async def test_granian_is_left_no_file_that_it_can_not_send_or_whose_end_is_waited_for(
    tmp_path: Path, handed_over: Any, what: str
) -> None:
    name = os.fsdecode(b"\xff.bin") if what == "name" else "a.bin"
    path = write(tmp_path / name, b"x" * 300_000)

    def make(request: Request) -> Response:
        response = FileResponse(path.open("rb") if what == "open file" else path)
        if what == "background":
            response.background = lambda: None
        elif what == "on_sent":
            response.on_sent(lambda: None)
        elif what == "after_response":
            request.after_response(lambda: None)
        return response

    app = Nacre()
    app.add_route("/", make)
    headers = {"range": "bytes=0-99999,100001-199999"} if what == "parts" else {}
    async with TestClient(app, "rsgi") as client:
        assert len((await client.get("/", headers=headers)).body) >= 199_999
    assert handed_over == []


class _Granian:
    """The sending side of a server that reads files itself."""

    __module__ = "granian.asgi"

    def __init__(self):
        self.messages = []

    async def send(self, message):
        self.messages.append(message)


@pytest.mark.parametrize("awaited", [False, True], ids=["nobody waits for its end", "somebody waits for its end"])
async def test_a_server_that_can_reads_a_whole_file_itself(tmp_path, awaited):
    (tmp_path / "a.bin").write_bytes(b"x" * 100_000)
    ended = []
    app = Nacre()

    @app.get("/a.bin")
    async def a(request):
        if awaited:
            request.after_response(lambda: ended.append(True))
        return FileResponse(tmp_path / "a.bin")

    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"},
        **{"path": "/a.bin", "raw_path": b"/a.bin", "query_string": b"", "headers": [(b"host", b"a.example")]},
        **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "extensions": {"http.response.pathsend": {}}},
    }

    async def receive():
        return await asyncio.get_running_loop().create_future()

    server = _Granian()
    await app(scope, receive, server.send)
    start, *body = server.messages
    assert dict(start["headers"])[b"content-length"] == b"100000"
    if awaited:
        assert b"".join(piece["body"] for piece in body) == b"x" * 100_000
        assert ended == [True]
    else:
        assert body == [{"type": "http.response.pathsend", "path": str(tmp_path / "a.bin")}]
