"""Entries of the security corpus about what a request may cost: form_dos, hash_collision, memory_leak, infinite_loop,
resource_exhaustion, and the grep gates on the source (deserialization, code_execution).
"""

from __future__ import annotations

import ast
import asyncio
import functools
import gc
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from nacre import File, Form, Nacre, Query, Request, UploadFile
from nacre.fields import FormLimits
from nacre.files import FileResponse
from nacre.media import best_match
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]
SOURCE = Path(__file__).parents[2] / "src" / "nacre"
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}

# form_dos, hash_collision


def forms(**options: Any) -> Nacre:
    app = Nacre(**options)

    @app.post("/form")
    async def form(request: Request) -> int:
        return len(await request.form())

    @app.post("/bound")
    async def bound(a: Annotated[list[str], Form()]) -> int:
        return len(a)

    return app


@pytest.mark.parametrize("path", ["/form", "/bound"])
@pytest.mark.parametrize(
    ("piece", "most"),
    [
        pytest.param(b"a=1&" * 16_384, 200_000, id="CVE-2026-54283 GHSA-82w8-qh3p-5jfq fields"),
        pytest.param(b"a" * 65_536, 1_300_000, id="CVE-2026-54283 GHSA-82w8-qh3p-5jfq one field"),
    ],
)
async def test_an_urlencoded_form_without_end_is_refused_at_its_limits(
    client_for: ClientFor, path: str, piece: bytes, most: int
) -> None:
    """The limits are those of a multipart form, and they count as the bytes arrive."""
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        while taken < 20_000_000:
            taken += len(piece)
            yield piece

    async with client_for(forms(max_body=None)) as client:
        assert (await client.post(path, content=body(), headers=URLENCODED)).status == 413
    assert taken <= most


async def test_cve_2013_0306_a_client_can_not_raise_a_limit(client_for: ClientFor) -> None:
    """CVE-2013-0306: limits are arguments of the application; no field of a form is one."""
    app = forms(form_limits=FormLimits(fields=3))
    async with client_for(app) as client:
        for extra in (b"", b"max_num=1000&", b"fields=1000&"):
            answer = await client.post("/form", content=extra + b"a=1&a=2&a=3&a=4", headers=URLENCODED)
            assert answer.status == 413


async def test_bottle_7757ad9_colliding_keys_are_at_most_a_thousand(client_for: ClientFor) -> None:
    """bottle 7757ad9 (2011): texts are hashed with a secret, and a form has no more fields than that."""
    body = b"&".join(b"k%d=1" % number for number in range(100_000))
    async with client_for(forms(max_body=None)) as client:
        begun = time.process_time()
        assert (await client.post("/form", content=body, headers=URLENCODED)).status == 413
        assert (await client.get(f"/form?{body.decode()}")).status in (400, 405)
        assert time.process_time() - begun < 0.5
    assert sys.hash_info.algorithm.startswith("siphash")


# memory_leak


async def test_nothing_is_kept_by_what_a_client_chooses(client_for: ClientFor) -> None:
    """CVE-2024-52303 GHSA-27mf-ghqm-j3j8, CVE-2026-34513 GHSA-hcc4-c3v8-rx92: no cache grows without a bound.

    Paths, methods, hosts, names of headers, cookies, media types and tags, each sent once.
    """
    app = Nacre()

    @app.get("/known/<name>")
    async def handler(request: Request, name: str) -> str:
        request.cookies.get("a")
        request.accepts("text/html", "text/plain")
        return name

    async with client_for(app) as client:

        async def send(number: int) -> None:
            headers = {
                **{"host": f"h{number}.example", f"x-{number}": str(number), "cookie": f"a{number}=1"},
                **{"accept": f"text/x{number}", "content-type": f"text/y{number}", "if-none-match": f'"{number}"'},
            }
            if number % 2:
                await client.request(f"M{number}", f"/unknown/{number}", headers=headers)
            else:
                await client.get(f"/known/{number}?q{number}=1", headers=headers)

        for number in range(10):
            await send(number)
        kept = []
        tracemalloc.start()
        try:
            for number in range(10, 810):
                await send(number)
                if number % 100 == 0:
                    gc.collect()
                    kept.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    # Caches of up to 512 entries fill up and are emptied; a kilobyte for each request would be 400 000 more.
    assert max(kept[4:]) - max(kept[:4]) < 150_000


# infinite_loop


class Event(msgspec.Struct):
    at: datetime


@pytest.mark.parametrize("text", ["infinity", "-infinity", "nan", "inf", "1e1000", "9" * 5000, "0x10", "P" * 5000])
async def test_cve_2021_29510_a_date_is_no_infinity(client_for: ClientFor, text: str) -> None:
    """CVE-2021-29510: in a query and in JSON."""
    app = Nacre()

    @app.get("/")
    async def handler(
        at: Annotated[datetime | None, Query()] = None,
        on: Annotated[date | None, Query()] = None,
        last: Annotated[timedelta | None, Query()] = None,
    ) -> None:
        pass

    @app.post("/")
    async def create(event: Event) -> None:
        pass

    async with client_for(app) as client:
        begun = time.process_time()
        for name in ("at", "on", "last"):
            assert (await client.get("/", query={name: text})).status in (400, 422)
        body = msgspec.json.encode({"at": text})
        answer = await client.post("/", content=body, headers={"content-type": "application/json"})
        assert answer.status == 422
        assert time.process_time() - begun < 0.5


def test_cve_2025_69227_no_check_goes_away_with_assertions() -> None:
    """CVE-2025-69227 GHSA-jj3x-wxrx-4x23: the same forms, refused by a Python that leaves `assert` out."""
    program = """
from nacre.errors import HTTPError
from nacre.media import parse_media_type
from nacre.multipart import MultipartDecoder
from nacre.cookies import format_cookie
from nacre.urls import parse_host
from nacre.headers import MutableHeaders
assert False, "this Python has assertions"
bodies = [b"--b", b"--c\\r\\n", b"--b\\r\\n\\r\\n\\r\\n--b--\\r\\n", b"x", b"", b"--b\\r\\nX"]
bodies.append(b"--b\\r\\nX: y\\r\\n\\r\\n")
for body in bodies:
    decoder = MultipartDecoder(parse_media_type("multipart/form-data; boundary=b"))
    try:
        list(decoder.decode(body))
        decoder.close()
    except HTTPError as error:
        print(error.status)
for call in (
    lambda: parse_host("a b"),
    lambda: format_cookie("a", "b\\r\\n"),
    lambda: MutableHeaders().add("x", "\\n"),
    lambda: parse_media_type("text"),
):
    try:
        call()
    except ValueError:
        print("ValueError")
"""
    run = subprocess.run(
        [sys.executable, "-O", "-c", program], capture_output=True, text=True, check=True, cwd=SOURCE.parent
    )
    assert run.stdout.split() == ["400"] * 7 + ["ValueError"] * 4


# resource_exhaustion


async def test_aiohttp_10596_a_chunk_that_does_not_come_is_waited_for_as_long_as_a_body(client_for: ClientFor) -> None:
    """aiohttp#10596: half a minute unless `body_timeout` says otherwise; then 408, and the connection is closed."""
    app = forms(body_timeout=0.1)

    async def body() -> AsyncIterator[bytes]:
        yield b"a=1"
        await asyncio.get_running_loop().create_future()

    assert Nacre().body_timeout == 30
    async with client_for(app) as client:
        if client.transport != "wsgi":  # there the server's own time limit counts
            answer = await client.post("/form", content=body(), headers=URLENCODED)
            assert (answer.status, answer.headers["connection"]) == (408, "close")


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("CVE-2007-5712", "en," * 350_000),
        ("CVE-2023-23969 / CVE-2024-39614", "a-" * 50_000),
        ("CVE-2023-23969 / CVE-2024-39614 members", ",".join(f"x{n}" for n in range(20_000))),
    ],
)
def test_a_long_list_of_languages_costs_no_more_than_its_length(entry: str, value: str) -> None:
    """The first 64 members count, and values of more than 200 characters aren't remembered."""
    from nacre import media

    before = media._ranges_cached.cache_info().currsize
    begun = time.process_time()
    best_match(value, ["text/html", "text/plain"])
    assert time.process_time() - begun < 0.05
    assert media._ranges_cached.cache_info().currsize == before
    assert media._ranges_cached.cache_info().maxsize == 256


@pytest.mark.parametrize("converter", ["int", "int:1", "float", "uuid", "date"])
async def test_cve_2010_4535_a_number_in_a_path_has_a_length(client_for: ClientFor, converter: str) -> None:
    """CVE-2010-4535: Python takes no more than 4300 digits, and time for fewer."""
    app = Nacre()
    if ":" not in converter:
        app.add_route(f"/<{converter}:value>", lambda request, value: str(value))
    async with client_for(app) as client:
        for text in ("9" * 5000, "9" * 60_000, "-" * 5000, "0" * 5000 + "1"):
            begun = time.process_time()
            assert (await client.get(f"/{text}")).status in (200, 404)
            assert time.process_time() - begun < 0.1


async def test_cve_2014_0481_uploads_of_one_name_do_not_search_for_a_free_one(
    client_for: ClientFor, tmp_path: Path
) -> None:
    """CVE-2014-0481: a name that is taken is refused at once; the file's name on the disk is the program's choice."""
    app = Nacre()

    @app.post("/")
    async def handler(f: Annotated[UploadFile, File()]) -> Any:
        try:
            await f.save(tmp_path / "fixed")
        except FileExistsError:
            return {"taken": True}
        return {"taken": False}

    async with client_for(app) as client:
        found = [(await client.post("/", files={"f": ("same", b"x")})).json()["taken"] for _ in range(5)]
    assert found == [False, True, True, True, True]
    assert [path.name for path in tmp_path.iterdir()] == ["fixed"]


async def test_cve_2015_0221_a_file_is_sent_in_pieces_whatever_its_lines(client_for: ClientFor, tmp_path: Path) -> None:
    """CVE-2015-0221: 64 MiB without a line end."""
    path = tmp_path / "line"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    app = Nacre()
    app.add_route("/", lambda request: FileResponse(path))
    async with client_for(app) as client:
        if client.transport == "rsgi":
            return  # Granian sends the file by itself
        async with client.stream("GET", "/") as stream:
            assert len(await anext(aiter(stream))) <= 1024 * 1024


def test_microdot_limits_are_all_there_unless_they_are_taken_away() -> None:
    """microdot limits: every cap of a request has a default, and is an option."""
    app = Nacre()
    limits = FormLimits()
    assert (app.max_body, app.body_timeout) == (1024 * 1024, 30)
    assert (limits.fields, limits.files, limits.text_size) == (1000, 100, 1024 * 1024)
    assert (limits.header_count, limits.header_size) == (8, 4096)


# Gates on the source.


@functools.cache
def trees() -> tuple[tuple[Path, ast.AST], ...]:
    paths = sorted(SOURCE.rglob("*.py"))
    return tuple((path.relative_to(SOURCE), ast.parse(path.read_text(encoding="utf-8"))) for path in paths)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("entry", ["CVE-2026-34993 GHSA-jg22-mg44-37j8", "CVE-2021-33026"])
def test_nothing_that_runs_what_it_reads_is_imported(entry: str) -> None:
    """Sessions, caches and cookies are JSON under a signature."""
    unsafe = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "xmlrpc", "jsonpickle", "joblib"}
    assert [(str(path), name) for path, tree in trees() for name in imported(tree) if name in unsafe] == []


RUN = {
    "binding/providers.py": "eval",  # annotations of the program, as `typing.get_type_hints` does
    "binding/signature.py": "eval",
    "binding/writer.py": "exec",  # the function that the planner wrote; every name in it is a number or the program's
    "chain/hooks.py": "exec",  # calls of the program's hooks, by number
    "routing/capture.py": "exec",
    "templates/minijinja.py": "exec",  # a compiled template is a class
    "traffic/log_fields.py": "exec",  # the fields of a log, which are known words
}


def test_cve_2014_0472_code_is_made_of_the_program_only_and_no_name_of_a_client_is_imported() -> None:
    """CVE-2014-0472: where `eval`, `exec`, `compile` and `__import__` are called at all."""
    found = {
        str(path): node.func.id
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("eval", "exec", "__import__")
    }
    assert found == RUN


def test_patterns_that_allow_something_match_it_whole() -> None:
    """CVE-2015-5144: `$` also matches before a last line end, so none stands in a pattern of ours."""
    ending = re.compile(r"(?<!\\)\$\Z")
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and ending.search(node.args[0].value)
        and len(node.args) == 1  # with re.MULTILINE it is the end of a line
    ]
    assert wrong == []
