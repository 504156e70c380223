"""The programs with WebSockets, over the three transports and with gunicorn."""

import contextlib
import os
from pathlib import Path

import pytest
from servers.process import SOURCE, eventually, started
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from programs.program import APPS, load


@pytest.fixture
async def call(client_for):
    async with client_for(load("e27_websocket").app) as client:
        yield client.websocket


@pytest.mark.parametrize("path", ["/cave", "/cave/polite", "/cave/watchful"])
async def test_the_cave_echoes_until_the_caller_leaves(call, path):
    async with call(path) as ws:
        for message in ("hello", "hé", b"\0\1"):
            await ws.send(message)
            assert await ws.receive() == message
    assert ws.close_code == 1000


async def test_the_polite_one_says_farewell_and_closes(call):
    async with call("/cave/polite") as ws:
        await ws.send("hello")
        await ws.send("enough")
        assert [message async for message in ws] == ["hello", "farewell"]
    assert ws.close_code == 1000


@pytest.mark.parametrize("how", ["close", "drop"])
@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("/cave", ""),
        ("/cave/watchful", "the caller has left\n"),
        ("/cave/dripping", "nobody hears the next drop\n"),
    ],
)
async def test_a_handler_notices_that_the_caller_leaves(call, path, printed, how, capsys):
    async with call(path) as ws:
        if path == "/cave/dripping":
            assert await ws.receive() == "drip"
        await getattr(ws, how)()
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("kind", ["gunicorn-gthread", "granian-rsgi", "uvicorn"])
async def test_servers_run_it(kind, tmp_path: Path):
    environment = {"PYTHONPATH": os.pathsep.join([str(SOURCE), str(APPS)])}
    # Granian takes a name for that of a module in the folder it is started in.
    module = APPS / "e27_websocket.py" if kind.startswith("granian") else "e27_websocket"
    with started(kind, tmp_path, app=f"{module}:app", environment=environment) as server:
        root = f"ws://127.0.0.1:{server.port}"
        async with connect(f"{root}/cave/polite") as ws:
            await ws.send("hello")
            await ws.send("enough")
            assert [message async for message in ws] == ["hello", "farewell"]
        assert ws.close_code == 1000
        for path in ("/cave", "/cave/watchful", "/cave/dripping"):
            with contextlib.suppress(ConnectionClosed):
                async with connect(f"{root}{path}") as ws:
                    if path != "/cave/dripping":
                        await ws.send("hello")
                    assert await ws.recv() in ("hello", "drip")
                    ws.transport.abort()
        eventually(lambda: "the caller has left" in server.log(), seconds=1)
        eventually(lambda: "nobody hears the next drop" in server.log(), seconds=1)
        assert "Traceback" not in server.log()
