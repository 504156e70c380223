"""Requests and responses in BlackSheep's words, over the native ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from urllib.parse import unquote

from nacre.dialects.blacksheep.contents import Content, FormPart, StreamedContent, simplified
from nacre.dialects.blacksheep.cookies import Cookie, parse_cookie, write_cookie
from nacre.dialects.blacksheep.exceptions import BadRequestFormat
from nacre.dialects.blacksheep.headers import Headers, HeaderType, RequestHeaders, checked_pair, encoded
from nacre.dialects.blacksheep.sessions.abc import Session
from nacre.dialects.blacksheep.settings.json import json_settings
from nacre.dialects.blacksheep.url import URL
from nacre.errors import UnsupportedMediaType, reason_phrase
from nacre.headers import check_pair
from nacre.lazy import lazy
from nacre.media import is_json
from nacre.response import Response as NativeResponse
from nacre.types import Scope
from nacre.urls import encode_path
from nacre.views import RequestView


class Message:
    """What requests and responses have in common: header fields whose names and values are bytes."""

    @property
    def headers(self) -> Any:
        raise NotImplementedError

    def get_first_header(self, key: bytes) -> bytes | None:
        """The first value of a name; None without one."""
        return self.headers.get_first(key)  # type: ignore[no-any-return]

    def get_headers(self, key: bytes) -> list[bytes]:
        return list(self.headers.get(key))

    def get_single_header(self, key: bytes) -> bytes:
        """The only value of a name. Raises ValueError if there are several or none."""
        return self.headers.get_single(key)  # type: ignore[no-any-return]

    def has_header(self, key: bytes) -> bool:
        return key in self.headers

    def add_header(self, name: bytes, value: bytes) -> None:
        """Append a field. Raises ValueError for what may not stand on the wire."""
        self.headers.add(name, value)

    def set_header(self, key: bytes, value: bytes) -> None:
        """Give a name this one value."""
        self.headers.set(key, value)

    def remove_header(self, key: bytes) -> None:
        self.headers.remove(key)

    def content_type(self) -> bytes | None:
        return self.get_first_header(b"content-type")

    def declares_content_type(self, type: bytes) -> bool:
        """Whether the content type has this text in it."""
        return type.lower() in (self.content_type() or b"").lower()

    def declares_json(self) -> bool:
        return is_json((self.content_type() or b"").decode("latin-1").partition(";")[0].strip().lower())

    def declares_xml(self) -> bool:
        return self.declares_content_type(b"xml")

    @property
    def charset(self) -> str:
        _, _, named = (self.content_type() or b"").decode("latin-1").partition("charset=")
        return named.strip('" ') or "utf8"


class Request(Message, RequestView):
    """A request; any attribute may be set, and is there for all functions of the same request."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.path}>"  # without the query, which may be secret

    _query: dict[str, list[str]] | None = None
    _session: Any = None
    _original_client_ip: str | None = None
    identity: Any = None
    """Who the request is from, as an authentication handler has found out."""

    @property
    def headers(self) -> RequestHeaders:
        return RequestHeaders.of(self.native)

    @property
    def method(self) -> str:
        return self.native.method

    @property
    def path(self) -> str:
        return encode_path(self.native.path)

    @property
    def url(self) -> URL:
        """The path and the query, as they were sent."""
        text = encode_path(self.native.path)
        return URL((f"{text}?{self.native.query_string}" if self.native.query_string else text).encode())

    @property
    def query(self) -> dict[str, list[str]]:
        """All values by name; fields without a value are left out."""
        query = self._query
        if query is None:
            query = self._query = {}
            for name, value in self.native.query.pairs():
                if value:
                    query.setdefault(name, []).append(value)
        return query

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name, percent-decoded as they are sent encoded."""
        return {name: unquote(value) for name, value in self.native.cookies.items()}

    def get_cookie(self, name: str) -> str | None:
        return self.cookies.get(name)

    @property
    def route_values(self) -> dict[str, Any] | None:
        """The variables of the path; None without any."""
        return dict(self.native.path_params) or None

    @property
    def scope(self) -> Scope:
        return self.native.scope

    @property
    def base_path(self) -> str:
        """The prefix in front of the path: the server's, then that of each mount."""
        return self.native.root_path

    @base_path.setter
    def base_path(self, value: str) -> None:
        self.native.root_path = value

    @property
    def scheme(self) -> str:
        return self.native.scheme

    @scheme.setter
    def scheme(self, value: str) -> None:
        self.native.scheme = value

    @property
    def host(self) -> str:
        """The host, with its port if it was sent with one. Raises BadRequest for a malformed one."""
        return self.native.url.netloc

    @property
    def client_ip(self) -> str:
        client = self.native.client
        return "" if client is None else client[0]

    @property
    def original_client_ip(self) -> str:
        """The client's address before proxies, if a layer has set it; else `client_ip`."""
        return self._original_client_ip or self.client_ip

    @original_client_ip.setter
    def original_client_ip(self, value: str) -> None:
        self._original_client_ip = value

    @property
    def user(self) -> Any:
        return self.identity if self.identity is not None else self.native.user

    @user.setter
    def user(self, value: Any) -> None:
        self.identity = value

    @property
    def session(self) -> Any:
        """What is kept for this client. Raises LookupError without `use_sessions`."""
        if self._session is None:
            self._session = Session(self.native.session)
        return self._session

    @session.setter
    def session(self, value: Any) -> None:
        self._session = value

    @property
    def etag(self) -> bytes | None:
        return self.get_first_header(b"etag")

    @property
    def if_none_match(self) -> bytes | None:
        return self.get_first_header(b"if-none-match")

    def expect_100_continue(self) -> bool:
        return self.get_first_header(b"expect") == b"100-continue"

    def has_body(self) -> bool:
        """Whether the client says that it sends a body."""
        headers = self.native.headers
        return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers

    async def is_disconnected(self) -> bool:
        return await self.native.is_disconnected()

    # The body. Errors of what the client sends are 4xx, as Nacre's request raises them.

    async def read(self) -> bytes:
        """The whole body."""
        return await self.native.body()

    async def stream(self) -> AsyncIterator[bytes]:
        async for piece in self.native.stream():
            yield piece

    async def text(self) -> str:
        return await self.native.text()

    async def json(self, loads: Callable[[Any], Any] | None = None) -> Any:
        """The body decoded from JSON; None for an empty body and for one that isn't said to be JSON.

        Raises BadRequestFormat if it is none.
        """
        if not self.declares_json() or not await self.native.body():
            return None
        text = await self.native.text()
        try:
            return (loads or json_settings.loads)(text)
        except ValueError as error:
            raise BadRequestFormat(
                "Declared Content-Type is application/json but the content cannot be parsed as JSON.", error
            ) from error

    async def form(self, simplify_fields: bool = True) -> dict[str, Any] | None:
        """The fields of a form that have a value, files as a list of parts; None if the body is no form."""
        try:
            form = await self.native.form()
        except UnsupportedMediaType:
            return None
        pairs: list[tuple[str, Any]] = [(name, value) for name, value in form.pairs() if isinstance(value, str)]
        fields = simplified([(name, value) for name, value in pairs if value])
        if not simplify_fields:
            fields = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
        for part in await self.files():
            fields.setdefault(part.name.decode(), []).append(part)
        return fields

    async def multipart(self) -> list[FormPart] | None:
        """All parts of a multipart form; None for other bodies."""
        if not self.declares_content_type(b"multipart/form-data"):
            return None
        return [await FormPart.received(name, value) for name, value in (await self.native.form()).pairs()]

    async def files(self, name: str | None = None) -> list[FormPart]:
        """The files of a multipart form, those of one name if it is given."""
        parts = await self.multipart() or []
        return [part for part in parts if part.file_name is not None and name in (None, part.name.decode())]

    def multipart_stream(self) -> AsyncIterator[Any]:
        """The parts of a multipart form as they arrive: those of `nacre.Request.parts`, of any size."""
        return aiter(self.native.parts())


class Response(Message, NativeResponse):
    """A response: its status, header fields as pairs of bytes, and its content."""

    def __init__(
        self, status: int, headers: Iterable[HeaderType] | None = None, content: Content | None = None
    ) -> None:
        super().__init__(None, status)
        if headers is not None:
            for name, value in headers:
                self.add_header(name, value)
        if content is not None:
            self.content = content

    @lazy
    def headers(self) -> Any:
        return Headers.over(self.raw_headers)

    def add_header(self, name: bytes, value: bytes) -> None:
        """Append a field. Raises ValueError for what may not stand on the wire."""
        # PERF: without the object that `headers` makes, since most layers do this and nothing else.
        self.raw_headers.append(checked_pair(name, value))

    @property
    def content(self) -> Content | None:
        """The body with its type; a `StreamedContent` if it comes in pieces, None without any."""
        kind = self.content_type() or b""
        if self.stream is not None:
            pieces: Any = self.stream
            return StreamedContent(kind, lambda: pieces)
        return Content(kind, self.body) if self.body or kind else None

    @content.setter
    def content(self, content: Content | None) -> None:
        self.stream = content.generator() if isinstance(content, StreamedContent) else None
        self.body = b"" if content is None else content.body
        self.remove_header(b"content-type")
        if content is not None:
            self.raw_headers.append(check_pair(b"content-type", content.type))

    def with_content(self, content: Content | None) -> Response:
        self.content = content
        return self

    @property
    def reason(self) -> str:
        return reason_phrase(self.status)

    def is_redirect(self) -> bool:
        return self.status in (301, 302, 303, 307, 308)

    def has_body(self) -> bool:
        return bool(self.body) or self.stream is not None

    async def read(self) -> bytes:
        content = self.content
        return b"" if content is None else await content.read()

    async def text(self) -> str:
        return (await self.read()).decode()

    async def json(self, loads: Callable[[Any], Any] | None = None) -> Any:
        return (loads or json_settings.loads)(await self.text())

    # Cookies.

    def set_cookie(self, cookie: Any, value: str = "", **attributes: Any) -> None:
        """Add a `Set-Cookie` field: that of a `Cookie`, or one made as Nacre's responses make it.

        Raises ValueError for what no cookie can hold.
        """
        if isinstance(cookie, Cookie):
            self.raw_headers.append(("set-cookie", write_cookie(cookie)))
        else:
            super().set_cookie(cookie, value, **attributes)

    def set_cookies(self, cookies: Iterable[Cookie]) -> None:
        for cookie in cookies:
            self.set_cookie(cookie)

    def unset_cookie(self, name: str) -> None:
        """Tell the client to forget a cookie that was set without path and domain."""
        self.delete_cookie(name, path=None, samesite=None)

    def remove_cookie(self, name: str) -> None:
        """Take back what was set under this name."""
        pairs = self.raw_headers
        pairs[:] = [pair for pair in pairs if pair[0] != "set-cookie" or parse_cookie(encoded(pair)[1]).name != name]

    def get_cookies(self) -> dict[str, Cookie]:
        """The cookies that are set here, by name."""
        return {cookie.name: cookie for cookie in map(parse_cookie, self.get_headers(b"set-cookie"))}

    def get_cookie(self, name: str) -> Cookie | None:
        return self.get_cookies().get(name)

    @property
    def cookies(self) -> dict[str, Cookie]:
        return self.get_cookies()


def own_response(response: NativeResponse) -> Response:
    """The same response in these words; itself if it is in them already."""
    if isinstance(response, Response):
        return response
    own = response.as_kind(Response)
    vars(own).pop("headers", None)  # the native object over the same list
    return own
