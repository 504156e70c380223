"""Programs for Microdot over real servers: its own way to run them, uvicorn and gunicorn."""

import os
import ssl
import urllib.request

import pytest
from servers.certificate import self_signed
from servers.process import SOURCE, eventually, started

from dialects.program import write


def asked(server, path="/", *, scheme="http", context=None):
    url = f"{scheme}://127.0.0.1:{server.port}{path}"
    with urllib.request.urlopen(url, timeout=5, context=context) as response:  # noqa: S310 - a server of ours
        return response.read().decode()


@pytest.fixture
def program(tmp_path):
    return lambda name: str(write("microdot", name, tmp_path))


def test_run_serves_until_it_is_stopped(program, tmp_path):
    with started((program("e01_hello"), "{port}"), tmp_path) as server:
        assert asked(server) == "Ahoy from the pier"
        server.stop()
        assert server.wait() == 0


def test_start_server_is_a_task_among_others(program, tmp_path):
    with started((program("e02_task"), "{port}"), tmp_path) as server:
        assert asked(server) == "rising"
        assert asked(server, "/close") == "closing time"
        assert server.wait() == 0
        assert "the lighthouse blinked meanwhile" in server.log()
        assert f"http://127.0.0.1:{server.port}" in server.log()  # what debug=True announces


def test_a_cancelled_server_returns_like_one_that_was_shut_down(program, tmp_path):
    with started((program("start_server_cancelled"), "{port}"), tmp_path) as server:
        assert asked(server, "/close") == "closing time"
        assert server.wait() == 0
        assert server.log().endswith("the pier is closed\n")


def test_run_returns_after_shutdown_was_answered(program, tmp_path):
    with started((program("e13_shutdown"), "{port}"), tmp_path) as server:
        assert asked(server, "/close") == "The harbour closes..."
        assert server.wait() == 0
        assert server.log().endswith("all moored\n")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("certificate"))


def test_run_serves_https_by_an_ssl_context(program, tmp_path, certificate):
    cert, key = map(str, certificate)
    context = ssl.create_default_context(cafile=cert)
    with started((program("e03_tls"), "{port}", cert, key), tmp_path) as server:
        assert asked(server, scheme="https", context=context) == "a sealed crate, over https"
        assert asked(server, "/close", scheme="https", context=context) == "closing time"
        assert server.wait() == 0
        assert server.log().endswith("the vault is closed\n")
        assert "GET / HTTP/1.1" in server.log()  # debug=True logs each request


def serving(kind, name, program, tmp_path):
    program(name)
    path = os.pathsep.join([str(SOURCE), str(tmp_path)])
    # Granian would look for a module in the folder that it is started in.
    module = str(tmp_path / f"{name}.py") if kind.startswith("granian") else name
    return started(kind, tmp_path, app=f"{module}:app", environment={"PYTHONPATH": path})


@pytest.mark.parametrize("kind", ["uvicorn", "granian-asgi", "granian-rsgi", "hypercorn"])
def test_servers_for_asgi_and_rsgi_serve_it(kind, program, tmp_path):
    with serving(kind, "e36_asgi", program, tmp_path) as server:
        eventually(lambda: asked(server) == "Ahoy over ASGI", what="the answer")
        assert asked(server, "/scope") == "http"


@pytest.mark.parametrize("kind", ["uvicorn", "granian-asgi", "granian-rsgi"])
def test_servers_call_the_lifespan_functions(kind, program, tmp_path):
    with serving(kind, "e36_lifespan", program, tmp_path) as server:
        eventually(lambda: asked(server) == "Lotte keeps watch", what="the answer")
        server.stop()
        server.wait()
        assert "Lotte locks up" in server.log()


@pytest.mark.parametrize("kind", ["gunicorn-sync", "gunicorn-gthread", "granian-wsgi"])
def test_servers_for_wsgi_serve_it(kind, program, tmp_path):
    with serving(kind, "e37_wsgi", program, tmp_path) as server:
        assert asked(server) == "Ahoy over WSGI"
        assert asked(server, "/later") == "GET of /later"


def test_a_wsgi_servers_prefix_is_a_part_of_the_path(program, tmp_path):
    program("e37_wsgi")
    variables = {"PYTHONPATH": os.pathsep.join([str(SOURCE), str(tmp_path)]), "SCRIPT_NAME": "/later"}
    with started("gunicorn-sync", tmp_path, app="e37_wsgi:app", environment=variables) as server:
        # The server has cut `/later` off the path, and the route has it.
        assert asked(server, "/later") == "GET of /later"


def test_debug_logs_each_request(program, tmp_path):
    with started((program("e02_task"), "{port}"), tmp_path) as server:
        asked(server)
        asked(server, "/close")
        server.wait()
        assert "GET /" in server.log()
