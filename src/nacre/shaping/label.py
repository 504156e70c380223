"""What goes onto a response once it is made: status, content type, charset, the executor for compression."""

from __future__ import annotations

from typing import Any

from nacre.media import parse_media_type
from nacre.response import Response
from nacre.shaping.charset import encode_pieces, is_same_charset, with_charset
from nacre.shaping.options import ResponseOptions


class Label:
    """Puts what the options say onto the response that was made of a plain value."""

    def __init__(self, options: ResponseOptions) -> None:
        self._status = options.status_code
        self._type = options.content_type
        named = parse_media_type(self._type).charset if self._type else None
        self._is_named = named is not None
        self._charset = options.charset
        self._encoding = options.charset or named or "utf-8"
        self._is_utf8 = is_same_charset(self._encoding, "utf-8")
        self._executor = options.zlib_executor
        self._executor_size = options.zlib_executor_size

    def put(self, response: Response, value: Any) -> Response:
        """Label the response made of `value`. Raises UnicodeError for text that the charset lacks."""
        at = next((at for at, pair in enumerate(response.raw_headers) if pair[0] == "content-type"), None)
        if at is not None:
            content_type = self._type or response.raw_headers[at][1]
            response.raw_headers[at] = ("content-type", self._encode(response, value, content_type))
        if self._status is not None and (at is not None or not isinstance(value, int)):
            response.status = self._status  # a number that is a status has said its own
        if self._executor is not None:
            response.zlib_executor = self._executor
        if self._executor_size is not None:
            response.zlib_executor_size = self._executor_size
        return response

    def _encode(self, response: Response, value: Any, content_type: str) -> str:
        """Encode the body, if it is text, and return the content type with its charset."""
        is_words, is_text = isinstance(value, str), content_type[:5].lower() == "text/"
        if not is_words and not is_text:
            return content_type
        if not self._is_utf8 and not isinstance(value, bytes | bytearray | memoryview):
            if response.stream is not None:
                response.stream = encode_pieces(response.stream, self._encoding)
            else:
                response.body = response.body.decode().encode(self._encoding)
        if self._charset is not None:
            return with_charset(content_type, self._charset)
        if is_words and is_text and parse_media_type(content_type).charset is None:
            return with_charset(content_type, "utf-8")
        return content_type
