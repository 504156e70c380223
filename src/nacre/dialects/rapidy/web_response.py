"""Responses with the constructor and the attributes that Rapidy's programs use."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any, Literal

import nacre
from nacre.cookies import format_cookie
from nacre.dialects.rapidy.encoders import BYTES, TEXT_TYPES, selection, to_json, to_text
from nacre.headers import MutableHeaders, check_value, pairs_of
from nacre.lazy import lazy
from nacre.media import http_date, parse_http_date, parse_media_type

_JSON_TYPES = (dict, list, tuple, set, frozenset)


class ResponseHeaders(MutableHeaders):
    """The core's header fields with aiohttp's names for those that are repeated."""

    __slots__ = ()

    def getall(self, key: str, *default: Any) -> Any:
        """All values of a field. Raises KeyError for none, unless there is a default."""
        values = self.getlist(key)
        if not values and not default:
            raise KeyError(key)
        return values or default[0]

    def popall(self, key: str, *default: Any) -> Any:
        """Remove a field and give all its values. Raises KeyError for none, unless there is a default."""
        values = self.getall(key, *default)
        self.remove(key)
        return values


class StreamResponse(nacre.Response):
    """An answer whose body is written piece by piece, or not at all.

    `prepare`, `write` and `write_eof` are for a handler that writes while it runs; see `streaming`.
    """

    own_reason: str | None = None
    """The reason that was given; see `reason`."""

    def __init__(
        self, *, status: int | HTTPStatus = 200, reason: str | None = None, headers: Any | None = None
    ) -> None:
        super().__init__(None, int(status))
        self.raw_headers = [BYTES]
        for name, value in pairs_of(headers or {}):
            name = str(name)
            (self.headers.set if name.lower() == "content-type" else self.headers.add)(name, str(value))
        self.set_status(status, reason)

    def set_status(self, status: int | HTTPStatus, reason: str | None = None) -> None:
        """Set the status, and with it the reason."""
        self.status = int(status)
        self.own_reason = None if reason is None else check_value("reason", reason)

    @property
    def reason(self) -> str:
        """The words of the status, for who reads them: HTTP/2 has none, and ASGI servers write their own."""
        return _reason(self.status) if self.own_reason is None else self.own_reason

    @lazy
    def headers(self) -> ResponseHeaders:
        """The header fields: ordered, case-insensitive, several of a name allowed."""
        return ResponseHeaders(self.raw_headers)

    # The content type.

    @property
    def content_type(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("content-type", BYTES[1]).partition(";")[0].strip().lower()

    @content_type.setter
    def content_type(self, value: str) -> None:
        charset = self.charset
        self.headers.set("content-type", _typed(str(value), charset))

    @property
    def charset(self) -> str | None:
        """The charset that the content type names."""
        try:
            return parse_media_type(self.headers.get("content-type", BYTES[1])).charset
        except ValueError:
            return None

    @charset.setter
    def charset(self, value: str | None) -> None:
        self.headers.set("content-type", _typed(self.content_type, None if value is None else str(value)))

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes; what is sent has the right one whatever was set."""
        return len(self.body) if self.stream is None else None

    # Validators.

    @property
    def last_modified(self) -> datetime | None:
        """The time of the `Last-Modified` field; set it to a time, seconds since 1970 or a text."""
        return parse_http_date(self.headers.get("last-modified", ""))

    @last_modified.setter
    def last_modified(self, value: datetime | float | str | None) -> None:
        self._set_or_remove("last-modified", http_date(value) if isinstance(value, datetime | int | float) else value)

    @property
    def etag(self) -> str | None:
        """The `ETag` field as it is sent; what is set is put in quotes."""
        return self.headers.get("etag")

    @etag.setter
    def etag(self, value: str | None) -> None:
        if value is not None and '"' in value:
            raise ValueError("an etag is set without its quotes")
        self._set_or_remove("etag", None if value is None else f'"{value}"')

    def _set_or_remove(self, name: str, value: str | None) -> None:
        if value is not None:
            self.headers.set(name, value)
        elif name in self.headers:
            self.headers.remove(name)

    # Cookies.

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies that were set: the `Set-Cookie` field of each name, without the name."""
        pairs = (line.partition("=") for line in self.headers.getlist("set-cookie"))
        return {name: rest for name, _, rest in pairs}

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        expires: str | None = None,
        domain: str | None = None,
        max_age: int | str | None = None,
        path: str = "/",
        secure: bool | None = None,
        httponly: bool | None = None,
        version: str | None = None,
        samesite: str | None = None,
        partitioned: bool | None = None,
    ) -> None:
        """Set a cookie in place of one of the same name; without `samesite` it has no such attribute.

        `version` is of RFC 2109 and isn't sent: browsers know none. Raises ValueError as the core does.
        """
        self._drop_cookie(name)
        line = format_cookie(
            name,
            "",
            expires=expires,
            domain=domain,
            max_age=None if max_age is None else int(max_age),
            path=path,
            secure=bool(secure),
            httponly=bool(httponly),
            samesite=_same_site(samesite),
            partitioned=bool(partitioned),
        )
        # COMPAT: what a cookie can't hold as it is goes out in quotes, with the standard library's escapes.
        quoted = SimpleCookie().value_encode(str(value))[1]
        self.headers.add("set-cookie", line.replace("=", f"={quoted}", 1))

    def del_cookie(
        self,
        name: str,
        *,
        domain: str | None = None,
        path: str = "/",
        secure: bool | None = None,
        httponly: bool | None = None,
        samesite: str | None = None,
    ) -> None:
        """Tell the client to forget a cookie."""
        self._drop_cookie(name)
        self.delete_cookie(
            name,
            domain=domain,
            path=path,
            secure=bool(secure),
            httponly=bool(httponly),
            samesite=_same_site(samesite),
        )

    def _drop_cookie(self, name: str) -> None:
        others = [line for line in self.headers.getlist("set-cookie") if line.partition("=")[0] != name]
        if "set-cookie" in self.headers:
            self.headers.remove("set-cookie")
        for line in others:
            self.headers.add("set-cookie", line)

    # Writing.

    _send: Callable[[dict[str, Any]], Awaitable[None]] | None = None

    @property
    def prepared(self) -> bool:
        """Whether `prepare` was called."""
        return bool(self.__dict__.get("is_prepared"))

    async def prepare(self, request: Any) -> StreamResponse:
        """Begin to write: the response goes out through the layers, and the handler goes on."""
        if not self.prepared:
            vars(self)["is_prepared"] = True
            self._send = vars(request).get("send_piece")
            if self._send is not None:
                await self._send({"response": self})
        return self

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a piece of the body; it is kept until the end where the handler's own code calls no `prepare`."""
        if self._send is not None:
            await self._send({"piece": bytes(data)})
        else:
            self.body += bytes(data)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the last piece of the body."""
        if data:
            await self.write(data)

    def enable_compression(self, *_: object, **__: object) -> None:
        """Nothing is compressed here: `nacre.compression.Compression` does it for every response."""

    def enable_chunked_encoding(self, *_: object) -> None:
        """Nothing to do: servers choose how a body of unknown length is sent."""

    def force_close(self) -> None:
        """Nothing to do: connections are the server's."""


class Response(StreamResponse):
    """An answer with a whole body, which is encoded by the content type, or gives it.

    Models, dicts, lists, tuples, sets and dataclasses are JSON; texts, numbers, bools, decimals and enumerations are
    `text/plain`; bytes are as they are. Raises ValueError for a `body` together with a `text`.
    """

    _dumps: Callable[[Any], str] = staticmethod(json.dumps)
    _select: Callable[[Any], Any] | None = None

    def __init__(
        self,
        body: Any = None,
        *,
        status: int | HTTPStatus = 200,
        headers: Any | None = None,
        content_type: str | None = None,
        charset: str | None = None,
        zlib_executor: Executor | None = None,
        zlib_executor_size: int | None = None,
        include: Any = None,
        exclude: Any = None,
        by_alias: bool = True,
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
        custom_encoder: Any = None,
        json_encoder: Callable[[Any], str] = json.dumps,
        text: Any = None,
        reason: str | None = None,
    ) -> None:
        if body is not None and text is not None:
            raise ValueError("a Response takes a body or a text, not both")
        super().__init__(status=status, reason=reason, headers=headers)
        if content_type is not None:
            self.headers.set("content-type", _typed(str(content_type), None))
        if charset is not None:
            self.charset = str(charset)
        self.zlib_executor, self.zlib_executor_size = zlib_executor, zlib_executor_size
        self._dumps = json_encoder
        self._select = selection(
            include_fields=include,
            exclude_fields=exclude,
            by_alias=by_alias,
            exclude_unset=exclude_unset,
            exclude_defaults=exclude_defaults,
            exclude_none=exclude_none,
            custom_encoder=custom_encoder,
        )
        if body is not None:
            self.body = body
        if text is not None:
            self.text = text

    @property
    def body(self) -> Any:
        """The body as bytes; what is set is encoded at once."""
        return self.__dict__["body"]

    @body.setter
    def body(self, value: Any) -> None:
        if value is None or isinstance(value, bytes):
            self.__dict__["body"] = value or b""
        elif isinstance(value, bytearray | memoryview):
            self.__dict__["body"] = bytes(value)
        else:
            self._encode(value)

    @property
    def text(self) -> Any:
        """The body as text."""
        return self.body.decode(self.charset or "utf-8")

    @text.setter
    def text(self, value: Any) -> None:
        if value is None:
            self.body = None
        elif type(value) is str:
            self._set_text(value)
        else:
            self._encode(value)

    def _encode(self, value: Any) -> None:
        if self.content_type == BYTES[1]:
            is_json = isinstance(value, _JSON_TYPES) or _is_model(value)
            if not is_json and not isinstance(value, TEXT_TYPES):
                raise TypeError(f"a Response can't hold a {type(value).__name__}; give bytes, text or data")
            self.content_type = "application/json" if is_json else "text/plain"
        if self._select is not None:
            value = self._select(value)
        if self.content_type == "application/json":
            self._set_text(to_json(value, self._dumps))
        elif self.content_type.startswith("text/"):
            self._set_text(to_text(value, self._dumps))
        else:
            self.body = to_text(value, self._dumps).encode(self.charset or "utf-8")

    def _set_text(self, text: str) -> None:
        if self.content_type == BYTES[1]:
            self.content_type = "text/plain"
        if self.charset is None:
            self.charset = "utf-8"
        self.body = text.encode(self.charset or "utf-8")


def response_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options `response_…` and `status_code` under the core's names, without those that say nothing."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        known = name if name in ("response_validate", "response_type", "status_code") else name[len("response_") :]
        if value is not None:
            found[known] = value.value if isinstance(value, Enum) else value
    if found.get("content_type") == BYTES[1]:
        del found["content_type"]  # COMPAT: to Rapidy that says that the value decides
    if "content_type" in found and "charset=" not in found["content_type"]:
        found["content_type"] += f"; charset={found.get('charset', 'utf-8')}"
    return found


def _is_model(value: object) -> bool:
    return dataclasses.is_dataclass(value) or hasattr(value, "model_dump") or hasattr(value, "__struct_fields__")


def _typed(content_type: str, charset: str | None) -> str:
    """A content type with this charset in the place of its own; with its own without one."""
    if charset is None:
        return content_type
    return f"{content_type.partition(';')[0].strip()}; charset={charset}"


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _same_site(value: str | None) -> Literal["lax", "strict", "none"] | None:
    if value is None:
        return None
    known = value.lower()
    if known not in ("lax", "strict", "none"):
        raise ValueError("samesite is 'Lax', 'Strict' or 'None'")
    return known  # type: ignore[return-value]  # checked by the line above
