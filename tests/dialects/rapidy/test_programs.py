"""The programs of Rapidy's document, in our own words, on every transport; and the desk, with much of the rest."""

import pytest
from programs.program import Ask

from dialects.program import load

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"

MISSING = {"errors": [{"type": "missing", "loc": ["header", "Authorization"], "msg": "Field required"}]}
MISMATCH = {
    "errors": [
        {
            "type": "string_pattern_mismatch",
            "loc": ["header", "Authorization"],
            "msg": "String should match pattern '^[Bb]earer (?P<token>[A-Za-z0-9-_=.]*)'",
            "ctx": {"pattern": "^[Bb]earer (?P<token>[A-Za-z0-9-_=.]*)"},
        }
    ]
}
FLAG = {"x-flag": "red", "set-cookie": "flag=red; Path=/"}
NO_FLAG = {"x-flag": None, "set-cookie": None}
IDA = {"name": "Ida", "length": 7.5}
CATCH = {"fish": "eel", "count": 3}

PROGRAMS = {
    "d1_tide": [
        Ask("GET /", body=b'{"tide": "high"}', type=JSON, printed="rising\nfalling\n"),
        Ask("GET /nowhere", 404, text="404: Not Found", type=TEXT, printed="rising\nfalling\n"),
    ],
    "d2_options": [
        Ask("GET /buoy", 203, body=b'{"buoyName": "north", "depth": 9}', type=JSON),
        Ask("GET /shore", text="no buoy here", type=TEXT),
    ],
    "d3_token": [
        Ask(
            "GET /",
            text="aboard",
            sent={"headers": {"Authorization": "Bearer abc"}},
            printed="seen Bearer abc\nentered\n",
        ),
        Ask("GET /", 422, data=MISSING, type=JSON),
        Ask("GET /", 422, data=MISMATCH, type=JSON, sent={"headers": {"Authorization": "xyz"}}),
    ],
    "d4_text": [Ask("GET /", text="man the lifeboat", type=HTML), Ask("GET /nowhere", 404, text="404: Not Found")],
    "d5_response": [Ask("GET /", 500, body=b"", type="application/octet-stream")],
    "d6_injected": [
        Ask("GET /", text="from the deck", headers=NO_FLAG),
        Ask("GET /?answer=text", 202, text="from the mast", type=TEXT, headers=FLAG),
        Ask("GET /?answer=none", 202, body=b"", headers=FLAG),
    ],
    "d7_body": [
        Ask("POST /", data={"sold": "3 eel"}, sent={"json": CATCH}, printed="weighed 3\n"),
        Ask("POST /", 422, sent={"json": {"fish": "eel"}}),
    ],
    "desk": [
        Ask("GET /text", text="ahoy – ahoi", type=TEXT, headers={"x-desk": "open"}),
        Ask("GET /boat", body=b'{"name": "Ida", "length": 7.5, "tags": ["old"]}', type=JSON),
        Ask("GET /tuple", body=b'[1, "\\u00e9"]', type=JSON),
        Ask("GET /nothing", body=b""),
        Ask("HEAD /text", body=b"", headers={"content-length": "13"}),
        Ask("GET /berths/3/b", text="3b"),
        Ask("GET /berths/0/b", 422),
        Ask("GET /inner/log", text="ready /inner/log", headers={"x-inner": "yes", "x-desk": "open"}),
        Ask("GET /conflict", 409, text="two boats, one berth", headers={"x-conflict": "seen", "x-desk": None}),
        Ask("GET /moved", 302, text="302: Found", headers={"location": "/text"}),
        Ask("GET /crash", 500, text="500 Internal Server Error\n\nServer got itself in trouble"),
        Ask("GET /crane?what=boats", text="lifts boats"),
        Ask(
            "POST /form",
            data={"name": "Ida", "length": 7.5, "tags": []},
            sent={"form": {"name": "Ida", "length": "7.5"}},
        ),
        Ask("POST /decoded", data=["b", "a"], sent={"json": ["a", "b"]}),
        Ask(
            "POST /unchecked",
            text="3",
            sent={"content": b'{"a": 1, "b": 2}', "headers": {"content-type": "text/plain"}},
        ),
        Ask("POST /stream", text="10", sent={"content": b"0123456789"}),
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_answers_and_prints_as_its_document_says(name, client_for, capsys):
    async with client_for(load("rapidy", name).app) as client:
        capsys.readouterr()
        for ask in PROGRAMS[name]:
            await ask.put_to(client)
            assert capsys.readouterr().out == ask.printed, ask.request
