"""The programs of Flama's document, in our own words, on every transport, and served as the document says."""

import re
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest
from programs.program import Ask
from servers.process import SOURCE, started

from dialects.program import load, write
from nacre.dialects.flama import Flama, http, websockets
from nacre.dialects.flama.middleware import Middleware

TEXT = "text/plain; charset=utf-8"
MILLISECONDS = re.compile(r"\d+\.\d\d")


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    async def sleep_on_loop(self, seconds):
        self.now += seconds


async def test_b1_a_class_that_hands_everything_on_changes_nothing(client_for):
    porthole = load("flama", "b1_passing_through").Porthole
    answers = []
    for middleware in ([], [Middleware(porthole)]):
        app = Flama(middleware=middleware, schema=None)

        @app.route("/cabin")
        async def cabin():
            return http.PlainTextResponse("You see the stars.", headers={"X-Deck": "3"})

        @app.websocket_route("/bridge")
        async def bridge(websocket: websockets.WebSocket):
            await websocket.accept()
            await websocket.send_text((await websocket.receive_text()).upper())

        async with client_for(app) as client:
            response = await client.get("/cabin")
            unknown = await client.get("/hold")
            async with client.websocket("/bridge") as connection:
                await connection.send("aye")
                said = await connection.receive()
        answers.append((response.status, response.body, response.headers.pairs(), unknown.status, unknown.body, said))
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
    assert answers[0][-1] == "AYE"


def test_b1_the_options_of_the_class_are_its_own():
    porthole = load("flama", "b1_passing_through").Porthole
    assert porthole(None).shade == "clear"
    assert Middleware(porthole, shade="smoked")(None).shade == "smoked"


async def test_b2_keywords_reach_the_class_and_every_scope_the_middlewares_in_their_order(client_for, transport):
    module = load("flama", "b2_keywords")
    http_scopes = ["smoked: http in", "clear: http in", "clear: http out", "smoked: http out"]
    async with client_for(module.app) as client:
        await Ask("GET /cabin", text="You see the stars.", type=TEXT).put_to(client)
        assert module.seen == ["smoked: lifespan in", "clear: lifespan in", *http_scopes]
        assert sorted(module.built) == ["clear", "smoked"]
        module.seen.clear()
        async with client.websocket("/bridge") as connection:
            await connection.send("aye")
            assert await connection.receive() == "aye"
        assert module.seen[:2] == ["smoked: websocket in", "clear: websocket in"]
        module.seen.clear()
    if transport == "wsgi":
        module.app.close()  # no WSGI server says that it stops
    assert module.seen[-2:] == ["clear: lifespan out", "smoked: lifespan out"]


async def test_b3_each_answer_tells_how_long_it_took(client_for):
    module = load("flama", "b3_timing")
    clock = Clock()
    module.time = clock
    module.asyncio = SimpleNamespace(sleep=clock.sleep_on_loop)
    asks = [
        Ask(
            "GET /fast",
            text="The quick lift came; X-Process-Time-MS has it.",
            type=TEXT,
            headers={"content-length": "46", "x-process-time-ms": "0.00"},
        ),
        Ask("GET /slow", headers={"content-length": "54", "x-process-time-ms": "1000.00"}, type=TEXT),
        Ask("HEAD /slow", body=b"", headers={"content-length": "54", "x-process-time-ms": "1000.00"}, type=TEXT),
        Ask("GET /elsewhere", 404, headers={"x-process-time-ms": MILLISECONDS}),
    ]
    async with client_for(module.app) as client:
        for ask in asks:
            await ask.put_to(client)


def test_b3_is_served_by_run_and_a_handler_may_block(tmp_path):
    program = write("flama", "b3_timing", tmp_path)
    program.write_text(program.read_text().replace('"0.0.0.0", server_port=8000', '"127.0.0.1", server_port=PORT'))
    source = program.read_text().replace("import asyncio\n", "import asyncio\nimport sys\n", 1)
    program.write_text(source.replace("PORT", "int(sys.argv[1])"))
    with started((str(program), "{port}"), tmp_path, environment={"PYTHONPATH": str(SOURCE)}) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("HEAD", "/slow")
        response = connection.getresponse()
        assert response.read() == b""
        connection.close()
    assert response.status == 200
    assert response.getheader("content-length") == "54"
    assert response.getheader("content-type") == TEXT
    assert MILLISECONDS.fullmatch(response.getheader("x-process-time-ms"))
    assert float(response.getheader("x-process-time-ms")) >= 1000


def test_run_serves_where_the_document_says_and_refuses_what_granian_has_not(monkeypatch):
    import nacre.server
    from nacre import ConfigurationError
    from nacre.dialects import flama

    served = []
    monkeypatch.setattr(nacre.server, "run", lambda app, **options: served.append((app, options)))
    app = Flama()
    flama.run(flama_app=app)
    flama.run(flama_app="desk:app", server_host="::1", server_port=81, server_workers=2, server_ssl_certfile="c")
    assert served == [
        (app, {"host": "127.0.0.1", "port": 8000, "ssl": None, "access_log": False, "interface": "asgi"}),
        (
            "desk:app",
            {"host": "::1", "port": 81, "ssl": ("c", None), "workers": 2, "access_log": False, "interface": "asgi"},
        ),
    ]
    with pytest.raises(ConfigurationError, match="run\\(\\) has no option `server_h11_max_incomplete_event_size`"):
        flama.run(flama_app=app, server_h11_max_incomplete_event_size=1)


async def test_the_observatory_answers_on_every_transport(client_for, transport):
    module = load("flama", "observatory")
    stamps = ["plain by nobody", "outer by night watch", "last by nobody"]
    vega = {"name": "Vega", "magnitude": 0.03}
    asks = [
        Ask("GET /", text="The dome is open.", type=TEXT, headers={"x-stamp": stamps}),
        Ask("GET /nowhere", 404, data={"status_code": 404, "detail": "Not Found", "error": "HTTPException"}),
        Ask("POST /", 405, headers={"allow": "GET, HEAD, OPTIONS"}, type="application/json"),
        Ask("OPTIONS /", 204, body=b"", headers={"allow": "GET, HEAD, OPTIONS"}),
        Ask("GET /html/", 404),
        Ask("GET /attic/box", 503, text="closed for cleaning", headers={"x-stamp": stamps[1:]}),
        Ask("GET /plain/none", body=b"", type="application/json"),
        Ask("GET /stream", text="plate 0\nplate 1\nplate 2\n", type=TEXT),
        Ask(
            "GET /keeper?watch=3", data={"keeper": "Ida at Big Eye", "watch": 3}, sent={"headers": {"X-Keeper": "Ida"}}
        ),
        Ask("POST /stars", data={**vega, "is_double": False}, sent={"json": vega}),
        Ask("GET /errors/fog", 503, text="ThickFog at /errors/fog"),
        Ask("GET /errors/teapot", 418, data={"teapot": "short and stout"}, headers={"x-brew": "green"}),
        Ask("GET /annex/rooms/4", data={"room": 4, "path": "/annex/rooms/4", "root": "/annex"}),
        Ask("GET /urls", data={"both": "/both", "star": "/stars/7"}),
    ]
    async with client_for(module.app) as client:
        for ask in asks:
            await ask.put_to(client)
        async with client.websocket("/ws/echo") as connection:
            await connection.send("hello")
            assert await connection.receive_json() == {"text": "hello", "path": "/ws/echo"}
        async with client.websocket("/ws/endpoint") as connection:
            await connection.send('{"a": [1]}')
            assert await connection.receive_json() == {"data": {"a": [1]}}
    if transport == "wsgi":
        module.app.close()
    assert {"almanac opened", "dome opened", "almanac shut", "dome shut"} <= set(module.log)
    assert any(line.startswith("left with ") for line in module.log)
