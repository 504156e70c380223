"""Whatever is sent: parsers raise nothing, and nothing is granted that isn't listed."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from nacre.errors import Location
from nacre.headers import Headers
from nacre.security import TrustedHosts
from nacre.security.forwarded import HOPS_MAX, listed, nearest, parse_ip, parse_node, read_forwarded
from nacre.security.origins import Origins

HERE = Location(__file__, 1)
FIELD = st.text(st.characters(max_codepoint=255, blacklist_categories=("Cc",)), max_size=80)
LIKE = st.text("htps:/.*[]0123456789abexmplnuXorig@#?%\\ -", max_size=60)
NAMES = st.from_regex(r"[a-z0-9.-]{0,20}", fullmatch=True)
LISTED = ("https://example.com", "https://*.example.org:8443")

ORIGINS = Origins(LISTED, subject="x", where=HERE)
HOSTS = TrustedHosts(["example.com", "*.example.org"])


def is_listed(scheme, host, port):
    if (scheme, host, port) == ("https", "example.com", 443):
        return True
    return (scheme, port) == ("https", 8443) and host.endswith(".example.org")


@given(FIELD | LIKE)
def test_no_text_is_an_origin_by_accident(text):
    if ORIGINS.allows(text):
        assert text.lower().removesuffix(":443") == "https://example.com" or ".example.org:8443" in text.lower()


@given(
    st.sampled_from(["https", "http", "HTTPS", "wss"]),
    NAMES,
    st.sampled_from(["example.com", "example.org", "Example.org", "example.net", "xample.com"]),
    st.sampled_from([None, 443, 8443, 80]),
)
def test_what_is_allowed_is_what_is_listed(scheme, name, domain, port):
    host = f"{name}{domain}"
    origin = f"{scheme}://{host}" + ("" if port is None else f":{port}")
    if ORIGINS.allows(origin):
        assert is_listed(scheme.lower(), host.lower(), port or {"https": 443}.get(scheme.lower()))


@given(
    NAMES,
    st.sampled_from(["example.com", "example.org", "example.com.", "xample.org"]),
    st.sampled_from(["", ":1", ":"]),
)
def test_a_host_that_is_served_is_a_listed_one(name, domain, port):
    if HOSTS.serves(f"{name}{domain}{port}"):
        host = f"{name}{domain}".removesuffix(".")
        assert host == "example.com" or host.endswith(".example.org")


@given(FIELD | LIKE)
def test_every_text_is_a_host_that_is_served_or_not(text):
    assert HOSTS.serves(text) in (True, False)


@given(FIELD | LIKE)
def test_every_text_is_an_address_or_none(text):
    node = parse_node(text)
    if node is not None:
        assert str(parse_ip(node[0])) == node[0]
        assert node[1] is None or 0 <= node[1] < 65536


ADDRESSES = st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address)


@given(ADDRESSES, st.none() | st.integers(0, 65535))
def test_every_address_is_read_back(address, port):
    if getattr(address, "ipv4_mapped", None):
        return
    written = f"[{address}]" if address.version == 6 else str(address)
    assert parse_node(written if port is None else f"{written}:{port}") == (str(address), port)


@given(FIELD | st.text('for=proto;host,"\\ \t.:[]', max_size=60))
def test_every_text_is_forwarded_or_malformed(text):
    hops = read_forwarded(Headers([("forwarded", text)]))
    assert all(isinstance(hop.node, str) for hop in hops)
    assert len(hops) <= text.count(",") + 1


@given(st.lists(st.from_regex(r"[ !#-\[\]-~]{0,12}", fullmatch=True), max_size=5))
def test_quoted_nodes_are_read_back(nodes):
    text = ", ".join(f'for="{node}";proto=https' for node in nodes)
    assert [hop.node for hop in read_forwarded(Headers([("forwarded", text)]))] == (nodes or [""])


@given(st.lists(st.from_regex(r"[a-z0-9]{1,3}", fullmatch=True), min_size=1, max_size=60), st.integers(0, 40))
def test_the_nearest_values_are_those_at_the_right(values, hops):
    read = listed(Headers([("x-forwarded-proto", ",".join(values))]), "x-forwarded-proto")
    assert read[-min(len(values), HOPS_MAX) :] == values[-HOPS_MAX:]
    assert nearest(read, min(hops, HOPS_MAX)) == values[-min(max(hops, 1), HOPS_MAX, len(values))]
