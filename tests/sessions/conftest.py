"""What tests of sessions share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.sessions import Sessions
from sessions.kinds import IN_STORE, KINDS, SECRET, Clock, make_store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """How sessions are kept; a test that uses it runs once for each way."""
    return str(request.param)


@pytest.fixture
def stores(tmp_path: Path, clock: Clock) -> Iterator[dict[str, Any]]:
    """A store of each kind, empty, made where nothing runs that it could block."""
    made = {kind: make_store(kind, tmp_path, clock) for kind in IN_STORE}
    yield made
    made["sqlite"].close()


@pytest.fixture
def layer_for(stores: dict[str, Any], clock: Clock) -> Callable[..., Sessions]:
    """Make a layer of a kind: `layer_for("sqlite", idle=60)`; all of one kind share the store."""

    def make(kind: str, **options: Any) -> Sessions:
        if kind in stores:
            return Sessions(store=stores[kind], clock=clock, **options)
        return Sessions(SECRET, encrypt=kind == "sealed", clock=clock, **options)

    return make
