"""URLs: one decoding of the path, strict hosts, and text that means the same after a round trip."""

import sys
import time
from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nacre.headers import Headers
from nacre.urls import (
    URL,
    QueryParams,
    check_location,
    decode_path,
    decode_segment,
    encode_path,
    encode_query,
    parse_host,
    plain_firsts,
    quote_segment,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
# Raw paths dense in what makes decoding ambiguous.
raw_paths = st.lists(
    st.sampled_from(["/", "a", "2", "5", "F", "f", "%25", "%2F", "%2f", "%32", "%46", "%66", "%41", "%C3%A9", "%20"]),
    max_size=10,
).map(lambda pieces: "".join(["/", *pieces]).encode())


def shows_no_raw_control(error: ValueError) -> None:
    assert str(error).isprintable()


class TestHost:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("example.com", ("example.com", None)),
            ("EXAMPLE.com:8000", ("example.com", 8000)),
            ("example.com.", ("example.com.", None)),
            ("localhost:0", ("localhost", 0)),
            ("a:65535", ("a", 65535)),
            ("a:080", ("a", 80)),
            ("a:", ("a", None)),
            ("my_service-1:80", ("my_service-1", 80)),
            ("127.0.0.1:80", ("127.0.0.1", 80)),
            ("[::1]", ("[::1]", None)),
            ("[2001:DB8::1]:443", ("[2001:db8::1]", 443)),
            ("[::ffff:1.2.3.4]:", ("[::ffff:1.2.3.4]", None)),
            ("xn--mnchen-3ya.de", ("xn--mnchen-3ya.de", None)),
        ],
        ids=repr,
    )
    def test_a_host_is_split_and_lowered(self, value: str, expected: tuple[str, int | None]) -> None:
        assert parse_host(value) == expected

    @pytest.mark.parametrize(
        "value",
        [
            "", ":80", ".", ".a", "a..b", "a b", " a", "a ", "a\n", "a\t", "a\0", "a/", "example.com/?", "a?", "a#",
            "a@b", "@a", "a\\b", "a,b", "a%2eb", "a;b", "a'b", "münchen.de", "\u212aa", "a" * 256, "[::1",
            "[]", "[::1]a", "[::1]]", "[[::1]]", "[a]", "[1.2.3.4]", "[fe80::1%eth0]", "[v1.a]", "a]", "a[::1]",
        ],
        ids=ascii,
    )  # fmt: skip
    def test_what_is_no_host_is_refused(self, value: str) -> None:
        with pytest.raises(ValueError) as caught:
            parse_host(value)
        assert str(caught.value) == (
            f"{value[:60]!a} is not a host; one looks like 'example.com', '127.0.0.1:8000' or '[::1]:8000'"
        )

    @pytest.mark.parametrize(
        "port", ["65536", "-1", "+1", "1_0", " 1", "1 ", "a", "80:80", "000080", "80/", "80?", "9" * 5000]
    )
    def test_what_is_no_port_is_refused(self, port: str) -> None:
        for host in ("a", "[::1]"):
            with pytest.raises(ValueError) as caught:
                parse_host(f"{host}:{port}")
            assert str(caught.value) == f"{port[:60]!a} is not a port; one is a number from 0 to 65535"

    def test_digits_of_other_scripts_are_no_port(self) -> None:
        with pytest.raises(ValueError, match="is not a host"):
            parse_host("a:\u0661")

    @pytest.mark.parametrize("value", ["::1", "user:pw@a", "a:b:c", ":::"])
    def test_a_second_colon_is_refused_outside_brackets(self, value: str) -> None:
        with pytest.raises(ValueError, match=r"is not a (host|port); one "):
            parse_host(value)

    @given(st.ip_addresses(v=6), st.integers(0, 65535))
    def test_every_ipv6_address_is_a_host(self, address: IPv6Address, port: int) -> None:
        assert parse_host(f"[{address}]:{port}") == (f"[{address}]", port)

    @given(st.text(max_size=20))
    def test_a_url_with_an_accepted_host_has_that_host_for_everyone(self, value: str) -> None:
        try:
            host, port = parse_host(value)
        except ValueError as error:
            shows_no_raw_control(error)
        else:
            seen = urlsplit(str(URL("http", host, port, "/path", "q")))
            assert (seen.hostname, seen.path, seen.query) == (host.strip("[]"), "/path", "q")

    def test_the_cache_does_not_grow_with_what_peers_send(self) -> None:
        for number in range(2000):
            parse_host(f"host-{number}")
        info = parse_host.cache_info()
        assert info.maxsize is not None
        assert info.currsize <= info.maxsize


class TestPath:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (b"", ""),
            (b"/", "/"),
            (b"/users/42", "/users/42"),
            (b"/a%20b", "/a b"),
            (b"/a+b", "/a+b"),
            (b"/caf%C3%A9", "/café"),
            (b"/caf\xc3\xa9", "/café"),
            (b"/caf\xc3%a9", "/café"),
            (b"/100%25", "/100%"),
            (b"/100%25/x", "/100%/x"),
            (b"/a%2Fb", "/a%2Fb"),
            (b"/a%2fb", "/a%2Fb"),
            (b"/a%252Fb", "/a%252Fb"),
            (b"/a%25252Fb", "/a%25252Fb"),
            (b"/a%25%32Fb", "/a%252Fb"),
            (b"/a%25%32%66b", "/a%252fb"),
            (b"/a%2525", "/a%2525"),
            (b"/%2F/100%25", "/%2F/100%25"),
            (b"/%2e%2E/x", "/../x"),
            (b"/a%3Fb%23c%3Bd", "/a?b#c;d"),
            (b"/a%0ab", "/a\nb"),
            (b"/%5c%5Cevil", "/\\\\evil"),
        ],
        ids=repr,
    )
    def test_a_path_is_decoded_once(self, raw: bytes, expected: str) -> None:
        assert decode_path(raw) == expected

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (b"/a%", "the path holds an incomplete escape at byte 2"),
            (b"/a%2", "the path holds an incomplete escape at byte 2"),
            (b"/a%zz", "the path holds an incomplete escape at byte 2"),
            (b"/%%41", "the path holds an incomplete escape at byte 1"),
            (b"/%+1", "the path holds an incomplete escape at byte 1"),
            (b"/a%00", "the path holds NUL"),
            (b"/a\0", "the path holds NUL"),
            (b"/%2F\0", "the path holds NUL"),
            (b"/%ff", "the path is not UTF-8: invalid start byte"),
            (b"/\xff", "the path is not UTF-8: invalid start byte"),
            (b"/%c0%af", "the path is not UTF-8: invalid start byte"),
            (b"/%c3%2F%a9", "the path is not UTF-8: invalid continuation byte"),
            (b"/%ed%a0%80", "the path is not UTF-8: invalid continuation byte"),
            (b"/%e2%82", "the path is not UTF-8: unexpected end of data"),
        ],
        ids=repr,
    )
    def test_a_malformed_path_is_refused(self, raw: bytes, message: str) -> None:
        with pytest.raises(ValueError) as caught:
            decode_path(raw)
        assert str(caught.value) == message

    @given(raw_paths, raw_paths)
    @example(b"/%2F", b"/%252F")
    @example(b"/%252F", b"/%25252F")
    @example(b"/%2525", b"/%25")
    def test_paths_that_mean_different_things_never_look_the_same(self, one: bytes, other: bytes) -> None:
        def meaning(raw: bytes) -> list[str]:
            return [unquote(segment.decode()) for segment in raw.split(b"/")]

        assert (decode_path(one) == decode_path(other)) == (meaning(one) == meaning(other))

    @given(raw_paths)
    def test_segments_are_those_of_the_raw_path(self, raw: bytes) -> None:
        segments = [decode_segment(segment) for segment in decode_path(raw).split("/")]
        assert segments == [unquote(segment.decode()) for segment in raw.split(b"/")]

    @given(raw_paths)
    def test_encoding_goes_back_to_a_path_with_the_same_meaning(self, raw: bytes) -> None:
        path = decode_path(raw)
        assert decode_path(encode_path(path).encode()) == path

    @given(texts)
    def test_a_quoted_segment_is_captured_as_it_was(self, text: str) -> None:
        assume("\0" not in text)
        path = decode_path(f"/before/{quote_segment(text)}/after".encode())
        before, captured, after = path.split("/")[1:]
        assert (before, decode_segment(captured), after) == ("before", text, "after")

    @given(st.binary(max_size=40))
    def test_any_bytes_are_decoded_or_refused(self, raw: bytes) -> None:
        try:
            path = decode_path(raw)
        except ValueError as error:
            shows_no_raw_control(error)
        else:
            assert "\0" not in path
            assert decode_path(encode_path(path).encode()) == path

    def test_what_the_decoder_never_returns_is_encoded_all_the_same(self) -> None:
        assert encode_path("/a%2Fb 100%") == "/a%2Fb%20100%25"

    def test_reserved_characters_of_a_path_stay_readable(self) -> None:
        assert encode_path("/a:b@c;d=e,f+g!~/h i?j#k%") == "/a:b@c;d=e,f+g!~/h%20i%3Fj%23k%25"
        assert quote_segment("a/b%2F") == "a%2Fb%252F"

    @pytest.mark.parametrize("quote", [quote_segment, encode_path, check_location])
    def test_a_lone_surrogate_is_a_value_error(self, quote: Any) -> None:
        with pytest.raises(ValueError, match="surrogates not allowed"):
            quote("\ud800")


class TestURL:
    def test_it_is_written_from_its_parts(self) -> None:
        url = URL("https", "example.com", 8443, "/a b/ü", "q=1&r=%20")
        assert str(url) == "https://example.com:8443/a%20b/%C3%BC?q=1&r=%20"
        assert url.netloc == "example.com:8443"
        assert url.origin == "https://example.com:8443"

    @pytest.mark.parametrize(
        ("scheme", "port", "netloc"),
        [
            ("http", 80, "h"),
            ("https", 443, "h"),
            ("ws", 80, "h"),
            ("wss", 443, "h"),
            ("http", 443, "h:443"),
            ("https", 80, "h:80"),
            ("http", None, "h"),
            ("other", 80, "h:80"),
            ("http", 0, "h:0"),
        ],
    )
    def test_the_port_of_the_scheme_is_left_out(self, scheme: str, port: int | None, netloc: str) -> None:
        assert URL(scheme, "h", port).netloc == netloc

    def test_an_encoded_slash_is_shown_encoded_once(self) -> None:
        assert str(URL("http", "h", None, decode_path(b"/a%2Fb/100%25"))) == "http://h/a%2Fb/100%25"
        assert str(URL("http", "h", None, decode_path(b"/100%25"))) == "http://h/100%25"

    def test_the_query_is_not_encoded_again_and_can_not_end(self) -> None:
        assert str(URL("http", "h", None, "/", "a=%41 é#f\n")) == "http://h/?a=%41%20%C3%A9%23f%0A"

    def test_replace_returns_a_copy(self) -> None:
        url = URL("http", "h", None, "/p", "old=1")
        assert url.replace(scheme="https", path="/q") == URL("https", "h", None, "/q", "old=1")
        assert url.query == "old=1"

    def test_replacing_an_unknown_part_is_an_error(self) -> None:
        with pytest.raises(TypeError, match="hots"):
            URL("http", "h").replace(hots="x")

    @pytest.mark.parametrize("path", ["@evil.example", "x", ":80", "*"])
    def test_a_path_can_not_change_the_host(self, path: str) -> None:
        with pytest.raises(ValueError) as caught:
            URL("http", "h", None, path)
        assert str(caught.value) == f"the path of a URL is empty or starts with '/', unlike {path!a}"

    def test_an_empty_path_is_accepted(self) -> None:
        assert str(URL("http", "h", None, "")) == "http://h"


class TestQuery:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", []),
            ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
            ("a=1;b=2", [("a", "1;b=2")]),
            ("a", [("a", "")]),
            ("a=&=b&=", [("a", ""), ("", "b"), ("", "")]),
            ("&&a=1&", [("a", "1")]),
            ("a=b=c", [("a", "b=c")]),
            ("a+b=c%20d%2B", [("a b", "c d+")]),
            ("a%26b=c%3Dd", [("a&b", "c=d")]),
            ("x=%E2%82%AC", [("x", "€")]),
            ("x=%ff%E2%82", [("x", "\ufffd\ufffd")]),
            ("x=%zz%4", [("x", "%zz%4")]),
            ("x=é", [("x", "é")]),
            ("x=é%41", [("x", "éA")]),
            (b"x=\xc3\xa9&y=\xff", [("x", "é"), ("y", "\ufffd")]),
            (b"x=\xc3%a9", [("x", "é")]),
            ("x=\ud800", [("x", "\ufffd\ufffd\ufffd")]),
            ("a%00=%0a", [("a\0", "\n")]),
        ],
        ids=ascii,
    )
    def test_fields_are_split_then_decoded(self, query: str | bytes, expected: list[tuple[str, str]]) -> None:
        params = QueryParams(query)
        assert params.pairs() == expected
        if isinstance(query, str) and query.isascii():
            assert QueryParams(query.encode()) == params

    def test_it_reads_like_headers_but_with_case(self) -> None:
        params = QueryParams("a=1&A=2&a=3")
        assert isinstance(params, Mapping)
        assert params["a"] == "1"
        assert params.get("A") == "2"
        assert params.get("b") is None
        assert params.get("b", 7) == 7
        assert params.getlist("a") == ["1", "3"]
        assert params.getlist("b") == []
        assert list(params) == ["a", "A"]
        assert len(params) == 2
        assert "a" in params
        assert "b" not in params
        assert {params: 1}[QueryParams("a=1&A=2&a=3")] == 1
        assert repr(params) == "QueryParams([('a', '1'), ('A', '2'), ('a', '3')])"

    @pytest.mark.parametrize("separator", ["&", "a&", "a=1&"])
    def test_the_number_of_fields_is_bounded(self, separator: str) -> None:
        QueryParams(separator * 999)
        with pytest.raises(ValueError, match=r"^the query has more than 1000 fields$"):
            QueryParams(separator * 1000)
        with pytest.raises(ValueError, match=r"^the query has more than 2 fields$"):
            QueryParams("a&b&c", max_fields=2)

    @given(st.lists(st.tuples(texts, texts), max_size=8))
    def test_what_was_encoded_is_read_back(self, pairs: list[tuple[str, str]]) -> None:
        assert QueryParams(encode_query(pairs)).pairs() == pairs

    @given(st.text("ab&=+%4f1;é", max_size=30))
    def test_text_reads_as_in_the_standard_library(self, query: str) -> None:
        assert QueryParams(query).pairs() == parse_qsl(query, keep_blank_values=True)

    @given(st.one_of(st.text("ab&=", max_size=40), st.text("ab&=+%4f1;é\ud800", max_size=30)))
    def test_first_values_are_those_of_the_whole_query(self, query: str) -> None:
        firsts = plain_firsts(query)
        assert firsts is None or firsts == dict(QueryParams(query))

    @pytest.mark.parametrize("field", ["", "a", "a=1"])
    def test_first_values_are_not_told_of_more_fields_than_a_query_may_have(self, field: str) -> None:
        assert plain_firsts("&".join([field] * 1001)) is None

    @given(st.binary(max_size=40))
    def test_any_bytes_are_read(self, query: bytes) -> None:
        QueryParams(query)

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ({}, ""),
            ({"a": 1, "b": "x y&"}, "a=1&b=x%20y%26"),
            ([("a", "1"), ("a", "2")], "a=1&a=2"),
            ({"a": ["1", 2], "b": (), "c": "é/"}, "a=1&a=2&c=%C3%A9%2F"),
            (QueryParams("a=1&a=2"), "a=1&a=2"),
            (Headers([("A", "1"), ("a", "2")]), "a=1&a=2"),
        ],
        ids=["empty", "dict", "pairs", "lists", "query", "headers"],
    )
    def test_a_query_is_written_from_any_source(self, source: Any, expected: str) -> None:
        assert encode_query(source) == expected


class TestLocation:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("", ""),
            ("/login?next=%2Fa&x=1#top", "/login?next=%2Fa&x=1#top"),
            ("https://user@example.com:8000/a;b,c!d'(e)*~", "https://user@example.com:8000/a;b,c!d'(e)*~"),
            ("http://[::1]:80/", "http://[::1]:80/"),
            ("/a b", "/a%20b"),
            ("/ü/€", "/%C3%BC/%E2%82%AC"),
            ("/100%", "/100%25"),
            ("/100%zz%41", "/100%25zz%41"),
            ("\\\\evil.example", "%5C%5Cevil.example"),
            ("/\\evil.example", "/%5Cevil.example"),
            ('/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
            (" https://evil.example", "%20https://evil.example"),
            ("/\u2028\u202e\u00a0", "/%E2%80%A8%E2%80%AE%C2%A0"),
        ],
        ids=ascii,
    )
    def test_it_becomes_a_uri(self, value: str, expected: str) -> None:
        assert check_location(value) == expected

    @pytest.mark.parametrize("char", ["\r", "\n", "\t", "\0", "\x1b", "\x7f", "\x85"], ids=ascii)
    def test_control_characters_are_refused(self, char: str) -> None:
        with pytest.raises(ValueError) as caught:
            check_location(f"/é{char}/evil.example")
        assert str(caught.value) == f"a redirect target can't hold the control character {char!a} (character 2)"

    @given(texts)
    def test_a_second_call_changes_nothing(self, value: str) -> None:
        try:
            location = check_location(value)
        except ValueError:
            return
        assert location.isascii()
        assert location.isprintable()
        assert " " not in location
        assert "\\" not in location
        assert check_location(location) == location


SIZE = 65_536


def refused_host(value: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_host(value)


@pytest.mark.parametrize(
    "work",
    [
        lambda: decode_path(b"/%2F" * (SIZE // 4)),
        lambda: decode_path(b"%25" * (SIZE // 3)),
        lambda: decode_path(b"%c3%a9" * (SIZE // 6)),
        lambda: decode_segment("%2F%25" * (SIZE // 6)),
        lambda: encode_path("%2F%%" * (SIZE // 5)),
        lambda: QueryParams("a=b&" * (SIZE // 4), max_fields=SIZE).getlist("a"),
        lambda: QueryParams("&" * SIZE, max_fields=sys.maxsize),
        lambda: QueryParams("%41+" * (SIZE // 4)),
        lambda: QueryParams("%" * SIZE),
        lambda: check_location("%" * SIZE),
        lambda: check_location("\\" * SIZE),
        lambda: refused_host("[" * SIZE),
        lambda: refused_host("a" * SIZE),
        lambda: refused_host("[" + ":" * SIZE + "]"),
        lambda: refused_host("a:" + "9" * SIZE),
    ],
    ids=[
        "encoded slashes", "encoded percents", "encoded letters", "segment", "encode path", "many fields",
        "empty fields", "escaped field", "percents", "bare percents", "backslashes", "brackets", "long host", "colons",
        "long port",
    ],
)  # fmt: skip
def test_64_kib_take_linear_time(work: Any) -> None:
    # A quadratic step would take 65 536² operations, which is minutes.
    started = time.process_time()
    work()
    assert time.process_time() - started < 1
