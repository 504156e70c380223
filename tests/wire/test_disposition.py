"""`Content-Disposition`: RFC 6266, RFC 8187, and what other libraries read from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from nacre.disposition import content_disposition
from nacre.headers import check_value

NAMES = {
    "report.pdf": 'attachment; filename="report.pdf"',
    "two words (1).txt": 'attachment; filename="two words (1).txt"',
    "a;b,c=d.txt": 'attachment; filename="a;b,c=d.txt"',
    "naïve €.txt": "attachment; filename=\"na_ve _.txt\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt",
    'a";dummy=".txt': "attachment; filename=\"a_;dummy=_.txt\"; filename*=UTF-8''a%22%3Bdummy%3D%22.txt",
    "100%41.txt": "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt",
    "a\r\nset-cookie: b": 'attachment; filename="a__set-cookie: b"',
    "nul\0.txt": 'attachment; filename="nul_.txt"',
    "\u202egpj.exe": 'attachment; filename="_gpj.exe"',
    "../../etc/passwd": 'attachment; filename="passwd"',
    "..\\..\\boot.ini": 'attachment; filename="boot.ini"',
    "C:\\x\\y.txt": 'attachment; filename="y.txt"',
    "..": 'attachment; filename="download"',
    "folder/": 'attachment; filename="download"',
    "": 'attachment; filename="download"',
    "\ud800.txt": "attachment; filename=\"_.txt\"; filename*=UTF-8''%3F.txt",
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_quoted_and_given_exactly_where_quotes_do_not_suffice(name):
    assert content_disposition("attachment", name) == NAMES[name]


def test_a_name_can_be_given_for_what_is_shown():
    assert content_disposition("inline", "a.pdf") == 'inline; filename="a.pdf"'


def test_a_long_name_is_cut_before_its_ending():
    assert content_disposition("attachment", "x" * 1000 + ".csv") == f'attachment; filename="{"x" * 251}.csv"'
    assert len(content_disposition("attachment", "." + "x" * 1000)) < 300


@given(st.text(max_size=300))
def test_any_name_makes_one_parameter_that_reads_as_a_plain_file_name(name):
    value = content_disposition("attachment", name)
    assert check_value("content-disposition", value) == value
    assert value.isascii()
    kind, parameters = parse_options_header(value)
    assert kind == "attachment"
    assert set(parameters) == {"filename"}
    assert not {"/", "\\", "\r", "\n", "\0"} & set(parameters["filename"])
    assert parameters["filename"].strip(".")
