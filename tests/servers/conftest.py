"""Each server is started once per module (and worker of the test run)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from servers.process import Server, started


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server of the kind that the test is parameterised with (`indirect`)."""
    with started(request.param, tmp_path_factory.mktemp("server")) as running:
        yield running
