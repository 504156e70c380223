"""Forms as handlers and layers read them, alike on every transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nacre import CallNext, JSONResponse, Nacre, Request, Response, wait
from nacre.errors import BodyConsumed, ClientDisconnect, ContentTooLarge
from nacre.forms import FormData, FormLimits, UploadFile
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

MULTIPART = {"content-type": "multipart/form-data; boundary=cut"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
BODY = (
    b'--cut\r\nContent-Disposition: form-data; name="title"\r\n\r\nReef\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="photo"; filename="../a.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n\r\n"
    b"--cut--\r\n"
)
TOO_MANY = b"a&" * 1000


def shown(form: FormData) -> list[Any]:
    return [
        [name, [value.filename, value.content_type, value.size] if isinstance(value, UploadFile) else value]
        for name, value in form.pairs()
    ]


def application(**options: Any) -> Nacre:
    """An application that shows the form it gets, from code that is async and from code that isn't."""
    app = Nacre(**options)

    @app.route("/async", methods=["GET", "POST"])
    async def asynchronous(request: Request) -> Response:
        return JSONResponse(shown(await request.form()))

    @app.route("/plain", methods=["GET", "POST"])
    def plain(request: Request) -> Response:
        return JSONResponse(shown(wait(request.form())))

    return app


def in_chunks(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


paths = pytest.mark.parametrize("path", ["/async", "/plain"])


@paths
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (MULTIPART, BODY, [["title", "Reef"], ["photo", ["a.png", "image/png", 6]]]),
        (URLENCODED, b"a=1&b=%C3%A9+x&a=2", [["a", "1"], ["b", "é x"], ["a", "2"]]),
        ({"content-type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}, b"a=1", [["a", "1"]]),
    ],
    ids=["multipart", "urlencoded", "other spelling"],
)
async def test_form_is_read(
    path: str, chunked: bool, headers: dict[str, str], body: bytes, expected: list[Any], client_for: ClientFor
) -> None:
    async with client_for(application()) as client:
        response = await client.post(path, content=in_chunks(body, 7) if chunked else body, headers=headers)
    assert response.status == 200, response.text
    assert response.json() == expected


@paths
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("headers", [MULTIPART, URLENCODED], ids=["multipart", "urlencoded"])
async def test_request_without_a_body_has_an_empty_form(
    path: str, method: str, headers: dict[str, str], client_for: ClientFor
) -> None:
    async with client_for(application()) as client:
        assert (await client.request(method, path, headers=headers)).json() == []


@paths
@pytest.mark.parametrize(
    ("headers", "body", "status", "answer"),
    [
        (
            {"content-type": "application/json"},
            b"{}",
            415,
            "the body must be a form, with Content-Type: application/x-www-form-urlencoded or multipart/form-data",
        ),
        ({"content-type": "text/plain"}, b"a=1", 415, "the body must be a form"),
        ({"content-type": "multipart/mixed; boundary=cut"}, BODY, 415, "the body must be a form"),
        ({"content-type": "no type"}, b"a=1", 415, "the body must be a form"),
        ({}, b"a=1", 415, "the body must be a form"),
        ({}, b"", 415, "the body must be a form"),
        ({"content-type": "multipart/form-data"}, BODY, 400, "the Content-Type of a multipart form needs one boundary"),
        (MULTIPART, BODY[:-6], 400, "the multipart form ends before its last boundary"),
        (MULTIPART, b"secret" + BODY, 400, "the multipart form doesn't begin with its boundary"),
        (MULTIPART, BODY.replace(b": form-data", b"\rsecret: "), 400, "the multipart form is malformed"),
        (URLENCODED, b"secret=%FF", 400, "the form holds text that isn't in its charset"),
        ({"content-type": "application/x-www-form-urlencoded; charset=secret"}, b"a=1", 400, "the form is in a"),
        (URLENCODED, TOO_MANY, 413, "the form has more than 1000 fields, which `FormLimits.fields` allows here"),
        (MULTIPART, BODY.replace(b"Reef", b"x" * 5000), 413, "the body is larger than 5000 bytes, which `max_body`"),
        (URLENCODED, b"a=" + b"x" * 5000, 413, "the body is larger than 5000 bytes, which `max_body` allows here"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_bad_form_is_the_clients_fault(
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    answer: str,
    chunked: bool,
    client_for: ClientFor,
) -> None:
    async with client_for(application(max_body=5000)) as client:
        content = in_chunks(body, 997) if chunked else body
        response = await client.post(path, content=content, headers=headers)
    assert response.status == status
    assert response.text.startswith(answer)
    assert "secret" not in response.text


@pytest.mark.parametrize("limit", [None, 100_000_000])
async def test_text_is_bounded_where_the_body_is_not(limit: int | None, client_for: ClientFor) -> None:
    """CVE-2024-47874, CVE-2026-5766: received bytes count, and those that come after the cap aren't read."""
    begin = b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield begin
        while taken < 50_000_000:
            taken += 65_536
            yield b"x" * 65_536

    async with client_for(application(max_body=limit)) as client:
        response = await client.post("/async", content=endless(), headers=MULTIPART)
        file = BODY.replace(b"\x89PNG", b"x" * 3_000_000)
        upload = await client.post("/async", content=file, headers=MULTIPART)
    assert response.status == 413
    assert response.text == "the form has more than 1048576 bytes of text, which `FormLimits.text_size` allows here"
    assert taken < 2_000_000
    assert upload.json()[1] == ["photo", ["a.png", "image/png", 3_000_002]]


async def test_form_of_one_request_is_one_object(client_for: ClientFor) -> None:
    forms: list[FormData] = []

    async def asynchronous(request: Request, call_next: CallNext) -> Response:
        forms.append(await request.form())
        return await call_next(request)

    def plain(request: Request, call_next: Callable[[Request], Response]) -> Response:
        forms.append(wait(request.form()))
        return call_next(request)

    app = Nacre(middlewares=[asynchronous, plain])

    @app.post("/")
    async def handler(request: Request) -> str:
        forms.append(await request.form())
        (photo,) = forms[-1].files("photo")
        return repr([await photo.read(), await photo.read(), len(await request.body())])

    async with client_for(app) as client:
        response = await client.post("/", content=in_chunks(BODY, 50), headers=MULTIPART)
    assert response.text == repr([b"\x89PNG\r\n", b"\x89PNG\r\n", len(BODY)])
    assert len({id(form) for form in forms}) == 1


@pytest.mark.parametrize(
    "order", [["body", "form"], ["form", "body"], ["form", "stream", "form"], ["chunks", "form"]], ids="-".join
)
async def test_form_goes_with_other_readers(order: list[str], client_for: ClientFor) -> None:
    app = Nacre()

    @app.post("/")
    async def handler(request: Request) -> Response:
        for how in order:
            if how == "body":
                assert await request.body() == BODY
            elif how == "stream":
                assert b"".join([chunk async for chunk in request.stream()]) == BODY
            elif how == "chunks":
                assert b"".join([chunk async for chunk in request.body_reader.chunks()]) == BODY
            else:
                form = await request.form()
        return JSONResponse(shown(form))

    async with client_for(app) as client:
        response = await client.post("/", content=in_chunks(BODY, 50), headers=MULTIPART)
    assert response.json() == [["title", "Reef"], ["photo", ["a.png", "image/png", 6]]]


async def test_form_after_a_stream_is_an_error(client_for: ClientFor) -> None:
    app = Nacre()

    @app.post("/")
    async def handler(request: Request) -> str:
        await anext(request.stream())
        with pytest.raises(BodyConsumed, match="streamed and not kept"):
            await request.form()
        return "told"

    async with client_for(app) as client:
        assert (await client.post("/", content=BODY, headers=MULTIPART)).text == "told"


async def test_refused_form_is_refused_again(client_for: ClientFor) -> None:
    """A layer that only looks at forms doesn't change what the handler's client is told."""

    async def looking(request: Request, call_next: CallNext) -> Response:
        with pytest.raises(ContentTooLarge):
            await request.form()
        return await call_next(request)

    app = Nacre(max_body=5000, middlewares=[looking])

    @app.post("/")
    async def handler(request: Request) -> Response:
        return JSONResponse(shown(await request.form()))

    async with client_for(app) as client:
        fields = await client.post("/", content=in_chunks(TOO_MANY, 500), headers=URLENCODED)
        size = await client.post("/", content=in_chunks(b"a" * 6000, 500), headers=URLENCODED)
    assert (fields.status, size.status) == (413, 413)


async def test_form_is_that_of_a_replaced_body(client_for: ClientFor) -> None:
    class Reversed:
        def __init__(self, data: bytes) -> None:
            self.data = data

        async def read(self) -> bytes:
            data, self.data = self.data, b""
            return data[::-1]

    async def reverse(request: Request, call_next: CallNext) -> Response:
        assert (await request.form())["1"] == "a"
        body = await request.body()
        request.replace_body(Reversed(body), len(body))
        return await call_next(request)

    app = Nacre(middlewares=[reverse])

    @app.post("/")
    async def handler(request: Request) -> Response:
        return JSONResponse(shown(await request.form()))

    async with client_for(app) as client:
        assert (await client.post("/", content=b"1=a", headers=URLENCODED)).json() == [["a", "1"]]


async def test_limits_can_be_others(client_for: ClientFor) -> None:
    app = Nacre()

    @app.post("/<int:fields>")
    async def handler(request: Request, fields: int) -> str:
        return str(len((await request.form(FormLimits(fields=fields))).getlist("a")))

    async with client_for(app) as client:
        assert (await client.post("/2", content=b"a&a", headers=URLENCODED)).text == "2"
        assert (await client.post("/1", content=b"a&a", headers=URLENCODED)).status == 413
        assert (await client.post("/2000", content=b"a&" * 1999, headers=URLENCODED)).text == "1999"


async def test_client_that_leaves_is_told_to_the_reader(client_for: ClientFor) -> None:
    app = Nacre()
    raised: list[type] = []

    @app.post("/")
    async def handler(request: Request) -> str:
        try:
            await request.form()
        except ClientDisconnect as error:
            raised.append(type(error))
        return "too late"

    async with client_for(app) as client:
        await client.post("/", content=in_chunks(BODY, 50), headers=MULTIPART, disconnect_after=2)
    assert raised == [ClientDisconnect]
