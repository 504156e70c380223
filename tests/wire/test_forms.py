"""Forms: one result for every way a body is cut, limits before memory, and 4xx for everything that is no form."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import multipart
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.formparser import FormDataParser
from werkzeug.test import EnvironBuilder

from nacre.body import Body
from nacre.errors import BadRequest, ContentTooLarge, HTTPError
from nacre.forms import FORM_LIMITS, FormData, FormLimits, UploadFile, read_form
from nacre.headers import Headers
from nacre.media import MediaType, parse_media_type
from nacre.multipart import MultipartDecoder
from nacre.threads import run_at_once

URLENCODED = parse_media_type("application/x-www-form-urlencoded")
MULTIPART = parse_media_type("multipart/form-data; boundary=cut")
END = b"--cut--\r\n"


def part(disposition: bytes | str, content: bytes = b"", *headers: bytes) -> bytes:
    """One part with the boundary in front of it; the disposition is what stands after `form-data; `."""
    given = disposition.encode() if isinstance(disposition, str) else disposition
    lines = [b"--cut", b"Content-Disposition: form-data; " + given, *headers, b"", content]
    return b"\r\n".join(lines) + b"\r\n"


def parsed(content_type: MediaType, chunks: Iterable[bytes], limits: FormLimits = FORM_LIMITS) -> FormData:
    pieces = filter(None, chunks)

    class Arriving:
        async def read(self) -> bytes:
            return next(pieces, b"")

    return run_at_once(read_form(Body(Arriving()), content_type, limits))


def urlencoded(body: bytes, content_type: str = "application/x-www-form-urlencoded", **limits: int) -> FormData:
    return parsed(parse_media_type(content_type), [body], FormLimits(**limits))


def multipart_form(
    body: bytes, content_type: str = "multipart/form-data; boundary=cut", limits: FormLimits = FORM_LIMITS
) -> FormData:
    return parsed(parse_media_type(content_type), [body], limits)


def outcome(chunks: Iterable[bytes], limits: FormLimits = FORM_LIMITS) -> object:
    """The fields of a multipart form, or how it is refused."""
    try:
        return plain(parsed(MULTIPART, chunks, limits))
    except HTTPError as error:
        return error.status, error.detail


def file(filename: str | None, data: bytes = b"", content_type: str = "application/octet-stream") -> tuple[Any, ...]:
    return filename, content_type, data


def plain(form: FormData) -> list[tuple[str, Any]]:
    """The pairs of a form, its files without their headers."""
    return [
        (name, (value.filename, value.content_type, value.data) if isinstance(value, UploadFile) else value)
        for name, value in form.pairs()
    ]


class TestUrlencoded:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b"", []),
            (b"a=1", [("a", "1")]),
            (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
            (b"a", [("a", "")]),
            (b"=b", [("", "b")]),
            (b"&&a=1&", [("a", "1")]),
            (b"a=b=c", [("a", "b=c")]),
            (b"a+b=c+d", [("a b", "c d")]),
            (b"a=%2B%26%3D%25", [("a", "+&=%")]),
            (b"a=1;b=2", [("a", "1;b=2")]),
            (b"%C3%A9=%c3%a9", [("é", "é")]),
            ("é=é".encode(), [("é", "é")]),
            (b"a=%", [("a", "%")]),
            (b"a=%4", [("a", "%4")]),
            (b"a=%zz", [("a", "%zz")]),
            (b"a=%00", [("a", "\0")]),
            (b"_charset_=utf-16&a=%C3%A9", [("_charset_", "utf-16"), ("a", "é")]),
            (b"a=1\r\n", [("a", "1\r\n")]),
        ],
        ids=repr,
    )
    def test_a_form_is_split_and_unescaped(self, body: bytes, expected: list[tuple[str, str]]) -> None:
        assert urlencoded(body).pairs() == expected

    @pytest.mark.parametrize(
        ("charset", "body", "value"),
        [
            ("utf-8", b"a=%C3%A9", "é"),
            ("UTF8", b"a=%C3%A9", "é"),
            ("iso-8859-1", b"a=%E9", "é"),
            ("us-ascii", b"a=e", "e"),
        ],
    )
    def test_the_charset_of_the_content_type_counts(self, charset: str, body: bytes, value: str) -> None:
        assert urlencoded(body, f"{URLENCODED.essence}; charset={charset}")["a"] == value

    @pytest.mark.parametrize("body", [b"a=%FF", b"%FF=a", b"a=\xff", b"a=%ED%A0%80", b"a=%C0%AF", b"a=%C3"], ids=repr)
    def test_text_that_is_not_utf8_is_refused(self, body: bytes) -> None:
        with pytest.raises(BadRequest) as caught:
            urlencoded(body)
        assert caught.value.detail == "the form holds text that isn't in its charset, UTF-8 if it names none"

    @pytest.mark.parametrize("charset", ["utf-7", "utf-16", "rot13", "idna", "zip", "unicode_escape", "nonsense"])
    def test_other_charsets_are_refused(self, charset: str) -> None:
        with pytest.raises(BadRequest) as caught:
            urlencoded(b"a=1", f"{URLENCODED.essence}; charset={charset}")
        assert caught.value.detail == "the form is in a charset that isn't understood; send UTF-8"

    @given(st.lists(st.tuples(st.text(), st.text())))
    def test_what_werkzeug_writes_is_read(self, fields: list[tuple[str, str]]) -> None:
        fields = [(_encodable(name), _encodable(value)) for name, value in fields]
        builder = EnvironBuilder(method="POST", content_type=URLENCODED.essence)
        for name, value in fields:
            builder.form.add(name, value)
        body = builder.get_environ()["wsgi.input"].read()
        # A mapping of lists puts equal names together.
        assert sorted(urlencoded(body).pairs()) == sorted(fields)

    tokens = st.sampled_from(
        [
            b"&", b"=", b"+", b"%", b"%26", b"%3d", b"%4", b"%C3%A9", b"a", b"\xc3\xa9", b"\0", b";", b"%FF",
            b"%EF%BB%BF", b"\xef\xbb\xbf", b"%2B", b"%%41", b"\r\n", b" ",
        ]
    )  # fmt: skip

    @given(st.lists(tokens, max_size=12).map(b"".join))
    def test_fields_are_those_of_the_url_standard(self, body: bytes) -> None:
        """https://url.spec.whatwg.org/#concept-urlencoded-parser; where it would put U+FFFD, the form is refused."""
        expected = _by_the_standard(body)
        if any("\ufffd" in text for pair in expected for text in pair):
            with pytest.raises(BadRequest):
                urlencoded(body)
        else:
            assert urlencoded(body).pairs() == expected

    @given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
    def test_a_form_is_the_same_however_it_is_cut(self, body: bytes, cuts: list[int]) -> None:
        def result(chunks: list[bytes]) -> object:
            try:
                return parsed(URLENCODED, chunks).pairs()
            except BadRequest as error:
                return error.detail

        assert result(_cut(body, cuts)) == result([body])


def _by_the_standard(body: bytes) -> list[tuple[str, str]]:
    """The steps of the URL Standard's parser, one by one."""
    output = []
    for sequence in body.split(b"&"):
        if not sequence:
            continue
        name, _, value = sequence.partition(b"=")
        decoded = [_percent_decoded(part.replace(b"+", b" ")).decode("utf-8", "replace") for part in (name, value)]
        output.append((decoded[0], decoded[1]))
    return output


def _percent_decoded(given: bytes) -> bytes:
    output, at = bytearray(), 0
    while at < len(given):
        digits = given[at + 1 : at + 3]
        if given[at : at + 1] == b"%" and re.fullmatch(rb"[0-9A-Fa-f]{2}", digits):
            output.append(int(digits, 16))
            at += 3
        else:
            output.append(given[at])
            at += 1
    return bytes(output)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _cut(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cuts), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(places)]


VALID: dict[str, tuple[bytes, list[tuple[str, Any]]]] = {
    "nothing": (b"", []),
    "no part": (END, []),
    "no part and no line end": (b"--cut--", []),
    "a text": (part('name="a"', b"1") + END, [("a", "1")]),
    "an empty text": (part('name="a"') + END, [("a", "")]),
    "no line end after it": (part('name="a"', b"1") + b"--cut--", [("a", "1")]),
    "a line end before it": (b"\r\n" + part('name="a"', b"1") + END, [("a", "1")]),
    "an epilogue": (part('name="a"', b"1") + END + b"more\r\n--cut\r\n", [("a", "1")]),
    "an epilogue on the last line": (part('name="a"', b"1") + b"--cut--more", [("a", "1")]),
    "two of a name": (part('name="a"', b"1") + part('name="a"', b"2") + END, [("a", "1"), ("a", "2")]),
    "an unquoted name": (part("name=a", b"1") + END, [("a", "1")]),
    "no space": (part('name="a";filename="b"', b"1") + END, [("a", file("b", b"1"))]),
    "a name with escapes": (part('name="a%22b%0D%0A%25"', b"1") + END, [('a"b\r\n%25', "1")]),
    "an empty name": (part('name=""', b"1") + END, [("", "1")]),
    "an empty name of a file": (part('name=""; filename="a"', b"1") + END, [("", file("a", b"1"))]),
    "control characters in a name": (part('name="\x01\x7f\x93\t"', b"1") + END, [("\x01\x7f\x93\t", "1")]),
    "NUL in a file name": (part('name="f"; filename="a\0.png\x1b"', b"1") + END, [("f", file("a.png", b"1"))]),
    "a name in UTF-8": (part('name="é"', "ü".encode()) + END, [("é", "ü")]),
    "a text with line ends": (part('name="a"', b"\r\n1\r\n\r\n") + END, [("a", "\r\n1\r\n\r\n")]),
    "a text with dashes": (part('name="a"', b"--cu\r\n--cu\r\n--") + END, [("a", "--cu\r\n--cu\r\n--")]),
    "a text in latin-1": (
        part('name="a"', b"\xe9", b"Content-Type: text/plain; charset=ISO-8859-1") + END,
        [("a", "é")],
    ),
    "a text with length": (part('name="a"', b"abc", b"Content-Length: 3") + END, [("a", "abc")]),
    "an unknown header": (part('name="a"', b"1", b"X-Other: \xc3\xa9\tb") + END, [("a", "1")]),
    "an encoding that is none": (part('name="a"', b"1", b"Content-Transfer-Encoding: 8BIT") + END, [("a", "1")]),
    "_charset_": (
        part('name="_charset_"', b"utf-16") + part('name="a"', "é".encode()) + END,
        [("_charset_", "utf-16"), ("a", "é")],
    ),
    "a file": (
        part('name="f"; filename="a.png"', b"\xff\0\r\n", b"Content-Type: image/png") + END,
        [("f", file("a.png", b"\xff\0\r\n", "image/png"))],
    ),
    "a file without type": (part('name="f"; filename="a"', b"1") + END, [("f", file("a", b"1"))]),
    "an empty file": (part('name="f"; filename="a"') + END, [("f", file("a"))]),
    "a file without name": (part('name="f"; filename=""', b"1") + END, [("f", file(None, b"1"))]),
    "no file chosen": (
        part('name="f"; filename=""', b"", b"Content-Type: application/octet-stream") + part('name="a"', b"1") + END,
        [("a", "1")],
    ),
    "only filename*": (part("name=\"f\"; filename*=UTF-8''a.txt", b"1") + END, [("f", "1")]),
    "filename* besides": (
        part('name="f"; filename="a.txt"; filename*=UTF-8\'\'evil.php', b"1") + END,
        [("f", file("a.txt", b"1"))],
    ),
    "filename* first": (
        part('name="f"; filename*=UTF-8\'\'evil.php; filename="a.txt"', b"1") + END,
        [("f", file("a.txt", b"1"))],
    ),
    "headers in other case": (
        b'--cut\r\ncontent-disposition: Form-Data; name="a"\r\nCONTENT-TYPE:text/plain\r\n\r\n1\r\n' + END,
        [("a", "1")],
    ),
    "as many headers as can be": (
        part('name="a"', b"1", *[b"X-%d: 1" % number for number in range(7)]) + END,
        [("a", "1")],
    ),
    "a header as long as can be": (
        part('name="a"', b"1", b"X: " + b"x" * (FORM_LIMITS.header_size - 3)) + END,
        [("a", "1")],
    ),
}

MALFORMED_DETAIL = "the multipart form is malformed"
CUT_SHORT = "the multipart form ends before its last boundary"
HEADERS = "a part of the form has more than 8 headers, or one of more than 4096 bytes"
MALFORMED: dict[str, tuple[bytes, str]] = {
    "text before the boundary": (b"preamble\r\n" + part('name="a"', b"1") + END, "the multipart form doesn't begin"),
    "no boundary": (b"x" * 100, "the multipart form doesn't begin with its boundary"),
    "another boundary": (b"--other\r\n\r\n", "the multipart form doesn't begin with its boundary"),
    "a longer boundary": (b"--cutlass\r\n\r\n", MALFORMED_DETAIL),
    "one byte": (b"-", CUT_SHORT),
    "a line end": (b"\r\n", CUT_SHORT),
    "only the first boundary": (b"--cut\r\n", CUT_SHORT),
    "no last boundary": (part('name="a"', b"1"), CUT_SHORT),
    "half a boundary": (part('name="a"', b"1") + b"--cu", CUT_SHORT),
    "half an end": (part('name="a"', b"1") + b"--cut-", CUT_SHORT),
    "cut in the headers": (b'--cut\r\nContent-Disposition: form-data; name="a"\r\n', CUT_SHORT),
    "a boundary within a text": (part('name="a"', b"\r\n--cutlass"), MALFORMED_DETAIL),
    "a boundary right after the headers": (
        b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + part('name="b"', b"1") + END,
        MALFORMED_DETAIL,
    ),
    "only line feeds": (part('name="a"', b"1").replace(b"\r\n", b"\n") + END, MALFORMED_DETAIL),
    "line feeds in headers": (
        b'--cut\r\nContent-Disposition: form-data; name="a"\nX: y\r\n\r\n1\r\n' + END,
        MALFORMED_DETAIL,
    ),
    "a line feed before a header": (
        b'--cut\r\n\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' + END,
        MALFORMED_DETAIL,
    ),
    "a carriage return in a header": (part(b'name="a"\rX: y', b"1") + END, MALFORMED_DETAIL),
    "a folded header": (part('name="a"', b"1", b"X: a", b"  b") + END, MALFORMED_DETAIL),
    "a folded disposition": (
        b'--cut\r\nContent-Disposition: form-data;\r\n name="a"\r\n\r\n1\r\n' + END,
        MALFORMED_DETAIL,
    ),
    "no disposition": (b"--cut\r\nContent-Type: text/plain\r\n\r\n1\r\n" + END, MALFORMED_DETAIL),
    "no headers": (b"--cut\r\n\r\n1\r\n" + END, MALFORMED_DETAIL),
    "another disposition": (b'--cut\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n' + END, MALFORMED_DETAIL),
    "two dispositions": (
        part('name="a"', b"1", b'Content-Disposition: form-data; name="b"') + END,
        MALFORMED_DETAIL,
    ),
    "two types": (part('name="a"', b"1", b"Content-Type: a/b", b"content-type: c/d") + END, MALFORMED_DETAIL),
    "no name": (part('filename="a"', b"1") + END, MALFORMED_DETAIL),
    "a name elsewhere": (part('filename="name=a"', b"1") + END, MALFORMED_DETAIL),
    "a header without colon": (part('name="a"', b"1", b"nothing") + END, MALFORMED_DETAIL),
    "a space before a colon": (part('name="a"', b"1", b"X : y") + END, MALFORMED_DETAIL),
    "a space before a disposition": (
        b'--cut\r\n\xc2\x85Content-Disposition: form-data; name="a"\r\n\r\n1\r\n' + END,
        MALFORMED_DETAIL,
    ),
    "a header without name": (part('name="a"', b"1", b": y") + END, MALFORMED_DETAIL),
    "a header that is no token": (part('name="a"', b"1", b"a b: c") + END, MALFORMED_DETAIL),
    "a name that is not UTF-8": (part(b'name="\xff"', b"1") + END, MALFORMED_DETAIL),
    "a text that is not UTF-8": (part('name="a"', b"\xff") + END, "the form holds text that isn't in its charset"),
    "a charset": (
        part('name="a"', b"1", b"Content-Type: text/plain; charset=utf-7") + END,
        "the form is in a charset that isn't understood; send UTF-8",
    ),
    "a text's type that is none": (part('name="a"', b"1", b"Content-Type: text") + END, MALFORMED_DETAIL),
    "base64": (
        part('name="f"; filename="a"', b"MQ==", b"Content-Transfer-Encoding: base64") + END,
        "a part of the form has a Content-Transfer-Encoding, which forms don't use",
    ),
    "quoted-printable": (
        part('name="a"', b"=3D", b"Content-Transfer-Encoding: Quoted-Printable") + END,
        "a part of the form has a Content-Transfer-Encoding, which forms don't use",
    ),
    "a length that is too long": (part('name="a"', b"1", b"Content-Length: 2") + END, MALFORMED_DETAIL),
    "a length that is too short": (part('name="a"', b"123", b"Content-Length: 2") + END, MALFORMED_DETAIL),
    "a length that is negative": (part('name="a"', b"1", b"Content-Length: -1") + END, MALFORMED_DETAIL),
    "a length that is no number": (part('name="a"', b"1", b"Content-Length: " + b"9" * 4070) + END, MALFORMED_DETAIL),
    "too many headers": (part('name="a"', b"1", *[b"X-%d: 1" % number for number in range(8)]) + END, HEADERS),
    "a header that is too long": (
        part('name="a"', b"1", b"X: " + b"x" * (FORM_LIMITS.header_size - 2)) + END,
        HEADERS,
    ),
    "a header that never ends": (b"--cut\r\nX: " + b"x" * 10_000, HEADERS),
}

BODIES = {**{name: body for name, (body, _) in VALID.items()}, **{name: body for name, (body, _) in MALFORMED.items()}}
SMALL_BODIES = {name: body for name, body in BODIES.items() if len(body) < 1000}


class TestMultipart:
    @pytest.mark.parametrize(("body", "expected"), VALID.values(), ids=VALID)
    def test_a_form_is_read(self, body: bytes, expected: list[tuple[str, Any]]) -> None:
        assert plain(multipart_form(body)) == expected

    @pytest.mark.parametrize(("body", "detail"), MALFORMED.values(), ids=MALFORMED)
    def test_what_is_no_form_is_a_bad_request(self, body: bytes, detail: str) -> None:
        with pytest.raises(BadRequest) as caught:
            multipart_form(body)
        assert caught.value.detail.startswith(detail)

    @pytest.mark.parametrize(
        "content_type",
        [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            'multipart/form-data; boundary=""',
            'multipart/form-data; boundary="a "',
            'multipart/form-data; boundary="a\xe9"',
            'multipart/form-data; boundary="a\tb"',
            "multipart/form-data; boundary=cut; boundary=cut",
            "multipart/form-data; boundary=" + "a" * 71,
            "multipart/form-data; boundary=" + "a" * 1_048_576,
        ],
        ids=lambda value: ascii(value[:60]),
    )
    def test_a_boundary_that_cannot_be_is_a_bad_request(self, content_type: str) -> None:
        with pytest.raises(BadRequest) as caught:
            multipart_form(b"", content_type)
        assert (
            caught.value.detail
            == "the Content-Type of a multipart form needs one boundary, of 1 to 70 printable characters"
        )

    @pytest.mark.parametrize("boundary", ["a", "----WebKitFormBoundaryabc", "a" * 70, "'()+_,-./:=?", "a b", "{a}*#"])
    def test_boundaries_of_clients_are_taken(self, boundary: str) -> None:
        body = (part('name="a"', b"1") + END).replace(b"cut", boundary.encode())
        assert multipart_form(body, f'multipart/form-data; boundary="{boundary}"').pairs() == [("a", "1")]

    @pytest.mark.parametrize(
        ("sent", "filename"),
        [
            ("a.txt", "a.txt"),
            ("été 1.txt", "été 1.txt"),
            ("../../x", "x"),
            ("..\\x", "x"),
            ("/etc/x", "x"),
            ("/etc/cron.d/x", "x"),
            ("C:\\dir\\x", "x"),
            ("\\\\host\\share\\x", "x"),
            ("a/..", None),
            ("a/../..", None),
            ("..", None),
            (".", None),
            (" .. ", None),
            ("a/", None),
            (".htaccess", ".htaccess"),
            ("&#x2F;..", "&#x2F;.."),
            ("a%0D%0Ab", "ab"),
            ("a%22b", 'a"b'),
            ("a\u202egnp.exe", "agnp.exe"),
            ("a\u2028b\x85c", "abc"),
            ("\u200f\u061c", "\u200f\u061c"),
            ("नि\u200dर.txt", "नि\u200dर.txt"),
        ],
        ids=ascii,
    )
    def test_a_filename_is_the_last_component_of_what_was_sent(self, sent: str, filename: str | None) -> None:
        (upload,) = multipart_form(part(f'name="f"; filename="{sent}"', b"1") + END).files("f")
        assert upload.filename == filename

    def test_a_file_shows_its_headers(self) -> None:
        body = part('name="f"; filename="a"', b"12", b"Content-Type: Text/X; a=b", b"X-Other: 1") + END
        upload = multipart_form(body)["f"]
        assert isinstance(upload, UploadFile)
        assert upload.size == 2
        assert upload.content_type == "Text/X; a=b"
        assert upload.headers == Headers(
            [
                ("content-disposition", 'form-data; name="f"; filename="a"'),
                ("content-type", "Text/X; a=b"),
                ("x-other", "1"),
            ]
        )
        assert repr(upload) == "UploadFile(filename='a', content_type='Text/X; a=b', size=2)"

    async def test_a_file_is_read_again(self) -> None:
        (upload,) = multipart_form(part('name="f"; filename="a"', b"12") + END).files("f")
        assert [await upload.read(), await upload.read(), upload.data] == [b"12"] * 3

    def test_the_decoder_gives_parts_as_they_arrive(self) -> None:
        decoder = MultipartDecoder(MULTIPART)
        begun = list(decoder.decode(part('name="a"', b"12345678")[:-2]))
        assert [event if isinstance(event, bytes) else getattr(event, "name", None) for event in begun] == [
            "a",
            b"12345678",
        ]
        assert list(decoder.decode(b"90\r\n" + END)) == [b"90", None]
        decoder.close()

    def test_it_loads_its_library_when_it_is_used(self) -> None:
        program = "import sys, nacre.forms, nacre.request; print('multipart' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"False\n"


class TestCutting:
    """werkzeug#3065, werkzeug#3088: identical parts for every split point."""

    @pytest.mark.parametrize("body", SMALL_BODIES.values(), ids=SMALL_BODIES)
    def test_a_form_is_the_same_for_every_split_point(self, body: bytes) -> None:
        expected = outcome([body])
        for at in range(len(body) + 1):
            assert outcome([body[:at], body[at:]]) == expected, body[:at]

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
    def test_a_form_is_the_same_in_chunks_of_one_size(self, body: bytes, size: int) -> None:
        assert outcome([body[at : at + size] for at in range(0, len(body), size)]) == outcome([body])

    pieces = st.sampled_from(
        [
            b"--cut", b"--cut", b"--", b"\r\n", b"\r\n", b"\r", b"\n", b"cut", b"-", b"a", b"\0", b"\xff", b"\r\n\r\n",
            b" ", b": ", b"\x85", b"X-A: b", b"Content-Length: 1", b"Content-Disposition: form-data; name=a\r\n\r\n",
            b'Content-Disposition: form-data; name="b"; filename="c"\r\n\r\n', b"\r\n--cut\r\n", b"\r\n--cut--",
        ]
    )  # fmt: skip

    @given(st.lists(pieces, max_size=30).map(b"".join), st.lists(st.integers(0, 300), max_size=8))
    @example(b"--cut\r\n\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--cut--", [8])
    @example(b"--cut\r\n\x85Content-Disposition: form-data; name=a\r\n\r\n\r\n--cut--", [8])
    def test_hostile_bodies_are_the_same_however_they_are_cut(self, body: bytes, cuts: list[int]) -> None:
        begun = b"--cut\r\n" + body
        assert outcome(_cut(begun, cuts)) == outcome([begun])
        assert outcome(_cut(body, cuts)) == outcome([body])

    @given(st.integers(-2, 2), st.integers(-8, 8))
    def test_the_length_of_a_header_is_the_same_however_it_is_cut(self, more: int, at: int) -> None:
        limits = FormLimits(header_size=64)
        body = part('name="a"', b"1", b"X: " + b"x" * (61 + more)) + END
        line_end = body.index(b"\r\n", body.index(b"X: "))
        cut = line_end + at
        assert outcome([body[:cut], body[cut:]], limits) == outcome([body], limits)
        assert (outcome([body], limits) == [("a", "1")]) == (more <= 0)

    @given(st.binary(max_size=200))
    def test_any_bytes_give_a_form_or_a_4xx(self, body: bytes) -> None:
        result = outcome([b"--cut\r\n" + body])
        assert isinstance(result, list) or result[0] in (400, 413)  # type: ignore[index]


names = st.text(min_size=1, max_size=12).map(_encodable).filter(lambda text: text.isprintable() and "\\" not in text)
contents = st.one_of(
    st.binary(max_size=80),
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"--cu", b"\r\n--", b"a"]), max_size=20).map(b"".join),
)
fields = st.one_of(
    st.tuples(names, st.none(), contents.map(lambda raw: raw.decode("latin-1").encode())),
    st.tuples(names, names.filter(lambda text: text.strip() not in (".", "..", "") and "/" not in text), contents),
)


def _oracle(body: bytes) -> list[tuple[str, Any]]:
    """What werkzeug reads, texts first."""
    _, form, files = FormDataParser(lambda **_: BytesIO(), max_form_parts=None).parse(
        BytesIO(body), "multipart/form-data", len(body), {"boundary": "cut"}
    )
    return [
        *form.items(multi=True),
        *((name, (one.filename, one.stream.read())) for name, one in files.items(multi=True)),
    ]


def _unquoted(text: Any) -> Any:
    return text and text.replace('"', "'")


class TestOracle:
    @given(st.lists(fields, max_size=8), st.lists(st.integers(0, 1000), max_size=5))
    def test_werkzeug_reads_the_same(self, given: list[tuple[str, str | None, bytes]], cuts: list[int]) -> None:
        parts = []
        for name, filename, content in given:
            quoted = name.replace('"', "%22")
            named = "" if filename is None else '; filename="{}"'.format(filename.replace('"', "%22"))
            parts.append(part(f'name="{quoted}"{named}', content))
        body = b"".join(parts) + END
        form = parsed(MULTIPART, _cut(body, cuts))
        ours = [(name, value) for name, value in form.pairs() if isinstance(value, str)]
        files = [(name, value) for name, value in form.pairs() if isinstance(value, UploadFile)]
        theirs = _oracle(body)
        shown = [(name, value.filename, value.data) for name, value in files]
        assert sorted(ours) == sorted((name, value) for name, value in theirs if isinstance(value, str))
        assert sorted(shown) == sorted(
            (name, value[0].strip(), value[1]) for name, value in theirs if not isinstance(value, str)
        )
        # And both read what was written.
        assert [(name, content) for name, filename, content in given if filename is None] == [
            (name, value.encode()) for name, value in ours
        ]
        assert [(name, filename.strip(), content) for name, filename, content in given if filename is not None] == shown

    @given(st.lists(fields, max_size=6))
    def test_what_werkzeug_writes_is_read(self, given: list[tuple[str, str | None, bytes]]) -> None:
        # It writes an empty part as one that has no content, not even an empty one, and quotes as they are.
        given = [(_unquoted(name), _unquoted(filename), content or b"-") for name, filename, content in given]
        builder = EnvironBuilder(method="POST")
        for name, filename, content in given:
            if filename is None:
                builder.form.add(name, content.decode())
            else:
                builder.files.add_file(name, BytesIO(content), filename)
        if not builder.files:
            builder.content_type = "multipart/form-data"
        environ = builder.get_environ()
        form = multipart_form(environ["wsgi.input"].read(), environ["CONTENT_TYPE"])
        written = [
            (name, content.decode()) if filename is None else (name, (filename.strip(), content))
            for name, filename, content in given
        ]
        read = [
            (name, value) if isinstance(value, str) else (name, (value.filename, value.data))
            for name, value in form.pairs()
        ]
        assert sorted(map(repr, read)) == sorted(map(repr, written))


class Arriving:
    """A body that goes on for ever, and how much of it was taken."""

    def __init__(self, begin: bytes, more: bytes) -> None:
        self._begin = begin
        self._more = more * (1 + 65_536 // len(more))
        self.taken = 0

    def __iter__(self) -> Iterable[bytes]:
        yield self._begin
        while self.taken < 100_000_000:
            self.taken += len(self._more)
            yield self._more


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "parts", "detail"),
        [
            ({"fields": 3}, [part('name="a"')] * 3, None),
            (
                {"fields": 3},
                [part('name="a"')] * 4,
                "the form has more than 3 fields, which `FormLimits.fields` allows",
            ),
            ({"fields": 3}, [part('name="a"'), part('name="a"; filename="b"')] * 2, "the form has more than 3 fields"),
            ({"files": 2}, [part('name="a"; filename="b"')] * 2 + [part('name="a"')], None),
            ({"files": 2}, [part('name="a"; filename="b"')] * 3, "the form has more than 2 files, which `FormLimits.f"),
            ({"files": 2}, [part('name="a"; filename=""')] * 3, "the form has more than 2 files, which `FormLimits.f"),
            ({"text_size": 9}, [part('name="a"', b"12345"), part('name="b"', b"6789")], None),
            (
                {"text_size": 9},
                [part('name="a"', b"12345"), part('name="b"', b"67890")],
                "the form has more than 9 byt",
            ),
            ({"text_size": 9}, [part('name="a"; filename="b"', b"1234567890")], None),
            ({"text_size": 9}, [part('name="a"; filename="b"', b"1" * 10), part('name="a"', b"1" * 9)], None),
        ],
        ids=repr,
    )
    def test_a_form_over_a_limit_is_too_large(self, limits: Any, parts: list[bytes], detail: str | None) -> None:
        body = b"".join(parts) + END
        result = outcome([body], FormLimits(**limits))
        assert result == outcome([body[at : at + 3] for at in range(0, len(body), 3)], FormLimits(**limits))
        if detail is None:
            assert isinstance(result, list)
        else:
            assert isinstance(result, tuple)
            assert result[0] == 413
            assert result[1].startswith(detail)

    @pytest.mark.parametrize(
        ("limits", "body", "detail"),
        [
            ({"fields": 3}, b"a&b&c", None),
            ({"fields": 3}, b"a&b&c&d", "the form has more than 3 fields, which `FormLimits.fields` allows here"),
            ({"fields": 3}, b"&&&", "the form has more than 3 fields, which `FormLimits.fields` allows here"),
            ({"text_size": 5}, b"a=123", None),
            ({"text_size": 5}, b"a=1234", "the form has more than 5 bytes of text, which `FormLimits.text_size` allow"),
        ],
        ids=repr,
    )
    def test_an_urlencoded_form_has_the_same_limits(self, limits: Any, body: bytes, detail: str | None) -> None:
        if detail is None:
            assert len(urlencoded(body, **limits)) > 0
        else:
            with pytest.raises(ContentTooLarge) as caught:
                urlencoded(body, **limits)
            assert caught.value.detail.startswith(detail)

    def test_the_defaults_are_those_that_are_documented(self) -> None:
        assert FormLimits() == FormLimits(1000, 100, 1_048_576, 8, 4096, None, None, 262_144, 1_048_576)

    # Each of them names what it stands for in the corpus of published attacks.
    @pytest.mark.parametrize(
        ("begin", "more", "status", "most"),
        [
            pytest.param(b"", part('name="a"'), 413, 140_000, id="CVE-2023-30798 200,000 parts"),
            pytest.param(b"", part('name="f"; filename="a"', b"1"), 413, 140_000, id="CVE-2023-25578 file parts"),
            pytest.param(b"", part('name="f"; filename=""'), 413, 140_000, id="CVE-2023-24580 empty files"),
            pytest.param(b"", part('name="a"', b"1" * 50), 413, 140_000, id="CVE-2024-52581 millions of fields"),
            pytest.param(part('name="a"'), b"x", 413, 1_200_000, id="CVE-2024-47874 a text without end"),
            pytest.param(part('name="a"', b"", b"X: y"), b"x", 413, 1_200_000, id="CVE-2025-69228 one huge field"),
            pytest.param(part('name="a"'), b"\r\n-", 413, 1_200_000, id="CVE-2024-49767 1 GiB of almost boundaries"),
            pytest.param(part('name="a"'), b"\r\n--cu", 413, 1_200_000, id="CVE-2026-34517 the cap while reading"),
            pytest.param(b"--cut\r\nX: ", b"x", 400, 140_000, id="CVE-2026-34516 a header of 10 MiB"),
            pytest.param(b"--cut\r\n", b"X: y\r\n", 400, 140_000, id="CVE-2026-42561 100,000 headers"),
            pytest.param(b"--cut\r\nX: ", b" y\r\n", 400, 140_000, id="CVE-2026-42561 a folded header"),
            pytest.param(b"", b"preamble\r\n", 400, 140_000, id="CVE-2026-40347 a preamble"),
        ],
    )
    def test_a_body_that_never_ends_is_refused_early(self, begin: bytes, more: bytes, status: int, most: int) -> None:
        # The text begins after its part's head, without the line end that `part` writes.
        body = Arriving(begin.removesuffix(b"\r\n") if begin.startswith(b"--cut\r\nContent") else begin, more)
        result = outcome(iter(body))  # type: ignore[call-overload]
        assert isinstance(result, tuple)
        assert result[0] == status
        assert body.taken <= most

    def test_millions_of_urlencoded_fields_are_refused_early(self) -> None:
        """CVE-2026-54283: the limits hold for both kinds of form; bottle 7757ad9: so few keys can't collide to harm."""
        for more in (b"a=1&", b"a" * 100):
            body = Arriving(b"", more)
            with pytest.raises(ContentTooLarge):
                parsed(URLENCODED, iter(body))  # type: ignore[call-overload]
            assert body.taken <= 1_200_000

    def test_more_than_100_parts(self) -> None:
        """tornado 6.5.5: refused if they are files; texts are bounded by their own number and size."""
        with pytest.raises(ContentTooLarge):
            multipart_form(part('name="f"; filename="a"', b"1") * 101 + END)

    # A step that is quadratic would take 10¹³ operations for these, and the suite's time limit ends the test.
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"\r" + b"a" * 8_000_000, id="CVE-2023-46136 CR, then no line end"),
            pytest.param(b"\r\n" * 4_000_000, id="python-multipart#300 CR and LF"),
            pytest.param(b"\r\n--cu" * 1_300_000, id="python-multipart#281 almost boundaries"),
            pytest.param(b"\r" * 8_000_000, id="carriage returns"),
            pytest.param(b"-" * 8_000_000, id="dashes"),
            pytest.param(b" " * 8_000_000, id="CVE-2026-33033 whitespace"),
        ],
    )
    @pytest.mark.parametrize("size", [8_000_100, 4096])
    def test_a_large_file_is_read_in_linear_time(self, content: bytes, size: int) -> None:
        body = part('name="f"; filename="a"', content) + END
        (upload,) = parsed(MULTIPART, [body[at : at + size] for at in range(0, len(body), size)]).files("f")
        try:
            assert (upload.size, upload.data == content) == (len(content), True)
        finally:
            run_at_once(upload.close())

    def test_an_epilogue_is_skipped_in_linear_time(self) -> None:
        """CVE-2026-40347: 8 MiB after the last boundary."""
        body = part('name="a"', b"1") + END
        assert outcome([body, *[b"\r\n--cut" * 1000] * 1000]) == [("a", "1")]

    @pytest.mark.parametrize("value", [b'a="' + b";" * 4000, b"; " * 2000, b'a="\\' * 800, b" " * 4000, b"=" * 4000])
    def test_hostile_parameters_take_bounded_work(self, value: bytes) -> None:
        """CVE-2025-67726: a header is bounded, so splitting it is; 900 of them are as many as a form has."""
        body = part(b'name="a"; ' + value) * 900 + END
        outcome([body])

    @pytest.mark.parametrize("content", [b"", b"\r\n"])
    def test_a_declared_length_does_not_wait(self, content: bytes) -> None:
        """CVE-2024-30251: a part that declares more than there is ends with the body."""
        body = part('name="a"', content, b"Content-Length: 1000000000")
        assert outcome([body]) == (400, CUT_SHORT)


class TestFormData:
    upload = UploadFile("a.txt", "text/plain", Headers(), b"12")
    form = FormData([("b", "1"), ("a", "2"), ("a", upload), ("a", "3")])

    def test_it_maps_each_name_to_its_first_value(self) -> None:
        assert dict(self.form) == {"b": "1", "a": "2"}
        assert list(self.form.items()) == [("b", "1"), ("a", "2")]
        assert (self.form["a"], self.form.get("c"), self.form.get("c", "d"), len(self.form)) == ("2", None, "d", 2)
        assert "a" in self.form
        assert "c" not in self.form
        with pytest.raises(KeyError):
            self.form["c"]

    def test_it_shows_every_value(self) -> None:
        assert self.form.pairs() == [("b", "1"), ("a", "2"), ("a", self.upload), ("a", "3")]
        assert self.form.getlist("a") == ["2", self.upload, "3"]
        assert self.form.texts("a") == ["2", "3"]
        assert self.form.all_texts() == {"b": ["1"], "a": ["2", "3"]}
        assert FormData([("b", self.upload), ("a", "1")]).all_texts() == {"a": ["1"]}
        assert FormData([("a", "1"), ("a", "2")]).all_texts() == {"a": ["1", "2"]}
        assert self.form.files("a") == [self.upload]
        assert (self.form.getlist("c"), self.form.texts("c"), self.form.files("b")) == ([], [], [])

    def test_its_lists_are_the_callers_own(self) -> None:
        self.form.getlist("a").clear()
        self.form.pairs().clear()
        assert len(self.form.getlist("a")) == 3

    def test_two_are_equal_if_all_pairs_are(self) -> None:
        assert self.form == FormData(self.form.pairs())
        assert self.form != FormData(reversed(self.form.pairs()))
        assert self.form != dict(self.form)
        assert repr(FormData([("a", "1")])) == "FormData([('a', '1')])"


def test_the_library_still_calls_what_is_overridden() -> None:
    """Header lines are checked in a method of the library's that isn't documented."""
    assert callable(multipart.PushMultipartParser._on_segment_headerline)
    assert multipart.__version__.startswith("2.")
