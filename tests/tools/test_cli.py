"""The command `nacre`: what it prints, where it finds the application, and how it says what is wrong."""

import importlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

import nacre.server
from nacre.cli import main

SHOP = """\
from nacre import Group, Hooks, Middleware, Nacre, middleware


async def timing(request, call_next):
    return await call_next(request)


class Session:
    provides = "session"

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


class Compress:
    def __init__(self, app, key):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@middleware(requires="session", skip="health")
async def auth(request, call_next):
    return await call_next(request)


def stamp(request, response):
    pass


def load_user(request):
    pass


app = Nacre(middlewares=[Middleware(Compress, key="hunter2"), timing, Hooks(finalize=stamp), Session, auth])
app.before_request(load_user)


@app.get("/health")
def health(request):
    return "ok"


@app.get("/users/<int:user_id>", name="user", role="admin")
def get_user(request, user_id):
    return str(user_id)


@app.error_handler(404)
def missing(request):
    return "?"


shop = Group("/shop", name="shop", middlewares=[Middleware(timing, only="/shop/items/*", name="item_timing")])


@shop.post("/items/<item>", max_body=4096)
def buy(request, item):
    return 201


app.include(shop)
"""


NAMES = {"app", "main", "asgi", "wsgi", "argument", "variable", "project", "shop", "made", "mine", "package"}
"""Of the modules that are written here; the folders of other tests are called like some of them."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory; modules imported from it are forgotten afterwards, and others of a name come back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NACRE_APP", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    taken = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in NAMES}
    for name in taken:
        del sys.modules[name]
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in NAMES]:
        del sys.modules[name]
    sys.modules.update(taken)
    importlib.invalidate_caches()


@pytest.fixture
def shop(folder):
    (folder / "shop.py").write_text(SHOP)
    return folder


def nacre_command(*arguments, **options):
    importlib.invalidate_caches()
    return CliRunner().invoke(main, arguments, **options)


def output_of(*arguments):
    result = nacre_command(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


# routes


def test_routes_are_a_table(shop):
    assert output_of("routes", "shop:app") == (
        "METHOD  PATH                  NAME      HANDLER   LAYERS  DECLARED\n"
        "GET     /health               health    health    4       shop.py:43\n"
        "GET     /users/<int:user_id>  user      get_user  5       shop.py:48\n"
        "POST    /shop/items/<item>    shop:buy  buy       6       shop.py:61\n"
    )


def test_routes_as_json_have_stable_keys(shop):
    [_, route, _] = json.loads(output_of("routes", "--app", "shop:app", "--json"))["routes"]
    assert list(route) == [
        "path",
        "methods",
        "name",
        "host",
        "tags",
        "handler",
        "where",
        "variables",
        "defaults",
        "slashes",
        "options",
        "chains",
        "template",
        "documentation",
    ]
    assert route["variables"] == [{"name": "user_id", "converter": "int", "type": "int"}]
    assert route["options"] == {"role": "admin"}
    assert route["where"] == {"file": str(shop / "shop.py"), "line": 48}


def test_no_routes_are_said_to_be_none(folder):
    (folder / "app.py").write_text("from nacre import Nacre\napp = Nacre()\n")
    assert output_of("routes") == "no routes\n"


# chain


def test_chain_of_a_request_in_full(shop):
    assert output_of("chain", "GET", "/users/42", "--app", "shop:app") == (
        "GET /users/42\n"
        "goes to GET /users/<int:user_id>, named user (shop.py:48)\n"
        "with user_id=42\n"
        "\n"
        "   LAYER      STYLE           SCOPE  DECLARED    WHY\n"
        "1  Compress   asgi            app    shop.py:39  raw: before routing, sees every request\n"
        "2  timing     onion           app    shop.py:39\n"
        "3  stamp      hooks           app    shop.py:39  has finalize\n"
        "4  Session    django          app    shop.py:39  provides session\n"
        "5  auth       onion           app    shop.py:26  "
        "skip=health does not cover this; requires session (of Session)\n"
        "   load_user  before_request  app    shop.py:35\n"
        "→  get_user   handler         route  shop.py:48\n"
        "\n"
        "finalizers, in the order they run\n"
        "  stamp (app, shop.py:39)\n"
        "\n"
        "error handlers, innermost first\n"
        "  404: missing (app, shop.py:53)\n"
        "\n"
        "body limit: 1 MiB\n"
        "under WSGI: needs an event loop, as something in it is async\n"
    )


CHAINS = {
    "get is assumed": (["/users/42"], "GET /users/42\ngoes to GET /users/<int:user_id>, named user"),
    "lower case": (["get", "/users/42"], "GET /users/42\ngoes to GET /users/<int:user_id>"),
    "head": (["HEAD", "/health"], "goes to GET /health, named health (shop.py:43), which answers HEAD too\n"),
    "url": (["GET", "https://example.com:8000/users/1?x=2"], "GET /users/1 on example.com:8000\ngoes to GET /users/"),
    "query": (["GET", "/health?x=/users/1"], "GET /health\ngoes to GET /health"),
    "percent-encoded": (["POST", "/shop/items/caf%C3%A9"], "with item='café'\n"),
    "skipped": (["/health"], "skipped\n  auth (app, shop.py:26): skip=health\n"),
    "only": (["POST", "/shop/items/x"], "item_timing  onion           group /shop  shop.py:58  only=/shop/items/*\n"),
    "body limit": (["POST", "/shop/items/x"], "body limit: 4 KiB\n"),
    "404": (["/helth"], "is answered with 404: no route has this path\n  nearest: GET /health (shop.py:43)\n"),
    "404 has its chain": (["/helth"], "5  auth            onion   app"),
    "405": (["PATCH", "/health"], "is answered with 405: the path takes GET, HEAD, OPTIONS\n"),
    "options": (["OPTIONS", "/health"], "is answered with 204 and the methods: GET, HEAD, OPTIONS\n"),
    "bad escape": (["/users/%ff"], "is refused with 400: the request target is malformed\n"),
    "bad host": (["http://a_{}/health"], "is refused with 400: the Host header is malformed\n"),
}


@pytest.mark.parametrize(("arguments", "expected"), CHAINS.values(), ids=CHAINS)
def test_chain_is_matched_like_a_request(shop, arguments, expected):
    assert expected in output_of("chain", *arguments, "--app", "shop:app")


def test_chain_of_a_websocket(folder):
    (folder / "app.py").write_text(
        "from nacre import Nacre\napp = Nacre()\n@app.websocket('/ws')\nasync def handler(ws): ...\n"
    )
    assert "goes to WEBSOCKET /ws, named handler (app.py:3)\n" in output_of("chain", "websocket", "/ws")
    assert "is refused with 426: Upgrade Required\n" in output_of("chain", "/ws")


def test_chain_of_a_redirect(folder):
    (folder / "app.py").write_text(
        "from nacre import Nacre\napp = Nacre(slashes='redirect')\n@app.get('/a/')\ndef handler(request): return ''\n"
    )
    text = output_of("chain", "GET", "/a")
    assert text.startswith("GET /a\nis sent to /a/ with 308\n")
    assert text.endswith("under WSGI: no event loop needed\n")


def test_chain_without_a_path_lists_all_in_short(shop):
    assert output_of("chain", "--app", "shop:app") == (
        "before routing: Compress\n"
        "\n"
        "METHOD  PATH                  CHAIN\n"
        "GET     /health               timing > stamp > Session > health\n"
        "GET     /users/<int:user_id>  timing > stamp > Session > auth > get_user\n"
        "POST    /shop/items/<item>    timing > stamp > Session > auth > item_timing > buy\n"
        "*       /*                    timing > stamp > Session > auth > 404, 405, 204, 308, 400\n"
        "*       /shop/*               timing > stamp > Session > auth > 404, 405, 204, 308, 400\n"
    )


def test_chain_as_json(shop):
    data = json.loads(output_of("chain", "GET", "/users/42", "--app", "shop:app", "--json"))
    assert (data["outcome"], data["path_params"]) == ("route", {"user_id": 42})
    assert [layer["name"] for layer in data["chain"]["layers"]] == ["Compress", "timing", "stamp", "Session", "auth"]
    everything = json.loads(output_of("chain", "--app", "shop:app", "--json"))
    assert list(everything) == ["name", "debug", "routes", "scopes", "mounts", "fallbacks"]


@pytest.mark.parametrize(
    "arguments", [["routes", "shop:app"], ["chain", "--app", "shop:app"], ["chain", "/users/1", "--app", "shop:app"]]
)
def test_options_of_layers_are_never_shown(shop, arguments):
    assert "hunter2" not in output_of(*arguments)
    assert "hunter2" not in output_of(*arguments, "--json")


def test_chain_wants_a_path_with_its_method(shop):
    result = nacre_command("chain", "GET", "--app", "shop:app")
    assert result.exit_code == 2
    assert "GET of what? Give a path too, e.g. `nacre chain GET /users/42`" in result.stderr


def test_chain_wants_a_path_that_is_one(shop):
    result = nacre_command("chain", "GET", "users/42", "--app", "shop:app")
    assert result.exit_code == 2
    assert "users/42 is neither a path nor a URL; a path begins with a slash: /users/42" in result.stderr


def test_colours_are_for_terminals_only(shop):
    assert "\x1b[" not in nacre_command("chain", "/health", "--app", "shop:app").stdout
    assert "\x1b[" in nacre_command("chain", "/health", "--app", "shop:app", color=True).stdout


# check

BROKEN = """\
from nacre import Nacre


async def audit(request, call_next, db):
    return await call_next(request)


app = Nacre(middlewares=[audit])


@app.get("/<nope:id>")
def handler(request, id):
    return ""
"""


def test_check_counts_what_is_fine(shop):
    assert output_of("check", "shop:app") == "ok: 3 routes, 6 layers\n"
    data = json.loads(output_of("check", "shop:app", "--json"))
    assert data == {"ok": True, "routes": 3, "layers": 6, "problems": []}


def test_check_names_all_problems(folder):
    (folder / "app.py").write_text(BROKEN)
    result = nacre_command("check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error: app.py:4: " in result.stderr
    assert "layer `audit` takes `db`, and nothing gives it a value\n  annotate its type, name" in result.stderr
    assert "error: app.py:11: path `/<nope:id>` uses the unknown converter `nope`\n" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_gives_problems_as_json(folder):
    (folder / "app.py").write_text(BROKEN)
    result = nacre_command("check", "--json")
    data = json.loads(result.stdout)
    assert (result.exit_code, data["ok"], len(data["problems"])) == (1, False, 2)
    assert list(data["problems"][0]) == ["what", "where", "fix"]
    assert data["problems"][1]["where"] == {"file": str(folder / "app.py"), "line": 4}


def test_problems_met_during_the_import_are_told_the_same_way(folder):
    (folder / "app.py").write_text("from nacre import Nacre\napp = Nacre()\napp.include(app)\n")
    result = nacre_command("check")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: app.py:3: ")


# Finding the application.

HELLO = "from nacre import Nacre\n{name} = Nacre(name='{label}')\n{name}.get('/{label}')(lambda request: '')\n"


def hello(label, name="app"):
    return HELLO.format(name=name, label=label)


def test_argument_beats_variable_beats_project_beats_files(folder, monkeypatch):
    for label in ("argument", "variable", "project", "app"):
        (folder / f"{label}.py").write_text(hello(label))
    assert "/app " in output_of("routes")
    (folder / "pyproject.toml").write_text('[tool.nacre]\napp = "project:app"\n')
    assert "/project " in output_of("routes")
    monkeypatch.setenv("NACRE_APP", "variable:app")
    assert "/variable " in output_of("routes")
    assert "/argument " in output_of("routes", "argument:app")


@pytest.mark.parametrize("module", ["app", "main", "asgi", "wsgi"])
@pytest.mark.parametrize("name", ["app", "application"])
def test_usual_files_are_looked_at(folder, module, name):
    (folder / "app.py").write_text("other = 1\n")
    (folder / f"{module}.py").write_text(hello("found", name))
    assert "/found " in output_of("routes")


def test_imported_application_is_found_too(folder):
    (folder / "made.py").write_text(hello("made"))
    (folder / "main.py").write_text("from made import app as application\n")
    assert "/made " in output_of("routes")


FACTORY = """\
from nacre import Nacre


def create_app():
    app = Nacre()
    app.get('/made')(lambda r: '')
    return app
"""


@pytest.mark.parametrize("target", ["made:create_app", "made:create_app()"])
def test_factory_is_called(folder, target):
    (folder / "made.py").write_text(FACTORY)
    assert "/made " in output_of("routes", target)


def test_attribute_may_lie_deeper_and_module_in_a_package(folder):
    (folder / "package").mkdir()
    (folder / "package" / "web.py").write_text(hello("deep") + "class Site: pass\nSite.app = app\n")
    assert "/deep " in output_of("routes", "package.web:Site.app")


REFUSALS = {
    "nothing": ([], "no application found: name it as module:attribute (e.g. `nacre routes app:app`), set NACRE_APP,"),
    "module misspelt": (["shpo:app"], "there is no module shpo; did you mean shop?"),
    "no such module": (["entirely_other:app"], "there is no module entirely_other\n"),
    "no such package": (["entirely_other.web:app"], "there is no module entirely_other\n"),
    "attribute misspelt": (["shop:ap"], "module shop has no attribute ap; did you mean shop:app?"),
    "attribute unlike any": (["shop:zzz"], "module shop has no attribute zzz; did you mean shop:app?"),
    "file name": (["shop.py:app"], "shop.py:app is no module:attribute; did you mean shop:app?"),
    "path": (["pkg/shop.py:app"], "pkg/shop.py:app is no module:attribute; did you mean pkg.shop:app?"),
    "no module name": (["a-b:app"], "a-b:app is no module:attribute; one looks like app:app or shop.web:create_app()"),
    "something else": (["shop:Group"], "shop:Group is Group, not a Nacre application"),
    "an instance of something else": (["shop:shop"], "shop:shop is a Group, not a Nacre application"),
    "function with arguments": (["shop:load_user"], "shop:load_user takes (request); a factory is called without arg"),
    "async function": (["shop:timing"], "shop:timing is async; a factory is a plain function without arguments"),
    "no function": (["shop:app()"], "shop:app is no function; leave out the parentheses"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_no_application_is_said_in_one_line(shop, arguments, message):
    result = nacre_command("routes", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: {message}" in result.stderr
    assert result.stderr.count("\n") == 1


def test_project_file_that_is_broken_is_said_so(folder):
    (folder / "pyproject.toml").write_text("[tool.nacre\n")
    assert "Error: pyproject.toml can't be read: " in nacre_command("routes").stderr
    (folder / "pyproject.toml").write_text("[tool.nacre]\napp = 7\n")
    assert "Error: [tool.nacre] app in pyproject.toml must be a string" in nacre_command("routes").stderr


FAILURES = {
    "exception": ("def dig():\n    raise RuntimeError('mine')\ndig()\n", "RuntimeError: mine"),
    "syntax": ("app = = 1\n", "SyntaxError: invalid syntax"),
    "missing import": ("import surely_not_there\napp = 1\n", "No module named 'surely_not_there'"),
    "factory": ("def app():\n    return 1 / 0\n", "ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize(("source", "message"), FAILURES.values(), ids=FAILURES)
def test_failure_of_the_users_code_is_shown_with_their_traceback_only(folder, source, message):
    (folder / "mine.py").write_text(source)
    result = nacre_command("routes", "mine:app")
    assert result.exit_code == 1
    assert message in result.stderr.splitlines()[-1]
    assert str(folder / "mine.py") in result.stderr
    assert "importlib" not in result.stderr
    assert os.path.join("nacre", "cli") not in result.stderr


# run and dev


@pytest.fixture
def served(monkeypatch):
    calls = []
    monkeypatch.setattr(nacre.server, "run", lambda app, **options: calls.append((app, options)))
    for name in ("NACRE_SERVED_APP", "NACRE_SERVED_DEBUG"):
        monkeypatch.setenv(name, "")
    return calls


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_run_hands_a_reference_that_workers_can_import(shop, served):
    output_of("run", "shop:app", "--port", "0", "--workers", "3", "--interface", "asgi", "--access-log")
    [(reference, options)] = served
    module, _, attribute = reference.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    assert app is sys.modules["shop"].app
    assert app.debug is False
    assert options == {
        "host": "127.0.0.1",
        "port": 0,
        "uds": None,
        "workers": 3,
        "reload": False,
        "interface": "asgi",
        "access_log": True,
        "log_level": "info",
        "shutdown_timeout": 30,
    }


def test_run_takes_certificate_and_key_together(shop, served):
    output_of("run", "shop:app", "--port", "0", "--ssl-cert", "c.pem", "--ssl-key", "k.pem", "--ssl-key-password", "pw")
    [(_, options)] = served
    assert options["ssl"] == nacre.server.TLS("c.pem", "k.pem", "pw")
    result = nacre_command("run", "shop:app", "--ssl-cert", "c.pem")
    assert (result.exit_code, len(served)) == (2, 1)
    assert "--ssl-cert and --ssl-key belong together" in result.stderr


def test_run_tells_a_broken_application_before_it_serves(folder, served):
    (folder / "app.py").write_text(BROKEN)
    result = nacre_command("run")
    assert (result.exit_code, served) == (1, [])
    assert "error: app.py:4: " in result.stderr


def test_run_says_that_an_address_is_taken(shop, served):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = nacre_command("run", "shop:app", "--port", str(port))
    assert (result.exit_code, served) == (1, [])
    assert f"Error: can't listen on 127.0.0.1:{port}: " in result.stderr


def test_dev_is_for_the_developer(shop, served):
    output_of("dev", "shop:app", "--port", "0")
    [(reference, options)] = served
    assert options == {"host": "127.0.0.1", "port": 0, "reload": True, "access_log": True}
    assert importlib.import_module(reference.partition(":")[0]).app.debug is True


def test_dev_without_the_extra_names_the_pip_line(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.setattr(nacre.server.importlib.util, "find_spec", lambda name: None)
    for name in ("NACRE_SERVED_APP", "NACRE_SERVED_DEBUG"):
        monkeypatch.setenv(name, "")
    result = nacre_command("dev", "shop:app", "--port", "0")
    assert result.exit_code == 1
    assert "Error: reload needs an optional package: pip install 'nacre[reload]'; or add --no-reload" in result.stderr


# As a process.

SOURCE = str(Path(nacre.__file__).parents[1])


def environment():
    return {**os.environ, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": "1"}


def test_python_m_nacre_is_the_command(shop):
    command = [sys.executable, "-m", "nacre", "check", "shop:app"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert (result.returncode, result.stdout, result.stderr) == (0, "ok: 3 routes, 6 layers\n", "")
    command = [sys.executable, "-m", "nacre", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert result.stdout == f"nacre {nacre.__version__}\n"


def test_run_serves(folder):
    (folder / "made.py").write_text(FACTORY.replace("lambda r: ''", "lambda r: 'served'"))
    port = free_port()
    command = [sys.executable, "-m", "nacre", "run", "made:create_app()", "--port", str(port)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert fetch(f"http://127.0.0.1:{port}/made", process) == "served"
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=15)
    assert process.returncode == 0, output


def fetch(url, process):
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 (our own server)
                return response.read().decode()
        except ConnectionError:
            pass
        except OSError as error:
            if not isinstance(getattr(error, "reason", None), ConnectionError):
                raise
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)
    raise AssertionError("nobody listens")


def test_help_names_every_command():
    text = output_of("--help")
    assert re.findall(r"^  (\w+)  ", text, re.MULTILINE) == ["chain", "check", "dev", "openapi", "routes", "run"]
