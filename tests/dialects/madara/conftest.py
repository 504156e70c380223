"""Programs name their middlewares by dotted names of modules that stand beside them."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _modules_beside_the_programs(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "programs"))
