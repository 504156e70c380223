"""The programs of Madara's document, in words of our own: what they answer and print."""

import json

import pytest
from programs.program import Ask

from dialects.program import load

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
UUID = "9c5b94b1-35ad-49bb-b118-8e8fc24abf80"


def _passing(path, status, *, raised=""):
    return f"pilot aboard {path}\ntug made fast\n{raised}tug cast off\npilot ashore {status}\n"


PROGRAMS = {
    "a1_quickstart": [
        Ask("GET /berth/7", text="you lie at berth 7", type=TEXT, printed=_passing("/berth/7", 200)),
        Ask("GET /berth/x", 404, type=HTML, printed=_passing("/berth/x", 404)),
        Ask("GET /berth/-3", 404, printed=_passing("/berth/-3", 404)),
        Ask(
            "GET /leak",
            500,
            printed=_passing("/leak", 500, raised="tug hears: the bilge is full\npilot hears: the bilge is full\n"),
        ),
        Ask(
            "POST /blueprint/item",
            type=JSON,
            data={"code": 0, "result": {"a": [1, 2]}},
            sent={"json": {"a": [1, 2]}},
            printed=_passing("/blueprint/item", 200),
        ),
        Ask("POST /blueprint/item", 415, sent={"content": b"salt"}, printed=_passing("/blueprint/item", 415)),
        Ask("PUT /blueprint/item", 405, printed=_passing("/blueprint/item", 405)),
    ],
    "a2_hello": [
        Ask("GET /", text="Ahoy, harbour!", type=TEXT, headers={"content-length": "14"}),
        Ask("HEAD /", body=b"", type=TEXT, headers={"content-length": "14"}),
        Ask("POST /", 405, type=HTML, headers={"allow": "GET, HEAD, OPTIONS"}),
        Ask("OPTIONS /", 204, body=b"", headers={"allow": "GET, HEAD, OPTIONS"}),
        Ask("GET /elsewhere", 404, type=HTML),
    ],
    "a3_two_pages": [
        Ask("GET /", text="The quay"),
        Ask("GET /hello", text="Ahoy, captain"),
        Ask("GET /hello/", 404),
        Ask("GET /Hello", 404),
    ],
    "a4_variables": [
        Ask("GET /captain/%3Cb%3E", text="Captain &lt;b&gt;", type=TEXT),
        Ask("GET /captain/J%C3%BCrgen", text="Captain Jürgen"),
        Ask("GET /voyage/5", text="Voyage 5"),
        Ask("GET /voyage/x", 404),
        Ask("GET /voyage/-5", 404),
    ],
    "a5_converters": [
        Ask("GET /string/a%20b", data={"type": "str", "value": "a b"}),
        Ask("GET /string/a/b", 404),
        Ask("GET /plain/keel", data={"type": "str", "value": "keel"}),
        Ask("GET /int/0", data={"type": "int", "value": "0"}),
        Ask("GET /int/12", data={"type": "int", "value": "12"}),
        Ask("GET /int/-1", 404),
        Ask("GET /int/1.0", 404),
        Ask("GET /float/2.50", data={"type": "float", "value": "2.5"}),
        Ask("GET /float/2", 404),
        Ask("GET /float/-2.5", 404),
        Ask("GET /path/a/b/c.txt", data={"type": "str", "value": "a/b/c.txt"}),
        Ask(f"GET /uuid/{UUID}", data={"type": "UUID", "value": UUID}),
        Ask(f"GET /uuid/{UUID[:-1]}", 404),
        Ask("GET /any/port", data={"type": "str", "value": "port"}),
        Ask("GET /any/larboard", 404),
        Ask("GET /code/abc", data={"type": "str", "value": "abc"}),
        Ask("GET /code/abcd", 404),
        Ask("GET /short/abcd", data={"type": "str", "value": "abcd"}),
        Ask("GET /short/a", 404),
        Ask("GET /range/20", data={"type": "int", "value": "20"}),
        Ask("GET /range/21", 404),
        Ask("GET /digits/0042", data={"type": "int", "value": "42"}),
        Ask("GET /digits/42", 404),
        Ask("GET /signed/-4", data={"type": "int", "value": "-4"}),
        Ask("GET /pair/4-knots", data={"first": 4, "second": "knots"}),
    ],
    "a6_login": [
        Ask("GET /login", text="who goes there?"),
        Ask("POST /login", text="signed in"),
        Ask("PUT /login", 405, headers={"allow": "GET, HEAD, POST, OPTIONS"}),
    ],
    "a7_blueprint": [
        Ask("GET /", text="Ahoy, crates!", type=TEXT),
        Ask("POST /blueprint/item", data={"code": 0, "result": [1]}, type=JSON, sent={"json": [1]}),
        Ask("POST /blueprint/item", 415, sent={"content": b"salt"}),
        Ask(
            "POST /blueprint/item",
            400,
            sent={"content": b"{", "headers": {"content-type": "application/json"}},
        ),
        Ask("PUT /blueprint/item", 405),
        Ask("GET /item", 404),
    ],
    "a8_simple_layer": [
        Ask("GET /mast/3", data={"height": 3}, printed="in GET\nview mast {'height': 3}\nout 200\n"),
        Ask("GET /nothing", 404, printed="in GET\nout 404\n"),
        Ask("PUT /mast/3", 405, printed="in PUT\nout 405\n"),
        Ask("GET /snap", 500, printed="in GET\nview snap {}\nraised the line broke\nout 500\n"),
    ],
    "a8_answers": [
        Ask(
            "GET /goods/tea",
            text="TEA",
            headers={"x-log": "written", "x-customs": "seen"},
            printed="log sees bring\nbrought TEA\n",
        ),
        Ask(
            "GET /goods/rum",
            403,
            text="no rum",
            headers={"x-log": "written", "x-customs": "seen"},
            printed="log sees bring\n",
        ),
        Ask(
            "GET /lost",
            409,
            text="customs knows",
            headers={"x-log": "written", "x-customs": "seen"},
            printed="log sees lost\ncustoms reads 'crate'\n",
        ),
        Ask(
            "GET /sunk",
            503,
            text="repaired by the log",
            headers={"x-log": "written", "x-customs": "seen"},
            printed="log sees sunk\ncustoms reads hull\nlog reads hull\n",
        ),
    ],
    "a9_config": [
        Ask(
            "GET /config",
            data={
                "debug": False,
                "middlewares": [],
                "server_name": None,
                "host_matching": False,
                "subdomain_matching": False,
                "logger_handler": None,
                "given": ["ahoy", "ahoy"],
            },
        ),
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_program_answers_and_prints_what_the_document_says(name, client_for, capsys):
    app = load("madara", name).app
    app.compile()
    async with client_for(app) as client:
        for ask in PROGRAMS[name]:
            capsys.readouterr()
            await ask.put_to(client)
            assert capsys.readouterr().out == ask.printed, ask.request


async def test_a_middleware_is_initialised_once(client_for, capsys):
    async with client_for(load("madara", "a8_simple_layer").app) as client:
        for path in ("/mast/1", "/mast/2", "/snap", "/nothing"):
            await client.get(path)
    assert capsys.readouterr().out.count("the watch is set") == 1


async def test_json_is_compact_and_of_ascii_and_ends_with_a_newline(client_for):
    async with client_for(load("madara", "a7_blueprint").app) as client:
        response = await client.request("POST", "/blueprint/item", json={"ö": [1, 2]})
    assert response.body == b'{"code":0,"result":{"\\u00f6":[1,2]}}\n'
    assert json.loads(response.body)["result"] == {"ö": [1, 2]}
