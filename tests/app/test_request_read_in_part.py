"""What is read of a request without reading all of it says the same as all of it would."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre import Nacre, Query, Request
from nacre.body import Body
from nacre.errors import BadRequest
from nacre.headers import Headers
from nacre.lazy import reserve
from nacre.testing.rsgi import ScopeHeaders
from nacre.transports import asgi, rsgi
from nacre.urls import QueryParams

NAMES = st.sampled_from(["content-type", "Content-Type", "content-length", "CONTENT-LENGTH", "host", "content-tipe"])
FIELDS = st.lists(st.tuples(NAMES, st.text("ab1é", max_size=3)), max_size=6)


def of_asgi(fields: list[tuple[str, str]]) -> Request:
    scope = {"headers": [(name.encode(), value.encode("latin-1")) for name, value in fields]}
    return Request(asgi.CARRIER, scope, None, "POST", "/")


class _Scope:
    authority = None

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        # Granian writes names in lower case, has fields with bytes outside ASCII, and gives them to nobody.
        self.headers = _Headers([(name.lower(), value) for name, value in fields])


class _Headers(ScopeHeaders):
    def get_all(self, key: str) -> list[str]:
        return [value for value in super().get_all(key) if value.isascii()]

    def get(self, key: str, default: Any = None) -> Any:
        values = super().get_all(key)
        return values[0] if values and values[0].isascii() else default

    def items(self) -> list[tuple[str, str]]:
        return [pair for pair in super().items() if pair[1].isascii()]


def of_rsgi(fields: list[tuple[str, str]]) -> Request:
    return Request(rsgi.CARRIER, _Scope(fields), None, "POST", "/")


@pytest.mark.parametrize("make", [of_asgi, of_rsgi], ids=["asgi", "rsgi"])
@given(fields=FIELDS)
def test_fields_about_the_body_are_those_of_their_name(make, fields):
    headers = make(fields).headers
    if len(headers.getlist("content-type")) > 1:
        with pytest.raises(BadRequest, match="two Content-Type"):
            make(fields).body_fields()
        return
    assert make(fields).body_fields() == (headers.get("content-type"), headers.get("content-length"))


@pytest.mark.parametrize("change", ["headers", "replace_headers"])
def test_fields_about_the_body_are_those_that_a_layer_set(change):
    request = of_asgi([("content-type", "text/plain"), ("content-length", "1")])
    assert request.body_fields() == ("text/plain", "1")
    assert request.content_length == 1
    changed = Headers([("content-length", "22")])
    if change == "headers":
        request.headers = changed
    else:
        request.replace_headers(changed)
        assert request.content_length == 22
    assert request.body_fields() == (None, "22")
    assert request.content_type is None


@pytest.mark.parametrize("read", [True, False], ids=["read before", "not read before"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda request: setattr(request, "query", QueryParams("n=2&many=x")), id="query"),
        pytest.param(lambda request: setattr(request, "query_string", "n=2&many=x"), id="query_string"),
    ],
)
async def test_query_that_a_layer_set_is_bound(client_for, change, read):
    app = Nacre()

    async def layer(request, call_next):
        if read:
            assert request.query_string == "n=1"
        change(request)
        return await call_next(request)

    @app.get("/one", middlewares=[layer])
    async def one(n: int):
        return {"n": n}

    @app.get("/many", middlewares=[layer])
    async def many(n: int, many: list[str] = Query()):
        return {"n": n, "many": many}

    async with client_for(app) as client:
        assert (await client.get("/one?n=1")).json() == {"n": 2}
        assert (await client.get("/many?n=1")).json() == {"n": 2, "many": ["x"]}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("n=1&n=2", 200, id="the first of two"),
        pytest.param("&&n=1", 200, id="empty fields"),
        pytest.param("n=%31", 200, id="escape"),
        pytest.param("x=a+b&n=1", 200, id="plus"),
        pytest.param("n=1" + "&" * 999, 200, id="as many fields as may be"),
        pytest.param("n=1" + "&" * 1000, 400, id="one field too many"),
        pytest.param("n=1&x=" + "a" * 2000, 200, id="long"),
        pytest.param("n", 422, id="empty value"),
        pytest.param("N=1", 422, id="another name"),
        pytest.param("", 422, id="none"),
    ],
)
async def test_single_values_are_bound_as_the_query_has_them(client_for, query, status):
    app = Nacre()

    @app.get("/")
    async def handler(n: int):
        return {"n": n}

    async with client_for(app) as client:
        response = await client.get(f"/?{query}")
    assert response.status == status
    if status == 200:
        assert response.json() == {"n": 1}


class _Source:
    """A body source that counts how often it is asked."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.asked = 0

    async def read(self) -> bytes:
        self.asked += 1
        return self.pieces.pop(0) if self.pieces else b""


class _Knowing(_Source):
    @property
    def ended(self) -> bool:
        return not self.pieces


async def _whole(body: Body) -> list[bytes]:
    return [await body.read()]


async def _pieces(body: Body) -> list[bytes]:
    return [piece async for piece in body.chunks()]


@pytest.mark.parametrize("read", [_whole, _pieces], ids=["whole", "in pieces"])
@pytest.mark.parametrize("pieces", [(b"a",), (b"a", b"bc"), ()], ids=len)
async def test_source_that_knows_its_end_is_not_asked_again(read, pieces):
    knowing, other = _Knowing(*pieces), _Source(*pieces)
    body = Body(knowing)
    assert b"".join(await read(body)) == b"".join(await read(Body(other))) == b"".join(pieces)
    assert await body.read() == b"".join(pieces)
    assert (knowing.asked, other.asked) == (len(pieces) or 1, len(pieces) + 1)


def test_reserved_attributes_are_those_of_no_instance():
    class Thing:
        later: int

    first = Thing()
    reserve(first, ["later"])
    assert first.later is None
    assert not hasattr(Thing(), "later")
