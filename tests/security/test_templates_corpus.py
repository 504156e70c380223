"""Attacks on pages that other software fell for, by their identifiers: what a template prints is text."""

from __future__ import annotations

import html
import json
import os
import stat

import pytest

from nacre import Nacre, Request
from nacre.templates import Jinja, MiniJinja, TemplateError

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(params=[Jinja, MiniJinja])
def engine(request):
    return request.param


async def page_of(client_for, templates, path="/page", **variables):
    app = Nacre()

    @app.get("/<path:rest>")
    def show(request: Request, rest: str):
        return templates.response("page", request, rest=rest, **variables)

    async with client_for(app) as client:
        return await client.get(path)


# robyn d89b3d11

CONTEXTS = {
    "text": ("<p>{{ x }}</p>", SCRIPT),
    "double quotes": ('<a title="{{ x }}">', '" onmouseover="alert(1)'),
    "single quotes": ("<a title='{{ x }}'>", "' onmouseover='alert(1)"),
    "filtered": ("{{ x|upper }}", SCRIPT),
    "joined": ("{{ [x, x]|join }}", SCRIPT),
    "in a list": ("{{ [x] }}", SCRIPT),
    "as a key": ("{{ {x: 1} }}", SCRIPT),
    "concatenated": ("{{ x ~ x }}", SCRIPT),
    "default": ("{{ nothing|default(x) }}", SCRIPT),
    "in a macro": ("{% macro m(v) %}{{ v }}{% endmacro %}{{ m(x) }}", SCRIPT),
    "included": ("{% include 'part' %}", SCRIPT),
    "in a block": ("{% block b %}{{ x }}{% endblock %}", SCRIPT),
}


@pytest.mark.parametrize(("text", "attack"), CONTEXTS.values(), ids=CONTEXTS)
async def test_robyn_d89b3d11_what_is_printed_is_escaped(engine, text, attack, client_for):
    response = await page_of(client_for, engine({"page": text, "part": "{{ x }}"}), x=attack)
    assert response.status == 200
    assert not any(sign in response.text for sign in ("<script", "<SCRIPT", 'title="" on', "title='' on"))
    assert "alert(1)" in html.unescape(response.text).lower()


async def test_robyn_d89b3d11_blocks_and_streams_are_escaped(engine):
    templates = engine({"page": "{% block b %}{{ x }}{% endblock %}"})
    pieces = [
        templates.render("page", block="b", x=SCRIPT),
        await templates.render_async("page", x=SCRIPT),
        "".join(templates.generate("page", x=SCRIPT)),
        "".join([piece async for piece in templates.generate_async("page", block="b", x=SCRIPT)]),
    ]
    assert [html.unescape(piece) for piece in pieces] == [SCRIPT] * 4
    assert not any("<" in piece for piece in pieces)


# CVE-2010-2480


@pytest.mark.parametrize("sign", ["&", "<", ">", '"', "'"])
def test_cve_2010_2480_all_five_signs_are_escaped(engine, sign):
    text = engine({"page": "{{ x }}"}).render("page", x=sign)
    assert text.startswith("&")
    assert text.endswith(";")
    assert len(text) > 1
    assert html.unescape(text) == sign


# CVE-2024-22195 and CVE-2024-34064


@pytest.mark.parametrize("key", ["onclick=alert(1) x", "a/b", "a>b", "a=b"])
def test_cve_2024_22195_attribute_names_are_refused(key):
    with pytest.raises(ValueError, match="Invalid character in attribute name"):
        Jinja({"page": "<p{{ names|xmlattr }}>"}).render("page", names={key: "y"})


def test_cve_2024_22195_the_other_engine_has_no_such_filter():
    with pytest.raises(TemplateError, match="filter xmlattr is unknown"):
        MiniJinja({"page": "<p{{ names|xmlattr }}>"}).render("page", names={"onclick=alert(1) x": "y"})


# CVE-2022-22818


def test_cve_2022_22818_what_a_debugging_aid_prints_is_escaped():
    page = MiniJinja({"page": "{{ debug() }}"}).render("page", x=SCRIPT)
    assert "alert(1)" in page
    assert "<" not in page
    page = Jinja({"page": "{% debug %}"}, extensions=["jinja2.ext.debug"]).render("page", x=SCRIPT)
    assert "alert(1)" in page
    assert "<" not in page


# CVE-2018-16516


async def test_cve_2018_16516_parts_of_the_request_are_escaped(engine, client_for):
    templates = engine({"page": "{{ request.path }} {{ request.query.q }} {{ request.query_string }} {{ rest }}"})
    response = await page_of(client_for, templates, "/%3Cscript%3E?q=%3Cscript%3E&<script>=1".replace("<", "%3C"))
    assert response.status == 200
    assert "<" not in response.text
    assert html.unescape(response.text).count("<script>") == 3


# CVE-2011-0697


def test_cve_2011_0697_name_of_an_upload_is_escaped(engine):
    page = engine({"page": '<img alt="{{ name }}">'}).render("page", name='"><img src=x onerror=alert(1)>')
    assert page.count("<") == 1
    assert page.count('"') == 2


# CVE-2020-25626


def test_cve_2020_25626_data_in_a_script_can_not_end_it(engine):
    data = {"a": "</script><script>alert(1)</script>", "b": "<!--", "c": "'&\u2028"}
    page = engine({"page": "<script>const data = {{ data|tojson }};</script>"}).render("page", data=data)
    assert page.count("<") == 2
    assert json.loads(page.removeprefix("<script>const data = ").removesuffix(";</script>")) == data


# CVE-2014-1402 and CVE-2014-0012


def test_cve_2014_1402_no_compiled_template_is_written_or_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert Jinja({"page": "{{ x }}"}).render("page", x=1) == "1"
    assert os.listdir(tmp_path) == []


def test_cve_2014_1402_a_cache_that_is_asked_for_is_private(tmp_path, monkeypatch):
    import jinja2

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    templates = Jinja({"page": "{{ x }}"}, bytecode_cache=jinja2.FileSystemBytecodeCache())
    assert templates.render("page", x=1) == "1"
    [folder] = os.scandir(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


# CVE-2020-28493


def test_cve_2020_28493_links_are_found_in_linear_time():
    import time

    templates = Jinja({"page": "{{ x|urlize }}"})

    def seconds(size):
        started = time.process_time()
        templates.render("page", x="a" * size + "...")
        return time.process_time() - started

    seconds(1000)
    assert min(seconds(64 * 1024) for _ in range(3)) < 0.5
