"""Which targets a client may be sent to by its own word: one table."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nacre.auth import redirects
from nacre.auth.redirects import is_safe_redirect, safe_redirect_target
from nacre.errors import ConfigurationError

ALLOWED = ("shop.example", "shop.example:8443", "http://localhost:3000")

SAFE = {
    "the root": "/",
    "a path": "/account",
    "a path and a query": "/search?q=pearl&page=2",
    "a path and a fragment": "/account#keys",
    "a URL within the query": "/go?to=https://evil.example/",
    "escapes": "/divers/J%C3%BCrgen",
    "an escaped line break within the query": "/search?q=a%0D%0Ab",
    "an escaped slash": "/files/a%2Fb",
    "two slashes further in": "/proxy/https://shop.example/x",
    "an address within the path": "/@diver",
    "a colon within the path": "/a:b",
    "every other character of a path": "/-._~!$&'()*+,;=:@",
    "a name with dots": "/.well-known/...",
    "the longest": "/" + "a" * 2047,
    "a host that is listed": "https://shop.example/cart",
    "a host without a path": "https://shop.example",
    "a host and a query": "https://shop.example?page=1",
    "a host in upper case": "https://SHOP.example/",
    "the scheme's own port": "https://shop.example:443/",
    "a port that is listed": "https://shop.example:8443/",
    "an origin that is listed": "http://localhost:3000/",
}

REFUSED = {
    "nothing": "",
    "two slashes": "//evil.example",
    "three slashes": "///evil.example",
    "five slashes, CVE-2021-23401": "/////evil.example/path",
    "a slash and a backslash": "/\\evil.example",
    "a backslash and a slash": "\\/evil.example",
    "three backslashes, CVE-2021-23393": "\\\\\\evil.example/path",
    "a backslash further in": "/a\\..\\evil",
    "a slash, a tab, a slash, CVE-2023-49438": "/\t/evil.example",
    "the tab escaped, CVE-2023-49438": "/%09/evil.example",
    "a slash, a line feed, a slash, GHSA-fh3h-vg37-cc95": "/\n/evil.example",
    "a slash, a carriage return, a slash": "/\r/evil.example",
    "a line break at the end": "/account\n",
    "a header after a line break": "/account\r\nSet-Cookie: a=b",
    "a null character": "/account\x00",
    "a character of the C1 block": "/\x85/evil.example",
    "an escaped line break in the path": "/a%0d%0ab",
    "an escaped slash after the first": "/%2fevil.example",
    "an escaped backslash": "/%5Cevil.example",
    "a dot segment and two slashes": "/.//evil.example",
    "two dot segments": "/../../etc",
    "an escaped dot segment": "/%2e%2e//evil.example",
    "one slash after the scheme, CVE-2023-49438": "https:/evil.example",
    "no slash after the scheme, CVE-2017-7233": "http:999999999",
    "three slashes after the scheme, CVE-2014-3730": "http:///evil.example",
    "backslashes after the scheme": "http:\\\\evil.example",
    "another host": "https://evil.example/",
    "a scheme in upper case": "HTTPS://evil.example/",
    "the end of a listed name": "https://eshop.example/",
    "a listed name as a prefix": "https://shop.example.evil.example/",
    "a listed name with other letters for its dot": "https://shopXexample/",
    "a listed name before an at sign": "https://shop.example@evil.example/",
    "a listed name, a backslash and an at sign, CVE-2016-2512": "https://shop.example\\@evil.example",
    "a user and a password": "https://shop.example:443@evil.example/",
    "a listed host by the wrong scheme": "http://shop.example/",
    "a port that isn't listed": "https://shop.example:444/",
    "no port for a listed one": "http://localhost/",
    "no number for a port": "https://shop.example:99999/",
    "two slashes after a listed host": "https://shop.example//evil.example",
    "an IPv6 address": "https://[::1]/",
    "another scheme": "ftp://shop.example/",
    "javascript, CVE-2013-6044": "javascript:alert(1)",
    "javascript with a line break before it, CVE-2015-0220": "\njavascript:alert(1)",
    "javascript with a backspace before it, CVE-2015-2317": "\x08javascript:alert(1)",
    "javascript with a tab inside": "java\tscript:alert(1)",
    "data, CVE-2012-3442": "data:text/html,<script>alert(1)</script>",
    "a space before the slashes": " //evil.example",
    "a space before the scheme, CVE-2023-24329": " https://evil.example",
    "a space before a path": " /account",
    "a space within a path": "/a b",
    "a path without a slash": "account",
    "a path that leads upwards": "../account",
    "a query alone": "?next=//evil.example",
    "an at sign alone": "@evil.example",
    "a host alone, CVE-2021-32618": "evil.example/path",
    "a division slash": "/\u2215evil.example",
    "fullwidth slashes": "\uff0f\uff0fevil.example",
    "an ideographic full stop": "https://shop\u3002example/",
    "a lone surrogate": "/\ud800",
    "markup": '/"><script>',
    "a target that is too long": "/" + "a" * 2048,
    "a target that is far too long": "/" + "a" * 100_000,
}


@pytest.mark.parametrize("target", SAFE.values(), ids=SAFE)
def test_safe_target_is_returned_as_it_is(target):
    assert safe_redirect_target(target, allowed_hosts=ALLOWED) == target
    assert is_safe_redirect(target, allowed_hosts=ALLOWED)


@pytest.mark.parametrize("target", REFUSED.values(), ids=REFUSED)
def test_other_target_is_refused(target):
    assert safe_redirect_target(target, allowed_hosts=ALLOWED) is None
    assert not is_safe_redirect(target, allowed_hosts=ALLOWED)


def test_the_table_holds_more_than_sixty_strings():
    assert len({*SAFE.values(), *REFUSED.values()}) >= 60


@pytest.mark.parametrize(
    "target", [None, 7, b"/account", ["/account"], object()], ids=lambda target: type(target).__name__
)
def test_what_is_no_text_is_refused(target):
    assert safe_redirect_target(target) is None


@pytest.mark.parametrize("target", [target for target in SAFE.values() if not target.startswith("/")])
def test_no_host_is_allowed_by_an_empty_list(target):
    assert not is_safe_redirect(target)
    assert not is_safe_redirect(target, allowed_hosts=[])


def test_hosts_as_a_single_text_are_refused():
    with pytest.raises(ConfigurationError, match="allowed_hosts is a list of hosts, not a single text"):
        is_safe_redirect("/", allowed_hosts="shop.example")


def test_everything_wrong_with_a_list_of_hosts_is_told_at_once():
    with pytest.raises(ConfigurationError) as caught:
        is_safe_redirect("/", allowed_hosts=["*.shop.example", "https://shop.example/path", "shop.example"])
    assert len(caught.value.problems) == 2
    assert "'*.shop.example' in allowed_hosts is no host" in str(caught.value)


@pytest.mark.parametrize("piece", ["/", "\\", "%2f", "/.", "?", "http://", "@", ":", "a"])
def test_the_patterns_take_time_in_proportion_to_the_length(piece, monkeypatch):
    monkeypatch.setattr(redirects, "MAX_LENGTH", 1 << 20)

    def seconds(length: int) -> float:
        text = "/" + piece * (length // len(piece))
        best = float("inf")
        for _ in range(9):
            begun = time.thread_time()
            safe_redirect_target(text, allowed_hosts=ALLOWED)
            best = min(best, time.thread_time() - begun)
        return best

    # In turn, since a busy machine is slower for a while; the least of each counts.
    short, long = map(min, zip(*[(seconds(4 * 1024), seconds(64 * 1024)) for _ in range(5)], strict=True))
    assert long <= 24 * max(short, 1e-4)


PIECES = st.sampled_from(
    [
        *("/", "//", "\\", "\t", "\n", "\r", "\x00", " ", "%09", "%0a", "%2f", "%5c", "%2e", ".", "..", "@", ":"),
        *(
            "?",
            "#",
            "&",
            "http:",
            "https:",
            "javascript:",
            "data:",
            "shop.example",
            "evil.example",
            "a",
            "8443",
            "[",
            "]",
        ),
        *("\u2215", "\uff0f"),
    ]
)


def host_by_a_browser(target):
    """Where a browser goes from a page of `here.example`, with the repairs of the URL Standard."""
    repaired = re.sub(r"[\t\r\n]", "", target.strip("".join(map(chr, range(33))))).replace("\\", "/")
    repaired = re.sub(r"^(https?):/*", r"\1://", repaired, flags=re.IGNORECASE)
    return urlsplit(urljoin("https://here.example/a/b", repaired)).netloc


@given(st.lists(PIECES, max_size=12).map("".join))
@example("/%2f/evil.example")
@example("https://shop.example:443@evil.example")
def test_no_target_that_is_safe_leads_elsewhere_however_it_is_read(target):
    if safe_redirect_target(target, allowed_hosts=ALLOWED) is None:
        return
    path = target.partition("?")[0].partition("#")[0]
    for reading in (target, unquote(path)):
        assert host_by_a_browser(reading) in ("here.example", "shop.example", "shop.example:443", "shop.example:8443")


@given(st.lists(st.sampled_from(["/", "a", "%20", "-", "J%C3%BC", "=", "&", ";", "1"]), max_size=12).map("".join))
def test_a_plain_path_with_a_query_is_safe(text):
    target = "/p" + re.sub("//+", "/", text) + "?" + text
    assert is_safe_redirect(target)
