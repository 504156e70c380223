"""The site without any framework: one function that does what the layers of the others do, in their order.

It is the floor of the view `stack`: what is left are the standard library's logging, a signature, a digest, some JSON.
Nothing of it could be used for another site.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from bench.apps.stack_site import BEARER, ORIGIN, SECRET, USERS, User, access_logger, new_session
from bench.workloads import Setting

Pairs = list[tuple[str, str]]

_ID = re.compile(r"[A-Za-z0-9._:=+/@-]{1,128}")
_MAX_AGE = 14 * 24 * 3600
_SIZE = 32
_KNOWN = sha256(BEARER.encode()).digest()
_JSON = [("content-type", "application/json")]
_current: ContextVar[str] = ContextVar("current", default="-")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_key = hmac.new(SECRET.encode(), digestmod=sha256)
_log = access_logger("bench.access.by_hand")


@dataclass(slots=True)
class Answer:
    """A response, and what the log says of it."""

    status: int
    pairs: Pairs
    body: bytes
    user: User | None = None


async def answer(
    method: str, path: str, fields: Mapping[str, str], read: Callable[[], Awaitable[bytes]]
) -> tuple[Answer, str]:
    """Answer one request; the second value is its identifier."""
    known = fields.get("x-request-id")
    if known is None or not _ID.fullmatch(known):
        known = str(uuid.uuid4())
    _current.set(known)
    origin = fields.get("origin")
    if method == "OPTIONS" and origin is not None and "access-control-request-method" in fields:
        made = _preflight(fields)
    else:
        made = await _behind_cors(method, path, fields, read)
    made.pairs.append(("vary", "Origin, Cookie" if made.user is not None else "Origin"))
    if origin == ORIGIN:
        made.pairs += (("access-control-allow-origin", ORIGIN), ("access-control-allow-credentials", "true"))
        if method != "OPTIONS":
            made.pairs.append(("access-control-expose-headers", "X-Request-Id"))
    made.pairs.append(("x-request-id", known))
    return made, known


def _preflight(fields: Mapping[str, str]) -> Answer:
    pairs: Pairs = []
    if fields["origin"] == ORIGIN and fields["access-control-request-method"] in ("GET", "POST"):
        allowed = fields.get("access-control-request-headers", "").lower()
        if all(name in ("content-type", "x-csrf-token", "authorization") for name in allowed.split(",") if name):
            pairs = [
                ("access-control-allow-methods", "GET, POST"),
                ("access-control-allow-headers", allowed),
                ("access-control-max-age", "600"),
            ]
    return Answer(204, pairs, b"")


async def _behind_cors(
    method: str, path: str, fields: Mapping[str, str], read: Callable[[], Awaitable[bytes]]
) -> Answer:
    session = _session_of(fields)
    before = session.copy()
    if method == "POST" and not _is_genuine(session, fields.get("x-csrf-token", "")):
        return Answer(403, [], b"")
    given = fields.get("authorization")
    if given is None:
        user = USERS.get(session.get("user", ""))
    else:
        kind, _, token = given.partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(sha256(token.encode()).digest(), _KNOWN):
            return _refused()
        user = USERS["7"]
    if path == "/begin" and method == "GET":
        session = new_session()
        made = Answer(200, [*_JSON], _encode({"token": _token(session)}))
    elif path != "/cart":
        return Answer(404, [], b"")
    elif user is None:
        return _refused()
    elif method == "POST":
        session["cart"] = [*session["cart"], _decode(await read())["item"]]
        made = Answer(200, [*_JSON], _encode({"cart": session["cart"]}), user)
    else:
        made = Answer(200, [*_JSON], _encode({"name": user.name, "cart": session["cart"]}), user)
    if session != before:
        made.pairs.append(("set-cookie", f"session={_signed(session)}; Path=/; HttpOnly; SameSite=lax"))
    return made


def _refused() -> Answer:
    return Answer(401, [*_JSON, ("www-authenticate", "Bearer")], b'{"detail":"not authenticated"}')


def _session_of(fields: Mapping[str, str]) -> dict[str, Any]:
    for pair in fields.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == "session":
            data, _, signature = value.rpartition(".")
            if hmac.compare_digest(signature, _sign(data)):
                content, _, began = data.partition(".")
                if int(began) + _MAX_AGE > time.time():
                    loaded: dict[str, Any] = _decode(base64.urlsafe_b64decode(content))
                    return loaded
    return {}


def _signed(session: dict[str, Any]) -> str:
    data = f"{base64.urlsafe_b64encode(_encode(session)).decode()}.{int(time.time())}"
    return f"{data}.{_sign(data)}"


def _sign(data: str) -> str:
    begun = _key.copy()
    begun.update(data.encode())
    return begun.hexdigest()


def _is_genuine(session: dict[str, Any], sent: str) -> bool:
    known = session.get("csrf")
    try:
        data = base64.urlsafe_b64decode(sent + "==")
    except ValueError:
        return False
    return (
        known is not None
        and len(data) == 2 * _SIZE
        and secrets.compare_digest(_xor(data[:_SIZE], data[_SIZE:]), bytes.fromhex(known))
    )


def _token(session: dict[str, Any]) -> str:
    session["csrf"] = secrets.token_bytes(_SIZE).hex()
    mask = secrets.token_bytes(_SIZE)
    return base64.urlsafe_b64encode(mask + _xor(mask, bytes.fromhex(session["csrf"]))).rstrip(b"=").decode()


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


def log(scope: Any, fields: Mapping[str, str], made: Answer, known: str, began: float) -> None:
    """Write the line of a request that has been answered."""
    now = time.time()
    line = {
        "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}Z",
        "request_id": known,
        "client": scope.client.rpartition(":")[0],
        "user": None if made.user is None else made.user.id,
        "method": scope.method,
        "path": scope.path,
        "status": made.status,
        "bytes": len(made.body),
        "duration": round(time.perf_counter() - began, 6),
        "outcome": "complete",
    }
    if scope.query_string:
        line["query"] = scope.query_string
    if "user-agent" in fields:
        line["agent"] = fields["user-agent"]
    _log.info(_encode(line).decode())


class Application:
    """The site on RSGI."""

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        began = time.perf_counter()
        fields = dict(scope.headers.items())
        made, known = await answer(scope.method, scope.path, fields, protocol)
        if made.status != 204:
            made.pairs.append(("content-length", str(len(made.body))))
        protocol.response_bytes(made.status, made.pairs, made.body)
        log(scope, fields, made, known, began)


def build(setting: Setting) -> Application:
    return Application()


app = build(Setting.from_environment())
