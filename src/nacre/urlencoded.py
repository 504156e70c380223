"""application/x-www-form-urlencoded (URL Standard §5.1), parsed as it arrives; bytes that are no text are refused."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from nacre.fields import FORM_LIMITS, FormLimits, decode_text
from nacre.media import MediaType


class UrlencodedParser:
    """One form: `feed` for each chunk, then `pairs`; fields are split and unescaped as `QueryParams` does.

    Both raise BadRequest for what is malformed, ContentTooLarge over a limit.
    """

    def __init__(self, content_type: MediaType, limits: FormLimits = FORM_LIMITS) -> None:
        self._content_type = content_type
        self._limits = limits
        self._raw: bytes | bytearray = b""
        self._fields = 1

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        raw = self._raw
        self._limits.check_text(len(raw) + len(chunk))
        self._fields += chunk.count(b"&")
        self._limits.check_fields(self._fields)
        if not raw:
            self._raw = chunk
            return
        if isinstance(raw, bytes):
            self._raw = raw = bytearray(raw)
        raw += chunk

    def pairs(self) -> list[tuple[str, str]]:
        """The fields, after the last of the bytes."""
        raw = bytes(self._raw).replace(b"+", b" ")
        # Unescaping comes after splitting, since `%26` and `%3D` are text.
        if raw.isascii():
            # PERF: what browsers send, decoded once instead of name by name and value by value (bench/parts.py).
            texts = [one.partition("=") for one in decode_text(raw, self._content_type).split("&") if one]
            return [(self._unescaped(name), self._unescaped(value)) for name, _, value in texts]
        fields = [one.partition(b"=") for one in raw.split(b"&") if one]
        return [(self._decoded(name), self._decoded(value)) for name, _, value in fields]

    def _unescaped(self, text: str) -> str:
        return self._decoded(text.encode()) if "%" in text else text

    def _decoded(self, raw: bytes) -> str:
        return decode_text(unquote_to_bytes(raw) if b"%" in raw else raw, self._content_type)
