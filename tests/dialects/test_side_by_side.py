"""Applications of five dialects in one process: in a native one, in each other, their layers in one list."""

import itertools

import pytest
from click.testing import CliRunner
from examples.harbour import app as harbour

from nacre import Nacre
from nacre.cli.commands import main
from nacre.dialects import blacksheep, flama, microdot, rapidy
from nacre.dialects.blacksheep.server.routing import Router
from nacre.dialects.madara.app import Madara

HEADERS = ("x-flag", "x-entry", "x-buoy", "x-beacon", "x-horn", "x-anchor")


def headers(response):
    return {name: response.headers.get(name) for name in HEADERS}


async def test_one_application_serves_programs_of_five_frameworks(client_for):
    async with client_for(harbour.app) as client:
        ferries = await client.get("/ferries/lighthouse?zone=utc")
        assert ferries.json() == {"place": "lighthouse", "zone": "utc", "departures": ["9:00"]}
        assert ferries.headers["content-type"] == "application/json; charset=UTF-8"
        nowhere = await client.get("/ferries/moon")
        assert (nowhere.status, nowhere.json()) == (404, {"error": "no ferry goes there"})
        assert (await client.get("/berths/2")).json() == {"number": 2, "ship": "Halcyon"}
        assert (await client.post("/berths/2", json={"ship": "Petrel"})).status == 409
        assert (await client.get("/berths/-2")).status == 404
        tides = await client.get("/tides/today/")
        assert (tides.text, tides.headers["x-source"]) == ("high at 6:10, low at 12:25", "tide tables")
        assert (await client.get("/tides/height/6/")).json() == {"hour": 6, "metres": 4.0}
        crate = await client.post("/cargo/crates", json={"label": "nets", "kilograms": 80})
        assert (crate.status, crate.json()) == (201, {"stored": "nets", "heavy": True})
        assert crate.headers["x-scales"] == "calibrated"
        assert (await client.post("/cargo/crates", json={"label": "nets"})).status == 400
        pilot = await client.get("/pilots/ada", headers={"X-Licence": "AB1234"})
        assert (pilot.json(), pilot.headers["x-checked"]) == ({"pilot": "ada"}, "AB1234")
        refused = await client.get("/pilots/ada")
        assert (refused.status, refused.json()["errors"][0]["loc"]) == (422, ["header", "X-Licence"])


PATHS = ["/", "/ferries/lighthouse", "/berths/1", "/tides/today/", "/cargo/crates/3", "/pilots/ada", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
async def test_layers_of_all_dialects_in_one_list_see_each_response(client_for, path):
    async with client_for(harbour.app) as client:
        response = await client.get(path, headers={"X-Licence": "AB1234"})
        found = headers(response)
        # What follows a request that went well isn't asked about errors.
        horn = None if path == "/nowhere" else path
        assert found.pop("x-entry").isdigit()
        assert found == {
            "x-flag": "blue",
            "x-buoy": "GET",
            "x-beacon": str(response.status),
            "x-horn": horn,
            "x-anchor": "dropped",
        }


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/ferries/lighthouse", ["note_the_time", "microdot", "departures"]),
        ("/berths/1", ["Watch", "madara", "berth"]),
        ("/tides/today/", ["Source", "flama", "today"]),
        ("/cargo/crates/3", ["weighed", "blacksheep", "find"]),
        ("/pilots/ada", ["licensed", "rapidy", "pilot"]),
    ],
)
def test_nacre_chain_names_each_layer_with_its_dialect(path, own):
    printed = CliRunner().invoke(main, ["chain", "GET", path, "--app", "examples.harbour.app:app"])
    assert printed.exit_code == 0, printed.output
    rows = {line.split()[1]: line for line in printed.output.splitlines() if line[:1].isdigit()}
    named = {"Flag": "flama", "Logbook": "madara", "buoy": "blacksheep", "beacon": "rapidy", "horn": "microdot"}
    for layer, dialect in named.items():
        assert f"({dialect})" in rows[layer]
    assert "(" not in rows["anchor"].partition("app")[0]
    layer, dialect, handler = own
    assert any(layer in line and f"({dialect})" in line for line in printed.output.splitlines())
    assert any(f"handler ({dialect})" in line and handler in line for line in printed.output.splitlines())


def a_microdot():
    app = microdot.Microdot()

    @app.get("/hello")
    async def hello(request):
        return "microdot", 200, {"X-Path": request.path}

    return app


def a_madara():
    app = Madara()

    @app.route("/hello")
    def hello(request):
        return "madara", 200, {"X-Path": request.path}

    return app


def a_flama():
    app = flama.Flama(schema=None, docs=None)

    @app.route("/hello")
    async def hello(request: flama.http.Request):
        return flama.http.PlainTextResponse("flama", headers={"X-Path": request.url.path})

    return app


def a_blacksheep():
    router = Router()
    app = blacksheep.Application(router=router)

    @router.get("/hello")
    async def hello(request: blacksheep.Request):
        return blacksheep.Response(200, [(b"X-Path", request.path.encode())], blacksheep.TextContent("blacksheep"))

    return app


def a_rapidy():
    @rapidy.http.get("/hello")
    async def hello(request: rapidy.http.Request) -> rapidy.http.Response:
        return rapidy.http.Response("rapidy", headers={"X-Path": request.path}, content_type="text/plain")

    return rapidy.Rapidy(http_route_handlers=[hello])


APPS = {"microdot": a_microdot, "madara": a_madara, "flama": a_flama, "blacksheep": a_blacksheep, "rapidy": a_rapidy}


@pytest.mark.parametrize(("outer", "inner"), list(itertools.permutations(APPS, 2)), ids=" in ".join)
async def test_an_application_of_a_dialect_is_mounted_in_one_of_another(client_for, outer, inner):
    holder, held = APPS[outer](), APPS[inner]()
    Nacre.mount(holder, "/inner", held)
    async with client_for(holder) as client:
        assert (await client.get("/hello")).text == outer
        assert (await client.get("/inner/hello")).text == inner
        assert (await client.get("/inner/nothing")).status == 404


@pytest.mark.parametrize("name", APPS)
async def test_an_application_of_a_dialect_holds_a_native_one_by_its_own_mount(client_for, name):
    native = Nacre()

    @native.get("/hello")
    async def hello(request):
        return {"root": request.root_path}

    holder = APPS[name]()
    if name in ("microdot",):
        holder.mount(native, url_prefix="/native")
    elif name in ("flama", "blacksheep"):
        holder.mount("/native", native)
    else:
        Nacre.mount(holder, "/native", native)
    async with client_for(holder) as client:
        assert (await client.get("/native/hello")).json() == {"root": "/native"}
        assert (await client.get("/hello")).text == name


def test_two_applications_of_a_dialect_share_nothing():
    for name, make in APPS.items():
        first, second = make(), make()
        assert first.find_route("GET", "/hello") is not second.find_route("GET", "/hello"), name
        assert len(first.middlewares) == len(second.middlewares)
