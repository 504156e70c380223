"""Byte ranges: RFC 9110 §14."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.ranges import RANGES_MAX, ByteRange, Multipart, parse_ranges

R = ByteRange


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", [R(0, 1)]),
        ("bytes=0-9", [R(0, 10)]),
        ("bytes=0-99", [R(0, 10)]),
        ("bytes=4-", [R(4, 10)]),
        ("bytes=-4", [R(6, 10)]),
        ("bytes=-99", [R(0, 10)]),
        ("bytes=007-008", [R(7, 9)]),
        ("Bytes=1-2", [R(1, 3)]),
        (" bytes= 1-2 ", [R(1, 3)]),
        ("bytes=5-6, 0-1", [R(5, 7), R(0, 2)]),
        ("bytes=0-1,,2-3,", [R(0, 2), R(2, 4)]),
        ("bytes=0-1,50-60", [R(0, 2)]),
        ("bytes=10-", []),
        ("bytes=10-20", []),
        ("bytes=-0", []),
        ("bytes=20-,30-", []),
        ("bytes=3-2", None),
        ("bytes=0-1,3-2", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("bytes", None),
        ("bytes 0-1", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=0-1-2", None),
        ("bytes=+1-2", None),
        ("bytes=1 - 2", None),
        ("bytes=0x1-2", None),
        ("bytes=1_0-", None),
        ("bytes=--1", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=\u00b2-", None),
        ("bytes=" + "9" * 19 + "-", []),
        ("bytes=" + "9" * 20 + "-", None),
        ("bytes=0-" + "9" * 5000, None),
        ("bytes=0-4,4-9", None),
        ("bytes=5-,-5", None),
        ("", None),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_range_field_is_read(value, expected):
    assert parse_ranges(value, 10) == expected


def test_a_request_may_ask_for_so_many_ranges_and_no_more():
    several = "bytes=" + ",".join(f"{2 * number}-{2 * number}" for number in range(RANGES_MAX))
    assert len(parse_ranges(several, 100)) == RANGES_MAX
    assert parse_ranges(several + ",90-90", 100) is None


def test_reading_takes_linear_time():
    def measure(size):
        texts = ["bytes=" + "0-0," * (size // 4), "bytes=" + " " * size, "bytes=" + "9" * size, "bytes=0-" + "-" * size]
        return min(timed(texts) for _ in range(5))

    def timed(texts):
        start = time.perf_counter()
        for text in texts:
            parse_ranges(text, 10**9)
        return time.perf_counter() - start

    assert measure(64 * 1024) < 24 * max(measure(4 * 1024), 1e-5)


@given(st.text("bytes=0123456789-, \u0661", max_size=40), st.integers(0, 50))
def test_what_is_read_lies_within_the_representation_and_apart(value, length):
    for prefix in ("", "bytes="):
        found = parse_ranges(prefix + value, length) or []
        covered = [position for one in found for position in range(one.start, one.stop)]
        assert all(0 <= position < length for position in covered)
        assert len(set(covered)) == len(covered)


def test_several_parts_are_framed_with_crlf_and_the_length_that_they_have():
    content = bytes(range(256))
    multipart = Multipart.of([R(0, 3), R(250, 256)], 256, "text/plain; charset=utf-8")
    body = b"".join(content[one.start : one.stop] if isinstance(one, R) else one for one in multipart.pieces)
    boundary = multipart.content_type.partition("boundary=")[2]
    assert multipart.content_type.startswith("multipart/byteranges; ")
    assert len(body) == multipart.length
    assert body == (
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-2/256\r\n\r\n".encode()
        + b"\0\1\2"
        + f"\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n".encode()
        + b"Content-Range: bytes 250-255/256\r\n\r\n"
        + content[250:]
        + f"\r\n--{boundary}--\r\n".encode()
    )


def test_no_two_bodies_have_one_boundary():
    assert len({Multipart.of([R(0, 1)], 1, None).content_type for _ in range(100)}) == 100
