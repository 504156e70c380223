"""Entity tags and preconditions: RFC 9110 §8.8.3 and §13."""

import time
from datetime import UTC, datetime

import pytest

from nacre.etags import ETag, evaluate, parse_etags
from nacre.headers import Headers

DAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
SAME = "Fri, 01 May 2026 12:00:00 GMT"
EARLIER = "Fri, 01 May 2026 11:59:59 GMT"
LATER = "Fri, 01 May 2026 12:00:01 GMT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a"', ETag("a")),
        ('W/"a"', ETag("a", weak=True)),
        ('""', ETag("")),
        (' "a"\t', ETag("a")),
        ('"a,b"', ETag("a,b")),
        ('"\xe9"', ETag("\xe9")),
        ("a", None),
        ('w/"a"', None),
        ('W/ "a"', None),
        ('"a b"', None),
        ('"a""', None),
        ('"a', None),
        ("*", None),
        ("", None),
    ],
    ids=repr,
)
def test_one_tag_is_read(text, expected):
    assert ETag.parse(text) == expected


@pytest.mark.parametrize("value", ['a"b', "a b", "a\n", "\0", "\u20ac", "\x7f"], ids=repr)
def test_what_cannot_stand_in_a_tag_is_refused(value):
    with pytest.raises(ValueError, match="can't be an entity tag") as caught:
        ETag(value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [
        (ETag("1", weak=True), ETag("1", weak=True), False, True),
        (ETag("1", weak=True), ETag("2", weak=True), False, False),
        (ETag("1", weak=True), ETag("1"), False, True),
        (ETag("1"), ETag("1"), True, True),
    ],
    ids=["both weak", "different", "one weak", "both strong"],
)
def test_tags_compare_as_in_the_table_of_rfc9110_8_8_3_2(one, other, strongly, weakly):
    assert one.matches(other) is other.matches(one) is strongly
    assert one.matches(other, weakly=True) is other.matches(one, weakly=True) is weakly


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (['"a", W/"b"'], [ETag("a"), ETag("b", weak=True)]),
        (['"a"', '"b"'], [ETag("a"), ETag("b")]),
        ([',"a",, "b",'], [ETag("a"), ETag("b")]),
        (["*"], "*"),
        ([" * "], "*"),
        (['*, "a"'], []),
        (["*", '"a"'], [ETag("a")]),
        (['"a", b, "c"'], [ETag("a")]),
        (['"a"junk, "c"'], [ETag("a")]),
        ([""], []),
    ],
    ids=repr,
)
def test_a_list_is_read_up_to_what_is_malformed(values, expected):
    assert parse_etags(values) == expected


def test_a_list_is_bounded_and_read_in_linear_time():
    assert len(parse_etags([", ".join(f'"{number}"' for number in range(1000))])) == 256

    def measure(size):
        text = ('W/"' + "x" * 50 + '" ,\t' * 3) * (size // 60) + '"' * 100
        return min(timed(text) for _ in range(5))

    def timed(text):
        start = time.perf_counter()
        parse_etags([text, "," * len(text), " " * len(text)])
        return time.perf_counter() - start

    assert measure(64 * 1024) < 24 * max(measure(4 * 1024), 1e-5)


TAG = ETag("1")
CASES = {
    "nothing asked": ("GET", [], TAG, DAY, "send"),
    "13.1.1 listed": ("PUT", [("if-match", '"0", "1"')], TAG, DAY, "send"),
    "13.1.1 not listed": ("PUT", [("if-match", '"0"')], TAG, DAY, "failed"),
    "13.1.1 a weak tag never matches": ("PUT", [("if-match", 'W/"1"')], TAG, DAY, "failed"),
    "13.1.1 nor does one that is there": ("PUT", [("if-match", '"1"')], ETag("1", weak=True), DAY, "failed"),
    "13.1.1 star": ("PUT", [("if-match", "*")], None, None, "send"),
    "13.1.1 no tag there": ("PUT", [("if-match", '"1"')], None, None, "failed"),
    "13.1.1 malformed matches nothing": ("PUT", [("if-match", "1")], TAG, DAY, "failed"),
    "13.1.2 listed": ("GET", [("if-none-match", '"0", "1"')], TAG, DAY, "not modified"),
    "13.1.2 compares weakly": ("HEAD", [("if-none-match", 'W/"1"')], TAG, DAY, "not modified"),
    "13.1.2 not listed": ("GET", [("if-none-match", '"0"')], TAG, DAY, "send"),
    "13.1.2 for another method": ("PUT", [("if-none-match", "*")], TAG, DAY, "failed"),
    "13.1.2 malformed matches nothing": ("GET", [("if-none-match", "1")], TAG, DAY, "send"),
    "13.1.3 the same date": ("GET", [("if-modified-since", SAME)], None, DAY, "not modified"),
    "13.1.3 a later date": ("GET", [("if-modified-since", LATER)], None, DAY, "not modified"),
    "13.1.3 an earlier date": ("GET", [("if-modified-since", EARLIER)], None, DAY, "send"),
    "13.1.3 fractions don't count": (
        "GET",
        [("if-modified-since", SAME)],
        None,
        DAY.replace(microsecond=9),
        "not modified",
    ),
    "13.1.3 a date without a zone is UTC": (
        "GET",
        [("if-modified-since", SAME)],
        None,
        DAY.replace(tzinfo=None),
        "not modified",
    ),
    "13.1.3 ignored beside if-none-match": (
        "GET",
        [("if-modified-since", SAME), ("if-none-match", '"0"')],
        TAG,
        DAY,
        "send",
    ),
    "13.1.3 ignored for another method": ("POST", [("if-modified-since", SAME)], None, DAY, "send"),
    "13.1.3 ignored without a date": ("GET", [("if-modified-since", SAME)], TAG, None, "send"),
    "13.1.3 malformed": ("GET", [("if-modified-since", "yesterday")], None, DAY, "send"),
    "13.1.3 twice": ("GET", [("if-modified-since", SAME), ("if-modified-since", SAME)], None, DAY, "send"),
    "13.1.4 the same date": ("PUT", [("if-unmodified-since", SAME)], None, DAY, "send"),
    "13.1.4 an earlier date": ("PUT", [("if-unmodified-since", EARLIER)], None, DAY, "failed"),
    "13.1.4 ignored beside if-match": (
        "PUT",
        [("if-unmodified-since", EARLIER), ("if-match", '"1"')],
        TAG,
        DAY,
        "send",
    ),
    "13.1.4 ignored without a date": ("PUT", [("if-unmodified-since", EARLIER)], TAG, None, "send"),
    "13.1.4 malformed": ("PUT", [("if-unmodified-since", "\u0661")], None, DAY, "send"),
    "13.2.2 if-match comes first": ("GET", [("if-match", '"0"'), ("if-none-match", '"1"')], TAG, DAY, "failed"),
    "13.2.2 then if-none-match": ("GET", [("if-match", '"1"'), ("if-none-match", '"1"')], TAG, DAY, "not modified"),
    "13.2.2 both dates": (
        "GET",
        [("if-unmodified-since", SAME), ("if-modified-since", SAME)],
        None,
        DAY,
        "not modified",
    ),
    "13.2.1 not for OPTIONS": ("OPTIONS", [("if-match", '"0"')], TAG, DAY, "send"),
}


@pytest.mark.parametrize("case", CASES)
def test_preconditions_are_weighed_in_order(case):
    method, headers, etag, modified, expected = CASES[case]
    assert evaluate(method, Headers(headers), etag, modified) == expected
