"""AccessLog: one line per request, when it is over."""

import asyncio
import gc
import json
import logging
import weakref

import pytest

from nacre import ConfigurationError, Hooks, Nacre
from nacre.files import FileResponse
from nacre.response import Response, StreamingResponse
from nacre.state import State
from nacre.traffic import AccessLog, RequestId
from traffic.clock import Clock


@pytest.fixture
def lines():
    logger = logging.getLogger("test.access")
    handler = logging.Handler()
    records = []
    handler.emit = records.append
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield records
    logger.removeHandler(handler)


def log(**options):
    return AccessLog(logger="test.access", **options)


def application(*layers):
    app = Nacre(middlewares=[*layers])

    @app.get("/")
    def index(request):
        return "index"

    @app.get("/items/<id>")
    async def item(request):
        return "é"

    @app.get("/boom")
    async def boom(request):
        raise RuntimeError

    @app.get("/stream")
    async def stream(request):
        async def pieces():
            yield "é"
            yield b"abc"

        return StreamingResponse(pieces())

    @app.get("/plain-stream")
    def plain_stream(request):
        return StreamingResponse(iter([memoryview(b"ab"), "c"]))

    @app.get("/lazy")
    def lazy(request):
        return StreamingResponse(iter(["ab", "c"]), eager=False)

    @app.get("/none")
    def none(request):
        return Response(None, 204)

    return app


def read(record):
    return json.loads(record.getMessage())


ASKED = [
    ("GET", "/", 200, 5, "/"),
    ("HEAD", "/", 200, 0, "/"),
    ("GET", "/items/3", 200, 2, "/items/<id>"),
    ("GET", "/boom", 500, None, "/boom"),
    ("GET", "/missing", 404, None, None),
    ("PUT", "/", 405, None, None),
    ("OPTIONS", "/", 204, 0, None),
    ("GET", "/stream", 200, 5, "/stream"),
    ("HEAD", "/stream", 200, 0, "/stream"),
    ("GET", "/plain-stream", 200, 3, "/plain-stream"),
    ("GET", "/lazy", 200, 3, "/lazy"),
    ("GET", "/none", 204, 0, "/none"),
]


@pytest.mark.parametrize(("method", "path", "status", "size", "route"), ASKED)
async def test_every_request_is_one_line(client_for, lines, method, path, status, size, route):
    async with client_for(application(log())) as client:
        response = await client.request(method, path, headers={"user-agent": "test/1"})
    [record] = lines
    line = read(record)
    assert response.status == status
    assert (line["method"], line["path"], line["status"]) == (method, path, response.status)
    assert line["bytes"] == (len(response.body) if size is None else size)
    assert line.get("route") == route
    assert (line["client"], line["agent"], line["outcome"]) == ("127.0.0.1", "test/1", "complete")
    assert line["duration"] >= 0
    assert record.access == line
    assert record.levelno == logging.INFO


async def test_the_line_comes_after_the_last_byte(client_for, lines):
    clock = Clock()
    app = application(log(clock=clock))

    @app.get("/slow")
    async def slow(request):
        async def pieces():
            yield "a"
            clock.now += 2.5
            assert lines == []
            yield "b"

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        await client.get("/slow")
    assert read(lines[0])["duration"] == 2.5


async def test_a_file_is_counted(client_for, lines, tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(b"x" * 300_000)
    app = application(log())
    app.get("/file")(lambda request: FileResponse(path))
    async with client_for(app) as client:
        await client.get("/file")
        await client.get("/file", headers={"range": "bytes=0-9"})
    assert [(read(one)["status"], read(one)["bytes"]) for one in lines] == [(200, 300_000), (206, 10)]


async def test_a_client_that_leaves_is_marked(client_for, lines):
    app = application(log())
    ended = asyncio.Event()

    @app.get("/endless")
    async def endless(request):
        async def pieces():
            try:
                while True:
                    yield b"x" * 10
                    await asyncio.sleep(0.01)
            finally:
                ended.set()

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        async with client.stream("GET", "/endless") as stream:
            async for _ in stream:
                break
    [record] = lines
    assert (read(record)["status"], read(record)["outcome"]) == (200, "disconnected")
    assert read(record)["bytes"] >= 10


async def test_a_stream_that_fails_is_marked(client_for, lines, caplog):
    app = application(log())

    @app.get("/breaks")
    async def breaks(request):
        async def pieces():
            yield "a"
            raise RuntimeError

        return StreamingResponse(pieces())

    @app.get("/breaks-plain")
    def breaks_plain(request):
        def pieces():
            yield "a"
            raise RuntimeError

        return StreamingResponse(pieces(), eager=False)

    async with client_for(app) as client:
        for path in ("/breaks", "/breaks-plain"):
            try:
                await client.get(path)
            except Exception:
                pass
    assert [(read(one)["outcome"], read(one)["bytes"]) for one in lines] == [("failed", 1)] * 2


async def test_a_cancelled_request_is_logged_without_a_status(lines):
    app = application(log())
    began = asyncio.Event()

    @app.get("/begins")
    async def begins(request):
        began.set()
        await asyncio.Event().wait()

    async def send(message):
        pass

    scope = {"type": "http", "method": "GET", "path": "/begins", "headers": [(b"host", b"x")], "query_string": b""}
    task = asyncio.create_task(app(scope, asyncio.Event().wait, send))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    line = read(lines[0])
    assert (line["outcome"], "status" in line, "client" in line) == ("cancelled", False, False)


async def test_a_websocket_is_logged_at_its_end_with_its_close_code(client_for, lines):
    app = application(log())

    @app.websocket("/ws")
    async def ws(ws):
        await ws.send("hello")
        await ws.close(4321)

    @app.websocket("/refused")
    async def refused(ws):
        return Response("no", 403)

    async with client_for(app) as client:
        async with client.websocket("/ws") as ws:
            await ws.receive()
        with pytest.raises(Exception, match="403"):
            async with client.websocket("/refused"):
                pass
    opened, denied = map(read, lines)
    assert (opened["status"], opened["close_code"], opened["route"]) == (101, 4321, "/ws")
    assert opened["outcome"] == "complete"
    assert (denied["status"], "close_code" in denied) == (403, False)


class GiveUser(Hooks):
    def __init__(self, user):
        def give(request):
            request.user = user

        super().__init__(before=give, inline=True)


@pytest.mark.parametrize(
    ("user", "logged"),
    [("ada", "ada"), (7, 7), ({"id": 9, "password": "p"}, 9), ({"sub": "s"}, "s"), (object(), None), (None, None)],
)
async def test_who_was_logged_in_is_logged(client_for, lines, user, logged):
    async with client_for(application(log(), GiveUser(user))) as client:
        await client.get("/")
    assert read(lines[0]).get("user") == logged


class Detached(Hooks):
    """Gives a user that can't be asked any more when the request is over, like an object of a closed database."""

    def __init__(self):
        super().__init__(before=self.give, inline=True)

    def give(self, request):
        class User:
            is_open = True

            @property
            def id(self):
                if not self.is_open:
                    raise RuntimeError("the database is closed")
                return 7

        user = request.user = User()
        request.after_response(lambda: setattr(user, "is_open", False))


async def test_the_user_is_asked_while_what_providers_gave_is_open(client_for, lines):
    async with client_for(application(log(), Detached())) as client:
        for path in ("/", "/stream", "/missing"):
            await client.get(path)
    assert [read(one)["user"] for one in lines] == [7, 7, 7]


async def test_a_user_that_cannot_be_told_costs_no_line(client_for, lines, caplog):
    def fails(user):
        raise RuntimeError

    async with client_for(application(log(user=fails), GiveUser("ada"))) as client:
        assert (await client.get("/")).text == "index"
    [line] = map(read, lines)
    assert (line["status"], "user" in line) == (200, False)
    assert "could not tell who the user is" in caplog.text


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    ("user", "logged"),
    [(2**62, 2**62), (2**64, hex(2**64)), (10**5000, "0x"), (-(10**900), "-0x")],
    ids=["small", "large", "huge", "negative"],
)
async def test_a_number_of_any_size_is_logged_in_one_short_line(client_for, lines, user, logged, form):
    async with client_for(application(log(format=form), GiveUser({"sub": user}))) as client:
        await client.get("/")
    [record] = lines
    assert len(record.getMessage()) < 2048
    assert str(record.access["user"]).startswith(str(logged))


async def test_what_a_function_says_of_the_user_is_text(client_for, lines):
    async with client_for(application(log(user=lambda user: [user] * 9999), GiveUser("ada\n"))) as client:
        await client.get("/")
    assert len(read(lines[0])["user"]) == 512


async def test_nothing_is_kept_where_nobody_reads_the_log(client_for, lines):
    logging.getLogger("test.access").setLevel(logging.WARNING)
    app = application(log())
    app.get("/state")(lambda request: f"{list(request.state)} {request.after_callbacks}")
    async with client_for(app) as client:
        assert (await client.get("/state")).text == "[] None"
    assert lines == []


async def test_a_request_that_is_over_waits_for_no_garbage_collection(client_for, lines):
    app, seen = application(log()), []

    @app.get("/seen")
    async def see(request):
        seen.append(weakref.ref(request))
        return ""

    async with client_for(app) as client:
        await client.get("/")
        gc.collect()
        gc.disable()
        try:
            await client.get("/seen")
            await client.get("/")
            assert seen[0]() is None
        finally:
            gc.enable()


async def test_identifier_and_chosen_fields_are_logged_in_their_order(client_for, lines):
    fields = ("status", "request_id", "protocol", "scheme", "host", "referer")
    layers = [log(fields=fields), RequestId(make=lambda: "r1")]
    async with client_for(application(*layers)) as client:
        await client.get("/", headers={"referer": "http://a.test/b?token=secret#c"})
    assert list(read(lines[0]).items()) == [
        ("status", 200),
        ("request_id", "r1"),
        ("protocol", "HTTP/1.1"),
        ("scheme", "http"),
        ("host", "testserver"),
        ("referer", "http://a.test/b"),
    ]


REFERERS = [
    ("https://ada:hunter2@a.test/b;c?d", "https://a.test/b;c"),
    ("https:\\\\ada:hunter2@a.test\\b", "https://a.test/b"),
    ("https://a.test/@b", "https://a.test/@b"),
    ("https://a@b@c.test/", "https://c.test/"),
    ("//hunter2@", "//"),
]


@pytest.mark.parametrize(("referer", "logged"), REFERERS)
async def test_credentials_in_the_referer_are_not_logged(client_for, lines, referer, logged):
    async with client_for(application(log(fields=["referer"]))) as client:
        await client.get("/", headers={"referer": referer})
    assert read(lines[0]) == {"referer": logged}


async def test_only_true_skips_a_line(client_for, lines):
    async with client_for(application(log(skip=lambda request, status: "yes"))) as client:
        await client.get("/")
    assert len(lines) == 1


async def test_the_text_form_has_names_and_quotes(client_for, lines):
    fields = ("method", "path", "query", "status", "agent")
    async with client_for(application(log(format="text", fields=fields))) as client:
        await client.get("/a%20b?c=d", headers={"user-agent": 'say "hi" ='})
    assert lines[0].getMessage() == 'method=GET path="/a b" query="c=d" status=404 agent="say \\"hi\\" ="'


async def test_the_form_may_be_a_function_whose_text_is_one_line_too(client_for, lines):
    def write(fields):
        return f"{fields['method']}\r\n\x7f€" + "x" * 5000

    async with client_for(application(log(format=write))) as client:
        await client.get("/")
    line = lines[0].getMessage()
    assert line.startswith("GET\\r\\n\\x7f\\u20acxxx")
    assert len(line) <= 2048


async def test_some_requests_are_skipped(client_for, lines):
    async with client_for(application(log(skip=lambda request, status: status < 400))) as client:
        await client.get("/")
        await client.get("/missing")
    assert [read(one)["status"] for one in lines] == [404]


QUERIES = [
    ("a=1&b=2", "a=1&b=2"),
    ("token=x", "token=***"),
    ("Access_Token=x&a=1", "Access_Token=***&a=1"),
    ("user%5Bpassword%5D=x", "user%5Bpassword%5D=***"),
    ("%74oken=x", "%74oken=***"),
    ("a=1;api_key=x", "a=1;api_key=***"),
    ("code=abc&state=q", "code=***&state=q"),
    ("token", "token"),
    ("token=a=b", "token=***"),
    ("next=%2Fback%3Fcode%3Dabc", "next=***"),
    ("next=%252Fback%253Ftoken%253Dabc%2526a%253D1&b=2", "next=***&b=2"),
    ("next=/back?a=1", "next=/back?a=1"),
    ("filter=%7B%22password%22%20:%22x%22%7D", "filter=***"),
    ("q=the+code+of+conduct", "q=the+code+of+conduct"),
    ("SAMLResponse=x&ticket=ST-1&pass=y", "SAMLResponse=***&ticket=***&pass=***"),
]


@pytest.mark.parametrize(("query", "logged"), QUERIES)
async def test_secrets_in_the_query_are_not_logged(client_for, lines, query, logged):
    async with client_for(application(log())) as client:
        await client.get(f"/?{query}")
    assert read(lines[0])["query"] == logged


async def test_credentials_are_not_logged(client_for, lines):
    headers = {"authorization": "Bearer hunter2", "cookie": "session=hunter2", "proxy-authorization": "hunter2"}
    every = AccessLog.__init__.__kwdefaults__["fields"]
    async with client_for(application(log(fields=every))) as client:
        await client.get("/?password=hunter2", headers=headers)
    assert "hunter2" not in lines[0].getMessage()
    assert "hunter2" not in str(vars(lines[0]))


async def test_what_observes_never_changes_the_answer(client_for, lines, caplog):
    def fails(*arguments):
        raise RuntimeError("in the log")

    async with client_for(application(log(skip=fails))) as client:
        assert (await client.get("/missing")).status == 404
    assert "a callback after the response" in caplog.text


async def asynchronous(*arguments):
    return True


async def test_a_request_that_is_tried_again_is_one_line(client_for, lines):
    async def again(request, call_next):
        try:
            return await call_next(request)
        except OSError:
            return await call_next(request)

    failures = [OSError()]

    async def fail_once(request, call_next):
        if failures:
            raise failures.pop()
        return await call_next(request)

    async with client_for(application(again, log(), fail_once)) as client:
        await client.get("/")
    assert [read(record)["status"] for record in lines] == [200]


async def test_it_leaves_nothing_in_the_state_and_needs_nothing_of_it(client_for, lines):
    async def replace(request, call_next):
        assert not list(request.state)
        request.state = State()
        return await call_next(request)

    async with client_for(application(log(), replace)) as client:
        assert (await client.get("/")).status == 200
    assert [read(record)["status"] for record in lines] == [200]


async def test_two_logs_write_a_line_each(client_for, lines):
    async with client_for(application(log(), log(format="text"))) as client:
        await client.get("/")
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "has the format 'xml'"),
        ({"fields": ["stauts"]}, "did you mean 'status'"),
        ({"fields": "status"}, "give it a list"),
        ({"secrets": "token"}, "give it a list"),
        ({"skip": asynchronous}, "the skip of AccessLog, `asynchronous`, is async"),
        ({"user": asynchronous}, "the user of AccessLog"),
        ({"format": asynchronous}, "the format of AccessLog"),
        ({"skip": True}, "AccessLog has skip=True"),
    ],
)
def test_mistakes_are_told_at_once(options, message):
    with pytest.raises(ConfigurationError, match=message):
        AccessLog(**options)
