"""Puts a script of requests to the `app` of a program and prints the answers, for the original and the dialect alike.

    python asking.py KIND PROGRAM < requests.json > answers.json

It runs in the original's own environment, so it uses the standard library only. `KIND` says how the application is
called: "asgi", "wsgi", "own" (Microdot's server) or "aiohttp" (Rapidy). Requests with the same `session` share cookies.
"""

import asyncio
import base64
import contextlib
import http.client
import importlib.util
import io
import json
import logging
import os
import socket
import sys
import threading
import urllib.parse
from pathlib import Path


def main():
    logging.disable(logging.CRITICAL)
    kind, program = sys.argv[1:]
    requests = json.load(sys.stdin)
    # What the program prints is no part of the answers.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        spec = importlib.util.spec_from_file_location("program", Path(program))
        module = importlib.util.module_from_spec(spec)
        sys.modules["program"] = module
        spec.loader.exec_module(module)
        answers = ASKED[kind](module.app, requests)
    json.dump(answers, sys.stdout)
    sys.stdout.flush()
    # Servers' threads, and what requests have left behind, are no business of the one who asks.
    os._exit(0)


class Jars:
    """The cookies of each session, as far as the scripts need them: names and values."""

    def __init__(self):
        self._jars = {}

    def headers(self, request):
        headers = [(name.lower(), value) for name, value in request.get("headers", ())]
        if not any(name == "host" for name, _ in headers):
            headers.insert(0, ("host", "example.com"))
        jar = self._jars.get(request.get("session"))
        if jar:
            headers.append(("cookie", "; ".join(f"{name}={value}" for name, value in jar.items())))
        return headers

    def keep(self, request, headers):
        if "session" not in request:
            return
        jar = self._jars.setdefault(request["session"], {})
        for name, value in headers:
            if name == "set-cookie":
                pair, *attributes = [part.strip() for part in value.split(";")]
                key, _, content = pair.partition("=")
                gone = any(part.lower().replace(" ", "") == "max-age=0" for part in attributes)
                gone = gone or any(part.lower().startswith("expires=thu, 01 jan 1970") for part in attributes)
                jar.pop(key, None) if gone else jar.update({key: content})


def answer(request, status, headers, body):
    pairs = [[name.lower(), value] for name, value in headers]
    return {
        "id": request["id"],
        "status": status,
        "headers": pairs,
        "body": base64.b64encode(b"" if request["method"] == "HEAD" else body).decode(),
    }


def body_of(request):
    return (request.get("body") or "").encode()


def with_length(request, headers):
    known = any(name in ("content-length", "transfer-encoding") for name, _ in headers)
    if request.get("body") is not None and not known:
        return [*headers, ("content-length", str(len(body_of(request))))]
    return headers


# By ASGI.


def ask_asgi(app, requests):
    return asyncio.run(_ask_asgi(app, requests))


async def _ask_asgi(app, requests):
    lifespan = await _start(app)
    jars, answers = Jars(), []
    for request in requests:
        headers = with_length(request, jars.headers(request))
        found = await asyncio.wait_for(_ask_once(app, request, headers), 20)
        jars.keep(request, found["headers"])
        answers.append(found)
    lifespan.cancel()
    await asyncio.gather(lifespan, return_exceptions=True)
    return answers


async def _start(app):
    started = asyncio.Event()
    messages = asyncio.Queue()
    messages.put_nowait({"type": "lifespan.startup"})

    async def send(message):
        started.set()

    async def live():
        try:
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, messages.get, send)
        finally:
            started.set()

    task = asyncio.create_task(live())
    await started.wait()
    return task


async def _ask_once(app, request, headers):
    path, _, query = request["path"].partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request["method"],
        "scheme": "http",
        "path": urllib.parse.unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    messages = [{"type": "http.request", "body": body_of(request), "more_body": False}]
    started, pieces = {}, []

    async def receive():
        if messages:
            return messages.pop()
        await asyncio.Event().wait()

    async def send(message):
        if message["type"] == "http.response.start":
            started.update(message)
        elif message["type"] == "http.response.body":
            pieces.append(message.get("body", b""))

    try:
        await app(scope, receive, send)
    except Exception as error:
        if not started:
            return answer(request, f"raised {type(error).__name__}", [], b"")
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in started.get("headers", ())]
    return answer(request, started.get("status"), pairs, b"".join(pieces))


# By WSGI.


def ask_wsgi(app, requests):
    jars, answers = Jars(), []
    for request in requests:
        found = _ask_wsgi_once(app, request, with_length(request, jars.headers(request)))
        jars.keep(request, found["headers"])
        answers.append(found)
    return answers


def _ask_wsgi_once(app, request, headers):
    path, _, query = request["path"].partition("?")
    environ = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body_of(request)),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    started = {}

    def start_response(status, pairs, exc_info=None):
        started.update(status=int(status.split()[0]), headers=pairs)

    body = app(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()
    return answer(request, started["status"], started["headers"], content)


# By sockets.


def ask_own(app, requests):
    port = _free_port()
    threading.Thread(target=lambda: asyncio.run(app.start_server("127.0.0.1", port)), daemon=True).start()
    return _ask_sockets(port, requests)


def ask_aiohttp(app, requests):
    from aiohttp import web

    port = _free_port()

    async def serve():
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    return _ask_sockets(port, requests)


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _ask_sockets(port, requests):
    for _ in range(2000):
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            break
        except ConnectionRefusedError:
            threading.Event().wait(0.01)
    jars, answers = Jars(), []
    for request in requests:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.putrequest(request["method"], request["path"], skip_host=True, skip_accept_encoding=True)
        for name, value in with_length(request, jars.headers(request)):
            connection.putheader(name, value)
        try:
            connection.endheaders(body_of(request) or None)
            response = connection.getresponse()
            found = answer(request, response.status, response.getheaders(), response.read())
        except (http.client.HTTPException, ConnectionError) as error:
            found = answer(request, f"raised {type(error).__name__}", [], b"")
        connection.close()
        jars.keep(request, found["headers"])
        answers.append(found)
    return answers


ASKED = {"asgi": ask_asgi, "wsgi": ask_wsgi, "own": ask_own, "aiohttp": ask_aiohttp}

if __name__ == "__main__":
    main()
