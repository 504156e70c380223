"""What the raw applications read by hand, on each protocol alike: forms, and values that hang on each other."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from bench.apps.orders import validate_order
from bench.workloads import upload_answer

_NAME = re.compile(rb'\bname="([^"]*)"')
_FILENAME = re.compile(rb'\bfilename="([^"]*)"')


def order(body: bytes) -> dict[str, Any]:
    """The fields of a form; ValueError when it is no order."""
    fields = parse_qs(body.decode("ascii"), strict_parsing=True)
    return validate_order({name: values[0] for name, values in fields.items()}, fields.get("tags", ()))


def upload(body: bytes, kind: str) -> dict[str, Any]:
    """The answer to an upload; ValueError or KeyError when it is none."""
    _, _, boundary = kind.partition("boundary=")
    parts = {}
    for part in body.split(b"--" + boundary.encode("ascii"))[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        named, file = _NAME.search(head), _FILENAME.search(head)
        if named is None:
            raise ValueError("a part has no name")
        parts[named[1]] = data[:-2], file and file[1].decode()
    data, filename = parts[b"upload"]
    return upload_answer("upload", parts[b"title"][0].decode(), filename, data)


async def provided() -> dict[str, int]:
    a = await _one()
    b = await _next(a)
    return {"a": a, "b": b, "c": await _next(b)}


async def _one() -> int:
    return 1


async def _next(value: int) -> int:
    return value + 1
