"""Rows of the view `parts` about the layers that come with Nacre, and about bodies: what they do to spare a request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


def ready_parts() -> dict[str, Callable[[], object]]:
    return {**_log(), **_sessions(), **_bodies()}


def _log() -> dict[str, Callable[[], object]]:
    from nacre import Request
    from nacre.traffic import AccessLog
    from nacre.traffic.log_fields import reader
    from nacre.traffic.records import Records
    from nacre.traffic.visits import Visit
    from nacre.transports.asgi import CARRIER

    logger = logging.getLogger("bench.parts")
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "client": ("::1", 1)}
    log = AccessLog(logger=logger)
    visit = Visit(Request(CARRIER, scope, None, "GET", "/"), log, 0.0, True, status=200, sent=13, ended=True)
    records, line = Records(logger, __file__, "_end"), "a line"
    functions: dict[str, Callable[[Visit], Any]] = {
        "method": lambda visit: visit.request.method,
        "path": lambda visit: visit.request.path,
        "status": lambda visit: visit.status,
        "bytes": lambda visit: visit.sent,
    }

    def one_by_one() -> dict[str, Any]:
        fields = {}
        for name, function in functions.items():
            value = function(visit)
            if value is not None:
                fields[name] = value
        return fields

    written = reader(("method", "path", "status", "bytes"), lambda now: "", str)
    return {
        "access log: a record, as the logger makes it": lambda: logger.makeRecord(
            logger.name, logging.INFO, __file__, 0, "%s", (line,), None, "_end"
        ),
        "access log: a record, by the pattern of its second": lambda: records.make(line, {}, time.time()),
        "access log: four fields, a function each": one_by_one,
        "access log: four fields, read by a written function": lambda: written(visit, 0.001, 0.0),
    }


def _sessions() -> dict[str, Callable[[], object]]:
    from nacre.cookies import parse_cookies
    from nacre.session import _are_plain, _flaw
    from nacre.sessions.in_cookie import InCookie
    from nacre.sessions.keeping import Held
    from nacre.sessions.records import Lifetime
    from nacre.signing import Signer

    signer = Signer("Zk3vQ8sT1xW5yB7nD9fH2jL4mP6rU0cE", purpose="bench")
    content = bytes(5) + b"\x01" + b"\xff" * 6 + b'{"user":"7","cart":[14,92,653],"locale":"en-GB"}'
    text = signer.sign(content)
    keeper = InCookie(signer, Lifetime(1e12, None, time.time))
    held = Held(keeper, text)
    assert keeper.load(held) is not None
    values = {"user": "7", "cart": [14, 92, 653], "locale": "en-GB", "seen": "2026-11-20T09:30:00Z"}
    header = f"session={text}; theme=dark; locale=en-GB"
    return {
        "sessions: a cookie, verified": lambda: signer.unsign(text),
        "sessions: a cookie that was seen before": lambda: keeper.load(held),
        "sessions: a cookie, signed": lambda: signer.sign(content),
        "sessions: four values, looked at for flaws": lambda: [_flaw(value, "session", 0) for value in values.values()],
        "sessions: four values, seen to be plain": lambda: _are_plain(values.values()),
        "parse_cookies of three": lambda: parse_cookies(header),
    }


def _bodies() -> dict[str, Callable[[], object]]:
    from nacre import Request
    from nacre.media import parse_media_type
    from nacre.routing.converters import parse_natural
    from nacre.threads import run_at_once
    from nacre.transports.asgi import CARRIER
    from nacre.urlencoded import UrlencodedParser

    form = b"&".join(b"field%d=some+value" % number for number in range(9))
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"%d" % len(form))]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    message = {"type": "http.request", "body": form, "more_body": False}
    kind = "application/x-www-form-urlencoded"
    media_type, known, digits = parse_media_type(kind), {kind}, "1234"

    async def receive() -> dict[str, Any]:
        return message

    app: Any = SimpleNamespace(body_timeout=None)

    def request() -> Request:
        made = Request(CARRIER, scope, receive, "POST", "/")
        made.app = app
        return made

    def pairs() -> list[tuple[str, str]]:
        parser = UrlencodedParser(media_type)
        parser.feed(form)
        return parser.pairs()

    return {
        "a body by its reader, request included": lambda: run_at_once(request().body_reader.read()),
        "a body at once, request included": lambda: request().body_at_once(),
        "a form of nine fields": pairs,
        "a Content-Type, parsed": lambda: parse_media_type(kind),
        "a Content-Type among those seen before": lambda: kind in known,
        "digits by parse_natural": lambda: parse_natural(digits),
        "digits in place": lambda: int(digits) if digits.isdigit() and digits.isascii() and len(digits) <= 40 else None,
    }
