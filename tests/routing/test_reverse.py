"""URLs from names."""

from __future__ import annotations

import pytest

from nacre.errors import ConfigurationError, Location
from nacre.routing import BuildError, BuiltURL, Converters, NamedRoute, Names, parse_host, parse_pattern


def named(name: str, *paths: str, host: str | None = None, line: int = 1) -> NamedRoute:
    patterns = tuple(parse_pattern(path, Converters()) for path in paths)
    return NamedRoute(name, patterns, parse_host(host) if host else None, Location("app.py", line))


NAMES = Names(
    [
        named("index", "/"),
        named("user", "/users/<int:id>"),
        named("posts", "/posts", "/posts/<tag>", "/posts/<tag>/<int:page>"),
        named("shop", "/cart/<item>", host="<tenant>.example.com"),
        named("admin", "/", host="admin.example.com"),
        named("wild", "/", host="*.example.com"),
    ]
)


@pytest.mark.parametrize(
    ("name", "values", "url"),
    [
        ("index", {}, (None, "/")),
        ("user", {"id": 5}, (None, "/users/5")),
        ("user", {"id": 5, "q": "a b&c", "flag": True}, (None, "/users/5?q=a%20b%26c&flag=true")),
        ("index", {"x": [1, 2], "y": None, "z": (None, "é")}, (None, "/?x=1&x=2&z=%C3%A9")),
        ("posts", {}, (None, "/posts")),
        ("posts", {"tag": "a"}, (None, "/posts/a")),
        ("posts", {"tag": "a", "page": 2}, (None, "/posts/a/2")),
        ("posts", {"page": 2}, (None, "/posts?page=2")),
        ("shop", {"tenant": "acme", "item": "x", "n": 1}, ("acme.example.com", "/cart/x?n=1")),
        ("admin", {}, ("admin.example.com", "/")),
        ("wild", {}, (None, "/")),
    ],
)
def test_url_is_built_and_leftover_values_are_the_query(
    name: str, values: dict[str, object], url: tuple[str | None, str]
) -> None:
    assert NAMES.build(name, values) == BuiltURL(*url)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("usr", {}, "no route is named `usr`; did you mean `user`, which needs `id`?"),
        ("shpo", {}, "no route is named `shpo`; did you mean `shop`, which needs `tenant`, `item`?"),
        ("indx", {}, "no route is named `indx`; did you mean `index`?"),
        ("zzz", {}, "no route is named `zzz`; the names are `admin`, `index`, `posts`, `shop`, `user`, `wild`"),
        ("user", {}, "can't build `/users/<int:id>`: no value for `id`"),
        ("shop", {"item": "x"}, "can't build `<tenant>.example.com`: no value for `tenant`"),
    ],
)
def test_url_that_cannot_be_built_says_what_is_needed(name: str, values: dict[str, object], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        NAMES.build(name, values)
    assert str(caught.value) == message


def test_names_taken_twice_are_all_reported_with_both_places() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Names([named("a", "/1"), named("a", "/2", line=2), named("b", "/3"), named("b", "/4", line=4)])
    assert [str(problem) for problem in caught.value.problems] == [
        "two routes are named `a`: `/1` and `/2` (app.py:2)\n"
        "      give one of them another name (it is also at app.py:1)",
        "two routes are named `b`: `/3` and `/4` (app.py:4)\n"
        "      give one of them another name (it is also at app.py:1)",
    ]


def test_names_can_be_looked_up() -> None:
    assert "user" in NAMES
    assert "nobody" not in NAMES
    assert NAMES["user"].patterns[0].text == "/users/<int:id>"
