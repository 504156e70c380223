"""The work that every application does, and the check of its answers.

All applications share this data and nothing else. What an application is built for (layers, routes, a codec) is a
`Setting`; a server's process gets it through the environment, since a server takes an import string only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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

ROUTES_PER_KIND = 250
"""The workload `routes` has this many static routes and as many with a variable."""


@dataclass(frozen=True)
class Setting:
    """What one application is built for.

    `layers` header-adding layers of one `style` (Nacre has several; the others ignore it) stand in front of everything;
    `adding` False makes them do nothing. `routes` is the number of routes per kind beside the others. `plain` asks for
    `def` handlers, for WSGI. `codec` is the JSON of a raw application.
    """

    layers: int = 0
    style: str = "onion"
    adding: bool = True
    routes: int = 0
    plain: bool = False
    codec: Codec = "stdlib"

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


@dataclass(frozen=True)
class Call:
    """One request and the answer it must get: bytes as `text/plain`, anything else as JSON."""

    method: str
    path: str
    query: str
    body: bytes
    answer: Any

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What a small client sends."""
        fields = [("host", "127.0.0.1:8000"), ("user-agent", "bench/1"), ("accept", "*/*")]
        if self.body:
            fields += [("content-type", "application/json"), ("content-length", str(len(self.body)))]
        return fields

    @property
    def target(self) -> str:
        """Path and query as they stand in a request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True)
class Workload:
    """Calls that are made in turn, and the setting that the application needs for them."""

    name: str
    calls: tuple[Call, ...]
    setting: Setting

    def under(self, base: Setting) -> Setting:
        """This workload's setting for a target whose own setting is `base`."""
        return replace(base, layers=self.setting.layers, routes=self.setting.routes)


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


_JSON = (get("/json", MESSAGE),)

WORKLOADS: Mapping[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload("plain", (get("/plain", TEXT),), Setting()),
        Workload("json", _JSON, Setting()),
        Workload(
            "params",
            (get("/users/42/posts/some-slug", {"user_id": 42, "slug": "some-slug", "limit": 10}, "limit=10"),),
            Setting(),
        ),
        Workload("body", (Call("POST", "/items", "", json.dumps(ITEM).encode(), ITEM),), Setting()),
        Workload("layers0", _JSON, Setting()),
        Workload("layers5", _JSON, Setting(layers=5)),
        Workload("layers20", _JSON, Setting(layers=20)),
        Workload("routes", _route_calls(ROUTES_PER_KIND), Setting(routes=ROUTES_PER_KIND)),
    )
}


class WrongAnswer(Exception):
    """An application that answers wrongly is not measured."""


def check(call: Call, setting: Setting, answer: Answer) -> None:
    """Raises WrongAnswer, saying what is wrong."""
    fields = dict(answer.headers)
    kind = fields.get("content-type", "")
    wanted = "text/plain" if isinstance(call.answer, bytes) else "application/json"
    if answer.status != 200:
        raise WrongAnswer(f"{call.target}: status {answer.status}: {answer.body[:200]!r}")
    if not kind.startswith(wanted):
        raise WrongAnswer(f"{call.target}: content-type {kind!r} instead of {wanted}")
    try:
        got = answer.body if isinstance(call.answer, bytes) else json.loads(answer.body)
    except ValueError:
        raise WrongAnswer(f"{call.target}: the body is no JSON: {answer.body[:200]!r}") from None
    if got != call.answer:
        raise WrongAnswer(f"{call.target}: body {answer.body[:200]!r} instead of {call.answer!r}")
    added = sorted((name, value) for name, value in answer.headers if name.startswith("x-layer-"))
    if added != sorted(setting.added_headers() if setting.adding else ()):
        raise WrongAnswer(f"{call.target}: the layers added {added}")


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
