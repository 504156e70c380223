"""An ASGI scope for a request that came by another protocol, so that ASGI code can work on it."""

from __future__ import annotations

from nacre.request import Request
from nacre.types import Scope
from nacre.urls import encode_path


def asgi_scope(request: Request) -> Scope:
    """Describe a request as an ASGI 3 `http` scope."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": request.http_version,
        "method": request.method,
        "scheme": request.scheme,
        "path": request.root_path + request.path,
        "raw_path": encode_path(request.root_path + request.path).encode("ascii"),
        "query_string": request.query_string.encode("latin-1"),
        "root_path": request.root_path,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.pairs()],
        "client": request.client and (request.client[0], request.client[1] or 0),
        "server": request.server,
        "state": request.state.shared,
        "extensions": {},
    }
