"""Entries of class sse_injection of the security corpus: a field of an event never becomes another field or event."""

from __future__ import annotations

import pytest

from nacre import Nacre
from nacre.eventstream import EventDecoder, ServerSentEvent
from nacre.sse import EventStream

FIELDS = [
    pytest.param({"event": 'chat\ndata: {"cmd":1}'}, id="fastapi#15187/#15188-event"),
    pytest.param({"id": "1\nevent: admin"}, id="fastapi#15187/#15188-id"),
    *(
        pytest.param({name: f"a{end}b"}, id=f"CVE-2026-44217/CVE-2026-44214-{name}-{label}")
        for name in ("event", "id")
        for label, end in (("LF", "\n"), ("CR", "\r"), ("CRLF", "\r\n"), ("NUL", "\0"), ("at-the-end", "\n\n"))
    ),
]


@pytest.mark.parametrize("fields", FIELDS)
def test_line_ends_and_nul_in_a_field_are_refused_and_not_told(fields):
    with pytest.raises(ValueError, match="can't hold a line end or NUL") as caught:
        ServerSentEvent("x", **fields)
    assert "admin" not in str(caught.value)


@pytest.mark.parametrize("retry", ["1\nevent: admin", "1\rdata: x"], ids=["LF", "CR"])
def test_a_retry_is_a_number(retry):
    """CVE-2026-44217, CVE-2026-44214."""
    with pytest.raises(TypeError, match="a number of seconds"):
        ServerSentEvent("x", retry=retry)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("kind", [str, str.encode], ids=["str", "bytes"])
def test_data_stays_data_whatever_line_ends_it_has(kind, end):
    """fastapi#15187/#15188."""
    data = end.join(["hello", "", "event: admin", "id: 9", "retry: 1", "data: x", ""])
    decoder = EventDecoder()
    [event] = decoder.feed(ServerSentEvent(kind(data), event="chat").encode())
    assert event == ServerSentEvent(data.replace(end, "\n"), event="chat")
    assert (decoder.last_event_id, decoder.retry) == ("", None)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_comment_stays_a_comment(end):
    wire = ServerSentEvent("x", comment=f"ping{end}{end}data: forged{end}{end}").encode()
    assert EventDecoder().feed(wire) == [ServerSentEvent("x")]


async def test_a_refused_event_cuts_the_stream_and_nothing_of_it_is_sent(client_for, caplog):
    app = Nacre()

    @app.get("/")
    async def handler(request):
        async def events():
            yield ServerSentEvent("first")
            yield ServerSentEvent("x", id=request.query["id"])

        return EventStream(events())

    response = await client_for(app).get("/?id=1%0Aevent:%20admin")
    assert response.body == b"data: first\n\n"
    [record] = caplog.records
    assert "can't hold a line end" in str(record.exc_info[1])
