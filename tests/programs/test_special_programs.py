"""Programs that need more than a table: files, lifespans, URLs that come back, a test written by a user."""

import time

import pytest

from nacre.testing import TestClient
from programs.program import Ask, load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<p>näcre</p>", encoding="utf-8")
    (tmp_path / "logo.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "data.bin").write_bytes(b"\0" * 100_000)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.txt").write_text("low tide", encoding="utf-8")
    monkeypatch.setenv("PEARL_FOLDER", str(tmp_path))


FILES = [
    Ask("GET /", body="<p>näcre</p>".encode(), type="text/html; charset=utf-8", headers={"cache-control": None}),
    Ask("GET /logo", text="<svg/>", type="image/svg+xml", headers={"cache-control": "max-age=3600", "x-logo": "yes"}),
    Ask("GET /report", 203, body=b"\0" * 100_000, type="application/x-report", headers={"content-length": "100000"}),
    Ask("HEAD /report", 203, body=b"", headers={"content-length": "100000"}),
    Ask(
        "GET /static/sub/notes.txt",
        text="low tide",
        type="text/plain; charset=utf-8",
        headers={"cache-control": "max-age=86400", "content-length": "8"},
    ),
    Ask("GET /static/data.bin", type="application/octet-stream"),
    Ask("GET /static/../secret", 404),
    Ask("GET /static/%2e%2e/secret", 404),
    Ask("GET /static/missing.txt", 404),
    Ask("GET /static/sub", 404),
]


async def test_files_are_sent_with_type_length_and_age(folder, client_for):
    async with client_for(load("e22_files").app) as client:
        for ask in FILES:
            await ask.put_to(client)


async def test_lifespan_surrounds_the_requests_and_gives_them_its_state(client_for, capsys):
    async with client_for(load("e36_lifespan").app) as client:
        response = await client.get("/stock")
        assert response.json() == {"stock": ["pearl"]}
        assert capsys.readouterr().out == "opening shop\nlights on\n"
    assert capsys.readouterr().out == "lights off in shop\nclosing\n"


async def test_mounted_applications_live_within_the_one_around_them(client_for):
    program = load("mounts")
    async with client_for(program.app) as client:
        await client.get("/child/")
        assert program.life == ["child up", "asgi startup"]
    assert program.life == ["child up", "asgi startup", "asgi shutdown", "child down"]


async def test_asgi_class_at_the_head_sees_the_lifespan(client_for):
    program = load("b2_asgi_class")
    async with client_for(program.app) as client:
        await client.get("/letter")
    assert program.seen == ["lifespan", "lifespan", "http", "http"]


@pytest.mark.parametrize(
    ("index", "path", "answer"),
    [
        (0, "/direct/fr/words/m%C3%A8re/de%20perle?page=2", {"lang": "fr", "word": "mère/de perle", "query": "2"}),
        (1, "/mounted/deep/de/words/100%25%20Perl", {"lang": "de", "word": "100% Perl", "query": None}),
    ],
    ids=["group", "mount"],
)
async def test_built_url_leads_back_to_its_route(index, path, answer, client_for):
    async with client_for(load("url_for").app) as client:
        built = (await client.get("/build")).json()[index]
        assert built == path
        assert (await client.get(built)).json() == answer


def test_user_tests_an_application_without_a_loop():
    app = load("a2_hello").app
    client = TestClient(app)
    assert client.get("/").text == "The tide is in."
    client.close()


async def test_user_tests_an_application_in_a_loop():
    response = await TestClient(load("a2_hello").app).get("/")
    assert response.text == "The tide is in."


async def test_declared_function_is_still_that_function():
    program = load("routes_without_app")
    assert await program.shell(None, 4) == "shell 4"
    assert program.shell.__name__ == "shell"
    assert not hasattr(program.above, "records")
    assert program.Catalogue("x").show.__self__.title == "x"
    assert await program.Catalogue("Shells").show(None) == "Shells"


@pytest.fixture(params=["jinja", "minijinja"])
def pages(request, monkeypatch):
    """The program with one of the template libraries; its folders are read here, where there is no event loop."""
    monkeypatch.setenv("REEF_TEMPLATES", request.param)
    return load("e29_templates").app


WHOLE = "<!doctype html>\n<title>Reef</title>\n<p>Hello, Mira!</p>"
ESCAPED = "<p>Hello, &lt;b&gt;!</p>"
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"

PAGES = [
    Ask("GET /text", text=WHOLE, type=TEXT),
    Ask("GET /awaited", text=WHOLE, type=TEXT),
    Ask("GET /pieces", text=WHOLE, type=TEXT, headers={"content-length": None}),
    Ask("GET /awaited-pieces", text=WHOLE, type=TEXT, headers={"content-length": None}),
    Ask("GET /page/Mira", text=WHOLE, type=HTML),
    Ask("GET /streamed/Mira", text=WHOLE, type=HTML, headers={"content-length": None}),
    Ask("GET /part/%3Cb%3E", text=ESCAPED, type=HTML),
    Ask("GET /own", text="Own words for Mira.", type=TEXT),
]


async def test_templates_are_rendered_in_every_form(pages, client_for):
    async with client_for(pages) as client:
        for ask in PAGES:
            await ask.put_to(client)


async def test_events_end_with_the_client(client_for, capsys):
    started = time.monotonic()
    async with client_for(load("e28_events").app).stream("GET", "/buoy") as response:
        assert await anext(response) == b"data: afloat\n\n"
    assert time.monotonic() - started < 1.5
    assert capsys.readouterr().out == "nobody listens any more\n"
