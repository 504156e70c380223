"""The page of an exception in debug mode: complete, harmless, bounded, and never failing itself."""

import html
import logging
import re
import types

import pytest

from nacre import Hooks, Nacre
from nacre.security import TrustedHosts

HTML = {"accept": "text/html,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("nacre.error").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("nacre.error").setLevel(logging.NOTSET)


async def outer(request, call_next):
    return await call_next(request)


async def inner(request, call_next):
    return await call_next(request)


class Django:
    def __init__(self, get_response):
        self.get_response = get_response

    async def __call__(self, request):
        return await self.get_response(request)


Django.async_capable = True


def app_that(handler, *, debug=True, middlewares=()):
    app = Nacre(debug=debug, middlewares=middlewares)
    app.get("/fail")(handler)
    return app


def app_raising(error, **options):
    async def handler(request):
        raise error

    return app_that(handler, **options)


async def page_of(client_for, app, path="/fail", headers=HTML):
    async with client_for(app) as client:
        return await client.get(path, headers=headers)


def words_of(page):
    """The text of a page, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.partition("<body")[2])).split())


async def test_page_shows_exception_request_and_source(client_for):
    async def handler(request):
        secret_local = "never shown"  # noqa: F841
        raise ValueError("seven is not a colour")

    response = await page_of(client_for, app_that(handler), "/fail?page=2")
    assert response.status == 500
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    text = words_of(response.text)
    assert "GET /fail?page=2" in text
    assert "ValueError seven is not a colour" in text
    assert 'raise ValueError("seven is not a colour")' in text
    assert "test_debug_page.py:" in text


async def test_page_can_load_and_run_nothing(client_for):
    response = await page_of(client_for, app_raising(ValueError()))
    assert response.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept"
    assert "<script" not in response.text
    assert not re.search(r"(src|href|action)=|url\(|@import|\son\w+=", response.text)


async def test_nothing_is_shown_with_debug_off(client_for):
    response = await page_of(client_for, app_raising(ValueError("private"), debug=False))
    assert response.status == 500
    assert "private" not in response.text
    assert "ValueError" not in response.text


HOSTILE = "</pre><script>alert('x')</script><img src=x onerror=y>\x1b]0;\u202e\x00\ud800"


async def test_hostile_text_is_escaped_everywhere(client_for):
    error = type(HOSTILE.replace("\x00", "").replace("\ud800", ""), (Exception,), {})(HOSTILE)
    error.add_note(HOSTILE)
    error.__cause__ = ValueError(HOSTILE)
    app = app_raising(error)
    response = await page_of(client_for, app, "/fail?q=<script>&'\"", {**HTML, "x-hostile": "<script>"})
    assert "<script" not in response.text
    assert "<img" not in response.text
    assert "&lt;/pre&gt;&lt;script&gt;" in response.text
    for character in "\x1b\u202e\x00":
        assert character not in response.text
    plain = await page_of(client_for, app, headers={})
    for character in "\x1b\u202e\x00":
        assert character not in plain.text


async def test_secrets_of_the_request_are_masked(client_for):
    headers = {
        **HTML,
        "authorization": "Bearer s3cret",
        "cookie": "sid=s3cret",
        "x-api-key": "s3cret",
        "x-csrf-token": "s3cret",
        "referer": "https://example.com/a?token=s3cret#s3cret",
        "user-agent": "browser/1",
    }
    response = await page_of(client_for, app_raising(ValueError()), "/fail?access_token=s3cret&page=2", headers)
    assert "s3cret" not in response.text
    text = words_of(response.text)
    assert "authorization ••••••" in text
    assert "cookie ••••••" in text
    assert "user-agent browser/1" in text
    assert "/fail?access_token=••••••&page=2" in text


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
async def test_other_clients_get_plain_text(client_for, accept):
    headers = {} if accept is None else {"accept": accept}
    response = await page_of(client_for, app_raising(ValueError("seven")), headers=headers)
    assert response.status == 500
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.startswith("ValueError: seven\n\nGET /fail\n")
    assert "Traceback, most recent call last:" in response.text


# The chain.


def chain_of(page):
    """(class, name, badge) of each row."""
    rows = re.findall(
        r'<li class="(\w*)"><span class="name">(.*?)</span>.*?<span class="badge">(.*?)</span></li>', page
    )
    return [(kind, html.unescape(name), badge) for kind, name, badge in rows]


async def failing(request, call_next):
    raise ValueError


async def fine(request):
    return "fine"


def finalize(request, response):
    raise ValueError


HANDLER = "app_raising.<locals>.handler"

CHAINS = {
    "handler": (
        [outer, inner],
        [("passed", "outer", "passed"), ("passed", "inner", "passed"), ("raised", HANDLER, "raised in here")],
    ),
    "layer": (
        [outer, failing, inner],
        [("passed", "outer", "passed"), ("raised", "failing", "raised here"), ("", "inner", ""), ("", HANDLER, "")],
    ),
    "django": (
        [outer, Django, inner],
        [
            ("", "outer", ""),
            ("answered", "Django", "got the response"),
            ("passed", "inner", "passed"),
            ("raised", HANDLER, "raised in here"),
        ],
    ),
}


@pytest.mark.parametrize(("middlewares", "expected"), CHAINS.values(), ids=CHAINS)
async def test_chain_shows_the_way_of_the_exception(client_for, middlewares, expected):
    response = await page_of(client_for, app_raising(ValueError(), middlewares=middlewares))
    assert chain_of(response.text) == expected


async def test_failing_finalizer_is_shown_as_such(client_for):
    response = await page_of(client_for, app_that(fine, middlewares=[outer, Hooks(finalize=finalize), inner]))
    assert chain_of(response.text) == [
        ("", "outer", ""),
        ("raised", "finalize", "raised in its finalizer"),
        ("", "inner", ""),
        ("", "fine", ""),
    ]


async def test_failing_error_handler_is_shown_as_such(client_for):
    app = app_raising(ValueError("first"), middlewares=[outer])

    @app.error_handler(ValueError)
    async def handler(request, error):
        raise KeyError("second")

    response = await page_of(client_for, app)
    assert response.status == 500
    text = words_of(response.text)
    assert "It was raised while an error was being answered" in text
    assert "The exception above was raised while this was being handled: ValueError first" in text
    assert {kind for kind, _, _ in chain_of(response.text)} == {""}


async def test_layer_that_raises_on_an_unknown_path_has_a_chain_too(client_for):
    response = await page_of(client_for, Nacre(debug=True, middlewares=[outer, failing]), "/nowhere")
    assert chain_of(response.text) == [
        ("passed", "outer", "passed"),
        ("raised", "failing", "raised here"),
        ("", "no route (404)", ""),
    ]


# Related exceptions.


async def test_causes_contexts_notes_and_groups_are_shown(client_for):
    async def handler(request):
        try:
            try:
                raise KeyError("deepest")
            except KeyError as error:
                error.add_note("a note on it")
                raise ValueError("middle") from error
        except ValueError:
            raise ExceptionGroup("top", [TypeError("member one"), OSError("member two")])  # noqa: B904

    text = words_of((await page_of(client_for, app_that(handler))).text)
    assert "ExceptionGroup top (2 sub-exceptions)" in text
    assert "is a group, and this is in it: TypeError member one" in text
    assert "is a group, and this is in it: OSError member two" in text
    assert "was raised while this was being handled: ValueError middle" in text
    assert "was raised from: KeyError 'deepest' a note on it" in text


async def test_suppressed_context_is_not_shown(client_for):
    async def handler(request):
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None

    response = await page_of(client_for, app_that(handler))
    assert 'class="nested"' not in response.text


async def test_exceptions_that_refer_to_each_other_end(client_for):
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    response = await page_of(client_for, app_raising(first))
    assert words_of(response.text).count("was raised from") == 1


# Frames.


async def test_own_frames_are_open_and_those_of_the_framework_folded(client_for):
    response = await page_of(client_for, app_raising(ValueError(), middlewares=[outer]))
    page = response.text
    assert '<details class="card" open><summary><span class="name">app_raising.&lt;locals&gt;.handler</span>' in page
    assert re.search(r'<details class="card library"><summary>\d+ frames? of (Nacre|libraries)', page)
    opened = re.findall(r'<details class="card" open>.*?</summary>', page)
    assert not [summary for summary in opened if "src/nacre" in summary]


async def test_the_part_of_the_line_that_failed_is_marked(client_for):
    async def handler(request):
        return [1, 2][request.path.count("/") + 7] + 1

    response = await page_of(client_for, app_that(handler))
    assert "<mark>[1, 2][request.path.count(&quot;/&quot;) + 7]</mark>" in response.text


async def test_endless_recursion_is_cut(client_for):
    async def handler(request):
        def again():
            again()

        again()

    response = await page_of(client_for, app_that(handler))
    assert "RecursionError" in response.text
    assert re.search(r"… [\d,]+ more frames …", response.text)
    assert len(response.text) < 500_000


async def test_huge_message_is_cut(client_for):
    response = await page_of(client_for, app_raising(ValueError("x" * 1_000_000)))
    assert "(996,000 more characters)" in response.text
    assert len(response.text) < 200_000


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


class StrangeNotes(Exception):
    __notes__ = 7


class NoText(Exception):
    def __str__(self):
        return 7


class LyingModule(Exception):
    __module__ = 7


@pytest.mark.parametrize("error", [Mute("x"), StrangeNotes(), NoText(), LyingModule()], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("headers", [HTML, {}], ids=["html", "plain"])
async def test_exception_that_resists_is_shown_all_the_same(client_for, error, headers):
    response = await page_of(client_for, app_raising(error), headers=headers)
    assert response.status == 500
    assert type(error).__name__ in response.text
    assert "could not be made" not in response.text


async def test_code_without_source_is_shown_without_it(client_for):
    module = types.ModuleType("made_up")
    code = compile("async def handler(request):\n    raise ValueError('gone')\n", "made_up.py", "exec")
    exec(code, vars(module))  # noqa: S102 (a function without a file)
    response = await page_of(client_for, app_that(module.handler))
    text = words_of(response.text)
    assert "handler made_up.py:2" in text
    assert "The source is not to be had." in text


async def test_page_of_a_mounted_application_shows_the_whole_chain(client_for):
    mounted = app_raising(ValueError("inside"), middlewares=[inner])
    app = Nacre(debug=True, middlewares=[outer])
    app.mount("/mounted", mounted)
    response = await page_of(client_for, app, "/mounted/fail")
    assert [name for _, name, _ in chain_of(response.text)] == ["outer", "inner", HANDLER]


async def test_head_gets_a_500_without_a_body(client_for):
    async with client_for(app_raising(ValueError())) as client:
        response = await client.head("/fail", headers=HTML)
    assert (response.status, response.text) == (500, "")


HOSTS = {
    "localhost": ("localhost:8000", True),
    "below localhost": ("shop.localhost:8000", True),
    "with a dot at its end": ("localhost.:8000", True),
    "an address": ("127.0.0.1:8000", True),
    "another address": ("192.168.1.7", True),
    "IPv6": ("[::1]:8000", True),
    "a name without a dot": ("web:8000", True),
    "a rebound name": ("127.0.0.1.evil.example", False),
    "a name like localhost": ("localhost.evil.example:8000", False),
    "at the end of another": ("evillocalhost.example", False),
    "a listed one": ("shop.example", True),
}


@pytest.mark.parametrize(("host", "is_shown"), HOSTS.values(), ids=HOSTS)
async def test_only_names_of_this_machine_are_shown_details(client_for, host, is_shown):
    """CVE-2024-34069, CVE-2016-9014, CVE-2025-66416: what DNS rebinding leads here."""

    async def inside(request, call_next):
        raise ValueError("a detail")

    app = app_raising(ValueError("never raised"), middlewares=[inside, TrustedHosts(["shop.example"])])
    async with client_for(app) as client:
        failed = await client.get("/fail", headers={"host": host, **HTML})
        plain = await client.get("/fail", headers={"host": host, "accept": "text/plain"})
    assert (failed.status, plain.status) == (500, 500)
    assert ("a detail" in failed.text, "a detail" in plain.text) == (is_shown, is_shown)


@pytest.mark.parametrize(("host", "is_shown"), HOSTS.values(), ids=HOSTS)
async def test_only_names_of_this_machine_are_shown_the_routes(client_for, host, is_shown):
    app = app_raising(ValueError(), middlewares=[TrustedHosts([host])] if host == "shop.example" else [])
    async with client_for(app) as client:
        unknown = await client.get("/unknown", headers={"host": host, **HTML})
    assert unknown.status == 404
    assert ("/fail" in unknown.text) == is_shown


async def test_a_page_that_is_not_shown_is_told_in_the_log(client_for, caplog):
    caplog.set_level(logging.WARNING, "nacre.error")
    async with client_for(app_raising(ValueError())) as client:
        await client.get("/fail", headers={"host": "evil.example"})
    assert "no debug page for this Host" in caplog.text
    assert "evil" not in "".join(record.getMessage() for record in caplog.records)
