"""Published attacks on forms and uploads, each by its id, on every transport and through every way to read a form."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import annotated_types
import pytest

from nacre import File, Form, Nacre, Request, UploadFile, wait
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

MULTIPART = {"content-type": "multipart/form-data; boundary=cut"}
END = b"--cut--\r\n"


def part(disposition: str, content: bytes = b"", *headers: bytes) -> bytes:
    """One part; the disposition is what stands after `form-data; `."""
    lines = [b"--cut", f"Content-Disposition: form-data; {disposition}".encode(), *headers, b"", content]
    return b"\r\n".join(lines) + b"\r\n"


TEXT = part('name="a"')
TEXT_BEGUN = TEXT.removesuffix(b"\r\n")
FILE = part('name="f"; filename="a"', b"1")


def application(**options: Any) -> Nacre:
    """An application that reads forms in every way."""
    app = Nacre(**options)

    def shown(pairs: Any) -> list[Any]:
        return [[name, value if isinstance(value, str) else [value.filename, value.size]] for name, value in pairs]

    @app.post("/form")
    async def collected(request: Request) -> list[Any]:
        return shown((await request.form()).pairs())

    @app.post("/plain")
    def plain(request: Request) -> list[Any]:
        return shown(wait(request.form()).pairs())

    @app.post("/parts")
    async def by_part(request: Request) -> list[Any]:
        found: list[Any] = []
        async for one in request.parts():
            size = sum([len(piece) async for piece in one])
            found.append([one.name, [one.filename, size] if one.is_file else size])
        return found

    @app.post("/bound")
    async def bound(a: list[str] = Form([]), f: list[UploadFile] = File([])) -> list[Any]:
        return shown([*(("a", text) for text in a), *(("f", file) for file in f)])

    return app


readers = pytest.mark.parametrize("path", ["/form", "/plain", "/parts", "/bound"])


class Endless:
    """A body of some beginning and then the same for ever; it counts what was taken of it."""

    def __init__(self, begin: bytes, more: bytes) -> None:
        self.begin = begin
        self.more = more * (1 + 65_536 // len(more))
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        yield self.begin
        while self.taken < 50_000_000:
            self.taken += len(self.more)
            yield self.more


# How the body begins, how it goes on for ever, the refusal, and the most that may be taken of it.
ENDLESS = [
    pytest.param(b"", TEXT, 413, 300_000, id="CVE-2023-30798"),
    pytest.param(b"", TEXT, 413, 300_000, id="CVE-2024-52581 GHSA-gjcc-jvgw-wvwj"),
    pytest.param(b"", FILE, 413, 300_000, id="CVE-2023-25578 GHSA-p24m-863f-fm6q files"),
    pytest.param(b"", FILE + TEXT, 413, 300_000, id="CVE-2023-25578 GHSA-p24m-863f-fm6q both"),
    pytest.param(b"", FILE, 413, 300_000, id="tornado 6.5.5 multipart limit"),
    pytest.param(b"", part('name="f"; filename="a"'), 413, 300_000, id="CVE-2023-24580 empty files"),
    pytest.param(TEXT_BEGUN, b"x", 413, 1_300_000, id="CVE-2024-47874 GHSA-f96h-pmfr-66vw"),
    pytest.param(TEXT_BEGUN, b"x", 413, 1_300_000, id="CVE-2025-69228 GHSA-6jhg-hg63-jvvf"),
    pytest.param(TEXT_BEGUN, b"x", 413, 1_300_000, id="CVE-2024-49767 GHSA-q34m-jh98-gwm2"),
    pytest.param(TEXT_BEGUN, b"\r\n--cu", 413, 1_300_000, id="CVE-2026-34517 GHSA-3wq7-rqq7-wx6j"),
    pytest.param(b"--cut\r\nX: ", b"x", 400, 300_000, id="CVE-2026-34516 GHSA-m5qp-6w8w-w647 one header"),
    pytest.param(b"--cut\r\n", b"X: y\r\n", 400, 300_000, id="CVE-2026-34516 GHSA-m5qp-6w8w-w647 many headers"),
    pytest.param(b"--cut\r\nX: ", b"x", 400, 300_000, id="CVE-2026-42561 one header"),
    pytest.param(b"--cut\r\n", b"X: y\r\n", 400, 300_000, id="CVE-2026-42561 many headers"),
    pytest.param(b"", b"preamble\r\n", 400, 300_000, id="CVE-2026-40347 GHSA-mj87-hwqh-73pj preamble"),
]


@readers
@pytest.mark.parametrize(("begin", "more", "status", "most"), ENDLESS)
async def test_endless_body_is_refused_as_soon_as_it_passes_a_limit(
    path: str, begin: bytes, more: bytes, status: int, most: int, client_for: ClientFor
) -> None:
    """Without Content-Length (CVE-2026-5766) and where bodies have no limit: what was received counts."""
    body = Endless(begin, more)
    async with client_for(application(max_body=None)) as client:
        response = await client.post(path, content=body, headers=MULTIPART)
        assert response.status == status
        assert body.taken <= most
        assert (await client.post(path, content=FILE + END, headers=MULTIPART)).json() == [["f", ["a", 1]]]


@readers
async def test_four_huge_fields_at_once_are_refused(path: str, client_for: ClientFor) -> None:
    """CVE-2024-47874 GHSA-f96h-pmfr-66vw: 4 in parallel, each held to its own limit."""
    bodies = [Endless(TEXT_BEGUN, b"x") for _ in range(4)]
    async with client_for(application(max_body=None)) as client:
        requests = [client.post(path, content=body, headers=MULTIPART) for body in bodies]
        responses = await asyncio.gather(*[_performed(request) for request in requests])
    assert [response.status for response in responses] == [413] * 4
    assert all(body.taken <= 1_300_000 for body in bodies)


async def _performed(request: Any) -> Any:
    return await request


# What a step that is quadratic would take minutes for, and the suite's time limit would end.
LINEAR = [
    pytest.param(b"\r" + b"a" * 8_000_000, id="CVE-2023-46136 GHSA-hrfv-mqp8-q5rw"),
    pytest.param(b"\r\n--cu" * 1_300_000, id="CVE-2023-46136 GHSA-hrfv-mqp8-q5rw almost boundaries"),
    pytest.param(b" " * 8_000_000, id="CVE-2026-33033 without the encoding"),
]


@readers
@pytest.mark.parametrize("content", LINEAR)
async def test_large_file_is_read_in_linear_time(path: str, content: bytes, client_for: ClientFor) -> None:
    body = part('name="f"; filename="a"', content) + END
    chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    async with client_for(application(max_body=None)) as client:
        response = await client.post(path, content=chunks, headers=MULTIPART)
    assert response.json() == [["f", ["a", len(content)]]]


@readers
async def test_epilogue_costs_nothing(path: str, client_for: ClientFor) -> None:
    """CVE-2026-40347 GHSA-mj87-hwqh-73pj: 10 MiB after the last boundary."""
    chunks = [FILE + END, *[b"\r\n--cut" * 1000] * 1300]
    async with client_for(application(max_body=None)) as client:
        assert (await client.post(path, content=chunks, headers=MULTIPART)).json() == [["f", ["a", 1]]]


# The part, or the request's own headers, and how it is refused.
REFUSED = [
    pytest.param(part('name="a"\rX: y', b"1"), {}, 400, id="tornado 6.5.5 CR in part headers"),
    pytest.param(
        part('name="f"; filename="a"', b" " * 100_000 + b"MQ==", b"Content-Transfer-Encoding: base64"),
        {},
        400,
        id="CVE-2026-33033",
    ),
    pytest.param(part('name="a"', b"1", b"Content-Length: -1"), {}, 400, id="python-multipart#297 of a part"),
    pytest.param(FILE, {"content-length": "-1"}, 400, id="python-multipart#297 (negative Content-Length)"),
    pytest.param(
        FILE, {"content-type": "multipart/form-data; boundary=" + "a" * 1_048_576}, 400, id="python-multipart#282"
    ),
    pytest.param(FILE * 101, {}, 413, id="CVE-2023-24580 101 files"),
]


@readers
@pytest.mark.parametrize(("begin", "headers", "status"), REFUSED)
async def test_form_is_refused(
    path: str, begin: bytes, headers: dict[str, str], status: int, client_for: ClientFor
) -> None:
    async with client_for(application()) as client:
        response = await client.post(path, content=iter([begin + END]), headers={**MULTIPART, **headers})
    assert response.status == status
    assert "X: y" not in response.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(part('name="a"', b"\r\n1\r\n--cu\r\n") + FILE + END, id="werkzeug#3065/#3088"),
        pytest.param(part('name="a"', b"1", b"Content-Type: text/plain") + END + b"more", id="werkzeug#3065 epilogue"),
        pytest.param(b"\r\n" + part('name="f"; filename="\xc3\xa9"', b"\r") + FILE + b"--cut--", id="werkzeug#3088 CR"),
    ],
)
@pytest.mark.parametrize("path", ["/form", "/parts"])
async def test_parts_are_the_same_however_the_body_is_cut(path: str, body: bytes, client_for: ClientFor) -> None:
    """Two chunks, cut at every place, and chunks of one size, 1 to 7 bytes."""
    async with client_for(application()) as client:

        async def read(chunks: Any) -> Any:
            return (await client.post(path, content=iter(chunks), headers=MULTIPART)).json()

        whole = await read([body])
        assert whole
        for at in range(1, len(body)):
            assert await read([body[:at], body[at:]]) == whole
        for size in range(1, 8):
            assert await read([body[at : at + size] for at in range(0, len(body), size)]) == whole


# What is sent, what is shown of it, and what it is stored under: None where there is nothing left.
FILENAMES = [
    pytest.param("../../x", "x", "x", id="CVE-2021-28658 / CVE-2021-31542 / CVE-2021-45452 parents"),
    pytest.param("..\\x", "x", "x", id="CVE-2021-28658 / CVE-2021-31542 / CVE-2021-45452 backslash"),
    pytest.param("/etc/x", "x", "x", id="CVE-2021-28658 / CVE-2021-31542 / CVE-2021-45452 absolute"),
    pytest.param("a/../..", None, None, id="CVE-2021-28658 / CVE-2021-31542 / CVE-2021-45452 only parents"),
    pytest.param("&#x2F;..", "&#x2F;..", "&#x2F;", id="CVE-2021-28658 / CVE-2021-31542 / CVE-2021-45452 entity"),
    pytest.param("a\0.png\x1b", "a.png", "a.png", id="CVE-2021-28658 / CVE-2021-31542 / CVE-2021-45452 NUL"),
    pytest.param("..", None, None, id="CVE-2021-28658 / CVE-2021-31542 / CVE-2021-45452 parent"),
    pytest.param("/etc/cron.d/x", "x", "x", id="CVE-2026-24486"),
    pytest.param("../../../up.txt", "up.txt", "up.txt", id="blacksheep save_to"),
    pytest.param("é" * 300 + ".txt", "é" * 300 + ".txt", "é" * 125 + ".txt", id="falcon secure_filename long"),
    pytest.param("写真\u202egnp.exe", "写真gnp.exe", "写真gnp.exe", id="falcon secure_filename unicode"),
    pytest.param("NUL.txt", "NUL.txt", "_NUL.txt", id="falcon secure_filename device"),
]


@pytest.mark.parametrize(("sent", "shown", "stored"), FILENAMES)
@pytest.mark.parametrize("path", ["/file", "/plain", "/part"])
async def test_filename_leads_nowhere(
    path: str, sent: str, shown: str | None, stored: str | None, tmp_path: Path, client_for: ClientFor
) -> None:
    uploads = tmp_path / "above" / "uploads"
    uploads.mkdir(parents=True)
    app = Nacre()
    names: list[str | None] = []

    @app.post("/file")
    async def collected(f: UploadFile) -> str:
        names.append(f.filename)
        return (await f.save(uploads)).name

    @app.post("/plain")
    def plain(f: UploadFile) -> str:
        names.append(f.filename)
        return wait(f.save(uploads)).name

    @app.post("/part")
    async def arriving(request: Request) -> str:
        part = await anext(request.parts())
        names.append(part.filename)
        return (await part.save(uploads)).name

    body = part(f'name="f"; filename="{sent}"', b"1") + END
    async with client_for(app) as client:
        response = await client.post(path, content=body, headers=MULTIPART)
    assert names == [shown]
    assert (response.status, response.text) == (
        (200, stored) if stored else (400, "the uploaded file has no name that it could be stored under")
    )
    found = [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if not one.is_dir()]
    assert found == ([f"above/uploads/{stored}"] if stored else [])


@pytest.mark.parametrize("path", ["/form", "/parts"])
async def test_plain_parameter_counts_in_form_data(path: str, client_for: ClientFor) -> None:
    """python-multipart#291/#270: RFC 7578 §4.2."""
    both = part('name="f"; filename="a.txt"; filename*=UTF-8\'\'evil.php', b"1") + END
    other = part('name="f"; filename*=UTF-8\'\'evil.php; filename="a.txt"', b"1") + END
    async with client_for(application()) as client:
        for body in (both, other):
            assert (await client.post(path, content=body, headers=MULTIPART)).json() == [["f", ["a.txt", 1]]]


async def test_every_file_of_a_field_is_validated(client_for: ClientFor) -> None:
    """CVE-2023-31047: not only the last one; what takes one file takes the first, and a list takes all."""
    app = Nacre()

    @app.post("/all")
    async def several(f: list[Annotated[UploadFile, annotated_types.MaxLen(3)]] = File()) -> list[int]:
        return [one.size for one in f]

    @app.post("/one")
    async def single(f: UploadFile = File(max_length=3)) -> list[int]:
        return [f.size]

    files = [part('name="f"; filename="x"', content) for content in (b"1", b"12345", b"1")]
    async with client_for(app) as client:
        response = await client.post("/all", content=b"".join(files) + END, headers=MULTIPART)
        assert response.status == 422
        assert [error["loc"] for error in response.json()["errors"]] == [["body", "f", 1]]
        swapped = files[1] + files[0] + END
        assert (await client.post("/one", content=swapped, headers=MULTIPART)).status == 422


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
async def test_uploads_are_private(
    umask: int, tmp_path: Path, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2020-24583 / CVE-2020-24584: 0600 for what is stored and for what is kept meanwhile, whatever the umask."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    app = Nacre(max_body=None)

    def modes() -> list[int]:
        opened = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
        mine = [one for one in opened if os.path.lexists(one) and os.readlink(one).startswith(str(temporary))]
        return [stat.S_IMODE(os.stat(one).st_mode) for one in mine]

    @app.post("/")
    def handler(f: UploadFile) -> list[Any]:
        saved = wait(f.save(tmp_path))
        return [modes(), os.listdir(temporary), stat.S_IMODE(saved.stat().st_mode)]

    previous = os.umask(umask)
    try:
        async with client_for(app) as client:
            body = part('name="f"; filename="x"', bytes(1_000_000)) + END
            response = await client.post("/", content=body, headers=MULTIPART)
    finally:
        os.umask(previous)
    assert response.json() == [[0o600], [], 0o600]


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
async def test_small_files_open_none(client_for: ClientFor) -> None:
    """CVE-2023-24580: a hundred files, empty or small, and no descriptor for any."""
    app = Nacre()

    @app.post("/")
    def handler(f: list[UploadFile]) -> list[int]:
        return [len(f), sum(os.path.lexists(f"/proc/self/fd/{number}") for number in range(1024))]

    async with client_for(app) as client:
        one = (await client.post("/", content=FILE + END, headers=MULTIPART)).json()
        small = (await client.post("/", content=FILE * 100 + END, headers=MULTIPART)).json()
        empty = (await client.post("/", content=FILE.replace(b"1\r\n", b"\r\n") * 100 + END, headers=MULTIPART)).json()
    assert (one[0], small[0], empty[0]) == (1, 100, 100)
    assert small[1] <= one[1]
    assert empty[1] <= one[1]
