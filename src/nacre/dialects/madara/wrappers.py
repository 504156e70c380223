"""Madara's request, which is Werkzeug's, its response, and what it makes of the values that views return."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import IO, Any, Generic, NoReturn, Self, TypeVar, overload

from werkzeug.datastructures import EnvironHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from werkzeug.utils import cached_property
from werkzeug.wrappers import Request as WerkzeugRequest

from nacre.chain.stage import adopt
from nacre.chain.wsgi import BodyFile, environ_of
from nacre.dialects.madara.responses import TEXT, Headers, Response, as_madara, json_response
from nacre.dialects.madara.utils import jsonify
from nacre.errors import ContentTooLarge
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse
from nacre.response import ready_response
from nacre.results import Converter, Results
from nacre.threads import wait
from nacre.transports.wsgi import CARRIER
from nacre.types import Environ
from nacre.urls import decode_segment, keep_escapes
from nacre.views import RequestView

T = TypeVar("T")


class read_from(Generic[T]):  # noqa: N801 - used as a decorator, like `property`
    """An attribute that is read from elsewhere whenever it is asked for, until a program sets it."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> T: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else self._read(instance)


class _JSON:
    """What bodies are decoded by."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(text: Any, **options: Any) -> Any:
        try:
            return json.loads(text, **options)
        except RecursionError:
            # SECURITY: else some brackets of a client's would be a failure of the program's.
            raise ValueError("it is nested too deeply") from None


# What layers may have changed, and what holds only for an answer that goes straight to the server.
_REPLACED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH", "wsgi.file_wrapper"})


def _environ_of_server(native: NativeRequest) -> Environ:
    """A WSGI server's environ, with the body to be read here and elsewhere. PERF: half the time of `environ_of`.

    SECURITY: as there, no `Proxy` of a client's becomes the variable HTTP_PROXY.
    """
    environ = {name: value for name, value in native.raw.items() if name[:5] != "HTTP_" and name not in _REPLACED}
    for name, value in native.headers.pairs():
        if name == "proxy":
            continue
        key = name.upper().replace("-", "_")
        key = key if key in _REPLACED else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["REQUEST_METHOD"] = native.method
    environ["SCRIPT_NAME"] = native.root_path.encode().decode("latin-1")
    environ["PATH_INFO"] = decode_segment(native.path).encode().decode("latin-1")
    environ["QUERY_STRING"] = native.query_string
    environ["REMOTE_ADDR"] = native.client[0] if native.client else ""
    environ["wsgi.url_scheme"] = native.scheme
    environ["wsgi.input"] = io.BufferedReader(BodyFile(native))
    environ["wsgi.input_terminated"] = True
    return environ


class _NoStack(dict[Any, Callable[[Any], Any]]):
    def __missing__(self, link: object) -> NoReturn:
        raise RuntimeError("a middleware called `get_response` for no request; it may when it is called with one")


class Request(RequestView, WerkzeugRequest):
    """A request with all that Werkzeug's has; what it says is read from the native one when it is asked for.

    A body over the application's or route's `max_body` raises Werkzeug's RequestEntityTooLarge, which is answered 413.
    Made by hand, of a WSGI environ, it is a request of its own, for tests of single functions.
    """

    shallow = False
    madara_stack: Mapping[Any, Callable[[Any], Any]] = _NoStack()
    """What stands inside of each middleware that it is passing."""
    json_module: Any = _JSON

    def __init__(self, environ: Environ, populate_request: bool = True, shallow: bool = False) -> None:
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace") or "/"
        self.native = NativeRequest(CARRIER, environ, None, environ["REQUEST_METHOD"], keep_escapes(path))
        vars(self)["environ"] = environ
        if populate_request and not shallow:
            environ["werkzeug.request"] = self
        if shallow:
            self.shallow = True

    @read_from
    def method(self) -> str:
        return self.native.method

    @read_from
    def scheme(self) -> str:
        return self.native.scheme

    @read_from
    def server(self) -> tuple[str, int | None] | None:
        return self.native.server

    @read_from
    def root_path(self) -> str:
        return self.native.root_path

    @read_from
    def path(self) -> str:
        return "/" + decode_segment(self.native.path).lstrip("/")

    @read_from
    def query_string(self) -> bytes:
        return self.native.query_string.encode("latin-1", "replace")

    @read_from
    def remote_addr(self) -> str | None:
        client = self.native.client
        return client[0] if client else None

    @read_from
    def headers(self) -> EnvironHeaders:
        return EnvironHeaders(self.environ)

    @property
    def max_content_length(self) -> int | None:
        """How many bytes the body may have; it may be set until the body is read."""
        return self.native.max_body

    @max_content_length.setter
    def max_content_length(self, limit: int | None) -> None:
        self.native.max_body = limit

    @read_from
    def endpoint(self) -> str | None:
        """The name of the rule that was matched; None where none was."""
        return None if self.native.route is None else self.native.route.name

    @read_from
    def view_args(self) -> dict[str, Any] | None:
        """What the view is called with by name, and may be changed before; None where no rule was matched."""
        if self.native.route is None:
            return None
        values: Any = self.native.path_params
        if values.__class__ is not dict:
            values = self.native.path_params = {}
        return values  # type: ignore[no-any-return]

    @read_from
    def environ(self) -> Environ:
        """The server's own WSGI environ, or on other protocols one that is made, as layers have left the request.

        The body may be read here and by native code as well, in any order.
        """
        native = self.native
        state = native.headers, native.path, native.root_path
        known = vars(self).get("made_environ")
        if known is not None and all(one is other for one, other in zip(known[0], state, strict=True)):
            return known[1]  # type: ignore[no-any-return]
        environ = _environ_of_server(native) if native.carrier.protocol == "wsgi" else environ_of(native)
        if known is not None:
            # What the program has put in stays; a field that a layer took out does not.
            kept = {name: value for name, value in known[1].items() if name[:5] != "HTTP_" and name not in _REPLACED}
            environ = {**kept, **environ}
        self.made_environ = state, environ
        return environ

    # What is asked of nearly every request with a body. PERF: without the environ, a third of the time of `get_json`.

    @read_from
    def content_type(self) -> str | None:
        return self.native.body_fields()[0]

    @read_from
    def content_length(self) -> int | None:
        return self.native.content_length

    @read_from
    def mimetype(self) -> str:
        return parse_options_header(self.native.body_fields()[0])[0].lower()

    @read_from
    def mimetype_params(self) -> dict[str, str]:
        return parse_options_header(self.native.body_fields()[0])[1]

    @read_from
    def want_form_data_parsed(self) -> bool:
        return bool(self.native.body_fields()[0])

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body as a file; from memory where it is limited, unless it may hold files."""
        if self.native.max_body is None or self.mimetype == "multipart/form-data":
            return super().stream
        try:
            return io.BytesIO(wait(self.native.body()))
        except ContentTooLarge:
            raise RequestEntityTooLarge from None

    def make_form_data_parser(self) -> FormDataParser:
        """What a form is read by; the files that it gives are closed after the response."""
        self.native.after_response(self.close)
        return super().make_form_data_parser()

    async def receive(self) -> None:
        """Receive the body now, for code that runs on the event loop and could not wait for it."""
        body = await self.native.body()
        vars(self).setdefault("stream", io.BytesIO(body))

    def __repr__(self) -> str:
        return WerkzeugRequest.__repr__(self)


def make_response(request: Request | None, *rv: Any) -> Response:
    """What a view's result is as a response: one value, or body, status and headers.

    Text and bytes are plain text, a dict is JSON; Werkzeug's responses and errors, native responses and WSGI
    applications are themselves. Headers are added to those that are there; `Content-Type` replaces. Raises TypeError
    for any other value, ValueError for a status or a header that can't be sent.
    """
    if not rv:
        return Response()
    body = rv[0] if len(rv) == 1 else rv
    status = headers = None
    if isinstance(body, tuple):
        body, status, headers = _unpacked(body)
    response = _converted(request, body)
    if status is not None:
        response.status = status
    if headers:
        added = Headers()
        added.extend(headers)
        for name, value in added.raw:
            (response.headers.set if name == "content-type" else response.headers.add)(name, value)
    return response


def _unpacked(result: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    match result:
        case (body, status, headers):
            return body, status, headers
        case (body, dict() | list() | tuple() | WerkzeugHeaders() | Headers() as headers):
            return body, None, headers
        case (body, status):
            return body, status, None
        case _:
            raise TypeError(f"a tuple of {len(result)} is no result; return {_TUPLES}")


def _converted(request: Request | None, body: Any) -> Response:
    if isinstance(body, NativeResponse):
        # One that the program keeps for many requests is a copy of its own in each.
        return as_madara(body if request is None else adopt(request.native, body))
    if isinstance(body, str):
        return as_madara(ready_response(body.encode(), TEXT))
    if isinstance(body, bytes | bytearray):
        return as_madara(ready_response(bytes(body), TEXT))
    if isinstance(body, dict):
        return jsonify(body)
    if callable(body):
        return Response.force_type(body, None if request is None else request.environ)
    if body is None:
        raise TypeError("it returned None, or ended without a `return`")
    raise TypeError(f"a view returns a str, bytes, a dict, a response or a WSGI application, or {_TUPLES}")


_TUPLES = "(body, status), (body, headers) or (body, status, headers)"


class MadaraResults(Results):
    """Madara's rules for plain values, which return annotations change nothing of."""

    def __init__(self) -> None:
        super().__init__(text_type=TEXT[1], bytes_type=TEXT[1])

    def compile(self, annotation: Any) -> Converter:
        return self.convert

    def data(self, value: object) -> NativeResponse:
        return json_response(value) if value.__class__ is dict else make_response(None, value)

    def nothing(self, value: None) -> Response:
        return make_response(None, value)

    def status(self, value: int) -> Response:
        return make_response(None, value)

    def parts(self, value: tuple[Any, ...]) -> Response:
        return make_response(None, value)

    def other(self, value: Any) -> NativeResponse:
        return value if isinstance(value, NativeResponse) else make_response(None, value)


PLAIN: frozenset[Any] = frozenset((str, bytes, dict))
"""What `MadaraResults` makes a response of without being told the request."""

__all__ = ["PLAIN", "MadaraResults", "Request", "Response", "jsonify", "make_response"]
