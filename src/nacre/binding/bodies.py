"""Bodies: which media types one may have (RFC 9110 §8.3), and how those that aren't JSON are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from nacre.binding.inputs import BODY_SOURCES, Input
from nacre.binding.marks import Constraints
from nacre.binding.parser import Parser
from nacre.binding.scalars import text_parser
from nacre.binding.uploads import load_files, size_limits
from nacre.errors import BadRequest, ErrorItem, UnsupportedMediaType
from nacre.fields import CODECS, MULTIPART, URLENCODED
from nacre.forms import FormData
from nacre.media import is_json, parse_media_type
from nacre.request import Request

_FORMS = (URLENCODED, MULTIPART)

_CACHED_LENGTH_MAX = 200
_CACHED_MAX = 64


def accepted_types(inputs: Iterable[Input]) -> tuple[str, ...]:
    """The media types that the body may have for all of these inputs, which read it in one way."""
    readers = [one for one in inputs if one.source in BODY_SOURCES]
    accepted = readers[0].content_types or _FORMS
    return tuple(one for one in accepted if all(one in (other.content_types or _FORMS) for other in readers))


def body_check(inputs: Iterable[Input]) -> Callable[[Request], bool]:
    """A question whether a request names a media type for its body; what it names must be accepted by the inputs.

    SECURITY: a form that a browser posts across sites is never taken for JSON (CVE-2021-32677). Raises
    UnsupportedMediaType, before any of the body is received.
    """
    inputs = tuple(inputs)
    accepted = accepted_types(inputs)
    matches = _matcher(accepted)
    is_text = any(isinstance(one.parser, TextParser) for one in inputs)
    sound: set[str] = set()

    def check_body(request: Request) -> bool:
        value, _ = request.body_fields()
        if value in sound:
            return True
        if value is None:
            if request.content_length:
                refuse_untyped(accepted)
            return False
        if not matches(value):
            raise UnsupportedMediaType(f"the body must be {_listed(accepted)}")
        if is_text:
            _codec(request)
        # PERF: clients send the same few values (bench/parts.py); longer ones are not worth their memory.
        if len(value) <= _CACHED_LENGTH_MAX and len(sound) < _CACHED_MAX:
            sound.add(value)
        return True

    return check_body


def refuse_untyped(accepted: Sequence[str]) -> None:
    """Refuse a body without a `Content-Type`, unless any is taken."""
    if "*/*" not in accepted:
        raise UnsupportedMediaType(f"the body has no Content-Type; it must be {_listed(accepted)}")


def read_form(request: Request) -> Awaitable[FormData]:
    """The form of a request; an empty one if it has no body at all."""
    return request.form() if request.body_fields()[0] is not None else _read_untyped(request)


async def _read_untyped(request: Request) -> FormData:
    return FormData() if not await request.body_reader.read() else await request.form()


def form_reader(inputs: Iterable[Input]) -> Callable[[Request], Awaitable[FormData]]:
    """What reads the form for these inputs, with the bytes that they take of its files in memory."""
    limits = {one.key: size_limits(one.type, one.mark.constraints) for one in inputs if one.source == "file"}
    wanted = [(key, found) for key, found in limits.items() if found is not None]
    if not wanted:
        return read_form

    async def read_and_load(request: Request) -> FormData:
        form = await read_form(request)
        for key, found in wanted:
            await load_files(form.files(key), found)
        return form

    return read_and_load


def is_form(content_type: str) -> bool:
    """Whether a media type is one of the two that browsers send forms in."""
    return content_type in _FORMS


def is_mixed(content_types: Iterable[str]) -> bool:
    """Whether bodies of these media types are read in different ways: as forms, text or JSON."""
    ways = {
        "form" if is_form(one) else "text" if one.startswith("text/") else "JSON"
        for one in content_types
        if is_form(one) or is_json(one) or one.startswith("text/")
    }
    return len(ways) > 1


class TextParser(Parser, frozen=True):
    """The parser of a body that is text, in UTF-8 (see `to_utf8`)."""


def to_utf8(request: Request, raw: bytes) -> bytes:
    """A body of text in UTF-8; it comes in the charset that its `Content-Type` names.

    Raises UnsupportedMediaType for a charset that isn't known, BadRequest for what isn't in it.
    """
    codec = _codec(request)
    if codec == "utf-8":
        return raw
    try:
        return raw.decode(codec).encode()
    except UnicodeDecodeError:
        raise BadRequest("the body holds text that isn't in the charset that it names") from None


def _codec(request: Request) -> str:
    content_type = request.content_type
    codec = CODECS.get((content_type.charset if content_type is not None else None) or "utf-8")
    if codec is None:
        raise UnsupportedMediaType("the body is in a charset that isn't understood; send UTF-8")
    return codec


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

    return TextParser(parse, explain)


def _matcher(accepted: Iterable[str]) -> Callable[[str], bool]:
    """A question whether a `Content-Type` is one of these."""

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
