"""The request as Rapidy's programs know it, which is aiohttp's, over the native one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from nacre.dialects.rapidy.streams import StreamReader
from nacre.dialects.rapidy.values import Values
from nacre.dialects.rapidy.web_exceptions import (
    HTTPBadRequest,
    HTTPException,
    HTTPRequestEntityTooLarge,
    of_status,
)
from nacre.errors import ContentTooLarge, HTTPError
from nacre.forms import FormData
from nacre.request import Request as NativeRequest
from nacre.uploads import UploadFile
from nacre.urls import URL
from nacre.views import RequestView


class FileField:
    """A file of a form; `file` is its content as a binary file, in memory, and `upload` the core's own object."""

    def __init__(self, name: str, upload: UploadFile) -> None:
        self.name = name
        self.filename = upload.filename or ""
        self.content_type = upload.content_type
        self.headers = CIMultiDict(upload.headers.pairs())
        self.file = io.BytesIO(upload.data)
        self.upload = upload


class MultiDict(Mapping[str, Any]):
    """Fields that may be repeated: `[]` and `get` give the first value of a name, all else shows every pair."""

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        self._pairs = list(pairs)

    def same(self, known: str, name: object) -> bool:
        """Whether two names are one."""
        return known == name

    def getall(self, key: str, *default: Any) -> Any:
        """All values of a field. Raises KeyError for none, unless there is a default."""
        values = [value for name, value in self._pairs if self.same(name, key)]
        if not values and not default:
            raise KeyError(key)
        return values or default[0]

    def getone(self, key: str, *default: Any) -> Any:
        """The first value of a field. Raises KeyError for none, unless there is a default."""
        return self.getall(key, *([value] for value in default))[0]

    __getitem__ = getone

    def items(self) -> Any:
        return list(self._pairs)

    def keys(self) -> Any:
        return [name for name, _ in self._pairs]

    def values(self) -> Any:
        return [value for _, value in self._pairs]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, key: object) -> bool:
        return any(self.same(name, key) for name, _ in self._pairs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(dict.fromkeys(self.keys()))}>"


class CIMultiDict(MultiDict):
    """Header fields: names are the same whatever their case."""

    def same(self, known: str, name: object) -> bool:
        return isinstance(name, str) and known.lower() == name.lower()


class PostedForm(MultiDict):
    """The fields of a form, texts and FileFields."""

    def __init__(self, form: FormData) -> None:
        super().__init__(
            (name, FileField(name, value) if isinstance(value, UploadFile) else value) for name, value in form.pairs()
        )


_DIVIDING = re.compile(r"%(26|3[bBdD]|2[bB])")
"""Escapes of `&`, `;`, `=` and `+`."""


class MalformedJSON(HTTPBadRequest, json.JSONDecodeError):
    """What `request.json()` raises: a 400 where nobody catches it, and the ValueError that programs catch."""

    headers: Any

    def __init__(self, error: json.JSONDecodeError) -> None:
        super().__init__(text="400: the body is not valid JSON")
        self.msg, self.doc, self.pos, self.lineno, self.colno = error.msg, "", error.pos, error.lineno, error.colno


class HttpVersion(NamedTuple):
    """The version of HTTP that a request came by."""

    major: int
    minor: int


class Request(Values, RequestView):
    """A request; what is set on it as on a dict is there for all functions that it passes."""

    # What the client sent.

    @property
    def method(self) -> str:
        return self.native.method

    @property
    def path(self) -> str:
        """The decoded path, with the prefix of the application that this one is mounted in."""
        return self.native.root_path + self.native.path

    @property
    def path_qs(self) -> str:
        """Path and query as they stand in a URL."""
        return str(self.rel_url)

    raw_path = path_qs

    @property
    def url(self) -> URL:
        return self.native.url

    @property
    def rel_url(self) -> RelativeURL:
        """Path and query of the URL."""
        return RelativeURL(self)

    @property
    def query_string(self) -> str:
        """The query, decoded but for what would change its fields."""
        return unquote_plus(_DIVIDING.sub(r"%25\1", self.native.query_string))

    @property
    def query(self) -> MultiDict:
        return MultiDict(self.native.query.pairs())

    @property
    def headers(self) -> CIMultiDict:
        return CIMultiDict(self.native.headers.pairs())

    @property
    def cookies(self) -> Mapping[str, str]:
        return self.native.cookies

    @property
    def scheme(self) -> str:
        return self.native.scheme

    @property
    def secure(self) -> bool:
        return self.native.scheme == "https"

    @property
    def host(self) -> str:
        """The `Host` field, port included."""
        return self.native.headers.get("host", "")

    @property
    def remote(self) -> str | None:
        """The address of the peer."""
        return None if self.native.client is None else self.native.client[0]

    @property
    def version(self) -> HttpVersion:
        major, _, minor = self.native.http_version.partition(".")
        return HttpVersion(int(major), int(minor or 0))

    @property
    def content_type(self) -> str:
        found = self.native.content_type
        return "application/octet-stream" if found is None else found.essence

    @property
    def charset(self) -> str | None:
        return None if self.native.content_type is None else self.native.content_type.charset

    @property
    def content_length(self) -> int | None:
        return self.native.content_length

    # The application's side.

    @property
    def app(self) -> Any:
        return self.native.app

    @property
    def match_info(self) -> Mapping[str, Any]:
        """The path's variables."""
        return self.native.path_params

    # The body.

    @property
    def body_exists(self) -> bool:
        """Whether the client says that there is a body."""
        return bool(self.native.content_length) or "transfer-encoding" in self.native.headers

    can_read_body = has_body = body_exists

    @property
    def content(self) -> StreamReader:
        """The body piece by piece; one reader for all who ask."""
        reader: StreamReader | None = self.__dict__.get("reader")
        if reader is None:
            reader = self.__dict__["reader"] = StreamReader(self.native)
        return reader

    async def read(self) -> bytes:
        """The whole body. Raises HTTPRequestEntityTooLarge over the limit."""
        try:
            return await self.native.body()
        except HTTPError as error:
            raise translated(error, self.native) from None

    async def text(self) -> str:
        """The whole body as text in its charset. Raises HTTPBadRequest if it isn't in that."""
        try:
            return await self.native.text()
        except HTTPError as error:
            raise translated(error, self.native) from None

    async def json(self, *, loads: Callable[[str], Any] = json.loads) -> Any:
        """The body decoded from JSON, whatever its content type says. Raises MalformedJSON."""
        try:
            return loads(await self.text())
        except json.JSONDecodeError as error:
            raise MalformedJSON(error) from None
        except (ValueError, RecursionError):  # a number of too many digits, or nested too deeply
            raise HTTPBadRequest(text="400: the body is not JSON that can be read") from None

    async def post(self) -> PostedForm:
        """The fields and files of a form; an empty one for another content type."""
        if self.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
            return PostedForm(FormData())
        try:
            form = await self.native.form()
            for name in form:
                for file in form.files(name):
                    await file.load()
            return PostedForm(form)
        except HTTPError as error:
            raise translated(error, self.native) from None


class RelativeURL:
    """Path and query of a request's URL."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.path = request.path
        self.query_string = request.query_string

    @property
    def query(self) -> MultiDict:
        return self._request.query

    def __str__(self) -> str:
        whole, origin = str(self._request.url), self._request.url.origin
        return whole.removeprefix(origin) or "/"


def translated(error: HTTPError, request: NativeRequest) -> HTTPException:
    """An HTTP error of the core as the exception that programs expect."""
    if isinstance(error, HTTPException):
        return error
    if isinstance(error, ContentTooLarge):
        return HTTPRequestEntityTooLarge(request.max_body or 0)
    found = of_status(error.status, error.detail)
    for name, value in error.headers:
        found.headers.add(name, value)
    return found


BaseRequest = Request
