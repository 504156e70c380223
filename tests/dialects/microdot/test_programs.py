"""The programs of Microdot's documents, as its users write them: what each answers on every transport, and prints."""

import asyncio
import re
import unittest

import pytest
from programs.program import Ask

from dialects.program import load
from nacre.errors import WebSocketDisconnect

TEXT = "text/plain; charset=UTF-8"
JSON = "application/json; charset=UTF-8"
LIST = "list of orders"
ORDERS = [
    Ask("GET /orders", text=LIST, type=TEXT),
    Ask("POST /orders", text="an order is taken"),
    Ask("DELETE /orders", 405, text="Not found", headers={"allow": "GET, HEAD, POST, OPTIONS"}),
    Ask("OPTIONS /orders", 200, text="", headers={"allow": "GET, POST, HEAD, OPTIONS"}),
]
HEX = [Ask("GET /buoys/ff", text="255"), Ask("GET /buoys/zz", 404, text="Not found")]
TOOK = re.compile(r"took \d+\.\d\d s\n")

UPLOAD = (
    b'--reef\r\nContent-Disposition: form-data; name="boat"\r\n\r\nHeron\r\n'
    b'--reef\r\nContent-Disposition: form-data; name="crew"; filename="crew.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nMei, Ravi\r\n--reef--\r\n"
)
AS_FORM = {"content": UPLOAD, "headers": {"content-type": "multipart/form-data; boundary=reef"}}
BROKEN = {"content": b"no parts at all", "headers": {"content-type": "multipart/form-data; boundary=reef"}}

BLINKS = "".join(f'data: {{"blink": {number}}}\n\n' for number in range(10)) + "event: state\ndata: dark\n\n"
FORMS = (
    "data: gull\n\nevent: bird\nid: b2\ndata: tern\n\nretry: 2500\ndata: tern\n\n"
    'data: {"wing": "span"}\n\n: still here\n\ndata: [7, "feathers"]\n\ndata: heron\n\ndata: 12\n\n'
)

PROGRAMS: dict[str, list[Ask]] = {
    "e01_hello": [Ask("GET /", text="Ahoy from the pier", type=TEXT), Ask("GET /quay", 404, text="Not found")],
    "e04_crew": [Ask("GET /crew/aboard", text="Aboard: Mei, Ravi and Lotte"), Ask("GET /crew/aboard/", 404)],
    "e05_orders_one": ORDERS,
    "e05_orders_two": [*ORDERS, Ask("HEAD /orders", body=b"", headers={"content-length": str(len(LIST))})],
    "e05_orders_short": ORDERS,
    "e06_berths": [
        Ask("GET /sailors/mei", text="Sailor: mei"),
        Ask("GET /sailors/mei/lin", text="Sailor: lin, mei"),
        Ask("GET /sailors/mei%20anh", text="Sailor: mei anh"),
        Ask("GET /berths/12/Heron", text="Heron lies at 13"),
        Ask("GET /berths/-3/Heron", text="Heron lies at -2"),
        Ask("GET /berths/twelve/Heron", 404, text="Not found"),
        Ask("GET /charts/north/bay/1", text="Chart: north/bay/1"),
        Ask("GET /charts/", 404),
        Ask("GET /signals/A1", text="Signal: A1"),
        Ask("GET /signals/1A", 404),
    ],
    "e07_hex_parser": HEX,
    "e07_hex_pattern": HEX,
    "e07_hex_none": HEX,
    "e08_gate": [
        Ask("GET /dock", 401, text="No pass", type=TEXT),
        Ask("GET /dock", text="Come in, Mei", printed="the gate opens\n", sent={"headers": {"x-pass": "Mei"}}),
        Ask("GET /nowhere", 404),
    ],
    "e09_timer": [Ask("GET /nowhere", 404), Ask("OPTIONS /", headers={"allow": "GET, HEAD, OPTIONS"})],
    "e10_errors": [
        Ask("GET /share/3", text="4"),
        Ask("GET /share/0", 500, data={"problem": "nobody to share with"}, type=JSON),
        Ask("GET /overflow", 500, data={"problem": "OverflowError"}),
        Ask("GET /nowhere", 404, data={"problem": "no such berth"}, type=JSON),
    ],
    "e11_fleet": [
        Ask("GET /boats/", data=["Heron", "Tern"], type=JSON),
        Ask("POST /boats/", 201, data={"launched": "Gull"}, sent={"json": {"name": "Gull"}}),
        Ask("GET /crews/", data=["Mei", "Ravi"]),
        Ask("POST /crews/", 201, data={"signed": "Lotte"}, sent={"json": {"name": "Lotte"}}),
        Ask("GET /boats", 404),
        Ask("GET /", 404),
    ],
    "e12_prefix": [
        Ask("GET /piers/", 302, headers={"location": "/piers/north"}),
        Ask("GET /piers/north", text="the north pier"),
    ],
    "e14_json": [
        Ask("POST /boats", body=b'{"registered": true}', type=JSON, sent={"json": {"name": "Heron"}}),
        Ask("GET /boats", data=[{"name": "Heron"}]),
        Ask("POST /boats", data={"registered": True}, sent={"content": b'{"name": "Tern"}'}),
        Ask("GET /boats", data=[{"name": "Heron"}, None]),
        Ask(
            "POST /boats",
            400,
            text="Bad request",
            sent={"content": b"{name", "headers": {"content-type": "application/json"}},
        ),
    ],
    "e15_form": [
        Ask("GET /", text="Welcome stranger"),
        Ask("POST /", text="Welcome Zoë the 1st", sent={"form": {"captain": "Zoë the 1st"}}),
    ],
    "e16_g": [
        Ask("GET /", 401, text="Who goes there?"),
        Ask("GET /", text="Pass, Mei!", sent={"headers": {"cookie": "name=Mei"}}),
    ],
    "e17_leave": [Ask("POST /leave", text="Fair winds", headers={"set-cookie": "berth=; HttpOnly"})],
    "e18_limits": [
        Ask("POST /cargo", data={"held": 8192, "streamed": 8192}, sent={"content": b"x" * 8192}),
        Ask("POST /cargo", data={"held": 0, "streamed": 8193}, sent={"content": b"x" * 8193}),
        Ask("POST /cargo", data={"held": 0, "streamed": 1024 * 1024}, sent={"content": b"x" * 1024 * 1024}),
        Ask("POST /cargo", 413, text="Payload too large", sent={"content": b"x" * (1024 * 1024 + 1)}),
        Ask("POST /nowhere", 413, text="Payload too large", sent={"content": b"x" * (1024 * 1024 + 1)}),
    ],
    "e19_answers": [
        Ask("GET /text", text="Land ahoy", type=TEXT),
        Ask("GET /status", 202, text="Land ahoy", type=TEXT),
        Ask("GET /all", 202, text="<b>Land ahoy</b>", type="text/html"),
        Ask("GET /nothing", 204, body=b""),
        Ask("GET /headers", text="<b>Land ahoy</b>", type="text/html"),
        Ask("GET /object", 203, text="Land ahoy", headers={"x-lookout": "Lotte"}),
    ],
    "e20_data": [Ask("GET /", body=b'{"wind": "north-west", "knots": [12, 14]}', type=JSON)],
    "e21_redirect": [
        Ask("GET /", 302, text="", headers={"location": "/quay"}),
        Ask("GET /moved", 301, headers={"location": "/quay"}),
    ],
    "e22_files": [
        Ask("GET /", text="<h1>Harbour</h1>\n", type="text/html", headers={"cache-control": None}),
        Ask("GET /gull", body=b"\xff\xd8\xff\xe0JFIF", type="image/jpeg", headers={"cache-control": "max-age=3600"}),
        Ask("GET /harbour/charts/bay.svg", type="image/svg+xml", headers={"cache-control": "max-age=86400"}),
        Ask("GET /harbour/odd.bin", text="x", type="application/octet-stream"),
        Ask("GET /harbour/charts/..%2f..%2fe22_files.py", 404, text="Not here"),
        Ask("GET /harbour/missing.txt", 404, text="Not found"),
        Ask("GET /harbour/index.html", 206, text="Harb", sent={"headers": {"range": "bytes=4-7"}}),
    ],
    "e23_stream": [
        Ask(
            "GET /fathoms",
            text="0\n1\n1\n2\n3\n5\n8\n13\n21\n34\n55\n89\n",
            type=TEXT,
            headers={"content-length": None},
        ),
        Ask("GET /plain", 201, text="shallow, deep", type="text/csv"),
        Ask("GET /class", text="2 1 0 ", printed="the lead is hauled in\n"),
        Ask("HEAD /class", text="", printed="the lead is hauled in\n"),
    ],
    "e24_default_type": [
        Ask("GET /", text="<h1>Harbour</h1>", type="text/html; charset=UTF-8"),
        Ask("GET /data", data={"still": "JSON"}, type=JSON),
    ],
    "e25_cookies": [
        Ask("GET /hook", text="kept", headers={"set-cookie": "berth=12"}),
        Ask("GET /object", text="kept", headers={"set-cookie": "berth=12"}),
    ],
    "e26_upload": [
        Ask(
            "POST /manifest",
            204,
            sent=AS_FORM,
            printed="texts: {'boat': 'Heron'}\nfiles: {'crew': 'crew.txt'}\nb'Mei, Ravi'\n",
        ),
        Ask("POST /manifest", 400, text="Bad request", sent=BROKEN),
    ],
    "e26_parts": [
        Ask("POST /manifest", 204, sent=AS_FORM, printed="boat is Heron\ncrew is crew.txt of 9 bytes\n"),
        Ask("POST /manifest", 204, sent={"content": b"boat=Heron"}),
        Ask("POST /manifest", 400, text="Bad request", sent=BROKEN),
    ],
    "e28_events": [
        Ask("GET /blinks", text=BLINKS, type="text/event-stream", headers={"cache-control": None}),
        Ask("GET /forms", text=FORMS),
    ],
    "e36_asgi": [Ask("GET /", text="Ahoy over ASGI"), Ask("GET /scope", text="http")],
    "e36_lifespan": [Ask("GET /", text="Lotte keeps watch")],
    "e37_wsgi": [Ask("GET /", text="Ahoy over WSGI", type=TEXT)],
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_program_answers_as_its_table_says(name, client_for, capsys):
    async with client_for(load("microdot", name).app) as client:
        capsys.readouterr()
        for ask in PROGRAMS[name]:
            await ask.put_to(client)
            assert capsys.readouterr().out == ask.printed, ask.request


async def test_hooks_measure_each_successful_request(client_for, capsys):
    async with client_for(load("microdot", "e09_timer").app) as client:
        for _ in range(2):
            assert (await client.get("/")).text == "done"
            assert TOOK.fullmatch(capsys.readouterr().out)


async def test_the_lifespan_functions_are_called_once_each(client_for, capsys):
    async with client_for(load("microdot", "e36_lifespan").app) as client:
        await client.get("/")
        await client.get("/")
        assert capsys.readouterr().out == ""
    assert capsys.readouterr().out == "Lotte locks up\n"


async def test_the_environ_of_wsgi_is_the_servers(client_for, transport):
    async with client_for(load("microdot", "e37_wsgi").app) as client:
        response = await client.get("/later")
        assert response.text == ("GET of /later" if transport == "wsgi" else "Internal server error")


async def test_a_websocket_answers_each_message_in_kind(client_for):
    async with client_for(load("microdot", "e27_echo").app) as client:
        async with client.websocket("/echo") as ws:
            await ws.send("ahoy")
            assert await ws.receive() == "ahoy"
            await ws.send(b"\x00\xff")
            assert await ws.receive() == b"\x00\xff"


async def test_a_route_that_returns_closes_its_websocket(client_for):
    async with client_for(load("microdot", "e27_leave").app) as client:
        async with client.websocket("/radio/9") as ws:
            await ws.send("heading north")
            assert await ws.receive() == "9: heading north"
            await ws.send("over and out")
            assert await ws.receive() == "fair winds"
            with pytest.raises(WebSocketDisconnect):
                await ws.receive()
            assert ws.close_code == 1000


async def test_a_websocket_route_is_told_that_its_client_has_left(client_for, capsys):
    async with client_for(load("microdot", "e27_gone").app) as client:
        async with client.websocket("/echo") as ws:
            await ws.send("ahoy")
            assert await ws.receive() == "ahoy"
        assert capsys.readouterr().out == "The boat is out of range\n"


async def test_a_websocket_route_is_told_that_the_connection_broke_off(client_for, capsys):
    async with client_for(load("microdot", "e27_gone").app) as client:
        async with client.websocket("/echo") as ws:
            await ws.send("ahoy")
            await ws.receive()
            await ws.drop()
        assert capsys.readouterr().out == "The boat is out of range\n"


async def test_events_are_those_that_a_browser_takes(client_for):
    async with client_for(load("microdot", "e28_events").app) as client:
        async with client.events("/blinks") as events:
            got = [(event.event, event.data) async for event in events]
        assert got[0] == (None, '{"blink": 0}')
        assert got[-1] == ("state", "dark")
        assert len(got) == 11


async def test_an_endless_route_of_events_is_cancelled_when_its_client_leaves(client_for, capsys):
    async with client_for(load("microdot", "e28_events").app) as client:
        async with client.events("/night") as events:
            await anext(events)
            await anext(events)
            await events.disconnect()
        assert capsys.readouterr().out == "Nobody watches\n"


@pytest.mark.parametrize("name", ["e35_client_tests", "e41_lifespan_tests", "e43_host_tests"])
async def test_a_programs_own_tests_pass(name):
    module = load("microdot", name)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = await asyncio.to_thread(lambda: suite.run(unittest.TestResult()))
    assert result.testsRun
    assert not result.errors + result.failures
