"""Bodies that aren't JSON, and files: their media types, charsets, limits and types; on three transports."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import annotated_types
import msgspec
import pytest

from nacre import Body, File, Form, Nacre
from nacre.binding.bodies import _matcher
from nacre.errors import ConfigurationError
from nacre.forms import UploadFile

URLENCODED = "application/x-www-form-urlencoded"
BOUNDARY = "multipart/form-data; boundary=b"


class Note(msgspec.Struct):
    title: str = ""


def multipart(*files: bytes) -> bytes:
    parts = [
        b'--b\r\ncontent-disposition: form-data; name="f"; filename="x"\r\n\r\n' + file + b"\r\n" for file in files
    ]
    return b"".join(parts) + b"--b--\r\n"


def app_of(annotation: Any, default: Any) -> tuple[Nacre, list[Any]]:
    seen: list[Any] = []

    async def handler(f):
        seen.append(f)

    handler.__annotations__["f"] = annotation
    handler.__defaults__ = (default,)
    app = Nacre()
    app.add_route("/", handler, methods=["POST"])
    return app, seen


# Annotation, marker, sizes of the files sent, what the error is.
FILE_LIMITS: dict[str, tuple[Any, Any, tuple[int, ...], tuple[list[Any], str] | None]] = {
    "bytes": (bytes, File(max_length=3), (3,), None),
    "bytes too long": (bytes, File(max_length=3), (4,), (["body", "f"], "bytes_too_long")),
    "bytes too short": (bytes, File(min_length=3), (2,), (["body", "f"], "bytes_too_short")),
    "file": (UploadFile, File(max_length=3), (3,), None),
    "file too long": (UploadFile, File(max_length=3), (4,), (["body", "f"], "bytes_too_long")),
    "optional file too long": (UploadFile | None, File(max_length=3), (4,), (["body", "f"], "bytes_too_long")),
    "limit of the annotation": (
        Annotated[bytes, annotated_types.MaxLen(3)],
        File(),
        (4,),
        (["body", "f"], "bytes_too_long"),
    ),
    "list of bytes": (list[bytes], File(max_length=1), (9,), None),
    "list of bytes too long": (list[bytes], File(max_length=1), (1, 1), (["body", "f"], "too_long")),
    "list of files too short": (list[UploadFile], File(min_length=2), (1,), (["body", "f"], "too_short")),
    "limit of the items": (
        list[Annotated[UploadFile, annotated_types.MaxLen(3)]],
        File(),
        (3, 4),
        (["body", "f", 1], "bytes_too_long"),
    ),
    "tuple of two, of three": (tuple[bytes, bytes], File(), (1, 1, 1), (["body", "f"], "too_long")),
}


@pytest.mark.parametrize(("annotation", "marker", "sizes", "error"), FILE_LIMITS.values(), ids=FILE_LIMITS)
async def test_lengths_count_the_bytes_of_a_file_and_the_files_of_a_list(client_for, annotation, marker, sizes, error):
    app, seen = app_of(annotation, marker)
    async with client_for(app) as client:
        content = multipart(*(b"x" * size for size in sizes))
        response = await client.post("/", content=content, headers={"content-type": BOUNDARY})
    if error is None:
        assert (response.status, len(seen)) == (204, 1)
    else:
        assert [(one["loc"], one["type"]) for one in response.json()["errors"]] == [error]


@pytest.mark.parametrize(
    ("size", "type_"), [(1, "bytes_too_short"), (2, None), (3, None), (4, "bytes_too_long")], ids=str
)
async def test_lengths_count_the_bytes_of_a_body(client_for, size, type_):
    app, seen = app_of(bytes, Body(min_length=2, max_length=3))
    async with client_for(app) as client:
        response = await client.post("/", content=b"x" * size)
    if type_ is None:
        assert (response.status, seen) == (204, [b"x" * size])
    else:
        assert [(one["loc"], one["type"]) for one in response.json()["errors"]] == [(["body"], type_)]


@pytest.mark.parametrize(
    ("annotation", "marker"),
    [
        (bytes, Body(gt=3)),
        (bytes, Body(pattern="x")),
        (bytes, File(ge=1)),
        (UploadFile, File(multiple_of=2)),
        (list[UploadFile], File(pattern="x")),
    ],
    ids=str,
)
def test_constraints_that_do_not_fit_bytes_are_refused_at_startup(annotation, marker):
    app, _ = app_of(annotation, marker)
    with pytest.raises(ConfigurationError, match="can't be checked on"):
        app.compile()


COLLECTIONS: dict[str, tuple[Any, type]] = {
    "list": (list[UploadFile], list),
    "sequence": (Sequence[bytes], list),
    "tuple": (tuple[UploadFile, ...], tuple),
    "tuple of two": (tuple[bytes, UploadFile], tuple),
    "set": (set[UploadFile], set),
    "frozenset": (frozenset[bytes], frozenset),
    "optional list": (list[UploadFile] | None, list),
}


@pytest.mark.parametrize(("annotation", "made"), COLLECTIONS.values(), ids=COLLECTIONS)
async def test_files_come_in_the_collection_that_is_annotated(client_for, annotation, made):
    app, seen = app_of(annotation, File())
    async with client_for(app) as client:
        response = await client.post("/", content=multipart(b"a", b"b"), headers={"content-type": BOUNDARY})
    assert response.status == 204
    assert type(seen[0]) is made
    assert {one if isinstance(one, bytes) else one.data for one in seen[0]} == {b"a", b"b"}


async def test_optional_list_of_files_may_be_left_out(client_for):
    app, seen = app_of(list[UploadFile] | None, File())
    async with client_for(app) as client:
        response = await client.post("/", content=multipart(), headers={"content-type": BOUNDARY})
    assert (response.status, seen) == (204, [None])


def test_another_class_called_upload_file_is_refused_at_startup():
    app, _ = app_of(type("UploadFile", (), {}), File())
    with pytest.raises(ConfigurationError, match="takes the file `f` annotated `UploadFile`"):
        app.compile()


# Media types.


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
@pytest.mark.parametrize(
    ("accepted", "sent", "content", "status"),
    [
        ("multipart/form-data", BOUNDARY, multipart(), 204),
        ("multipart/form-data", URLENCODED, b"title=x", 415),
        (URLENCODED, URLENCODED, b"title=x", 204),
        (URLENCODED, BOUNDARY, multipart(), 415),
        ((URLENCODED, "multipart/form-data"), BOUNDARY, multipart(), 204),
    ],
    ids=["multipart", "urlencoded for multipart", "urlencoded", "multipart for urlencoded", "either"],
)
async def test_forms_have_the_content_types_that_are_named(client_for, accepted, sent, content, status, plain):
    app = Nacre()

    if plain:

        @app.post("/")
        def save(note: Note = Body(content_type=accepted)): ...

    else:

        @app.post("/")
        async def keep(note: Note = Body(content_type=accepted)): ...

    async with client_for(app) as client:
        response = await client.post("/", content=content, headers={"content-type": sent})
    assert response.status == status


@pytest.mark.parametrize(
    "accepted",
    [("multipart/form-data", "application/json"), ("application/json", "text/plain"), (URLENCODED, "text/plain")],
    ids=str,
)
def test_content_types_that_are_read_in_different_ways_are_refused_at_startup(accepted):
    app, _ = app_of(Note, Body(content_type=accepted))
    with pytest.raises(ConfigurationError, match="bodies that are read in different ways"):
        app.compile()


async def test_bytes_may_be_of_any_content_types_together(client_for):
    app, seen = app_of(bytes, Body(content_type=("text/plain", "application/json", "multipart/form-data")))
    async with client_for(app) as client:
        response = await client.post("/", content=b"x", headers={"content-type": "text/plain"})
        assert (response.status, seen) == (204, [b"x"])
        response = await client.post("/", content=b"x", headers={"content-type": "image/png"})
        assert response.status == 415


def test_forms_of_different_content_types_in_one_function_are_refused_at_startup():
    app = Nacre()

    @app.post("/")
    async def save(
        a: Note = Body(content_type=URLENCODED), b: Note = Body(content_type="multipart/form-data"), c: str = Form("")
    ): ...

    with pytest.raises(ConfigurationError, match="`a` and `b` and `c` from forms of different content types"):
        app.compile()


@pytest.mark.parametrize(
    ("charset", "content", "status", "text"),
    [
        ("", "é".encode(), 200, "é"),
        ("; charset=UTF-8", "é".encode(), 200, "é"),
        ("; charset=iso-8859-1", b"\xe9", 200, "é"),
        ('; charset="us-ascii"', b"e", 200, "e"),
        ("; charset=us-ascii", b"\xe9", 400, None),
        ("; charset=utf-8", b"\xe9", 422, None),
        ("; charset=utf-16", b"\xe9", 415, None),
        ("; charset=idna", b"x" * 1000, 415, None),
    ],
    ids=str,
)
async def test_text_is_decoded_by_its_charset(client_for, charset, content, status, text):
    app = Nacre()

    @app.post("/")
    async def echo(text: str = Body(content_type="text/plain", max_length=9)):
        return {"text": text}

    async with client_for(app) as client:
        response = await client.post("/", content=content, headers={"content-type": f"text/plain{charset}"})
    assert response.status == status
    if text is not None:
        assert response.json() == {"text": text}


def test_long_content_types_are_not_kept():
    matches = _matcher(("text/kept",))
    values = [f"text/kept; a={'x' * 60_000}{number}" for number in range(5)]
    before = [sys.getrefcount(value) for value in values]
    assert all(map(matches, values))
    gc.collect()
    assert [sys.getrefcount(value) for value in values] == before


# Handlers that run in a thread.


async def never() -> Any:
    raise AssertionError("the body was asked for")


@pytest.mark.parametrize(
    "marker",
    [Body(), Form(), Body(content_type="multipart/form-data"), Body(content_type="text/plain")],
    ids=["json", "form", "multipart", "text"],
)
async def test_plain_handlers_refuse_a_media_type_before_the_body_is_received(marker):
    app = Nacre()

    def save(note): ...

    save.__annotations__["note"] = str if "text/plain" in marker.content_types else Note
    save.__defaults__ = (marker,)
    app.add_route("/", save, methods=["POST"])
    sent: list[Any] = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"image/png"), (b"content-length", b"1000")],
        "scheme": "http",
        "server": ("localhost", 80),
        "client": ("localhost", 1),
    }
    await app(scope, never, send)
    assert sent[0]["status"] == 415
