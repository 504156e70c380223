"""Documentation pages and the files they load; tests/browser opens them."""

import gzip
import hashlib
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import nacre_openapi_ui
import pytest

from nacre import Nacre
from nacre.openapi import pages

PACKAGE = Path(__file__).parents[2] / "packages" / "nacre-openapi-ui"
HOSTILE = "</title><script>alert('x')</script>\"'\u202e"
UIS = ["swagger", "elements"]


def make_app():
    pages.require_assets()
    app = Nacre()
    app.get("/<ui>")(lambda request, ui: pages.page(HOSTILE, "../api.json?a=1&b=2", ui, "files/"))

    @app.get("/files/<path:name>")
    def file(request, name):
        return pages.asset(name, request)

    return app


def loaded_by(text):
    """The URLs of what a page loads."""
    return [html.unescape(url) for url in re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]*)"', text)]


def directives(response):
    pairs = (part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";"))
    return {name: value.split() for name, _, value in pairs}


@pytest.mark.parametrize("ui", UIS)
async def test_page_loads_files_that_are_there_and_nothing_else(client_for, ui):
    async with client_for(make_app()) as client:
        page = await client.get(f"/{ui}")
        urls = [url for url in loaded_by(page.text) if url != "data:,"]
        files = [await client.get(f"/{url}") for url in urls]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert all(url.startswith("files/") for url in urls)
    assert [file.status for file in files] == [200] * len(urls)
    assert {file.headers["content-type"] for file in files} >= {
        "text/javascript; charset=utf-8",
        "text/css; charset=utf-8",
    }
    assert "//" not in page.text


@pytest.mark.parametrize("ui", UIS)
async def test_page_has_no_script_or_style_of_its_own_and_a_policy_that_allows_none(client_for, ui):
    async with client_for(make_app()) as client:
        page = await client.get(f"/{ui}")
    assert re.findall(r"<script[^>]*>([^<]+)</script>|<style|\sstyle=|\son\w+=|javascript:", page.text) == []
    found = directives(page)
    assert found["default-src"] == found["base-uri"] == found["form-action"] == found["frame-ancestors"] == ["'none'"]
    assert found["script-src"] == found["connect-src"] == ["'self'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:"} & {
        one for all_ in found.values() for one in all_
    }
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"


async def test_title_and_urls_are_escaped(client_for):
    async with client_for(make_app()) as client:
        page = (await client.get("/swagger")).text
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&quot;&#x27;\\u202e</title>" in page
    assert 'data-document="../api.json?a=1&amp;b=2"' in page


async def test_nonce_is_another_one_on_each_page(client_for):
    async with client_for(make_app()) as client:
        first, second = [directives(await client.get("/elements"))["style-src"][1] for _ in range(2)]
    assert re.fullmatch(r"'nonce-[\w-]{22}'", first)
    assert first != second


@pytest.fixture(params=["elements.css", "elements-start.js"])
def url(request):
    stem, _, ending = request.param.rpartition(".")
    urls = loaded_by(pages.page("", "", "elements", "files").body.decode())
    return next(f"/{url}" for url in urls if re.fullmatch(rf"files/{stem}-[0-9a-f]{{12}}\.{ending}", url))


ENCODINGS = {
    "gzip": ("gzip", True),
    "among others": ("br, gzip;q=0.5, zstd", True),
    "anything": ("*", True),
    "in capitals": ("GZIP", True),
    "none": (None, False),
    "empty": ("", False),
    "others": ("br, zstd", False),
    "refused": ("gzip;q=0, *", False),
    "anything refused": ("*;q=0", False),
    "malformed": (";;;q=,,", False),
}


@pytest.mark.parametrize(("accept", "compressed"), ENCODINGS.values(), ids=ENCODINGS)
async def test_file_is_compressed_if_the_client_takes_gzip(client_for, url, accept, compressed):
    headers = {} if accept is None else {"accept-encoding": accept}
    async with client_for(make_app()) as client:
        response = await client.get(url, headers=headers)
        other = await client.get(url, headers={} if compressed else {"accept-encoding": "gzip"})
    assert response.status == 200
    assert response.headers.get("content-encoding") == ("gzip" if compressed else None)
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert int(response.headers["content-length"]) == len(response.body)
    packed, plain = (response, other) if compressed else (other, response)
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]


KNOWN = {
    "the tag": ("{etag}", 304),
    "weak": ("W/{etag}", 304),
    "in a list": ('"other", {etag}', 304),
    "anything": ("*", 304),
    "another": ('"other"', 200),
    "without quotes": ("{bare}", 200),
    "empty": ("", 200),
}


@pytest.mark.parametrize(("known", "status"), KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_file_that_the_client_has_is_not_sent_again(client_for, url, known, status, encoding):
    async with client_for(make_app()) as client:
        first = await client.get(url, headers={"accept-encoding": encoding})
        etag = first.headers["etag"]
        sent = known.format(etag=etag, bare=etag.strip('"'))
        second = await client.get(url, headers={"accept-encoding": encoding, "if-none-match": sent})
    assert second.status == status
    assert second.body == (b"" if status == 304 else first.body)
    for name in ("etag", "cache-control", "vary"):
        assert second.headers[name] == first.headers[name]


async def test_head_has_the_length_and_no_content(client_for, url):
    async with client_for(make_app()) as client:
        whole = await client.get(url, headers={"accept-encoding": "gzip"})
        head = await client.head(url, headers={"accept-encoding": "gzip"})
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


UNKNOWN = [
    "swagger-ui.js",
    "swagger-ui-000000000000.js",
    "swagger-ui.js.gz",
    "../__init__.py",
    "..%2f__init__.py",
    "%2e%2e/%2e%2e/pyproject.toml",
    "%2fetc%2fpasswd",
    "files/swagger-ui.js.gz",
    "x%00.js",
]


@pytest.mark.parametrize("name", UNKNOWN)
async def test_no_other_name_is_answered(client_for, name):
    async with client_for(make_app()) as client:
        response = await client.get(f"/files/{name}")
    assert response.status in (400, 404)


@pytest.mark.parametrize("name", ["", "__init__.py", "../__init__.py", "swagger-ui.js.gz"])
def test_package_reads_only_its_files(name):
    with pytest.raises(KeyError):
        nacre_openapi_ui.read(name)


# Without the package.

ABSENT = """
import sys
sys.modules["nacre_openapi_ui"] = None
from nacre.openapi import pages
try:
    pages.{call}
except ImportError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("call", ["require_assets()", "page('', '', 'swagger', '')"])
def test_missing_package_is_named_with_the_line_that_installs_it(call):
    result = subprocess.run(
        [sys.executable, "-c", ABSENT.format(call=call)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == (
        "MissingExtra the documentation pages needs an optional package: pip install 'nacre[openapi-ui]'\n"
    )


# What is shipped.


def test_shipped_files_have_the_recorded_hashes():
    lines = (PACKAGE / "CHECKSUMS").read_text(encoding="utf-8").splitlines()
    recorded = dict(reversed(line.split("  ")) for line in lines if not line.startswith("#"))
    folders = [PACKAGE / "src" / "nacre_openapi_ui" / "files", PACKAGE / "licenses"]
    shipped = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert recorded == {
        path.relative_to(PACKAGE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in shipped
    }
    assert {f"{name}.gz" for name in nacre_openapi_ui.NAMES} == {path.name for path in folders[0].iterdir()}


def test_compressed_files_hold_no_time():
    for name in nacre_openapi_ui.NAMES:
        assert nacre_openapi_ui.read(name)[4:8] == bytes(4)


@pytest.mark.parametrize("option", [[], ["--check"]], ids=["update", "check"])
def test_update_refuses_what_has_another_hash(tmp_path, option):
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\nwhile [ "$1" != --pack-destination ]; do shift; done\necho other >"$2/a.tgz"\n')
    npm.chmod(0o755)
    before = {path: path.stat().st_mtime_ns for path in PACKAGE.rglob("*") if path.is_file()}
    result = subprocess.run(
        [sys.executable, PACKAGE / "update.py", *option],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )
    assert result.returncode == 1
    assert "npm's swagger-ui-dist@5.35.0 has the integrity" in result.stderr
    assert before == {path: path.stat().st_mtime_ns for path in PACKAGE.rglob("*") if path.is_file()}
