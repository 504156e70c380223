"""Starting and stopping: signals, `shutdown()`, exit codes, what runs meanwhile, and startup that fails."""

from __future__ import annotations

import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from servers.process import ALL, ASYNC, FOLDER, Server, eventually, started
from servers.wire import Reader, Reply, request

PROGRAM = str(FOLDER / "application.py")
TWO_WORKERS = (PROGRAM, "{port}", "2")


def get(server: Server, target: str) -> Reply:
    with server.connect() as connection:
        connection.sendall(request("GET", target, (("Connection", "close"),)))
        return Reader(connection).reply()


def stopped_while_busy(server: Server, count: int, stop: signal.Signals | str) -> list[bytes]:
    """The answers to requests of one second each, during which the server was told to stop."""
    with ThreadPoolExecutor(count + 1) as pool:
        replies = [pool.submit(get, server, "/slow") for _ in range(count)]
        eventually(lambda: server.noted("slow") == count, what="all requests to be running")
        begun = time.monotonic()
        if isinstance(stop, str):
            assert get(server, stop).body == b"The server is shutting down..."
        else:
            server.stop(stop)
        bodies = [reply.result().body for reply in replies]
        code = server.wait()
        # uvicorn shuts down in order and then ends by the signal it was sent.
        assert code == 0 or (server.kind.startswith("uvicorn") and code == -signal.SIGTERM), server.log()
        assert time.monotonic() - begun < 4
    return bodies


@pytest.mark.parametrize("kind", ALL)
def test_sigterm_lets_running_requests_finish(kind: str, tmp_path: Path) -> None:
    count = 1 if kind == "gunicorn-sync" else 10
    with started(kind, tmp_path) as server:
        get(server, "/text")
        assert stopped_while_busy(server, count, signal.SIGTERM) == [b"slow but done"] * count
        assert (server.noted("startup"), server.noted("shutdown")) == (1, 1)


@pytest.mark.parametrize("kind", ["nacre", "granian-rsgi", "granian-asgi", "uvicorn", "hypercorn", "gunicorn-gthread"])
def test_shutdown_from_a_request_stops_any_server(kind: str, tmp_path: Path) -> None:
    with started(kind, tmp_path) as server:
        assert stopped_while_busy(server, 3, "/shutdown") == [b"slow but done"] * 3
        assert (server.noted("startup"), server.noted("shutdown")) == (1, 1)
        if kind == "nacre":
            assert server.noted("returned") == 1


def test_shutdown_may_be_called_in_a_worker_thread(tmp_path: Path) -> None:
    with started("nacre", tmp_path) as server:
        assert stopped_while_busy(server, 3, "/shutdown/sync") == [b"slow but done"] * 3
        assert server.noted("returned") == 1


def test_control_c_lets_running_requests_finish_and_run_returns(tmp_path: Path) -> None:
    with started("nacre", tmp_path) as server:
        assert stopped_while_busy(server, 3, signal.SIGINT) == [b"slow but done"] * 3
        assert (server.noted("shutdown"), server.noted("returned")) == (1, 1)


def test_a_second_signal_drops_what_runs(tmp_path: Path) -> None:
    with started("nacre", tmp_path) as server, ThreadPoolExecutor(1) as pool:
        reply = pool.submit(get, server, "/slow")
        eventually(lambda: server.noted("slow") == 1)
        begun = time.monotonic()
        server.stop(signal.SIGINT)
        eventually(lambda: not can_connect(server), what="the listening socket to close")
        server.stop(signal.SIGINT)
        assert server.wait() == 1
        assert time.monotonic() - begun < 0.9
        assert server.noted("shutdown") == 1
        with contextlib.suppress(AssertionError):  # how the connection ends is nobody's promise
            assert reply.result().body != b"slow but done"


def can_connect(server: Server) -> bool:
    with contextlib.suppress(OSError), server.connect(0.2):
        return True
    return False


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, "/shutdown"], ids=str)
def test_two_workers_share_the_port_and_stop_together(stop: signal.Signals | str, tmp_path: Path) -> None:
    with started(TWO_WORKERS, tmp_path) as server:
        eventually(lambda: server.noted("startup") == 2, what="both workers to be up")
        workers: set[bytes] = set()
        eventually(lambda: len(workers) == 2 or workers.add(get(server, "/pid").body), what="answers of both workers")
        assert stopped_while_busy(server, 5, stop) == [b"slow but done"] * 5
        assert (server.noted("startup"), server.noted("shutdown"), server.noted("returned")) == (2, 2, 1)


def test_workers_that_hang_are_killed_in_time(tmp_path: Path) -> None:
    options = '{{"port": {port}, "workers": 2, "shutdown_timeout": 1}}'
    with started((str(FOLDER / "programs" / "hanging.py"), options), tmp_path) as server:
        hung_up_in_time(server)


def test_one_worker_that_hangs_stops_in_time(tmp_path: Path) -> None:
    options = '{{"port": {port}, "shutdown_timeout": 1}}'
    with started((str(FOLDER / "programs" / "hanging.py"), options), tmp_path) as server:
        hung_up_in_time(server)


def hung_up_in_time(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(request("GET", "/"))
        assert Reader(connection).start().status == 200
        begun = time.monotonic()
        server.stop()
        server.wait()
        assert 0.8 < time.monotonic() - begun < 3


# Startup that fails.

FAILURES = {
    "nacre": 1,
    "granian-rsgi": 1,
    "granian-asgi": 1,
    "uvicorn": 3,
    "hypercorn": 0,  # its parent process doesn't look at what became of the worker
}


@pytest.mark.parametrize(("kind", "code"), FAILURES.items())
def test_a_failing_startup_ends_the_server_and_shows_why_once(kind: str, code: int, tmp_path: Path) -> None:
    with started(kind, tmp_path, ready=False, environment={"FAIL": "1"}) as server:
        assert server.wait() == code
        shown = server.log().count("ValueError: there is no database")
        assert shown == (2 if kind == "hypercorn" else 1), server.log()  # it shows the message and the exception
        assert server.noted("returned") == 0


def test_two_workers_that_fail_to_start_end_the_server(tmp_path: Path) -> None:
    with started(TWO_WORKERS, tmp_path, ready=False, environment={"FAIL": "1"}) as server:
        assert server.wait() == 1
        assert "ValueError: there is no database" in server.log()


MISCONFIGURED = str(FOLDER / "programs" / "misconfigured.py")


@pytest.mark.parametrize(
    "command", [(MISCONFIGURED, "{port}", "1"), (MISCONFIGURED, "{port}", "2"), *ASYNC[1:]], ids=str
)
def test_a_wrong_configuration_ends_the_server_and_shows_why_once(
    command: str | tuple[str, ...], tmp_path: Path
) -> None:
    with started(command, tmp_path, app="programs.misconfigured:app", ready=False) as server:
        code = server.wait()
        assert code != 0 or command == "hypercorn"
        shown = server.log().count("ConfigurationError: middleware `layer`")
        assert shown == (2 if command == "hypercorn" else 1), server.log()


def test_a_port_in_use_is_an_error(tmp_path: Path) -> None:
    with started("granian-rsgi", tmp_path) as other:
        # Granian listens in a way that lets others share the port.
        with started("nacre", tmp_path, ready=False, port=other.port) as server:
            assert server.wait() == 1
            assert "in use" in server.log(), server.log()
            assert (server.noted("startup"), server.noted("shutdown")) == (0, 0)
