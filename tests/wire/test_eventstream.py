"""Server-sent events as text: what is written, and what a client reads of it (WHATWG HTML §9.2)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nacre.eventstream import EventDecoder, ServerSentEvent, encode_comment, encode_event


class Point(msgspec.Struct):
    x: int
    y: int


@dataclasses.dataclass
class Name:
    name: str


WRITTEN: dict[str, tuple[ServerSentEvent, bytes]] = {
    "text": (ServerSentEvent("foo"), b"data: foo\n\n"),
    "empty": (ServerSentEvent(""), b"data: \n\n"),
    "bytes": (ServerSentEvent(b"raw"), b"data: raw\n\n"),
    "bytearray": (ServerSentEvent(bytearray(b"a\rb")), b"data: a\ndata: b\n\n"),
    "dict": (ServerSentEvent({"foo": "bar"}), b'data: {"foo":"bar"}\n\n'),
    "list": (ServerSentEvent([42, "foo", None]), b'data: [42,"foo",null]\n\n'),
    "number": (ServerSentEvent(2.5), b"data: 2.5\n\n"),
    "false": (ServerSentEvent(False), b"data: false\n\n"),
    "struct": (ServerSentEvent(Point(1, 2)), b'data: {"x":1,"y":2}\n\n'),
    "dataclass": (ServerSentEvent(Name("a\nb")), b'data: {"name":"a\\nb"}\n\n'),
    "leading-space": (ServerSentEvent(" x"), b"data:  x\n\n"),
    "lines": (ServerSentEvent("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
    "ends-with-a-line": (ServerSentEvent("a\n"), b"data: a\ndata: \n\n"),
    # Line ends of Python's str.splitlines that are none here.
    "other-separators": (ServerSentEvent("a\x0bb\x85c\u2028d"), "data: a\x0bb\x85c\u2028d\n\n".encode()),
    "event": (ServerSentEvent("bar", event="test", id="id42"), b"event: test\nid: id42\ndata: bar\n\n"),
    "event-alone": (ServerSentEvent(event="tick"), b"event: tick\ndata: \n\n"),
    "id-alone": (ServerSentEvent(id="7"), b"id: 7\n\n"),
    "id-number": (ServerSentEvent("x", id=7), b"id: 7\ndata: x\n\n"),
    "id-reset": (ServerSentEvent("x", id=""), b"id: \ndata: x\n\n"),
    "retry": (ServerSentEvent("bar", retry=2.5), b"retry: 2500\ndata: bar\n\n"),
    "retry-alone": (ServerSentEvent(retry=0), b"retry: 0\n\n"),
    "comment": (ServerSentEvent(comment="ping"), b": ping\n\n"),
    "comment-lines": (ServerSentEvent("x", comment="a\r\ndata: b\rc"), b": a\n: data: b\n: c\ndata: x\n\n"),
    "all": (
        ServerSentEvent("d", event="e", id="i", retry=1, comment="c"),
        b": c\nretry: 1000\nevent: e\nid: i\ndata: d\n\n",
    ),
    "nothing": (ServerSentEvent(), b""),
}


@pytest.mark.parametrize(("event", "wire"), WRITTEN.values(), ids=WRITTEN)
def test_event_is_written_as(event, wire):
    assert event.encode() == wire
    assert encode_event(event) == wire


@pytest.mark.parametrize("data", ["x", b"x", {"a": [1]}, Point(1, 2), None])
def test_what_is_no_event_is_the_data_of_one(data):
    assert encode_event(data) == ServerSentEvent(data).encode()


def test_a_comment_by_itself():
    assert encode_comment("ping") == b": ping\n\n"


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "event-type": ({"event": 1}, TypeError, "the event of an event is a str, not int"),
    "id-type": ({"id": b"1"}, TypeError, "the id of an event is a str, not bytes"),
    "comment-type": ({"comment": 1}, TypeError, "the comment of an event is a str"),
    "retry-type": ({"retry": "1"}, TypeError, "retry is a number of seconds, not str"),
    "retry-bool": ({"retry": True}, TypeError, "retry is a number of seconds, not bool"),
    "retry-negative": ({"retry": -1}, ValueError, "retry is a number of seconds from 0 up"),
    "retry-nan": ({"retry": math.nan}, ValueError, "from 0 up"),
    "retry-infinite": ({"retry": math.inf}, ValueError, "from 0 up"),
}


@pytest.mark.parametrize(("fields", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_field_is_refused_when_the_event_is_made(fields, error, message):
    with pytest.raises(error, match=message):
        ServerSentEvent("x", **fields)


def test_data_without_a_json_form_is_refused_when_it_is_encoded():
    with pytest.raises(TypeError, match="has no JSON form"):
        ServerSentEvent(object()).encode()


def test_events_are_equal_by_their_fields_and_tell_them():
    assert ServerSentEvent("a", id=1) == ServerSentEvent("a", id="1")
    assert ServerSentEvent("a") != ServerSentEvent("a", retry=1)
    assert ServerSentEvent("a") != "a"
    assert repr(ServerSentEvent("a", event="e", retry=1)) == "ServerSentEvent('a', event='e', retry=1)"
    assert repr(ServerSentEvent()) == "ServerSentEvent(None)"


def message(data: str, event: str | None = None, id: str | None = None, retry: float | None = None) -> ServerSentEvent:
    return ServerSentEvent(data, event=event, id=id, retry=retry)


READ: dict[str, tuple[bytes, list[ServerSentEvent]]] = {
    "lines-are-joined": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [message("YHOO\n+2\n10")]),
    "comments-are-passed-over": (b": test stream\n\ndata: a\n: inside\n\n", [message("a")]),
    "id-stays": (b"data: a\nid: 1\n\ndata: b\n\n", [message("a", id="1"), message("b", id="1")]),
    "id-is-reset": (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [message("a", id="1"), message("b")]),
    "id-with-nul-is-ignored": (b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [message("a", id="1"), message("b", id="1")]),
    "id-without-data-counts": (b"id: 5\n\ndata: b\n\n", [message("b", id="5")]),
    "one-space-is-dropped": (b"data:a\n\ndata: a\n\ndata:  a\n\n", [message("a"), message("a"), message(" a")]),
    "no-colon": (b"data\n\ndata\ndata\n\n", [message(""), message("\n")]),
    "the-rest-is-no-event": (b"data: a\n\ndata: b\n", [message("a")]),
    "type": (b"event: add\ndata: 1\n\ndata: 2\n\n", [message("1", event="add"), message("2")]),
    "last-type-counts": (b"event: a\nevent: b\ndata: 1\n\n", [message("1", event="b")]),
    "type-without-data": (b"event: add\n\ndata: 2\n\n", [message("2")]),
    "colon-in-a-value": (b"data: a: b\n\n", [message("a: b")]),
    "unknown-fields": (b"foo: 1\ndata: a\nDATA: b\n data: c\n\n", [message("a")]),
    "retry": (b"retry: 1500\ndata: a\n\ndata: b\n\n", [message("a", retry=1.5), message("b")]),
    "retry-digits-only": (b"retry: 15s\nretry: -1\nretry: 1.5\nretry: \xd9\xa5\ndata: a\n\n", [message("a")]),
    "retry-without-bound": (b"retry: " + b"9" * 5000 + b"\ndata: a\n\n", [message("a")]),
    "cr": (b"data: a\r\rdata: b\r\r", [message("a"), message("b")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [message("a"), message("b")]),
    "mixed-line-ends": (b"data: a\r\ndata: b\ndata: c\r\n\r\n", [message("a\nb\nc")]),
    "bom": (b"\xef\xbb\xbfdata: a\n\n", [message("a")]),
    "bom-once": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [message("b")]),
    "bom-inside": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [message("a")]),
    "not-utf-8": (b"data: a\xffb\n\n", [message("a\ufffdb")]),
    "nul": (b"data: a\0b\n\n", [message("a\0b")]),
}


@pytest.mark.parametrize(("wire", "events"), READ.values(), ids=READ)
def test_a_client_reads(wire, events):
    assert EventDecoder().feed(wire) == events


@pytest.mark.parametrize(("wire", "events"), READ.values(), ids=READ)
def test_it_reads_the_same_byte_by_byte(wire, events):
    decoder = EventDecoder()
    assert [event for byte in wire for event in decoder.feed(bytes([byte]))] == events


def test_a_type_with_a_nul_is_what_the_server_sent():
    [event] = EventDecoder().feed(b"event: a\0b\ndata: x\n\n")
    assert event.event == "a\0b"


def test_an_event_that_ends_with_cr_is_told_at_once():
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\r\r") == [message("a")]
    assert decoder.feed(b"\ndata: b\r\n") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\r") == [message("b")]
    assert decoder.feed(b"\n") == []


def test_the_decoder_knows_what_a_client_would_send_when_it_connects_again():
    decoder = EventDecoder()
    assert (decoder.last_event_id, decoder.retry) == ("", None)
    decoder.feed(b"id: 1\nretry: 250\n\n")
    assert (decoder.last_event_id, decoder.retry) == ("1", 0.25)
    decoder.feed(b"id: 2\n")
    assert decoder.last_event_id == "1"  # that event never came


ONE_LINE = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\n: "))


@given(
    st.lists(
        st.tuples(
            TEXT, st.none() | ONE_LINE.filter(bool), st.none() | ONE_LINE, st.none() | st.integers(0, 10**6), TEXT
        )
    ),
    st.lists(st.integers(1, 9)),
)
@example([("\r\n\r", "e", "", 0, "data: x\n\n")], [1])
def test_what_is_written_is_read_again_however_it_is_cut(fields, sizes):
    """Data comes back with its line ends as LF; nothing in a field becomes another field or event."""
    wire, expected, last = b"", [], None
    for data, event, id_, delay, comment in fields:
        retry = None if delay is None else delay / 1000
        wire += ServerSentEvent(data, event=event, id=id_, retry=retry, comment=comment).encode()
        last = last if id_ is None else id_ or None
        text = data.replace("\r\n", "\n").replace("\r", "\n")
        expected.append(ServerSentEvent(text, event=event, id=last, retry=retry))
    decoder, found = EventDecoder(), []
    for size in sizes:
        found += decoder.feed(wire[:size])
        wire = wire[size:]
    assert found + decoder.feed(wire) == expected
