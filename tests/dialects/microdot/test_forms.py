"""Multipart forms and uploaded files in Microdot's routes, on every transport."""

import io

import pytest

from nacre.dialects.microdot import Microdot, Request
from nacre.dialects.microdot.multipart import FileUpload, FormDataIter, with_form_data

HEADERS = {"content-type": "multipart/form-data; boundary=reef"}


def part(name, content, filename=None, kind=None):
    given = f'; filename="{filename}"' if filename is not None else ""
    head = f'--reef\r\nContent-Disposition: form-data; name="{name}"{given}\r\n'
    return head.encode() + (f"Content-Type: {kind}\r\n".encode() if kind else b"") + b"\r\n" + content + b"\r\n"


def form(*parts):
    return {"content": b"".join(parts) + b"--reef--\r\n", "headers": HEADERS}


CARGO = form(
    part("boat", "Zoë".encode()),
    part("list", b"one", "..\\cargo\\list.txt", "text/csv"),
    part("boat", b"Heron"),
)


@pytest.fixture
def app():
    return Microdot()


async def test_fields_and_files_are_dictionaries(app, client_for):
    @app.post("/")
    @with_form_data
    async def index(request):
        file = request.files["list"]
        assert type(request.form) is type(request.files) is dict
        return [request.form, file.filename, file.content_type, (await file.read()).decode()]

    async with client_for(app) as client:
        assert (await client.post("/", **CARGO)).json() == [{"boat": "Heron"}, "list.txt", "text/csv", "one"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_other_requests_reach_the_route_as_they_are(app, client_for, method):
    @app.route("/", methods=["GET", "POST"])
    @with_form_data
    def index(request):
        return [request.form and request.form["a"], request.files, request.json]

    sent = {"form": {"a": "1"}} if method == "POST" else {}
    async with client_for(app) as client:
        assert (await client.request(method, "/", **sent)).json() == ["1" if method == "POST" else None, None, None]


async def test_a_form_of_any_size_below_the_limit_is_read(app, client_for):
    Request.max_body_length, Request.max_content_length = 100, 10_000

    @app.post("/")
    @with_form_data
    async def index(request):
        return [len(request.body), len(await request.files["f"].read())]

    async with client_for(app) as client:
        assert (await client.post("/", **form(part("f", b"x" * 9000, "f")))).json() == [0, 9000]
        assert (await client.post("/", **form(part("f", b"x" * 10_000, "f")))).status == 413


@pytest.mark.parametrize("content", [b"--reef\r\n", b"--reef\r\nX: y\r\n\r\nz\r\n--reef--\r\n", CARGO["content"][:-12]])
@pytest.mark.parametrize("path", ["/all", "/each"])
async def test_a_malformed_form_is_a_400(app, client_for, content, path):
    @app.post("/all")
    @with_form_data
    async def all_of_it(request):
        return "read"

    @app.post("/each")
    async def each(request):
        async for _ in FormDataIter(request):
            pass
        return "read"

    async with client_for(app) as client:
        response = await client.post(path, content=content, headers=HEADERS)
        assert (response.status, response.text) == (400, "Bad request")


async def test_parts_come_one_by_one(app, client_for):
    @app.post("/")
    async def index(request):
        got = []
        async for name, value in FormDataIter(request):
            if isinstance(value, FileUpload):
                pieces = [await value.read(2), await value.read(), await value.read()]
                value = [value.filename, value.content_type, *(piece.decode() for piece in pieces)]
            got.append([name, value])
        return got

    async with client_for(app) as client:
        assert (await client.post("/", **CARGO)).json() == [
            ["boat", "Zoë"],
            ["list", ["list.txt", "text/csv", "on", "e", ""]],
            ["boat", "Heron"],
        ]


@pytest.mark.parametrize("size", [10, 5000])
async def test_a_part_that_is_copied_can_be_read_after_the_next(app, client_for, size):
    @app.post("/")
    async def index(request):
        kept = []
        async for _, value in FormDataIter(request):
            kept.append(await value.copy(max_memory_size=100))
        got = [len(await file.read()) for file in kept]
        for file in kept:
            await file.close()
        return got

    async with client_for(app) as client:
        sent = form(part("a", b"x" * size, "a"), part("b", b"y", "b"))
        assert (await client.post("/", **sent)).json() == [size, 1]


@pytest.mark.parametrize("path", ["/all", "/each"])
async def test_a_file_is_saved_to_a_path_or_an_open_file(app, client_for, tmp_path, path):
    (tmp_path / "old").write_text("old")

    async def save(file):
        buffer = io.BytesIO()
        await file.save(buffer if file.filename == "b" else str(tmp_path / "old"))
        return buffer.getvalue().decode()

    @app.post("/all")
    @with_form_data
    async def all_of_it(request):
        return [await save(file) for file in request.files.values()]

    @app.post("/each")
    async def each(request):
        return [await save(file) async for _, file in FormDataIter(request)]

    async with client_for(app) as client:
        response = await client.post(path, **form(part("a", b"new", "a"), part("b", b"held", "b")))
        assert response.json() == ["", "held"]
    assert (tmp_path / "old").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["old"]


async def test_only_a_safe_name_is_used_for_a_file_in_a_directory(app, client_for, tmp_path):
    @app.post("/")
    @with_form_data
    async def index(request):
        await request.files["f"].save(str(tmp_path / "cargo"))

    (tmp_path / "cargo").mkdir()
    async with client_for(app) as client:
        assert (await client.post("/", **form(part("f", b"x", "../../evil.txt")))).status == 204
    assert [one.name for one in (tmp_path / "cargo").iterdir()] == ["evil.txt"]


async def test_the_parts_together_have_the_limit_of_the_request(app, client_for):
    @app.post("/")
    async def index(request):
        return [len(await value.read()) async for _, value in FormDataIter(request)]

    async with client_for(app) as client:
        assert (await client.post("/", **form(part("a", b"x" * 16_000, "a")))).json() == [16_000]
        assert (await client.post("/", **form(part("a", b"x" * 17_000, "a")))).status == 413


@pytest.mark.parametrize("path", ["/all", "/each"])
async def test_a_form_that_does_not_tell_its_length_is_read_too(app, client_for, transport, path):
    if transport == "wsgi":
        pytest.skip("the client's WSGI transport tells the length of each body")

    @app.post("/all")
    @with_form_data
    async def all_of_it(request):
        return request.form

    @app.post("/each")
    async def each(request):
        return {name: value async for name, value in FormDataIter(request)}

    async def pieces(size):
        for start in range(0, size, 100):
            yield sent[start : start + 100]

    async with client_for(app) as client:
        sent = form(part("boat", b"x" * 1000))["content"]
        response = await client.post(path, content=pieces(len(sent)), headers=HEADERS)
        assert response.json() == {"boat": "x" * 1000}
        sent = form(part("boat", b"x" * 17_000))["content"]
        assert (await client.post(path, content=pieces(len(sent)), headers=HEADERS)).status == 413
