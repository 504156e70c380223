"""Bodies: which media types one may have (RFC 9110 §8.3), and how those that aren't JSON are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from nacre.binding.marks import Constraints
from nacre.binding.parser import Parser
from nacre.binding.scalars import text_parser
from nacre.errors import ErrorItem, UnsupportedMediaType
from nacre.forms import FormData
from nacre.media import is_json, parse_media_type
from nacre.request import Request


def check_body(accepted: Sequence[str], request: Request) -> bool:
    """Whether the request names a media type for its body; what it names must be `accepted`.

    SECURITY: a form that a browser posts across sites is never taken for JSON (CVE-2021-32677). Raises
    UnsupportedMediaType, before any of the body is received.
    """
    value = request.headers.get("content-type")
    if value is None:
        if request.content_length:
            refuse_untyped(accepted)
        return False
    if not _matcher(tuple(accepted))(value):
        raise UnsupportedMediaType(f"the body must be {_listed(accepted)}")
    return True


def refuse_untyped(accepted: Sequence[str]) -> None:
    """Refuse a body without a `Content-Type`, unless any is taken."""
    if "*/*" not in accepted:
        raise UnsupportedMediaType(f"the body has no Content-Type; it must be {_listed(accepted)}")


async def read_form(request: Request) -> FormData:
    """The form of a request; an empty one if it has no body at all."""
    if request.headers.get("content-type") is None and not await request.body_reader.read():
        return FormData()
    return await request.form()


def is_form(content_type: str) -> bool:
    """Whether a media type is one of the two that browsers send forms in."""
    return content_type in ("application/x-www-form-urlencoded", "multipart/form-data")


RAW = Parser(lambda raw: raw, lambda raw: [], "{raw}")
"""Bytes, and uploaded files, as they came."""

FILES = {
    False: Parser(lambda file: file.data, lambda raw: []),
    True: Parser(lambda files: [file.data for file in files], lambda raw: []),
}
"""The bytes of an uploaded file, and (True) of several."""


def text_body(kind: Any, constraints: Constraints) -> Parser:
    """The parser of a body that is text."""
    inner = text_parser(kind, constraints)

    def parse(raw: bytes) -> Any:
        return inner.parse(raw.decode())

    def explain(raw: bytes) -> list[ErrorItem]:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return [{"loc": [], "msg": "is not valid UTF-8 text", "type": "string_unicode"}]
        return inner.explain(text)

    return Parser(parse, explain)


@lru_cache(maxsize=256)
def _matcher(accepted: tuple[str, ...]) -> Callable[[str], bool]:
    """A question whether a `Content-Type` is one of these; it remembers the few values that clients send."""

    @lru_cache(maxsize=256)
    def matches(value: str) -> bool:
        try:
            essence = parse_media_type(value).essence
        except ValueError:
            return False
        return any(_covers(one, essence) for one in accepted)

    return matches


def _covers(accepted: str, essence: str) -> bool:
    if accepted in ("*/*", essence) or (accepted == "application/json" and is_json(essence)):
        return True
    return accepted.endswith("/*") and essence.startswith(accepted[:-1])


def _listed(accepted: Sequence[str]) -> str:
    return " or ".join(accepted)
