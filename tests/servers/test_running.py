"""`app.run()` and `await app.start_server()` as programs use them, and their arguments."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from nacre import Nacre
from nacre.errors import MissingExtra
from nacre.server import TLS, _Wakeup, load_app, run
from servers.certificate import self_signed
from servers.process import FOLDER, eventually, started
from servers.wire import Reader, request

BESIDE = (str(FOLDER / "programs" / "beside.py"), "{port}")
OPTIONS = str(FOLDER / "programs" / "options.py")


def test_start_server_leaves_the_loop_to_others_and_returns_after_shutdown(tmp_path: Path) -> None:
    with started(BESIDE, tmp_path) as server:
        seen: list[int] = []

        def ticking() -> bool:
            with server.connect() as connection:
                connection.sendall(request("GET", "/"))
                seen.append(json.loads(Reader(connection).reply().body)["ticks"])
            return seen[-1] > seen[0]

        eventually(ticking, what="the other task going on")
        with server.connect() as connection:
            connection.sendall(request("GET", "/shutdown"))
            assert Reader(connection).reply().body == b"The server is shutting down..."
        assert server.wait() == 0, server.log()
        assert [server.noted(what) for what in ("startup", "shutdown", "returned")] == [1, 1, 1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("workers", [1, 2])
def test_run_serves_https(workers: int, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    options = f'{{{{"port": {{port}}, "workers": {workers}, "ssl": ["{cert}", "{key}"]}}}}'
    with started((OPTIONS, options), tmp_path) as server:
        context = ssl.create_default_context(cafile=cert)
        connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=5)
        connection.request("GET", "/")
        assert json.load(connection.getresponse()) == {"scheme": "https", "client": True}
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_run_serves_a_unix_socket_and_removes_it(workers: int, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    options = f'{{{{"uds": "{path}", "workers": {workers}}}}}'
    with started((OPTIONS, options), tmp_path, ready=False) as server:

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(str(path))
                connection.sendall(request("GET", "/"))
                return Reader(connection).reply().body.startswith(b'{"scheme":"http"')
            return False

        eventually(answers, what="an answer over the socket")
        server.stop()
        assert server.wait() == 0, server.log()
        assert not path.exists()


def test_a_worker_ends_by_a_signal_that_comes_before_its_first_step(tmp_path: Path) -> None:
    with started((str(FOLDER / "programs" / "forking.py"),), tmp_path, ready=False) as process:
        assert process.wait(60) == 0
        assert process.log() == "set() {15} set()\n"


def test_a_signal_ends_the_wait_of_the_main_loop_whenever_it_comes() -> None:
    with _Wakeup() as wakeup:
        before = signal.signal(signal.SIGALRM, lambda *_: wakeup.set())
        try:
            for number in range(5000):
                signal.setitimer(signal.ITIMER_REAL, (1 + number % 40) / 1e6)
                wakeup.wait()
                assert wakeup.is_set()
                wakeup.clear()
        finally:
            signal.signal(signal.SIGALRM, before)
    wakeup.set()  # a worker that ends late


def test_options_of_granian_that_one_process_cannot_have_are_given_to_worker_processes(tmp_path: Path) -> None:
    with started((OPTIONS, '{{"port": {port}, "respawn_failed_workers": true}}'), tmp_path) as server:
        with server.connect() as connection:
            connection.sendall(request("GET", "/"))
            assert Reader(connection).reply().status == 200
        server.stop()
        assert server.wait() == 0


async def test_start_server_in_process_serves_and_can_be_cancelled(unused_port: int) -> None:
    stopped: list[str] = []
    app = Nacre(routes=[])
    app.on_shutdown(lambda: stopped.append("shutdown"))

    @app.get("/")
    async def index() -> str:
        return "here"

    for finish in ("shutdown", "cancel"):
        server = asyncio.create_task(app.start_server(port=unused_port, log_level="error"))
        assert await fetch(unused_port) == b"here"
        if finish == "shutdown":
            app.shutdown()
            await server
        else:
            server.cancel()
            with pytest.raises(asyncio.CancelledError):
                await server
    assert stopped == ["shutdown", "shutdown"]
    assert app.stopper is None


async def fetch(port: int) -> bytes:
    for _ in range(200):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.write(request("GET", "/", (("Connection", "close"),)))
        answer = await reader.read()
        writer.close()
        return answer.rpartition(b"\r\n\r\n")[2]
    raise AssertionError("the server doesn't listen")


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Arguments.


def test_an_ssl_context_is_refused_and_the_message_says_what_to_pass() -> None:
    with pytest.raises(TypeError, match=r'a context doesn\'t give its key away again\): ssl=\("cert.pem", "key.pem"\)'):
        Nacre().run(ssl=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


@pytest.mark.parametrize("wrong", [True, "cert.pem", ("cert.pem",)])
def test_other_ssl_arguments_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="ssl takes the files of certificate and key"):
        run(Nacre(), ssl=wrong)


def test_tls_with_a_file_that_is_missing_fails_at_startup(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(Nacre(), ssl=TLS(tmp_path / "cert.pem", tmp_path / "key.pem"))


def test_reload_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'nacre\[reload\]'"):
        Nacre().run(reload=True)


def test_an_option_that_granian_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="colour"):
        Nacre().run(colour="blue")


async def test_run_on_a_running_loop_names_start_server() -> None:
    with pytest.raises(RuntimeError, match=r"await app\.start_server\(\)"):
        Nacre().run()


def test_load_app_imports_module_and_attribute() -> None:
    from servers import application

    assert load_app("servers.application:app") is application.app
    assert load_app("servers.application") is application.app
    with pytest.raises(ImportError, match=r"'servers\.application' has no 'ap'"):
        load_app("servers.application:ap")
