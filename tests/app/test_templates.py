"""Templates: what Jinja and MiniJinja have in common, and what only one of them can do."""

from __future__ import annotations

import asyncio
import html
import logging
import subprocess
import sys
import threading
from pathlib import Path

import jinja2
import markupsafe
import minijinja
import pytest

from nacre import ConfigurationError, Group, Nacre, Request, StreamingResponse, abort
from nacre.errors import MissingExtra
from nacre.state import OfRequest, give_templates
from nacre.templates import BlockNotFound, Jinja, MiniJinja, TemplateError, TemplateNotFound
from nacre.testing import TestClient

PAGES = {
    "frame.html": "<title>{% block title %}Tide{% endblock %}</title>{% block main %}{% endblock %}",
    "list.html": (
        "{% extends 'frame.html' %}{% from 'macros.html' import row %}"
        "{% block main %}<ul>{% for name in names %}{{ row(name) }}{% endfor %}</ul>{% endblock %}"
    ),
    "macros.html": "{% macro row(name) %}<li>{{ name }}</li>{% endmacro %}",
    "note.txt": "Dear {{ name }}",
    "hello.html": "Hello {{ name }}",
}


@pytest.fixture(params=[Jinja, MiniJinja])
def engine(request):
    """The class of templates; a test that uses it runs with each."""
    return request.param


@pytest.fixture
def logged(caplog):
    """What is logged of an exception that nobody handles, as one text."""
    caplog.set_level(logging.ERROR, "nacre.error")

    def text():
        return "\n".join(caplog.handler.format(record) for record in caplog.records)

    return text


def serving(templates, name="page.html", **variables):
    """An application with one page."""
    app = Nacre()

    @app.get("/page")
    def show_page(request: Request):
        return templates.response(name, request, **variables)

    return app


async def get(client_for, app, path="/page", **options):
    async with client_for(app) as client:
        return await client.get(path, **options)


# What is rendered.


def test_template_is_rendered_with_its_parents_and_macros(engine):
    page = engine(PAGES).render("list.html", names=["sole", "crab"])
    assert page == "<title>Tide</title><ul><li>sole</li><li>crab</li></ul>"


async def test_async_rendering_gives_the_same_text(engine):
    templates = engine(PAGES)
    assert await templates.render_async("list.html", names=["sole"]) == templates.render("list.html", names=["sole"])


async def test_generated_pieces_make_the_same_text(engine):
    templates = engine(PAGES)
    whole = templates.render("list.html", names=["sole", "crab"])
    assert "".join(templates.generate("list.html", names=["sole", "crab"])) == whole
    assert "".join([piece async for piece in templates.generate_async("list.html", names=["sole", "crab"])]) == whole


def test_variable_may_be_called_like_a_parameter(engine):
    templates = engine({"page": "{{ status }} {{ block }} {{ template }}"})
    assert templates.render("page", None, {"status": "open", "block": "B"}, template="T") == "open B T"


def test_named_variables_count_more_than_the_mapping(engine):
    assert engine(PAGES).render("hello.html", context={"name": "mapping"}, name="keyword") == "Hello keyword"


def test_globals_filters_and_tests_are_for_all_templates(engine):
    templates = engine(
        {"page": "{{ site }} {{ 5|double }} {{ 5 is deep }}"},
        globals={"site": "Reef"},
        filters={"double": lambda number: number * 2},
        tests={"deep": lambda number: number > 3},
    )
    assert templates.render("page").lower() == "reef 10 true"


def test_undefined_variable_is_empty_or_an_error(engine):
    assert engine({"page": "[{{ missing }}]"}).render("page") == "[]"
    with pytest.raises(TemplateError, match=r"'page', line 2: .*missing.* is undefined"):
        engine({"page": "\n[{{ missing }}]"}, strict=True).render("page")


def test_further_options_are_those_of_the_library(engine):
    assert engine({"page": "{% if true %}\nx{% endif %}"}, trim_blocks=True).render("page") == "x"
    with pytest.raises(TypeError, match="trim_blokcs"):
        engine({"page": ""}, trim_blokcs=True)


async def test_jinja_awaits_what_a_template_calls():
    async def price(name):
        await asyncio.sleep(0)
        return len(name)

    async def names():
        yield "sole"
        yield "crab"

    templates = Jinja({"page": "{% for name in names() %}{{ name }} {{ price(name) }};{% endfor %}"})
    assert await templates.render_async("page", names=names, price=price) == "sole 4;crab 4;"
    pieces = [piece async for piece in templates.generate_async("page", names=names, price=price)]
    assert "".join(pieces) == "sole 4;crab 4;"


# Blocks.


def test_block_is_rendered_alone(engine):
    templates = engine(PAGES)
    assert templates.render("list.html", block="main", names=["sole"]) == "<ul><li>sole</li></ul>"


def test_block_of_a_parent_is_found(engine):
    assert engine(PAGES).render("list.html", block="title") == "Tide"


def test_block_in_a_block_is_found(engine):
    templates = engine({"page": "{{ boom.x.y }}{% block out %}<{% block in %}{{ n }}{% endblock %}>{% endblock %}"})
    assert templates.render("page", block="in", n=1) == "1"
    assert templates.render("page", block="out", n=1) == "<1>"


def test_block_has_what_it_replaced(engine):
    templates = engine(
        {
            "a": "{{ boom.x.y }}{% block b %}a{% endblock %}",
            "b": "{% extends 'a' %}{% block b %}b({{ super() }}){% endblock %}",
            "c": "{% extends \"b\" %}{% block b %}c({{ super() }}) {% include 'd' %}{% endblock %}",
            "d": "{% block b %}included{% endblock %}",
        }
    )
    assert templates.render("c", block="b") == "c(b(a)) included"


async def test_block_in_all_forms(engine):
    templates = engine(PAGES)
    expected = "<ul><li>sole</li></ul>"
    assert await templates.render_async("list.html", block="main", names=["sole"]) == expected
    assert "".join(templates.generate("list.html", block="main", names=["sole"])) == expected
    assert (
        "".join([one async for one in templates.generate_async("list.html", block="main", names=["sole"])]) == expected
    )


async def test_unknown_block_names_a_near_one(engine):
    templates = engine(PAGES)
    with pytest.raises(BlockNotFound, match=r"'list.html': it has no block 'mian'; did you mean 'main'\?"):
        templates.render("list.html", block="mian")
    with pytest.raises(BlockNotFound, match="mian"):
        await templates.render_async("list.html", block="mian")
    with pytest.raises(BlockNotFound):
        templates.render("list.html", block="main() }}{{ 1")


def test_error_in_a_block_names_its_line(engine):
    templates = engine({"page": "\n{% block main %}\n{{ a.b.c }}{% endblock %}"})
    with pytest.raises(TemplateError) as caught:
        templates.render("page", block="main", a={})
    assert (caught.value.template, caught.value.line) == ("page", 3)


# Responses.


async def test_response_is_html(engine, client_for):
    response = await get(client_for, serving(engine(PAGES), "list.html", names=["<sole>"]))
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == "<title>Tide</title><ul><li>&lt;sole&gt;</li></ul>"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("page.html", "text/html; charset=utf-8"),
        ("page", "text/html; charset=utf-8"),
        ("v1.2/page", "text/html; charset=utf-8"),
        ("page.html.j2", "text/html; charset=utf-8"),
        ("note.txt", "text/plain; charset=utf-8"),
        ("note.txt.jinja", "text/plain; charset=utf-8"),
        ("feed.xml", "application/xml; charset=utf-8"),
        ("data.json", "application/json"),
    ],
)
def test_content_type_goes_by_the_name(engine, name, expected):
    templates = engine({name: "x"})
    assert templates.response(name).headers["content-type"] == expected
    assert templates.stream(name).headers["content-type"] == expected


async def test_status_headers_and_block_of_a_response(engine):
    templates = engine(PAGES)
    headers = {"x-reef": "north", "content-type": "text/vnd.turbo-stream.html"}
    for response in (
        templates.response("list.html", block="title", status=422, headers=headers),
        await templates.response_async("list.html", block="title", status=422, headers=headers),
    ):
        assert (response.status, response.body, response.headers["x-reef"]) == (422, b"Tide", "north")
        assert response.headers.getlist("content-type") == ["text/vnd.turbo-stream.html"]


@pytest.mark.parametrize("form", ["stream", "stream_async"])
async def test_page_is_streamed_in_chunks(engine, form, client_for):
    app = Nacre()
    templates = engine({"page": "{% for n in range(3000) %}{{ n }},{% endfor %}{{ url_for('show') }}"})

    @app.get("/page")
    async def show(request: Request) -> StreamingResponse:
        return getattr(templates, form)("page", request)

    async with client_for(app) as client:
        async with client.stream("GET", "/page") as answer:
            chunks = [chunk async for chunk in answer]
    assert html.unescape(b"".join(chunks).decode()) == "".join(f"{n}," for n in range(3000)) + "/page"
    assert len(chunks) == (1 if engine is MiniJinja else 4)


async def test_streamed_page_waits_for_no_more_than_a_chunk(client_for):
    more = asyncio.Event()

    async def names():
        yield "sole"
        await more.wait()
        yield "crab"

    app = Nacre()
    templates = Jinja({"page": "{% for name in names() %}{{ name }};{% endfor %}"})

    @app.get("/page")
    async def show(request: Request):
        return templates.stream_async("page", request, names=names, chunk=1)

    async with client_for(app) as client:
        async with client.stream("GET", "/page") as answer:
            assert await anext(answer) == b"sole"
            more.set()
            assert b"".join([chunk async for chunk in answer]) == b";crab;"


@pytest.mark.parametrize("form", ["stream", "stream_async"])
async def test_error_before_the_first_chunk_is_a_500(engine, form, client_for, logged):
    app = Nacre()
    templates = engine({"page": "<h1>Tide</h1>{{ a.b.c }}"})

    @app.get("/page")
    async def show(request: Request):
        return getattr(templates, form)("page", request)

    response = await get(client_for, app)
    assert (response.status, response.text) == (500, "Internal Server Error")
    assert "template 'page', line 1" in logged()


# What a template can use.


async def test_template_has_the_request_and_its_urls(engine, client_for):
    page = "{{ request.path }} {{ url_for('fish', name='a b', page=2) }} {{ request.state.user }}"
    app = serving(engine({"page.html": page, "macros": ""}))
    app.add_route("/fish/<name>", lambda request, name: name, name="fish")

    @app.before_request
    def user(request):
        request.state.user = "ada"

    outer = Nacre()
    outer.mount("/reef", app)
    response = await get(client_for, outer, "/reef/page")
    assert html.unescape(response.text) == "/page /reef/fish/a%20b?page=2 ada"


async def test_imported_macro_has_the_urls_too(engine, client_for):
    pages = {
        "page.html": "{% import 'macros' as m %}{{ m.link() }}",
        "macros": "{% macro link() %}{{ url_for('show_page') }}{% endmacro %}",
    }
    response = await get(client_for, serving(engine(pages)))
    assert html.unescape(response.text) == "/page"


async def test_urls_of_requests_at_once_are_their_own(client_for):
    together = asyncio.Barrier(2)

    async def meet():
        await together.wait()
        return ""

    app = Nacre()
    templates = Jinja(
        {"page": "{{ meet() }}{{ url_for('show', word=word) }}", "plain": "{{ url_for('show', word=1) }}"}
    )

    @app.get("/<word>")
    async def show(request: Request, word: str):
        return await templates.response_async("page", request, word=word, meet=meet)

    async with client_for(app) as client:
        first, second = await asyncio.gather(client.get("/a"), client.get("/b"))
    assert (first.text, second.text) == ("/a", "/b")


def test_url_without_the_request_says_so(engine):
    with pytest.raises(LookupError, match=r"pass it, as in templates\.response"):
        engine({"page": "{{ url_for('home') }}"}).render("page")


async def test_context_processors_give_variables(engine, client_for):
    processors = [lambda request: {"path": request.path, "name": "first"}, lambda request: {"name": "second"}]
    templates = engine({"page.html": "{{ path }} {{ name }} {{ mine }}"}, context_processors=processors)
    response = await get(client_for, serving(templates, mine="given"))
    assert html.unescape(response.text) == "/page second given"
    assert templates.render("page.html") == "  "


async def test_given_variable_counts_more_than_a_processor(engine, client_for):
    templates = engine(PAGES, context_processors=[lambda request: {"name": "processor"}])
    app = Nacre()
    app.get("/page")(lambda request: templates.response("hello.html", request, name="handler"))
    response = await get(client_for, app)
    assert response.text == "Hello handler"


def test_async_context_processor_is_refused(engine):
    async def user(request):
        return {}

    with pytest.raises(ConfigurationError, match=r"the context processor `.*user` is async"):
        engine(PAGES, context_processors=[user])


async def test_context_processor_that_returns_nothing_is_named(engine, client_for, logged):
    def forgetful(request):
        pass

    response = await get(client_for, serving(engine({"page.html": ""}, context_processors=[forgetful])))
    assert response.status == 500
    assert "forgetful` returned NoneType, no dict" in logged()


async def test_layers_give_variables(engine, client_for):
    async def tenant(request, call_next):
        give_templates(request.state, tenant="acme", theme="dark")
        return await call_next(request)

    async def theme(request, call_next):
        give_templates(request.state, theme="light")
        return await call_next(request)

    app = Nacre(middlewares=[tenant, theme])
    group = Group("/in", middlewares=[theme])
    templates = engine({"page": "{{ tenant }} {{ theme }}"})

    @group.get("/page")
    def show(request: Request):
        return templates.response("page", request)

    app.include(group)
    assert (await get(client_for, app, "/in/page")).text == "acme light"


async def test_what_a_layer_gives_stays_with_its_request(engine, client_for):
    app = Nacre()
    templates = engine({"page": "[{{ secret }}]"})

    @app.before_request
    def give(request):
        if "secret" in request.query:
            give_templates(request.state, secret="pearl")

    @app.get("/page")
    def show(request: Request):
        return templates.response("page", request)

    async with client_for(app) as client:
        assert (await client.get("/page?secret=1")).text == "[pearl]"
        assert (await client.get("/page")).text == "[]"


async def test_what_is_the_same_for_all_requests_is_made_of_each_when_it_is_called(engine, client_for):
    shared = {"greeting": OfRequest(lambda request, word: f"{word} {request.query['to']}"), "csrf_token": "x"}
    app = Nacre()
    templates = engine({"page": "{{ greeting('hello') }} {{ tenant }} {{ csrf_token() }}"})

    @app.before_request
    def give(request):
        give_templates(request.state, shared)
        give_templates(request.state, tenant="acme")

    @app.get("/page")
    def show(request: Request):
        return templates.response("page", request)

    async with client_for(app) as client:
        assert (await client.get("/page?to=Ada")).text == "hello Ada acme x"
        assert (await client.get("/page?to=Bo")).text == "hello Bo acme x"
    assert sorted(shared) == ["csrf_token", "greeting"]


FROM_LAYERS = ["csrf_token", "csrf_input", "get_flashed_messages"]


@pytest.mark.parametrize("name", FROM_LAYERS)
async def test_function_of_a_missing_layer_says_which(engine, name, client_for, logged):
    response = await get(client_for, serving(engine({"page.html": f"<form>{{{{ {name}() }}}}"})))
    assert (response.status, response.text) == (500, "Internal Server Error")
    assert f"`{name}` comes from a layer for " in logged()
    assert "raised" in logged()
    assert "page.html" in logged()


@pytest.mark.parametrize("name", FROM_LAYERS)
async def test_function_of_a_layer_is_there_in_pages_and_macros(engine, name, client_for):
    pages = {
        "page.html": f"{{% from 'macros' import form %}}{{{{ {name}('a') }}}} {{{{ form() }}}}",
        "macros": f"{{% macro form() %}}{{{{ {name}('b') }}}}{{% endmacro %}}",
    }
    app = serving(engine(pages))

    @app.before_request
    def protect(request):
        give_templates(request.state, **{name: lambda word: markupsafe.Markup("<i>%s</i>") % word})

    assert (await get(client_for, app)).text == "<i>a</i> <i>b</i>"


async def test_token_that_is_no_markup_is_escaped(engine, client_for):
    app = serving(engine({"page.html": "{{ csrf_token() }}"}))

    @app.before_request
    def protect(request):
        give_templates(request.state, csrf_token='"><script>')

    assert (await get(client_for, app)).text == "&#34;&gt;&lt;script&gt;".replace("&#34;", quote_of(engine))


async def test_token_of_jinja_may_stand_without_parentheses(client_for, logged):
    pages = {"page.html": "{{ csrf_token }}"}
    app = serving(Jinja(pages))

    @app.before_request
    def protect(request):
        give_templates(request.state, csrf_token=lambda: '"><script>')

    assert (await get(client_for, app)).text == "&quot;&gt;&lt;script&gt;"
    assert (await get(client_for, serving(Jinja(pages)))).status == 500
    assert "`csrf_token` comes from a layer" in logged()


# Escaping.


def quote_of(engine):
    return "&#34;" if engine is Jinja else "&quot;"


def test_values_are_escaped_whatever_the_name_ends_with(engine):
    templates = engine({"page": "{{ x }}", "page.html": "{{ x }}", "page.txt": "{{ x }}", "p.js.j2": "{{ x }}"})
    for name in ("page", "page.html", "page.txt", "p.js.j2"):
        assert templates.render(name, x="<b>") == "&lt;b&gt;"


def test_escaping_may_depend_on_the_name(engine):
    templates = engine({"p.txt": "{{ x }}", "p.html": "{{ x }}"}, autoescape=lambda name: not name.endswith(".txt"))
    assert (templates.render("p.txt", x="<b>"), templates.render("p.html", x="<b>")) == ("<b>", "&lt;b&gt;")


@pytest.mark.parametrize("markup", [markupsafe.Markup, minijinja.Markup])
def test_markup_is_not_escaped_again(engine, markup):
    page = "{{ x }}{% set y %}<u>{% endset %}{{ y }}{% macro m() %}<hr>{% endmacro %}{{ m() }}"
    assert engine({"page": page}).render("page", x=markup("<b>")) == "<b><u><hr>"


def test_jinja_prints_objects_by_their_markup():
    class Field:
        def __html__(self):
            return "<input>"

    assert Jinja({"page": "{{ x }}"}).render("page", x=Field()) == "<input>"


# Where templates are.


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_first_folder_counts(engine, tmp_path):
    own, shared = write(tmp_path / "own", page="own"), write(tmp_path / "shared", page="shared", other="näcre")
    templates = engine([own, shared])
    assert (templates.render("page.html"), templates.render("other.html")) == ("own", "näcre")


def test_folder_may_have_folders(engine, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "page.html").write_text("{% include 'a/part.html' %}")
    (tmp_path / "a" / "part.html").write_text("part")
    assert engine(tmp_path).render("a/b/page.html") == "part"


def test_relative_folder_is_beside_the_file_that_names_it(engine, tmp_path, monkeypatch):
    write(tmp_path / "app" / "pages", page="found")
    monkeypatch.chdir(tmp_path)
    program = f"from nacre.templates import {engine.__name__} as Engine\ntemplates = Engine('pages')"
    names = {}
    exec(compile(program, str(tmp_path / "app" / "views.py"), "exec"), names)  # noqa: S102
    assert names["templates"].render("page.html") == "found"


def test_relative_folder_of_code_without_a_file_is_in_the_working_directory(engine, tmp_path, monkeypatch):
    write(tmp_path / "pages", page="found")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(f"from nacre.templates import {engine.__name__} as Engine\ntemplates = Engine('pages')", names)  # noqa: S102
    assert names["templates"].render("page.html") == "found"


def test_missing_folder_is_told_with_its_place(engine, tmp_path, monkeypatch):
    (tmp_path / "templates").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        engine(["templates", tmp_path])
    [problem] = caught.value.problems
    assert problem.what == f"the folder of templates {Path(__file__).with_name('templates')} doesn't exist"
    assert problem.where.file == __file__
    assert 'the working directory has one, which is `Path.cwd() / "templates"`' in problem.fix


def test_no_folder_at_all_is_refused(engine):
    with pytest.raises(ConfigurationError, match="from no folder"):
        engine([])


def test_function_finds_templates(engine):
    templates = engine(lambda name: f"<{name}> {{{{ x }}}}" if name != "none" else None)
    assert templates.render("any", x=1) == "<any> 1"
    with pytest.raises(TemplateNotFound, match="in what the function finds"):
        templates.render("none")


NAMES = ["../secret.html", "a/../../secret.html", "/secret.html", "..\\secret.html", "a//page.html", "./page.html", ""]
NAMES += ["page.html\0", "a", "x" * 5000, "C:secret.html"]


@pytest.mark.parametrize("name", NAMES)
def test_name_leads_to_no_other_file(engine, name, tmp_path):
    write(tmp_path, secret="secret")
    templates = engine(write(tmp_path / "pages" / "a", page="page").parent)
    with pytest.raises(TemplateNotFound):
        templates.render(name)


def test_files_that_are_no_templates_are_let_be(engine, tmp_path):
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / ".page.html.swp").write_text("{% if %}")
    (tmp_path / "page.html~").write_text("{% if %}")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_text("{% if %}")
    write(tmp_path, page="page")
    assert engine(tmp_path).render("page.html") == "page"


def test_files_are_read_when_it_is_made_and_never_again(engine, tmp_path):
    templates = engine(write(tmp_path, page="{% block b %}old{% endblock %}"))
    (tmp_path / "page.html").unlink()
    assert templates.render("page.html") == "old"
    assert templates.render("page.html", block="b") == "old"
    assert asyncio.run(templates.render_async("page.html")) == "old"


def test_changed_file_is_read_again_with_auto_reload(engine, tmp_path):
    templates = engine(write(tmp_path, page="{% block b %}old{% endblock %}"), auto_reload=True)
    assert (templates.render("page.html"), templates.render("page.html", block="b")) == ("old", "old")
    write(tmp_path, page="{% block b %}newer{% endblock %}")
    assert templates.render("page.html", block="b") == "newer"
    assert templates.render("page.html") == "newer"
    assert asyncio.run(templates.render_async("page.html")) == "newer"


@pytest.mark.parametrize("debug", [True, False])
def test_debug_reads_changed_files_again(engine, debug, tmp_path):
    app = Nacre(debug=debug)
    templates = engine(write(tmp_path, page="old"))

    @app.get("/page")
    def show(request: Request):
        return templates.response("page.html", request)

    with TestClient(app) as client:
        assert client.get("/page").text == "old"
        write(tmp_path, page="newer")
        assert client.get("/page").text == ("newer" if debug else "old")


def test_changed_text_is_taken_with_auto_reload(engine):
    pages = {"page": "old"}
    templates = engine(pages, auto_reload=True)
    assert templates.render("page") == "old"
    pages["page"] = "new"
    assert templates.render("page") == "new"


# What goes wrong.


def test_mistakes_are_told_together_when_it_is_made(engine, tmp_path):
    write(tmp_path, good="fine", first="\n{% if %}", second="{{ x")
    with pytest.raises(ConfigurationError) as caught:
        engine(tmp_path)
    places = {(Path(problem.where.file).name, problem.where.line) for problem in caught.value.problems}
    assert places == {("first.html", 2), ("second.html", 1)}
    assert all(problem.what.startswith("template '") for problem in caught.value.problems)


def test_mistakes_wait_without_precompiling(engine):
    templates = engine({"good": "fine", "bad": "\n{% if %}"}, precompile=False)
    assert templates.render("good") == "fine"
    with pytest.raises(TemplateError, match="template 'bad', line 2: "):
        templates.render("bad")
    with pytest.raises(ConfigurationError, match="template 'bad': "):
        templates.check()


def test_unknown_template_names_near_ones(engine):
    with pytest.raises(
        TemplateNotFound, match=r"^there is no template 'lists.html' in the mapping; did you mean 'list"
    ):
        engine(PAGES).render("lists.html")


@pytest.mark.parametrize("text", ["\n{% include 'lists.html' %}", "\n{% extends 'lists.html' %}"])
def test_unknown_template_is_told_with_who_asks_for_it(engine, text):
    with pytest.raises(TemplateNotFound) as caught:
        engine({**PAGES, "page": text}).render("page")
    assert (caught.value.template, caught.value.line, caught.value.name) == ("page", 2, "lists.html")
    assert "did you mean 'list.html'?" in str(caught.value)


def test_unknown_parent_is_told_for_a_block(engine):
    with pytest.raises(TemplateNotFound) as caught:
        engine({"page": "\n{% extends 'frames.html' %}", **PAGES}).render("page", block="main")
    assert (caught.value.template, caught.value.line) == ("page", 2)


def test_templates_that_extend_each_other_are_no_endless_loop(engine):
    templates = engine({"a": "{% extends 'b' %}{% block x %}{% endblock %}", "b": "{% extends 'a' %}"})
    with pytest.raises((TemplateError, RecursionError)):
        templates.render("a")
    assert templates.render("a", block="x") == ""


@pytest.mark.parametrize(
    ("pages", "template", "line"),
    [
        ({"page.html": "\n\n{{ a.b.c }}"}, "page.html", 3),
        ({"page.html": "\n{% include 'part' %}", "part": "\n\n\n{{ a.b.c }}"}, "part", 4),
        ({"page.html": "{% extends 'base' %}", "base": "\n{{ a.b.c }}"}, "base", 2),
        (
            {"page.html": "{% import 'm' as m %}{{ m.f() }}", "m": "{% macro f() %}\n{{ a.b.c }}{% endmacro %}"},
            "m",
            2,
        ),
        ({"page.html": "\n{{ 1 // 0 }}"}, "page.html", 2),
    ],
    ids=["own", "included", "parent", "macro", "division"],
)
async def test_error_names_template_line_and_handler(engine, pages, template, line, client_for, logged):
    response = await get(client_for, serving(engine(pages)))
    assert (response.status, response.text) == (500, "Internal Server Error")
    text = logged()
    assert "GET /page (route /page) failed: " in text
    assert f"template {template!r}, line {line}" in text
    assert "in show_page" in text
    assert f'File "<{template}>", line {line}' in text


async def test_values_of_variables_are_not_logged(engine, client_for, logged):
    pages = {"page.html": "{{ password }}{% include 'part' %}", "part": "{{ password }}{{ a.b.c }}"}
    await get(client_for, serving(engine(pages), password="hunter2"))
    assert "failed: TemplateError" in logged()
    assert "hunter2" not in logged()


async def test_exception_of_a_called_function_is_that_exception(engine, client_for, logged):
    error = KeyError("net")

    def torn():
        raise error

    async with client_for(serving(engine({"page.html": "\n{{ torn() }}"}), torn=torn)) as client:
        for _ in range(3):
            assert (await client.get("/page")).status == 500
    assert "failed: KeyError" in logged()
    assert len(error.__notes__) == 1
    assert "template 'page.html'" in error.__notes__[0]


async def test_abort_in_a_called_function_is_its_status(engine, client_for):
    response = await get(client_for, serving(engine({"page.html": "{{ gone() }}"}), gone=lambda: abort(410)))
    assert response.status == 410


async def test_error_handler_sees_template_errors(engine, client_for):
    app = serving(engine({"page.html": "{{ a.b.c }}"}))

    @app.error_handler(TemplateError)
    def told(request, error):
        return f"{error.template} {error.line}", 500

    assert (await get(client_for, app)).text == "page.html 1"


@pytest.fixture
def failing(engine, tmp_path):
    """An application in debug mode whose page fails in line 2; and its template."""
    path = write(tmp_path, page="<p>\n{{ a.b.c }}\n</p>") / "page.html"
    app = Nacre(debug=True)
    templates = engine(tmp_path, auto_reload=False)
    app.get("/page")(lambda request: templates.response("page.html", request))
    return app, path


async def test_debug_page_shows_the_line_of_the_template(failing, client_for, logged):
    app, path = failing
    page = (await get(client_for, app, headers={"accept": "text/html"})).text
    assert f"{path}:2" in page
    assert '<span class="here"><i>2</i>{{ a.b.c }}</span>' in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("request", "page.html"), "after the template's name comes the request, and this is str"),
        ((None, "page.html"), "the template's name comes first, and this is NoneType"),
        (("page.html", {"a": 1}), "the request, and this is dict; give variables by name or as `context"),
    ],
    ids=["a name twice", "the other way round", "variables in second place"],
)
def test_arguments_in_another_order_are_explained(engine, arguments, message):
    with pytest.raises(TypeError, match=message):
        engine(PAGES).render(*arguments)


@pytest.mark.parametrize(("name", "extra"), [("Jinja", "jinja"), ("MiniJinja", "minijinja")])
def test_missing_library_names_the_line_that_installs_it(name, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, {"jinja": "jinja2"}.get(extra, extra), None)
    with pytest.raises(MissingExtra, match=rf"pip install 'nacre\[{extra}\]'"):
        {"Jinja": Jinja, "MiniJinja": MiniJinja}[name]({})


def test_importing_the_package_loads_no_library():
    program = "import sys, nacre.templates; print('jinja2' in sys.modules, 'minijinja' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False False\n"


# Threads.


def test_one_set_serves_many_threads(engine):
    templates = engine(PAGES)
    wrong = []
    start = threading.Barrier(4)

    def render(number):
        start.wait()
        for _ in range(50):
            whole = templates.render("list.html", names=[number])
            block = templates.render("list.html", block="main", names=[number])
            if f"<li>{number}</li>" not in whole or block != f"<ul><li>{number}</li></ul>":
                wrong.append((whole, block))

    threads = [threading.Thread(target=render, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


async def test_plain_handler_renders_in_a_worker_thread(engine, client_for):
    seen = []
    templates = engine({"page.html": "{{ note() }}"})
    app = serving(templates, note=lambda: seen.append(threading.current_thread()))
    await get(client_for, app)
    assert seen
    assert seen != [threading.main_thread()]


def test_no_bytecode_is_kept_in_files():
    assert Jinja(PAGES)._engine._plain.bytecode_cache is None
    assert isinstance(Jinja(PAGES, bytecode_cache=jinja2.FileSystemBytecodeCache()), Jinja)
