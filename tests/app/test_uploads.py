"""Uploaded files: where they are kept, how they are read and saved, and that nothing of them is left behind."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import attrs
import msgspec
import pytest

from nacre import (
    Body,
    ConfigurationError,
    Cookie,
    File,
    Form,
    Group,
    Header,
    JSONResponse,
    Nacre,
    Path,
    Query,
    Request,
    Response,
    StreamingResponse,
    UploadFile,
    wait,
)
from nacre.errors import BodyConsumed, ClientDisconnect
from nacre.forms import FormLimits, FormPart, UploadExists
from nacre.headers import Headers
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

MULTIPART = {"content-type": "multipart/form-data; boundary=cut"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
SMALL = FormLimits(file_memory=100, memory=250)
"""Limits with which test data is large."""


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a multipart form, its boundary in front of it."""
    named = "" if filename is None else f'; filename="{filename}"'
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + b"--cut--\r\n"


def numbered(size: int) -> bytes:
    """Bytes of which no two pieces are alike."""
    return b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size]


def in_chunks(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def temporary_files() -> list[str]:
    """What this process has open that has no name any more."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:  # the listing itself
            continue
        if name.startswith(tempfile.gettempdir()) and name.endswith("(deleted)"):
            found.append(f"/proc/self/fd/{descriptor}")
    return found


pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc"),
]


@pytest.fixture(autouse=True)
def _no_file_is_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    directory = str(tmp_path_factory.mktemp("uploads"))
    monkeypatch.setattr(tempfile, "tempdir", directory)
    yield
    monkeypatch.setattr(tempfile, "tempdir", directory)
    assert temporary_files() == os.listdir(directory) == []


class TestStorage:
    @pytest.mark.parametrize(
        ("sizes", "stored"),
        [
            ([], 0),
            ([0], 0),
            ([1], 0),
            ([100], 0),
            ([101], 1),
            ([100, 100, 50], 0),
            ([100, 100, 51], 1),
            ([5000, 0, 3, 9000], 1),
            ([300_000, 300_000], 1),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
    async def test_large_files_share_one_private_temporary_file(
        self, sizes: list[int], stored: int, plain: bool, client_for: ClientFor
    ) -> None:
        """CVE-2023-24580: an empty or small file opens none. CVE-2020-24583: only this user can read it."""
        app = Nacre(form_limits=SMALL, max_body=None)
        contents = [numbered(size) for size in sizes]

        def seen() -> list[Any]:
            return [(os.stat(path).st_mode & 0o777, os.stat(path).st_nlink) for path in temporary_files()]

        @app.post("/async")
        async def asynchronous(request: Request) -> Any:
            files = (await request.form()).files("f")
            return [await asyncio.to_thread(seen), [await file.read() == contents[at] for at, file in enumerate(files)]]

        @app.post("/plain")
        def in_thread(request: Request) -> Any:
            files = wait(request.form()).files("f")
            return [seen(), [wait(file.read()) == contents[at] for at, file in enumerate(files)]]

        body = form(*(part("f", content, "x") for content in contents))
        async with client_for(app) as client:
            response = await client.post(
                "/plain" if plain else "/async", content=in_chunks(body, 999), headers=MULTIPART
            )
            assert response.json() == [[[0o600, 0]] * stored, [True] * len(sizes)]
            assert not temporary_files()

    @pytest.mark.parametrize("chunk", [1, 7, 64, 5000])
    async def test_files_are_the_same_wherever_they_are_kept(self, chunk: int, client_for: ClientFor) -> None:
        app = Nacre(max_body=None)
        contents = {"a": numbered(50), "b": numbered(4000), "c": b"", "d": b"\r\n--cu" * 500, "e": numbered(101)}

        @app.post("/<int:memory>")
        async def handler(request: Request, memory: int) -> Any:
            fields = await request.form(FormLimits(file_memory=memory, memory=memory * 3))
            return [
                [name, (await value.read()).decode()] for name, value in fields.pairs() if not isinstance(value, str)
            ]

        body = form(*(part(name, content, "x") for name, content in contents.items()))
        async with client_for(app) as client:
            for memory in (0, 1, 100, 10_000):
                response = await client.post(f"/{memory}", content=in_chunks(body, chunk), headers=MULTIPART)
                assert dict(response.json()) == {name: content.decode() for name, content in contents.items()}

    async def test_memory_is_bounded_whatever_the_size(self) -> None:
        app = Nacre(max_body=None)

        @app.post("/form")
        async def collected(request: Request) -> list[int]:
            return [(await request.form()).files("f")[0].size]

        @app.post("/parts")
        async def by_part(request: Request) -> Any:
            return [len(piece) async for part in request.parts() async for piece in part]

        def body() -> Iterator[bytes]:
            yield part("f", b"", "x").removesuffix(b"\r\n")
            for _ in range(512):
                yield bytes(65_536)
            yield b"\r\n--cut--\r\n"

        async with TestClient(app) as client:
            for path in ("/form", "/parts"):
                await client.post(path, content=form(part("f", b"", "x")), headers=MULTIPART)
                tracemalloc.start()
                response = await client.post(path, content=body(), headers=MULTIPART)
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                assert response.status == 200
                assert peak < 4_000_000

    async def test_nothing_is_received_while_a_write_is_under_way(
        self, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = Nacre(form_limits=FormLimits(file_memory=0), max_body=None)
        taken, turned = 0, []
        loop = asyncio.get_running_loop()

        def body() -> Iterator[bytes]:
            nonlocal taken
            for chunk in in_chunks(form(part("f", bytes(2_000_000), "x")), 10_000):
                taken += 1
                yield chunk

        write = os.write

        def slowly(descriptor: int, data: Any) -> int:
            before = taken
            for _ in range(20):
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
            turned.append((taken - before, len(data)))
            return write(descriptor, data)

        @app.post("/")
        async def handler(request: Request) -> int:
            monkeypatch.setattr("nacre.uploads.os.write", slowly)
            fields = await request.form()
            monkeypatch.undo()
            return fields.files("f")[0].size

        client = client_for(app)
        if client.transport == "wsgi":
            pytest.skip("its client reads the body in the thread that writes")
        assert (await client.post("/", content=body(), headers=MULTIPART)).json() == 2_000_000
        assert len(turned) == 8
        assert {ahead for ahead, _ in turned} == {0}
        assert all(262_144 <= size < 300_000 for _, size in turned[:-1])


class TestReading:
    @pytest.mark.parametrize("limits", [FormLimits(), SMALL], ids=["in memory", "in a file"])
    async def test_file_is_read_in_every_way(self, limits: FormLimits, client_for: ClientFor) -> None:
        app = Nacre(form_limits=limits, max_body=None)
        content = numbered(600_000)

        @app.post("/async")
        async def asynchronous(request: Request) -> str:
            (file,) = (await request.form()).files("f")
            assert [await file.read(10), await file.read(6), await file.read() == content] == [
                content[:10],
                content[10:16],
                True,
            ]
            await file.seek(599_990)
            assert [await file.read(20), await file.read(1), await file.read(0)] == [content[-10:], b"", b""]
            await file.seek()
            assert await file.read(8) == content[:8]
            pieces = [piece async for piece in file]
            assert (b"".join(pieces) == content, max(map(len, pieces))) == (True, 262_144)
            with pytest.raises(ValueError, match="position can't be less than 0"):
                await file.seek(-1)
            await file.load()
            assert file.data == content
            return repr(file)

        @app.post("/plain")
        def plain(request: Request) -> str:
            (file,) = wait(request.form()).files("f")
            assert [wait(file.read(10)), wait(file.read()) == content, file.data == content] == [
                content[:10],
                True,
                True,
            ]
            assert b"".join(file) == content
            return repr(file)

        async with client_for(app) as client:
            for path in ("/async", "/plain"):
                response = await client.post(path, content=form(part("f", content, "x")), headers=MULTIPART)
                assert response.text == (
                    "UploadFile(filename='x', content_type='application/octet-stream', size=600000)"
                )

    @pytest.mark.parametrize("limits", [FormLimits(), SMALL], ids=["in memory", "in a file"])
    async def test_closed_file_says_so(self, limits: FormLimits, client_for: ClientFor) -> None:
        app = Nacre(form_limits=limits)

        @app.post("/")
        async def handler(request: Request) -> list[bool]:
            first, second = (await request.form()).files("f")
            await first.close()
            await first.close()
            for read in (first.read, lambda: anext(aiter(first)), lambda: first.read(1), first.load):
                with pytest.raises(
                    ValueError, match="the uploaded file is closed: its bytes are kept until the response"
                ):
                    await read()
            assert await second.read() == numbered(500)
            await second.close()
            return [bool(await asyncio.to_thread(temporary_files))]

        async with client_for(app) as client:
            body = form(part("f", numbered(600), "x"), part("f", numbered(500), "x"))
            assert (await client.post("/", content=body, headers=MULTIPART)).json() == [False]

    async def test_file_in_a_temporary_file_goes_with_the_request(self, client_for: ClientFor) -> None:
        app, kept = Nacre(form_limits=SMALL), []

        @app.post("/")
        async def handler(request: Request) -> Response:
            file = (await request.form()).files("f")[0]
            kept.append(file)

            async def pieces() -> Any:
                async for piece in file:
                    yield piece

            @request.after_response
            async def afterwards() -> None:
                assert len(await file.read()) == 600
                kept.append("read")

            return StreamingResponse(pieces())

        async with client_for(app) as client:
            response = await client.post("/", content=form(part("f", numbered(600), "x")), headers=MULTIPART)
            assert response.body == numbered(600)
        assert kept[1] == "read"
        with pytest.raises(ValueError, match="the uploaded file is closed"):
            await kept[0].read()

    async def test_file_made_by_hand_is_like_one_received(self, tmp_path: pathlib.Path) -> None:
        file = UploadFile("a.txt", "text/plain", Headers(), b"12345")
        assert (file.size, file.data, await file.read(2), await file.read()) == (5, b"12345", b"12", b"12345")
        assert (await file.save(tmp_path)).read_bytes() == b"12345"


class TestSaving:
    def application(self, directory: pathlib.Path, limits: FormLimits | None = None, **options: Any) -> Nacre:
        """`/file` and `/plain` save what `form` gives, `/part` what is arriving."""
        app = Nacre(form_limits=limits, max_body=None)

        @app.post("/file/<path:name>")
        async def collected(request: Request, name: str) -> str:
            return str(await (await request.form()).files("f")[0].save(place(name), **options))

        @app.post("/plain/<path:name>")
        def plain(request: Request, name: str) -> str:
            return str(wait(wait(request.form()).files("f")[0].save(place(name), **options)))

        @app.post("/part/<path:name>")
        async def arriving(request: Request, name: str) -> str:
            async for one in request.parts():
                return str(await one.save(place(name), **options))
            return "no part"

        def place(name: str) -> str | pathlib.Path:
            return f"{directory}/" if name == "there" else directory / name

        return app

    ways = pytest.mark.parametrize("way", ["file", "plain", "part"])

    @ways
    @pytest.mark.parametrize("limits", [None, SMALL], ids=["in memory", "in a file"])
    @pytest.mark.parametrize("size", [0, 5, 300_000])
    async def test_file_is_stored_for_its_user_alone(
        self, way: str, limits: FormLimits | None, size: int, tmp_path: pathlib.Path, client_for: ClientFor
    ) -> None:
        previous = os.umask(0)
        try:
            async with client_for(self.application(tmp_path, limits)) as client:
                body = form(part("f", numbered(size), "../up.bin"))
                named = await client.post(f"/{way}/here.bin", content=in_chunks(body, 4000), headers=MULTIPART)
                unnamed = await client.post(f"/{way}/there", content=in_chunks(body, 4000), headers=MULTIPART)
        finally:
            os.umask(previous)
        assert (named.text, unnamed.text) == (str(tmp_path / "here.bin"), str(tmp_path / "up.bin"))
        assert sorted(os.listdir(tmp_path)) == ["here.bin", "up.bin"]
        for name in os.listdir(tmp_path):
            assert (tmp_path / name).read_bytes() == numbered(size)
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    @ways
    @pytest.mark.parametrize("there", ["file", "link", "dangling link", "directory"])
    async def test_what_is_there_is_neither_replaced_nor_followed(
        self, way: str, there: str, tmp_path: pathlib.Path, client_for: ClientFor
    ) -> None:
        uploads, outside = tmp_path / "uploads", tmp_path / "outside"
        uploads.mkdir()
        make(there, uploads / "x", outside)
        async with client_for(self.application(uploads)) as client:
            for name in ("x", "there") if there != "directory" else ("there",):
                response = await client.post(f"/{way}/{name}", content=form(part("f", b"new", "x")), headers=MULTIPART)
                assert (response.status, response.text) == (409, "a file of this name is stored already")
        assert os.listdir(uploads) == ["x"]
        assert not outside.exists() or outside.read_bytes() == b"old"
        assert there != "file" or (uploads / "x").read_bytes() == b"old"

    @ways
    @pytest.mark.parametrize("there", ["nothing", "file", "link", "dangling link"])
    async def test_overwriting_replaces_the_name_and_not_what_it_points_to(
        self, way: str, there: str, tmp_path: pathlib.Path, client_for: ClientFor
    ) -> None:
        uploads, outside = tmp_path / "uploads", tmp_path / "outside"
        uploads.mkdir()
        make(there, uploads / "x", outside)
        async with client_for(self.application(uploads, overwrite=True)) as client:
            response = await client.post(f"/{way}/x", content=form(part("f", b"new", "x")), headers=MULTIPART)
        assert (response.status, os.listdir(uploads)) == (200, ["x"])
        assert ((uploads / "x").is_symlink(), (uploads / "x").read_bytes()) == (False, b"new")
        assert not outside.exists() or outside.read_bytes() == b"old"

    @ways
    @pytest.mark.parametrize("filename", ["", "..", "a/", ". ", "\u202e", "~"])
    async def test_file_without_a_usable_name_needs_one(
        self, way: str, filename: str, tmp_path: pathlib.Path, client_for: ClientFor
    ) -> None:
        async with client_for(self.application(tmp_path)) as client:
            response = await client.post(f"/{way}/there", content=form(part("f", b"1", filename)), headers=MULTIPART)
        assert (response.status, response.text) == (
            400,
            "the uploaded file has no name that it could be stored under",
        )
        assert os.listdir(tmp_path) == []

    @ways
    async def test_directory_that_is_not_there_is_an_error(
        self, way: str, tmp_path: pathlib.Path, client_for: ClientFor, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with client_for(self.application(tmp_path / "missing")) as client:
            for name in ("there", "x"):
                response = await client.post(f"/{way}/{name}", content=form(part("f", b"1", "x")), headers=MULTIPART)
                assert response.status == 500
        assert "FileNotFoundError" in caplog.text
        assert os.listdir(tmp_path) == []

    @ways
    async def test_directory_that_becomes_a_link_meanwhile_gets_nothing(
        self, way: str, tmp_path: pathlib.Path, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uploads, elsewhere = tmp_path / "uploads", tmp_path / "elsewhere"
        uploads.mkdir()
        elsewhere.mkdir()
        app = self.application(uploads)
        write = os.write

        def write_and_move(descriptor: int, data: Any) -> int:
            uploads.rename(tmp_path / "moved")
            uploads.symlink_to(elsewhere)
            return write(descriptor, data)

        monkeypatch.setattr("nacre.uploads.os.write", write_and_move)
        async with client_for(app) as client:
            response = await client.post(f"/{way}/x", content=form(part("f", b"1", "x")), headers=MULTIPART)
        monkeypatch.undo()
        assert response.status == 500
        assert os.listdir(elsewhere) == []
        assert not (tmp_path / "moved" / "x").exists()

    @ways
    async def test_full_disk_is_a_507_and_nothing_is_left(
        self, way: str, tmp_path: pathlib.Path, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = self.application(tmp_path)
        write, written = os.write, 0

        def until_full(descriptor: int, data: Any) -> int:
            nonlocal written
            if written >= 300_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            written += len(data)
            return write(descriptor, data)

        async with client_for(app) as client:
            monkeypatch.setattr("nacre.uploads.os.write", until_full)
            body = form(part("f", numbered(900_000), "x"))
            response = await client.post(f"/{way}/x", content=in_chunks(body, 60_000), headers=MULTIPART)
            assert (response.status, os.listdir(tmp_path)) == (507, [])
            monkeypatch.undo()
            assert (await client.post(f"/{way}/x", content=body, headers=MULTIPART)).status == 200

    async def test_conflict_may_be_caught_as_the_usual_exception(self, tmp_path: pathlib.Path) -> None:
        file = UploadFile("a.txt", "text/plain", Headers(), b"1")
        await file.save(tmp_path / "a.txt")
        for kind in (FileExistsError, UploadExists):
            with pytest.raises(kind):
                await file.save(tmp_path)

    async def test_file_that_appears_meanwhile_is_not_replaced(
        self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file, write = UploadFile("a.txt", "text/plain", Headers(), b"1"), os.write

        def write_late(descriptor: int, data: Any) -> int:
            (tmp_path / "a.txt").write_text("first")
            return write(descriptor, data)

        monkeypatch.setattr("nacre.uploads.os.write", write_late)
        with pytest.raises(UploadExists):
            await file.save(tmp_path)
        monkeypatch.undo()
        assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.txt", "first")]


def make(what: str, path: pathlib.Path, target: pathlib.Path) -> None:
    """What may stand at a path already."""
    if what == "file":
        path.write_bytes(b"old")
    elif what == "directory":
        path.mkdir()
    elif what != "nothing":
        path.symlink_to(target)
        if what == "link":
            target.write_bytes(b"old")


class TestEnd:
    """Whatever becomes of a request, its temporary file is closed; each test's fixture looks."""

    def application(self, begun: list[Any]) -> Nacre:
        app = Nacre(form_limits=FormLimits(file_memory=0, files=3), max_body=3_000_000)

        @app.post("/form")
        async def collected(request: Request) -> str:
            begun.append(request)
            await request.form()
            return "done"

        @app.post("/plain")
        def plain(request: Request) -> str:
            begun.append(request)
            wait(request.form())
            return "done"

        @app.post("/failing")
        async def failing(request: Request) -> str:
            begun.append(await request.form())
            raise RuntimeError("the handler's own")

        @app.post("/failing-plain")
        def failing_plain(request: Request) -> str:
            begun.append(wait(request.form()))
            raise RuntimeError("the handler's own")

        return app

    @pytest.mark.parametrize("path", ["/form", "/plain"])
    async def test_client_that_leaves_leaves_nothing(self, path: str, client_for: ClientFor) -> None:
        begun: list[Any] = []
        body = form(part("f", bytes(1_000_000), "x"))
        async with client_for(self.application(begun)) as client:
            await client.post(path, content=body, headers=MULTIPART)
            before = len(os.listdir("/proc/self/fd"))
            for number in range(60):
                try:
                    await client.post(
                        path, content=in_chunks(body, 60_000), headers=MULTIPART, disconnect_after=number % 17 + 1
                    )
                except ClientDisconnect:
                    pass
            assert len(begun) == 61
            assert not temporary_files()
            assert len(os.listdir("/proc/self/fd")) <= before

    @pytest.mark.parametrize("path", ["/failing", "/failing-plain"])
    async def test_handler_that_fails_leaves_nothing(self, path: str, client_for: ClientFor) -> None:
        begun: list[Any] = []
        async with client_for(self.application(begun)) as client:
            body = form(part("f", bytes(400_000), "x"))
            assert (await client.post(path, content=body, headers=MULTIPART)).status == 500
            assert not temporary_files()
        assert len(begun) == 1

    @pytest.mark.parametrize(
        ("end", "status"),
        [
            (b"\r\n--cut\r\nbroken", 400),
            (b"\r\n--cutlass", 400),
            (b"", 400),
            (b"\r\n" + part("g", b"\xff") + b"--cut--\r\n", 400),
            (b"\r\n" + part("g", b"", "x") * 3 + b"--cut--\r\n", 413),
            (b"\r\n" + part("g", bytes(3_000_000), "x") + b"--cut--\r\n", 413),
        ],
        ids=["no header", "no boundary", "no end", "no text", "too many files", "too large"],
    )
    async def test_refused_form_leaves_nothing(self, end: bytes, status: int, client_for: ClientFor) -> None:
        app = Nacre(form_limits=FormLimits(file_memory=0, files=3), max_body=3_000_000)
        open_after: list[int] = []

        @app.post("/")
        async def handler(request: Request) -> str:
            try:
                await request.form()
            finally:
                open_after.append(len(await asyncio.to_thread(temporary_files)))
            return "taken"

        body = part("f", bytes(600_000), "x").removesuffix(b"\r\n") + end
        async with client_for(app) as client:
            response = await client.post("/", content=in_chunks(body, 50_000), headers=MULTIPART)
            assert (response.status, open_after) == (status, [0])

    async def test_cancelled_request_leaves_nothing(
        self, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cancelled while a thread writes: the thread goes on to the end of its write, then the file is closed."""
        app = Nacre(form_limits=FormLimits(file_memory=0))
        write, ended = os.write, []

        @app.post("/")
        async def handler(request: Request) -> str:
            task = asyncio.current_task()
            assert task is not None
            loop = asyncio.get_running_loop()

            def write_and_cancel(descriptor: int, data: Any) -> int:
                loop.call_soon_threadsafe(task.cancel)
                for _ in range(20):
                    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
                size = write(descriptor, data)
                ended.append(size)
                return size

            monkeypatch.setattr("nacre.uploads.os.write", write_and_cancel)
            try:
                await request.form()
            except asyncio.CancelledError:
                task.uncancel()
                return "cancelled"
            finally:
                monkeypatch.undo()
            return "done"

        client = client_for(app)
        if client.transport == "wsgi":
            pytest.skip("the thread that writes is the one that is waited for")
        async with client:
            response = await client.post("/", content=form(part("f", bytes(300_000), "x")), headers=MULTIPART)
            assert response.text == "cancelled"
        assert ended

    async def test_temporary_directory_that_cannot_be_used_is_a_507(
        self, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with client_for(self.application([])) as client:
            monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
            response = await client.post("/form", content=form(part("f", b"12", "x")), headers=MULTIPART)
            monkeypatch.undo()
        assert (response.status, response.text) == (507, "the server has no room for the files of the form now")
        assert "the files of a form can't be stored in a temporary file: " in caplog.text

    PROGRAM = """
import asyncio, os, resource, sys
from nacre import Nacre, Request
from nacre.forms import FormLimits
from nacre.testing import TestClient

app = Nacre(max_body=None)

@app.post("/")
async def handler(request: Request):
    return {"size": (await request.form()).files("f")[0].size}

def body(size):
    head = b'--cut\\r\\nContent-Disposition: form-data; name="f"; filename="x"\\r\\n\\r\\n'
    return head + bytes(size) + b"\\r\\n--cut--\\r\\n"

with TestClient(app, sys.argv[1]) as client:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    headers = {"content-type": "multipart/form-data; boundary=cut"}
    for size in (300_000, 3_000_000, 300_000):
        response = client.post("/", content=body(size), headers=headers)
        print(response.status, sum("deleted" in os.readlink(f"/proc/self/fd/{fd}")
            for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")))
"""

    def test_file_over_the_limit_of_the_process_is_a_507(self, transport: str) -> None:
        run = subprocess.run(
            [sys.executable, "-c", self.PROGRAM, transport], capture_output=True, text=True, check=False
        )
        assert run.stdout.splitlines() == ["200 0", "507 0", "200 0"], run.stderr


class TestOtherReaders:
    """M34: a form within `FormLimits.memory` is there again for who reads the body in another way."""

    def application(self, limits: FormLimits) -> Nacre:
        app = Nacre(form_limits=limits, max_body=1_000_000)

        @app.post("/<how>")
        async def handler(request: Request, how: str) -> Any:
            before = len(await request.body()) if how == "first" else 0
            size = (await request.form()).files("f")[0].size
            try:
                if how == "stream":
                    return [size, sum([len(chunk) async for chunk in request.stream()])]
                if how == "parts":
                    return [size, sum([len(await one.read()) async for one in request.parts()])]
                return [size, before or len(await request.body())]
            except BodyConsumed as error:
                return str(error)

        return app

    @pytest.mark.parametrize("chunk", [None, 3, 700])
    @pytest.mark.parametrize("how", ["body", "stream", "parts", "first"])
    async def test_small_form_is_kept(self, how: str, chunk: int | None, client_for: ClientFor) -> None:
        body = form(part("f", numbered(700), "x"))
        async with client_for(self.application(FormLimits(file_memory=100, memory=1000))) as client:
            content: Any = body if chunk is None else in_chunks(body, chunk)
            response = await client.post(f"/{how}", content=content, headers=MULTIPART)
        assert response.json() == [700, 700 if how == "parts" else len(body)]

    @pytest.mark.parametrize("chunk", [None, 3, 700])
    @pytest.mark.parametrize("how", ["body", "stream", "parts"])
    async def test_large_form_is_not_and_says_so(self, how: str, chunk: int | None, client_for: ClientFor) -> None:
        body = form(part("f", numbered(1000), "x"))
        async with client_for(self.application(FormLimits(file_memory=100, memory=1000))) as client:
            content: Any = body if chunk is None else in_chunks(body, chunk)
            response = await client.post(f"/{how}", content=content, headers=MULTIPART)
            again = await client.post("/first", content=body, headers=MULTIPART)
        assert response.text.startswith(
            "the form is larger than 1000 bytes, so its body was not kept and can't be read"
        )
        assert again.json() == [1000, len(body)]

    @pytest.mark.parametrize("large", [False, True])
    async def test_handler_is_told_of_the_refusal_that_a_layer_was_told(
        self, large: bool, client_for: ClientFor
    ) -> None:
        async def looking(request: Request, call_next: Any) -> Response:
            with pytest.raises(Exception, match="more than 2 files"):
                await request.form()
            return await call_next(request)  # type: ignore[no-any-return]

        app = Nacre(middlewares=[looking], form_limits=FormLimits(files=2, memory=1000))

        @app.post("/")
        async def handler(request: Request) -> int:
            return len(await request.form())

        body = form(*[part("f", bytes(400 if large else 40), "x")] * 3)
        async with client_for(app) as client:
            for content in (body, in_chunks(body, 90)):
                response = await client.post("/", content=content, headers=MULTIPART)
                assert response.status == 413
                assert response.text.startswith("the form has more than 2 files, which `FormLimits.files` allows here")


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "body", "detail"),
        [
            ({"file_size": 5}, form(part("f", b"12345", "x"), part("f", b"12345", "y")), None),
            (
                {"file_size": 5},
                form(part("f", b"123456", "x")),
                "a file of the form has more than 5 bytes, which `FormL",
            ),
            ({"file_size": 5}, form(part("f", b"123456")), None),
            ({"file_size": 0}, form(part("f", b"", "x")), None),
            ({"total": 68}, form(part("f", b"123456")), None),
            (
                {"total": 60},
                form(part("f", b"123456")),
                "the form has more than 60 bytes, which `FormLimits.total` allow",
            ),
        ],
        ids=["files fit", "a file doesn't", "a text may", "an empty file", "all fits", "all doesn't"],
    )
    @pytest.mark.parametrize("path", ["/form", "/parts"])
    @pytest.mark.parametrize("chunk", [1, 1000])
    async def test_sizes_are_bounded(
        self, limits: dict[str, int], body: bytes, detail: str | None, path: str, chunk: int, client_for: ClientFor
    ) -> None:
        app = Nacre(form_limits=FormLimits(**limits))

        @app.post("/form")
        async def collected(request: Request) -> str:
            await request.form()
            return "taken"

        @app.post("/parts")
        async def by_part(request: Request) -> str:
            async for _ in request.parts():
                pass
            return "taken"

        async with client_for(app) as client:
            response = await client.post(path, content=in_chunks(body, chunk), headers=MULTIPART)
        assert response.text.startswith(detail or "taken")
        assert response.status == (413 if detail else 200)

    async def test_an_urlencoded_form_has_a_total_too(self, client_for: ClientFor) -> None:
        app = Nacre(form_limits=FormLimits(total=5))

        @app.post("/")
        async def handler(request: Request) -> int:
            return len(await request.form())

        async with client_for(app) as client:
            assert (await client.post("/", content=b"a=123", headers=URLENCODED)).json() == 1
            assert (await client.post("/", content=b"a=1234", headers=URLENCODED)).status == 413

    async def test_innermost_limits_count(self, client_for: ClientFor) -> None:
        async def count(request: Request) -> int:
            return len((await request.form()).getlist("a"))

        async def bound(a: list[str] = File(default_factory=list)) -> None: ...

        app = Nacre(form_limits=FormLimits(fields=4))
        group, inner = Group("/group", form_limits=FormLimits(fields=2)), Group("/inner")
        mounted = Nacre(form_limits=FormLimits(fields=5))
        app.add_route("/app", count, methods=["POST"])
        group.add_route("/own", count, methods=["POST"])
        group.add_route("/route", count, methods=["POST"], form_limits=FormLimits(fields=3))
        inner.add_route("/group", count, methods=["POST"])
        mounted.add_route("/", count, methods=["POST"])
        group.include(inner)
        app.include(group)
        app.mount("/mounted", mounted)
        limits = {"/app": 4, "/group/own": 2, "/group/route": 3, "/group/inner/group": 2, "/mounted/": 5}
        async with client_for(app) as client:
            for path, limit in limits.items():
                fits = await client.post(path, content=b"&".join([b"a"] * limit), headers=URLENCODED)
                passes = await client.post(path, content=b"&".join([b"a"] * (limit + 1)), headers=URLENCODED)
                assert (path, fits.status, passes.status) == (path, 200, 413)

    async def test_where_no_route_answers_those_of_the_application_count(self, client_for: ClientFor) -> None:
        async def reading(request: Request, call_next: Any) -> Response:
            await request.form()
            return await call_next(request)  # type: ignore[no-any-return]

        app = Nacre(middlewares=[reading], form_limits=FormLimits(fields=1))
        async with client_for(app) as client:
            assert (await client.post("/nowhere", content=b"a", headers=URLENCODED)).status == 404
            assert (await client.post("/nowhere", content=b"a&a", headers=URLENCODED)).status == 413


BODY = form(
    part("title", "Ré".encode()), part("f", numbered(3000), "../a.txt"), part("none", b"", ""), part("g", b"", "b")
)


class TestParts:
    @pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 6, 7, 500, 10_000])
    @pytest.mark.parametrize("path", ["/async", "/plain"])
    async def test_parts_come_one_by_one(self, chunk: int, path: str, client_for: ClientFor) -> None:
        app = Nacre(max_body=10)

        def shown(one: FormPart, content: bytes) -> list[Any]:
            return [one.name, one.filename, one.is_file, one.content_type, content.decode()]

        @app.post("/async")
        async def asynchronous(request: Request) -> Any:
            return [shown(one, b"".join([piece async for piece in one])) async for one in request.parts()]

        @app.post("/plain")
        def plain(request: Request) -> Any:
            return [shown(one, b"".join(one)) for one in request.parts()]

        async with client_for(app) as client:
            response = await client.post(path, content=in_chunks(BODY, chunk), headers=MULTIPART)
        assert response.json() == [
            ["title", None, False, "text/plain", "Ré"],
            ["f", "a.txt", True, "application/octet-stream", numbered(3000).decode()],
            ["g", "b", True, "application/octet-stream", ""],
        ]

    @pytest.mark.parametrize("path", ["/async", "/plain"])
    async def test_parts_of_an_urlencoded_form_are_its_fields(self, path: str, client_for: ClientFor) -> None:
        app = Nacre()

        @app.post("/async")
        async def asynchronous(request: Request) -> Any:
            return [[one.name, one.filename, await one.text()] async for one in request.parts()]

        @app.post("/plain")
        def plain(request: Request) -> Any:
            return [[one.name, one.filename, wait(one.text())] for one in request.parts()]

        async with client_for(app) as client:
            response = await client.post(path, content=in_chunks(b"a=1&b=&a=%C3%A9+x", 3), headers=URLENCODED)
            assert response.json() == [["a", None, "1"], ["b", None, ""], ["a", None, "é x"]]
            assert (await client.post(path, content=b"", headers=URLENCODED)).json() == []
            assert (await client.post(path, content=b"", headers=MULTIPART)).json() == []

    async def test_parts_that_are_not_taken_are_skipped(self, client_for: ClientFor) -> None:
        app = Nacre()

        @app.post("/")
        async def handler(request: Request) -> Any:
            names = []
            async for one in request.parts():
                names.append(one.name)
                if one.name == "f":
                    names.append(len(await anext(aiter(one))) > 0)
            return names

        async with client_for(app) as client:
            response = await client.post("/", content=in_chunks(BODY, 100), headers=MULTIPART)
        assert response.json() == ["title", "f", True, "g"]

    async def test_content_of_a_part_is_taken_once(self, tmp_path: pathlib.Path, client_for: ClientFor) -> None:
        app = Nacre()

        @app.post("/")
        async def handler(request: Request) -> str:
            parts = request.parts()
            title = await anext(parts)
            assert [await title.text(), await title.read(), await title.text()] == ["Ré", "Ré".encode(), "Ré"]
            assert [piece async for piece in title] == []
            file = await anext(parts)
            await anext(aiter(file))
            for taken in (file.read, file.text, lambda: file.save(tmp_path)):
                with pytest.raises(BodyConsumed, match="the content of this part of the form was taken already"):
                    await taken()
            last = await anext(parts)
            for left in (file.read, lambda: anext(file), lambda: file.save(tmp_path)):
                with pytest.raises(
                    BodyConsumed, match="this part of the form has gone by, since the next one was asked"
                ):
                    await left()
            assert await title.text() == "Ré"
            assert await anext(parts, None) is None
            with pytest.raises(BodyConsumed, match="has gone by"):
                await last.read()
            return repr(file)

        async with client_for(app) as client:
            response = await client.post("/", content=BODY, headers=MULTIPART)
        assert response.text == "FormPart(name='f', filename='a.txt', content_type='application/octet-stream')"

    @pytest.mark.parametrize(
        ("body", "status", "detail"),
        [
            (
                form(part("t", b"12345")),
                413,
                "a part of the form has more than 4 bytes, which `FormLimits.memory` allow",
            ),
            (form(part("t", b"\xff")), 400, "the form holds text that isn't in its charset"),
            (form(part("t", b"1"))[:-6], 400, "the multipart form ends before its last boundary"),
            (b"x" * 100, 400, "the multipart form doesn't begin with its boundary"),
            (form(part("t", b"1")).replace(b"--cut--", b"--cut"), 400, "the multipart form ends before"),
        ],
        ids=["too large to be read", "no text", "cut short", "no boundary", "no last boundary"],
    )
    async def test_bad_part_is_the_clients_fault(
        self, body: bytes, status: int, detail: str, client_for: ClientFor
    ) -> None:
        app = Nacre(form_limits=FormLimits(memory=4))

        @app.post("/")
        async def handler(request: Request) -> list[str]:
            return [await one.text() async for one in request.parts()]

        async with client_for(app) as client:
            for content in (body, in_chunks(body, 3)):
                response = await client.post("/", content=content, headers=MULTIPART)
                assert response.status == status
                assert response.text.startswith(detail)

    async def test_body_that_is_no_form_has_no_parts(self, client_for: ClientFor) -> None:
        app = Nacre()

        @app.post("/")
        async def handler(request: Request) -> list[str]:
            return [one.name async for one in request.parts()]

        async with client_for(app) as client:
            for headers in ({"content-type": "text/plain"}, {}):
                response = await client.post("/", content=b"x", headers=headers)
                assert response.status == 415
            response = await client.post("/", content=b"x", headers={"content-type": "multipart/form-data"})
            assert response.status == 400

    async def test_what_follows_the_last_boundary_is_not_received(self, client_for: ClientFor) -> None:
        app, taken = Nacre(), 0

        @app.post("/")
        async def handler(request: Request) -> list[str]:
            return [one.name async for one in request.parts()]

        def endless() -> Iterator[bytes]:
            nonlocal taken
            yield form(part("a", b"1"))
            while taken < 1000:
                taken += 1
                yield bytes(65_536)

        async with client_for(app) as client:
            response = await client.post("/", content=endless(), headers=MULTIPART)
        assert response.json() == ["a"]
        assert taken <= 3

    async def test_client_that_leaves_is_told_to_the_reader(
        self, tmp_path: pathlib.Path, client_for: ClientFor
    ) -> None:
        app, raised = Nacre(), []

        @app.post("/")
        async def handler(request: Request) -> str:
            async for one in request.parts():
                try:
                    await one.save(tmp_path)
                except ClientDisconnect as error:
                    raised.append(type(error))
                    raise
            return "too late"

        body = form(part("f", numbered(2_000_000), "x"))
        async with client_for(app) as client:
            try:
                await client.post("/", content=in_chunks(body, 60_000), headers=MULTIPART, disconnect_after=12)
            except ClientDisconnect:
                pass
        assert (raised, os.listdir(tmp_path)) == ([ClientDisconnect], [])

    async def test_parts_after_parts_are_an_error(self, client_for: ClientFor) -> None:
        app = Nacre()

        @app.post("/")
        async def handler(request: Request) -> str:
            await anext(request.parts())
            with pytest.raises(BodyConsumed, match="streamed and not kept"):
                await anext(request.parts())
            with pytest.raises(BodyConsumed, match="streamed and not kept"):
                await request.form()
            return "told"

        async with client_for(app) as client:
            assert (await client.post("/", content=BODY, headers=MULTIPART)).text == "told"


class TestBinding:
    """A parameter annotated `UploadFile` is a file, with a marker or without."""

    @pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
    @pytest.mark.parametrize(
        ("annotation", "sent", "status", "answer"),
        [
            (UploadFile, 1, 200, [3000]),
            (UploadFile, 0, 422, None),
            (UploadFile | None, 1, 200, [3000]),
            (UploadFile | None, 0, 200, []),
            (list[UploadFile], 2, 200, [3000, 3000]),
            (list[UploadFile], 0, 422, None),
            (tuple[UploadFile, ...], 2, 200, [3000, 3000]),
            (list[UploadFile] | None, 0, 200, []),
        ],
        ids=str,
    )
    async def test_annotation_alone_is_enough(
        self, annotation: Any, sent: int, status: int, answer: Any, plain: bool, client_for: ClientFor
    ) -> None:
        app = Nacre(form_limits=SMALL)

        def files(f: Any) -> list[Any]:
            return [] if f is None else [f] if isinstance(f, UploadFile) else list(f)

        async def asynchronous(f):  # type: ignore[no-untyped-def]
            return JSONResponse([len(await one.read()) for one in files(f)])

        def in_thread(f):  # type: ignore[no-untyped-def]
            return JSONResponse([len(wait(one.read())) for one in files(f)])

        handler = in_thread if plain else asynchronous
        handler.__annotations__["f"] = annotation
        app.add_route("/", handler, methods=["POST"])
        async with client_for(app) as client:
            body = form(*[part("f", numbered(3000), "x")] * sent)
            response = await client.post("/", content=body, headers=MULTIPART)
        assert response.status == status
        if answer is None:
            assert response.json()["errors"] == [{"loc": ["body", "f"], "msg": "is missing", "type": "missing"}]
        else:
            assert response.json() == answer

    async def test_default_stands_in_for_a_file_that_was_not_chosen(self, client_for: ClientFor) -> None:
        app = Nacre()

        @app.post("/")
        async def handler(f: UploadFile | None = None, note: str = "") -> list[Any]:
            return [f, note]

        async with client_for(app) as client:
            body = form(part("f", b"", ""))
            assert (await client.post("/?note=x", content=body, headers=MULTIPART)).json() == [None, "x"]

    @pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
    async def test_bytes_of_a_temporary_file_are_bound_off_the_loop(self, plain: bool, client_for: ClientFor) -> None:
        """The suite's detector of blocking calls sees none."""
        app = Nacre(form_limits=SMALL)
        content = numbered(3000)

        async def asynchronous(f: bytes = File(), g: list[bytes] = File(), h: tuple[bytes, UploadFile] = File()) -> Any:
            return [f == content, [one == content for one in g], h[0] == content, await h[1].read() == content]

        def in_thread(f: bytes = File(), g: list[bytes] = File(), h: tuple[bytes, UploadFile] = File()) -> Any:
            return [f == content, [one == content for one in g], h[0] == content, h[1].data == content]

        app.add_route("/", in_thread if plain else asynchronous, methods=["POST"])
        body = form(*[part(name, content, "x") for name in "fgghh"])
        async with client_for(app) as client:
            response = await client.post("/", content=body, headers=MULTIPART)
        assert response.json() == [True, [True, True], True, True]

    @pytest.mark.parametrize("kind", ["Struct", "dataclass", "TypedDict", "attrs"])
    async def test_model_of_a_form_may_have_files(self, kind: str, client_for: ClientFor) -> None:
        fields: dict[str, Any] = {"title": str, "photo": UploadFile, "others": list[UploadFile], "n": int}
        model: Any = {
            "Struct": lambda: msgspec.defstruct("Form", list(fields.items())),
            "dataclass": lambda: dataclasses.make_dataclass("Form", list(fields.items())),
            "TypedDict": lambda: TypedDict("Form", fields),  # type: ignore[operator]
            "attrs": lambda: attrs.make_class(
                "Form", {name: attrs.field(type=type_) for name, type_ in fields.items()}
            ),
        }[kind]()
        app = Nacre(form_limits=SMALL)

        async def handler(form):  # type: ignore[no-untyped-def]
            values = form if isinstance(form, dict) else {name: getattr(form, name) for name in fields}
            others = [len(await one.read()) for one in values["others"]]
            return JSONResponse([values["title"], len(await values["photo"].read()), others, values["n"]])

        handler.__annotations__["form"] = Annotated[model, Form()]
        app.add_route("/", handler, methods=["POST"])
        photo, other, text = part("photo", numbered(3000), "x"), part("others", b"12", "y"), part("title", b"Reef")
        async with client_for(app) as client:
            body = form(text, other, photo, other, part("n", b"7"))
            assert (await client.post("/", content=body, headers=MULTIPART)).json() == ["Reef", 3000, [2, 2], 7]
            body = form(text, part("photo", b"no file"), part("n", b"x"))
            errors = (await client.post("/", content=body, headers=MULTIPART)).json()["errors"]
            assert sorted((error["loc"], error["type"]) for error in errors) == [
                (["body", "n"], "int_parsing"),
                (["body", "others"], "missing"),
                (["body", "photo"], "missing"),
            ]

    @pytest.mark.parametrize("marker", [Query(), Path(), Header(), Cookie(), Body()], ids=lambda one: one.source)
    def test_model_with_files_is_refused_where_there_are_none(self, marker: Any) -> None:
        app = Nacre()

        async def handler(form):  # type: ignore[no-untyped-def]
            ...

        handler.__annotations__["form"] = msgspec.defstruct("Photos", [("photo", UploadFile)])
        handler.__defaults__ = (marker,)
        app.add_route("/<photo>", handler, methods=["POST"])
        with pytest.raises(
            ConfigurationError, match=r"which has no file for its field|JSON has no form for `UploadFile`"
        ):
            app.compile()

    async def test_bytes_that_are_too_many_are_not_read(self, client_for: ClientFor, monkeypatch: Any) -> None:
        app = Nacre(form_limits=SMALL)

        @app.post("/")
        async def handler(f: bytes = File(max_length=2999)) -> None: ...

        async def load(self: UploadFile) -> None:
            raise AssertionError("it was read")

        monkeypatch.setattr(UploadFile, "load", load)
        async with client_for(app) as client:
            response = await client.post("/", content=form(part("f", numbered(3000), "x")), headers=MULTIPART)
        assert response.status == 422
        assert response.json()["errors"][0]["type"] == "bytes_too_long"
