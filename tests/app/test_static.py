"""A directory of files under a path: what is found, what is refused, how it is cached, and what stands in front."""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre import CallNext, ConfigurationError, Group, Nacre, Request, Response, abort
from nacre.static import StaticFiles, safe_join
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory to serve, with something beside it that isn't to be served."""
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "empty").mkdir()
    (root / "a:b").mkdir()
    (root / ".well-known").mkdir()
    (root / ".git").mkdir()
    (root / "css" / "site.css").write_text("body {}")
    (root / "css" / "site.css.gz").write_bytes(b"compressed")
    (root / "index.html").write_text("<p>start")
    (root / "docs" / "index.html").write_text("<p>docs")
    (root / "a:b" / "index.html").write_text("<p>colon")
    (root / "app-1a2b3c4d.js").write_text("let a")
    (root / "100% näcre.txt").write_text("escaped")
    (root / ".env").write_text("SECRET=1")
    (root / ".git" / "config").write_text("SECRET=1")
    (root / ".well-known" / "security.txt").write_text("Contact:")
    (root / ".well-known" / ".hidden").write_text("SECRET=1")
    (tmp_path / "static_secret").mkdir()
    (tmp_path / "static_secret" / "key").write_text("SECRET=1")
    return root


def application(folder: Path, **options: Any) -> Nacre:
    app = Nacre()
    app.mount("/static", StaticFiles(folder, **options), name="static")
    return app


# What is found.

FOUND = {
    "/static/css/site.css": (b"body {}", "text/css; charset=utf-8"),
    "/static/index.html": (b"<p>start", "text/html; charset=utf-8"),
    "/static/": (b"<p>start", "text/html; charset=utf-8"),
    "/static/docs/": (b"<p>docs", "text/html; charset=utf-8"),
    "/static/a:b/": (b"<p>colon", "text/html; charset=utf-8"),
    "/static/100%25%20n%C3%A4cre.txt": (b"escaped", "text/plain; charset=utf-8"),
    "/static/.well-known/security.txt": (b"Contact:", "text/plain; charset=utf-8"),
    "/static/css/site.css?v=2": (b"body {}", "text/css; charset=utf-8"),
}
NOT_FOUND = [
    "/static/missing.css",
    "/static/css",
    "/static/css/",
    "/static/empty/",
    "/static/css/site.css/",
    "/static/index.html/x",
    "/static/docs//index.html",
    "/static//index.html",
    "/static/./index.html",
    "/static/css/../index.html",
    "/static/.env",
    "/static/.git/config",
    "/static/.git/",
    "/static/css/.env",
    "/static/.well-known/.hidden",
    "/static/css%2Fsite.css%2F..%2F..%2Findex.html",
    "/static/css%5Csite.css",
    "/static/%5C%5Cserver%5Cshare",
    "/static/a%0Ab",
    "/static/" + "x" * 300,
    "/static/" + "x/" * 3000,
    "/static_secret/key",
]


@pytest.mark.parametrize("path", FOUND)
async def test_files_are_found_by_their_paths(client_for: ClientFor, folder: Path, path: str) -> None:
    content, kind = FOUND[path]
    async with client_for(application(folder)) as client:
        answer = await client.get(path)
        head = await client.head(path)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, content, kind)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(content)), b"")


@pytest.mark.parametrize("path", NOT_FOUND, ids=lambda path: path[:40])
async def test_what_is_not_there_and_what_is_refused_are_one_answer(
    client_for: ClientFor, folder: Path, path: str
) -> None:
    async with client_for(application(folder)) as client:
        answer = await client.get(path)
    assert (answer.status, answer.body) == (404, b"Not Found")


async def test_an_encoded_slash_is_refused_where_it_arrives_as_one(folder: Path, transport: str) -> None:
    """CVE-2022-35920: a guard that looks at `request.path` would see one segment. RSGI hands over a slash, to both."""
    async with TestClient(application(folder), transport) as client:
        answer = await client.get("/static/css%2Fsite.css")
    assert answer.status == (200 if transport == "rsgi" else 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_allowed(client_for: ClientFor, folder: Path, method: str) -> None:
    async with client_for(application(folder)) as client:
        answer = await client.request(method, "/static/index.html")
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


async def test_files_have_conditions_ranges_and_variants(client_for: ClientFor, folder: Path) -> None:
    for name in ("site.css", "site.css.gz"):
        os.utime(folder / "css" / name, (1_777_636_800,) * 2)
    async with client_for(application(folder)) as client:
        path = "/static/css/site.css"
        plain = await client.get(path)
        assert plain.headers["vary"] == "Accept-Encoding"
        assert (await client.get(path, headers={"if-none-match": plain.headers["etag"]})).status == 304
        assert (await client.get(path, headers={"range": "bytes=0-3"})).body == b"body"
        packed = await client.get(path, headers={"accept-encoding": "gzip"})
        assert (packed.body, packed.headers["content-encoding"]) == (b"compressed", "gzip")
        assert packed.headers["content-type"] == "text/css; charset=utf-8"
    async with client_for(application(folder, precompressed=False)) as client:
        plain = await client.get(path, headers={"accept-encoding": "gzip"})
        assert (plain.body, plain.headers.get("vary")) == (b"body {}", None)


# Directories.


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/static/docs", "./docs/"),
        ("/static/docs?a=1&b=%20", "./docs/?a=1&b=%20"),
        ("/static/a:b", "./a:b/"),
        ("/static", "/static/"),
    ],
)
async def test_a_directory_with_an_index_is_redirected_to_its_slash(
    client_for: ClientFor, folder: Path, path: str, location: str
) -> None:
    async with client_for(application(folder)) as client:
        answer = await client.get(path)
        assert (answer.status, answer.headers["location"]) == (308, location)
        assert "etag" not in answer.headers
        assert (await client.get(path, follow_redirects=True)).status == 200


@pytest.mark.parametrize(
    "path", ["//evil.example/docs", "//evil.example/%2e%2e/docs", "/%5Cevil.example/docs", "//docs"]
)
async def test_no_redirect_leads_to_another_host(client_for: ClientFor, folder: Path, path: str) -> None:
    (folder / "evil.example" / "docs").mkdir(parents=True)
    (folder / "evil.example" / "docs" / "index.html").touch()
    app = Nacre()
    app.mount("/", StaticFiles(folder))
    async with client_for(app) as client:
        answer = await client.get(path)
        assert answer.status == 404
        inside = await client.get("/evil.example/docs")
        assert (inside.status, inside.headers["location"]) == (308, "./docs/")


async def test_without_an_index_directories_are_not_found(client_for: ClientFor, folder: Path) -> None:
    async with client_for(application(folder, index=None)) as client:
        for path in ("/static/", "/static", "/static/docs", "/static/docs/"):
            assert (await client.get(path)).status == 404
        assert (await client.get("/static/docs/index.html")).status == 200
        assert (await client.get("/static/docs/index.html/")).status == 404


async def test_another_index(client_for: ClientFor, folder: Path) -> None:
    (folder / "docs" / "main.htm").write_text("main")
    async with client_for(application(folder, index="main.htm")) as client:
        assert (await client.get("/static/docs/")).body == b"main"
        assert (await client.get("/static/")).status == 404


# The application in the browser.

FALLBACK = {
    "a page": ("/static/users/7", PAGE, 200),
    "a page below a folder that is there": ("/static/css/users", PAGE, 200),
    "with a slash": ("/static/users/", PAGE, 200),
    "html only": ("/static/users", {"accept": "text/html"}, 200),
    "a script that isn't there": ("/static/app-old.js", PAGE, 404),
    "a script's request": ("/static/api/users", {"accept": "*/*"}, 404),
    "data": ("/static/api/users", {"accept": "application/json"}, 404),
    "text of any kind": ("/static/users", {"accept": "text/*"}, 404),
    "html refused": ("/static/users", {"accept": "text/html;q=0, */*"}, 404),
    "no accept": ("/static/users", {}, 404),
    "a refused path": ("/static/a/../users", PAGE, 404),
    "a hidden one": ("/static/.git/users", PAGE, 404),
}


@pytest.mark.parametrize("case", FALLBACK)
async def test_the_fallback_answers_for_pages_only(client_for: ClientFor, folder: Path, case: str) -> None:
    path, headers, status = FALLBACK[case]
    async with client_for(application(folder, fallback="index.html", max_age=600)) as client:
        answer = await client.get(path, headers=headers)
        assert answer.status == status
        if status == 200:
            assert answer.body == b"<p>start"
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["vary"] == "Accept, Accept-Encoding"
            assert (await client.head(path, headers=headers)).status == 200
            assert (await client.post(path, headers=headers)).status == 405
            known = headers | {"if-none-match": answer.headers["etag"]}
            assert (await client.get(path, headers=known)).status == 304


# Ages.


@pytest.mark.parametrize(
    ("options", "plain", "hashed"),
    [
        ({}, "no-cache", "no-cache"),
        ({"max_age": 600}, "max-age=600", "max-age=600"),
        ({"immutable": r"-[0-9a-f]{8}\."}, "no-cache", "max-age=31536000, immutable"),
        ({"max_age": 600, "immutable": re.compile(r"-[0-9a-f]{8}\.")}, "max-age=600", "max-age=31536000, immutable"),
    ],
    ids=["neither", "age", "pattern", "both"],
)
async def test_the_age_of_files_goes_by_their_names(
    client_for: ClientFor, folder: Path, options: Any, plain: str, hashed: str
) -> None:
    async with client_for(application(folder, **options)) as client:
        assert (await client.get("/static/css/site.css")).headers["cache-control"] == plain
        assert (await client.get("/static/app-1a2b3c4d.js")).headers["cache-control"] == hashed
        missing = await client.get("/static/gone-1a2b3c4d.js")
        assert (missing.status, missing.headers.get("cache-control")) == (404, None)


# Links.


@pytest.fixture
def linked(folder: Path) -> Path:
    outside = folder.parent / "static_secret"
    (folder / "file-out").symlink_to(outside / "key")
    (folder / "folder-out").symlink_to(outside)
    (folder / "folder-out-twice").symlink_to(folder / "folder-out")
    (folder / "file-in").symlink_to(folder / "css" / "site.css")
    (folder / "folder-in").symlink_to("css")
    (folder / "loop").symlink_to("loop")
    (outside / "link").symlink_to(outside / "key")
    (folder / "plain.txt").write_text("plain")
    (folder / "plain.txt.gz").symlink_to(outside / "key")
    return folder


LINKS: dict[str, tuple[bool | str, ...]] = {
    # for each: the settings of `follow_symlinks` that let it pass
    "/static/file-out": (True, "files"),
    "/static/folder-out/key": (True, "directories"),
    "/static/folder-out-twice/key": (True, "directories"),
    "/static/folder-out/link": (True,),
    "/static/file-in": (False, True, "files", "directories"),
    "/static/folder-in/site.css": (False, True, "files", "directories"),
    "/static/loop": (),
    "/static/loop/x": (),
}


@pytest.mark.parametrize("follow", [False, True, "files", "directories"])
@pytest.mark.parametrize("path", LINKS)
async def test_links_out_of_the_directory_are_followed_by_kind(
    client_for: ClientFor, linked: Path, path: str, follow: Any
) -> None:
    """sanic#3117."""
    expected = 200 if follow in LINKS[path] else 404
    async with client_for(application(linked, follow_symlinks=follow)) as client:
        answer = await client.get(path)
    assert answer.status == expected
    assert expected == 200 or b"SECRET" not in answer.body


@pytest.mark.parametrize(("follow", "content"), [(False, b"plain"), ("directories", b"plain"), (True, b"SECRET=1")])
async def test_a_compressed_variant_passes_the_same_check(
    client_for: ClientFor, linked: Path, follow: Any, content: bytes
) -> None:
    """CVE-2024-42367."""
    async with client_for(application(linked, follow_symlinks=follow)) as client:
        answer = await client.get("/static/plain.txt", headers={"accept-encoding": "gzip"})
    assert answer.body == content


async def test_an_index_behind_a_link_passes_the_same_check(client_for: ClientFor, linked: Path) -> None:
    (linked.parent / "static_secret" / "index.html").write_text("SECRET=1")
    async with client_for(application(linked)) as client:
        for path in ("/static/folder-out", "/static/folder-out/"):
            assert (await client.get(path)).status == 404


async def test_the_directory_itself_may_be_a_link_that_is_changed(client_for: ClientFor, folder: Path) -> None:
    """As deployments do that switch `current` to the next version."""
    current = folder.parent / "current"
    current.symlink_to(folder)
    (folder / "inner").symlink_to("css")
    async with client_for(application(current)) as client:
        assert (await client.get("/static/inner/site.css")).status == 200
        other = folder.parent / "next"
        other.mkdir()
        (other / "index.html").write_text("next")
        current.unlink()
        current.symlink_to(other)
        assert (await client.get("/static/index.html")).body == b"next"
        assert (await client.get("/static/css/site.css")).status == 404


# As part of an application.


async def test_it_passes_the_layers_around_it_like_any_route(client_for: ClientFor, folder: Path) -> None:
    def guard(request: Request, call_next: CallNext) -> Any:
        if request.headers.get("x-key") != "pearl":
            abort(403)
        return call_next(request)

    seen: list[tuple[str, int]] = []

    async def outer(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append((request.path, response.status))
        return response

    app = Nacre(middlewares=[outer])
    app.mount("/static", StaticFiles(folder), name="static", middlewares=[guard])
    app.mount("/open", StaticFiles(folder), name="open")
    async with client_for(app) as client:
        assert (await client.get("/static/css/site.css")).status == 403
        assert (await client.get("/static/missing")).status == 403
        assert (await client.get("/static/css/site.css", headers={"x-key": "pearl"})).status == 200
        assert (await client.get("/open/css/site.css")).status == 200
    assert seen[-1] == ("/open/css/site.css", 200)
    assert len(seen) == 4


async def test_urls_are_built_by_the_mounts_name(client_for: ClientFor, folder: Path) -> None:
    app = application(folder)
    inner = Nacre()
    inner.mount("/files", StaticFiles(folder), name="files")
    app.mount("/inner", inner, name="inner")
    async with client_for(app) as client:
        built = {
            app.url_for("static:file", path="css/site.css"): b"body {}",
            app.url_for("static:file", path="100% näcre.txt"): b"escaped",
            app.url_for("inner:files:file", path="css/site.css"): b"body {}",
        }
        assert list(built) == [
            "/static/css/site.css",
            "/static/100%25%20n%C3%A4cre.txt",
            "/inner/files/css/site.css",
        ]
        for url, content in built.items():
            assert (await client.get(url)).body == content
        redirected = await client.get("/inner/files/docs", follow_redirects=True)
        assert redirected.body == b"<p>docs"


async def test_routes_come_before_the_files_of_a_directory_at_the_root(client_for: ClientFor, folder: Path) -> None:
    app = Nacre()
    app.mount("/", StaticFiles(folder, fallback="index.html"))
    app.add_route("/api/users", lambda request: {"users": []})
    async with client_for(app) as client:
        assert (await client.get("/api/users", headers=PAGE)).json() == {"users": []}
        assert (await client.get("/css/site.css")).body == b"body {}"
        assert (await client.get("/")).body == b"<p>start"
        assert (await client.get("/users", headers=PAGE)).body == b"<p>start"


async def test_an_error_handler_may_answer_for_what_is_missing(client_for: ClientFor, folder: Path) -> None:
    files = StaticFiles(folder)

    @files.error_handler(404)
    def missing(request: Request) -> Any:
        return "nothing here", 404

    app = Nacre()
    app.mount("/static", files)
    async with client_for(app) as client:
        assert (await client.get("/static/missing")).text == "nothing here"


def test_the_documents_of_openapi_leave_it_out(folder: Path) -> None:
    described = application(folder).describe()
    assert {route.path for route in described.routes} == {"/static/<path:path>", "/static/"}


async def test_any_group_may_be_mounted(client_for: ClientFor) -> None:
    order: list[str] = []

    def noting(name: str) -> Any:
        async def layer(request: Request, call_next: CallNext) -> Any:
            order.append(name)
            return await call_next(request)

        return layer

    group = Group("/deep", middlewares=[noting("group")], name="own")
    group.add_route("/<one>", lambda request: request.path, name="one")
    app = Nacre(middlewares=[noting("app")])
    app.mount("/group", group, name="given", middlewares=[noting("mount")])
    app.mount("/again", group)
    async with client_for(app) as client:
        assert app.url_for("given:one", one="x") == "/group/deep/x"
        assert app.url_for("own:one", one="x") == "/again/deep/x"
        assert (await client.get("/group/deep/x")).text == "/group/deep/x"
        assert order == ["app", "mount", "group"]
        order.clear()
        assert (await client.get("/again/deep/x")).text == "/again/deep/x"
        assert order == ["app", "group"]


def test_a_group_can_not_be_mounted_in_itself() -> None:
    outer, inner = Group(), Group()
    outer.mount("/inner", inner)
    with pytest.raises(ConfigurationError, match="can't be mounted in itself"):
        inner.mount("/outer", outer)


# What is wrong with it at startup.


def test_a_directory_that_is_not_there_is_told_at_startup(tmp_path: Path) -> None:
    app = Nacre()
    app.mount("/static", StaticFiles(tmp_path / "nowhere"))
    app.mount("/again", StaticFiles(tmp_path, fallback="index.html"))
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    first, second = caught.value.problems
    assert first.what == f"the directory of StaticFiles, {str(tmp_path / 'nowhere')!r}, isn't there"
    assert second.what == f"`fallback` of StaticFiles, 'index.html', isn't in {str(tmp_path)!r}"
    assert first.where is not None
    assert first.where.file == __file__
    assert first.fix == "create it, or name another one; a relative path begins at the folder of this file"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"immutable": "("}, "`immutable` of StaticFiles: missing \\), unterminated subpattern"),
        ({"max_age": -1}, "`max_age` of StaticFiles: max_age is a number of seconds from 0 on, not -1"),
        ({"follow_symlinks": "file"}, "`follow_symlinks` of StaticFiles is 'file'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_option_that_says_nothing_is_refused(tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        StaticFiles(tmp_path, **options)


PROGRAM = """
from nacre import Nacre
from nacre.static import StaticFiles
app = Nacre()
app.mount("/static", StaticFiles("static"))
app.compile()
print(app.declarations[0].group.directory)
"""


def test_a_relative_directory_begins_at_the_file_that_names_it(folder: Path) -> None:
    """Whatever the working directory is; code that is in no file takes the working directory."""
    program = folder.parent / "program.py"
    program.write_text(PROGRAM)
    run: Any = {"capture_output": True, "text": True, "check": True, "env": os.environ | {"PYTHONPATH": _source()}}
    by_path = subprocess.run([sys.executable, str(program)], cwd="/", **run)
    by_name = subprocess.run([sys.executable, "program.py"], cwd=folder.parent, **run)
    by_text = subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder.parent, **run)
    assert by_path.stdout == by_name.stdout == by_text.stdout == f"{folder}\n"


def _source() -> str:
    import nacre

    return str(Path(nacre.__file__).parents[1])


# Paths as text.

JOINED = {
    "a.txt": "root/a.txt",
    "a/b/c.txt": "root/a/b/c.txt",
    "a/": "root/a",
    "": "root",
    "a b/\xe9.txt": "root/a b/\xe9.txt",
    "a..b/c...d": "root/a..b/c...d",
    "...": "root/...",
    "~/x": "root/~/x",
    "-rf": "root/-rf",
}
REFUSED = [
    "..",
    "../x",
    "a/../b",
    "a/..",
    "a/../",
    ".",
    "a/./b",
    "/",
    "/etc/passwd",
    "//server/share",
    "///",
    "a//b",
    "a//",
    "\0",
    "a\0.txt",
    "a\nb",
    "a\x7f",
    "..\\x",
    "\\\\h\\s",
    "\\\\server\\share\\x",
    "a\\..\\b",
    "\\etc",
]
ONLY_WINDOWS = [
    "CON",
    "con",
    "CON.txt",
    "NUL",
    "NUL.txt",
    "nul.tar.gz",
    "a/NUL",
    "a/nul/b",
    "AUX ",
    "AUX .txt",
    "PRN",
    "COM1",
    "com9.log",
    "LPT1",
    "COM\u00b9",
    "CONIN$",
    "CONOUT$",
    "C:x",
    "C:/windows/win.ini",
    "c:",
    "a/C:",
    "file.txt:stream",
    "file.txt::$DATA",
    "a.",
    "a..",
    "...",
    "a/b. /c",
    "a ",
    "a/ /b",
    "a?b",
    "a*",
    'a"b',
    "a<b",
    "a|b",
]


@pytest.mark.parametrize("path", JOINED, ids=ascii)
def test_a_plain_path_is_joined(path: str) -> None:
    assert safe_join("root", path, posixpath) == JOINED[path]


@pytest.mark.parametrize("flavour", [posixpath, ntpath], ids=["posix", "windows"])
@pytest.mark.parametrize("path", REFUSED, ids=ascii)
def test_a_path_that_leads_elsewhere_is_refused(path: str, flavour: Any) -> None:
    assert safe_join("root", path, flavour) is None


@pytest.mark.parametrize("path", ONLY_WINDOWS, ids=ascii)
def test_what_windows_takes_for_something_else_is_refused_there(path: str) -> None:
    """R38: CVE-2026-21860, CVE-2026-27199, CVE-2019-14322; elsewhere these are names like others."""
    assert safe_join("C:\\root", path, ntpath) is None
    assert safe_join("/root", path, posixpath) == f"/root/{path}"


@pytest.mark.parametrize("path", ["a.txt", "a/b", "console.txt", "null", "com", "com10", "a.con", "aux-1", ".x"])
def test_a_name_that_only_looks_like_a_device_is_joined_on_windows(path: str) -> None:
    assert safe_join("C:\\root", path, ntpath) == "C:\\root\\" + path.replace("/", "\\")


@given(st.text("./\\:ab \0CON", max_size=12), st.sampled_from([posixpath, ntpath]))
def test_what_is_joined_lies_below(path: str, flavour: Any) -> None:
    root = "/srv/root" if flavour is posixpath else "C:\\srv\\root"
    joined = safe_join(root, path, flavour)
    if joined is not None:
        assert flavour.normpath(joined) == joined
        assert flavour.commonpath([root, joined]) == root
