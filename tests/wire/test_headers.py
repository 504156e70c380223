"""Headers: reading without case, changing in place, refusing what must not reach the wire."""

import time
from collections.abc import Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.headers import TOKEN, Headers, MutableHeaders, Pairs, check_name, check_value, encode_pairs

names = st.text(TOKEN, min_size=1, max_size=20)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40)
pair_lists = st.lists(st.tuples(names, values), max_size=12)

ACCEPTED = [("Accept", "a"), ("X-One", "1"), ("accept", "b"), ("X-TWO", "2")]


def shows_no_raw_control(error: ValueError) -> None:
    assert str(error).isprintable()


def mutable(pairs: list[tuple[str, str]]) -> MutableHeaders:
    headers = MutableHeaders()
    headers.extend(pairs)
    return headers


@pytest.fixture(
    params=[Headers, mutable, lambda pairs: Headers.from_bytes([(n.encode(), v.encode()) for n, v in pairs])],
    ids=["immutable", "mutable", "from bytes"],
)
def headers(request: pytest.FixtureRequest) -> Any:
    return request.param(ACCEPTED)


class TestReading:
    @pytest.mark.parametrize("name", ["accept", "Accept", "ACCEPT", b"accept", b"Accept"])
    def test_a_name_is_found_in_any_case_as_str_or_bytes(self, headers: Any, name: Any) -> None:
        assert headers[name] == "a"
        assert headers.get(name) == "a"
        assert name in headers
        assert headers.getlist(name) == ["a", "b"]

    def test_an_absent_name_has_no_values(self, headers: Any) -> None:
        assert headers.get("absent") is None
        assert headers.get("absent", "default") == "default"
        assert "absent" not in headers
        assert 7 not in headers
        assert headers.getlist("absent") == []
        with pytest.raises(KeyError, match="absent"):
            headers["absent"]

    def test_as_a_mapping_each_name_comes_once_with_its_first_value(self, headers: Any) -> None:
        assert isinstance(headers, Mapping)
        assert list(headers) == list(headers.keys()) == ["accept", "x-one", "x-two"]
        assert list(headers.values()) == ["a", "1", "2"]
        assert dict(headers.items()) == {"accept": "a", "x-one": "1", "x-two": "2"}
        assert len(headers) == 3

    def test_pairs_show_everything_in_order(self, headers: Any) -> None:
        assert headers.pairs() == [("accept", "a"), ("x-one", "1"), ("accept", "b"), ("x-two", "2")]

    def test_the_lists_that_are_returned_belong_to_the_caller(self, headers: Any) -> None:
        headers.pairs().clear()
        headers.getlist("accept").clear()
        assert headers.getlist("accept") == ["a", "b"]
        assert len(headers) == 3

    def test_equality_is_that_of_the_pairs_in_order(self, headers: Any) -> None:
        assert headers == Headers(ACCEPTED)
        assert headers == mutable(ACCEPTED)
        assert headers != Headers(reversed(ACCEPTED))
        assert headers != dict(headers)

    def test_an_empty_value_is_a_value(self) -> None:
        headers = Headers({"X-Empty": ""})
        assert headers.get("x-empty", "default") == ""
        assert "x-empty" in headers

    def test_the_representation_shows_all_pairs(self) -> None:
        assert repr(Headers([("A", "1"), ("a", "2")])) == "Headers([('a', '1'), ('a', '2')])"
        assert repr(mutable([("A", "1")])) == "MutableHeaders([('a', '1')])"


class TestImmutableHeaders:
    def test_copying_a_multi_mapping_keeps_the_duplicates(self, headers: Any) -> None:
        assert Headers(headers) == headers

    def test_equal_headers_hash_alike(self) -> None:
        assert len({Headers({"A": "1"}), Headers([("a", "1")]), Headers({"a": "2"})}) == 2

    def test_bytes_are_read_as_latin_1(self) -> None:
        assert Headers.from_bytes([(b"X", b"caf\xe9")])["x"] == "café"

    def test_names_are_not_conflated_by_underscores(self) -> None:
        assert "x-user" not in Headers({"X_User": "admin"})

    def test_it_can_not_be_changed(self) -> None:
        headers: Any = Headers()
        with pytest.raises(TypeError):
            headers["a"] = "1"
        with pytest.raises(AttributeError):
            headers.other = 1

    def test_pairs_with_exact_names_keep_their_case(self) -> None:
        assert Pairs({"A": "1"}).get("a") is None
        assert Pairs([("A", "1"), ("A", "2")]).getlist("A") == ["1", "2"]

    @given(pair_lists)
    def test_look_ups_agree_with_a_walk_over_the_pairs(self, pairs: list[tuple[str, str]]) -> None:
        headers = Headers(pairs)
        for name, _ in pairs:
            expected = [value for other, value in pairs if other.lower() == name.lower()]
            assert headers.getlist(name.upper()) == expected
            assert headers[name] == headers.get(name) == expected[0]
        assert len(headers) == len(list(headers)) == len({name.lower() for name, _ in pairs})


class TestChanging:
    def test_the_list_is_used_in_place(self) -> None:
        raw = [("a", "1")]
        headers = MutableHeaders(raw)
        headers.add("B", "2")
        assert headers.raw is raw
        assert raw == [("a", "1"), ("b", "2")]

    def test_all_operations_keep_the_identity_of_the_list(self) -> None:
        headers = MutableHeaders(raw := [("a", "1")])
        headers.set("a", "2")
        headers.remove("a")
        headers.update({"b": "1"})
        headers.extend([("c", "1")])
        headers.add_vary("Cookie")
        del headers["c"]
        headers.clear()
        assert headers.raw is raw
        assert raw == []

    @pytest.mark.parametrize("assign", [MutableHeaders.set, MutableHeaders.__setitem__], ids=["set", "item"])
    def test_setting_replaces_all_values_at_the_place_of_the_first(self, assign: Callable[..., None]) -> None:
        headers = mutable(ACCEPTED)
        assign(headers, "ACCEPT", "c")
        assert headers.pairs() == [("accept", "c"), ("x-one", "1"), ("x-two", "2")]

    def test_setting_an_absent_name_appends(self) -> None:
        headers = mutable([("a", "1")])
        headers["B"] = "2"
        assert headers.pairs() == [("a", "1"), ("b", "2")]

    def test_setdefault_sets_only_what_is_absent(self) -> None:
        headers = mutable([("a", "1")])
        assert headers.setdefault("A", "2") == "1"
        assert headers.setdefault("B", 3) == "3"
        assert headers.pairs() == [("a", "1"), ("b", "3")]

    def test_removing_takes_all_values_and_accepts_absence(self) -> None:
        headers = mutable(ACCEPTED)
        headers.remove(b"ACCEPT")
        headers.remove("absent")
        assert headers.pairs() == [("x-one", "1"), ("x-two", "2")]

    def test_deleting_an_absent_name_is_a_key_error(self) -> None:
        headers = mutable(ACCEPTED)
        del headers["Accept"]
        assert "accept" not in headers
        with pytest.raises(KeyError, match="Accept"):
            del headers["Accept"]

    def test_update_replaces_each_name_by_all_its_new_values(self) -> None:
        headers = mutable([("set-cookie", "old"), ("a", "1")])
        headers.update([("Set-Cookie", "x=1"), ("B", "2"), ("Set-Cookie", "y=2")])
        assert headers.getlist("set-cookie") == ["x=1", "y=2"]
        assert headers.pairs()[:2] == [("set-cookie", "x=1"), ("a", "1")]

    @pytest.mark.parametrize(
        "source",
        [{"A": "1"}, {b"A": b"1"}, [("A", 1)], Headers({"a": "1"}), mutable([("a", "1")]), iter([(b"A", "1")])],
        ids=["dict", "bytes dict", "pairs", "headers", "mutable", "iterator"],
    )
    def test_extend_takes_every_kind_of_source(self, source: Any) -> None:
        headers = mutable([("a", "0")])
        headers.extend(source)
        assert headers.pairs() == [("a", "0"), ("a", "1")]

    def test_a_source_that_fails_changes_nothing(self) -> None:
        headers = mutable([("a", "1")])
        for change in (headers.extend, headers.update):
            with pytest.raises(ValueError, match="header 'b' can't hold"):
                change([("a", "2"), ("b", "\n")])
        assert headers.pairs() == [("a", "1")]

    def test_it_is_a_mutable_mapping(self) -> None:
        headers = mutable(ACCEPTED)
        assert isinstance(headers, MutableMapping)
        assert headers.pop("Accept") == "a"
        assert headers.pop("Accept", None) is None

    @given(pair_lists, names, values)
    def test_set_leaves_one_value_and_keeps_the_others(
        self, pairs: list[tuple[str, str]], name: str, value: str
    ) -> None:
        headers = mutable(pairs)
        others = [pair for pair in headers.pairs() if pair[0] != name.lower()]
        headers.set(name, value)
        assert headers.getlist(name) == [value.strip(" ")]
        assert [pair for pair in headers.pairs() if pair[0] != name.lower()] == others


class TestVary:
    @pytest.mark.parametrize(
        ("present", "added", "expected"),
        [
            ([], ["Cookie"], "Cookie"),
            (["Accept"], ["Cookie", "Origin"], "Accept, Cookie, Origin"),
            (["accept-encoding"], ["Accept-Encoding"], "accept-encoding"),
            (["Accept, Cookie"], ["COOKIE"], "Accept, Cookie"),
            (["Accept", "Cookie,, Accept"], ["Origin"], "Accept, Cookie, Origin"),
            (["*"], ["Cookie"], "*"),
            (["Accept, Cookie"], ["*"], "*"),
            (["Accept"], [], "Accept"),
        ],
        ids=[
            "absent",
            "append",
            "same without case",
            "same in list",
            "several fields",
            "star present",
            "star added",
            "nothing",
        ],
    )
    def test_names_are_merged(self, present: list[str], added: list[str], expected: str) -> None:
        headers = mutable([("vary", value) for value in present])
        headers.add_vary(*added)
        assert headers.getlist("vary") == [expected]

    def test_merging_nothing_into_nothing_adds_no_header(self) -> None:
        headers = MutableHeaders()
        headers.add_vary()
        assert headers.pairs() == []

    def test_what_is_not_a_field_name_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'Accept, Origin' is not a header name"):
            MutableHeaders().add_vary("Accept, Origin")


class TestChecking:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [("Content-Type", "content-type"), (b"X-Id", "x-id"), ("!#$%&'*+-.^_`|~09aZ", "!#$%&'*+-.^_`|~09az")],
    )
    def test_a_name_comes_back_in_lower_case(self, name: Any, expected: str) -> None:
        assert check_name(name) == expected
        assert check_name(name) == expected

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("", "''"),
            ("a b", "'a b'"),
            ("a:", "'a:'"),
            (":status", "':status'"),
            ("a\r\nb", r"'a\r\nb'"),
            ("a\n", r"'a\n'"),
            (b"a\0", r"'a\x00'"),
            ("é", r"'\xe9'"),
            ("\u212a", r"'\u212a'"),
            ("(" + "x" * 100, "'(" + "x" * 59 + "'"),
        ],
        ids=["empty", "space", "colon", "pseudo", "crlf", "trailing lf", "nul", "latin-1", "kelvin", "long"],
    )
    def test_a_name_that_is_no_token_is_refused(self, name: Any, shown: str) -> None:
        with pytest.raises(ValueError) as caught:
            check_name(name)
        assert str(caught.value) == (
            f"{shown} is not a header name; a name is one or more letters, digits and !#$%&'*+-.^_`|~"
        )

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("text", "text"),
            (b"caf\xe9", "café"),
            (42, "42"),
            (HTTPStatus.OK, "200"),
            ("a\tb", "a\tb"),
            ("", ""),
            ("  a b \t", "a b"),
            ("é".encode(), "Ã©"),
        ],
        ids=["str", "bytes", "int", "int enum", "tab", "empty", "whitespace around", "utf-8 bytes"],
    )
    def test_a_value_comes_back_as_text(self, value: Any, expected: str) -> None:
        checked = check_value("x", value)
        assert checked == expected
        assert type(checked) is str

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("a\r\nSet-Cookie: b=c", r"the control character '\r' (character 1 of the value)"),
            ("a\n", r"the control character '\n' (character 1 of the value)"),
            (b"\0", r"the control character '\x00' (character 0 of the value)"),
            ("é\x1b[2J", r"the control character '\x1b' (character 1 of the value)"),
            ("\x7f", r"the control character '\x7f' (character 0 of the value)"),
            ("€", r"'\u20ac': it is outside latin-1; percent-encode it (character 0 of the value)"),
            ("\u2028", r"'\u2028': it is outside latin-1; percent-encode it (character 0 of the value)"),
        ],
        ids=["crlf", "trailing lf", "nul", "escape", "delete", "euro", "line separator"],
    )
    def test_a_value_that_must_not_be_sent_is_refused(self, value: Any, reason: str) -> None:
        with pytest.raises(ValueError) as caught:
            check_value("x-a", value)
        assert str(caught.value) == f"header 'x-a' can't hold {reason}"

    @pytest.mark.parametrize(("value", "kind"), [(None, "NoneType"), (1.5, "float"), (True, "bool")])
    def test_other_types_are_refused_by_name(self, value: Any, kind: str) -> None:
        with pytest.raises(TypeError, match=f"header 'x-a' takes str, bytes or int, not {kind}"):
            check_value("x-a", value)

    @pytest.mark.parametrize(
        "change",
        [
            lambda headers, name, value: headers.add(name, value),
            lambda headers, name, value: headers.set(name, value),
            lambda headers, name, value: headers.__setitem__(name, value),
            lambda headers, name, value: headers.setdefault(name, value),
            lambda headers, name, value: headers.extend([(name, value)]),
            lambda headers, name, value: headers.update({name: value}),
        ],
        ids=["add", "set", "item", "setdefault", "extend", "update"],
    )
    def test_every_way_in_checks_name_and_value(self, change: Callable[..., None]) -> None:
        headers = MutableHeaders()
        with pytest.raises(ValueError, match="is not a header name"):
            change(headers, "a\r\nb", "1")
        with pytest.raises(ValueError, match="header 'a' can't hold"):
            change(headers, "a", "1\r\nb: 2")
        assert headers.pairs() == []

    @given(st.text(max_size=30))
    def test_what_passes_has_no_line_end_and_fits_latin_1(self, value: str) -> None:
        try:
            checked = check_value("x", value)
        except ValueError as error:
            shows_no_raw_control(error)
        else:
            assert not set("\r\n\0") & set(checked)
            assert checked.encode("latin-1").decode("latin-1") == checked
            assert check_value("x", checked) == checked


@pytest.mark.parametrize(
    "work",
    [
        lambda size: Headers([("a", "b")] * size).getlist("a"),
        lambda size: [
            headers.getlist(name) for headers in [Headers([(f"x{n}", "") for n in range(size)])] for name in headers
        ],
        lambda size: mutable([("a", "b")] * size).set("a", "c"),
        lambda size: mutable([("vary", "a, b")] * size).add_vary("c"),
        lambda size: check_value("x", "é" * size * 4),
    ],
    ids=["same name", "many names", "set", "vary", "value"],
)
def test_64_kib_take_linear_time(work: Callable[[int], object]) -> None:
    # A quadratic step would take 16 000² operations, which is minutes.
    started = time.process_time()
    work(16_384)
    assert time.process_time() - started < 1


def test_values_that_come_once_leave_room_for_the_others() -> None:
    """An identifier in every response is checked and encoded each time, and what is the same each time is kept."""
    always = [("x-always", "the same")]
    kept = []
    for number in range(4000):
        headers = MutableHeaders()
        headers.add("x-request-id", f"{number:032x}")
        assert encode_pairs(headers.raw) == [(b"x-request-id", b"%032x" % number)]
        if number >= 1000:
            kept.append(encode_pairs(always)[0])
    assert all(field is kept[0] for field in kept)
