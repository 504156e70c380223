"""Layers of every style. Which of them a request passes is said in app.py, pages.py, api.py and admin.py.

ServerTiming    an ASGI class, around everything    count_reading   a plain function, in a thread
AllowAnyOrigin  an ASGI class, inside a group       Librarian       a Django-style class
RequestID       an object with a finalizer          ConditionalGet  a Django-style class, async
ApiKey          an object with options              Charset         a WSGI class
speaks          an async function                   secure          a finalizer alone

What a layer asks of a request, what it may answer and the credentials it wants are shown in the OpenAPI document, for
those operations that it guards.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
import time
from base64 import b64encode
from typing import Annotated, ClassVar

from examples.tour.library import RFC, Catalogue
from examples.tour.models import PROBLEM, Problem

from nacre import Header, Hooks, JSONResponse, Key, Request, Response, abort, middleware

REQUEST_ID: Key[str] = Key("request_id")

# ASGI: a class built with the application it wraps. At the head of the application's list it sees the raw connection,
# before routing; it may be any published ASGI middleware.


class ServerTiming:
    """Tells the client how long the answer took."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":  # the start and stop of the server pass here too
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def timed(message):
            if message["type"] == "http.response.start":
                spent = (time.perf_counter() - begun) * 1000
                message["headers"] = [*message["headers"], (b"server-timing", b"tour;dur=%.1f" % spent)]
            await send(message)

        await self.app(scope, receive, timed)


class AllowAnyOrigin:
    """Lets the scripts of any site read what is inside. Not CORS: there is no preflight, so only simple requests."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def opened(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"access-control-allow-origin", b"*")]
            await send(message)

        await self.app(scope, receive, opened)


# Onion: called with the request and with what runs everything further in. It may ask for more, as handlers do.

Given = Annotated[str | None, Header(alias="X-Request-ID", description="Kept if it is up to 64 letters, digits or ._-")]


class RequestID:
    """Names each request, or keeps the name that a proxy gave it; error pages and the journal quote it."""

    provides = REQUEST_ID

    async def __call__(self, request, call_next, given: Given = None):
        is_name = given and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given)
        request.state[REQUEST_ID] = given if is_name else secrets.token_hex(6)
        return await call_next(request)

    async def finalize(self, request, response):  # errors that no layer sees as a response are named too
        response.headers["x-request-id"] = request.state[REQUEST_ID]


@middleware(responses={406: "The client takes none of the formats that there are."})
async def speaks(request, call_next):
    if request.accepts("application/json", "application/x-ndjson", "text/csv") is None:
        abort(406, "this API speaks JSON, NDJSON and CSV")
    return await call_next(request)


class ApiKey:
    """Lets pass only who knows the key."""

    security: ClassVar = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    responses: ClassVar = {401: "The key is missing, or it is another one."}

    def __init__(self, *, key: str):
        self.key = key.encode()

    async def __call__(self, request, call_next, given: Annotated[str, Header(alias="X-API-Key")] = ""):
        if not secrets.compare_digest(given.encode(), self.key):
            abort(401, "this needs the header X-API-Key", headers={"www-authenticate": 'ApiKey realm="reading room"'})
        return await call_next(request)


class Password:
    """Asks for a name and a password (RFC 7617)."""

    security: ClassVar = {"password": {"type": "http", "scheme": "basic"}}
    responses: ClassVar = {401: "Nobody has this name and password."}

    def __init__(self, *, user: str, password: str):
        self.expected = b"Basic " + b64encode(f"{user}:{password}".encode())

    async def __call__(self, request, call_next, given: Annotated[str, Header(alias="Authorization")] = ""):
        if not secrets.compare_digest(given.encode(), self.expected):
            abort(401, "who are you?", headers={"www-authenticate": 'Basic realm="admin", charset="UTF-8"'})
        return await call_next(request)


# Plain functions run in worker threads, so they may block. Neighbours, and a plain handler, share one thread.


def count_reading(request, call_next, catalogue: Catalogue, rfc: RFC):
    response = call_next(request)
    if response.status == 200:
        catalogue.count_reading(rfc.number)
    return response


# Django's style: built once with `get_response`, called with each request, with Django's hooks.


class Librarian:
    """Answers for what the database refuses."""

    responses: ClassVar = {409: "The library has that already."}

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        if isinstance(error, sqlite3.IntegrityError):
            return JSONResponse(Problem(409, "we have that already"), 409, {"content-type": PROBLEM})
        return None


class ConditionalGet:
    """Answers 304 to a client that has the same bytes already (RFC 9110 §13.1.2)."""

    responses: ClassVar = {304: "The client has the same bytes already."}

    def __init__(self, get_response):
        self.get_response = get_response

    async def __call__(self, request):
        response = await self.get_response(request)
        if response.status != 200 or response.stream is not None:
            return response
        tag = f'"{hashlib.sha256(response.body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status=304, headers={"etag": tag})
        response.headers["etag"] = tag
        return response


# Hooks. A finalizer sees every response that is sent, whatever made it: pages, streams, 404 and 500.


def nonce(request: Request) -> str:
    """What this one response marks its own scripts and styles with."""
    if "nonce" not in request.state:
        request.state.nonce = secrets.token_urlsafe(12)
    return str(request.state.nonce)


def secure(request, response):
    own = f"'nonce-{nonce(request)}'"
    # A page that isn't of this folder says itself what it needs: that of the API's documentation, which has no nonce.
    response.headers.setdefault(
        "content-security-policy",
        f"default-src 'none'; script-src {own}; style-src {own}; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["referrer-policy"] = "same-origin"


security_headers = Hooks(finalize=secure, inline=True)


# WSGI: built with the WSGI application it wraps.


class Charset:
    """Says which encoding the old report is in; it was written when that went without saying."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            stated = [(k, f"{v}; charset=utf-8" if k.lower() == "content-type" else v) for k, v in headers]
            return start_response(status, stated, exc_info)

        return self.app(environ, start)
