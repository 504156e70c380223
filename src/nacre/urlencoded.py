"""application/x-www-form-urlencoded (URL Standard §5.1), parsed as it arrives; bytes that are no text are refused."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from nacre.fields import FORM_LIMITS, FormLimits, codec_of, decode_text
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
        codec = codec_of(self._content_type)
        raw = bytes(self._raw).replace(b"+", b" ")
        # Unescaping comes after splitting, since `%26` and `%3D` are text.
        if raw.isascii():
            # PERF: what browsers send, decoded once instead of name by name and value by value (bench/parts.py).
            texts = [one.partition("=") for one in raw.decode("ascii").split("&") if one]
            if b"%" not in raw:
                return [(name, value) for name, _, value in texts]
            return [
                (
                    name if "%" not in name else decode_text(unquote_to_bytes(name), codec),
                    value if "%" not in value else decode_text(unquote_to_bytes(value), codec),
                )
                for name, _, value in texts
            ]
        fields = [one.partition(b"=") for one in raw.split(b"&") if one]
        return [
            (decode_text(unquote_to_bytes(name), codec), decode_text(unquote_to_bytes(value), codec))
            for name, _, value in fields
        ]
