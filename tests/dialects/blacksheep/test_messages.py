"""Requests, responses and what is bound of them."""

import threading
from dataclasses import dataclass
from typing import Any, List, Optional  # noqa: UP035 - as programs write it

import pytest

from nacre.dialects.blacksheep import (
    URL,
    Application,
    ClientInfo,
    Cookie,
    FormContent,
    FromBody,
    FromCookie,
    FromFile,
    FromFiles,
    FromForm,
    FromHeader,
    FromJSON,
    FromQuery,
    FromRoute,
    FromText,
    Headers,
    HTMLContent,
    InvalidURL,
    JSONContent,
    MultiPartFormData,
    Request,
    Response,
    Router,
    ServerInfo,
    StreamedContent,
    TextContent,
    parse_cookie,
    parse_www_form,
    pretty_json,
    redirect,
)
from nacre.dialects.blacksheep.contents import FormPart
from nacre.dialects.blacksheep.server.bindings import BoundValue, RequestMethod, RequestURL, RequestUser
from nacre.dialects.blacksheep.server.normalization import ensure_response
from nacre.dialects.blacksheep.settings.json import json_settings
from nacre.dialects.blacksheep.testing import TestClient
from nacre.errors import ConfigurationError


def application():
    router = Router()
    return Application(router=router), router


# Headers, URLs, cookies.


def test_headers_answer_in_bytes_when_they_are_asked_in_bytes():
    headers = Headers([(b"X-One", b"1"), (b"x-one", b"2"), (b"x-two", b"3")])
    assert headers.get(b"X-ONE") == headers[b"x-one"] == (b"1", b"2")
    assert headers.get(b"x-none") == ()
    assert headers.get_first(b"x-one") == b"1"
    assert headers.get_first(b"x-none") is None
    assert headers.get_single(b"x-two") == b"3"
    with pytest.raises(ValueError, match="2 headers"):
        headers.get_single(b"x-one")
    assert b"x-two" in headers
    assert headers.contains(b"X-Two")
    assert headers.keys() == (b"x-one", b"x-two")
    assert headers.get_tuples(b"X-One") == [(b"x-one", b"1"), (b"x-one", b"2")]
    assert list(headers) == list(headers.items()) == headers.values
    assert headers.get("x-one") == headers["x-one"] == "1"


def test_headers_are_added_set_and_removed():
    headers = Headers()
    headers.add(b"x-a", b"1")
    headers.add_many({b"x-b": b"2"})
    headers.add_many([(b"x-c", b"3"), (b"x-d", b"4"), (b"x-e", b"5")])
    headers.set(b"x-a", b"7")
    headers[b"x-b"] = b"8"
    headers.remove(b"x-d")
    del headers[b"x-e"]
    assert headers.values == [(b"x-a", b"7"), (b"x-b", b"8"), (b"x-c", b"3")]
    added = [(b"x-e", b"5")]
    more = headers + added
    more += (b"x-f", b"6")
    more += [(b"x-g", b"9")]
    more.merge([(b"x-h", b"0")])
    assert more.values[3:] == [(b"x-e", b"5"), (b"x-f", b"6"), (b"x-g", b"9"), (b"x-h", b"0")]
    assert len(headers.clone()) == len(headers) == 3


@pytest.mark.parametrize("bad", [b"a\r\nb", b"a\0", b"a\n"])
def test_no_line_end_comes_into_a_header(bad):
    for change in (Headers().add, Headers().set, Response(200).add_header, Response(200).set_header):
        with pytest.raises(ValueError, match="can't hold"):
            change(b"x-a", bad)
        with pytest.raises(ValueError, match="is not a header name"):
            change(bad, b"x")
    with pytest.raises(ValueError, match="can't hold"):
        Response(200, [(b"x-a", bad)])
    with pytest.raises(ValueError, match="control character"):
        redirect(b"/" + bad)


def test_a_url_has_parts():
    url = URL(b"https://boats.example:8443/a/b?x=1#top")
    assert (url.schema, url.host, url.port, url.path) == (b"https", b"boats.example", 8443, b"/a/b")
    assert (url.query, url.fragment, url.is_absolute) == (b"x=1", b"top", True)
    assert str(URL(b"/a")) == "/a"
    with pytest.raises(InvalidURL):
        URL("/ü".encode())


def test_cookies_are_written_and_read():
    response = Response(200)
    response.set_cookies([Cookie("a", "1; x"), Cookie("b", "2", domain="boats.example", max_age=5)])
    assert response.get_headers(b"set-cookie") == [b"a=1%3B%20x", b"b=2; Domain=boats.example; Max-Age=5"]
    assert response.cookies["a"] == "1; x"
    assert response.get_cookie("b") == Cookie("b", "2")
    response.remove_cookie("a")
    assert list(response.get_cookies()) == ["b"]
    read = parse_cookie(b"c=%20x; Path=/x; Secure")
    assert (read.name, read.value) == ("c", " x")


# Responses.


async def test_the_content_of_a_response_may_be_read_and_replaced():
    response = Response(200, [(b"x-a", b"1")], TextContent("ü"))
    assert response.content.body == "ü".encode()
    assert (response.content.type, response.content.length) == (b"text/plain; charset=utf-8", 2)
    assert await response.text() == "ü"
    assert response.charset == "utf-8"
    response.content = JSONContent({"a": 1})
    assert await response.json() == {"a": 1}
    assert response.declares_json()
    assert response.get_headers(b"content-type") == [b"application/json"]
    response.with_content(HTMLContent("<p>"))
    assert response.declares_content_type(b"html")
    assert not response.declares_xml()

    async def pieces():
        yield b"one "
        yield b"two"

    response.content = StreamedContent(b"text/x", pieces)
    assert response.has_body()
    assert await response.content.read() == b"one two"
    response.content = None
    assert (response.content, response.has_body(), await response.read()) == (None, False, b"")
    assert (response.reason, redirect("/x").is_redirect(), response.is_redirect()) == ("OK", True, False)


def test_ensure_response_is_for_any_thread_and_gives_a_response_back():
    found = []
    threads = [threading.Thread(target=lambda: found.append(ensure_response({"a": 1}).body)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b'{"a":1}'] * 4
    kept = Response(201)
    assert ensure_response(kept) is kept
    assert ensure_response("x").content.type == b"text/plain; charset=utf-8"
    assert ensure_response(None).status == 204
    assert ensure_response({"a": (1, 2)}).body == b'{"a":[1,2]}'
    assert ensure_response(7).body == b"7"
    with pytest.raises(TypeError):
        ensure_response(object())


def test_json_is_written_as_the_settings_say():
    json_settings.use(dumps=lambda value: "written", loads=lambda text: "read", pretty_dumps=lambda value: "pretty")
    try:
        assert ensure_response({"a": 1}).body == b"written"
        assert JSONContent({}).body == b"written"
        assert pretty_json({}).body == b"pretty"
        assert json_settings.loads("{}") == "read"
    finally:
        json_settings.use()
    assert ensure_response({"a": 1}).body == b'{"a":1}'
    assert pretty_json({"a": [1]}, indent=1).body == b'{\n "a": [\n  1\n ]\n}'


# Requests.


async def test_a_request_has_the_surface_of_the_document(client_for):
    app, router = application()

    @router.post("/boats/{name}")
    async def boats(request: Request):
        request.scheme = "https"
        request.add_header(b"x-added", b"1")
        request.set_header(b"x-set", b"2")
        request.remove_header(b"x-sent")
        request.original_client_ip = "10.0.0.9"
        request.user = "Ada"
        return {
            "ip": [request.client_ip != "", request.original_client_ip],
            "headers": [value.decode() for name, value in request.headers if name in (b"x-added", b"x-set", b"x-sent")],
            "seen": [request.native.headers.get("x-added"), request.has_header(b"x-sent")],
            "scheme": request.scheme,
            "user": request.user,
            "identity": request.identity,
            "route": request.route_values,
            "charset": request.charset,
            "expects": request.expect_100_continue(),
            "body": [request.has_body(), (await request.read() or b"").decode(), await request.text()],
            "gone": await request.is_disconnected(),
            "scope": request.scope["method"],
            "etag": request.etag,
        }

    async with client_for(app) as client:
        response = await client.post(
            "/boats/Ada%20B", content=b"x", headers={"x-sent": "9", "content-type": "text/plain; charset=utf-8"}
        )
    assert response.json() == {
        "ip": [True, "10.0.0.9"],
        "headers": ["1", "2"],
        "seen": ["1", False],
        "scheme": "https",
        "user": "Ada",
        "identity": "Ada",
        "route": {"name": "Ada B"},
        "charset": "utf-8",
        "expects": False,
        "body": [True, "x", "x"],
        "gone": False,
        "scope": "POST",
        "etag": None,
    }


async def test_the_parts_of_a_form_are_read_whole_or_as_they_come(client_for, tmp_path):
    app, router = application()

    @router.post("/whole")
    async def whole(request: Request):
        form = await request.form()
        chart = form["chart"][0]
        size = await chart.save_to(tmp_path / "chart.png")
        pieces = [piece async for piece in chart.stream(2)]
        return [form["note"], chart.file_name.decode(), size, len(pieces), len(await request.multipart())]

    @router.post("/lists")
    async def lists(request: Request):
        return await request.form(simplify_fields=False)

    @router.post("/stream")
    async def stream(request: Request):
        return [[part.name, len(await part.read())] async for part in request.multipart_stream()]

    @router.post("/bound")
    async def bound(files: FromFiles, chart: FromFile):
        return [len(files.value), chart.value.content_type.decode(), chart.value.size]

    files = {"chart": ("chart.png", b"12345", "image/png")}
    async with client_for(app) as client:
        answer = await client.post("/whole", form={"note": "dawn"}, files=files)
        assert answer.json() == ["dawn", "chart.png", 5, 3, 2]
        assert (await client.post("/lists", form={"a": ["1"], "b": "2"})).json() == {"a": ["1"], "b": ["2"]}
        assert (await client.post("/stream", form={"note": "x"}, files=files)).json() == [["note", 1], ["chart", 5]]
        assert (await client.post("/bound", files=files)).json() == [1, "image/png", 5]
        assert (await client.post("/bound", form={"a": "1"})).status == 400
    assert (tmp_path / "chart.png").read_bytes() == b"12345"


async def test_forms_are_sent_by_the_test_client():
    app, router = application()

    @router.post("/")
    async def echo(request: Request):
        return {name: value if isinstance(value, str) else "file" for name, value in (await request.form()).items()}

    client = TestClient(app)
    parts = [FormPart(b"note", b"x"), FormPart(b"chart", b"12", b"image/png", b'a".png')]
    assert await (await client.post("/", content=FormContent({"a": "1 2"}))).json() == {"a": "1 2"}
    assert await (await client.post("/", content=MultiPartFormData(parts))).json() == {"note": "x", "chart": "file"}
    assert parse_www_form("a=1&b=2&a=3") == {"a": ["1", "3"], "b": "2"}


# Binding.


class Boat:
    """A plain class."""

    def __init__(self, name: str, berths: int = 1, flags: list[str] = []):  # noqa: B006 - as programs write it
        self.name = name
        self.berths = berths
        self.flags = flags


@dataclass
class Crew:
    captain: str
    hands: List[str]  # noqa: UP006 - as programs write it


async def test_values_are_bound_by_type_and_by_marker(client_for):
    app, router = application()

    @router.post("/boat")
    def boat(data: FromJSON[Boat]):
        data.value.flags.append("blue")
        return [type(data.value).__name__, data.value.name, data.value.berths, data.value.flags]

    @router.post("/maybe")
    def maybe(data: FromJSON[Optional[Boat]]):  # noqa: UP045 - as programs write it
        return data.value is None

    @router.post("/crew")
    def crew(data: Crew):
        return data

    @router.post("/crews")
    def crews(data: List[Crew]):  # noqa: UP006 - as programs write it
        return [one.captain for one in data]

    @router.post("/any")
    def anything(data: Any):
        return data

    @router.post("/body")
    def body(data: FromBody[dict]):
        return data.value

    @router.post("/form")
    def form(data: FromForm):
        return data.value

    @router.get("/where")
    def where(client: ClientInfo, server: ServerInfo, url: RequestURL, method: RequestMethod, user: RequestUser):
        return [len(client.value), len(server.value), str(url.value), method.value, user.value]

    @router.post("/note")
    def note(data: FromText = None):
        return data.value

    @router.get("/lists")
    def lists(tags: list[str], numbers: set, name, note=None, size=5):
        return [tags, sorted(numbers), name, note, size]

    @router.get("/header")
    def header(x_tide: FromHeader[Optional[str]], page: FromQuery[int] = FromQuery(4)):  # noqa: UP045, B008
        return [x_tide.value, page.value]

    @router.get("/cookie")
    def cookie(note: FromCookie[str]):
        return note.value

    async with client_for(app) as client:
        assert (await client.post("/boat", json={"name": "Ada", "berths": 3, "more": 1})).json() == [
            *("Boat", "Ada", 3, ["blue"]),
        ]
        assert (await client.post("/boat", json={"name": "Bea"})).json()[3] == ["blue"]
        assert (await client.post("/boat", json={"name": 5})).status == 400
        assert (
            await client.post("/boat", json={})
        ).text == "Bad Request: Invalid value for parameter `name`: it is missing"
        assert (await client.post("/maybe")).json() is True
        assert (await client.post("/note", content=b"x")).text == "x"
        assert (await client.post("/crew", json={"captain": "A", "hands": ["B"]})).json()["hands"] == ["B"]
        assert (await client.post("/crews", json=[{"captain": "A", "hands": []}])).json() == ["A"]
        assert (await client.post("/any", json=[1])).json() == [1]
        assert (await client.post("/body", json={"a": 1})).json() == {"a": 1}
        assert (await client.post("/form", form={"a": "1"})).json() == {"a": "1"}
        assert (await client.post("/form", json={})).text == "Bad Request: Expected request content"
        assert (await client.get("/where?x=1")).json()[2:] == ["/where?x=1", "GET", None]
        assert (await client.get("/lists?tags=a&tags=b&numbers=1&name=x")).json() == [["a", "b"], ["1"], ["x"], None, 5]
        assert (await client.get("/lists")).json() == [[], [], None, None, 5]
        assert (await client.get("/header", headers={"x_tide": "low"})).json() in (["low", 4], [None, 4])
        assert (await client.get("/cookie", cookies={"note": "a%20b"})).text == "a b"


def test_a_source_that_nothing_gives_a_value_is_told():
    class FromMoon(BoundValue[str]):
        """What no request has."""

    _, router = application()
    with pytest.raises(ConfigurationError, match="takes `tide` from FromMoon, which nothing gives a value"):
        router.get("/")(_of_the_moon(FromMoon))


def _of_the_moon(kind):
    def tide(tide):
        return tide

    tide.__annotations__["tide"] = kind
    return tide


async def test_variables_of_the_path_are_bound_in_async_handlers_too(client_for):
    app, router = application()

    @router.get("/boats/{name}")
    async def show(name: FromRoute[str], page: FromQuery[int] = None):
        return [name.value, page and page.value]

    async with client_for(app) as client:
        assert (await client.get("/boats/Ada")).json() == ["Ada", None]
        assert (await client.get("/boats/Ada?page=2")).json() == ["Ada", 2]


async def test_what_is_optional_as_a_whole_is_none_and_what_is_optional_within_holds_none(client_for):
    app, router = application()

    @router.get("/query")
    def query(within: FromQuery[Optional[int]], whole: Optional[FromQuery[str]], kept: FromQuery[int] = None):  # noqa: UP045
        return [whole and whole.value, kept and kept.value, within.value]

    @router.get("/cookie")
    def cookie(note: Optional[FromCookie[str]] = None):  # noqa: UP045 - as programs write it
        return [note and note.value]

    @router.post("/body")
    async def body(data: Optional[FromJSON[Crew]] = None):  # noqa: UP045 - as programs write it
        return [data and data.value.captain]

    async with client_for(app) as client:
        assert (await client.get("/query")).json() == [None, None, None]
        assert (await client.get("/query?whole=a&kept=1&within=2")).json() == ["a", 1, 2]
        assert (await client.get("/cookie")).json() == [None]
        assert (await client.get("/cookie", cookies={"note": "a%20b"})).json() == ["a b"]
        assert (await client.post("/body")).json() == [None]
        assert (await client.post("/body", json={"captain": "Ada", "hands": []})).json() == ["Ada"]


async def test_an_empty_body_is_read_as_bytes(client_for):
    app, router = application()

    @router.post("/")
    async def echo(request: Request):
        return (await request.read()).decode() or "empty"

    async with client_for(app) as client:
        assert (await client.post("/")).text == "empty"


async def test_all_changes_of_a_requests_headers_are_seen_by_others(client_for):
    app, router = application()

    async def changes(request, handler):
        request.headers.extend([(b"x-a", b"1")])
        request.headers.update([(b"x-b", b"2"), (b"x-b", b"3")])
        return await handler(request)

    app.middlewares.append(changes)
    router.get("/")(lambda request: [len(request.headers.get(b"x-a")), len(request.headers.get(b"x-b"))])
    async with client_for(app) as client:
        assert (await client.get("/")).json() == [1, 2]


async def test_a_request_is_shown_without_its_query(client_for):
    app, router = application()
    router.get("/boats")(lambda request: repr(request))
    async with client_for(app) as client:
        assert (await client.get("/boats?key=secret")).text == "<Request GET /boats>"


async def test_pieces_may_be_read_from_what_gives_them():
    async def pieces():
        yield b"one "
        yield b"two"

    content = StreamedContent(b"text/plain", pieces)
    assert [piece async for piece in content.stream()] == [b"one ", b"two"]
    assert Cookie("a", "1") == "1" == Cookie("b", "1")
    assert hash(Cookie("a", "1")) == hash(Cookie("a", "1"))
    assert "secret" not in repr(Cookie("a", "secret"))
    assert repr(URL(b"/a")) == "<URL b'/a'>"
    assert len({URL(b"/a"), URL(b"/a"), URL(b"/b")}) == 2
