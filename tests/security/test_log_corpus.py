"""Entries of the security corpus about the log, and about whose count or context a request is in.

The classes are log_injection, log_flood, race_isolation, and the rate limit's key.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reliability import logs

from nacre import Nacre, Request
from nacre.testing import TestClient
from nacre.traffic import AccessLog, MemoryCounts, RateLimit, RequestId, current_request_id
from nacre.traffic.log_lines import LINE_MAX, Redaction, as_json, as_text, one_line, shortened

ClientFor = Callable[..., TestClient]


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """All that Nacre logs, its access log included."""
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign]
    logger = logging.getLogger("nacre")
    access = logging.getLogger("nacre.access")
    logger.addHandler(handler)
    access.setLevel(logging.INFO)
    yield found
    logger.removeHandler(handler)
    access.setLevel(logging.NOTSET)


def is_clean(line: str) -> bool:
    return line.isascii() and line.isprintable() and len(line) <= 2048


PATHS = [
    ("CVE-2020-7694", "/%1b%5b2J%0aFAKE"),
    ("CVE-2025-48432", "/%0d%0aERROR%20x"),
    ("CVE-2025-48432", "/%1b[2J"),
    ("CVE-2025-48432", "/%c2%85%e2%80%a8%7f%c2%9b31m"),
    ("CVE-2025-48432", "/?q=%0d%0a&\x7f=%1b"),
]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(("entry", "path"), PATHS)
async def test_no_path_writes_a_line_or_a_control_character_of_its_own(
    client_for: ClientFor, records: list[logging.LogRecord], entry: str, path: str, form: str
) -> None:
    async with client_for(Nacre(middlewares=[AccessLog(format=form)])) as client:
        await client.get(path.replace("\x7f", "%7f"))
    [record] = records
    assert is_clean(record.getMessage()), entry
    assert all(value.isprintable() for value in record.__dict__["access"].values() if isinstance(value, str))


@pytest.mark.parametrize("entry", ["CVE-2025-69230 GHSA-fh55-r93g-j68g"])
async def test_five_hundred_malformed_cookies_are_at_most_one_line(
    client_for: ClientFor, records: list[logging.LogRecord], entry: str
) -> None:
    app = Nacre(middlewares=[AccessLog()])

    @app.get("/")
    async def index(request: Request) -> str:
        return str(len(request.cookies))

    async with client_for(app) as client:
        await client.get("/", headers={"cookie": "; ".join(f"a b{number},=\\" for number in range(500))})
    assert len(records) == 1, entry


@pytest.mark.parametrize("entry", ["litestar#3109"])
async def test_what_logs_requests_never_makes_a_500_of_a_400(
    client_for: ClientFor, records: list[logging.LogRecord], entry: str
) -> None:
    app = Nacre(middlewares=[AccessLog(), RequestId()])

    @app.post("/")
    async def index(request: Request) -> object:
        return await request.json()

    asked = [
        ("/", b"{", {"content-type": "application/json"}, 400),
        ("/", b"\xff", {"content-type": "application/json"}, 400),
        ("/", b"x", {"content-type": "nonsense"}, 415),
        ("/%ff", b"", {}, 400),
        ("/", b"", {"host": "a b"}, 400),
    ]
    async with client_for(app) as client:
        for path, content, headers, status in asked:
            assert (await client.post(path, content=content, headers=headers)).status == status, entry
    assert [json.loads(record.getMessage())["status"] for record in records if record.name == "nacre.access"] == [
        status for *_, status in asked
    ]


@pytest.mark.parametrize("entry", ["CVE-2025-59152"])
async def test_no_header_field_gives_a_client_a_count_of_its_own(client_for: ClientFor, entry: str) -> None:
    app = Nacre(middlewares=[RateLimit("1/hour", store=MemoryCounts(clock=lambda: 0.0))])
    app.get("/")(lambda request: "")
    fields = ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip"]
    async with client_for(app) as client:
        assert (await client.get("/")).status == 200
        for number, name in enumerate(fields):
            value = f"for=192.0.2.{number}" if name == "forwarded" else f"192.0.2.{number}"
            assert (await client.get("/", headers={name: value})).status == 429, entry


@pytest.mark.parametrize("entry", ["CVE-2020-35681", "CVE-2019-9710"])
async def test_what_a_request_knows_is_never_anothers(client_for: ClientFor, entry: str) -> None:
    app = Nacre(middlewares=[RequestId(trust=True)])

    @app.get("/async")
    async def on_loop(request: Request) -> str:
        before = current_request_id()
        await asyncio.sleep(0.001)
        return f"{before} {current_request_id()} {request.headers['x-request-id']}"

    @app.get("/plain")
    def in_thread(request: Request) -> str:
        return f"{current_request_id()} {request.headers['x-request-id']}"

    async def ask(number: int) -> None:
        for turn in range(20):
            own = f"c{number}-r{turn}"
            path = "/async" if (number + turn) % 2 else "/plain"
            response = await client.get(path, headers={"x-request-id": own})
            assert set(response.text.split()) == {own} == {response.headers["x-request-id"]}, entry

    async with client_for(app) as client:
        await asyncio.gather(*map(ask, range(20)))
    assert current_request_id() is None


# R34, and the properties behind it.


HOSTILE = '\x00\x1b\x7f\x85\x9b\u2028\ud800é\U0001f41a"\\'
TEXT = st.text(st.characters(codec=None), max_size=3000) | st.text(HOSTILE, max_size=3000)


@given(st.dictionaries(st.sampled_from(["path", "query", "agent", "client", "host"]), TEXT.map(shortened)))
@settings(max_examples=150, deadline=None)
def test_any_fields_make_one_clean_line(values: dict[str, str]) -> None:
    for line in (as_json(values), as_text(values)):
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= LINE_MAX
    assert all(value.isprintable() and len(value) <= 512 for value in values.values())
    assert json.loads(as_json(values)).keys() == values.keys()


@given(TEXT)
@settings(max_examples=150, deadline=None)
def test_any_text_makes_one_clean_line(text: str) -> None:
    line = one_line(text)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= LINE_MAX


@given(st.lists(st.tuples(st.text("abtoken%&;=", max_size=8), st.text("xyz%=", max_size=8))))
def test_values_of_secret_names_never_stay(fields: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}token={value}SECRET" for name, value in fields)
    for part in Redaction(("token",)).of_query(query).replace(";", "&").split("&"):
        name, equals, value = part.partition("=")
        assert not equals or "token" not in name or value == "***"


def test_the_generator_of_hostile_requests_is_judged_as_it_should_be() -> None:
    assert logs.judge(b'{"a": 1}\n' * 3, 4)[1]
    assert not logs.judge(b"a\n" * 5, 4)[1]
    assert not logs.judge(b"a\x1b\n" * 3, 4)[1]
    assert not logs.judge("é\n".encode() * 3, 4)[1]
    assert not logs.judge(b"a" * 2049 + b"\n" * 3, 4)[1]
    assert not logs.judge(b"", 4)[1]
    assert logs.hostile(3) == logs.hostile(3)
    assert len({logs.hostile(number) for number in range(500)}) > 250
