"""What a test says, what the application gets, and what the test gets back."""

from __future__ import annotations

import io
import re

import pytest
from werkzeug.formparser import parse_form_data

from nacre import Nacre, RedirectResponse, Request, Response
from nacre.testing import TestClient


@pytest.fixture
def app():
    """An application that tells what it was asked."""
    app = Nacre()

    @app.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
    async def tell(request: Request):
        body = await request.body()
        return {
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "headers": [pair for pair in request.headers.pairs() if pair[0] != "host"],
            "cookies": dict(request.cookies),
            "body": body.decode("latin-1"),
            "client": request.client,
            "scheme": request.scheme,
            "host": request.headers.get("host"),
        }

    return app


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
async def test_each_method_has_its_function(client_for, app, method):
    response = await getattr(client_for(app), method.lower())("/x")
    assert response.json()["method"] == method


async def test_any_method_may_be_sent(client_for, app):
    response = await client_for(app).request("QUERY", "/x", content=b"q")
    assert (response.json()["method"], response.json()["body"]) == ("QUERY", "q")


BODIES = [
    pytest.param({}, [("content-length", "0")], "", id="none"),
    pytest.param({"content": b"ab"}, [("content-length", "2")], "ab", id="bytes"),
    pytest.param({"content": "é"}, [("content-length", "2")], "Ã©", id="text"),
    pytest.param({"content": b""}, [("content-length", "0")], "", id="empty"),
    pytest.param({"content": [b"a", b"b"]}, [("transfer-encoding", "chunked")], "ab", id="chunks"),
    pytest.param(
        {"content": [b"ab"], "headers": {"Content-Length": "2"}}, [("content-length", "2")], "ab", id="declared chunks"
    ),
    pytest.param(
        {"json": {"a": None}},
        [("content-type", "application/json"), ("content-length", "10")],
        '{"a":null}',
        id="json",
    ),
    pytest.param(
        {"json": None}, [("content-type", "application/json"), ("content-length", "4")], "null", id="json null"
    ),
    pytest.param(
        {"form": {"a": "1 2", "b": ["x", "&"]}},
        [("content-type", "application/x-www-form-urlencoded"), ("content-length", "17")],
        "a=1%202&b=x&b=%26",
        id="form",
    ),
    pytest.param(
        {"data": {"a": "1 2", "b": ["x", "&"]}},
        [("content-type", "application/x-www-form-urlencoded"), ("content-length", "17")],
        "a=1%202&b=x&b=%26",
        id="data",
    ),
    pytest.param(
        {"json": 1, "headers": {"content-type": "text/x"}},
        [("content-length", "1"), ("content-type", "text/x")],
        "1",
        id="other type",
    ),
]


@pytest.mark.parametrize(("options", "headers", "body"), BODIES)
async def test_bodies_arrive_with_what_describes_them(client_for, app, options, headers, body):
    got = (await client_for(app).post("/x", **options)).json()
    described = [pair for pair in got["headers"] if pair[0].startswith(("content-", "transfer-"))]
    assert (sorted(map(tuple, described)), got["body"]) == (sorted(headers), body)


async def test_chunks_may_come_from_an_async_iterable(client_for, app):
    async def chunks():
        yield b"a"
        yield b"b"

    assert (await client_for(app).post("/x", content=chunks())).json()["body"] == "ab"


TWO_BODIES = [{"json": 1, "content": b""}, {"json": None, "form": {}}, {"data": {}, "content": b""}]
TWO_BODIES += [{"files": {}, "json": 1}, {"files": {}, "content": b""}]


@pytest.mark.parametrize("options", TWO_BODIES, ids=" and ".join)
async def test_two_bodies_are_refused(client_for, app, options):
    with pytest.raises(TypeError, match=r"only one of `json`, a form \(`form`, `data`, `files`\) and `content`"):
        client_for(app).post("/x", **options)


def posted(got):
    """The fields and files of a multipart body, as another library reads it."""
    headers = dict(got["headers"])
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": headers["content-type"],
        "CONTENT_LENGTH": headers["content-length"],
        "wsgi.input": io.BytesIO(got["body"].encode("latin-1")),
    }
    _, form, files = parse_form_data(environ)
    contents = []
    for name, several in files.lists():
        for one in several:
            contents.append((name, one.filename, one.content_type, one.read()))
            one.close()
    return list(form.items(multi=True)), contents


FILES = {
    "bytes": ({"a": b"\x00\xff"}, [("a", "a", "application/octet-stream", b"\x00\xff")]),
    "name and bytes": ({"a": ("p.png", b"x")}, [("a", "p.png", "image/png", b"x")]),
    "name and text": ({"a": ("n.txt", "é")}, [("a", "n.txt", "text/plain", "é".encode())]),
    "name, content and type": ({"a": ("p.png", b"x", "image/x")}, [("a", "p.png", "image/x", b"x")]),
    "unknown ending": ({"a": ("p.zzz", b"")}, [("a", "p.zzz", "application/octet-stream", b"")]),
    "several": (
        {"a": [b"1", ("b.txt", b"2")]},
        [("a", "a", "application/octet-stream", b"1"), ("a", "b.txt", "text/plain", b"2")],
    ),
    "pairs": (
        [("a", ("1.txt", b"1")), ("b", ("2.txt", b"2"))],
        [("a", "1.txt", "text/plain", b"1"), ("b", "2.txt", "text/plain", b"2")],
    ),
    "names outside ASCII": ({"é": ("ü.txt", b"x")}, [("é", "ü.txt", "text/plain", b"x")]),
    "none": ({}, []),
}


@pytest.mark.parametrize(("files", "expected"), FILES.values(), ids=FILES)
async def test_files_are_posted(client_for, app, files, expected):
    got = (await client_for(app).post("/x", files=files)).json()
    assert posted(got) == ([], expected)


@pytest.mark.parametrize("name", ["data", "form"])
async def test_fields_ride_along_with_files(client_for, app, name):
    options = {name: {"a": "1 é", "b": [2, 3]}, "files": {"c": ("c.txt", b"x"), "d": (None, "plain")}}
    got = (await client_for(app).post("/x", **options)).json()
    fields = [("a", "1 é"), ("b", "2"), ("b", "3"), ("d", "plain")]
    assert posted(got) == (fields, [("c", "c.txt", "text/plain", b"x")])


def test_file_of_the_disk_is_posted(app, transport, tmp_path):
    path = tmp_path / "note.html"
    path.write_bytes(b"<p>")
    client = TestClient(app, transport)
    assert posted(client.post("/x", files={"a": path}).json()) == ([], [("a", "note.html", "text/html", b"<p>")])
    client.close()


async def test_names_of_files_can_not_write_header_fields(client_for, app):
    got = (await client_for(app).post("/x", files={'a"\r\nx: 1': ('b"\r\n\r\n', b"")})).json()
    assert 'name="a%22%0D%0Ax: 1"; filename="b%22%0D%0A%0D%0A"\r\n' in got["body"]


async def test_each_multipart_body_has_its_own_boundary(client_for, app):
    client = client_for(app)
    first, second = [(await client.post("/x", files={"a": b"x"})).json() for _ in range(2)]
    assert first["headers"] != second["headers"]
    assert first["body"] != second["body"]


WRONG_FORMS = {
    "path as text": ({"files": {"a": "note.txt"}}, "the file 'a' is of type str; give bytes, a Path, or a tuple"),
    "tuple of too much": ({"files": {"a": (1, 2, 3, 4)}}, "the file 'a' is a tuple of int, int, int, int; give"),
    "no content": ({"files": {"a": ("x", None)}}, "the file 'a' is a tuple of str, NoneType; give"),
    "text with files": ({"form": "a=1", "files": {}}, "as a mapping or pairs, not as a str"),
    "text as data": ({"data": "a=1"}, "a body as it is goes by `content`"),
    "bytes as data": ({"data": b"a=1"}, "a body as it is goes by `content`"),
    "form and data": ({"data": {}, "form": {}}, "`data` and `form` are the same"),
}


@pytest.mark.parametrize(("options", "message"), WRONG_FORMS.values(), ids=WRONG_FORMS)
async def test_forms_that_can_not_be_sent_are_refused(client_for, app, options, message):
    with pytest.raises(TypeError, match=message):
        client_for(app).post("/x", **options)


UNKNOWN = [
    ("get", {"parms": {}}, "there is no option `parms` here; did you mean `params`?"),
    ("post", {"jason": {}}, "there is no option `jason` here; did you mean `json`?"),
    ("get", {"follow_redirect": True}, "did you mean `follow_redirects`?"),
    (
        "post",
        {"zzz": b""},
        "there are content, cookies, data, disconnect_after, files, follow_redirects, form, headers",
    ),
]


@pytest.mark.parametrize(("method", "options", "message"), UNKNOWN, ids=["params", "json", "redirects", "unlike any"])
async def test_unknown_options_are_refused(client_for, app, method, options, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        getattr(client_for(app), method)("/x", **options)


@pytest.mark.parametrize("option", ["follow_redirects", "form_data"])
async def test_unknown_options_of_a_stream_are_refused(client_for, app, option):
    with pytest.raises(TypeError, match=f"there is no option `{option}` here"):
        client_for(app).stream("GET", "/x", **{option: True})


TARGETS = [
    pytest.param("/a?b=1", {}, "/a", "b=1", id="query in the path"),
    pytest.param("/a?b=1", {"query": {"c": [2, 3]}}, "/a", "b=1&c=2&c=3", id="query appended"),
    pytest.param("/a", {"query": "x=%20"}, "/a", "x=%20", id="query as text"),
    pytest.param("/a?b=1", {"params": {"c": "d e"}}, "/a", "b=1&c=d%20e", id="params"),
    pytest.param("/a", {"params": [("c", 1), ("c", 2)]}, "/a", "c=1&c=2", id="params as pairs"),
    pytest.param("/a?b=1", {"query": "c=2", "params": {"d": 3}}, "/a", "b=1&c=2&d=3", id="query and params"),
    pytest.param("/%C3%A9", {}, "/é", "", id="escapes"),
    pytest.param("/é", {}, "/é", "", id="text outside ASCII"),
]


@pytest.mark.parametrize(("path", "options", "expected", "query"), TARGETS)
async def test_targets(client_for, app, path, options, expected, query):
    got = (await client_for(app).get(path, **options)).json()
    assert (got["path"], got["query"]) == (expected, query)


@pytest.mark.parametrize("path", ["x", "/a b", "/a\n", ""], ids=ascii)
async def test_what_cannot_stand_on_a_request_line_is_refused(client_for, app, path):
    with pytest.raises(ValueError, match=r"slash|request line"):
        client_for(app).get(path)


async def test_an_encoded_slash_is_known_where_the_transport_tells_it(client_for, app, transport):
    got = (await client_for(app).get("/a%2Fb")).json()
    assert got["path"] == ("/a/b" if transport == "rsgi" else "/a%2Fb")


async def test_header_fields_of_one_name_are_kept_apart(client_for, app, transport):
    got = (await client_for(app).get("/x", headers=[("X-A", "1"), ("x-a", "2")])).json()
    assert got["headers"] == ([["x-a", "1,2"]] if transport == "wsgi" else [["x-a", "1"], ["x-a", "2"]])


async def test_headers_of_a_request_replace_those_of_the_client(client_for, app):
    client = client_for(app, headers={"x-a": "1", "x-b": "1"})
    got = (await client.get("/x", headers={"X-A": "2", "x-b": None})).json()
    assert got["headers"] == [["x-a", "2"]]


async def test_the_host_field_may_be_left_out(client_for, app):
    assert (await client_for(app).get("/x", headers={"host": None})).status == 400


async def test_scheme_host_and_address_are_the_clients(client_for, app):
    client = client_for(app, scheme="https", host="example.org:8443", client=("192.0.2.1", 7))
    got = (await client.get("/x")).json()
    assert (got["scheme"], got["host"], got["client"]) == ("https", "example.org:8443", ["192.0.2.1", 7])


@pytest.mark.parametrize("transport", ["asgi", "wsgi"])
async def test_a_root_path_stands_before_the_path(client_for, transport):
    app = Nacre()

    @app.get("/x")
    async def where(request: Request):
        return [request.root_path, request.path, request.url_for("where")]

    response = await client_for(app, root_path="/root").get("/x")
    assert response.json() == ["/root", "/x", "/root/x"]


async def test_rsgi_refuses_a_root_path(app):
    response = await TestClient(app, "rsgi", root_path="/root").get("/x")
    assert "no root path" in str(response.aborted)


async def test_the_response_tells_what_was_sent(client_for):
    app = Nacre()

    @app.get("/")
    async def index():
        response = Response("é".encode("latin-1"), 201, content_type="text/plain; charset=latin-1")
        response.headers.add("x-a", "1")
        response.headers.add("x-a", "2")
        response.set_cookie("a", "b")
        return response

    response = await client_for(app).get("/")
    assert (response.status, response.ok, response.text, response.body) == (201, True, "é", b"\xe9")
    assert response.headers.getlist("X-A") == ["1", "2"]
    assert response.cookies == {"a": "b"}
    assert (response.aborted, response.disconnected, response.history) == (None, False, [])


async def test_an_answer_to_head_has_no_body(client_for):
    app = Nacre()
    app.get("/")(lambda: "hello")
    response = await client_for(app).head("/")
    assert (response.body, response.headers["content-length"]) == (b"", "5")


# Redirects.


@pytest.fixture
def redirecting(app):
    async def to(status: int):
        return RedirectResponse("/arrived?q=1", status)

    app.route("/to/<int:status>", methods=["GET", "POST"])(to)
    app.get("/round")(lambda: RedirectResponse("/round"))
    app.get("/elsewhere")(lambda: RedirectResponse("https://other.example/x"))
    return app


async def test_redirects_are_not_followed_unless_asked(client_for, redirecting):
    response = await client_for(redirecting).get("/to/302")
    assert (response.status, response.headers["location"]) == (302, "/arrived?q=1")


REDIRECTS = [
    ("GET", 301, "GET", ""),
    ("POST", 301, "GET", ""),
    ("POST", 302, "GET", ""),
    ("POST", 303, "GET", ""),
    ("POST", 307, "POST", "abc"),
    ("POST", 308, "POST", "abc"),
]


@pytest.mark.parametrize(("method", "status", "expected", "body"), REDIRECTS)
async def test_redirects_are_followed_as_browsers_do(client_for, redirecting, method, status, expected, body):
    client = client_for(redirecting, follow_redirects=True)
    response = await client.request(method, f"/to/{status}", content=b"abc" if method == "POST" else None)
    got = response.json()
    assert (got["method"], got["path"], got["query"], got["body"]) == (expected, "/arrived", "q=1", body)
    assert [earlier.status for earlier in response.history] == [status]


async def test_a_redirect_to_another_host_asks_the_application_by_that_name(client_for, redirecting):
    got = (await client_for(redirecting).get("/elsewhere", follow_redirects=True)).json()
    assert (got["scheme"], got["host"]) == ("https", "other.example")


async def test_redirects_in_a_circle_end(client_for, redirecting):
    with pytest.raises(RuntimeError, match="more than 20 redirects"):
        await client_for(redirecting).get("/round", follow_redirects=True)


# Errors.


async def test_an_unhandled_exception_is_a_500(client_for):
    app = Nacre()

    @app.get("/")
    async def fail():
        raise ZeroDivisionError

    response = await client_for(app).get("/")
    assert (response.status, response.aborted) == (500, None)


@pytest.fixture
def breaking():
    app = Nacre()

    @app.get("/")
    async def index():
        yield "a"
        raise ZeroDivisionError

    return app


async def test_an_exception_after_the_start_marks_the_response(client_for, breaking):
    response = await client_for(breaking).get("/")
    assert (response.status, response.body) == (200, b"a")
    assert isinstance(response.aborted, ZeroDivisionError)


async def test_raise_errors_hands_it_to_the_test(client_for, breaking):
    with pytest.raises(ZeroDivisionError):
        await client_for(breaking, raise_errors=True).get("/")


async def test_an_unknown_transport_is_refused(app):
    with pytest.raises(ValueError, match="there are asgi, rsgi, wsgi"):
        TestClient(app, "scgi")
