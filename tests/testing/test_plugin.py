"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TESTS = """
import pytest
from nacre import Nacre

app = Nacre()
app.get("/")(lambda request: request.carrier.protocol)
events = []
app.on_shutdown(lambda: events.append("down"))

def test_plain(nacre_client):
    client = nacre_client(app)
    assert client.get("/").text == client.transport
    print("ran on", client.transport)

def test_left_open(nacre_client):
    nacre_client(app, transport="asgi").__enter__()

def test_it_was_closed():
    assert "down" in events
"""

ASYNC_TESTS = """
async def test_async(nacre_client):
    async with nacre_client(app, host="example.org") as client:
        assert (await client.get("/")).text == client.transport
"""


def run(folder, *options, plugins=("nacre.testing.plugin",), tests=TESTS, ini=""):
    """Run the tests; the result's output ends with pytest's summary."""
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    named = [part for plugin in plugins for part in ("-p", plugin)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-s", *named, *options, "test_it.py"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


CHOICES = [
    pytest.param([], "", ["asgi"], id="default"),
    pytest.param(["--nacre-transport", "rsgi"], "", ["rsgi"], id="option"),
    pytest.param([], "nacre_transport = wsgi", ["wsgi"], id="ini"),
    pytest.param(["--nacre-transport=asgi"], "nacre_transport = wsgi", ["asgi"], id="option before ini"),
    pytest.param(["--nacre-transport", "all"], "", ["asgi", "rsgi", "wsgi"], id="all"),
]


@pytest.mark.parametrize(("options", "ini", "transports"), CHOICES)
def test_the_transport_is_chosen(tmp_path, options, ini, transports):
    result = run(tmp_path, *options, ini=ini)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line.split()[-1] for line in result.stdout.splitlines() if "ran on" in line] == transports


def test_async_tests_use_the_same_fixture(tmp_path):
    ini = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function"
    result = run(
        tmp_path, plugins=("nacre.testing.plugin", "pytest_asyncio.plugin"), tests=TESTS + ASYNC_TESTS, ini=ini
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout


def test_an_unknown_transport_is_a_usage_error(tmp_path):
    result = run(tmp_path, ini="nacre_transport = scgi")
    assert result.returncode != 0
    assert "it is one of asgi, rsgi, wsgi, all" in result.stdout + result.stderr
