"""Entries of the security corpus about header fields and cookies: what is sent, what is read, and what clients add.

Of the class `client_injection`, CVE-2021-41945 (httpx) and the others are about clients; the test client is the only
one here, and sends nothing that it was not asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nacre import HTTPError, Nacre, RedirectResponse, Request, Response
from nacre.cookies import format_cookie, format_deletion, parse_cookies
from nacre.etags import parse_etags
from nacre.headers import Headers, MutableHeaders
from nacre.media import best_match, parse_media_type
from nacre.ranges import parse_ranges
from nacre.testing import TestClient
from nacre.urls import check_location, parse_host, parse_origin

ClientFor = Callable[..., TestClient]

# What is sent (header_injection, cookie_injection).

CONTROLS = ["\r\nSet-Cookie: b=c", "\rX: y", "\nX: y", "\0", "\x08", "\x7f"]


def _set(value: str) -> Any:
    MutableHeaders()["x"] = value


SETTERS: dict[str, Callable[[str], Any]] = {
    "CVE-2012-2374": _set,
    "CVE-2020-7695": lambda bad: Response(headers={"x": f"a{bad}"}),
    "CVE-2026-34520 GHSA-63hf-3vf5-4wqf": lambda bad: MutableHeaders().add("x", f"a{bad}b"),
    "CVE-2016-9964": lambda bad: RedirectResponse(f"233{bad}"),
    "CVE-2026-42874": lambda bad: Response().set_cookie("a", f"b{bad}"),
    "CPython CVE-2026-0672 / CVE-2026-3644": lambda bad: format_cookie("a", "b", path=f"/{bad}"),
    "CPython CVE-2026-0672 / CVE-2026-3644 domain": lambda bad: format_cookie("a", "b", domain=f"a{bad}"),
    "CPython CVE-2026-0672 / CVE-2026-3644 name": lambda bad: format_cookie(f"a{bad}", "b"),
    "CPython CVE-2026-0672 / CVE-2026-3644 deletion": lambda bad: format_deletion("a", path=f"/{bad}"),
    "a type": lambda bad: Response(b"", content_type=f"text/plain{bad}"),
    "many at once": lambda bad: MutableHeaders().update({"x": f"a{bad}"}),
    "a name": lambda bad: MutableHeaders().add(f"x{bad}", "a"),
}


@pytest.mark.parametrize("bad", CONTROLS, ids=ascii)
@pytest.mark.parametrize("entry", SETTERS)
def test_a_control_character_is_refused_where_it_is_set(entry: str, bad: str) -> None:
    with pytest.raises(ValueError, match=r"can't hold|not a|must be|cookie"):
        SETTERS[entry](bad)


@pytest.mark.parametrize(
    "entry", ["CVE-2026-34519 GHSA-mwh4-6h8g-pg8w", "CVE-2025-67724 GHSA-pr2v-jx2c-wg9f", "CVE-2016-9964"]
)
async def test_a_status_is_a_number_and_its_phrase_no_text_of_a_program(client_for: ClientFor, entry: str) -> None:
    """Neither a response nor an error takes a reason, so none can hold a line break or a script."""
    app = Nacre()

    @app.get("/")
    async def handler(request: Request) -> Response:
        return Response(b"x", status=int(request.query["status"]))

    async with client_for(app) as client:
        for status in (200, 299, 599):
            assert (await client.get(f"/?status={status}")).status == status
    for make in (lambda: Response(b"", reason="OK\r\nX: y"), lambda: HTTPError("x", reason="OK\r\nX: y")):  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="reason"):
            make()


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (parse_host, "a.example\nX"),
        (parse_host, "a.example\n"),
        (parse_origin, "https://a.example\n"),
        (parse_media_type, "a/b\n"),
        (check_location, "/a\n"),
        (check_location, "/\ta"),
        (lambda bad: MutableHeaders().add(bad, ""), "x\n"),
        (lambda bad: format_cookie(bad, ""), "a\n"),
    ],
)
@pytest.mark.parametrize("entry", ["CVE-2015-5144", "CVE-2021-32052"])
def test_no_check_lets_a_line_end_pass(entry: str, check: Callable[[str], Any], bad: str) -> None:
    """`$` matches before a last line end; CVE-2021-32052 is about tabs and line ends that Python's parsers drop."""
    with pytest.raises(ValueError):
        check(bad)


# What is read (header_parse, cookie_parse).

NOT_ASCII_DIGITS = ["1_0", "+1", "\u0661", "\uff11", "\xb2", "1.0", "0x10", "1e3", "--1", "- 1", ""]


@pytest.mark.parametrize("number", NOT_ASCII_DIGITS, ids=ascii)
async def test_werkzeug_2716_numbers_in_fields_are_ascii_digits(client_for: ClientFor, number: str) -> None:
    """werkzeug#2716: Content-Length and Range here; a port and a weight are numbers too."""
    assert parse_ranges(f"bytes={number}-5", 10) in (None, []) or number == ""
    assert best_match(f"text/html;q={number}, text/plain;q=0.1", ["text/html", "text/plain"]) == "text/plain" or (
        number == "1.0"
    )
    if number:
        with pytest.raises(ValueError):
            parse_host(f"a:{number}")
    app = Nacre()

    @app.post("/")
    async def handler(request: Request) -> Any:
        return {"length": request.content_length}

    async with client_for(app) as client:
        if number:
            raw = number.encode().decode("latin-1")
            answer = await client.post("/", headers={"content-length": raw}, content=b"")
            # Granian's RSGI leaves a value out that isn't ASCII.
            assert (answer.status, answer.body) == (200, b'{"length":null}') or answer.status == 400
            assert answer.status == 400 or not raw.isascii()


@pytest.mark.parametrize("value", ['a="b, c', '"', 'a="b\\', "a=b, , ,", ",", '="', 'a;b="', "a,b;;;=\0"])
def test_werkzeug_3128_a_quote_that_nobody_closes_is_no_exception(value: str) -> None:
    """werkzeug#3128, for all that reads lists."""
    assert best_match(value, ["text/html"]) in ("text/html", None)
    assert parse_etags([value]) in ([], "*")
    assert parse_ranges(value, 10) is None
    assert isinstance(parse_cookies(value), dict)
    with pytest.raises(ValueError):
        parse_media_type(value)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("=__Host-session=bad", {}),
        ("=__Host-session=bad; a=b", {"a": "b"}),
        (" = ;=;==; =__Secure-x=y", {}),
        ("__Host-session", {}),
        ("a=b=c", {"a": "b=c"}),
    ],
)
def test_cve_2023_23934_a_cookie_without_a_name_is_none(header: str, expected: dict[str, str]) -> None:
    """CVE-2023-23934 GHSA-px8h-6qxv-m22q."""
    assert parse_cookies(header) == expected


@pytest.mark.parametrize(
    "header", ["a=b]csrftoken=x", "a=b,csrftoken=x", "a=b csrftoken=x", "a=b\tcsrftoken=x", "a=b&csrftoken=x"]
)
def test_cve_2016_7401_only_a_semicolon_ends_a_cookie(header: str) -> None:
    """CVE-2016-7401: what another system's cookie says can't set ours."""
    assert parse_cookies(header) == ({} if "\t" in header else {"a": header.removeprefix("a=")})


@pytest.mark.parametrize("entry", ["CVE-2021-23336", "CVE-2020-28473"])
async def test_a_semicolon_in_a_query_is_text(client_for: ClientFor, entry: str) -> None:
    app = Nacre()

    @app.route("/", methods=["GET", "POST"])
    async def handler(request: Request) -> Any:
        return [request.query.pairs(), (await request.form()).pairs() if request.method == "POST" else None]

    async with client_for(app) as client:
        assert (await client.get("/?a=1;b=2&q=1;utm=evil")).json()[0] == [["a", "1;b=2"], ["q", "1;utm=evil"]]
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert (await client.post("/", content=b"a=1;b=2", headers=form)).json()[1] == [["a", "1;b=2"]]


# JSON is what says that it is.

NOT_JSON = [
    "text/plain; a=application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=application/json",
    "application/jsonx",
    "xapplication/json",
    "application/json-seq",
    "application/ json",
    "application/json\\",
]


@pytest.mark.parametrize("kind", NOT_JSON)
async def test_a_body_is_json_only_by_its_media_type(client_for: ClientFor, kind: str) -> None:
    """CVE-2014-3137: compared as a whole, not looked for in the field."""
    app = Nacre()
    reached: list[Any] = []

    @app.post("/bound")
    async def bound(item: dict[str, int]) -> None:
        reached.append(item)

    async with client_for(app) as client:
        answer = await client.post("/bound", content=b'{"a":1}', headers={"content-type": kind})
    assert answer.status in (400, 415, 422)
    assert reached == []


async def test_gunicorn_3366_two_content_types_are_refused_everywhere(client_for: ClientFor) -> None:
    """gunicorn#3366: also behind a layer that has looked at the headers, and for every way to read a body."""
    app = Nacre()

    async def looks(request: Request, call_next: Any) -> Any:
        assert request.headers.getlist("content-type")
        return await call_next(request)

    async def bound(item: dict[str, int]) -> Any:
        return item

    async def raw(request: Request) -> Any:
        return await request.json()

    for path, handler in (("/bound", bound), ("/raw", raw)):
        app.add_route(path, handler, methods=["POST"])
        app.add_route(f"/layered{path}", handler, methods=["POST"], middlewares=[looks])
    pairs = [("content-type", "text/plain"), ("content-type", "application/json")]
    async with client_for(app) as client:
        for path in ("/bound", "/raw", "/layered/bound", "/layered/raw"):
            answer = await client.post(path, content=b'{"a":1}', headers=pairs)
            assert answer.status in (400, 415)  # WSGI joins the two, and that is no JSON


def test_cve_2026_3902_names_are_compared_with_their_underscores() -> None:
    """CVE-2026-3902 and CVE-2015-0219, for what a server gives."""
    headers = Headers([("x_forwarded_user", "admin"), ("x-forwarded_user", "admin")])
    assert "x-forwarded-user" not in headers
    assert headers.getlist("X-Forwarded-User") == []
    headers = Headers([("x-forwarded-user", "ann"), ("x_forwarded_user", "admin")])
    assert headers.getlist("x-forwarded-user") == ["ann"]


# Clients (client_injection, client_leak, cookie).


def _nothing(request: Request) -> Any:
    return [list(pair) for pair in request.headers.pairs()]


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        ("CVE-2026-34514 GHSA-2vrm-gr82-f7m5", {"files": {"f": ("a", b"x", "a/b\r\nX: y")}}),
        ("CVE-2026-50269 GHSA-m6qw-4cw2-hm4m", {"files": {"f": ("a", b"x", "a/b\nX: y")}}),
    ],
)
async def test_the_test_client_sends_no_header_within_another(
    client_for: ClientFor, entry: str, options: dict[str, Any]
) -> None:
    app = Nacre()
    app.add_route("/", _nothing, methods=["POST"])
    async with client_for(app) as client:
        with pytest.raises(ValueError):
            await client.post("/", **options)


async def test_cve_2026_22779_a_header_of_the_test_client_is_one_header(client_for: ClientFor) -> None:
    """CVE-2026-22779: it writes no bytes, so a line break separates nothing."""
    app = Nacre()
    app.add_route("/", _nothing)
    async with client_for(app) as client:
        answer = await client.get("/", headers={"x": "a\r\nevil: y"})
    assert "evil" not in dict(answer.json())


@pytest.mark.parametrize("path", ["http://[::1", "http://a b/", "/a b", "/\r\nX: y", "http://a:99999/", "http:// /"])
@pytest.mark.parametrize("entry", ["CVE-2021-41945", "CVE-2023-49081 GHSA-q3qx-c6g2-7pw2"])
async def test_the_test_client_refuses_a_target_that_is_none_or_escapes_it(
    client_for: ClientFor, entry: str, path: str
) -> None:
    """Nor does it take a version: CVE-2023-49081."""
    app = Nacre()
    app.add_route("/<path:rest>", _nothing)
    async with client_for(app) as client:
        try:
            answer = await client.get(path)
        except ValueError:
            return
    assert answer.status in (200, 400)
    assert "y" not in dict(answer.json() if answer.status == 200 else {}).values()


@pytest.mark.parametrize(
    "entry",
    [
        "CVE-2026-47265 GHSA-hg6j-4rv6-33pg",
        "CVE-2026-49853 GHSA-3x9g-8vmp-wqvf",
        "CVE-2022-21712",
        "CVE-2026-54279",
    ],
)
@pytest.mark.parametrize("to", ["http://other.example/seen", "https://testserver/seen"])
async def test_credentials_stay_with_their_origin(client_for: ClientFor, entry: str, to: str) -> None:
    """A redirect to another origin takes neither cookies nor Authorization along; a host's cookie stays its own."""
    app = Nacre()
    app.add_route("/", lambda request: RedirectResponse(to))
    app.add_route("/seen", _nothing)
    async with client_for(app, cookies={"session": "secret"}, follow_redirects=True) as client:
        answer = await client.get("/", headers={"authorization": "Bearer secret", "cookie": "one=secret"})
    assert answer.status == 200
    assert "authorization" not in dict(answer.json())
    if "other" in to:
        assert "cookie" not in dict(answer.json())
