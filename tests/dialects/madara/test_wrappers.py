"""Madara's request and response: Werkzeug's surface over the native ones, on every transport."""

import io

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.test import create_environ, run_wsgi_app
from werkzeug.utils import redirect, send_file
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from nacre import JSONResponse, Middleware, Nacre, StreamingResponse
from nacre import Response as NativeResponse
from nacre.dialects.madara import layer
from nacre.dialects.madara.app import Madara
from nacre.dialects.madara.responses import Headers, Status, read_status
from nacre.dialects.madara.wrappers import Request, Response, make_response
from nacre.headers import Headers as NativeHeaders

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


def app_of(view, methods=("GET", "POST"), **options):
    app = Madara(**options)
    app.route("/<path:rest>", methods=methods, endpoint="view")(lambda request, rest: view(request))
    return app


# The request.


async def test_a_request_has_werkzeugs_attributes(client_for):
    seen = {}

    def view(request):
        names = ("method", "path", "full_path", "query_string", "scheme", "host", "root_path", "is_json", "is_secure")
        seen.update({name: getattr(request, name) for name in names})
        seen["args"] = request.args.getlist("a")
        seen["values"] = request.values.getlist("a")
        seen["cookies"] = dict(request.cookies)
        seen["header"] = request.headers["X-Ask"]
        seen["names"] = "X-Ask" in request.headers
        seen["addr"] = request.remote_addr
        seen["matched"] = (request.endpoint, request.view_args)
        seen["kinds"] = isinstance(request, WerkzeugRequest), request.environ is request.environ
        seen["url"] = request.url
        return repr(request)

    async with client_for(app_of(view)) as client:
        headers = {"x-ask": "why", "cookie": "ship=gull; crew=4", "host": "harbour.example"}
        text = (await client.request("GET", "/a/%C3%B6?a=1&a=2", headers=headers)).text
    assert text == "<Request 'http://harbour.example/a/ö?a=1&a=2' [GET]>"
    address = seen.pop("addr")
    assert address in ("127.0.0.1", "testclient", None) or address
    assert seen == {
        "method": "GET",
        "path": "/a/ö",
        "full_path": "/a/ö?a=1&a=2",
        "query_string": b"a=1&a=2",
        "scheme": "http",
        "host": "harbour.example",
        "root_path": "",
        "is_json": False,
        "is_secure": False,
        "args": ["1", "2"],
        "values": ["1", "2"],
        "cookies": {"ship": "gull", "crew": "4"},
        "header": "why",
        "names": True,
        "matched": ("view", {"rest": "a/ö"}),
        "kinds": (True, True),
        "url": "http://harbour.example/a/ö?a=1&a=2",
    }


async def test_forms_and_files_are_read_as_werkzeug_does(client_for):
    parts = (
        b'--r\r\nContent-Disposition: form-data; name="note"\r\n\r\nat dawn\r\n'
        b'--r\r\nContent-Disposition: form-data; name="chart"; filename="bay.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nreefs\r\n--r--\r\n"
    )

    def view(request):
        files = {name: [one.filename, one.mimetype, one.read().decode()] for name, one in request.files.items()}
        return {"form": request.form.to_dict(), "files": files}

    async with client_for(app_of(view)) as client:
        headers = {"content-type": "multipart/form-data; boundary=r"}
        sent = await client.request("POST", "/x", content=parts, headers=headers)
        typed = await client.request("POST", "/x", content=b"a=1&b=%20x", headers=FORM)
    assert sent.json() == {"form": {"note": "at dawn"}, "files": {"chart": ["bay.txt", "text/plain", "reefs"]}}
    assert typed.json() == {"form": {"a": "1", "b": " x"}, "files": {}}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"a": 1}', JSON, 200),
        (b"[1]", {"content-type": "application/cargo+json"}, 200),
        (b'{"a": ', JSON, 400),
        (b"", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"9" * 5_000, JSON, 400),
        (b"\xff\xfe\xff", JSON, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {}, 415),
    ],
    ids=["object", "suffix", "cut", "empty", "deep", "digits", "bytes", "text", "none"],
)
async def test_get_json_refuses_other_types_by_415_and_what_is_no_json_by_400(client_for, body, headers, status):
    async with client_for(app_of(lambda request: {"got": request.get_json()})) as client:
        response = await client.request("POST", "/x", content=body, headers=headers)
    assert response.status == status
    if status == 200:
        assert "got" in response.json()


async def test_a_body_over_the_limit_is_413_however_it_is_read(client_for):
    readers = {
        "data": lambda request: request.get_data(),
        "json": lambda request: request.get_json(),
        "form": lambda request: request.form.to_dict(),
        "stream": lambda request: request.stream.read(),
    }
    app = app_of(lambda request: str(readers[request.path[1:]](request)), max_body=100)
    async with client_for(app) as client:
        for name in readers:
            headers = FORM if name == "form" else JSON
            response = await client.request("POST", f"/{name}", content=b"x" * 101, headers=headers)
            assert response.status == 413, name


async def test_a_middleware_may_set_the_limit_of_a_request(client_for):
    class Limit:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            request.max_content_length = request.args.get("limit", type=int)
            return self.get_response(request)

    app = app_of(lambda request: str(len(request.get_data())), config={"middlewares": [Limit]}, max_body=10)
    async with client_for(app) as client:
        statuses = [
            (await client.request("POST", f"/x{limit}", content=b"x" * 20)).status
            for limit in ("?limit=19", "?limit=20", "?limit=1000", "")
        ]
    assert statuses == [413, 200, 200, 200]


async def test_a_body_may_be_read_by_native_code_and_by_madaras_in_any_order(client_for):
    async def before(request, call_next):
        if request.query.get("first"):
            assert await request.body() == b"[1, 2]"
        response = await call_next(request)
        assert await request.body() == b"[1, 2]"
        return response

    app = app_of(lambda request: {"data": request.get_data(as_text=True), "json": request.json})
    app.middlewares.append(Middleware(before))
    async with client_for(app) as client:
        for path in ("/x", "/x?first=1"):
            response = await client.request("POST", path, content=b"[1, 2]", headers=JSON)
            assert response.json() == {"data": "[1, 2]", "json": [1, 2]}


async def test_what_layers_change_of_the_request_is_seen_through_the_view(client_for):
    async def change(request, call_next):
        others = [pair for pair in request.headers.pairs() if pair[0] != "x-user"]
        request.replace_headers(NativeHeaders([*others, ("x-user", "anna")]))
        request.method = "POST"
        return await call_next(request)

    seen = []

    class Before:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            seen.append((request.method, request.headers.get("X-User"), request.endpoint))
            request.mark = "kept"
            return self.get_response(request)

    app = app_of(lambda request: f"{request.method} {request.headers['X-User']} {request.mark}")
    app.middlewares.extend([Before, Middleware(change)])
    async with client_for(app) as client:
        response = await client.request("GET", "/x", headers={"x-user": "mallory"})
    assert response.text == "POST anna kept"
    assert seen == [("GET", "mallory", "view")]


# A WSGI server hands over what can't be told apart.
@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_headers_with_underscores_enter_no_environ(client_for):
    async with client_for(app_of(lambda request: str(request.environ.get("HTTP_X_USER")))) as client:
        response = await client.request("GET", "/x", headers={"x_user": "mallory"})
    assert response.text == "None"


async def test_a_field_called_proxy_enters_no_environ(client_for):
    async with client_for(app_of(lambda request: str(request.environ.get("HTTP_PROXY")))) as client:
        assert (await client.request("GET", "/x", headers={"proxy": "evil.example"})).text == "None"


def test_a_request_may_be_made_by_hand_for_a_test_of_a_view():
    environ = create_environ("/berth/7?a=1", method="POST", data=b'{"x": 1}', content_type="application/json")
    request = Request(environ)
    assert (request.path, request.args["a"], request.get_json()) == ("/berth/7", "1", {"x": 1})
    assert (request.endpoint, request.view_args) == (None, None)
    assert environ["werkzeug.request"] is request
    assert Request.from_values("/x", method="PUT").method == "PUT"
    with pytest.raises(RuntimeError):
        Request(create_environ("/"), shallow=True).get_data()


async def test_an_error_of_werkzeug_is_answered_by_its_own_page_and_fields(client_for):
    def view(request):
        raise NotFound("no such berth", response=Response("mine", 404)) if request.args else BadRequest("odd")

    async with client_for(app_of(view)) as client:
        odd = await client.get("/x")
        mine = await client.get("/x?a=1")
    assert (odd.status, "<p>odd</p>" in odd.text) == (400, True)
    assert (mine.status, mine.text) == (404, "mine")


async def test_a_body_and_fields_that_a_layer_replaces_are_what_the_view_reads(client_for):
    class Once:
        ended = False

        async def read(self):
            data, self.ended = b"" if self.ended else b'{"a": 2, "b": 3}', True
            return data

    async def replace(request, call_next):
        request.replace_body(Once())
        return await call_next(request)

    app = app_of(lambda request: {"json": request.get_json(), "length": request.content_length})
    app.middlewares.append(Middleware(replace))
    async with client_for(app) as client:
        response = await client.request("POST", "/x", content=b"{}", headers=JSON)
    assert response.json() == {"json": {"a": 2, "b": 3}, "length": None}


async def test_a_file_may_be_sent_by_werkzeug(client_for, tmp_path):
    path = tmp_path / "chart.txt"
    path.write_text("reefs and shoals")
    async with client_for(app_of(lambda request: send_file(path, request.environ))) as client:
        whole = await client.get("/x")
        known = await client.request("GET", "/x", headers={"if-none-match": whole.headers["etag"]})
        part = await client.request("GET", "/x", headers={"range": "bytes=0-4"})
    assert (whole.status, whole.text, whole.headers["content-length"]) == (200, "reefs and shoals", "16")
    assert (known.status, known.body) == (304, b"")
    assert (part.status, part.text, part.headers["content-range"]) == (206, "reefs", "bytes 0-4/16")


async def test_native_decorators_of_an_application_serve_madaras_views(client_for):
    app = Madara()
    app.get("/one")(lambda request: {"kind": type(request).__name__, "native": request.native.method})
    app.put("/two", endpoint="two")(lambda request: request.method)
    async with client_for(app) as client:
        assert (await client.get("/one")).json() == {"kind": "Request", "native": "GET"}
        assert (await client.put("/two")).text == "PUT"


# What views return.


@pytest.mark.parametrize(
    ("result", "status", "body", "kind"),
    [
        ("text", 200, b"text", "text/plain; charset=utf-8"),
        (b"bytes", 200, b"bytes", "text/plain; charset=utf-8"),
        (bytearray(b"array"), 200, b"array", "text/plain; charset=utf-8"),
        ({"a": "ö"}, 200, b'{"a":"\\u00f6"}\n', "application/json"),
        (("made", 201), 201, b"made", "text/plain; charset=utf-8"),
        (("made", "201 CREATED"), 201, b"made", "text/plain; charset=utf-8"),
        (("made", {"X-Rope": "tarred"}), 200, b"made", "text/plain; charset=utf-8"),
        (("<p>", 200, [("Content-Type", "text/html")]), 200, b"<p>", "text/html"),
        (({}, 202, {"content-type": "application/cargo+json"}), 202, b"{}\n", "application/cargo+json"),
        ((Response("r", mimetype="text/csv"), 203), 203, b"r", "text/csv; charset=utf-8"),
    ],
    ids=["str", "bytes", "bytearray", "dict", "status", "text-status", "headers", "type", "dict-type", "response"],
)
async def test_a_result_becomes_a_response(client_for, result, status, body, kind):
    async with client_for(app_of(lambda request: result)) as client:
        response = await client.get("/x")
    assert (response.status, response.body, response.headers.getlist("content-type")) == (status, body, [kind])


@pytest.mark.parametrize(
    "result",
    [None, 5, [1], True, 1.5, {1}, ("a", 1, {}, 2), ("a", 99), ("a", "soon"), ("a", {"X": "b\nc"}), (i for i in "ab")],
    ids=["None", "int", "list", "bool", "float", "set", "four", "status", "word", "header", "generator"],
)
async def test_any_other_result_is_a_500_that_tells_the_client_nothing(client_for, result):
    async with client_for(app_of(lambda request: result)) as client:
        response = await client.get("/x")
    assert response.status == 500
    assert "TypeError" not in response.text


async def test_responses_of_others_are_taken_as_they_are(client_for):
    def application(environ, start_response):
        start_response("202 Accepted", [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])])
        yield b"by "
        yield b"WSGI"

    def of_one_part(environ, start_response):
        start_response("200 OK", [])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"one"]

    results = {
        "werkzeug": lambda: WerkzeugResponse("theirs", 203, {"X-Path": "/"}, mimetype="text/csv"),
        "stream": lambda: WerkzeugResponse(iter(["a", "b"])),
        "wsgi": lambda: application,
        "sized": lambda: of_one_part,
        "native": lambda: JSONResponse([1]),
        "native-stream": lambda: StreamingResponse(["x", "y"]),
        "error": lambda: NotFound(),
    }
    log = []

    class Look:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            response = self.get_response(request)
            log.append((type(response) is Response, response.is_streamed))
            return response

    app = app_of(lambda request: results[request.path[1:]]())
    app.middlewares.append(Look)
    async with client_for(app) as client:
        found = {name: await client.get(f"/{name}") for name in results}
        head = await client.request("HEAD", "/werkzeug")
        sized = await client.request("HEAD", "/sized")
    told = {name: (response.status, response.body) for name, response in found.items() if name != "error"}
    assert told == {
        "werkzeug": (203, b"theirs"),
        "stream": (200, b"ab"),
        "wsgi": (202, b"by WSGI"),
        "sized": (200, b"one"),
        "native": (200, b"[1]"),
        "native-stream": (200, b"xy"),
    }
    assert found["error"].status == 404
    assert (found["wsgi"].headers["x-path"], found["werkzeug"].headers["x-path"]) == ("/wsgi", "/")
    assert (head.body, head.headers["content-length"]) == (b"", "6")
    assert (sized.body, sized.headers["content-length"]) == (b"", "3")
    assert log[:4] == [(True, False), (True, True), (True, True), (True, False)]
    assert log[4:7] == [(True, False), (True, True), (True, False)]


async def test_what_a_middleware_puts_into_the_environ_stays_when_a_layer_changes_the_request(client_for):
    class Put:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            request.environ["harbour.captain"] = "Anna"
            return self.get_response(request)

    async def strip(request, call_next):
        request.replace_headers(NativeHeaders({"x-kept": "1"}))
        return await call_next(request)

    def view(request):
        return {name: request.environ.get(name) for name in ("harbour.captain", "HTTP_X_KEPT", "HTTP_X_SECRET")}

    app = app_of(view, config={"middlewares": [Put, strip]})
    async with client_for(app) as client:
        found = (await client.request("GET", "/x", headers={"x-secret": "s"})).json()
    assert found == {"harbour.captain": "Anna", "HTTP_X_KEPT": "1", "HTTP_X_SECRET": None}


async def test_a_path_begins_with_one_slash_however_many_are_sent(client_for):
    seen = []

    class Look:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            seen.append(request.path)
            return self.get_response(request)

    async with client_for(app_of(lambda request: "x", config={"middlewares": [Look]})) as client:
        await client.request("GET", "///evil.example//a", follow_redirects=False)
    assert seen == ["/evil.example//a"]


# The response.


def test_a_response_has_werkzeugs_constructor():
    assert Response().get_data() == b""
    response = Response("a,b", "201 CREATED", {"X-Rope": "tarred"}, content_type="text/csv")
    assert (response.status_code, response.content_type, response.headers["x-rope"]) == (201, "text/csv", "tarred")
    assert Response("<a/>", mimetype="application/xml").content_type == "application/xml; charset=utf-8"
    assert Response("x", mimetype="text/html").content_type == "text/html; charset=utf-8"
    assert Response("x", headers=[("Content-Type", "text/css")]).mimetype == "text/css"
    assert Response(["one ", b"two"]).data == b"one two"
    assert Response(b"x", direct_passthrough=True).direct_passthrough
    assert isinstance(response, WerkzeugResponse)
    assert isinstance(response, NativeResponse)
    assert repr(response) == "<Response [201 CREATED]>"


def test_the_status_is_a_number_and_a_text():
    response = Response("x", 404)
    assert response.status == 404
    assert response.status == "404 NOT FOUND"
    assert (f"{response.status}", f"{response.status:d}", f"{response.status:>14}") == (
        "404 NOT FOUND",
        "404",
        " 404 NOT FOUND",
    )
    assert response.status.startswith("404")
    assert response.status[:3] == "404"
    assert ("got " + response.status, response.status + "!") == ("got 404 NOT FOUND", "404 NOT FOUND!")
    assert (response.status + 1, 1 + response.status, len(response.status)) == (405, 405, 13)
    assert "FOUND" in response.status
    assert repr(response.status) == "'404 NOT FOUND'"
    assert response.status in {404}
    response.status = "410 GONE"
    assert response.status_code == 410
    response.status_code = 200
    assert str(response.status) == "200 OK"
    assert str(Status(299)) == "299 UNKNOWN"
    for wrong in ("soon", "20 OK", 99, 600, "²00"):
        with pytest.raises(ValueError):
            response.status = read_status(wrong)
    for wrong in (None, True, 1.5):
        with pytest.raises(TypeError):
            response.status_code = wrong
    assert read_status(b"201 CREATED") == 201


def test_the_body_may_be_read_and_replaced():
    response = Response("first")
    assert (response.data, response.get_data(as_text=True), response.content_length) == (b"first", "first", 5)
    response.data = "zweitö"
    assert (response.content_length, response.response) == (7, ["zweitö".encode()])
    response.set_data(b"third")
    response.response = iter(["a", b"b"])
    assert response.is_streamed
    assert response.content_length is None
    assert response.get_data() == b"ab"
    assert not response.is_streamed
    response.content_length = 3
    assert response.headers["content-length"] == "3"
    response.content_length = None
    assert "content-length" not in response.headers
    response.mimetype = "application/json"
    response.data = '{"a": 1}'
    assert (response.is_json, response.json, response.get_json()) == (True, {"a": 1}, {"a": 1})


def test_header_fields_are_looked_at_and_changed_as_in_werkzeug():
    response = Response("x")
    headers = response.headers
    headers["X-One"] = 1
    headers.add("X-Many", "a")
    headers.add("x-many", "b", filename="c d")
    headers.extend({"X-List": ["p", "q"]}, X_Word="w")
    headers.setdefault("X-One", "2")
    assert headers.get("X-ONE", type=int) == 1
    assert headers.get("X-Many", type=int) is None
    assert headers.get("x-none", "-") == "-"
    assert headers.getlist("X-List") == ["p", "q"]
    assert headers.get_all("X-List") == headers.getlist("X-List", type=str)
    assert next(iter(headers)) == ("content-type", "text/plain; charset=utf-8")
    assert headers[0] == ("content-type", "text/plain; charset=utf-8")
    assert ("x-many", 'b; filename="c d"') in headers.items()
    assert len(headers) == len(headers.keys()) == len(headers.values()) == 7
    assert headers.pop("X-List") == "p"
    assert headers.pop("X-List", None) is None
    with pytest.raises(KeyError):
        headers.pop("X-List")
    headers.update({"X-One": "3"})
    headers.setlist("X-Many", ["z"])
    headers.set("X-Set", b"set")
    assert dict(headers.to_wsgi_list())["x-one"] == "3"
    assert headers.copy() == headers
    del headers["x-one"]
    del headers["x-one"]
    assert "X-One" not in headers
    headers.extend(MultiDict([("X-Multi", "1"), ("X-Multi", "2")]))
    assert headers.getlist("x-multi") == ["1", "2"]
    assert (headers.pop(), headers.popitem()) == (("x-multi", "2"), ("x-multi", "1"))
    del headers[-1]
    assert headers.pop(-1) == ("x-many", "z")
    assert str(headers) == "content-type: text/plain; charset=utf-8\r\nx_word: w\r\n\r\n"
    response.headers = {"X-New": "1"}
    assert response.headers.to_wsgi_list() == [("x-new", "1")]
    headers.clear()
    assert len(response.headers) == 0
    assert isinstance(headers, Headers)


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x=1", "a\nb", "a\0b"])
def test_header_text_that_could_be_injected_is_refused(text):
    response = Response("x")
    for change in (
        lambda: response.headers.__setitem__("X", text),
        lambda: response.headers.add("X", text),
        lambda: response.headers.extend([("X", text)]),
        lambda: Response("x", headers={"X": text}),
        lambda: Response("x", content_type=text),
        lambda: setattr(response, "location", text),
        lambda: response.headers.add(text, "x"),
    ):
        with pytest.raises(ValueError):
            change()


def test_cookies_and_the_typed_header_fields_are_werkzeugs():
    response = Response("x")
    response.set_cookie("ship", "sea gull", 60, path="/", httponly=True, samesite="Lax")
    response.delete_cookie("old")
    response.set_etag("v1")
    response.cache_control.max_age = 60
    response.vary.add("Accept")
    response.location = "/elsewhere"
    response.retry_after = 5
    cookies = response.headers.getlist("Set-Cookie")
    assert cookies[0].startswith('ship="sea gull"; Expires=')
    assert cookies[0].endswith("Max-Age=60; HttpOnly; Path=/; SameSite=Lax")
    assert cookies[1].startswith("old=; Expires=Thu, 01 Jan 1970")
    assert response.get_etag() == ("v1", False)
    assert response.headers["cache-control"] == "max-age=60"
    assert (response.headers["vary"], response.headers["location"]) == ("Accept", "/elsewhere")
    assert response.headers["retry-after"] == "5"


def test_a_conditional_response_has_no_body_and_no_type():
    response = Response("tagged")
    response.set_etag("v1")
    response.make_conditional(create_environ("/", headers={"If-None-Match": '"v1"'}))
    assert (response.status_code, response.get_data()) == (304, b"")
    assert "content-type" not in response.headers


def test_a_response_is_a_wsgi_application():
    response = Response(["a", "b"], 201, {"X-Rope": "tarred"})
    body, status, headers = run_wsgi_app(response, create_environ("/"))
    assert (b"".join(body), status) == (b"ab", "201 CREATED")
    assert dict(headers) == {"x-rope": "tarred", "content-type": "text/plain; charset=utf-8", "Content-Length": "2"}


def test_force_type_takes_any_response_and_applications_with_an_environ():
    assert type(Response.force_type(JSONResponse([1]))) is Response
    assert Response.force_type(WerkzeugResponse("x", 202)).status_code == 202
    assert Response.force_type(NotFound()).status_code == 404
    with pytest.raises(TypeError):
        Response.force_type(lambda environ, start_response: [])
    with pytest.raises(TypeError):
        Response.force_type("text", create_environ("/"))
    assert make_response(None, "text").data == b"text"


async def test_callbacks_run_and_iterables_are_closed_when_all_is_sent(client_for):
    log = []

    def pieces():
        try:
            yield "a"
            yield "b"
        finally:
            log.append("closed")

    def view(request):
        response = Response(pieces())
        response.call_on_close(lambda: log.append("called"))
        return response

    async with client_for(app_of(view)) as client:
        assert (await client.get("/x")).text == "ab"
    assert sorted(log) == ["called", "closed"]
    stream = io.BytesIO(b"x")
    response = Response(stream)
    with response:
        pass
    assert stream.closed


@pytest.mark.parametrize(
    "make", [lambda: redirect("/日本/é x?a=%20"), lambda: Response("", 302, {"Location": "/日本/é x?a=%20"})]
)
async def test_a_location_is_sent_in_ascii(client_for, make):
    async with client_for(app_of(lambda request: make())) as client:
        response = await client.request("GET", "/x", follow_redirects=False)
    assert response.headers["location"] == "/%E6%97%A5%E6%9C%AC/%C3%A9%20x?a=%20"


class Rewriting:
    """Does with a body what middlewares do."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        way = request.args.get("way")
        if way == "read":
            response.data = response.get_data() + b"!"
        elif way == "wrap":
            pieces = response.response
            response.response = (piece.upper() for piece in pieces)
        elif way == "tag":
            response.add_etag()
        elif way == "close":
            response.close()
            response.data = "closed"
        return response


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_middleware_may_read_and_replace_a_body_that_comes_in_pieces(client_for, kind):
    ended = []

    def plain():
        try:
            yield "a"
            yield b"b"
        finally:
            ended.append("plain")

    async def in_loop():
        try:
            for piece in plain():
                yield piece
        finally:
            ended.append("async")

    def view(request):
        return Response(plain()) if kind == "plain" else StreamingResponse(in_loop())

    async with client_for(app_of(view, config={"middlewares": [Rewriting, Rewriting]})) as client:
        assert (await client.get("/x?way=read")).text == "ab!!"
        assert (await client.get("/x?way=wrap")).text == "AB"
        assert (await client.get("/x?way=tag")).headers["etag"]
        assert (await client.get("/x?way=close")).text == "closed"
        assert (await client.get("/x")).text == "ab"
    assert kind == "async" or ended == ["plain"] * 5


async def test_a_middleware_may_close_a_body_that_it_does_not_send(client_for):
    ended, when = [], []

    def pieces():
        try:
            yield "a"
            yield "b"
        finally:
            ended.append("closed")

    class Closing:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            response = self.get_response(request)
            response.get_data() if request.args else next(iter(response.response))
            response.close()
            when.append(list(ended))
            return "other"

    async with client_for(app_of(lambda request: Response(pieces()), config={"middlewares": [Closing]})) as client:
        assert (await client.get("/x")).text == "other"
        assert (await client.get("/x?all=1")).text == "other"
    assert when == [["closed"], ["closed", "closed"]]


class Passing:
    """An ASGI class, which has the stream of what passes it while it is sent."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


async def test_a_stream_made_by_a_middleware_is_sent_whole_through_a_layer_that_holds_it(client_for):
    class Making:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            self.get_response(request)
            return Page(str(number) for number in range(10))

    async def onion(request, call_next):
        return await call_next(request)

    app = app_of(lambda request: "x", config={"middlewares": [onion, Passing, Making, onion, Passing]})
    async with client_for(app) as client:
        response = await client.get("/x")
    assert (response.text, response.headers["content-type"]) == ("0123456789", "text/html; charset=utf-8")


class Page(Response):
    default_mimetype = "text/html"


@pytest.mark.parametrize("outermost", ["madara", "native"])
async def test_each_layer_sees_a_response_of_its_own_kind(client_for, outermost):
    seen = []

    class Looking:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            response = self.get_response(request)
            response.headers["X-Madara"] = "1"
            seen.append((type(response), next(iter(response.headers))[0]))
            return response

    async def look(request, call_next):
        response = await call_next(request)
        seen.append((type(response), next(iter(response.headers))))
        response.set_cookie("kept", "1")
        return response

    layers = [Looking, Middleware(look), Looking, Middleware(look)]
    app = app_of(
        lambda request: Page(iter("x")) if request.args else Page("x"),
        config={"middlewares": layers if outermost == "madara" else layers[::-1]},
    )
    async with client_for(app) as client:
        for path in ("/x", "/x?pieces=1"):
            seen.clear()
            response = await client.get(path)
            assert [kind for kind, _ in seen].count(Page) == [kind for kind, _ in seen].count(NativeResponse) == 2
            assert {name for _, name in seen} == {"content-type"}
            assert response.headers.getlist("set-cookie") == ["kept=1; Path=/; SameSite=Lax"] * 2


async def test_native_layers_set_cookies_by_their_own_rules_whatever_a_view_returns(client_for):
    app = app_of(lambda request: Response(iter("ab")) if request.args else Response("x"))
    seen = []

    @app.after_request
    def remember(request, response):
        response.set_cookie("kept", "1", secure=True)

    class Keep:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            seen.append(self.get_response(request))
            return seen[-1]

    app.middlewares.append(Keep)

    async with client_for(app) as client:
        for path in ("/x", "/x?a=1"):
            assert (await client.get(path)).headers["set-cookie"] == "kept=1; Path=/; Secure; SameSite=Lax"
    # What a program has kept is Madara's still.
    assert [response.status_code for response in seen] == [200, 200]


@pytest.mark.parametrize("kind", ["view", "tuple", "middleware", "hook"])
@pytest.mark.parametrize("make", [Response, JSONResponse])
async def test_a_response_kept_by_the_program_is_each_requests_own(client_for, kind, make):
    kept = make("kept")

    class Count:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            response = self.get_response(request)
            response.headers.add("X-Count", "1")
            return response

    class Keep:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            return kept if kind == "middleware" else self.get_response(request)

        def process_view(self, request, callback, callback_kwargs):
            return kept if kind == "hook" else None

    app = app_of(lambda request: (kept, 200, {"X-Count": "1"}) if kind == "tuple" else kept)
    app.middlewares.extend([Count, Keep])
    outer = Nacre(middlewares=[layer(Count)])
    outer.mount("/", app)
    async with client_for(outer) as client:
        for _ in range(3):
            counted = (await client.get("/x")).headers.getlist("x-count")
            assert counted == ["1"] * (3 if kind == "tuple" else 2)
    assert kept.raw_headers.count(("x-count", "1")) <= 3  # what the first request's layers added
