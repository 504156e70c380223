"""The two messages as handlers see and make them, alike on every transport."""

from datetime import UTC, datetime, timedelta

import pytest

from nacre import (
    Group,
    HTMLResponse,
    JSONResponse,
    Nacre,
    PlainTextResponse,
    RedirectResponse,
    Response,
    wait,
)


async def show(make, client_for, method="GET", path="/", route="/<path:rest>", **options):
    """What a handler makes of a request; it is given the request."""
    app = Nacre(name="boat")
    seen = []

    async def handler(request, **values):
        result = make(request)
        seen.append(await result if hasattr(result, "__await__") else result)
        return "seen"

    app.add_route(route, handler, methods=[method], name="shown", tags=["a"], role="diver")
    if route != "/":
        app.add_route("/", handler, methods=[method])
    async with client_for(app) as client:
        response = await client.request(method, path, **options)
        assert response.text == "seen", response.status
    return seen[0]


REQUESTS = {
    "method": (lambda r: r.method, {"method": "PATCH"}, "PATCH"),
    "path": (lambda r: r.path, {"path": "/a%20b/%C3%A9"}, "/a b/é"),
    "path with slash": (lambda r: r.path_params["rest"], {"path": "/a%20b/c"}, "a b/c"),
    "query": (lambda r: r.query["a"], {"path": "/?a=1&a=2&b=%C3%A9+x"}, "1"),
    "query list": (lambda r: r.query.getlist("a"), {"path": "/?a=1&a=2"}, ["1", "2"]),
    "decoded query": (lambda r: r.query["b"], {"path": "/?b=%C3%A9+x"}, "é x"),
    "query string": (lambda r: r.query_string, {"path": "/?a=%20"}, "a=%20"),
    "no query": (lambda r: (r.query_string, list(r.query)), {}, ("", [])),
    "header": (lambda r: r.headers["X-One"], {"headers": {"x-one": "1"}}, "1"),
    "missing header": (lambda r: r.headers.get("x-two", "none"), {}, "none"),
    "cookies": (lambda r: r.cookies, {"headers": {"cookie": 'a=1; b="two"'}}, {"a": "1", "b": "two"}),
    "no cookies": (lambda r: r.cookies, {}, {}),
    "scheme": (lambda r: r.scheme, {}, "http"),
    "host": (lambda r: r.host, {"headers": {"host": "Reef.Example:8080"}}, "reef.example"),
    "url": (
        lambda r: str(r.url),
        {"path": "/a%20b?c=d", "headers": {"host": "reef.example:8080"}},
        "http://reef.example:8080/a%20b?c=d",
    ),
    "client": (lambda r: r.client[0], {}, "127.0.0.1"),
    "content type": (
        lambda r: (r.content_type.essence, r.content_type.charset),
        {"method": "POST", "content": b"", "headers": {"content-type": "Text/Plain; charset=latin-1"}},
        ("text/plain", "latin-1"),
    ),
    "no content type": (lambda r: r.content_type, {}, None),
    "content length": (lambda r: r.content_length, {"method": "POST", "content": b"abc"}, 3),
    "accepts": (
        lambda r: r.accepts("text/html", "application/json"),
        {"headers": {"accept": "text/html;q=0.5, application/json"}},
        "application/json",
    ),
    "accepts nothing": (lambda r: r.accepts("text/html"), {"headers": {"accept": "image/png"}}, None),
    "body": (lambda r: r.body(), {"method": "POST", "content": b"ab"}, b"ab"),
    "text": (
        lambda r: r.text(),
        {"method": "POST", "content": b"\xe9", "headers": {"content-type": "text/plain; charset=latin-1"}},
        "é",
    ),
    "json": (lambda r: r.json(), {"method": "POST", "json": {"a": [1]}}, {"a": [1]}),
    "other json": (
        lambda r: r.json(),
        {"method": "POST", "content": b"[1]", "headers": {"content-type": "application/hal+json; charset=utf-8"}},
        [1],
    ),
    "route": (lambda r: (r.route.path, r.route.name, r.route.tags), {"path": "/x"}, ("/<path:rest>", "shown", ("a",))),
    "route options": (lambda r: r.route.options["role"], {"path": "/x"}, "diver"),
    "app": (lambda r: r.app.name, {}, "boat"),
    "url_for": (lambda r: r.url_for("shown", rest="a b", c=1), {}, "/a%20b?c=1"),
    "repr": (repr, {"path": "/a"}, "<Request GET /a>"),
    "state": (lambda r: list(r.state), {}, []),
}


@pytest.mark.parametrize(("make", "options", "expected"), REQUESTS.values(), ids=REQUESTS)
async def test_request_shows_what_was_sent(make, options, expected, client_for):
    assert await show(make, client_for, **options) == expected


@pytest.mark.parametrize(
    ("read", "sent", "status", "answer"),
    [
        ("json", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "the body is not valid JSON"),
        ("json", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "the body must be JSON"),
        ("json", {"content": b"{}", "headers": {"content-type": "no type"}}, 415, "the body must be JSON"),
        ("json", {"form": {"a": "1"}}, 415, "the body must be JSON"),
        ("text", {"content": b"\xff"}, 400, "the body is not valid 'utf-8' text"),
        (
            "text",
            {"content": b"a", "headers": {"content-type": "text/x; charset=nonsense"}},
            400,
            "a charset that isn't understood",
        ),
        (
            "text",
            {"content": b"-aaa", "headers": {"content-type": "text/x; charset=punycode"}},
            400,
            "a charset that isn't understood",
        ),
        ("body", {"content": b"x" * 11}, 413, "the body is larger than 10 bytes, which `max_body` allows here"),
    ],
)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "plain"])
async def test_bad_body_is_the_clients_fault(read, sent, status, answer, asynchronous, client_for):
    app = Nacre(max_body=10)

    async def waiting(request):
        return repr(await getattr(request, read)())

    def plain(request):
        return repr(wait(getattr(request, read)()))

    app.add_route("/", waiting if asynchronous else plain, methods=["POST"])
    async with client_for(app) as client:
        response = await client.post("/", **sent)
    assert response.status == status
    assert answer in response.text


@pytest.mark.parametrize(
    ("path", "size", "limit"),
    [
        ("/app", 30, None),
        ("/app", 31, 30),
        ("/group", 20, None),
        ("/group", 21, 20),
        ("/route", 10, None),
        ("/route", 11, 10),
        ("/wider", 40, None),
        ("/wider", 41, 40),
        ("/inner", 21, 20),
        ("/hook", 11, 10),
    ],
)
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_nearest_limit_counts_and_the_413_names_it(path, size, limit, chunked, client_for):
    app, group, inner = Nacre(max_body=30), Group(max_body=20), Group()

    async def length(request):
        return str(len(await request.body()))

    app.add_route("/app", length, methods=["POST"])
    group.add_route("/group", length, methods=["POST"])
    group.add_route("/route", length, methods=["POST"], max_body=10)
    group.add_route("/wider", length, methods=["POST"], max_body=40)
    inner.add_route("/inner", length, methods=["POST"])
    app.add_route("/hook", length, methods=["POST"], max_body=10)
    group.include(inner)
    app.include(group)

    @app.before_request
    async def read(request):
        if request.path == "/hook":
            await request.body()

    content = b"x" * size
    async with client_for(app) as client:
        response = await client.post(path, content=iter([content[:5], content[5:]]) if chunked else content)
    if limit is None:
        assert (response.status, response.text) == (200, str(size))
    else:
        assert response.status == 413
        assert response.text == f"the body is larger than {limit} bytes, which `max_body` allows here"


async def test_stream_takes_more_than_the_limit(client_for):
    app = Nacre(max_body=10)

    @app.post("/")
    async def count(request):
        return str(sum([len(piece) async for piece in request.stream()]))

    async with client_for(app) as client:
        assert (await client.post("/", content=b"x" * 1000)).text == "1000"


async def test_no_limit(client_for):
    app = Nacre(max_body=None)
    app.add_route("/", lambda request: str(len(wait(request.body()))), methods=["POST"])
    async with client_for(app) as client:
        assert (await client.post("/", content=b"x" * 2_000_000)).text == "2000000"


@pytest.mark.parametrize(("first", "second"), [("stream", "body"), ("stream", "stream"), ("part", "body")])
async def test_body_streamed_away_is_told(first, second, client_for, caplog):
    app = Nacre()

    @app.post("/")
    async def twice(request):
        for how in (first, second):
            if how == "body":
                await request.body()
            else:
                async for _ in request.stream():
                    if how == "part":
                        break

    async with client_for(app) as client:
        assert (await client.post("/", content=b"abc")).status == 500
    assert "the request body was streamed and not kept, so it can't be read again" in caplog.text


async def test_body_read_before_is_streamed_again(client_for):
    app = Nacre()

    async def read(request, call_next):
        await request.json()
        return await call_next(request)

    @app.post("/", middlewares=[read])
    async def again(request):
        pieces = [piece async for piece in request.stream()]
        return [b"".join(pieces).decode(), await request.json(), (await request.body()).decode()]

    async with client_for(app) as client:
        assert (await client.post("/", json=[1])).json() == ["[1]", [1], "[1]"]


async def test_attributes_and_state_reach_those_inside_and_no_other_request(client_for):
    app = Nacre()

    async def leave(request, call_next):
        assert not hasattr(request, "tenant")
        assert "n" not in request.state
        request.tenant = "ama"
        request.state.n = len(request.path)
        return await call_next(request)

    app.middlewares.append(leave)

    @app.get("/")
    @app.get("/longer")
    def handler(request):
        state = request.state
        state["more"] = 1
        has = hasattr(state, "none")
        return {"tenant": request.tenant, "state": dict(state), "get": state.get("none", 0), "has": has}

    async with client_for(app) as client:
        for path, n in (("/", 1), ("/longer", 7)):
            expected = {"tenant": "ama", "state": {"n": n, "more": 1}, "get": 0, "has": False}
            assert (await client.get(path)).json() == expected


async def test_app_state_is_the_applications(client_for):
    one, two = Nacre(), Nacre()
    one.state.count = 0

    @one.get("/")
    def count(request):
        request.app.state.count += 1
        return str(request.app.state.count)

    async with client_for(one) as client:
        await client.get("/")
        assert (await client.get("/")).text == "2"
    assert one.state.count == 2
    assert "count" not in two.state
    with pytest.raises(AttributeError, match="nothing in the state is named 'count'"):
        two.state.count  # noqa: B018 - reading is what is tested


def cookie(name="a", value="b", **options):
    response = Response()
    response.set_cookie(name, value, **options)
    return response.headers["set-cookie"]


COOKIES = {
    "defaults": ({}, "a=b; Path=/; SameSite=Lax"),
    "bare": ({"path": None, "samesite": None}, "a=b"),
    "everything": (
        {
            "domain": "reef.example",
            "path": "/x",
            "expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
            "max_age": 60,
            "secure": True,
            "httponly": True,
            "samesite": "none",
            "partitioned": True,
        },
        "a=b; Domain=reef.example; Path=/x; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Max-Age=60; Secure; HttpOnly; "
        "SameSite=None; Partitioned",
    ),
    "strict": ({"samesite": "strict"}, "a=b; Path=/; SameSite=Strict"),
    "age": ({"max_age": timedelta(hours=1), "samesite": None}, "a=b; Path=/; Max-Age=3600"),
    "host": ({"name": "__Host-a", "secure": True}, "__Host-a=b; Path=/; Secure; SameSite=Lax"),
    "secure": ({"name": "__Secure-a", "secure": True, "path": None}, "__Secure-a=b; Secure; SameSite=Lax"),
}


@pytest.mark.parametrize(("options", "expected"), COOKIES.values(), ids=COOKIES)
def test_cookie_is_written_in_full(options, expected):
    assert cookie(**options) == expected


REFUSED_COOKIES = {
    "partitioned": ({"partitioned": True}, "is partitioned, which browsers accept only with secure=True"),
    "none": ({"samesite": "none"}, "has samesite='none', which browsers accept only with secure=True"),
    "samesite": ({"samesite": "loose"}, "is 'lax', 'strict', 'none' or None, not 'loose'"),
    "host path": ({"name": "__Host-a", "secure": True, "path": "/x"}, "needs secure=True, path='/' and no domain"),
    "host domain": ({"name": "__host-a", "secure": True, "domain": "x"}, "needs secure=True, path='/' and no domain"),
    "prefix": ({"name": "__Secure-a"}, "needs secure=True: browsers refuse the prefix __Secure- without it"),
    "name": ({"name": "a b"}, "is not a cookie name"),
    "value": ({"value": "b;c"}, "can't hold ';'"),
    "line": ({"value": "b\r\nSet-Cookie: c=d"}, "can't hold '\\r'"),
    "path": ({"path": "/;x"}, "must be printable ASCII without ';'"),
}


@pytest.mark.parametrize(("options", "complaint"), REFUSED_COOKIES.values(), ids=REFUSED_COOKIES)
def test_cookie_that_browsers_would_refuse_is_refused(options, complaint):
    with pytest.raises(ValueError, match="cookie") as caught:
        cookie(**options)
    assert complaint in str(caught.value)


def test_cookie_is_deleted_with_the_attributes_it_was_set_with():
    response = Response()
    response.delete_cookie("__Host-a", secure=True, httponly=True, samesite="none", partitioned=True)
    assert response.headers["set-cookie"] == (
        "__Host-a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; SameSite=None; "
        "Partitioned"
    )


RESPONSES = {
    "text": (Response("é"), 200, "é".encode(), "text/plain; charset=utf-8"),
    "bytes": (Response(b"a"), 200, b"a", "application/octet-stream"),
    "nothing": (Response(), 200, b"", None),
    "type": (Response("a", content_type="text/x"), 200, b"a", "text/x"),
    "type in headers": (Response("a", 201, {"Content-Type": "text/x"}), 201, b"a", "text/x"),
    "json": (JSONResponse({"a": "é"}, 201), 201, '{"a":"é"}'.encode(), "application/json"),
    "json type": (JSONResponse([], content_type="application/hal+json"), 200, b"[]", "application/hal+json"),
    "html": (HTMLResponse("<p>"), 200, b"<p>", "text/html; charset=utf-8"),
    "plain": (PlainTextResponse(b"a", 202), 202, b"a", "text/plain; charset=utf-8"),
}


@pytest.mark.parametrize(("response", "status", "body", "type"), RESPONSES.values(), ids=RESPONSES)
async def test_response_is_sent_as_it_was_made(response, status, body, type, client_for):
    app = Nacre()
    app.add_route("/", lambda request: response)
    async with client_for(app) as client:
        sent = await client.get("/")
        head = await client.head("/")
    assert (sent.status, sent.body, sent.headers.get("content-type")) == (status, body, type)
    assert sent.headers["content-length"] == str(len(body))
    assert (head.status, head.body, head.headers.pairs()) == (status, b"", sent.headers.pairs())


def test_response_headers_are_ordered_and_without_case():
    response = Response(headers=[("X-A", "1"), ("x-b", "2"), ("X-A", "3")])
    headers = response.headers
    assert headers.getlist("x-a") == ["1", "3"]
    assert "X-B" in headers
    headers.set("X-A", "4")
    headers.add("x-b", "5")
    assert headers.pairs() == [("x-a", "4"), ("x-b", "2"), ("x-b", "5")]
    del headers["x-b"]
    assert headers.pairs() == [("x-a", "4")]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Response(headers={"x-a": "1\r\nx-b: 2"}),
        lambda: Response(headers={"x a": "1"}),
        lambda: Response(content_type="text/x\n"),
        lambda: Response().headers.set("x-a", "\0"),
        lambda: Response().headers.add("x\r\n", "1"),
        lambda: RedirectResponse("/a\r\nx-b: 2"),
        lambda: RedirectResponse("/a\0"),
    ],
    ids=["value", "name", "content type", "set", "add", "location", "NUL"],
)
def test_nothing_that_may_not_stand_on_the_wire_gets_into_a_header(make):
    with pytest.raises(ValueError, match=r"\S"):
        make()


def test_response_takes_text_or_bytes():
    with pytest.raises(TypeError, match="a response takes a str or bytes body, not dict; JSONResponse encodes data"):
        Response({"a": 1})


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/a b", "/a%20b"),
        ("/é?ü=1#x", "/%C3%A9?%C3%BC=1#x"),
        ("/a%20b", "/a%20b"),
        ("https://reef.example/x", "https://reef.example/x"),
        ("../up", "../up"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_goes_where_it_is_told(location, sent, status):
    response = RedirectResponse(location, status)
    assert (response.status, response.headers["location"], response.body) == (status, sent, b"")


async def test_callbacks_after_the_response_run_once_each_in_order(client_for):
    ran = []
    app = Nacre()

    @app.get("/")
    def handler(request):
        response = Response("a", background=lambda: ran.append("background"))
        response.on_sent(lambda: ran.append("sent"))
        request.after_response(lambda: ran.append("first"))

        @request.after_response
        async def second():
            ran.append("second")

        return response

    async with client_for(app) as client:
        assert (await client.get("/")).text == "a"
    assert ran == ["sent", "background", "second", "first"]
