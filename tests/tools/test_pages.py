"""What clients see of an HTTP error, with debug off and on."""

import json

import pytest

from nacre import Group, HTTPError, Nacre, abort

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HOSTILE = "<script>alert('x')</script>&\"\x1b[31m\u202e\x00"


def make_app(*, debug=False):
    app = Nacre(debug=debug)

    @app.get("/teapot")
    async def teapot(request):
        abort(418, "no coffee here")

    @app.get("/hostile")
    async def hostile(request):
        raise HTTPError(HOSTILE, status=400)

    @app.get("/boom")
    async def boom(request):
        raise RuntimeError("the password is hunter2")

    @app.get("/users/<int:user_id>")
    async def user(request, user_id):
        return {}

    return app


PLAIN, PROBLEM, HTML = "text/plain; charset=utf-8", "application/problem+json", "text/html; charset=utf-8"

NEGOTIATION = {
    "nothing": (None, PLAIN),
    "anything": ("*/*", PLAIN),
    "empty": ("", PLAIN),
    "plain": ("text/plain", PLAIN),
    "any text": ("text/*", PLAIN),
    "json": ("application/json", PROBLEM),
    "problem": ("application/problem+json", PROBLEM),
    "json over html": ("text/html;q=0.5, application/json", PROBLEM),
    "html": ("text/html", HTML),
    "browser": (BROWSER, HTML),
    "html refused": ("text/html;q=0, */*", PLAIN),
    "none we have": ("image/png", PLAIN),
    "malformed": (";;;,,,", PLAIN),
}


@pytest.mark.parametrize(("accept", "content_type"), NEGOTIATION.values(), ids=NEGOTIATION)
async def test_error_has_the_form_the_client_likes(client_for, accept, content_type):
    async with client_for(make_app()) as client:
        headers = {} if accept is None else {"accept": accept}
        response = await client.get("/teapot", headers=headers)
    assert response.status == 418
    assert response.headers["content-type"] == content_type
    assert response.headers["vary"] == "Accept"
    assert "no coffee here" in response.text


async def test_problem_is_that_of_rfc_9457(client_for):
    async with client_for(make_app()) as client:
        response = await client.get("/teapot", headers={"accept": "application/json"})
    assert json.loads(response.text) == {
        "type": "about:blank",
        "title": "I'm a Teapot",
        "status": 418,
        "detail": "no coffee here",
    }


async def test_detail_is_escaped_in_html_and_has_no_control_characters(client_for):
    async with client_for(make_app()) as client:
        page = (await client.get("/hostile", headers={"accept": "text/html"})).text
        text = (await client.get("/hostile")).text
    assert "<p>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;\\x1b[31m\\u202e\\x00</p>" in page
    assert "<script" not in page
    assert text == "<script>alert('x')</script>&\"\\x1b[31m\\u202e\\x00"


async def test_lone_surrogate_in_a_detail_is_no_failure(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(request):
        abort(400, "half \ud83d")

    async with client_for(app) as client:
        for accept in ("*/*", "application/json", "text/html"):
            response = await client.get("/", headers={"accept": accept})
            assert response.status == 400
            assert "half " in response.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
async def test_wrong_method_keeps_allow(client_for, accept):
    async with client_for(make_app()) as client:
        response = await client.delete("/teapot", headers={"accept": accept})
    assert response.status == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("accept", ["*/*", "application/json", BROWSER])
@pytest.mark.parametrize("path", ["/boom", "/not-here-7391", "/users/not-a-number-7391"])
async def test_without_debug_nothing_is_told(client_for, accept, path):
    async with client_for(make_app()) as client:
        response = await client.get(path, headers={"accept": accept, "host": "private.example"})
    assert response.status in (404, 500)
    for secret in ("hunter2", "RuntimeError", "7391", "boom", "private", ".py", "Traceback", "users"):
        assert secret not in response.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", BROWSER])
async def test_malformed_host_is_not_repeated(client_for, accept):
    async with client_for(make_app()) as client:
        response = await client.get("/teapot", headers={"accept": accept, "host": "evil{}.example"})
    assert response.status == 400
    assert "evil" not in response.text


async def test_html_error_can_load_and_run_nothing(client_for):
    async with client_for(make_app()) as client:
        response = await client.get("/teapot", headers={"accept": BROWSER})
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert '<html lang="en">' in response.text


# The debug 404.


async def test_debug_404_lists_routes_nearest_first(client_for):
    app = make_app(debug=True)
    shop = Group("/shop", name="shop")
    shop.get("/items/<int:item>", name="item")(lambda request, item: {})
    app.include(shop)
    async with client_for(app) as client:
        response = await client.get("/shop/item/3", headers={"accept": BROWSER})
    assert response.status == 404
    assert response.headers["vary"] == "Accept"
    paths = ["/shop/items/&lt;int:item&gt;", "/users/&lt;int:user_id&gt;", "/boom"]
    places = [response.text.index(path) for path in paths]
    assert places[0] == min(places)
    assert "shop:item" in response.text
    assert "test_pages.py:" in response.text


async def test_debug_404_escapes_the_path(client_for):
    async with client_for(make_app(debug=True)) as client:
        response = await client.get("/%3Cscript%3Ealert(1)%3C/script%3E", headers={"accept": BROWSER})
    assert response.status == 404
    assert "<script" not in response.text
    assert "&lt;script&gt;" in response.text


async def test_debug_404_is_plain_for_those_who_want_no_html(client_for):
    async with client_for(make_app(debug=True)) as client:
        response = await client.get("/nowhere")
    assert (response.status, response.text) == (404, "Not Found")


async def test_debug_404_of_a_handler_is_the_handlers_own(client_for):
    app = Nacre(debug=True)

    @app.get("/items")
    async def items(request):
        abort(404, "no such item")

    async with client_for(app) as client:
        response = await client.get("/items", headers={"accept": BROWSER})
    assert "no such item" in response.text
    assert "No route has this path" not in response.text


async def test_debug_404_inside_a_mount_lists_the_routes_of_all(client_for):
    inner = Nacre(debug=True)
    inner.get("/inner")(lambda request: "")
    app = make_app(debug=True)
    app.mount("/mounted", inner)
    async with client_for(app) as client:
        response = await client.get("/mounted/iner", headers={"accept": BROWSER})
    assert response.status == 404
    assert "/mounted/inner" in response.text
    assert "/teapot" in response.text
