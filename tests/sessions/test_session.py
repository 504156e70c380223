"""The session as a mapping: read when asked for, JSON values only, closed when it is saved."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.session import Flash, Session, SessionClosed, merge


class Colour(enum.StrEnum):
    WHITE = "white"


def kept(data: bytes = b'{"user":7,"cart":["pearl"]}') -> Session:
    return Session(lambda: data)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda session: "user" in session, id="in"),
        pytest.param(len, id="len"),
        pytest.param(bool, id="bool"),
        pytest.param(list, id="iter"),
        pytest.param(lambda session: session.get("other"), id="get"),
        pytest.param(lambda session: session["user"], id="item"),
        pytest.param(lambda session: session == {}, id="equal"),
        pytest.param(lambda session: session != {}, id="not equal"),
        pytest.param(repr, id="repr"),
        pytest.param(lambda session: session.keys() & {"user"}, id="keys"),
        pytest.param(lambda session: list(session.values()), id="values"),
        pytest.param(lambda session: list(session.items()), id="items"),
        pytest.param(lambda session: session.is_new, id="is_new"),
        pytest.param(lambda session: session.flashes(), id="flashes"),
        pytest.param(lambda session: session.pop("other", None), id="pop"),
        pytest.param(lambda session: session.setdefault("user", 1), id="setdefault"),
        pytest.param(lambda session: session.update(user=1), id="update"),
        pytest.param(lambda session: session.regenerate(), id="regenerate"),
        pytest.param(lambda session: session.clear(), id="clear"),
        pytest.param(lambda session: session.flash("hello"), id="flash"),
    ],
)
def test_asking_in_any_way_is_noticed(ask: Callable[[Session], Any]) -> None:
    session = kept()
    assert not session.accessed
    ask(session)
    assert session.accessed


def test_nothing_is_loaded_before_it_is_asked_for_and_then_once() -> None:
    loads = []

    def load() -> bytes:
        loads.append(1)
        return b'{"user":7}'

    session = Session(load)
    assert loads == []
    assert session["user"] == 7
    assert session == {"user": 7}
    assert loads == [1]


def test_it_is_new_where_nothing_was_kept() -> None:
    assert Session().is_new
    assert Session(lambda: None).is_new
    assert not kept().is_new


def test_what_it_holds_stays_out_of_its_repr() -> None:
    assert repr(kept()) == "<Session 'user', 'cart'>"
    assert repr(Session()) == "<Session>"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param((1, 2), "session['x'] is of type tuple", id="tuple"),
        pytest.param({1}, "session['x'] is of type set", id="set"),
        pytest.param(b"x", "session['x'] is of type bytes", id="bytes"),
        pytest.param(datetime.date(2026, 1, 1), "session['x'] is of type date", id="date"),
        pytest.param(Colour.WHITE, "session['x'] is of type Colour", id="enum"),
        pytest.param(float("nan"), "session['x'] is nan", id="nan"),
        pytest.param(float("inf"), "session['x'] is inf", id="infinity"),
        pytest.param(2**64, "session['x'] is an integer of more than 64 bits", id="large"),
        pytest.param(-(2**63) - 1, "session['x'] is an integer of more than 64 bits", id="small"),
        pytest.param("\ud800", "session['x'] is text with half of a surrogate pair", id="surrogate"),
        pytest.param({1: 2}, "session['x'] has a key of type int", id="key"),
        pytest.param({"a": [1, {"b": object()}]}, "session['x']['a'][1]['b'] is of type object", id="inside"),
    ],
)
def test_value_that_would_come_back_as_another_is_refused_where_it_is_set(value: Any, said: str) -> None:
    session = Session()
    with pytest.raises(TypeError) as caught:
        session["x"] = value
    assert str(caught.value).startswith(said)
    assert "x" not in session


def test_value_that_holds_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TypeError, match="nested too deeply"):
        Session()["x"] = circle


def test_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="names of type str, not int"):
        Session()[3] = 1  # type: ignore[index]


def test_what_was_put_inside_a_value_is_checked_when_it_is_encoded() -> None:
    session = kept()
    session["cart"].append((1, 2))
    with pytest.raises(TypeError, match=r"session\['cart'\]\[1\] is of type tuple"):
        session.encode()
    session["cart"][1] = object()
    with pytest.raises(TypeError, match=r"session\['cart'\]\[1\] is of type object"):
        session.encode()


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**64 - 1, -(2**63), 0.1, 1e300, "", "perle", "ä\U0001f41a", [], {}, [[{"a": [None]}]]],
    ids=repr,
)
def test_json_values_come_back_as_they_are(value: Any) -> None:
    session = Session()
    session["x"] = value
    data = session.encode()
    assert Session(lambda: data)["x"] == value
    assert type(Session(lambda: data)["x"]) is type(value)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES)
def test_every_value_comes_back_as_it_is_or_is_refused(value: Any) -> None:
    session = Session()
    try:
        session["x"] = value
    except TypeError:
        return
    data = session.encode()
    again = Session(lambda: data)
    assert repr(again["x"]) == repr(value)  # which tells 1, 1.0 and True apart
    assert again.encode() == data


def test_reading_leaves_the_encoded_form_as_it_was() -> None:
    session = kept()
    assert session["cart"] == ["pearl"]
    assert session.encode() == session.loaded


def test_change_inside_a_value_shows_in_the_encoded_form() -> None:
    session = kept()
    session["cart"].append("shell")
    assert session.encode() == b'{"user":7,"cart":["pearl","shell"]}'


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"7", b"\x80\x04."], ids=repr)
def test_what_is_no_session_counts_as_none(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    session = Session(lambda: data)
    assert session == {}
    assert session.is_new
    assert session.encode() == b"{}"
    assert "counts as none" in caplog.text


CHANGES = [
    pytest.param(lambda session: session.update(x=1), id="set"),
    pytest.param(lambda session: session.pop("user"), id="pop"),
    pytest.param(lambda session: session.popitem(), id="popitem"),
    pytest.param(lambda session: session.clear(), id="clear"),
    pytest.param(lambda session: session.destroy(), id="destroy"),
    pytest.param(lambda session: session.regenerate(), id="regenerate"),
    pytest.param(lambda session: session.flash("x"), id="flash"),
    pytest.param(lambda session: session.setdefault("x", 1), id="setdefault"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_closed_session_refuses_changes(change: Callable[[Session], Any]) -> None:
    session = kept()
    session.close(keep=True)
    with pytest.raises(SessionClosed, match="saved when the response began"):
        change(session)
    assert session == {"user": 7, "cart": ["pearl"]}
    assert session.late_changes() == []


def test_closed_session_can_be_read_for_the_first_time_unless_a_stream_is_sent() -> None:
    session = kept()
    session.close(keep=False)
    assert session["user"] == 7
    assert session.late_changes() == []
    session = kept()
    session.close(keep=False, unread=True)
    with pytest.raises(SessionClosed, match="too late for `Vary: Cookie`"):
        session.get("user")
    assert repr(session) == "<Session>"
    read_before = kept()
    assert read_before["user"] == 7
    read_before.close(keep=True, unread=True)
    assert read_before["user"] == 7


def test_change_in_place_is_found_after_the_closing() -> None:
    session = kept()
    session["flag"] = [1]
    session.close(keep=True)
    session["cart"].append("late")
    session["flag"][0] = True
    assert session.late_changes() == ["cart", "flag"]
    session = kept()
    session.close(keep=False)
    session["cart"].append(object())
    assert session.late_changes() == ["cart"]


def test_flashes_are_taken_once_and_shown_all_through_the_request() -> None:
    session = Session()
    session.flash("saved")
    session.flash("watch out", "warning")
    data = session.encode()
    session = Session(lambda: data)
    shown = [Flash("info", "saved"), Flash("warning", "watch out")]
    assert session.flashes() == shown
    assert session.flashes() == shown
    assert session.encode() == b"{}"
    session.flash("more")
    assert session.flashes() == [*shown, Flash("info", "more")]
    session.clear()
    assert session.flashes() == []


def test_flash_takes_text_that_claims_to_be_html_as_text() -> None:
    class Markup(str):
        pass

    session = Session()
    session.flash(Markup("<b>"), Markup("info"))
    assert session.encode() == b'{"_flashes":[["info","<b>"]]}'


@pytest.mark.parametrize(
    ("mine", "theirs", "merged"),
    [
        pytest.param(b'{"a":1,"b":1}', b'{"a":1,"c":1}', b'{"a":1,"c":1,"b":1}', id="both add"),
        pytest.param(b'{"a":2}', b'{"a":1,"c":1}', b'{"a":2,"c":1}', id="one sets, the other adds"),
        pytest.param(b'{"a":1}', b'{"a":3}', b'{"a":3}', id="only the other sets"),
        pytest.param(b'{"a":2}', b'{"a":3}', b'{"a":2}', id="both set"),
        pytest.param(b"{}", b'{"a":1,"c":1}', b'{"c":1}', id="one deletes"),
        pytest.param(b'{"a":1}', b"{}", b"{}", id="the other deletes"),
        pytest.param(b"{}", b"{}", b"{}", id="both delete"),
        pytest.param(b'{"a":true}', b'{"a":1}', b'{"a":true}', id="true isn't 1"),
        pytest.param(b'{"a":1.0}', b'{"a":1}', b'{"a":1.0}', id="1.0 isn't 1"),
    ],
)
def test_changes_are_merged_name_by_name(mine: bytes, theirs: bytes, merged: bytes) -> None:
    assert merge(b'{"a":1}', mine, theirs) == merged


BOTH, NEW, OLD = b'["info","both"]', b'["info","new"]', b'["info","old"]'


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        pytest.param([], [NEW], [BOTH], [BOTH, NEW], id="both leave one"),
        pytest.param([OLD], [], [OLD, NEW], [NEW], id="one takes, the other leaves"),
        pytest.param([OLD], [OLD, NEW], [], [NEW], id="one leaves, the other takes"),
        pytest.param([OLD], [], [], [], id="both take"),
        pytest.param([OLD], [OLD], [OLD], [OLD], id="nobody takes"),
    ],
)
def test_messages_are_merged_one_by_one(
    base: list[bytes], mine: list[bytes], theirs: list[bytes], merged: list[bytes]
) -> None:
    def session(flashes: list[bytes]) -> bytes:
        return b'{"_flashes":[' + b",".join(flashes) + b"]}" if flashes else b"{}"

    assert merge(session(base), session(mine), session(theirs)) == session(merged)
