"""Media types, `Accept` and dates: RFC 9110, with what real clients send."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import http_date as werkzeug_http_date
from werkzeug.http import parse_accept_header, parse_options_header

from nacre.headers import TOKEN
from nacre.media import MediaType, best_match, http_date, parse_accept, parse_http_date, parse_media_type

tokens = st.text(TOKEN, min_size=1, max_size=8)


def shows_no_raw_control(error: ValueError) -> None:
    assert str(error).isprintable()


class TestMediaType:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("text/html", MediaType("text", "html")),
            (" Text/HTML ", MediaType("text", "html")),
            ("application/problem+json", MediaType("application", "problem+json")),
            ("text/html;Charset=UTF-8", MediaType("text", "html", (("charset", "UTF-8"),))),
            ("text/html ; a=1 ;\tb=2", MediaType("text", "html", (("a", "1"), ("b", "2")))),
            ('a/b; c="d;e, f\\"\\\\"', MediaType("a", "b", (("c", 'd;e, f"\\'),))),
            ('a/b; c=""; d=', MediaType("a", "b", (("c", ""), ("d", "")))),
            ("a/b;;; c=d;", MediaType("a", "b", (("c", "d"),))),
            ("a/b; ", MediaType("a", "b")),
            ("a/b; c=1; c=2", MediaType("a", "b", (("c", "1"), ("c", "2")))),
            (
                "multipart/form-data; boundary=a/b:c=d?",
                MediaType("multipart", "form-data", (("boundary", "a/b:c=d?"),)),
            ),
            ('a/b; c="é"', MediaType("a", "b", (("c", "é"),))),
        ],
        ids=repr,
    )
    def test_a_media_type_is_parsed(self, value: str, expected: MediaType) -> None:
        assert parse_media_type(value) == expected

    @pytest.mark.parametrize(
        "value", ["", "text", "/", "text/", "/html", "a/b/c", "a b/c", "a/b, c/d", "é/b", "a/\n", ";a=b"]
    )
    def test_what_is_no_type_is_refused(self, value: str) -> None:
        with pytest.raises(ValueError) as caught:
            parse_media_type(value)
        assert str(caught.value) == f"{value!a} is not a media type; one looks like 'text/html; charset=utf-8'"

    @pytest.mark.parametrize(
        "rest",
        [
            "c",
            "c d=e",
            "c =d",
            "c= d",
            "=d",
            '"c"=d',
            'c="d',
            'c="d\\"',
            'c="d"e',
            "c=d e",
            "c=d, a/b",
            'c="\n"',
            "c=\x00",
        ],
    )
    def test_a_parameter_that_is_none_is_refused(self, rest: str) -> None:
        with pytest.raises(ValueError) as caught:
            parse_media_type("a/b;" + rest)
        assert str(caught.value) == f"{rest!a} is not a parameter; one looks like 'charset=utf-8'"

    def test_the_essence_is_what_decides(self) -> None:
        assert parse_media_type("text/plain;application=json").essence == "text/plain"
        with pytest.raises(ValueError, match="'application/json' is not a parameter"):
            parse_media_type("text/plain;application/json")

    def test_parameters_are_found_by_name(self) -> None:
        media_type = parse_media_type("text/html; Charset=UTF-8; charset=x; boundary=B")
        assert media_type.charset == "utf-8"
        assert media_type.param("boundary") == "B"
        assert media_type.param("absent") is None
        assert parse_media_type("text/html").charset is None

    @given(tokens, tokens, st.lists(st.tuples(tokens, st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))))
    def test_quoted_parameters_are_read_back(self, kind: str, subtype: str, params: list[tuple[str, str]]) -> None:
        def quoted(text: str) -> str:
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

        value = "".join([f"{kind}/{subtype}", *(f"; {name}={quoted(text)}" for name, text in params)])
        expected = tuple((name.lower(), text) for name, text in params)
        assert parse_media_type(value) == MediaType(kind.lower(), subtype.lower(), expected)

    @given(st.dictionaries(st.sampled_from(["charset", "boundary", "q", "a-b"]), st.text("abc019.-_", min_size=1)))
    def test_it_reads_as_in_werkzeug(self, params: dict[str, str]) -> None:
        value = "".join(["text/html", *(f"; {name}={text}" for name, text in params.items())])
        essence, options = parse_options_header(value)
        media_type = parse_media_type(value)
        assert (media_type.essence, dict(media_type.params)) == (essence, options)

    @given(st.text(), st.text(';=", \\/abc\n', max_size=300))
    def test_any_text_is_parsed_or_refused(self, one: str, other: str) -> None:
        for value in (one, other, "a/b;" + one, "a/b;" + other):
            try:
                parse_media_type(value)
            except ValueError as error:
                shows_no_raw_control(error)


class TestAccept:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("", []),
            ("text/html", [("text/html", 1.0)]),
            ("*/*, text/*, a/b;c=d, a/b", [("a/b;c=d", 1.0), ("a/b", 1.0), ("text/*", 1.0), ("*/*", 1.0)]),
            ("a/a;q=0.1, b/b;q=0.9, c/c", [("c/c", 1.0), ("b/b", 0.9), ("a/a", 0.1)]),
            ("A/B; C=d ; Q=0.5; ext=1", [("a/b;c=d", 0.5)]),
            ("a/b;q=0", [("a/b", 0.0)]),
            ("a/b;q=1.000, c/d;q=0., e/f;q=.5", [("a/b", 1.0), ("e/f", 0.5), ("c/d", 0.0)]),
            ('a/b;c="x,y;q=0";q=0.5, c/d', [("c/d", 1.0), ('a/b;c="x,y;q=0"', 0.5)]),
            ('a/b;c="x, d/e', []),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", [("gzip", 1.0), ("identity", 0.5), ("*", 0.0)]),
            ("en-GB, en;q=0.8", [("en-gb", 1.0), ("en", 0.8)]),
            (",, ,a/b,", [("a/b", 1.0)]),
        ],
        ids=repr,
    )
    def test_ranges_are_sorted_by_weight_then_specificity(self, value: str, expected: list[tuple[str, float]]) -> None:
        assert parse_accept(value) == expected

    @pytest.mark.parametrize(
        "member",
        ["a/b;q=2", "a/b;q=1.1", "a/b;q=-1", "a/b;q=nan", "a/b;q=1e-3", "a/b;q=", "a/b;q=.", "a/b;q=\u0661",
         "a/b;q=1_0", "a/b;x", "/b", "a/", "/", "a/b/c", "*/b", "a b", "é/b", '"a"', "a/b;q=0.1234567890"],
    )  # fmt: skip
    def test_a_malformed_member_is_skipped(self, member: str) -> None:
        assert parse_accept(f"{member}, c/d") == [("c/d", 1.0)]

    @pytest.mark.parametrize("filler", ["a/b,", ",", '";",', "x y,"], ids=["valid", "empty", "quoted", "malformed"])
    def test_only_the_first_64_members_count(self, filler: str) -> None:
        assert ("last/one", 1.0) in parse_accept(filler * 63 + "last/one")
        assert ("last/one", 1.0) not in parse_accept(filler * 64 + "last/one")

    @given(st.text(), st.text(';=", \\/*q01.ab', max_size=300))
    def test_it_never_raises(self, one: str, other: str) -> None:
        for value in (one, other, "a/b;" + one, "a/b;" + other):
            assert all(0 <= weight <= 1 for _, weight in parse_accept(value))
            assert best_match(value, ["a/b", "b/a"]) in ("a/b", "b/a", None)


RFC_9110 = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


class TestBestMatch:
    @pytest.mark.parametrize(
        ("accept", "offers", "expected"),
        [
            (None, ["a/b", "c/d"], "a/b"),
            ("", ["a/b"], "a/b"),
            ("nothing valid", ["a/b"], "a/b"),
            ("*/*", ["a/b", "c/d"], "a/b"),
            ("a/b", [], None),
            (None, [], None),
            ("a/b", ["c/d"], None),
            ("c/d, a/b", ["a/b", "c/d"], "a/b"),
            ("a/b;q=0.5, c/d", ["a/b", "c/d"], "c/d"),
            ("A/B", ["a/b"], "a/b"),
            ("a/*", ["ab/c", "a/c"], "a/c"),
            ("a/b;q=0, */*", ["a/b", "c/d"], "c/d"),
            ("a/b;q=0, */*", ["a/b"], None),
            ("*/*;q=0, a/b", ["c/d"], None),
            ("a/*;q=0, a/b", ["a/c", "a/b"], "a/b"),
            ("a/b;q=0.1, a/b;q=0.9, c/d;q=0.5", ["c/d", "a/b"], "a/b"),
            ("a/b;v=2", ["a/b", "a/b;v=1", "a/b;v=2"], "a/b;v=2"),
            ("application/json; charset=utf-8", ["application/json"], "application/json"),
            (RFC_9110, ["text/html", "image/jpeg", "text/plain"], "text/plain"),
            (RFC_9110, ["text/plain;format=fixed", "image/jpeg"], "image/jpeg"),
            (RFC_9110, ["text/html;level=3", "text/plain;format=flowed"], "text/plain;format=flowed"),
            (CHROME, ["application/json", "text/html"], "text/html"),
            (CHROME, ["application/json", "text/plain"], "application/json"),
            (JAVA, ["application/json", "text/html"], "text/html"),
            (JAVA, ["application/json"], "application/json"),
            ("*", ["a/b"], "a/b"),
        ],
    )
    def test_the_offer_that_the_client_likes_most_is_chosen(
        self, accept: str | None, offers: list[str], expected: str | None
    ) -> None:
        assert best_match(accept, offers) == expected

    def test_an_offer_that_is_no_media_type_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'json' is not a media type"):
            best_match("a/b", ["json"])

    @given(
        st.lists(
            st.tuples(st.sampled_from(["a/b", "a/c", "d/e", "a/*", "*/*"]), st.sampled_from(["0", "0.2", "0.5", "1"])),
            min_size=1,
            unique_by=lambda pair: pair[0],
        ),
        st.sampled_from(["a/b", "a/c", "d/e", "f/g"]),
    )
    def test_one_offer_is_accepted_when_werkzeug_gives_it_a_weight(
        self, ranges: list[tuple[str, str]], offer: str
    ) -> None:
        accept = ", ".join(f"{name};q={weight}" for name, weight in ranges)
        accepted: Any = parse_accept_header(accept, MIMEAccept)
        assert (best_match(accept, [offer]) is not None) == (accepted.quality(offer) > 0)


MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
IMF_FIXDATE = "Sun, 06 Nov 1994 08:49:37 GMT"


class TestDates:
    @pytest.mark.parametrize(
        "moment",
        [
            784111777,
            784111777.999,
            MOMENT,
            MOMENT.replace(microsecond=999_999),
            MOMENT.replace(tzinfo=None),
            MOMENT.astimezone(timezone(timedelta(hours=-7))),
        ],
        ids=["int", "float", "aware", "microseconds", "naive", "zone"],
    )
    def test_a_moment_is_written_as_imf_fixdate(self, moment: float | datetime) -> None:
        assert http_date(moment) == IMF_FIXDATE

    def test_microseconds_of_far_years_do_not_round_up(self) -> None:
        assert http_date(datetime(6326, 1, 1, 0, 0, 0, 999_985, UTC)) == "Fri, 01 Jan 6326 00:00:00 GMT"

    def test_moments_before_the_epoch_are_cut_downwards_too(self) -> None:
        assert http_date(-0.5) == "Wed, 31 Dec 1969 23:59:59 GMT"

    @pytest.mark.parametrize("moment", [1e12, -1e12, 1e300, float("inf"), float("nan")], ids=repr)
    def test_a_moment_outside_the_calendar_is_refused(self, moment: float) -> None:
        with pytest.raises(ValueError) as caught:
            http_date(moment)
        assert str(caught.value) == f"{moment!r} seconds since the epoch is no date between the years 1 and 9999"

    @pytest.mark.parametrize(
        "text",
        [IMF_FIXDATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 10:49:37 +0200"],
        ids=["IMF-fixdate", "RFC 850", "asctime", "offset"],
    )
    def test_every_form_of_the_rfc_is_read(self, text: str) -> None:
        assert parse_http_date(text) == MOMENT
        assert getattr(parse_http_date(text), "tzinfo", None) is UTC

    @pytest.mark.parametrize(
        "text",
        ["", "0", "now", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
         "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT", "Fri, 31 Dec 9999 23:00:00 -2300",
         "x" * 65_536, "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 65_536],
        ids=lambda text: ascii(text[:40]),
    )  # fmt: skip
    def test_a_malformed_date_is_none(self, text: str) -> None:
        assert parse_http_date(text) is None

    @given(st.datetimes(datetime(1900, 1, 1), datetime(9999, 1, 1)))
    def test_dates_are_read_back_to_the_second_and_written_as_in_werkzeug(self, moment: datetime) -> None:
        text = http_date(moment)
        assert text == werkzeug_http_date(moment)
        assert parse_http_date(text) == moment.replace(microsecond=0, tzinfo=UTC)

    @given(st.text(max_size=60), st.text("SunMoNv 0123456789:,+-GMT", max_size=40))
    def test_any_text_is_a_date_or_none(self, one: str, other: str) -> None:
        for text in (one, other):
            moment = parse_http_date(text)
            assert moment is None or moment.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        'a/b;c="' + "\\" * 65_536, 'a/b;c="' + "x" * 65_536, 'a/b;c="' + '\\"' * 32_768, "a/b" + ";" * 65_536,
        "a/b" + ";c=d" * 16_384, "a/b;" + " " * 65_536 + "x", "a/b;" + "c" * 65_536, "a" * 65_536, "," * 65_536,
        "a/b," * 16_384, '"' * 65_536, 'a/b;c=",' * 8_192, "a/b;q=0." + "0" * 65_536, '"\\' * 32_768,
    ],
    ids=[
        "backslashes", "unclosed quote", "escaped quotes", "semicolons", "parameters", "blanks", "long name",
        "one word", "commas", "ranges", "quotes", "quoted commas", "long weight", "open escapes",
    ],
)  # fmt: skip
def test_64_kib_take_linear_time(value: str) -> None:
    # A quadratic step would take 65 536² operations, which is minutes.
    started = time.process_time()
    parse_accept(value)
    best_match(value, ["text/html"])
    try:
        parse_media_type(value)
    except ValueError:
        pass
    assert time.process_time() - started < 1
