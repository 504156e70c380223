"""What the rules share: a recorder, and an application with one route for each way a request can end."""

from __future__ import annotations

import pytest

from rules.recording import Recorder


@pytest.fixture
def log() -> Recorder:
    """What happens in the application of this test."""
    return Recorder()
