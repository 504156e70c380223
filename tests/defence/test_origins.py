"""Allow-lists of origins, and which origin is a request's own."""

import re

import pytest

from nacre import Request
from nacre.errors import Location
from nacre.security.names import ascii_host, parents
from nacre.security.origins import Origins, is_own_origin, own_origin
from nacre.transports.asgi import CARRIER

HERE = Location(__file__, 1)
LONG = "a" * 60 + "."


def origins(*listed, regex=None, subdomains=False):
    made = Origins(listed, regex, subdomains=subdomains, subject="x", where=HERE)
    assert made.problems == []
    return made


def sent_to(host, scheme="http"):
    headers = [] if host is None else [(b"host", host.encode())]
    return Request(CARRIER, {"type": "http", "scheme": scheme, "headers": headers}, None, "GET", "/")


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("http", "a.example", "http://a.example"),
        ("http", "A.example:80", "http://a.example"),
        ("https", "a.example:443", "https://a.example"),
        ("https", "a.example:80", "https://a.example:80"),
        ("http", "a.example:8080", "http://a.example:8080"),
        ("http", "[::1]:80", "http://[::1]"),
        ("http", None, None),
        ("http", "", None),
        ("http", "a b", None),
    ],
)
def test_the_own_origin_is_as_browsers_write_it(scheme, host, origin):
    assert own_origin(sent_to(host, scheme)) == origin


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("http://a.example", True),
        ("http://A.example:80", True),
        ("https://a.example", False),
        ("http://a.example:81", False),
        ("http://b.a.example", False),
        ("null", False),
        ("", False),
        ("None", False),
    ],
)
def test_an_origin_is_the_own_one_or_not(origin, own):
    assert is_own_origin(sent_to("a.example"), origin) is own
    assert not is_own_origin(sent_to(None), origin)


@pytest.mark.parametrize(
    ("length", "allowed"),
    [(63, True), (200, True), (255, True), (256, False), (400, False)],
)
def test_a_pattern_sees_no_more_than_a_host_may_have(length, allowed):
    host = (LONG * 10)[:length].rstrip(".").ljust(length, "a")
    assert origins(regex=r"https://.*").allows(f"https://{host}") is allowed


def test_a_scheme_has_no_endless_length():
    assert origins(regex=r".*").allows("a" * 50 + "://a.example")
    assert not origins(regex=r".*").allows("a" * 5000 + "://a.example")


def test_a_pattern_stays_where_subdomains_are_added():
    wider = origins("https://a.example", regex=r"https://b\.example").with_subdomains()
    assert [wider.allows(f"https://{host}.example") for host in ("a", "x.a", "b", "x.b", "c")] == [
        *(True, True, True, False, False)
    ]


@pytest.mark.parametrize(
    ("made", "is_some"),
    [
        (origins(), False),
        (origins("null"), True),
        (origins("*"), True),
        (origins(regex="a"), True),
        (origins("http://a.b"), True),
    ],
)
def test_nothing_listed_is_nothing(made, is_some):
    assert bool(made) is is_some


@pytest.mark.parametrize(
    ("listed", "insecure"),
    [
        (["https://a.example"], []),
        (["http://a.example"], ["http://a.example"]),
        (["http://*.a.example:3000"], ["http://*.a.example:3000"]),
        (
            [
                "http://localhost:3000",
                "http://127.0.0.1",
                "http://[::1]:80",
                "http://*.localhost",
                "http://x.localhost",
            ],
            [],
        ),
        (["http://mylocalhost", "http://localhost.example"], ["http://mylocalhost", "http://localhost.example"]),
        (["null", "http://bücher.example"], ["http://bücher.example"]),
    ],
)
def test_origins_that_came_in_the_open_are_known(listed, insecure):
    assert list(origins(*listed).insecure()) == insecure


def test_a_compiled_pattern_is_taken_as_it_is():
    assert origins(regex=re.compile("HTTPS://A.EXAMPLE", re.IGNORECASE)).allows("https://a.example")


def test_addresses_have_nothing_below_them():
    made = origins("http://127.0.0.1", "http://[::1]", subdomains=True)
    assert not made.below
    assert made.allows("http://127.0.0.1")
    assert made.allows("http://[::1]:80")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("A.Example", "a.example"),
        ("a.example:80", "a.example:80"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("bücher.example:80", "xn--bcher-kva.example:80"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_a_host_has_one_form_in_ascii(name, written):
    assert ascii_host(name) == written


@pytest.mark.parametrize("name", ["straße.example", "a" * 70 + "ü.example", "ü..example"])
def test_a_name_without_one_form_is_refused(name):
    with pytest.raises(ValueError, match=r"has more than one form|label"):
        ascii_host(name)


def test_the_domains_above_a_host_come_nearest_first():
    assert list(parents("c.b.a")) == ["b.a", "a"]
    assert list(parents("a")) == []
