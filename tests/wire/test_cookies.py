"""Cookies: whatever a browser sends is read or skipped, and only what browsers accept is written."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import dump_cookie, parse_cookie

from nacre.cookies import format_cookie, format_deletion, parse_cookies
from nacre.headers import TOKEN

OCTETS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\')
names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: not name.startswith("__"))
values = st.text(OCTETS, max_size=30)


def shows_no_raw_control(error: ValueError) -> None:
    assert str(error).isprintable()


class TestParsing:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("", {}),
            ("a=b", {"a": "b"}),
            ("a=b; c=d", {"a": "b", "c": "d"}),
            ("a=b;c=d", {"a": "b", "c": "d"}),
            (" a = b ;\tc=d\t", {"a": "b", "c": "d"}),
            ("a=b=c", {"a": "b=c"}),
            ("a=", {"a": ""}),
            ("a", {}),
            ("=b", {}),
            ("=__Host-session=bad", {}),
            (" =b; ; ;;c=d", {"c": "d"}),
            ("a=1; a=2", {"a": "1"}),
            ("a=b]csrftoken=x", {"a": "b]csrftoken=x"}),
            ("a=b,c=d", {"a": "b,c=d"}),
            ('a="b c"', {"a": "b c"}),
            (r'a="b\"c\\d"', {"a": r'b"c\d'}),
            (r'a="b\073c\054\040d"', {"a": "b;c, d"}),
            (r'a="\400"', {"a": "400"}),
            (r'a="b\"', {"a": "b\\"}),
            ('a="b; c=d', {"a": '"b', "c": "d"}),
            ('a="', {"a": '"'}),
            ('a=""', {"a": ""}),
            ("a=\xe9", {"a": "\xe9"}),
            ("a=1\x002; b=2", {"b": "2"}),
            ("a\n=1; b=2", {"b": "2"}),
            ("a=1\r\nx; b=2", {"b": "2"}),
            ("a=1\x7f; b=2", {"b": "2"}),
            (r'a="\000"; b=2', {"b": "2"}),
            (r'a="\012"; b=2', {"b": "2"}),
            ("\x01=1; a=2", {"a": "2"}),
        ],
        ids=repr,
    )
    def test_a_header_gives_these_cookies(self, header: str, expected: dict[str, str]) -> None:
        assert parse_cookies(header) == expected

    @given(st.text())
    def test_it_never_raises_and_never_gives_control_characters(self, header: str) -> None:
        for name, value in parse_cookies(header).items():
            assert name
            assert not any(ord(char) < 0x20 or ord(char) == 0x7F for char in name + value)

    @given(st.dictionaries(names, values, max_size=8))
    def test_what_was_written_is_read_back(self, cookies: dict[str, str]) -> None:
        header = "; ".join(format_cookie(name, value).partition(";")[0] for name, value in cookies.items())
        assert parse_cookies(header) == cookies

    @given(names, st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20))
    def test_the_quoted_values_of_werkzeug_are_read(self, name: str, value: str) -> None:
        assert parse_cookies(dump_cookie(name, value, path=None)) == {name: value}

    @given(st.dictionaries(names, values.filter(lambda value: '"' not in value), max_size=5))
    def test_well_formed_headers_read_as_in_werkzeug(self, cookies: dict[str, str]) -> None:
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        assert parse_cookies(header) == parse_cookie(header).to_dict()

    @pytest.mark.parametrize(
        "header",
        [
            'a="' + "\\" * 65_536 + '"',
            'a="' + r"\073" * 16_384 + '"',
            ";" * 65_536,
            "a=b;" * 16_384,
            "=" * 65_536,
            'a="' * 21_845,
            "a" * 65_536,
            " " * 65_536 + "\x01",
            " \t" * 32_768 + "=1",
        ],
        ids=["backslashes", "octal", "semicolons", "same name", "equals", "quotes", "no value", "blanks", "tabs"],
    )
    def test_64_kib_take_linear_time(self, header: str) -> None:
        # A quadratic step would take 65 536² operations, which is minutes.
        started = time.process_time()
        parse_cookies(header)
        assert time.process_time() - started < 1


MOMENT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
EXPIRES = "Expires=Wed, 02 Jan 2030 03:04:05 GMT"


class TestWriting:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, "a=b; Path=/; SameSite=Lax"),
            ({"path": None, "samesite": None}, "a=b"),
            ({"path": "/x y", "samesite": "strict"}, "a=b; Path=/x y; SameSite=Strict"),
            ({"domain": "example.com"}, "a=b; Domain=example.com; Path=/; SameSite=Lax"),
            ({"max_age": 60}, "a=b; Path=/; Max-Age=60; SameSite=Lax"),
            ({"max_age": 0}, "a=b; Path=/; Max-Age=0; SameSite=Lax"),
            ({"max_age": timedelta(hours=1, microseconds=5)}, "a=b; Path=/; Max-Age=3600; SameSite=Lax"),
            ({"expires": MOMENT}, f"a=b; Path=/; {EXPIRES}; SameSite=Lax"),
            ({"expires": MOMENT.replace(tzinfo=None)}, f"a=b; Path=/; {EXPIRES}; SameSite=Lax"),
            (
                {"expires": MOMENT.astimezone(timezone(timedelta(hours=5)))},
                f"a=b; Path=/; {EXPIRES}; SameSite=Lax",
            ),
            ({"expires": "Wed, 02 Jan 2030 03:04:05 GMT"}, f"a=b; Path=/; {EXPIRES}; SameSite=Lax"),
            ({"samesite": "none", "secure": True}, "a=b; Path=/; Secure; SameSite=None"),
            ({"samesite": "Lax"}, "a=b; Path=/; SameSite=Lax"),
            (
                {
                    "domain": "d",
                    "path": "/p",
                    "expires": MOMENT,
                    "max_age": 1,
                    "secure": True,
                    "httponly": True,
                    "samesite": "lax",
                    "partitioned": True,
                },
                f"a=b; Domain=d; Path=/p; {EXPIRES}; Max-Age=1; Secure; HttpOnly; SameSite=Lax; Partitioned",
            ),
        ],
        ids=[
            "defaults",
            "bare",
            "path",
            "domain",
            "age",
            "age zero",
            "age delta",
            "moment",
            "naive",
            "zone",
            "text",
            "same site none",
            "same site in any case",
            "everything",
        ],
    )
    def test_attributes_are_written_in_order(self, options: dict[str, Any], expected: str) -> None:
        assert format_cookie("a", "b", **options) == expected

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("__Host-a", {"secure": True}),
            ("__Secure-a", {"secure": True, "domain": "d", "path": None}),
            ("__Hosta", {}),
        ],
    )
    def test_a_prefix_with_what_it_promises_is_accepted(self, name: str, options: dict[str, Any]) -> None:
        assert format_cookie(name, "b", **options).startswith(f"{name}=b")

    @pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "a\r\n", "é", '"a"', "a\0"])
    def test_a_name_that_is_no_token_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError) as caught:
            format_cookie(name, "b")
        assert str(caught.value) == f"{name!a} is not a cookie name; a name is letters, digits and !#$%&'*+-.^_`|~"

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("b\r\nX: y", r"'\r' (character 1 of the value)"),
            ("b\n", r"'\n' (character 1 of the value)"),
            ("a;b", "';' (character 1 of the value)"),
            ("a,b", "',' (character 1 of the value)"),
            ('"b"', "'\"' (character 0 of the value)"),
            ("\\", r"'\\' (character 0 of the value)"),
            ("\0", r"'\x00' (character 0 of the value)"),
            ("é", r"'\xe9' (character 0 of the value)"),
        ],
    )
    def test_a_value_outside_cookie_octets_is_refused(self, value: str, shown: str) -> None:
        with pytest.raises(ValueError) as caught:
            format_cookie("a", value)
        assert str(caught.value) == (
            f"cookie 'a' can't hold {shown}; encode the value, for instance with urllib.parse.quote"
        )

    @pytest.mark.parametrize("attribute", ["path", "domain", "expires"])
    @pytest.mark.parametrize("text", ["/;b", "/\r\nX: y", "/\0", "/\x7f", "/é"])
    def test_an_attribute_can_not_smuggle_anything(self, attribute: str, text: str) -> None:
        options: dict[str, Any] = {attribute: text}
        with pytest.raises(ValueError) as caught:
            format_cookie("a", "b", **options)
        assert str(caught.value) == (f"the {attribute} of cookie 'a' must be printable ASCII without ';': {text!a}")

    HOST = "needs secure=True, path='/' and no domain: browsers refuse the prefix __Host- otherwise"
    SECURE = "needs secure=True: browsers refuse the prefix __Secure- without it"

    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            ("__Host-a", {}, f"cookie '__Host-a' {HOST}"),
            ("__Host-a", {"secure": True, "path": "/x"}, f"cookie '__Host-a' {HOST}"),
            ("__Host-a", {"secure": True, "path": None}, f"cookie '__Host-a' {HOST}"),
            ("__Host-a", {"secure": True, "domain": "d"}, f"cookie '__Host-a' {HOST}"),
            ("__host-a", {}, f"cookie '__host-a' {HOST}"),
            ("__Secure-a", {}, f"cookie '__Secure-a' {SECURE}"),
            ("__SECURE-a", {}, f"cookie '__SECURE-a' {SECURE}"),
            (
                "a",
                {"samesite": "none"},
                "cookie 'a' has samesite='none', which browsers accept only with secure=True",
            ),
            ("a", {"partitioned": True}, "cookie 'a' is partitioned, which browsers accept only with secure=True"),
            (
                "a",
                {"samesite": "all"},
                "the samesite of cookie 'a' is 'lax', 'strict', 'none' or None, not 'all'",
            ),
        ],
    )
    def test_what_browsers_would_ignore_is_refused(self, name: str, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError) as caught:
            format_cookie(name, "b", **options)
        assert str(caught.value) == message

    @given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
    def test_no_text_adds_a_line_or_an_attribute(self, name: str, value: str, path: str, domain: str) -> None:
        try:
            written = format_cookie(name, value, path=path, domain=domain)
        except ValueError as error:
            shows_no_raw_control(error)
        else:
            assert written.isascii()
            assert written.isprintable()
            assert written.count(";") == 3

    def test_a_deletion_expires_the_cookie_with_the_same_attributes(self) -> None:
        assert format_deletion("a") == "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; SameSite=Lax"
        assert format_deletion("__Secure-a", path="/p", domain="d", secure=True, httponly=True, partitioned=True) == (
            "__Secure-a=; Domain=d; Path=/p; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; "
            "SameSite=Lax; Partitioned"
        )

    def test_a_deletion_of_a_prefixed_cookie_needs_its_attributes_too(self) -> None:
        with pytest.raises(ValueError, match="cookie '__Host-a' needs secure=True"):
            format_deletion("__Host-a")
