"""The short programs that the README and the guide show."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def program(client_for):
    def run(name):
        app = runpy.run_path(str(EXAMPLES / name))["app"]
        app.compile()
        return client_for(app)

    return run


async def test_hello(program):
    async with program("hello.py") as client:
        answer = await client.get("/hello/Ada")
    assert answer.json() == {"hello": "Ada"}
    assert answer.headers["x-handled-by"] == "nacre"


async def test_onion(program):
    async with program("layers/onion.py") as client:
        stranger = await client.get("/")
        member = await client.get("/", headers={"cookie": "member=1"})
    assert (stranger.status, stranger.text) == (403, "members only")
    assert (member.status, member.text) == (200, "welcome")


async def test_plain(program):
    async with program("layers/plain.py") as client:
        assert (await client.get("/sum")).json() == {"sum": 2}


async def test_django_style(program):
    async with program("layers/django_style.py") as client:
        apples, pears = await client.get("/stock/apples"), await client.get("/stock/pears")
    assert apples.json() == {"in stock": 3}
    assert (pears.status, pears.json()) == (404, {"missing": "pears"})


async def test_asgi(program):
    async with program("layers/asgi.py") as client:
        for path in ("/", "/nowhere"):
            assert (await client.get(path)).headers["x-served-by"] == "nacre"


async def test_wsgi(program):
    async with program("layers/wsgi.py") as client:
        assert (await client.get("/")).headers["content-language"] == "en"


async def test_hooks(program):
    async with program("layers/hooks.py") as client:
        robot = await client.get("/", headers={"user-agent": "ExampleBot/1"})
        reader, nowhere = await client.get("/"), await client.get("/nowhere")
    assert (robot.status, robot.text) == (403, "no robots, please")
    assert {answer.headers["x-content-type-options"] for answer in (robot, reader, nowhere)} == {"nosniff"}


async def test_placed(program):
    async with program("layers/placed.py") as client:
        assert (await client.get("/office/")).status == 403
        assert (await client.get("/office/", headers={"cookie": "user=ada"})).text == "good morning, ada"
        assert [(await client.post("/orders")).status for _ in range(3)] == [201, 201, 429]
        assert (await client.post("/hook")).status == 204
        assert (await client.get("/office/", headers={"cookie": "user=ada"})).status == 200


def test_every_program_is_tested():
    tested = Path(__file__).read_text(encoding="utf-8")
    programs = [path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("layers/*.py")]
    assert [name for name in programs if f'program("{name}")' not in tested] == []


async def test_parameters(program):
    async with program("layers/parameters.py") as client:
        signed = {"authorization": "Bearer x"}
        order = {"item": "pearl", "count": 1}
        made = await client.post("/orders/sea?express=yes&coupon=a", json=order, headers=signed)
        unsigned = await client.post("/orders/sea", json=order)
        refused = await client.post("/orders/sea?express=maybe", json={"count": "one"}, headers=signed)
    assert (made.status, made.json()) == (201, {"shop": "sea", "left": 2, "express": True, "coupons": ["a"]})
    assert (unsigned.status, unsigned.json()["errors"][0]["loc"]) == (422, ["header", "authorization"])
    assert len(refused.json()["errors"]) == 3


async def test_protected(program):
    key = {"x-api-key": "mother-of-pearl"}
    async with program("layers/protected.py") as client:
        nobody, ada = await client.get("/me"), await client.get("/me", headers=key)
        unknown, removed = await client.delete("/articles/3"), await client.delete("/articles/3", headers=key)
        forged = await client.delete("/articles/3", headers={**key, "sec-fetch-site": "cross-site"})
        foreign = await client.get("/me", headers={"origin": "https://shop.example"})
    assert (nobody.json(), ada.json()) == ({"user": None}, {"user": "ada"})
    assert (unknown.status, removed.status, forged.status) == (401, 204, 403)
    assert unknown.headers["www-authenticate"] == 'ApiKey realm="api"'
    assert foreign.headers["access-control-allow-origin"] == "https://shop.example"
