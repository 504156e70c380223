"""Reading path patterns, joining them, and building paths from them."""

from __future__ import annotations

from datetime import date

import pytest

from nacre.errors import ConfigurationError, Location
from nacre.routing import BuildError, Converters, Found, PathPattern, RouteEntry, Router, join, parse_pattern

WHERE = Location("app.py", 7)


def read(text: str) -> PathPattern:
    return parse_pattern(text, Converters(), WHERE)


def find(text: str, path: str) -> dict[str, object] | None:
    match = Router([RouteEntry(read(text), frozenset({"GET"}), "it")]).find("GET", path)
    return dict(match.params) if isinstance(match, Found) else None


SYNTAX = [
    ("/", []),
    ("/a/b/", []),
    ("/<name>", ["name string"]),
    ("/{name}", ["name string"]),
    ("/<int:id>", ["id int"]),
    ("/{id:int}", ["id int"]),
    ("/<int(min=1,max=5):id>", ["id int(max=5,min=1)"]),
    ("/{id:int(min=-1)}", ["id int(min=-1)"]),
    ("/<string():id>", ["id string"]),
    ("/<any(a, b,c):x>", ["x any(a,b,c)"]),
    ("/<re:[a-z]{2,3}:x>", ["x re:[a-z]{2,3}"]),
    ("/<re:a:b:x>", ["x re:a:b"]),
    ("/<re:[^/>]+:x>/<y>", ["x re:[^/>]+", "y string"]),
    ("/<re:(?<=a)b|(?P<n>c):x>", ["x re:(?<=a)b|(?P<n>c)"]),
    ("/<re:(?:foo>bar):x>", ["x re:(?:foo>bar)"]),
    ("/<a>/<int:b>/{c}", ["a string", "b int", "c string"]),
    ("/<path:p>/edit", ["p path"]),
    ("/v<int:major>.<int:minor>/x", ["major int", "minor int"]),
    ("/<größe>", ["größe string"]),
]


@pytest.mark.parametrize(("text", "variables"), SYNTAX, ids=[text for text, _ in SYNTAX])
def test_variables_are_read(text: str, variables: list[str]) -> None:
    pattern = read(text)
    assert [f"{name} {converter}" for name, converter in pattern.variables] == variables
    assert pattern.text == str(pattern) == text
    assert pattern.is_static is not bool(variables)


ERRORS = [
    ("", "path `` does not start with a slash", "write `/`"),
    ("users", "path `users` does not start with a slash", "write `/users`"),
    ("/<itn:id>", "path `/<itn:id>` uses the unknown converter `itn`", "did you mean `int`?"),
    (
        "/<id:int>",
        "path `/<id:int>` uses the unknown converter `id`",
        "did you mean `<int:id>` or `{id:int}`?",
    ),
    (
        "/{int:id}",
        "path `/{int:id}` uses the unknown converter `id`",
        "did you mean `<int:id>` or `{id:int}`?",
    ),
    (
        "/<zzz:id>",
        "path `/<zzz:id>` uses the unknown converter `zzz`",
        "known are any, date, float, int, path, re, string, uint, uuid; `Converters.register` adds one",
    ),
    ("/<a>/<int:a>", "path `/<a>/<int:a>` has two variables named `a`", "rename one of them"),
    (
        "/<path:a>/<path:b>",
        "path `/<path:a>/<path:b>` has two `path` variables, so where one ends is anyone's guess",
        "keep one of them",
    ),
    (
        "/<re:[a-z:x>",
        "path `/<re:[a-z:x>` has a bad variable: `[a-z` is not a regular expression: "
        "unterminated character set at position 0",
        "write `<re:REGEX:name>`",
    ),
    ("/<re:abc>", "path `/<re:abc>` has a `<re:` without a `:name>` after it", "write `<re:REGEX:name>`"),
    ("/{x:re}", "path `/{x:re}` has a `re` variable without an expression", "write `<re:REGEX:x>`"),
    ("/<a", "path `/<a` has a `<` without a `>` after it", "close the variable"),
    ("/{a", "path `/{a` has a `{` without a `}` after it", "close the variable"),
    ("/a>", "path `/a>` has a `>` without a `<` before it", "remove it, or open the variable"),
    ("/a}", "path `/a}` has a `}` without a `{` before it", "remove it, or open the variable"),
    ("/<>", "path `/<>` has a variable without a name", "name it, e.g. `<id>`"),
    (
        "/<1a>",
        "path `/<1a>` has a variable `1a`, which can't name a parameter",
        "use letters, digits and `_`",
    ),
    (
        "/<int:class>",
        "path `/<int:class>` has a variable `class`, which can't name a parameter",
        "use letters, digits and `_`",
    ),
    (
        "/<int(1):a>",
        "path `/<int(1):a>` has a bad variable: `int` does not take `1`; it takes `min` and `max`",
        "correct `int(1)`",
    ),
    (
        "/<int(mni=1):a>",
        "path `/<int(mni=1):a>` has a bad variable: `int` does not take `mni`; it takes `min` and `max`",
        "correct `int(mni=1)`",
    ),
    (
        "/<int(min=x):a>",
        "path `/<int(min=x):a>` has a bad variable: `min=x` is not `key=whole number`",
        "correct `int(min=x)`",
    ),
    (
        "/<int(min=1,min=2):a>",
        "path `/<int(min=1,min=2):a>` has a bad variable: `int` has an argument twice",
        "correct `int(min=1,min=2)`",
    ),
    (
        "/<int(min=2,max=1):a>",
        "path `/<int(min=2,max=1):a>` has a bad variable: `int` can't match: "
        "its lower limit 2 is above its upper limit 1",
        "correct `int(min=2,max=1)`",
    ),
    (
        "/<uuid(x):a>",
        "path `/<uuid(x):a>` has a bad variable: `uuid` does not take `x`; it takes no arguments",
        "correct `uuid(x)`",
    ),
    (
        "/<string(length=1,min=2):a>",
        "path `/<string(length=1,min=2):a>` has a bad variable: `string` takes `length`, or `min` and `max`, not both",
        "correct `string(length=1,min=2)`",
    ),
    (
        "/<string(min=0):a>",
        "path `/<string(min=0):a>` has a bad variable: "
        "`string` needs at least one character: an empty segment never matches",
        "correct `string(min=0)`",
    ),
    (
        "/<any:a>",
        "path `/<any:a>` has a bad variable: `any` takes the words it accepts, without slashes: `any(red,green)`",
        "correct `any`",
    ),
    (
        "/<int(:a>",
        "path `/<int(:a>` has a bad variable: `int(` is not a converter",
        "write `<type(arguments):name>`",
    ),
    (
        "/<a><b>",
        "path `/<a><b>` has nothing between the variables `a` and `b`",
        "put text between them, e.g. `-`",
    ),
]


@pytest.mark.parametrize(("text", "what", "fix"), ERRORS, ids=[text for text, _, _ in ERRORS])
def test_bad_pattern_says_what_where_and_what_to_change(text: str, what: str, fix: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    (problem,) = caught.value.problems
    assert (problem.what, problem.where, problem.fix) == (what, WHERE, fix)


JOINED = [
    ("", "", ""),
    ("", "/", "/"),
    ("", "/x", "/x"),
    ("", "x", "x"),
    ("/customers", "", "/customers"),
    ("/customers", "/", "/customers/"),
    ("/customers", "/<id>", "/customers/<id>"),
    ("/customers/", "/<id>", "/customers/<id>"),
    ("/customers", "<id>", "/customers/<id>"),
    ("/", "/x", "/x"),
    ("/<tenant>", "/x", "/<tenant>/x"),
]


@pytest.mark.parametrize(("prefix", "pattern", "joined"), JOINED)
def test_prefix_and_pattern_join_with_one_slash(prefix: str, pattern: str, joined: str) -> None:
    assert join(prefix, pattern) == joined


DIVIDED = [
    ("/files/<name>.json", "/files/a.json", {"name": "a"}),
    ("/files/<name>.json", "/files/.json", None),
    ("/files/<name>.json", "/files/a.jsonx", None),
    ("/<name>.<ext>", "/a.tar.gz", {"name": "a.tar", "ext": "gz"}),
    ("/<int:id>-<slug>", "/7-a-b", {"id": 7, "slug": "a-b"}),
    ("/<int:a>-<int:b>", "/1--2", {"a": 1, "b": -2}),
    ("/<int:a>-<int:b>", "/-1-2", {"a": -1, "b": 2}),
    ("/<date:day>-<slug>", "/2024-01-02-x-y", {"day": date(2024, 1, 2), "slug": "x-y"}),
    ("/<a>-<b>-<int:c>", "/x-y-z-1", {"a": "x-y", "b": "z", "c": 1}),
    ("/<a>--<b>", "/x---y", {"a": "x-", "b": "y"}),
    ("/<a>-<b>", "/-", None),
    ("/<a>-<b>", "/a-", None),
    ("/v<int:v>", "/v", None),
    ("/aa<x>aa", "/aaa", None),
    ("/<path:p>/edit", "/a/b/edit", {"p": "a/b"}),
    ("/<path:p>/edit", "/edit", None),
    ("/<path:p>/edit", "/a/edit/", None),
    ("/<path:p>/<int:n>", "/a/b/5", {"p": "a/b", "n": 5}),
    ("/<path:p>/<int:n>", "/a/b/c", None),
    ("/<x>/<path:p>", "/a/b/c", {"x": "a", "p": "b/c"}),
    ("/<int:x>/<path:p>", "/a/b/c", None),
    ("/f-<path:p>.txt/raw", "/f-a/b.txt/raw", {"p": "a/b"}),
    ("/<a>-<path:p>", "/x-y/z-w", {"a": "x", "p": "y/z-w"}),
    ("/<path:p>-<a>", "/x-y/z-w-v", {"p": "x-y/z-w", "a": "v"}),
    ("/<path:p>-<a>", "/x-y/z", None),
    ("/static/<path:p>", "/static/", None),
    ("/static/<path:p>", "/static/a//b/", {"p": "a//b/"}),
]


@pytest.mark.parametrize(("text", "path", "params"), DIVIDED, ids=[f"{text} {path}" for text, path, _ in DIVIDED])
def test_text_around_variables_divides_the_path(text: str, path: str, params: dict[str, object] | None) -> None:
    assert find(text, path) == params


@pytest.mark.parametrize("text", ["/<w:a>-<w:b>-<w:c>-<int:d>", "/<w:a>-<path:p>-<int:d>"])
@pytest.mark.parametrize("length", [100, 10_000])
def test_conversions_tried_for_one_segment_are_limited(text: str, length: int) -> None:
    calls: list[int] = []

    def parse(text: str) -> object:
        calls.append(len(text))
        return text

    converters = Converters()
    converters.register("w", parse)
    entry = RouteEntry(parse_pattern(text, converters), frozenset({"GET"}), "it")
    assert not isinstance(Router([entry]).find("GET", "/" + "-" * length), Found)
    assert len(calls) <= 2 * 200  # once to search, once to tell 404 from 405


class TestBuild:
    def test_values_are_percent_encoded_by_segment(self) -> None:
        path = read("/größe/<a>/<path:p>").build({"a": "50% ?#", "p": "x y/ü"})
        assert path == "/gr%C3%B6%C3%9Fe/50%25%20%3F%23/x%20y/%C3%BC"

    def test_text_around_variables_is_kept(self) -> None:
        assert read("/v<int:major>.<int:minor>/x.json").build({"major": 1, "minor": 2}) == "/v1.2/x.json"

    @pytest.mark.parametrize(
        ("text", "values", "message"),
        [
            ("/u/<int:id>", {}, "can't build `/u/<int:id>`: no value for `id`"),
            (
                "/u/<int:id>",
                {"di": 1},
                "can't build `/u/<int:id>`: no value for `id`, it has no variable `di`",
            ),
            ("/u/<int:id>", {"id": "x"}, "can't build `/u/<int:id>`: variable `id`: 'x' is not an int"),
            ("/u/<id>", {"id": ".."}, "can't build `/u/<id>`: clients resolve the `.` and `..` of `/u/..`"),
            (
                "/<path:p>",
                {"p": "/evil.example"},
                "can't build `/<path:p>`: `//evil.example` starts with two slashes, which names a host",
            ),
        ],
        ids=["missing", "extra", "wrong type", "dots", "other host"],
    )
    def test_error_names_the_pattern_and_the_variable(self, text: str, values: dict[str, object], message: str) -> None:
        with pytest.raises(BuildError) as caught:
            read(text).build(values)
        assert str(caught.value) == message
