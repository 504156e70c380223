"""The programs of BlackSheep's document, in our own words, on every transport."""

import pytest
from programs.program import Ask

from dialects.blacksheep.differential import HEADERS, REQUESTS
from dialects.program import load
from nacre.testing import TestClient

TEXT = "text/plain; charset=utf-8"
FLAG = {"x-flag": "Blue Peter"}

PROGRAMS = {
    "c1_two_layers": [
        Ask(
            "GET /",
            text="The pier is empty.",
            type=TEXT,
            printed="outer: in\ninner: in\ninner: out\nouter: out\n",
        ),
        Ask("GET /nowhere", 404, text="Resource not found", printed="outer: in\ninner: in\ninner: out\nouter: out\n"),
    ],
    "c2_class_layer": [Ask("GET /", text="On deck.", type=TEXT)],
    "c3_typed_layer": [Ask("GET /", text="On deck.", type=TEXT)],
    "c4_decorated": [
        Ask("GET /", text="Flag is up.", type=TEXT, headers=FLAG),
        Ask("GET /bare", text="No flag.", headers={"x-flag": None}),
    ],
    "c5_decorated_twice": [
        Ask("GET /plain/Ada", text="Ada is ready.", type=TEXT, headers=FLAG),
        Ask("GET /async/Bea", text="Bea is ready.", type=TEXT, headers=FLAG),
    ],
    "c6_refusal": [
        Ask("GET /", 401, body=b"", headers={"content-type": None}),
        Ask("GET /", text="Gold.", sent={"headers": {"x-pass": "yes"}}, printed="the vault is open\n"),
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_answers_as_the_document_says(name, client_for, capsys):
    app = load("blacksheep", name).app
    async with client_for(app) as client:
        for ask in PROGRAMS[name]:
            await ask.put_to(client)
            assert capsys.readouterr().out == ask.printed, ask.request


async def test_the_layers_of_a_program_are_shown_with_their_dialect():
    app = load("blacksheep", "c1_two_layers").app
    shown = str(app.explain("GET", "/"))
    assert "outer" in shown
    assert shown.count("blacksheep") >= 2


async def _answers(client):
    found = {}
    for one in REQUESTS:
        if one["program"] == "desk":
            body = {} if one["body"] is None else {"content": one["body"].encode()}
            response = await client.request(one["method"], one["path"], headers=one["headers"], **body)
            headers = {name: response.headers.getlist(name) for name in HEADERS}
            found[one["id"]] = response.status, headers, response.body
    return found


async def test_the_desk_answers_alike_on_every_transport(client_for):
    async with client_for(load("blacksheep", "desk").app) as client:
        here = await _answers(client)
    async with TestClient(load("blacksheep", "desk").app, host="testserver") as client:
        there = await _answers(client)
    assert here == there
    assert here["bind-from-route-4"][::2] == (200, b'{"berth":4}')
    assert here["raise-500"][::2] == (500, b"Internal Server Error")
    assert {name: answer[0] for name, answer in here.items() if answer[0] == 500} == {"raise-500": 500}
