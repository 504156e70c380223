"""Which route wins, what happens when none does, and what finding it costs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nacre.routing
from nacre.errors import ConfigurationError, Location
from nacre.routing import (
    ANY_METHOD,
    NO_MATCH,
    BuildError,
    Converters,
    Found,
    OtherSlash,
    RouteEntry,
    Router,
    Segment,
    Slashes,
    Unknown,
    Variable,
    WrongMethod,
    parse_pattern,
)

CONVERTERS = Converters()


def entry(
    route: str,
    order: int = 0,
    *,
    slashes: Slashes = "strict",
    defaults: Mapping[str, object] | None = None,
    line: int | None = None,
    case_sensitive: bool = True,
    converters: Converters = CONVERTERS,
) -> RouteEntry[str]:
    """`GET,POST /path`; the payload is the text itself."""
    methods, path = route.split(" ", 1)
    return RouteEntry(
        parse_pattern(path, converters),
        frozenset(methods.split(",")) - {""},
        route,
        where=Location("app.py", line) if line else None,
        order=(order,),
        defaults=defaults or {},
        slashes=slashes,
        case_sensitive=case_sensitive,
    )


def table(*routes: str, slashes: Slashes = "strict") -> Router[str]:
    return Router([entry(route, order, slashes=slashes) for order, route in enumerate(routes)], decode=unquote)


WINNERS = [
    ("text beats a variable registered before", ["/<a>", "/x"], "/x", "/x"),
    ("variables go by registration", ["/<a>", "/<int:b>"], "/5", "/<a>"),
    ("a converter that refuses leaves the next", ["/<int:a>", "/<b>"], "/x", "/<b>"),
    ("the first position decides", ["/<a>/x", "/x/<a>"], "/x/x", "/x/<a>"),
    ("a branch that fails later is left", ["/x/<a>/y", "/<a>/<b>/z"], "/x/1/z", "/<a>/<b>/z"),
    ("text inside a segment is no text", ["/<a>", "/<b>.json"], "/x.json", "/<a>"),
    ("a path variable is a variable", ["/<path:p>", "/<a>"], "/x", "/<path:p>"),
    ("registered later it comes later", ["/<a>", "/<path:p>"], "/x", "/<a>"),
    ("text beats a path variable", ["/<path:p>", "/x/y"], "/x/y", "/x/y"),
    ("text later on beats a path variable", ["/<path:p>", "/<a>/y"], "/x/y", "/<a>/y"),
    ("text after a path variable counts", ["/<path:p>", "/<path:p>/edit"], "/x/edit", "/<path:p>/edit"),
    ("text at the front beats text at the end", ["/<path:p>/edit", "/x/<path:p>"], "/x/edit", "/x/<path:p>"),
    ("a third route has no say", ["/<int:a>/q", "/<b>/y", "/<int:c>/y"], "/5/y", "/<b>/y"),
    ("a final slash is a position", ["/<a>", "/<a>/"], "/x/", "/<a>/"),
    ("nothing merges slashes", ["/a//b", "/a/b"], "/a//b", "/a//b"),
]


@pytest.mark.parametrize(("paths", "path", "winner"), [w[1:] for w in WINNERS], ids=[w[0] for w in WINNERS])
def test_winner(paths: list[str], path: str, winner: str) -> None:
    match = table(*[f"GET {text}" for text in paths]).find("GET", path)
    assert isinstance(match, Found)
    assert match.payload == f"GET {winner}"


@pytest.mark.parametrize("path", ["", "x", "*", "/y", "/X", "/x/", "//x", "/5/", "/-/"])
def test_unknown_paths(path: str) -> None:
    assert table("GET /x", "GET /<int:n>").find("GET", path) == Unknown()


class TestMethods:
    def test_more_specific_route_without_the_method_falls_through(self) -> None:
        routes = table("GET /x/y", "POST /x/<a>", "PUT /<a>/<b>", "DELETE /<path:p>")
        winners = {method: routes.find(method, "/x/y") for method in ("GET", "POST", "PUT", "DELETE")}
        assert {method: match.payload for method, match in winners.items() if isinstance(match, Found)} == {
            "GET": "GET /x/y",
            "POST": "POST /x/<a>",
            "PUT": "PUT /<a>/<b>",
            "DELETE": "DELETE /<path:p>",
        }

    def test_allowed_methods_of_all_routes_have_a_fixed_order(self) -> None:
        routes = table("ZAP,DELETE,QUERY /x", "PATCH,ACT /<a>", "GET /<path:p>", "PUT /<int:n>")
        assert routes.find("POST", "/x") == WrongMethod(
            ("GET", "HEAD", "PATCH", "DELETE", "QUERY", "ACT", "ZAP"),
        )

    def test_get_routes_answer_head(self) -> None:
        assert table("GET /x").find("HEAD", "/x") == Found("GET /x", {})
        assert table("GET /<a>").find("HEAD", "/x") == Found("GET /<a>", {"a": "x"})
        assert table("POST /x").find("HEAD", "/x") == WrongMethod(("POST",))

    def test_own_head_of_the_same_pattern_wins_in_any_order(self) -> None:
        assert table("GET /<a>", "HEAD /<b>").find("HEAD", "/x") == Found("HEAD /<b>", {"b": "x"})

    def test_own_head_of_a_less_specific_pattern_does_not_win(self) -> None:
        assert table("HEAD /<b>", "GET /x").find("HEAD", "/x") == Found("GET /x", {})

    def test_options_is_the_callers_business(self) -> None:
        assert table("GET /x").find("OPTIONS", "/x") == WrongMethod(("GET", "HEAD"))

    def test_methods_compare_with_case(self) -> None:
        assert table("GET /x").find("get", "/x") == WrongMethod(("GET", "HEAD"))

    @pytest.mark.parametrize("path", ["/x", "/<a>", "/<path:a>"])
    def test_any_method_takes_the_unheard_of(self, path: str) -> None:
        assert isinstance(table(f"{ANY_METHOD} {path}").find("BREW", "/x"), Found)

    def test_any_method_takes_its_turn_by_registration(self) -> None:
        routes = table("GET /<int:a>", f"{ANY_METHOD} /<b>", "GET,PUT /<path:c>", "PUT /<uint:d>")
        assert routes.find("GET", "/5") == Found("GET /<int:a>", {"a": 5})
        assert routes.find("GET", "/x") == Found("* /<b>", {"b": "x"})
        assert routes.find("PUT", "/5") == Found("* /<b>", {"b": "5"})
        assert routes.find("*", "/5") == Found("* /<b>", {"b": "5"})


class TestParameters:
    def test_defaults_are_parameters_the_path_overrides(self) -> None:
        routes = Router([entry("GET /", defaults={"page": 1}), entry("GET /<int:page>", defaults={"page": 1, "x": 2})])
        assert routes.find("GET", "/") == Found("GET /", {"page": 1})
        assert routes.find("GET", "/5") == Found("GET /<int:page>", {"page": 5, "x": 2})

    def test_parameters_of_two_requests_are_two_objects(self) -> None:
        routes = Router([entry("GET /", defaults={"page": 1})])
        first, second = routes.find("GET", "/"), routes.find("GET", "/")
        assert isinstance(first, Found)
        assert isinstance(second, Found)
        assert first.params is not second.params

    @pytest.mark.parametrize("path", ["/x", "/50%"])
    def test_empty_parameters_refuse_writing(self, path: str) -> None:
        match = table(f"GET {path}").find("GET", path.replace("%", "%25"))
        assert isinstance(match, Found)
        assert not isinstance(match.params, dict)

    def test_parameters_come_in_the_order_of_the_pattern(self) -> None:
        match = table("GET /<c>/<a>-<d>/<path:b>/<e>").find("GET", "/1/2-3/4/5/6")
        assert isinstance(match, Found)
        assert list(match.params.items()) == [("c", "1"), ("a", "2"), ("d", "3"), ("b", "4/5"), ("e", "6")]


ENCODED = [
    ("/<a>", "/x%2Fy", {"a": "x/y"}),
    ("/<a>", "/x%252Fy", {"a": "x%2Fy"}),
    ("/<a>/<b>", "/x%2Fy", None),
    ("/<a>-<b>", "/x%2F-%25", {"a": "x/", "b": "%"}),
    ("/a/b", "/a%2Fb", None),
    ("/50%", "/50%25", {}),
    ("/<a>/50%", "/x/50%25", {"a": "x"}),
    ("/a%2Fb", "/a%2Fb", None),
    ("/a%2Fb", "/a%252Fb", {}),
    ("/<path:p>", "/x%2Fy/z", {"p": "x/y/z"}),
    ("/<path:p>/y", "/x%2Fy", None),
    ("/<path:p>/50%", "/x/50%25", {"p": "x"}),
    ("/<int:a>", "/%2F5", None),
]


@pytest.mark.parametrize(("text", "path", "params"), ENCODED, ids=[f"{text} {path}" for text, path, _ in ENCODED])
def test_encoded_slash_splits_nothing(text: str, path: str, params: dict[str, object] | None) -> None:
    match = table(f"GET {text}").find("GET", path)
    assert (dict(match.params) if isinstance(match, Found) else None) == params


def test_percent_is_plain_text_without_decode() -> None:
    routes = Router([entry("GET /<a>"), entry("GET /50%")])
    assert routes.find("GET", "/x%2Fy") == Found("GET /<a>", {"a": "x%2Fy"})
    assert routes.find("GET", "/50%") == Found("GET /50%", {})


class TestStatic:
    def test_static_routes_are_in_one_dictionary(self) -> None:
        routes = table("GET /x", "POST /x", "GET /<a>", "GET /50%", f"{ANY_METHOD} /z")
        assert routes.static == {"/x": {"GET": "GET /x", "HEAD": "GET /x", "POST": "POST /x"}}
        assert not routes.has_hosts

    def test_routes_with_defaults_are_not(self) -> None:
        assert Router([entry("GET /x", defaults={"a": 1})]).static == {}


class TestWrongMethodsOfStaticPaths:
    """What is settled at startup is what a search finds."""

    @pytest.mark.parametrize("other", ["GET /<a>", f"{ANY_METHOD} /<a>", "GET /<path:a>", f"{ANY_METHOD} /x"])
    def test_other_routes_of_the_path_have_their_say(self, other: str) -> None:
        match = table("POST /x", other).find("PUT", "/x")
        if ANY_METHOD in other:
            assert isinstance(match, Found)
        else:
            assert match == WrongMethod(("GET", "HEAD", "POST"))
            assert table("POST /x", other).find("GET", "/x") == Found(other, {"a": "x"})

    def test_a_variable_is_asked_each_time(self) -> None:
        taken: list[str] = []
        converters = Converters()
        converters.register("one", lambda text: text if text in taken else None)
        routes = Router([entry("POST /x"), entry("GET /<one:a>", 1, converters=converters)])
        assert routes.find("GET", "/x") == routes.find("PUT", "/x") == WrongMethod(("POST",))
        taken.append("x")
        assert routes.find("GET", "/x") == Found("GET /<one:a>", {"a": "x"})
        assert routes.find("PUT", "/x") == WrongMethod(("GET", "HEAD", "POST"))

    def test_a_route_in_another_case_too(self) -> None:
        routes = Router([entry("POST /x"), entry("GET /X", 1, case_sensitive=False)])
        assert routes.find("GET", "/x") == Found("GET /X", {})
        assert routes.find("PUT", "/x") == WrongMethod(("GET", "HEAD", "POST"))

    def test_and_one_that_the_other_slash_leads_to(self) -> None:
        routes = Router([entry("POST /x"), entry("GET /x/", 1, slashes="redirect")])
        assert routes.find("GET", "/x") == OtherSlash("/x/")
        assert routes.find("PUT", "/x") == WrongMethod(("POST",))
        routes = Router([entry("POST /x"), entry("GET /x/", 1, slashes="ignore")])
        assert routes.find("GET", "/x") == Found("GET /x/", {})
        assert routes.find("PUT", "/x") == WrongMethod(("GET", "HEAD", "POST"))

    def test_nothing_is_searched_for(self) -> None:
        routes = many(50)
        assert work(routes, "POST", "/s3/x") <= work(routes, "GET", "/s3/x") + 4


class TestSlashes:
    @pytest.mark.parametrize(
        ("route", "path", "match"),
        [
            ("GET /x", "/x/", OtherSlash("/x")),
            ("GET /x/", "/x", OtherSlash("/x/")),
            ("GET /<a>/", "/x%2Fy", OtherSlash("/x%2Fy/")),
            ("GET /x", "/x//", Unknown()),
            ("GET /<path:p>", "/x/", Found("GET /<path:p>", {"p": "x/"})),
            ("GET /s/<path:p>", "/s", Unknown()),
            ("POST /x", "/x/", Unknown()),
            ("GET /<path:p>/", "//evil.example", Unknown()),
            ("GET /<path:p>/", "/\\evil.example", Unknown()),
            ("GET /<path:p>/", "/x//y", OtherSlash("/x//y/")),
        ],
    )
    def test_redirect(self, route: str, path: str, match: object) -> None:
        assert table(route, slashes="redirect").find("GET", path) == match

    @pytest.mark.parametrize(
        ("route", "path", "match"),
        [
            ("GET /x", "/x/", Found("GET /x", {})),
            ("GET /x/", "/x", Found("GET /x/", {})),
            ("GET /<a>", "/y/", Found("GET /<a>", {"a": "y"})),
            ("POST /x", "/x/", WrongMethod(("POST",))),
            ("GET /", "", Unknown()),
        ],
    )
    def test_ignore(self, route: str, path: str, match: object) -> None:
        assert table(route, slashes="ignore").find("GET", path) == match

    def test_route_that_matches_as_it_is_comes_first(self) -> None:
        routes = Router([entry("GET /x", slashes="redirect"), entry("GET /<a>/", 1)])
        assert routes.find("GET", "/x/") == Found("GET /<a>/", {"a": "x"})

    def test_redirect_comes_before_a_wrong_method(self) -> None:
        routes = Router([entry("GET /x", slashes="redirect"), entry("POST /x/")])
        assert routes.find("GET", "/x/") == OtherSlash("/x")
        assert routes.find("PUT", "/x/") == WrongMethod(("POST",))

    def test_allowed_methods_of_both_spellings_are_joined(self) -> None:
        routes = Router([entry("GET /x", slashes="ignore"), entry("POST /x/")])
        assert routes.find("PUT", "/x/") == WrongMethod(("GET", "HEAD", "POST"))


class TestProblems:
    def test_all_are_reported_at_once_with_both_places(self) -> None:
        entries = [
            entry("GET,POST /u/<int:a>", 0, line=1),
            entry("POST,GET /u/<int:b>", 1, line=2),
            entry("GET /x", 2, line=3),
            entry("GET /x", 3),
            entry(" /empty", 4, line=5),
            entry("GET /slash", 5, line=6, slashes="maybe"),  # type: ignore[arg-type]
        ]
        with pytest.raises(ConfigurationError) as caught:
            Router(entries)
        assert [str(problem) for problem in caught.value.problems] == [
            'route `/empty` has no methods (app.py:5)\n      name some, e.g. `methods=["GET"]`',
            "route `/slash` has the unknown slash policy `maybe` (app.py:6)\n"
            "      use `strict`, `redirect` or `ignore`",
            "`GET, POST /u/<int:b>` and `GET, POST /u/<int:a>` match the same paths (app.py:2)\n"
            "      the first one, declared at app.py:1, always wins: remove one, or change its path or methods",
            "`GET /x` is declared twice\n"
            "      the first one, declared at app.py:3, always wins: remove one, or change its path or methods",
        ]

    @pytest.mark.parametrize(
        ("first", "second"),
        [("GET /<int:a>", "GET /<uint:a>"), ("GET /<a>", "POST /<a>"), ("GET /x", "HEAD /x"), ("GET /x", "GET /x/")],
    )
    def test_routes_that_differ_are_no_duplicates(self, first: str, second: str) -> None:
        table(first, second)


def test_entries_are_sorted_by_registration() -> None:
    routes = Router([entry("GET /<b>", 2), entry("GET /<int:a>", 1)])
    assert [item.order for item in routes.entries] == [(1,), (2,)]
    assert routes.find("GET", "/5") == Found("GET /<int:a>", {"a": 5})


# The router against a matcher that knows nothing of trees.

SEGMENTS = st.sampled_from(["a", "b", "1", "", "<{}>", "<int:{}>", "<path:{}>", "x<{}>", "<{}>-<int:{}2>"])
PATHS = st.lists(st.sampled_from(["a", "b", "1", "-1", "", "xa", "a-1", "a-b-2"]), min_size=1, max_size=4)
METHODS = st.sets(st.sampled_from(["GET", "POST", "HEAD"]), min_size=1)


@st.composite
def route_tables(draw: st.DrawFn) -> Router[str]:
    entries: dict[object, RouteEntry[str]] = {}
    for order in range(draw(st.integers(1, 8))):
        segments = draw(st.lists(SEGMENTS, min_size=1, max_size=4))
        assume(sum("path" in segment for segment in segments) <= 1)
        path = "/" + "/".join(segment.replace("{}", f"v{at}") for at, segment in enumerate(segments))
        made = entry(f"{','.join(sorted(draw(METHODS)))} {path}", order)
        entries.setdefault(made.pattern.shape, made)
    return Router(entries.values())


def reference(routes: Router[str], method: str, path: list[str]) -> tuple[str, dict[str, object]] | set[str] | None:
    """Ask every route; the order of those that match is: text before variable by position, then registration."""
    matches = []
    for item in routes.entries:
        for kinds, params in list(ways(list(item.pattern.segments), path))[:1]:
            matches.append((kinds, item.order, item, params))
    having = [match for match in matches if method in methods_of(match[2])]
    if having:
        best = min(having, key=lambda match: match[:2])
        return best[2].payload, best[3]
    return {method for match in matches for method in methods_of(match[2])} or None


def methods_of(item: RouteEntry[str]) -> set[str]:
    return set(item.methods) | ({"HEAD"} if "GET" in item.methods else set())


def ways(segments: list[Segment], path: list[str]) -> list[tuple[list[bool], dict[str, object]]]:
    if not segments or not path:
        return [([], {})] if not segments and not path else []
    found = []
    for taken, kind, params in first(segments[0], path):
        found += [([kind] * taken + kinds, params | rest) for kinds, rest in ways(segments[1:], path[taken:])]
    return found


def first(segment: Segment, path: list[str]) -> list[tuple[int, bool, dict[str, object]]]:
    if isinstance(segment, str):
        return [(1, False, {})] if segment == path[0] else []
    spans = any(not isinstance(part, str) and part.converter.spans_segments for part in segment)
    lengths = range(1, len(path) + 1) if spans else (1,)
    divided = ((length, divide(segment, "/".join(path[:length]))) for length in lengths)
    return [(length, True, params) for length, params in divided if params is not None]


def divide(parts: tuple[str | Variable, ...], text: str) -> dict[str, object] | None:
    if not parts:
        return None if text else {}
    part, *rest = parts
    if isinstance(part, str):
        return divide(tuple(rest), text[len(part) :]) if text.startswith(part) else None
    for end in range(len(text), 0, -1):
        value = part.converter.parse(text[:end])
        others = divide(tuple(rest), text[end:])
        if value is not NO_MATCH and others is not None:
            return {part.name: value} | others
    return None


@given(routes=route_tables(), path=PATHS, method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]))
def test_router_agrees_with_asking_every_route(routes: Router[str], path: list[str], method: str) -> None:
    match = routes.find(method, "/" + "/".join(path))
    expected = reference(routes, method, path)
    if isinstance(match, Found):
        assert (match.payload, dict(match.params)) == expected
    elif isinstance(match, WrongMethod):
        assert set(match.allowed) == expected
    else:
        assert expected is None


@given(routes=route_tables(), path=PATHS, method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]))
def test_the_short_way_finds_what_the_router_finds(routes: Router[str], path: list[str], method: str) -> None:
    hit = routes.find_variable(method, "/" + "/".join(path))
    match = routes.find(method, "/" + "/".join(path))
    if hit is not None:
        assert isinstance(match, Found)
        assert (match.payload, dict(match.params)) == (hit[0].payload, hit[1])
    else:
        assert not isinstance(match, Found)


@given(routes=route_tables(), path=PATHS)
def test_what_was_found_can_be_built_and_found_again(routes: Router[str], path: list[str]) -> None:
    match = routes.find("GET", "/" + "/".join(path))
    assume(isinstance(match, Found))
    assert isinstance(match, Found)
    pattern = next(item.pattern for item in routes.entries if item.payload == match.payload)
    try:
        built = pattern.build(match.params)
    except BuildError as error:
        assert "starts with two slashes" in str(error)  # noqa: PT017 - the only reason not to build
        return
    again = Router([entry(f"GET {pattern}")]).find("GET", unquote(built))
    assert isinstance(again, Found)
    assert again.params == match.params


# Cost, in lines of our code that run: the same on every machine.


def work(routes: Router[str], method: str, path: str) -> int:
    lines = 0
    package = str(Path(nacre.routing.__file__).parent)

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        if package not in frame.f_code.co_filename:
            return None  # e.g. callbacks of the garbage collector
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        routes.find(method, path)
    finally:
        sys.settrace(before)
    return lines


def many(count: int) -> Router[str]:
    numbers = range(count)
    return Router(
        [entry(f"GET /s{n}/x", n) for n in numbers]
        + [entry(f"GET /d{n}/<int:a>/y/<b>", n + count) for n in numbers]
        + [entry(f"GET /t{n}/<path:p>", n + 2 * count) for n in numbers]
    )


@pytest.fixture(scope="module")
def tables() -> tuple[Router[str], Router[str]]:
    return many(5), many(1700)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/s3/x", "/d3/5/y/z", "/d3/x/y/z", "/t3/a/b/c", "/nothing", "/s3/nothing"])
def test_cost_does_not_grow_with_the_number_of_routes(
    tables: tuple[Router[str], Router[str]], method: str, path: str
) -> None:
    few, lots = tables
    assert work(few, method, path) == work(lots, method, path)


def test_going_back_is_bounded_by_the_routes_that_could_match() -> None:
    depth = 12
    alternating = [
        "GET /" + "/".join("a" if bits >> at & 1 else f"<v{at}>" for at in range(depth)) for bits in range(64)
    ]
    routes = table(*alternating)
    assert work(routes, "GET", "/a" * (depth - 1) + "/b/c") < 64 * depth * 40


def test_long_path_costs_no_more_than_its_split() -> None:
    routes = table("GET /<a>/<b>", "GET /x/<path:p>/edit")
    assert work(routes, "GET", "/a" * 20) == work(routes, "GET", "/a" * 20_000)
