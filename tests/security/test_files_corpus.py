"""What has let files out of other servers, by the ids of the security corpus: each is a request or a call here.

The classes are path_traversal, static_symlink, range_dos and content_disposition.
"""

from __future__ import annotations

import ntpath
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nacre import Nacre, Request, Response, abort
from nacre.files import FileResponse
from nacre.headers import Headers
from nacre.ranges import requested_ranges
from nacre.static import StaticFiles, safe_join
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

# Entries of these classes that concern no file server:
#
# CVE-2024-39330 / CVE-2021-45452   saving uploads: tests/security/test_uploads_corpus.py
# CVE-2008-0252                     sessions in files: tests/security/test_session_corpus.py
# django-bolt 9cc5474               helpers for development: there are none, `StaticFiles` is the same in debug mode


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory to serve in one that holds secrets, whose names requests know."""
    root = tmp_path / "srv" / "static"
    (root / "public").mkdir(parents=True)
    (root / "private").mkdir()
    (root / "index.html").write_text("start")
    (root / "public" / "a.txt").write_text("public")
    (root / "private" / "secret.txt").write_text("SECRET")
    (root.parent / "static_secret").mkdir()
    for path in (
        *(root.parent / "static_secret" / "k", root.parent / "settings.py", tmp_path / "passwd"),
        *(root.parent / name for name in ("CON", "NUL", "AUX", "index.html")),
    ):
        path.write_text("SECRET")
    return root


def application(site: Path, **options: Any) -> Nacre:
    app = Nacre()
    app.mount("/static", StaticFiles(site, **options), name="static")
    return app


TRAVERSALS = {
    "CVE-2023-29159, sibling by prefix": "/static/../static_secret/k",
    "CVE-2023-29159, encoded": "/static/..%2fstatic_secret/k",
    "CVE-2023-29159, dots encoded": "/static/%2e%2e/static_secret/k",
    "CVE-2026-48818 GHSA-wqp7-x3pw-xc5r": "/static/%5C%5Cattacker.example%5Cshare%5Cx",
    "CVE-2026-48818, forward slashes": "/static//attacker.example/share/x",
    "CVE-2024-32982 GHSA-83pv-qr33-2vcf": "/static/../../passwd",
    "CVE-2024-32982, encoded twice": "/static/%252e%252e/settings.py",
    "CVE-2022-35920 GHSA-8cw9-5hmv-77w6, upwards": "/static/public/..%2F..%2Fsettings.py",
    "CVE-2019-14322, drive": "/static/C:/windows/win.ini",
    "CVE-2019-14322, backslashes": "/static/..%5c..%5cpasswd",
    "CVE-2024-49766 GHSA-f9vj-2wh5-fj8j": "/static//server/share",
    "CVE-2026-21860 GHSA-87hc-h4r5-73f7": "/static/CON.txt",
    "CVE-2026-21860, trailing space": "/static/AUX%20",
    "CVE-2026-27199 GHSA-29vq-49wr-vm6x": "/static/a/NUL",
    "CVE-2009-2659": "/static/../../settings.py",
    "CVE-2006-0847": "/static/..",
    "CVE-2006-0847, with a slash": "/static/../",
    "CVE-2018-7490": "/static/..%2f..%2f..%2f..%2f..%2fetc/passwd",
    "CVE-2025-66645": "/static/public/../../settings.py",
    "CVE-2022-35918": "/static/public/../../../passwd",
    "absolute": "/static//etc/passwd",
    "absolute, encoded": "/static/%2Fetc/passwd",
    "dots and a backslash": "/static/..\\settings.py",
    "overlong dots": "/static/....//settings.py",
    "with parameters": "/static/..;/settings.py",
}


@pytest.mark.parametrize("follow", [False, True], ids=["links refused", "links followed"])
@pytest.mark.parametrize("entry", TRAVERSALS)
async def test_no_path_leads_out_of_the_directory(client_for: ClientFor, site: Path, entry: str, follow: bool) -> None:
    """A fixed body, and nothing of the path in it. CVE-2024-23334 is the same with links followed."""
    async with client_for(application(site, follow_symlinks=follow)) as client:
        answer = await client.get(TRAVERSALS[entry])
    assert (answer.status, answer.body) == (404, b"Not Found")


@pytest.mark.parametrize(
    "path", ["/static/index.html%00", "/static/../index.html%00", "/static/%00", "/static/a%00.txt"]
)
async def test_cve_2023_40587_a_path_with_nul_is_refused(client_for: ClientFor, site: Path, path: str) -> None:
    """Before routing, where the server hands it over; that it is no file is the second line."""
    async with client_for(application(site)) as client:
        answer = await client.get(path)
    assert answer.status in (400, 404)
    assert b"SECRET" not in answer.body
    assert b"index" not in answer.body
    assert safe_join(str(site), "index.html\0") is None


async def test_cve_2023_40587_a_file_response_for_a_path_with_nul_is_a_404(client_for: ClientFor, site: Path) -> None:
    app = Nacre()
    app.add_route("/", lambda request: FileResponse(f"{site}/index.html\0.txt"))
    async with client_for(app) as client:
        assert (await client.get("/")).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/public/..%2Fprivate%2Fsecret.txt",
        "/static/public%2F..%2Fprivate/secret.txt",
        "/static/private%2Fsecret.txt",
    ],
)
async def test_cve_2022_35920_a_guard_sees_the_path_that_is_served(
    client_for: ClientFor, site: Path, path: str
) -> None:
    def guard(request: Request, call_next: Any) -> Response:
        if request.path.startswith("/static/private/"):
            abort(403)
        return call_next(request)  # type: ignore[no-any-return]

    app = Nacre(middlewares=[guard])
    app.mount("/static", StaticFiles(site))
    async with client_for(app) as client:
        answer = await client.get(path)
    assert answer.status in (403, 404)
    assert b"SECRET" not in answer.body


WINDOWS = {
    "CVE-2026-48818 GHSA-wqp7-x3pw-xc5r": ["\\\\attacker.example\\share\\x", "//attacker.example/share/x"],
    "CVE-2019-14322": ["C:/windows/win.ini", "C:windows", "..\\..\\x"],
    "CVE-2024-49766 GHSA-f9vj-2wh5-fj8j": ["//server/share", "\\\\server\\share"],
    "CVE-2026-21860 GHSA-87hc-h4r5-73f7": ["CON.txt", "AUX ", "con", "COM1.log"],
    "CVE-2026-27199 GHSA-29vq-49wr-vm6x": ["a/NUL", "a/nul.txt/b"],
}


@pytest.mark.parametrize("entry", WINDOWS)
def test_windows_paths_are_refused_before_the_file_system_is_asked(entry: str) -> None:
    for path in WINDOWS[entry]:
        assert safe_join("C:\\srv\\static", path, ntpath) is None


@pytest.mark.parametrize("kind", ["file", "directory"])
async def test_sanic_3117_links_out_of_the_root_need_an_option_for_their_kind(
    client_for: ClientFor, site: Path, kind: str
) -> None:
    outside = site.parent / "static_secret"
    if kind == "file":
        (site / "link").symlink_to(outside / "k")
        path, option, other = "/static/link", "files", "directories"
    else:
        (site / "link").symlink_to(outside)
        path, option, other = "/static/link/k", "directories", "files"
    for follow, status in ((False, 404), (other, 404), (option, 200), (True, 200)):
        async with client_for(application(site, follow_symlinks=follow)) as client:
            assert (await client.get(path)).status == status


async def test_cve_2025_62727_ten_thousand_ranges_are_the_whole_file(client_for: ClientFor, site: Path) -> None:
    value = "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 20_000, 2))
    assert len(value) > 100_000
    (site / "big").write_bytes(b"x" * 50_000)
    async with client_for(application(site)) as client:
        answer = await client.get("/static/big", headers={"range": value})
    assert (answer.status, len(answer.body)) == (200, 50_000)
    headers = Headers([("range", value)])
    took = []
    for _ in range(5):
        start = time.perf_counter()
        requested_ranges(headers, 50_000, None, None)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.005


@pytest.mark.parametrize("value", ["bytes=\u0661-\u0662", "bytes=\u0661-", "bytes=\uff11-\uff12", "bytes=\xb2-\xb3"])
async def test_cve_2025_69225_only_ascii_digits_make_a_range(client_for: ClientFor, site: Path, value: str) -> None:
    async with client_for(application(site)) as client:
        raw = value.encode().decode("latin-1")  # as a client would send it
        answer = await client.get("/static/index.html", headers={"range": raw})
    assert (answer.status, answer.body) == (200, b"start")
    assert requested_ranges(Headers([("range", value)]), 5, None, None) is None


async def test_starlette_3144_a_shared_response_keeps_its_headers_and_parts_end_with_crlf(
    client_for: ClientFor, site: Path
) -> None:
    shared = FileResponse(site / "index.html")
    before = list(shared.headers.pairs())
    app = Nacre()
    app.add_route("/first", lambda request: FileResponse(site / "index.html"))
    app.add_route("/shared", lambda request: shared)
    async with client_for(app) as client:
        for _ in range(3):
            part = await client.get("/shared", headers={"range": "bytes=0-1"})
            assert (part.status, part.body, part.headers["content-length"]) == (206, b"st", "2")
        parts = await client.get("/shared", headers={"range": "bytes=0-1,3-3"})
        whole, first = await client.get("/shared"), await client.get("/first")
    assert dict(whole.headers) == dict(first.headers)
    assert set(dict(before)) <= set(whole.headers)
    boundary = parts.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    kind = "Content-Type: text/html; charset=utf-8"
    assert (
        parts.body
        == (
            f"--{boundary}\r\n{kind}\r\nContent-Range: bytes 0-1/5\r\n\r\nst\r\n"
            f"--{boundary}\r\n{kind}\r\nContent-Range: bytes 3-3/5\r\n\r\nr\r\n--{boundary}--\r\n"
        ).encode()
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            'a";dummy=".txt',
            "attachment; filename=\"a_;dummy=_.txt\"; filename*=UTF-8''a%22%3Bdummy%3D%22.txt",
        ),
        ("a\r\nset-cookie: b=c", 'attachment; filename="a__set-cookie: b=c"'),
        ('a\\";x=y', "attachment; filename=\"_;x=y\"; filename*=UTF-8''%22%3Bx%3Dy"),
    ],
    ids=["CVE-2022-36359", "CVE-2022-36359, line break", "CVE-2022-36359, backslash"],
)
async def test_a_download_name_adds_no_parameter_and_no_header(client_for: ClientFor, name: str, expected: str) -> None:
    app = Nacre()
    app.add_route("/", lambda request: FileResponse(b"x", download=name))
    async with client_for(app) as client:
        answer = await client.get("/")
    assert answer.headers.getlist("content-disposition") == [expected]
    assert "set-cookie" not in answer.headers
