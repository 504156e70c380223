"""Host patterns and how they choose between routes."""

from __future__ import annotations

import pytest

from nacre.errors import ConfigurationError, Location
from nacre.routing import (
    BuildError,
    Converters,
    Found,
    RouteEntry,
    Router,
    Unknown,
    WrongMethod,
    normalize_host,
    parse_host,
    parse_pattern,
)

HOSTS = [
    ("example.com", "example.com", {}),
    ("Example.COM", "eXample.com:8080", {}),
    ("example.com", "example.com.", {}),
    ("example.com", "www.example.com", None),
    ("example.com", "", None),
    ("*.example.com", "a.example.com", {}),
    ("*.example.com", "a.b.example.com", {}),
    ("*.example.com", "example.com", None),
    ("*.example.com", ".example.com", None),
    ("*.example.com", "evil-example.com", None),
    ("<sub>.example.com", "A.example.com", {"sub": "a"}),
    ("{sub}.example.com", "a.example.com:80", {"sub": "a"}),
    ("<sub>.example.com", "a.b.example.com", None),
    ("<sub>.example.com", ".example.com", None),
    ("*.<sub>.example.com", "x.y.z.example.com", {"sub": "z"}),
    ("[::1]", "[::1]:8000", {}),
    ("[::1]", "[::1]", {}),
    ("localhost", "localhost:5000", {}),
]


@pytest.mark.parametrize(("pattern", "host", "params"), HOSTS, ids=[f"{p} {h}" for p, h, _ in HOSTS])
def test_host_matches_without_case_port_and_final_dot(
    pattern: str, host: str, params: dict[str, object] | None
) -> None:
    assert parse_host(pattern).match(normalize_host(host)) == params


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "host `` has the label ``, which no host can have"),
        ("a..b", "host `a..b` has the label ``, which no host can have"),
        ("a.com:80", "host `a.com:80` has the label `com:80`, which no host can have"),
        ("a.*.com", "host `a.*.com` has the label `*`, which no host can have"),
        ("x-<a>.com", "host `x-<a>.com` has the label `x-<a>`, which no host can have"),
        ("<1>.com", "host `<1>.com` has a variable `1`, which can't name a parameter"),
        ("<a>.<a>.com", "host `<a>.<a>.com` has two variables named `a`"),
    ],
)
def test_bad_host_pattern_says_what_and_where(text: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_host(text, Location("app.py", 3))
    (problem,) = caught.value.problems
    assert (problem.what, problem.where) == (what, Location("app.py", 3))


def router(*hosts: str | None, path: str = "/") -> Router[str]:
    return Router(
        RouteEntry(
            parse_pattern(path, Converters()),
            frozenset({"GET"}),
            str(host),
            parse_host(host) if host else None,
            order=(order,),
        )
        for order, host in enumerate(hosts)
    )


ALL = (None, "*.example.com", "<sub>.example.com", "www.example.com", "*.com")


@pytest.mark.parametrize(
    ("host", "winner"),
    [
        ("www.example.com", "www.example.com"),
        ("api.example.com", "<sub>.example.com"),
        ("a.b.example.com", "*.example.com"),
        ("other.com", "*.com"),
        ("other.org", "None"),
        ("", "None"),
    ],
)
@pytest.mark.parametrize("hosts", [ALL, ALL[::-1]], ids=["declared", "reversed"])
def test_most_specific_host_wins_in_any_order(hosts: tuple[str | None, ...], host: str, winner: str) -> None:
    match = router(*hosts).find("GET", "/", host)
    assert isinstance(match, Found)
    assert match.payload == winner


def test_host_variables_are_parameters_even_when_two_routes_name_them_differently() -> None:
    entries = [
        RouteEntry(parse_pattern(path, Converters()), frozenset({"GET"}), path, parse_host(host))
        for path, host in (("/a", "<x>.com"), ("/<int:n>", "{y}.com"))
    ]
    table = Router(entries)
    assert table.has_hosts
    assert table.static == {}
    assert table.find("GET", "/a", "q.com") == Found("/a", {"x": "q"})
    assert table.find("GET", "/5", "q.com") == Found("/<int:n>", {"n": 5, "y": "q"})


def test_host_route_with_another_method_falls_through_to_the_route_without_host() -> None:
    path = parse_pattern("/", Converters())
    table = Router(
        [
            RouteEntry(path, frozenset({"POST"}), "host", parse_host("a.com")),
            RouteEntry(path, frozenset({"GET"}), "any"),
        ]
    )
    assert table.find("GET", "/", "a.com") == Found("any", {})
    assert table.find("POST", "/", "a.com") == Found("host", {})
    assert table.find("PUT", "/", "a.com") == WrongMethod(("GET", "HEAD", "POST"))
    assert table.find("POST", "/", "b.com") == WrongMethod(("GET", "HEAD"))


def test_routes_of_another_host_are_unknown() -> None:
    assert router("a.com").find("GET", "/", "b.com") == Unknown()


def test_variable_in_host_and_path_is_a_problem() -> None:
    with pytest.raises(ConfigurationError) as caught:
        router("<x>.com", path="/<x>")
    assert str(caught.value).startswith("route `/<x>` and its host `<x>.com` both have a variable `x`")


def test_host_is_built_from_values() -> None:
    assert parse_host("<sub>.example.com").build({"sub": "Shop", "other": 1}) == "shop.example.com"
    assert parse_host("*.example.com").build({}) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "can't build `<sub>.example.com`: no value for `sub`"),
        ({"sub": "a.b"}, "can't build `<sub>.example.com`: variable `sub`: 'a.b' is not a host label"),
        ({"sub": "a/"}, "can't build `<sub>.example.com`: variable `sub`: 'a/' is not a host label"),
    ],
)
def test_host_that_cannot_be_built_says_why(values: dict[str, object], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse_host("<sub>.example.com").build(values)
    assert str(caught.value) == message
