"""Microdot keeps settings on its classes; what a program sets there must not reach the next test."""

import pytest

from nacre.dialects.microdot import Request, Response, URLPattern
from nacre.dialects.microdot.multipart import FileUpload
from nacre.dialects.microdot.websocket import WebSocket


@pytest.fixture(autouse=True)
def _settings_as_they_were(monkeypatch):
    for cls, names in (
        (Request, ("max_content_length", "max_body_length", "max_readline")),
        (Response, ("default_content_type", "default_send_file_max_age", "types_map")),
        (URLPattern, ("types",)),
        (FileUpload, ("max_memory_size",)),
        (WebSocket, ("max_message_length",)),
    ):
        for name in names:
            value = getattr(cls, name)
            monkeypatch.setattr(cls, name, dict(value) if isinstance(value, dict) else value)
