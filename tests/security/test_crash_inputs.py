"""Inputs that have ended other programs (R32), on the three transports, and names of Windows for static files (R38).

The same inputs reach the real servers, byte by byte, in test_servers_corpus.py.
"""

from __future__ import annotations

import contextlib
import ntpath
import posixpath
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest

from nacre import Form, Nacre, Query, Request
from nacre.static import safe_join
from nacre.testing import HandshakeDenied, TestClient
from nacre.websocket import WebSocket

ClientFor = Callable[..., TestClient]


class Item(msgspec.Struct):
    number: int
    text: str = ""
    rest: Any = None


def application() -> Nacre:
    app = Nacre()

    @app.post("/bound")
    async def bound(item: Item) -> Any:
        return item

    @app.post("/raw")
    async def raw(request: Request) -> Any:
        return await request.json()

    @app.post("/form")
    async def form(request: Request, a: Annotated[str, Form()] = "") -> Any:
        return [a, len(await request.form())]

    @app.get("/query")
    async def query(request: Request, number: Annotated[int | None, Query()] = None) -> Any:
        return [number, request.query.pairs()]

    @app.get("/path/<path:rest>")
    async def path(request: Request, rest: str) -> Any:
        return [rest, str(request.url)]

    @app.get("/number/<int:number>")
    async def number(number: int) -> Any:
        return str(number % 7)

    @app.websocket("/ws", subprotocols=("chat",))
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    return app


DEEP = 100_000
BODIES = {
    "lists": b"[" * DEEP + b"]" * DEEP,
    "lists that stay open": b"[" * DEEP,
    "objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep inside": b'{"number": 1, "rest": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "NaN": b'{"number": NaN}',
    "Infinity": b'{"number": -Infinity}',
    "5 000 digits": b'{"number": ' + b"9" * 5000 + b"}",
    "5 000 digits in a list": b"[" + b"9" * 5000 + b"]",
    "an exponent": b'{"number": 1e99999}',
    "a lone surrogate": b'{"number": 1, "text": "\\ud800"}',
    "two of them, turned": b'{"number": 1, "text": "\\udc00\\ud800"}',
    "bytes of a surrogate": b'{"number": 1, "text": "\xed\xa0\x80"}',
    "NUL": b'{"number": 1, "text": "\0"}',
    "NUL, escaped": b'{"number": 1, "text": "\\u0000"}',
    "not UTF-8": b'{"number": 1, "text": "\xff"}',
    "a BOM": b'\xef\xbb\xbf{"number": 1}',
    "UTF-16": '{"number": 1}'.encode("utf-16"),
    "nothing": b"",
    "one byte": b"\0",
}


@pytest.mark.parametrize("path", ["/bound", "/raw"])
@pytest.mark.parametrize("name", BODIES)
async def test_a_json_body_is_read_or_refused(client_for: ClientFor, path: str, name: str, caplog: Any) -> None:
    async with client_for(application()) as client:
        answer = await client.post(path, content=BODIES[name], headers={"content-type": "application/json"})
        assert answer.status in (200, 400, 413, 422)
        assert (await client.post(path, content=b'{"number": 1}', headers={"content-type": "application/json"})).ok
    assert [record for record in caplog.records if record.exc_info] == []


FORMS = {
    "empty": b"",
    "only the end": b"--b--\r\n",
    "only the beginning": b"--b\r\n",
    "no name": b"--b\r\n\r\n\r\n--b--\r\n",
    "an empty name": b'--b\r\nContent-Disposition: form-data; name=""\r\n\r\n\r\n--b--\r\n',
    "NUL": b'--b\r\nContent-Disposition: form-data; name="\0"; filename="\0"\r\n\r\n\0\r\n--b--\r\n',
    "not UTF-8": b'--b\r\nContent-Disposition: form-data; name="\xff"; filename="\xff"\r\n\r\n\xff\r\n--b--\r\n',
    "no length of a part": b'--b\r\nContent-Length: -1\r\nContent-Disposition: form-data; name="a"\r\n\r\n--b--\r\n',
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_is_read_or_refused(client_for: ClientFor, name: str, caplog: Any) -> None:
    async with client_for(application()) as client:
        for kind in ("multipart/form-data; boundary=b", "multipart/form-data", "application/x-www-form-urlencoded"):
            answer = await client.post("/form", content=FORMS[name], headers={"content-type": kind})
            assert answer.status in (200, 400, 413, 415, 422)
    assert [record for record in caplog.records if record.exc_info] == []


TARGETS = [
    *("/path/a%00b", "/path/%ff", "/path/%ed%a0%80", "/path/%", "/path/%zz", "/path/%f0%9f%92", "/path/%c0%80"),
    *("/query?number=" + "9" * 5000, "/query?number=%ff", "/query?%ed%a0%80=%00", "/query?number=1e999", "/query?%"),
    *("/number/" + "9" * 5000, "/number/%00", "/number/%d9%a1", "/number/-", "/number/1_0"),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:24])
async def test_a_target_is_read_or_refused(client_for: ClientFor, target: str, caplog: Any) -> None:
    async with client_for(application()) as client:
        assert (await client.get(target)).status in (200, 400, 404, 422)
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("offered", ["\x80\xff", "\xe4\xb8\xad", "chat, \xff", ",", " ", "a b", "\x7f"])
async def test_a_subprotocol_outside_ascii_is_none_that_is_chosen(
    client_for: ClientFor, offered: str, caplog: Any
) -> None:
    """CVE-2026-42544 GHSA-vrg7-482j-p6f6."""
    async with client_for(application()) as client:
        with contextlib.suppress(HandshakeDenied):
            async with client.websocket("/ws", subprotocols=offered.split(", ")) as ws:
                assert ws.subprotocol in (None, "chat")
        async with client.websocket("/ws", subprotocols=["chat"]) as ws:
            assert ws.subprotocol == (None if client.transport == "rsgi" else "chat")  # RSGI can choose none
    assert [record for record in caplog.records if record.exc_info] == []


# R38


NAMES_OF_WINDOWS = [
    *(
        "CON",
        "con",
        "NUL.txt",
        "nul",
        "AUX ",
        "AUX .txt",
        "PRN",
        "COM1",
        "com9.log",
        "LPT1",
        "CON.",
        "CONIN$",
        "CONOUT$",
    ),
    *("C:x", "C:/x", "c:\\x", "\\\\h\\s", "//h/s", "\\x", "a\\b", "\\\\?\\C:\\x", "\\\\.\\CON", "//./CON"),
    *("a/NUL", "a/nul.txt/b", "a/CON/b", "a./b", "a ", "a.", "a...", "a/b.", "a/b ", "..", "../x", "a/../../x", "."),
    *(
        "a:stream",
        "a.txt::$DATA",
        "a/b:c",
        "a*",
        "a?",
        "a<b",
        "a>b",
        'a"b',
        "a|b",
        "a\0b",
        "a\nb",
        "COM\u00b9",
        "LPT\u00b2",
    ),
]


@pytest.mark.parametrize("name", NAMES_OF_WINDOWS)
def test_a_name_that_is_another_one_on_windows_is_refused(name: str) -> None:
    assert safe_join("C:\\srv\\static", name, ntpath) is None


@pytest.mark.parametrize(
    "name", ["a.txt", "a/b/c.css", "a b.txt", "console.log", "nullable/x", "auxiliary", "comma", ".well-known/x"]
)
def test_other_names_are_files_there_and_here(name: str) -> None:
    found = safe_join("C:\\srv\\static", name, ntpath)
    assert found is not None
    assert ntpath.normpath(found).startswith("C:\\srv\\static\\")
    assert safe_join("/srv/static", name, posixpath) == f"/srv/static/{name}"
