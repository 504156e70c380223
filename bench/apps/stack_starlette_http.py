"""Starlette with layers as its documentation writes them: request id, access log and CSRF derive from
`BaseHTTPMiddleware`. Sessions, CORS and authentication are its own, as in `stack_starlette.py`."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response

from bench.apps.stack_asgi import VALID_ID, is_genuine, time_of_day
from bench.apps.stack_site import access_logger
from bench.apps.stack_starlette import own_layers, routes, user_of
from bench.workloads import Setting

Next = Callable[[Request], Awaitable[Response]]


class RequestId(BaseHTTPMiddleware):
    """An identifier for each request, sent back with the response."""

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        given = request.headers.get("x-request-id", "")
        known = given if VALID_ID.fullmatch(given.encode()) else str(uuid.uuid4())
        request.state.request_id = known
        response = await call_next(request)
        response.headers["x-request-id"] = known
        return response


class AccessLog(BaseHTTPMiddleware):
    """One line of JSON for each request."""

    logger: logging.Logger = access_logger("bench.access.starlette_http")

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        began = time.perf_counter()
        response = await call_next(request)
        fields = {
            "time": time_of_day(),
            "request_id": request.state.request_id,
            "client": request.client.host if request.client else None,
            "user": user_of(request.scope),
            "method": request.method,
            "path": request.url.path,
            "status": response.status_code,
            "bytes": int(response.headers.get("content-length", 0)),
            "duration": round(time.perf_counter() - began, 6),
            "outcome": "complete",
            "agent": request.headers.get("user-agent"),
        }
        if request.url.query:
            fields["query"] = request.url.query
        self.logger.info(json.dumps(fields))
        return response


class CSRF(BaseHTTPMiddleware):
    """Refuses unsafe requests without a token of the session."""

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        if request.method not in ("GET", "HEAD", "OPTIONS") and not is_genuine(request.scope):
            return Response(status_code=403)
        return await call_next(request)


def build(setting: Setting) -> Starlette:
    cors, sessions, authentication = own_layers()
    layers = [Middleware(RequestId), Middleware(AccessLog), cors, sessions, Middleware(CSRF), authentication]
    return Starlette(routes=routes(), middleware=layers)


app = build(Setting.from_environment())
