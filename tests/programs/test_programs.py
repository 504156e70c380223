"""Programs that users write, each run as a whole: what it answers, with which headers, and what it prints."""

import re

import pytest

from programs.program import Ask, load

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
HTML = "text/html; charset=utf-8"
UUID = "9c5b94b1-35ad-49bb-b118-8e8fc24abf80"
REEF = ['Basic realm="The reef", charset="UTF-8"', 'Bearer realm="The reef"']

UPLOAD = (
    b'--reef\r\nContent-Disposition: form-data; name="note"\r\n\r\nfound at dawn\r\n'
    b'--reef\r\nContent-Disposition: form-data; name="chart"; filename="..\\\\charts\\\\lagoon.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--reef--\r\n"
)


def _form(greeting: str) -> str:
    return (
        f'<!doctype html>\n<p>{greeting}</p>\n<form method="post"><input name="diver"><button>Sign in</button></form>'
    )


PROGRAMS: dict[str, list[Ask]] = {
    "a2_hello": [
        Ask("GET /", text="The tide is in.", type=TEXT, headers={"content-length": "15"}),
        Ask("HEAD /", body=b"", type=TEXT, headers={"content-length": "15"}),
        Ask("GET /elsewhere", 404, text="Not Found"),
        Ask("POST /", 405, headers={"allow": "GET, HEAD, OPTIONS"}),
        Ask("OPTIONS /", 204, body=b"", headers={"allow": "GET, HEAD, OPTIONS", "content-type": None}),
        Ask("OPTIONS /elsewhere", 404),
    ],
    "a3_two_pages": [
        Ask("GET /", text="You stand on the shore.", type=TEXT),
        Ask("GET /reef", text="You look down at the reef.", type=TEXT),
        Ask("GET /reef/", 404),
        Ask("GET /Reef", 404),
    ],
    "a4_variables": [
        Ask("GET /divers/%3Cb%3E", text="<p>Diver &lt;b&gt;</p>", type="text/html; charset=utf-8"),
        Ask("GET /divers/J%C3%BCrgen", text="<p>Diver Jürgen</p>"),
        Ask("GET /divers/a%252Fb", text="<p>Diver a%2Fb</p>"),
        Ask("GET /divers/", 404),
        Ask("GET /dives/5", text="dive no. 6 comes next"),
        Ask("GET /dives/-5", text="dive no. -4 comes next"),
        Ask("GET /dives/five", 404),
        Ask("GET /dives/5.0", 404),
        Ask("GET /dives/%D9%A5", 404),
    ],
    "a5_converters": [
        Ask("GET /string/a%20b", data={"type": "str", "value": "a b"}),
        Ask("GET /string/a/b", 404),
        Ask("GET /int/-7", data={"type": "int", "value": "-7"}),
        Ask("GET /int/7x", 404),
        Ask("GET /int/+7", 404),
        Ask("GET /uint/7", data={"type": "int", "value": "7"}),
        Ask("GET /uint/-7", 404),
        Ask("GET /float/2.50", data={"type": "float", "value": "2.5"}),
        Ask("GET /float/2", data={"type": "float", "value": "2.0"}),
        Ask("GET /float/nan", 404),
        Ask("GET /float/1e3", 404),
        Ask("GET /path/a/b/c.txt", data={"type": "str", "value": "a/b/c.txt"}),
        Ask("GET /path/", 404),
        Ask(f"GET /uuid/{UUID}", data={"type": "UUID", "value": UUID}),
        Ask(f"GET /uuid/{UUID[:-1]}", 404),
        Ask("GET /date/2024-02-29", data={"type": "date", "value": "2024-02-29"}),
        Ask("GET /date/2023-02-29", 404),
        Ask("GET /any/pearl", data={"type": "str", "value": "pearl"}),
        Ask("GET /any/sand", 404),
    ],
    "a8_django_layer": [
        Ask("GET /pearls/3", data={"pearl": 3}, printed="in /pearls/3\nview pearl {'number': 3}\nout 200\n"),
        Ask("GET /nothing", 404, printed="in /nothing\nout 404\n"),
        Ask("PUT /pearls/3", 405, printed="in /pearls/3\nout 405\n"),
        Ask("GET /broken", 500, printed="in /broken\nview broken {}\nraised the net tore\nout 500\n"),
    ],
    "a8_django_answers": [
        Ask("GET /room", 403, text="locked", headers={"x-outer": "seen", "x-gate": "lagoon"}),
        Ask("GET /room?key=1", text="inside", headers={"x-outer": "seen"}, printed="the view ran\n"),
        Ask("GET /missing?key=1", 404, text="mended by the gate", headers={"x-outer": "seen", "x-gate": "lagoon"}),
        Ask(
            "GET /torn?key=1",
            503,
            text="mended by the outer layer",
            headers={"x-outer": "seen", "x-gate": "lagoon"},
            printed="outer was asked about net\n",
        ),
    ],
    "b2_asgi_class": [
        Ask("GET /letter", text="sealed", type=TEXT, headers={"x-stamp": ["plain", "first"]}),
        Ask("GET /lost", 404, headers={"x-stamp": ["plain", "first"]}),
    ],
    "b3_timing": [
        Ask("GET /quick", body=b"See x-took-ms.", type=TEXT, headers={"x-took-ms": re.compile(r"\d+\.\d\d")}),
        Ask(
            "HEAD /slow",
            body=b"",
            type=TEXT,
            headers={"content-length": "33", "x-took-ms": re.compile(r"(2\d|[3-9]\d|\d{3,})\.\d\d")},
        ),
    ],
    "c1_onion_order": [
        Ask("GET /", text="OK", type=TEXT, printed="keel in\ndeck in\ncabin\ndeck out\nkeel out\n"),
        Ask("GET /nowhere", 404, printed="keel in\ndeck in\ndeck out\nkeel out\n"),
    ],
    "c2_instance": [
        Ask("GET /", text="counted", headers={"x-count": "1"}),
        Ask("POST /", 405, headers={"x-count": "2", "allow": "GET, HEAD, OPTIONS"}),
    ],
    "c4_decorators": [
        Ask("GET /async", text="OK", type=TEXT, headers={"x-reef": ["north"]}),
        Ask("GET /plain/12", data={"depth": 12}, headers={"x-reef": ["south"]}),
        Ask("GET /response", 201, text="made", headers={"x-reef": ["west"]}),
        Ask("GET /bare", text="OK", headers={"x-reef": None}),
    ],
    "c6_refusing_layer": [
        Ask("GET /vault", 401, body=b"", headers={"content-length": "0", "content-type": None}),
        Ask("GET /vault", text="gold", sent={"headers": {"authorization": "Bearer pearl"}}, printed="opened\n"),
        Ask("GET /unknown", 401),
    ],
    "d1_validated_style": [
        Ask("GET /", body=b'{"catch":["sole","crab"]}', type=JSON, printed="rising\nfalling\n"),
    ],
    "d4_middleware_results": [
        Ask("GET /polite/fail", 200, text="<p>sorry</p>", type="text/html; charset=utf-8"),
        Ask("GET /polite/work", 200, text="fish", type=TEXT),
        Ask("GET /curt/fail", 500, body=b"", headers={"content-type": None}),
        Ask("GET /curt/work", 200, text="fish", type=TEXT),
    ],
    "e5_methods": [
        Ask("GET /nets", text="all nets"),
        Ask("POST /nets", text="a new net"),
        Ask("DELETE /nets", 405, headers={"allow": "GET, HEAD, POST, OPTIONS"}),
        Ask("GET /boats", text="all boats"),
        Ask("POST /boats", 201, text="a new boat"),
        Ask("DELETE /boats", 405, headers={"allow": "GET, HEAD, POST, OPTIONS"}),
        Ask("GET /crews", text="all crews"),
        Ask("HEAD /crews", body=b"", headers={"content-length": "9"}),
        Ask("POST /crews", 201, text="a new crew"),
        Ask("OPTIONS /crews", 204, headers={"allow": "GET, HEAD, POST, OPTIONS"}),
    ],
    "e6_patterns": [
        Ask("GET /divers/active", text="in the water: Ama and Jacques"),
        Ask("GET /divers/joe", text="one diver: joe"),
        Ask("GET /divers/li/mei", text="mei li"),
        Ask("GET /log/12/joe", text="joe wrote entry 12"),
        Ask("GET /log/twelve/joe", 404),
        Ask("GET /charts/north/reef/2", text="chart of north/reef/2"),
        Ask("GET /buoys/A12", text="buoy A12"),
        Ask("GET /buoys/1A", 404),
        Ask("GET /buoys/A1234", 404),
    ],
    "e7_own_converters": [
        Ask("GET /hex/fF", data={"value": 255, "here": "/hex/ff"}),
        Ask("GET /hex/zz", 404),
        Ask("GET /lower/ff", 255, headers={"x-type": "int"}),
        Ask("GET /lower/FF", 404),
        Ask("GET /byte/ff", data={"value": 255}),
        Ask("GET /byte/100", 404),
        Ask("GET /byte/zz", 404),
    ],
    "e8_before_hook": [
        Ask("GET /me", 401, text="Who are you?"),
        Ask("GET /me", text="You are ama.", sent={"headers": {"x-token": "t-1"}}, printed="before ama\nhandler\n"),
        Ask("GET /you", 404),
        Ask("OPTIONS /me", 204),
    ],
    "e9_timer_hooks": [
        Ask("GET /", text="ready", printed="/ took 0 s\n"),
        Ask("GET /nowhere", 404, printed="error 404\n"),
        Ask("POST /", 405, printed="error 405\n"),
        Ask("OPTIONS /", 204),
        Ask("GET /gone", 410, text="Gone", printed="error 410\n"),
    ],
    "e10_error_handlers": [
        Ask("GET /nowhere", 404, data={"error": "nothing here"}, type=JSON),
        Ask("GET /share/9/3", data={"each": 3}),
        Ask("GET /share/9/0", 422, data={"error": "no share: integer division or modulo by zero"}),
        Ask("GET /overflow", 400, data={"error": "bad sum"}),
        Ask("GET /taken", 409, text="somebody else has it", type=TEXT),
        Ask(
            "GET /taken",
            409,
            data={"type": "about:blank", "title": "Conflict", "status": 409, "detail": "somebody else has it"},
            type="application/problem+json",
            sent={"headers": {"accept": "application/json"}},
        ),
    ],
    "e11_sub_applications": [
        Ask("GET /buyers/", text="all buyers"),
        Ask("POST /buyers/", text="a new buyer"),
        Ask("GET /auctions/", text="all auctions"),
        Ask("POST /auctions/", text="a new auction"),
        Ask("GET /auctions", 404),
        Ask("GET /", 404),
    ],
    "e12_own_prefix": [
        Ask("GET /part/old", 302, headers={"location": "/part/new"}),
        Ask("GET /copy/of/it/older", 302, headers={"location": "/copy/of/it/new?since=1999"}),
        Ask("GET /copy/of/it/new", text="here it is"),
    ],
    "e14_json": [
        Ask("POST /catches", data={"recorded": 1}, type=JSON, sent={"json": {"fish": "wrasse"}}),
        Ask("POST /catches", data={"recorded": 2}, sent={"json": [1, None, "x"]}),
        Ask("POST /catches", 400, sent={"content": b"{", "headers": {"content-type": "application/json"}}),
        Ask("POST /catches", 415, sent={"content": b"{}", "headers": {"content-type": "text/plain"}}),
    ],
    "e15_form": [
        Ask("GET /", text=_form("Who dives?"), type=HTML),
        Ask("POST /", text=_form("Dive well, ama."), sent={"form": {"diver": "ama"}}),
        Ask("POST /", text=_form("Dive well, &lt;b&gt;."), sent={"form": {"diver": "<b>"}}),
        Ask("POST /", text=_form("Who dives?"), sent={"form": {"other": "x"}}),
        Ask("POST /", 415, sent={"json": {"diver": "ama"}}),
    ],
    "e16_state": [
        Ask("GET /?name=ama", text="Aboard: ama"),
        Ask("GET /?name=eel", 401, text="Not aboard."),
        Ask("GET /", 401, text="Not aboard."),
    ],
    "e17_after_this_request": [
        Ask(
            "POST /leave",
            text="Ashore.",
            headers={"set-cookie": re.compile(r"berth=; .*Max-Age=0; .*HttpOnly.*|berth=; .*HttpOnly.*")},
        ),
        Ask("GET /stay", text="Aboard.", headers={"set-cookie": None}),
    ],
    "e18_limits": [
        Ask("POST /whole", data={"read": 8192}, sent={"content": bytes(8192)}),
        Ask("POST /whole", 413, sent={"content": bytes(8193)}),
        Ask("POST /streamed", data={"streamed": 1048576}, sent={"content": bytes(1048576)}),
        Ask("POST /streamed", 413, sent={"content": bytes(1048577)}),
        Ask("POST /wide", data={"read": 1048576}, sent={"content": bytes(1048576)}),
        Ask("POST /wide", 413, sent={"content": bytes(1048577)}),
    ],
    "e26_uploads": [
        Ask(
            f"POST /{how}",
            204,
            body=b"",
            printed=printed,
            sent={"content": UPLOAD, "headers": {"content-type": "multipart/form-data; boundary=reef"}},
        )
        for how, printed in (
            ("whole", "fields: {'note': 'found at dawn'}\nfiles: {'chart': 'lagoon.png'}\n"),
            ("parts", "note is found at dawn\nchart has 4 bytes of lagoon.png\n"),
        )
    ],
    "e19_results": [
        Ask("GET /text", text="plain words", type=TEXT),
        Ask("GET /status", 202, text="noted", type=TEXT),
        Ask("GET /all-three", 202, text="<h2>noted</h2>", type="text/html"),
        Ask("GET /headers", 200, text="<h2>read me</h2>", type="text/html"),
        Ask("GET /number", 204, body=b"", headers={"content-type": None, "content-length": None}),
        Ask("GET /status-headers", 205, body=b"", headers={"x-form": "reset", "content-type": None}),
        Ask("GET /response", 203, text="exactly so", type=TEXT, headers={"x-kind": "whole"}),
        Ask("GET /dict", body=b'{"pearl":{"size":7.5}}', type=JSON),
        Ask("GET /list", body=b'[1,"two",null]', type=JSON),
        Ask("GET /json", 201, body=b'{"made":true}', type=JSON),
        Ask("GET /none", 204, body=b"", headers={"content-type": None}),
        Ask("GET /bytes", body=b"\x00\x01", type="application/octet-stream"),
        Ask("GET /moved", 302, body=b"", headers={"location": "/text"}),
        Ask("GET /moved-for-good", 308, headers={"location": "/text?from=n%C3%A4cre"}),
    ],
    "e23_streaming": [
        Ask(
            "GET /fibonacci",
            text="0\n1\n1\n2\n3\n5\n8\n13\n21\n34\n55\n89\n",
            type=TEXT,
            headers={"content-length": None},
        ),
        Ask("HEAD /fibonacci", body=b"", type=TEXT, headers={"content-length": None}),
        Ask("GET /countdown", text="3… 2… 1… go", type=TEXT),
        Ask("GET /direct/3", text="ABC"),
        Ask("GET /waves", 206, text="wave wave ", type="text/x-waves", printed="closed\n"),
        Ask("HEAD /waves", 206, body=b"", type="text/x-waves", printed="closed\n"),
    ],
    "e31_basic_and_token": [
        Ask("GET /", text="Good dive, whoever you are!", headers={"www-authenticate": None}),
        Ask("GET /", text="Good dive, ama!", sent={"headers": {"authorization": "Basic YW1hOnBlYXJsOjE="}}),
        Ask("GET /", 401, sent={"headers": {"authorization": "Basic YW1hOnBlYXJs"}}),
        Ask("GET /log", 401, headers={"www-authenticate": REEF}),
        Ask("HEAD /log", 401, body=b"", headers={"www-authenticate": REEF}),
        Ask("GET /log", text="The log of ama.", sent={"headers": {"authorization": "basic YW1hOnBlYXJsOjE="}}),
        Ask("GET /log", text="The log of haenyeo.", sent={"headers": {"authorization": "Bearer t-2"}}),
        Ask(
            "GET /log",
            401,
            headers={"www-authenticate": [REEF[0], f'{REEF[1]}, error="invalid_token"']},
            sent={"headers": {"authorization": "Bearer t-3"}},
        ),
        Ask("GET /nothing", 404, headers={"www-authenticate": None}),
    ],
    "e28_events": [
        Ask(
            "GET /waves",
            body="".join([*(f'data: {{"wave":{n}}}\n\n' for n in range(10)), "event: end\ndata: calm\n\n"]).encode(),
            type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no", "content-length": None},
        ),
        Ask(
            "GET /pushed",
            body=b'id: 0\ndata: {"wave":0}\n\nid: 1\ndata: {"wave":1}\n\nid: 2\ndata: {"wave":2}\n\n'
            b"retry: 2500\nevent: end\ndata: calm\n\n",
        ),
        Ask(
            "GET /log",
            body=b"id: 3\ndata: entry 3\ndata: signed\n\nid: 4\ndata: entry 4\ndata: signed\n\n",
            sent={"headers": {"last-event-id": "2"}},
        ),
        Ask("GET /log", 422, sent={"headers": {"last-event-id": "two"}}),
        Ask("HEAD /buoy", body=b"", type="text/event-stream"),
    ],
    "e24_default_type": [
        Ask("GET /", text="<h1>Reef</h1>", type="text/html; charset=utf-8"),
        Ask("GET /other/", text="<h1>Reef</h1>", type=TEXT),
    ],
    "e25_cookies": [
        Ask("GET /by-hook", text="remembered", headers={"set-cookie": ["tide=high"]}),
        Ask(
            "GET /by-response",
            headers={
                "set-cookie": [
                    "tide=low; Path=/; HttpOnly; SameSite=Lax",
                    "__Host-boat=1; Path=/; Secure; SameSite=None; Partitioned",
                ]
            },
        ),
        Ask(
            "GET /forget",
            headers={"set-cookie": "tide=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; SameSite=Lax"},
        ),
        Ask("GET /read", data={"a": "1", "b": "two"}, sent={"headers": {"cookie": "a=1; b=two; a=3"}}),
    ],
    "class_handler": [
        Ask("GET /jars/1", data={"pearls": 0}),
        Ask("PUT /jars/1?pearls=12", 204),
        Ask("GET /jars/1", data={"pearls": 12}),
        Ask("HEAD /jars/1", body=b"", headers={"content-length": "13"}),
        Ask("DELETE /jars/1", data={"removed": 12, "tags": ["jars"]}),
        Ask("PATCH /jars/1", 405, headers={"allow": "GET, HEAD, PUT, DELETE, OPTIONS"}),
    ],
    "routes_without_app": [
        Ask("GET /shells/7", text="shell 7"),
        Ask("GET /above", text="CALLED OUT"),
        Ask("GET /below", text="CALLED OUT"),
        Ask("GET /both", text="GET"),
        Ask("POST /both", text="POST"),
        Ask("GET /group/shells/8", text="shell 8"),
        Ask("GET /group/title", text="Shells of the north"),
        Ask("GET /group/scales", text="weighs"),
        Ask("PUT /group/scales", text="weighed"),
    ],
    "nested_groups": [
        Ask("GET /", data={"trail": ["app"], "hooks": ["app"]}, headers={"x-left": ["app"]}),
        Ask(
            "GET /api/fish/7",
            data={"trail": ["app", "api", "fish", "route"], "hooks": ["app", "fish"], "number": 7},
            headers={"x-left": ["route", "fish", "api", "app"]},
        ),
        Ask("GET /api/fish/fresh", data={"trail": ["app", "api"], "hooks": ["app"]}),
        Ask("GET /market/fish/7", data={"trail": ["app", "fish", "route"], "hooks": ["app", "fish"], "number": 7}),
        Ask("GET /api/fish/trouble?why=scales", 500, text="fish: scales", headers={"x-left": ["fish", "api", "app"]}),
        Ask("GET /api/trouble", 500, text="api: rain", headers={"x-left": ["api", "app"]}),
        Ask("GET /api/fish/none", 404, text="no such fish"),
        Ask("GET /api/fish/what/is/this", 404, text="no such fish", headers={"x-left": ["fish", "api", "app"]}),
        Ask("GET /api/what", 404, text="Not Found", headers={"x-left": ["api", "app"]}),
        Ask("GET /apiary", 404, text="Not Found", headers={"x-left": ["app"]}),
    ],
    "mounts": [
        Ask(
            "GET /child/where/4?a=b",
            data={
                "path": "/where/4",
                "root_path": "/child",
                "url": "http://testserver/child/where/4?a=b",
                "number": 4,
                "hooked": True,
                "link": "/child/where/3",
            },
            headers={"x-through": "/child/where/4"},
        ),
        Ask("GET /child/", headers={"x-through": "/child/"}),
        Ask("GET /child/nowhere", 404, text="the child knows no /nowhere", headers={"x-through": "/child/nowhere"}),
        Ask("GET /nowhere", 404, text="nobody knows", headers={"x-through": None}),
        Ask("GET /childish", 404, text="nobody knows", headers={"x-through": None}),
        Ask(
            "POST /asgi/a/b",
            text="POST /asgi /asgi/a/b hi",
            sent={"content": b"hi"},
            headers={"x-through": "/asgi/a/b"},
        ),
        Ask("GET /asgi", text="GET /asgi /asgi/ ", headers={"x-through": "/asgi"}),
        Ask("PUT /wsgi/a%20b", text="PUT /wsgi /a b hi", sent={"content": b"hi"}, headers={"x-through": "/wsgi/a b"}),
        Ask("GET /links", data=["/child/where/5", "/child/"]),
    ],
    "hosts": [
        Ask("GET /", text="the street"),
        Ask("GET /", text="the office", sent={"headers": {"host": "admin.pearls.example"}}),
        Ask("GET /", text="shop of ama", sent={"headers": {"host": "Ama.Pearls.Example:8000"}}),
        Ask("GET /12", text="ama sells 12", sent={"headers": {"host": "ama.pearls.example"}}),
        Ask("GET /12", 404),
        Ask("GET /", text="the street", sent={"headers": {"host": "a.b.pearls.example"}}),
    ],
    "defaults_and_slashes": [
        Ask("GET /pages", text="page 1"),
        Ask("GET /pages/2", text="page 2"),
        Ask("GET /pages/2/?a=b", 308, headers={"location": "/pages/2?a=b"}),
        Ask("GET /folder", 308, headers={"location": "/folder/"}),
        Ask("GET /folder/", text="folder"),
        Ask("GET /exact/", 404),
        Ask("POST /loose/form/", text="form at /loose/form/"),
        Ask("GET /loose/form/", 405, headers={"allow": "POST, OPTIONS"}),
    ],
    "query_method": [
        Ask("QUERY /search", data={"found": ["pearl", "shell"]}, sent={"json": {"has": "e"}}),
        Ask("POST /search", 405, headers={"allow": "GET, HEAD, QUERY, OPTIONS"}),
        Ask("QUERY /search", 415, sent={"content": b"{}", "headers": {"content-type": "text/plain"}}),
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_program_answers_as_its_table_says(name, client_for, capsys):
    async with client_for(load(name).app) as client:
        capsys.readouterr()
        for ask in PROGRAMS[name]:
            await ask.put_to(client)
            assert capsys.readouterr().out == ask.printed, ask.request
