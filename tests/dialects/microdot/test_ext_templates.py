"""Templates of the Microdot dialect: where they are, which engine renders them, and what is said if it is missing."""

import subprocess
import sys

import pytest

from dialects.program import FOLDER
from nacre.dialects.microdot import jinja, utemplate
from nacre.errors import MissingExtra

PROGRAMS = FOLDER / "microdot" / "programs"


@pytest.fixture(autouse=True)
def _afresh(monkeypatch):
    monkeypatch.chdir(PROGRAMS)
    monkeypatch.setattr(jinja.Template, "jinja_env", None)
    monkeypatch.setattr(utemplate.Template, "loader", None)


def test_templates_are_in_the_folder_of_that_name_unless_it_is_told():
    assert jinja.Template("index.html").render(place="Brest", height=7) == "<p>Tide at Brest: 7 m</p>"
    jinja.Template.initialize("my_templates")
    assert jinja.Template("index.html").render({"place": "Brest"}) == "<h1>Brest</h1>"
    assert jinja.Template("index.html").name == "index.html"


def test_a_template_escapes_by_its_name(tmp_path):
    for name in ("a.html", "a.txt"):
        (tmp_path / name).write_text("{{ text }}")
    jinja.Template.initialize(str(tmp_path))
    assert jinja.Template("a.html").render(text="<b>") == "&lt;b&gt;"
    assert jinja.Template("a.txt").render(text="<b>") == "<b>"


def test_other_options_are_those_of_jinja(tmp_path):
    (tmp_path / "a.html").write_text("[[ text ]]")
    jinja.Template.initialize(tmp_path, variable_start_string="[[", variable_end_string="]]", autoescape=False)
    assert jinja.Template("a.html").render(text="<b>") == "<b>"
    jinja.Template.jinja_env.globals["text"] = "tide"
    assert "".join(jinja.Template("a.html", globals={}).generate()) == "tide"


async def test_templates_that_await_are_rendered_by_the_async_methods(tmp_path):
    async def depth():
        return 12

    (tmp_path / "a.html").write_text("{{ depth() }} m")
    jinja.Template.initialize(tmp_path, enable_async=True)
    template = jinja.Template("a.html")
    assert await template.render_async(depth=depth) == "12 m"
    assert [piece async for piece in template.generate_async(depth=depth)] == ["12", " m"]


@pytest.mark.parametrize(
    ("library", "template", "error", "message"),
    [
        ("jinja2", jinja.Template, MissingExtra, r"pip install 'nacre\[jinja\]'"),
        ("utemplate", utemplate.Template, ImportError, "put that folder of https://github.com/pfalcon/utemplate"),
    ],
)
def test_a_missing_engine_is_named(library, template, error, message, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(error, match=message):
        template("index.html")


def test_utemplate_is_missing_where_nobody_has_put_it():
    with pytest.raises(ImportError, match="put that folder of https://"):
        utemplate.Template("index.html")


@pytest.mark.parametrize(
    ("module", "template"),
    [("jinja2/__init__.py", jinja.Template), ("utemplate/recompile.py", utemplate.Template)],
)
def test_what_an_engine_itself_lacks_is_told_as_it_is(module, template, tmp_path, monkeypatch):
    (tmp_path / module).parent.mkdir()
    (tmp_path / module).write_text("import an_engine_of_the_engine")
    monkeypatch.syspath_prepend(tmp_path)
    name = module.partition("/")[0]
    for loaded in [one for one in sys.modules if one.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, loaded)
    with pytest.raises(ModuleNotFoundError, match="No module named 'an_engine_of_the_engine'"):
        template("index.html")
    sys.modules.pop("utemplate", None)


async def test_utemplate_is_any_module_of_that_name_that_has_loaders(monkeypatch):
    class Loader:
        def __init__(self, package, folder):
            self.found = [package, folder]

        def load(self, name):
            def template(depth):
                yield from (f"{name} of {self.found}: ", str(depth))

            return template

    utemplate.Template.initialize("sea", loader_class=Loader)
    template = utemplate.Template("a.tpl")
    assert template.name == "a.tpl"
    assert template.render(12) == "a.tpl of [None, 'sea']: 12"
    assert list(template.generate(depth=12)) == ["a.tpl of [None, 'sea']: ", "12"]
    assert await template.render_async(12) == template.render(12)
    assert [piece async for piece in template.generate_async(12)] == list(template.generate(12))


@pytest.mark.parametrize("module", ["auth", "cors", "csrf", "helpers", "jinja", "login", "session", "utemplate"])
def test_an_extension_can_be_imported_without_its_library(module):
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['jinja2', 'joserfc', 'utemplate'])); "
        f"import nacre.dialects.microdot.{module}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
