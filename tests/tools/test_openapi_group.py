"""`OpenAPI` in an application: what it serves, where, and when it is drawn anew."""

import re
import subprocess
import sys

import pytest
import yaml

from nacre import Group, Nacre, abort, middleware
from nacre.errors import MissingExtra
from nacre.openapi import IF_INSTALLED, OpenAPI
from nacre.openapi import group as serving
from nacre.testing import TestClient


def handler(request):
    return None


def make_app(**options):
    app = Nacre()
    app.get("/orders/<int:number>")(handler)
    app.include(OpenAPI(title="Shop", version="1", **options))
    return app


async def paths_of(client, path="/openapi.json"):
    return list((await client.get(path)).json()["paths"])


# What is served.


async def test_document_is_served_as_json(client_for):
    async with client_for(make_app()) as client:
        response = await client.get("/openapi.json")
        assert (response.status, response.headers["content-type"]) == (200, "application/json")
        document = response.json()
        assert document["info"] == {"title": "Shop", "version": "1"}
        assert list(document["paths"]) == ["/orders/{number}"]  # and nothing of its own
        assert (await client.head("/openapi.json")).status == 200


async def test_document_is_served_as_yaml(client_for):
    async with client_for(make_app()) as client:
        response = await client.get("/openapi.yaml")
        assert response.headers["content-type"] == "application/yaml"
        assert yaml.safe_load(response.text) == (await client.get("/openapi.json")).json()


async def test_page_loads_its_files_and_the_document_by_relative_urls(client_for):
    async with client_for(make_app()) as client:
        response = await client.get("/docs")
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert 'data-document="openapi.json"' in response.text
        [script, *_] = re.findall(r'<script src="([^"]+)"', response.text)
        assert script.startswith("docs/assets/")
        assert (await client.get(f"/{script}")).status == 200
        assert (await client.get("/docs/assets/other.js")).status == 404
        assert (await client.get("/docs/")).status == 308  # from there the URLs would be others


@pytest.mark.parametrize(
    ("docs", "document", "assets"),
    [
        ("/docs", "openapi.json", "docs/assets"),
        ("/", "openapi.json", "assets"),
        ("/help/api", "../openapi.json", "api/assets"),
        ("/docs/", "../openapi.json", "assets"),
    ],
)
def test_urls_of_the_page_hold_wherever_it_is(docs, document, assets):
    with TestClient(make_app(docs_path=docs)) as client:
        text = client.get(docs).text
        assert f'data-document="{document}"' in text
        assert f'<script src="{assets}/' in text


def test_paths_are_chosen_by_the_application():
    app = make_app(path="/api/schema", yaml_path="/api/schema.yaml", docs_path="/api/docs", ui="elements")
    with TestClient(app) as client:
        assert [client.get(f"/api/{name}").status for name in ("schema", "schema.yaml", "docs")] == [200, 200, 200]
        assert "elements-api" in client.get("/api/docs").text
        assert client.get("/openapi.json").status == 404


def test_what_has_no_path_is_not_served():
    with TestClient(make_app(yaml_path=None, docs_path=None)) as client:
        assert [client.get(path).status for path in ("/openapi.yaml", "/docs", "/openapi.json")] == [404, 404, 200]


def test_group_may_be_guarded_and_have_a_prefix():
    @middleware
    async def guard(request, call_next):
        abort(401)

    app = Nacre()
    app.get("/open")(handler)
    app.include(OpenAPI(title="Shop", prefix="/internal", middlewares=[guard]))
    with TestClient(app) as client:
        assert client.get("/internal/openapi.json").status == 401
        assert client.get("/openapi.json").status == 404


def test_document_may_be_amended():
    def amend(document):
        document["info"]["x-logo"] = "/logo.svg"

    with TestClient(make_app(amend=amend)) as client:
        assert client.get("/openapi.json").json()["info"]["x-logo"] == "/logo.svg"


# When it is drawn.


def test_document_is_drawn_once_and_again_after_a_late_declaration():
    drawn = []
    app = make_app(amend=lambda document: drawn.append(list(document["paths"])))
    with TestClient(app) as client:
        first = [client.get("/openapi.json").body for _ in range(3)]
        assert len(drawn) == 1
        assert len(set(first)) == 1
        app.get("/late")(handler)
        assert "/late" in client.get("/openapi.json").json()["paths"]
        assert len(drawn) == 2


def test_late_layer_shows():
    @middleware(responses={401: "No."})
    async def guard(request, call_next):
        return await call_next(request)

    app = make_app()
    with TestClient(app) as client:
        assert "401" not in client.get("/openapi.json").text
        app.middlewares.append(guard)
        assert "401" in client.get("/openapi.json").text


# Where the application is.


@pytest.mark.parametrize("transport", ["asgi", "wsgi"])  # RSGI has no `root_path`
async def test_prefix_that_the_server_cuts_off_is_in_the_servers(transport):
    async with TestClient(make_app(), transport, root_path="/shop") as client:
        assert (await client.get("/openapi.json")).json()["servers"] == [{"url": "/shop"}]


async def test_mounted_application_is_described_with_what_is_around_it(client_for):
    @middleware(responses={401: "No."})
    async def guard(request, call_next):
        return await call_next(request)

    mounted = Nacre()
    mounted.get("/inside")(handler)
    mounted.include(OpenAPI(title="Inside"))
    app = Nacre()
    app.get("/outside")(handler)
    app.mount("/sub", mounted, middlewares=[guard])
    async with client_for(app) as client:
        document = (await client.get("/sub/openapi.json")).json()
        assert document["servers"] == [{"url": "/sub"}]
        assert list(document["paths"]) == ["/inside"]
        assert "401" in document["paths"]["/inside"]["get"]["responses"]
        assert "data-document" in (await client.get("/sub/docs")).text


async def test_application_mounted_twice_or_deeper_is_described_at_each_place(client_for):
    inner, middle, app = Nacre(), Nacre(), Nacre()
    inner.get("/inside")(handler)
    inner.include(OpenAPI(title="Inside"))
    middle.mount("/inner", inner)
    app.mount("/one", inner)
    app.mount("/two", middle)
    async with client_for(app) as client:
        for prefix in ("/one", "/two/inner", "/one"):
            document = (await client.get(f"{prefix}/openapi.json")).json()
            assert document["servers"] == [{"url": prefix}]
            assert list(document["paths"]) == ["/inside"]


def test_mounted_application_may_be_served_by_itself():
    inner, app = Nacre(), Nacre()
    inner.get("/inside")(handler)
    inner.include(OpenAPI(title="Inside"))
    app.mount("/sub", inner)
    with TestClient(inner) as client:
        document = client.get("/openapi.json").json()
        assert ("servers" in document, list(document["paths"])) == (False, ["/inside"])
    with TestClient(app) as client:
        assert client.get("/sub/openapi.json").json()["servers"] == [{"url": "/sub"}]


def test_one_group_in_two_applications_describes_each():
    openapi, shared = OpenAPI(title="Both"), Group("/shared")
    shared.get("")(handler)
    apps = [Nacre(), Nacre()]
    for number, app in enumerate(apps):
        app.get(f"/{number}")(handler)
        app.include(shared)
        app.include(openapi)
    for number, app in enumerate(apps):
        with TestClient(app) as client:
            assert list(client.get("/openapi.json").json()["paths"]) == [f"/{number}", "/shared"]


# Extras.


@pytest.fixture
def no_yaml(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)


def test_yaml_is_left_out_where_its_extra_is_absent(no_yaml):
    with TestClient(make_app()) as client:
        assert [client.get(path).status for path in ("/openapi.yaml", "/openapi.json")] == [404, 200]


def test_yaml_that_is_asked_for_needs_its_extra(no_yaml):
    with pytest.raises(
        MissingExtra, match=re.escape("OpenAPI as YAML needs an optional package: pip install 'nacre[yaml]'")
    ):
        make_app(yaml_path="/openapi.yaml")


@pytest.fixture
def no_pages(monkeypatch):
    def require():
        raise MissingExtra("the documentation pages", "openapi-ui")

    monkeypatch.setattr(serving.pages, "require_assets", require)


def test_pages_are_left_out_where_their_extra_is_absent(no_pages):
    with TestClient(make_app(docs_path=IF_INSTALLED)) as client:
        assert [client.get(path).status for path in ("/docs", "/openapi.json")] == [404, 200]


def test_pages_that_are_asked_for_need_their_extra(no_pages):
    with pytest.raises(MissingExtra, match="openapi-ui"):
        make_app(docs_path="/docs")


def test_extras_are_not_imported_for_an_application_without_a_document():
    program = "import sys, nacre; print([n for n in ('yaml', 'pydantic', 'nacre.openapi') if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_nothing_of_yaml_is_needed_for_json():
    program = """
import sys
sys.modules["yaml"] = None
from nacre import Nacre
from nacre.openapi import OpenAPI
from nacre.testing import TestClient

app = Nacre()
app.include(OpenAPI(title="Shop"))
with TestClient(app) as client:
    print(client.get("/openapi.json").status, client.get("/openapi.yaml").status)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("200 404\n", "")
