"""The format of server-sent events (WHATWG HTML §9.2): events to bytes, and bytes to events."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from nacre.codecs import encode_json

_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES = re.compile(rb"\r\n|\r|\n")
_BREAKS_A_LINE = re.compile(r"[\r\n\0]")
_BOM = b"\xef\xbb\xbf"
_RETRY_DIGITS = 15
"""More than any delay that somebody means; Python takes time for numbers without a bound."""


class ServerSentEvent:
    r"""One event: `data` and, if given, its `event` type, `id`, `retry` and a `comment`.

    `data` is text, bytes of UTF-8, or anything that has a JSON form; text of several lines arrives as one text again,
    its line ends as `\n`. None is no data: clients take in `id` and `retry` of such an event and tell nobody of it, so
    an event with an `event` type is given empty data. `retry` is the time in seconds that the client waits before it
    connects again, whole milliseconds on the wire. `comment` is for proxies and people; clients pass over it.

    Raises ValueError for line ends and NUL in `event` and `id`, which would begin another field or be ignored, and for
    a `retry` that is no time.
    """

    __slots__ = ("comment", "data", "event", "id", "retry")

    def __init__(
        self,
        data: object = None,
        *,
        event: str | None = None,
        id: str | int | None = None,
        retry: float | None = None,
        comment: str | None = None,
    ) -> None:
        self.data = data
        self.event = None if event is None else _line("event", event)
        # A number is what the rows of a table have.
        self.id = None if id is None else _line("id", f"{id:d}" if isinstance(id, int) else id)
        self.retry = None if retry is None else _checked_retry(retry)
        self.comment = None if comment is None else _text("comment", comment)

    def encode(self) -> bytes:
        """The event as it is sent, in the order comment, retry, event, id, data; b"" if it has nothing to say.

        Raises TypeError for data that has no JSON form.
        """
        lines: list[bytes] = []
        if self.comment is not None:
            lines += [b": " + line.encode() for line in _LINE_END.split(self.comment)]
        if self.retry is not None:
            lines.append(b"retry: %d" % round(self.retry * 1000))
        if self.event is not None:
            lines.append(b"event: " + self.event.encode())
        if self.id is not None:
            lines.append(b"id: " + self.id.encode())
        if self.data is not None or self.event is not None:
            lines += [b"data: " + line for line in _LINE_END_BYTES.split(_encoded(self.data))]
        return b"\n".join([*lines, b"", b""]) if lines else b""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ServerSentEvent):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = [(name, getattr(self, name)) for name in ("event", "id", "retry", "comment")]
        told = [repr(self.data), *(f"{name}={value!r}" for name, value in fields if value is not None)]
        return f"ServerSentEvent({', '.join(told)})"


def encode_event(item: Any) -> bytes:
    """An event as it is sent; anything else is the data of one."""
    if item.__class__ is str and "\n" not in item and "\r" not in item:
        # PERF: the usual one, a line of text, without the object: a seventh of the time.
        return b"data: %b\n\n" % item.encode()
    event = item if isinstance(item, ServerSentEvent) else ServerSentEvent(item)
    return event.encode()


def encode_comment(text: str) -> bytes:
    """A comment by itself, which no client tells of."""
    return ServerSentEvent(comment=text).encode()


def _encoded(data: object) -> bytes:
    if data is None:
        return b""
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    return encode_json(data)


def _line(name: str, value: object) -> str:
    text = _text(name, value)
    if _BREAKS_A_LINE.search(text):
        # SECURITY: the rest would be taken for other fields or another event. The text, maybe a client's, isn't told.
        raise ValueError(f"the {name} of an event can't hold a line end or NUL")
    return text


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the {name} of an event is a str, not {type(value).__name__}")
    return value


def _checked_retry(seconds: object) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"retry is a number of seconds, not {type(seconds).__name__}")
    if not 0 <= seconds < math.inf:
        raise ValueError(f"retry is a number of seconds from 0 up, not {seconds}")
    return seconds


class EventDecoder:
    """Takes a stream apart as a browser does; feed it the bytes as they come.

    `last_event_id` is what a client would send as `Last-Event-ID` ("": nothing), `retry` the last delay that was given,
    in seconds. What stands behind the last empty line is no event, and comments are passed over.
    """

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry: float | None = None
        self._id = ""
        self._line: list[bytes] = []
        self._first = True
        self._after_cr = False
        self._new_event()

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that end in this chunk: text as `data`, and `id` as it stood at the event's end, None if empty."""
        events: list[ServerSentEvent] = []
        for line in self._lines(chunk):
            if line:
                self._take(line)
                continue
            self.last_event_id = self._id
            if self._data:
                events.append(self._event())
            self._new_event()
        return events

    def _event(self) -> ServerSentEvent:
        event = ServerSentEvent("\n".join(self._data), retry=self._delay)
        # Not by the constructor: what a server sends may hold a NUL, which is for clients to take as it is.
        event.event, event.id = self._type or None, self._id or None
        return event

    def _new_event(self) -> None:
        self._data: list[str] = []
        self._type = ""
        self._delay: float | None = None

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that end in this chunk; one that ends with CR ends at once, and a LF that follows belongs to it."""
        if not chunk:
            return
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        first, *others = _LINE_END_BYTES.split(chunk)
        self._line.append(first)
        for following in others:
            line = b"".join(self._line)
            if self._first:
                line, self._first = line.removeprefix(_BOM), False
            yield line
            self._line = [following]

    def _take(self, line: bytes) -> None:
        # A line end is a single byte that stands in no other character, so lines can be decoded one by one.
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self.retry = self._delay = int(value) / 1000
