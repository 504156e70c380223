"""One browser and one server for all tests of this folder (in each worker of the test run)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.process import Server, started

from browser.chromium import NAMES, Chromium, find_executable, running

APPLICATION = Path(__file__).with_name("application.py")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    executable = find_executable()
    if executable is None:
        missing = f"none of {', '.join(NAMES)} is installed; tests/browser/install.sh installs one"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with running(executable, tmp_path_factory.mktemp("browser")) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started((str(APPLICATION), "{port}"), tmp_path_factory.mktemp("server")) as running_server:
        yield running_server


@pytest.fixture
def origin(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"
