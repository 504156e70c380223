"""The work that every application does, and the check of its answers.

All applications share this data and nothing else. What an application is built for (layers, routes, a codec) is a
`Setting`; a server's process gets it through the environment, since a server takes an import string only. Servers
import this module too, and are measured: so calls are made when they are first asked for.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

Codec = Literal["stdlib", "msgspec"]

_VARIABLE = "BENCH_SETTING"

TEXT = b"Hello, World!"
MESSAGE = {"message": "Hello, World!"}
ITEM: dict[str, Any] = {
    "name": "Blue widget",
    "price": 19.95,
    "quantity": 7,
    "active": True,
    "tags": ["new", "sale", "blue"],
    "variants": [{"sku": "BW-S", "stock": 3}, {"sku": "BW-M", "stock": 12}, {"sku": "BW-L", "stock": 0}],
}

ORDER: dict[str, Any] = {
    "name": "Zoë & Sons",
    "email": "zoe@example.org",
    "street": "12 Harbour Road",
    "city": "Århus",
    "note": "ring twice,\n100% sure = leave it",
    "quantity": 7,
    "tags": ["new", "sale", "50% off"],
}
"""The form's fields; `tags` is sent once for each."""

UPLOAD_TITLE = "A reef at dawn"
UPLOAD_NAME = "reef.bin"

ROUTES_PER_KIND = 250
"""The workload `routes` has this many static routes and as many with a variable, `routes5000` ten times as many."""

_FILE = Path(__file__).parents[1] / ".cache" / "bench" / "file.bin"
_FILE_SIZE = 100 * 1024
_UPLOAD_SIZE = 1024 * 1024


@dataclass(frozen=True)
class Setting:
    """What one application is built for.

    `layers` header-adding layers of one `style` (Nacre has several; the others ignore it) stand in front of everything;
    `adding` False makes them do nothing. `routes` is the number of routes per kind beside the others. `plain` asks for
    `def` handlers, for WSGI. `codec` is the JSON of a raw application. `extras` asks for what providers, errors, forms
    and files need; an application may always have it, but Nacre's start is measured without.
    """

    layers: int = 0
    style: str = "onion"
    adding: bool = True
    routes: int = 0
    plain: bool = False
    codec: Codec = "stdlib"
    extras: bool = False

    @classmethod
    def from_environment(cls) -> Setting:
        """The setting that `environment` wrote for this process; the default one without it."""
        return cls(**json.loads(os.environ.get(_VARIABLE, "{}")))

    def environment(self) -> dict[str, str]:
        """Variables for a process whose application is to have this setting."""
        return {_VARIABLE: json.dumps(asdict(self))}

    def added_headers(self) -> list[tuple[str, str]]:
        """The header each layer adds, outermost first."""
        return [(f"x-layer-{index}", str(index)) for index in range(self.layers)]


def random_bytes(size: int) -> bytes:
    """Bytes that look like a picture's: the same ones each time, with every value in them."""
    import random

    return random.Random(size).randbytes(size)


def fingerprint(data: bytes) -> int:
    """A checksum of each 1,009th byte: bytes that were lost, doubled or swapped show, and it costs next to nothing."""
    return zlib.crc32(data[::1009])


def served_file() -> Path:
    """The file that the workload `file` asks for, made when it isn't there."""
    if not _FILE.exists():
        _FILE.parent.mkdir(parents=True, exist_ok=True)
        # Several processes may come here at once: each puts a whole file in its place.
        own = _FILE.with_suffix(f".{os.getpid()}")
        own.write_bytes(random_bytes(_FILE_SIZE))
        own.replace(_FILE)
    return _FILE


@dataclass(frozen=True)
class Blob:
    """An answer of bytes, of any media type, known by how many they are and their fingerprint."""

    length: int
    fingerprint: int

    @classmethod
    def of(cls, data: bytes) -> Blob:
        return cls(len(data), fingerprint(data))


@dataclass(frozen=True)
class Call:
    """One request and the answer it must get.

    An `answer` in bytes is to come as `text/plain`, a `Blob` as any type, anything else as JSON. None stands for an
    answer whose status alone counts. `kind` is the media type of the request's body, `fields` are further headers.
    """

    method: str
    path: str
    query: str
    body: bytes
    answer: Any
    kind: str = "application/json"
    status: int = 200
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What a small client sends."""
        fields = [("host", "127.0.0.1:8000"), ("user-agent", "bench/1"), ("accept", "*/*"), *self.fields]
        if self.body:
            fields += [("content-type", self.kind), ("content-length", str(len(self.body)))]
        return fields

    @property
    def target(self) -> str:
        """Path and query as they stand in a request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True)
class Workload:
    """Calls that are made in turn, and the setting that the application needs for them."""

    name: str
    make: Callable[[], tuple[Call, ...]]
    setting: Setting = field(default_factory=Setting)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        return self.make()

    def under(self, base: Setting) -> Setting:
        """This workload's setting for a target whose own setting is `base`."""
        own = self.setting
        return replace(base, layers=own.layers, routes=own.routes, extras=own.extras)


@dataclass(frozen=True)
class Answer:
    """What came back, header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def get(path: str, answer: Any, query: str = "") -> Call:
    """A GET call."""
    return Call("GET", path, query, b"", answer)


def static_path(index: int) -> str:
    return f"/api/s{index}/list"


def dynamic_path(index: int, number: int | str) -> str:
    return f"/api/d{index}/{number}/detail"


def _route_calls(count: int) -> tuple[Call, ...]:
    """50 of the routes, static ones and others in turn, spread over the table."""
    calls = []
    for index in range(0, count, count // 25):
        calls.append(get(static_path(index), {"route": index}))
        calls.append(get(dynamic_path(index, index + 7), {"route": index, "number": index + 7}))
    return tuple(calls)


def _message() -> tuple[Call, ...]:
    return (get("/json", MESSAGE),)


def _post() -> tuple[Call, ...]:
    return (get("/users/42/posts/some-slug", {"user_id": 42, "slug": "some-slug", "limit": 10}, "limit=10"),)


def _item() -> tuple[Call, ...]:
    return (Call("POST", "/items", "", json.dumps(ITEM).encode(), ITEM),)


def _order() -> tuple[Call, ...]:
    from urllib.parse import urlencode

    body = urlencode(ORDER, doseq=True).encode()
    return (Call("POST", "/orders", "", body, ORDER, "application/x-www-form-urlencoded"),)


def _upload() -> tuple[Call, ...]:
    """A text field and a file, as a browser sends them."""
    data = random_bytes(_UPLOAD_SIZE)
    boundary = "----bench7MA4YWxkTrZu0gW"
    lines = [
        f"--{boundary}",
        'Content-Disposition: form-data; name="title"',
        "",
        UPLOAD_TITLE,
        f"--{boundary}",
        f'Content-Disposition: form-data; name="upload"; filename="{UPLOAD_NAME}"',
        "Content-Type: application/octet-stream",
        "\r\n",
    ]
    body = "\r\n".join(lines).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    answer = upload_answer("upload", UPLOAD_TITLE, UPLOAD_NAME, data)
    return (Call("POST", "/uploads", "", body, answer, f"multipart/form-data; boundary={boundary}"),)


def upload_answer(field: str, title: str, filename: str | None, data: bytes) -> dict[str, Any]:
    """What an application says of an upload: of the text field `title`, and of the file in the field `upload`."""
    return {"title": title, "field": field, "filename": filename, "length": len(data), "fingerprint": fingerprint(data)}


_MANY = ROUTES_PER_KIND * 10
_EXTRAS = Setting(extras=True)

WORKLOADS: Mapping[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload("plain", lambda: (get("/plain", TEXT),)),
        Workload("json", _message),
        Workload("params", _post),
        Workload("body", _item),
        Workload("layers0", _message),
        Workload("layers5", _message, Setting(layers=5)),
        Workload("layers20", _message, Setting(layers=20)),
        Workload("routes", lambda: _route_calls(ROUTES_PER_KIND), Setting(routes=ROUTES_PER_KIND)),
        Workload("routes5000", lambda: _route_calls(_MANY), Setting(routes=_MANY)),
        # Of three providers, each asks for the one before it; the handler asks for all.
        Workload("providers", lambda: (get("/provided", {"a": 1, "b": 2, "c": 3}),), _EXTRAS),
        # The handler raises what the framework has for a conflict.
        Workload("error", lambda: (replace(get("/conflict", None), status=409),), _EXTRAS),
        Workload("form", _order, _EXTRAS),
        Workload("multipart", _upload, _EXTRAS),
        Workload("file", lambda: (get("/files/file.bin", Blob.of(random_bytes(_FILE_SIZE))),), _EXTRAS),
    )
}

FURTHER = tuple(name for name, workload in WORKLOADS.items() if workload.setting.extras or name == "routes5000")
BASIC = tuple(name for name in WORKLOADS if name not in FURTHER)
"""What all peers are measured with on servers too, and what there is besides."""


class WrongAnswer(Exception):
    """An application that answers wrongly is not measured."""


def check(call: Call, setting: Setting, answer: Answer) -> None:
    """Raises WrongAnswer, saying what is wrong."""
    if answer.status != call.status:
        raise WrongAnswer(f"{call.target}: status {answer.status}: {answer.body[:200]!r}")
    _check_type(call, dict(answer.headers))
    _check_body(call, answer.body)
    added = sorted((name, value) for name, value in answer.headers if name.startswith("x-layer-"))
    if added != sorted(setting.added_headers() if setting.adding else ()):
        raise WrongAnswer(f"{call.target}: the layers added {added}")


def _check_type(call: Call, fields: Mapping[str, str]) -> None:
    if call.answer is None or isinstance(call.answer, Blob):
        return
    kind = fields.get("content-type", "")
    wanted = "text/plain" if isinstance(call.answer, bytes) else "application/json"
    if not kind.startswith(wanted):
        raise WrongAnswer(f"{call.target}: content-type {kind!r} instead of {wanted}")


def _check_body(call: Call, body: bytes) -> None:
    if call.answer is None:
        return
    if isinstance(call.answer, Blob):
        if Blob.of(body) != call.answer:
            raise WrongAnswer(f"{call.target}: {Blob.of(body)} instead of {call.answer}")
        return
    try:
        got = body if isinstance(call.answer, bytes) else json.loads(body)
    except ValueError:
        raise WrongAnswer(f"{call.target}: the body is no JSON: {body[:200]!r}") from None
    if got != call.answer:
        raise WrongAnswer(f"{call.target}: body {body[:200]!r} instead of {call.answer!r}")


def validate_item(data: Any) -> dict[str, Any]:
    """Check an item by hand, for applications without typed bodies. Raises ValueError."""
    match data:
        case {
            "name": str(name),
            "price": float() | int() as price,
            "quantity": int(quantity),
            "active": bool(active),
            "tags": list(tags),
            "variants": list(variants),
        } if all(isinstance(tag, str) for tag in tags):
            return {
                "name": name,
                "price": float(price),
                "quantity": quantity,
                "active": active,
                "tags": tags,
                "variants": [_validate_variant(variant) for variant in variants],
            }
    raise ValueError("this is no item")


def _validate_variant(data: Any) -> dict[str, Any]:
    match data:
        case {"sku": str(sku), "stock": int(stock)}:
            return {"sku": sku, "stock": stock}
    raise ValueError("this is no variant")
