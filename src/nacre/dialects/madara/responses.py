"""Werkzeug's response over a native one: its attributes and methods, and what it makes of other responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Self, overload

from werkzeug.datastructures import Headers as WerkzeugHeaders
from werkzeug.datastructures import iter_multi_items
from werkzeug.exceptions import HTTPException
from werkzeug.http import dump_options_header, remove_entity_headers
from werkzeug.utils import get_content_type
from werkzeug.wrappers import Response as WerkzeugResponse

from nacre.chain.wsgi import call_wsgi
from nacre.errors import reason_phrase
from nacre.headers import MutableHeaders
from nacre.pieces import close_plain, close_stream
from nacre.response import Response as NativeResponse
from nacre.response import ready_response
from nacre.threads import wait
from nacre.urls import check_location

Pair = tuple[str, str]

TEXT: Pair = ("content-type", "text/plain; charset=utf-8")
JSON: Pair = ("content-type", "application/json")

_new = object.__new__
_encode_json = json.JSONEncoder(separators=(",", ":")).encode


class Status(int):
    """A status that is a number, as everywhere in Nacre, and the text that Werkzeug has for it: `404 NOT FOUND`."""

    def __str__(self) -> str:
        return f"{int(self)} {reason_phrase(int(self)).upper() or 'UNKNOWN'}"

    def __repr__(self) -> str:
        return repr(str(self))

    def __format__(self, form: str) -> str:
        return int.__format__(self, form) if form.endswith("d") else format(str(self), form)

    def __eq__(self, other: object) -> bool:
        return str(self) == other if isinstance(other, str) else int(self) == other

    __hash__ = int.__hash__

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def __getitem__(self, index: Any) -> str:
        return str(self)[index]

    def __len__(self) -> int:
        return len(str(self))

    def __add__(self, other: Any) -> Any:
        return str(self) + other if isinstance(other, str) else int(self) + other

    def __radd__(self, other: Any) -> Any:
        return other + str(self) if isinstance(other, str) else other + int(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(str(self), name)  # `startswith`, `split` and the like


class _Statuses(dict[int, Status]):
    def __missing__(self, code: int) -> Status:
        return Status(code)


# PERF: a response is asked for its status several times before it is sent.
_statuses = _Statuses((status.value, Status(status.value)) for status in HTTPStatus)


def read_status(value: object) -> int:
    """The number of a status: 201, `HTTPStatus.CREATED`, "201 CREATED". Raises TypeError or ValueError for others."""
    if isinstance(value, bytes | bytearray):
        value = value.decode("latin-1")
    if isinstance(value, str):
        number, _, _ = value.strip().partition(" ")
        if not (number.isascii() and number.isdigit() and len(number) == 3):
            raise ValueError(f"{value[:40]!r} is no status; write 201 or '201 CREATED'")
        value = number
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"a status is an int or a str, not {type(value).__name__}")
    code = int(value)
    if not 100 <= code <= 599:
        raise ValueError(f"{code} is no status (100 to 599)")
    return code


class Headers(MutableHeaders):
    """A response's header fields with the ways that Werkzeug has to look at them and change them.

    Iteration gives pairs, and each field of a name counts. Names are in lower case.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.pairs())

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, key: Any) -> Any:
        return self.raw[key] if isinstance(key, int | slice) else super().__getitem__(key)

    def keys(self, lower: bool = False) -> Any:
        return [name for name, _ in self.raw]

    def values(self) -> Any:
        return [value for _, value in self.raw]

    def items(self, lower: bool = False) -> Any:
        return self.pairs()

    def get(self, name: Any, default: Any = None, type: Callable[[str], Any] | None = None) -> Any:
        """The first value of a name, made a `type`; `default` if there is none or it makes no such thing."""
        value = super().get(name)
        if value is None:
            return default
        try:
            return value if type is None else type(value)
        except (TypeError, ValueError):
            return default

    def getlist(self, name: Any, type: Callable[[str], Any] | None = None) -> list[Any]:
        return list(super().getlist(name) if type is None else map(type, super().getlist(name)))

    def get_all(self, name: str) -> list[str]:
        return super().getlist(name)

    def add(self, name: Any, value: Any, /, **parameters: Any) -> None:
        """Append a value, with parameters such as `filename="a.txt"` behind it."""
        super().add(name, _with_parameters(_text(name, value), parameters))

    add_header = add

    def set(self, name: Any, value: Any, /, **parameters: Any) -> None:
        """Give a name this one value."""
        super().set(name, _with_parameters(_text(name, value), parameters))

    def setlist(self, name: str, values: Iterable[Any]) -> None:
        """Give a name these values."""
        self.remove(name)
        for value in values:
            self.add(name, value)

    def __setitem__(self, name: Any, value: Any) -> None:
        # PERF: most are text, and no `location`.
        MutableHeaders.set(self, name, value if value.__class__ is str and len(name) != 8 else _text(name, value))

    def __delitem__(self, name: Any) -> None:
        """Drop all values of a name, which may have none, or the field at an index."""
        if isinstance(name, int | slice):
            del self.raw[name]
        else:
            self.remove(name)

    def setdefault(self, name: Any, value: Any) -> str:
        return super().setdefault(name, _text(name, value))

    def extend(self, source: Any = (), /, **others: Any) -> None:
        """Append the fields of a mapping, whose values may be lists, or of pairs."""
        for name, value in (*iter_multi_items(source), *iter_multi_items(others)):
            self.add(name, value)

    def update(self, source: Any = (), /, **others: Any) -> None:
        """Replace the values of each name by those given."""
        grouped: dict[str, list[Any]] = {}
        for name, value in (*iter_multi_items(source), *iter_multi_items(others)):
            grouped.setdefault(name.lower(), []).append(value)
        for name, values in grouped.items():
            self.setlist(name, values)

    def pop(self, name: Any = None, default: Any = ...) -> Any:
        """Drop all values of a name and give the first one, or the field at an index, the last one if that is left out.

        Raises KeyError for an unknown name without a default.
        """
        if name is None or isinstance(name, int):
            return self.raw.pop(-1 if name is None else name)
        value = super().get(name)
        if value is None and default is ...:
            raise KeyError(name)
        self.remove(name)
        return default if value is None else value

    def popitem(self) -> Pair:
        return self.raw.pop()

    def clear(self) -> None:
        self.raw.clear()

    def copy(self) -> Headers:
        return Headers(self.pairs())

    def to_wsgi_list(self) -> list[Pair]:
        return self.pairs()

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\r\n" for name, value in self.raw) + "\r\n"


def _with_parameters(text: str, parameters: Mapping[str, Any]) -> str:
    named = {name.replace("_", "-"): str(item) for name, item in parameters.items() if item is not None}
    return dump_options_header(text, named) if named else text


def _text(name: Any, value: Any) -> str:
    text: str = value if value.__class__ is str else value.decode("latin-1") if isinstance(value, bytes) else str(value)
    # As Werkzeug sends it: what isn't ASCII is escaped.
    return check_location(text) if name.__class__ is str and name.lower() == "location" else text


class Response(NativeResponse, WerkzeugResponse):
    """A native response with Werkzeug's constructor, attributes and methods.

    `response` is text, bytes, or an iterable of them, which is sent piece by piece unless it is a list or tuple. Raises
    ValueError for header text that may not stand on the wire. `Content-Length` is always that of the body that is sent.
    """

    # Werkzeug has a file to write to under this name; here it is the native stream.
    stream: Any = None
    direct_passthrough = False

    def __init__(
        self,
        response: Iterable[str] | Iterable[bytes] | str | bytes | None = None,
        status: int | str | HTTPStatus | None = None,
        headers: Any = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        NativeResponse.__init__(self)
        if headers is not None:
            self.headers.extend(headers)
        if content_type is None and (mimetype is not None or "content-type" not in self.headers):
            content_type = get_content_type(mimetype or self.default_mimetype or "", "utf-8") or None
        if content_type is not None:
            self.headers.set("content-type", content_type)
        if status is not None:
            self.status = status
        if direct_passthrough:
            self.direct_passthrough = True
        self.response = response

    @property
    def status(self) -> Any:
        """The status: equal to 404 and to "404 NOT FOUND"; any of both, and "404", may be set."""
        return _statuses[self.__dict__["status"]]

    @status.setter
    def status(self, value: Any) -> None:
        self.__dict__["status"] = read_status(value)

    @property
    def status_code(self) -> int:
        """The status as a plain number."""
        return int(self.__dict__["status"])

    @status_code.setter
    def status_code(self, code: int) -> None:
        self.__dict__["status"] = read_status(code)

    @property
    def headers(self) -> Headers:
        """The header fields; changes show at once."""
        # Kept where the native class keeps its own: the two have one list.
        kept: Any = self.__dict__.get("headers")
        if kept.__class__ is not Headers:
            kept = self.__dict__["headers"] = Headers(self.raw_headers)
        return kept  # type: ignore[no-any-return]

    @headers.setter
    def headers(self, headers: Any) -> None:
        pairs = Headers()
        pairs.extend(headers)
        self.raw_headers[:] = pairs.raw

    @property
    def response(self) -> Any:
        """The body as an iterable: a list of one part, unless it is sent piece by piece."""
        if self.stream is None:
            return [self.body]
        return _Pieces(self.stream) if hasattr(self.stream, "__aiter__") else self.stream

    @response.setter
    def response(self, response: Any) -> None:
        if response is None or isinstance(response, str | bytes | bytearray):
            self.set_data(response if isinstance(response, str) else bytes(response or b""))
        elif isinstance(response, list | tuple):
            self.set_data(b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in response))
        else:
            self.body, self.stream = b"", response

    @overload
    def get_data(self, as_text: bool = ...) -> Any: ...
    @overload
    def get_data(self, as_text: Any = ...) -> Any: ...
    def get_data(self, as_text: bool = False) -> Any:
        """The whole body; one that comes in pieces is put together, and sent as a whole then."""
        if self.stream is not None:
            self.response = list(self.iter_encoded())
        return self.body.decode() if as_text else self.body

    def set_data(self, value: bytes | str) -> None:
        """Send this in the place of the body."""
        self.stream = None
        self.body = value.encode() if isinstance(value, str) else bytes(value)

    data: Any = property(get_data, set_data, doc="The whole body.")

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes; None of one that comes in pieces, unless a field tells."""
        return len(self.body) if self.stream is None else self.headers.get("content-length", type=int)

    @content_length.setter
    def content_length(self, length: int | None) -> None:
        if length is None:
            self.headers.remove("content-length")
        else:
            self.headers.set("content-length", length)

    # The names of cookies' attributes by position, and their defaults, are Werkzeug's.
    set_cookie: Any = WerkzeugResponse.set_cookie
    delete_cookie: Any = WerkzeugResponse.delete_cookie

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        """Call `func()` after the last byte."""
        self.on_sent(func)
        return func

    def close(self) -> None:
        """Close the iterable that the body is made of."""
        close_plain(self.response)

    def make_conditional(self, *args: Any, **kwargs: Any) -> Any:
        """Answer 304, 206 or 412 if the request's fields ask for that; the arguments are Werkzeug's."""
        super().make_conditional(*args, **kwargs)
        if self.status_code == 304:
            self.set_data(b"")
            remove_entity_headers(self.raw_headers)
        return self

    def get_wsgi_headers(self, environ: Any) -> WerkzeugHeaders:
        headers = WerkzeugHeaders(self.headers.pairs())
        if self.stream is None and 200 <= self.status_code not in (204, 304):
            headers["Content-Length"] = str(len(self.body))
        return headers

    def get_wsgi_response(self, environ: Any) -> tuple[Iterable[bytes], str, list[Pair]]:
        headers = self.get_wsgi_headers(environ)
        return self.get_app_iter(environ), str(self.status), headers.to_wsgi_list()

    @classmethod
    def force_type(cls, response: Any, environ: Any = None) -> Self:
        """What any response, or what a WSGI application answers to `environ`, is as one of these.

        Raises TypeError for anything else.
        """
        if isinstance(response, NativeResponse):
            return response.as_kind(cls)
        if isinstance(response, HTTPException):
            made = response.get_response(environ)
            return cls.force_type(made, environ)
        if isinstance(response, WerkzeugResponse) and response.is_sequence:
            other = cls(response.get_data(), response.status_code, response.headers)
            other.on_sent(response.close)
            return other
        if not callable(response) or environ is None:
            raise TypeError(f"a response or a WSGI application is wanted here, not {type(response).__name__}")
        application: Any = response
        return call_wsgi(application, _as_get(environ), "what a view returned").as_kind(cls)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status}]>"


class _Pieces:
    """An async stream for plain code, which every stream is once its first piece was awaited (`Response.eager`)."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._pieces = aiter(stream)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> Any:
        piece = wait(anext(self._pieces, None))
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        wait(close_stream(self._stream))


def _as_get(environ: Any) -> Any:
    # What HEAD is answered with has the length of what GET is: the body is dropped by who sends it.
    return {**environ, "REQUEST_METHOD": "GET"} if environ["REQUEST_METHOD"] == "HEAD" else environ


# Of two objects for one response each has the state of the other, so a layer of either kind that keeps the response
# sees what the others make of it. Native layers get a native object: their `set_cookie` has its own defaults, their
# `headers` are iterated by name, and they ask for the status more often. A stream isn't shared: the core closes it
# by the response that has it.


def as_madara(response: NativeResponse) -> Response:
    """A response as one of Madara's, of the program's own class if it was made as such.

    PERF: to share the state costs less than to copy it.
    """
    state = response.__dict__
    kind: type[Response] = state.get("made_as", Response)
    if response.__class__ is not NativeResponse or response.stream is not None:
        return response.as_kind(kind)
    other = _new(kind)
    other.__dict__ = state
    return other


def as_native(response: NativeResponse) -> NativeResponse:
    """The other way."""
    if response.__class__ is not Response:
        if not isinstance(response, Response):
            return response
        vars(response)["made_as"] = response.__class__
    state = response.__dict__
    state.pop("headers", None)
    other = _new(NativeResponse)
    if response.stream is None:
        other.__dict__ = state
    else:
        other.__dict__.update(state)
        other.holds = response
    return other


def json_response(data: object) -> NativeResponse:
    """Data as compact JSON of ASCII characters, with a newline at its end. Raises TypeError for other data."""
    return ready_response((_encode_json(data) + "\n").encode(), JSON)
