"""`nacre openapi`: the document on the terminal or in a file."""

import importlib
import json
import sys

import pytest
import yaml
from click.testing import CliRunner

from nacre.cli import main

PLAIN = """\
from nacre import Nacre

app = Nacre(name="stall")


@app.get("/orders")
def orders(request):
    \"\"\"All orders.\"\"\"
"""

WITH_GROUP = """
from nacre import Group
from nacre.openapi import OpenAPI


def amend(document):
    document["info"]["x-amended"] = True


inner = Nacre()
inner.include(OpenAPI(title="Inner"))
app.mount("/inner", inner)
group = Group("/api")
group.include(OpenAPI(title="Shop", version="3", servers=["https://shop.example.com"], amend=amend))
app.include(group)
"""

BROKEN = """
from nacre import middleware


@middleware(security=["key"])
async def auth(request, call_next):
    return await call_next(request)


app.middlewares.append(auth)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with an application; it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NACRE_APP", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "stall.py").write_text(PLAIN)
    yield tmp_path
    sys.modules.pop("stall", None)
    importlib.invalidate_caches()


def nacre_command(*arguments):
    importlib.invalidate_caches()
    return CliRunner().invoke(main, ["openapi", *arguments])


def output_of(*arguments):
    result = nacre_command(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_document_is_printed_as_json(folder):
    document = json.loads(output_of("stall:app"))
    assert document["info"] == {"title": "stall", "version": "0.1.0"}
    assert document["paths"]["/orders"]["get"]["summary"] == "All orders"


def test_title_and_version_may_be_given(folder):
    assert json.loads(output_of("--app", "stall:app", "--title", "Shop", "--version", "2"))["info"] == {
        "title": "Shop",
        "version": "2",
    }


def test_application_s_own_settings_count(folder):
    (folder / "stall.py").write_text(PLAIN + WITH_GROUP)
    document = json.loads(output_of("stall:app", "--version", "4"))
    assert document["info"] == {"title": "Shop", "version": "4", "x-amended": True}
    assert document["servers"] == [{"url": "https://shop.example.com"}]


def test_form_is_that_of_the_option_or_the_file(folder):
    expected = json.loads(output_of("stall:app"))
    assert yaml.safe_load(output_of("stall:app", "--format", "yaml")) == expected
    for name in ("openapi.yaml", "openapi.yml", "openapi.json"):
        assert output_of("stall:app", "-o", name) == ""
        assert yaml.safe_load((folder / name).read_text()) == expected
    assert (folder / "openapi.json").read_text().startswith('{\n  "openapi": "3.1.0"')
    output_of("stall:app", "-o", "document.yaml", "--format", "json")
    assert (folder / "document.yaml").read_text().startswith("{")


def test_yaml_needs_its_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    result = nacre_command("stall:app", "--format", "yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install 'nacre[yaml]'" in result.stderr


def test_file_that_cannot_be_written_is_said_in_one_line(folder):
    result = nacre_command("stall:app", "-o", "missing/openapi.json")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: can't write missing/openapi.json: No such file or directory\n",
    )


def test_what_is_wrong_is_said_with_its_place(folder):
    (folder / "stall.py").write_text(PLAIN + BROKEN)
    result = nacre_command("stall:app")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: stall.py:13: layer `auth` asks for the security scheme `key`, which is")
