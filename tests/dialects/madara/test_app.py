"""Madara's application: its configuration, rules, blueprints, middlewares, log and pages."""

import dataclasses
import functools
import io
import json
import logging
import re
import uuid

import pytest
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter
from werkzeug.test import create_environ

from nacre import Group, Hooks, Middleware, Nacre, WSGIMiddleware
from nacre.dialects.madara import layer
from nacre.dialects.madara.app import Madara
from nacre.dialects.madara.blueprints import Blueprint
from nacre.dialects.madara.compat import string_types, text_type
from nacre.dialects.madara.log import LogFormatter, default_stream_handler, enable_pretty_logging
from nacre.dialects.madara.middleware import MadaraMiddleware
from nacre.dialects.madara.utils import import_string, jsonify, load_config, reraise
from nacre.dialects.madara.wrappers import Request, Response, make_response
from nacre.errors import ConfigurationError, MissingExtra
from nacre.testing import TestClient


def named(name, log, **hooks):
    """A middleware class that writes into a log what it sees."""

    class Named:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            log.append(f"{name} in")
            response = self.get_response(request)
            log.append(f"{name} out {response.status_code}")
            return response

    for hook, function in hooks.items():
        setattr(Named, hook, function)
    Named.__name__ = name
    return Named


async def get(app, path, transport="wsgi", **options):
    async with TestClient(app, transport) as client:
        return await client.request(options.pop("method", "GET"), path, **options)


# The application and its configuration.


def test_the_application_is_one_of_wsgi():
    app = Madara()
    app.route("/")(lambda request: "ahoy")
    started = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "a", "SERVER_PORT": "80"}
    environ |= {"wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http"}
    for call in (app, app.wsgi_app):
        body = call(dict(environ), lambda status, headers, exc_info=None: started.append((status, headers)))
        assert b"".join(body) == b"ahoy"
    assert {status for status, _ in started} == {"200 OK"}


@pytest.mark.parametrize("config", [None, {}])
def test_the_default_configuration_has_six_keys(config):
    assert Madara(config=config).config == {
        "debug": False,
        "middlewares": [],
        "server_name": None,
        "host_matching": False,
        "subdomain_matching": False,
        "logger_handler": None,
    }


def test_two_applications_share_no_list_of_the_default_configuration():
    Madara().config["middlewares"].append("harbour_layers.Tug")
    assert Madara().config["middlewares"] == []
    assert Madara.default_config["middlewares"] == []


def test_keys_of_the_configuration_count_in_any_case():
    app = Madara({"DEBUG": True, "Port": 3, 7: "seven"})
    assert app.config["debug"] is True
    assert app.config["DEBUG"] is True
    assert (app.config["Port"], app.config["port"], app.config[7]) == (3, 3, "seven")
    assert app.debug
    assert load_config({"A": 1}) == {"A": 1, "a": 1}


def test_assigning_wsgi_app_is_refused_with_what_to_write_instead():
    app = Madara()
    with pytest.raises(ConfigurationError, match=r"WSGIMiddleware\(ProxyFix, x_for=1\)"):
        app.wsgi_app = ProxyFix(app.wsgi_app)


async def test_a_wsgi_middleware_stands_in_the_list(client_for):
    app = Madara()
    app.middlewares.insert(0, WSGIMiddleware(ProxyFix, x_host=1))
    app.route("/")(lambda request: request.host)
    async with client_for(app) as client:
        response = await client.request("GET", "/", headers={"x-forwarded-host": "harbour.example"})
    assert response.text in ("harbour.example", "testserver", "localhost")


def test_run_serves_all_addresses_at_port_5000(monkeypatch):
    called = []
    monkeypatch.setattr(Nacre, "run", lambda self, host, port, **options: called.append((host, port, options)))
    Madara().run()
    Madara().run("127.0.0.1", 80, workers=2)
    assert called == [("0.0.0.0", 5000, {}), ("127.0.0.1", 80, {"workers": 2})]


# Rules.


def test_route_gives_the_function_back_and_knows_it_by_its_name():
    app = Madara()

    def view(request):
        return "x"

    assert app.route("/")(view) is view
    assert app.endpoint_map == {"view": view}
    assert app.url_for("view") == "/"
    assert [rule.rule for rule in app.url_map.iter_rules()] == ["/"]


def test_methods_that_are_a_str_are_a_type_error():
    with pytest.raises(TypeError, match=r"methods=\['POST'\]"):
        Madara().route("/", methods="POST")(lambda request: "x")


def test_an_endpoint_with_two_views_is_an_assertion_error():
    app = Madara()
    app.add_url_rule("/a", "same", lambda request: "a")
    with pytest.raises(AssertionError, match=r"'same' is .* already"):
        app.add_url_rule("/b", "same", lambda request: "b")


def test_a_rule_without_view_and_endpoint_is_an_assertion_error():
    with pytest.raises(AssertionError, match="needs a view"):
        Madara().add_url_rule("/")


async def test_one_view_may_have_several_rules_of_one_endpoint(client_for):
    app = Madara()

    def view(request, page=0):
        return str(page)

    app.add_url_rule("/pages/", "pages", view)
    app.add_url_rule("/pages/<int:page>", "pages", view)
    async with client_for(app) as client:
        assert (await client.get("/pages/")).text == "0"
        assert (await client.get("/pages/4")).text == "4"


async def test_a_view_may_be_added_to_its_endpoint_later(client_for):
    app = Madara()
    app.add_url_rule("/late/<word>", "late")
    async with client_for(app) as client:
        assert (await client.get("/late/x")).status == 404
        app.endpoint_map["late"] = lambda request, word: word
        assert (await client.get("/late/x")).text == "x"


async def test_the_methods_that_a_view_says_it_has_are_the_defaults(client_for):
    def view(request):
        return request.method

    view.methods = ["post"]
    view.required_methods = ["PUT"]
    app = Madara()
    app.add_url_rule("/", None, view)
    async with client_for(app) as client:
        assert (await client.post("/")).text == "POST"
        assert (await client.put("/")).text == "PUT"
        assert (await client.get("/")).status == 405


async def test_variables_are_given_by_name_after_the_request(client_for):
    app = Madara()
    app.route("/<a>/<int:b>")(lambda *given, **named: {"given": len(given), **named})
    async with client_for(app) as client:
        assert (await client.get("/x/7")).json() == {"given": 1, "a": "x", "b": 7}


async def test_a_converter_of_ones_own_is_registered_with_the_map(client_for):
    class Words(BaseConverter):
        regex = r"\w+(?:,\w+)*"

        def to_python(self, value):
            return value.split(",")

        def to_url(self, value):
            return ",".join(value)

    app = Madara()
    app.url_map.converters["words"] = Words
    app.route("/crew/<words:names>", endpoint="crew")(lambda request, names: {"names": names})
    async with client_for(app) as client:
        assert (await client.get("/crew/anna,ben")).json() == {"names": ["anna", "ben"]}
        assert (await client.get("/crew/anna,")).status == 404
    assert app.url_for("crew", names=["anna", "ben"]) == "/crew/anna,ben"


def test_a_converter_that_takes_slashes_is_refused():
    class Deep(BaseConverter):
        regex = ".+/.+"

    app = Madara()
    app.url_map.converters["deep"] = Deep
    with pytest.raises(ConfigurationError, match="takes slashes"):
        app.route("/<deep:x>")(lambda request, x: x)


def test_an_unknown_converter_is_werkzeugs_lookup_error():
    with pytest.raises(LookupError, match="'knots'"):
        Madara().route("/<knots:x>")(lambda request, x: x)


def test_an_unknown_option_of_a_rule_is_a_type_error():
    with pytest.raises(TypeError, match="knots"):
        Madara().route("/", knots=3)(lambda request: "x")


def test_braces_in_a_rule_are_refused():
    with pytest.raises(ConfigurationError, match="holds braces"):
        Madara().route("/{x}")(lambda request: "x")


def test_a_view_that_cannot_take_what_its_rule_gives_is_told_at_once():
    with pytest.raises(ConfigurationError, match=r"let it take \(request, name\)"):
        Madara().route("/<name>")(lambda request: "x")
    with pytest.raises(ConfigurationError, match=r"let it take \(request\)"):
        Madara().route("/login")(lambda: "x")


async def test_of_two_rules_alike_the_one_with_the_narrower_variable_is_tried_first(client_for):
    app = Madara()
    app.route("/<path:rest>", endpoint="rest")(lambda request, rest: f"path {rest}")
    app.route("/<word>", endpoint="word")(lambda request, word: f"word {word}")
    app.route("/<int:number>", endpoint="number")(lambda request, number: f"number {number}")
    app.route("/fixed", endpoint="fixed")(lambda request: "fixed")
    async with client_for(app) as client:
        found = [(await client.get(path)).text for path in ("/fixed", "/7", "/seven", "/seven/8")]
        assert found == ["fixed", "number 7", "word seven", "path seven/8"]
        app.route("/late/<path:rest>", endpoint="late")(lambda request, rest: f"late {rest}")
        app.route("/<word>/<int:number>", endpoint="pair")(lambda request, word, number: f"{word} and {number}")
        app.route("/<word>/<other>", endpoint="words")(lambda request, word, other: f"{word} and {other} are words")
        found = [(await client.get(path)).text for path in ("/late/x", "/a/8", "/a/b", "/a/b/c")]
    assert found == ["late x", "a and 8", "a and b are words", "path a/b/c"]


async def test_a_rule_with_a_final_slash_redirects_to_it_and_others_do_not(client_for):
    app = Madara()
    app.route("/folder/")(lambda request: "folder")
    app.route("/page", endpoint="page")(lambda request: "page")
    app.route("/loose", endpoint="loose", strict_slashes=False)(lambda request: "loose")
    async with client_for(app) as client:
        redirect = await client.request("GET", "/folder?a=1", follow_redirects=False)
        assert (redirect.status, redirect.headers["location"]) == (308, "/folder/?a=1")
        assert (await client.get("/page/")).status == 404
        assert (await client.get("/loose/")).text == "loose"


async def test_double_slashes_redirect_to_the_path_that_is_known(client_for):
    app = Madara()
    app.route("/a/b")(lambda request: "b")
    async with client_for(app) as client:
        redirect = await client.request("GET", "/a///b?x=1", follow_redirects=False)
        assert (redirect.status, redirect.headers["location"]) == (308, "/a/b?x=1")
        assert (await client.request("GET", "/a//c", follow_redirects=False)).status == 404


async def test_a_rule_may_redirect_by_text_or_function(client_for):
    app = Madara()
    app.route("/old/<int:number>", redirect_to="new/<number>")(lambda request, number: "never")
    app.route("/far/<x>", endpoint="far", redirect_to=lambda adapter, x: f"https://example.com/{x}")(
        lambda request, x: "never"
    )
    async with client_for(app) as client:
        old = await client.request("GET", "/old/3", follow_redirects=False)
        far = await client.request("GET", "/far/off", follow_redirects=False)
    assert (old.status, old.headers["location"]) == (308, "/new/3")
    assert far.headers["location"] == "https://example.com/off"


@pytest.mark.parametrize("template", ["/<path:x>", "<path:x>"])
async def test_a_client_cannot_send_a_redirecting_rule_to_another_host(client_for, template):
    app = Madara()
    app.route("/go/<path:x>", redirect_to=template)(lambda request, x: "never")
    async with client_for(app) as client:
        for path in ("/go//evil.example", "/go/%5Cevil.example", "/go/https://evil.example"):
            response = await client.request("GET", path, follow_redirects=False)
            location = response.headers.get("location", "/")
            assert location.startswith("/")
            assert not location.startswith(("//", "/\\"))


async def test_a_variable_of_one_segment_holds_no_slash_however_it_is_sent(client_for):
    app = Madara()
    app.route("/plain/<name>", endpoint="plain")(lambda request, name: name)
    app.route("/string/<string:name>", endpoint="string")(lambda request, name: name)
    async with client_for(app) as client:
        for path in ("/plain/..%2Fsecret", "/string/a%2fb", "/plain/%2F"):
            assert (await client.get(path)).status == 404, path
        assert (await client.get("/plain/a%5Cb%25")).text == "a\\b%"
    assert app.url_for("plain", name="a b") == "/plain/a%20b"


async def test_the_rest_of_a_path_does_not_begin_with_a_slash_nor_hold_two_together(client_for):
    log = []

    def see(self, request, callback, callback_kwargs):
        log.append(callback_kwargs)

    app = Madara({"middlewares": [named("a", [], process_view=see)]})
    app.route("/files/<path:name>", endpoint="file")(lambda request, name: name)
    app.route("/pairs/<path:name>", endpoint="pair", merge_slashes=False)(lambda request, name: name)
    async with client_for(app) as client:
        for path, target in (
            ("/files//etc/passwd", "/files/etc/passwd"),
            ("/files/a//b/", "/files/a/b/"),
            ("/files///x?y=1", "/files/x?y=1"),
        ):
            redirect = await client.request("GET", path, follow_redirects=False)
            assert (redirect.status, redirect.headers["location"]) == (308, target)
        for path in ("/files/%2Fetc/passwd", "/files/a%2F%2Fb", "/files/a/%2Fb", "/pairs//etc/passwd"):
            # WSGI servers decode paths, so they may know no difference.
            assert (await client.request("GET", path, follow_redirects=False)).status in (308, 404), path
        assert not log
        assert (await client.get("/files/a/b%2Fc/")).text == "a/b/c/"
        assert (await client.get("/pairs/a//b")).text == "a//b"


async def test_a_rule_for_building_only_answers_nothing(client_for):
    app = Madara()
    app.route("/only", build_only=True)(lambda request: "never")
    async with client_for(app) as client:
        assert (await client.get("/only")).status == 404
    assert app.url_map.bind("example.com").build("<lambda>") == "/only"


async def test_head_options_404_and_405_are_answered_for_a_view_of_get(client_for):
    app = Madara()
    app.route("/")(lambda request: "twelve chars")
    async with client_for(app) as client:
        head = await client.request("HEAD", "/")
        options = await client.request("OPTIONS", "/")
        unknown = await client.get("/nowhere")
        wrong = await client.post("/")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "12")
    assert (options.status, options.body, options.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    assert unknown.status == 404
    assert unknown.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>404 Not Found</title>" in unknown.text
    assert wrong.status == 405
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "<h1>Method Not Allowed</h1>" in wrong.text


async def test_a_view_with_options_among_its_methods_answers_them_itself(client_for):
    app = Madara()
    app.route("/", methods=["OPTIONS"])(lambda request: "mine")
    async with client_for(app) as client:
        assert (await client.request("OPTIONS", "/")).text == "mine"


# Hosts.


async def test_with_a_server_name_only_its_hosts_are_answered(client_for):
    app = Madara({"server_name": "example.com:8000", "subdomain_matching": True})
    app.route("/")(lambda request: "main")
    app.route("/", subdomain="<name>", endpoint="sub")(lambda request, name: name)
    async with client_for(app) as client:
        found = [
            (await client.request("GET", "/", headers={"host": host})).text[:9]
            for host in ("example.com:8000", "port.example.com", "example.org", "a.b.example.com")
        ]
    assert found == ["main", "port", "<!doctype", "<!doctype"]


async def test_a_subdomain_without_a_server_name_answers_nothing_and_is_told(client_for):
    records = Records()
    app = Madara({"logger_handler": records})
    app.route("/", subdomain="port")(lambda request: "never")
    async with client_for(app) as client:
        assert (await client.get("/")).status == 404
    assert "without `server_name` it answers nothing" in records.text


async def test_rules_name_their_hosts_with_host_matching(client_for):
    app = Madara({"host_matching": True})
    app.route("/", host="<port>.example.com:8000")(lambda request, port: port)
    async with client_for(app) as client:
        assert (await client.request("GET", "/", headers={"host": "low.example.com"})).text == "low"
        assert (await client.request("GET", "/", headers={"host": "example.com"})).status == 404


# Blueprints.


async def test_a_blueprint_is_put_below_its_prefix_with_one_slash(client_for):
    app, crew = Madara(), Blueprint("crew", url_prefix="/not-here")
    crew.route("/list")(lambda request: request.endpoint)
    crew.route("", endpoint="all")(lambda request: request.endpoint)
    crew.add_url_rule("one/<name>", "one", lambda request, name: request.endpoint + name)
    app.register_blueprint(crew, url_prefix="/crew/")
    async with client_for(app) as client:
        found = [(await client.get(path)).text for path in ("/crew/list", "/crew/", "/crew/one/anna")]
        assert (await client.get("/not-here/list")).status == 404
    assert found == ["crew.<lambda>", "crew.all", "crew.oneanna"]


async def test_a_blueprint_may_be_registered_twice_and_added_to_afterwards(client_for):
    app, crew = Madara(), Blueprint("crew")

    @crew.route("/here")
    def here(request):
        return request.path

    app.register_blueprint(crew, url_prefix="/a")
    app.register_blueprint(crew, url_prefix="/b")
    async with client_for(app) as client:
        assert [(await client.get(path)).text for path in ("/a/here", "/b/here")] == ["/a/here", "/b/here"]
        crew.route("/late")(lambda request: "late")
        assert [(await client.get(path)).text for path in ("/a/late", "/b/late")] == ["late", "late"]


def test_dots_in_an_endpoint_and_two_blueprints_of_one_name_are_assertion_errors():
    app = Madara()
    with pytest.raises(AssertionError, match="holds a dot"):
        Blueprint("crew").add_url_rule("/", "a.b", lambda request: "x")
    app.register_blueprint(Blueprint("crew"))
    with pytest.raises(AssertionError, match="another blueprint called 'crew'"):
        app.register_blueprint(Blueprint("crew"))


def test_what_a_blueprint_records_is_called_with_the_state_of_each_registration():
    app, crew, states = Madara(), Blueprint("crew", url_prefix="/own", subdomain="port"), []
    crew.record(states.append)
    app.register_blueprint(crew)
    app.register_blueprint(crew, url_prefix="/other", subdomain="low")
    assert [(state.app, state.url_prefix, state.subdomain) for state in states] == [
        (app, "/own", "port"),
        (app, "/other", "low"),
    ]
    assert app.blueprints == {"crew": crew}


async def test_middlewares_of_a_blueprint_run_inside_the_applications_for_its_rules_alone(client_for):
    log = []

    def refused(self, request, exception):
        log.append(f"asked about {exception}")

    def seen(self, request, callback, callback_kwargs):
        log.append(f"{type(self).__name__} sees {callback.__name__}")

    app = Madara({"middlewares": [named("outer", log, process_view=seen, process_exception=refused)]})
    crew = Blueprint("crew")

    @crew.route("/here")
    def here(request):
        return {"plain": "value"}

    @crew.route("/broken")
    def broken(request):
        raise KeyError("oar")

    app.route("/there")(lambda request: "there")
    app.register_blueprint(crew, middlewares=[named("inner", log, process_view=seen, process_exception=refused)])
    async with client_for(app) as client:
        assert (await client.get("/here")).json() == {"plain": "value"}
        assert log == ["outer in", "inner in", "outer sees here", "inner sees here", "inner out 200", "outer out 200"]
        log.clear()
        await client.get("/there")
        assert log == ["outer in", "outer sees <lambda>", "outer out 200"]
        log.clear()
        assert (await client.post("/here")).status == 405
        assert log == ["outer in", "inner in", "inner out 405", "outer out 405"]
        log.clear()
        assert (await client.get("/broken")).status == 500
        assert log[4:] == ["asked about 'oar'", "asked about 'oar'", "inner out 500", "outer out 500"]


# Middlewares.


async def test_the_first_middleware_is_the_outermost(client_for):
    log = []
    app = Madara({"middlewares": [named("first", log), named("second", log), named("third", log)]})
    app.route("/")(lambda request: "x")
    async with client_for(app) as client:
        await client.get("/")
    assert log == ["first in", "second in", "third in", "third out 200", "second out 200", "first out 200"]


async def test_a_middleware_is_built_with_the_application_if_it_takes_it(client_for):
    built = []

    class Both:
        def __init__(self, get_response, app):
            built.append(app)
            self.get_response = get_response

        def __call__(self, request):
            return self.get_response(request)

    class Optional(Both):
        def __init__(self, get_response, app=None):
            super().__init__(get_response, app)

    class Any(Both):
        def __init__(self, *given):
            super().__init__(*given)

    def factory(get_response, app):
        built.append(app)
        return lambda request: get_response(request)

    app = Madara({"middlewares": [Both, Optional, Any, factory]})
    app.route("/")(lambda request: "x")
    async with client_for(app) as client:
        assert (await client.get("/")).text == "x"
    assert built == [app] * 4


async def test_middlewares_are_built_by_the_constructor_and_may_add_to_the_application(client_for):
    built = []

    class Plugin:
        def __init__(self, get_response, app):
            built.append(type(self).__name__)
            self.get_response = get_response
            if type(self) is Plugin:
                app.plugin = self
                app.add_url_rule("/health", "health", lambda request: "well")

        def __call__(self, request):
            return self.get_response(request)

    inner, late = type("Inner", (Plugin,), {}), type("Late", (Plugin,), {})
    app = Madara({"middlewares": [Plugin, inner]})
    assert isinstance(app.plugin, Plugin)
    assert built == ["Inner", "Plugin"]
    crew = Blueprint("crew")
    crew.route("/crew")(lambda request: "crew")
    app.register_blueprint(crew, middlewares=[late])
    assert built == ["Inner", "Plugin", "Late"]
    async with client_for(app) as client:
        assert (await client.get("/health")).text == "well"
        assert (await client.get("/crew")).text == "crew"
    assert built == ["Inner", "Plugin", "Late"]


@pytest.mark.parametrize("change", ["append", "insert", "remove"])
async def test_a_request_goes_on_through_the_middlewares_that_it_came_in_by(client_for, change):
    log = []

    class Changing(named("changing", log)):
        def __call__(self, request):
            if not request.args:
                return super().__call__(request)
            if change == "remove":
                app.middlewares.pop()
            else:
                app.middlewares.insert(0 if change == "insert" else 2, named("late", log))
            app.compile()
            return super().__call__(request)

    app = Madara({"middlewares": [Changing, named("last", log)]})
    app.route("/")(lambda request: "x")
    async with client_for(app) as client:
        assert (await client.get("/?change=1")).text == "x"
        assert log == ["changing in", "last in", "last out 200", "changing out 200"]
        log.clear()
        assert (await client.get("/")).text == "x"
    entered = [line for line in log if line.endswith(" in")]
    assert (
        entered
        == {
            "append": ["changing in", "last in", "late in"],
            "insert": ["late in", "changing in", "last in"],
            "remove": ["changing in"],
        }[change]
    )


async def test_a_middleware_may_be_added_after_construction_and_others_stay_as_built(client_for):
    log, built = [], []

    class Counted(named("first", log)):
        def __init__(self, get_response):
            super().__init__(get_response)
            built.append(self)

    app = Madara({"middlewares": [Counted]})
    app.route("/")(lambda request: "x")
    async with client_for(app) as client:
        await client.get("/")
        app.middlewares.append(named("late", log))
        app.middlewares.insert(0, "harbour_layers.Tug")
        log.clear()
        await client.get("/")
    assert log == ["first in", "late in", "late out 200", "first out 200"]
    assert len(built) == 1


async def test_a_middleware_may_ask_again_what_has_not_reached_the_view(client_for):
    class Retrying:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            for _ in range(3):
                response = self.get_response(request)
                if response.status_code != 503:
                    break
            return response

    class Busy(Retrying):
        def __call__(self, request):
            return ("busy", 503) if log.count("a in") < 2 else self.get_response(request)

    log = []
    app = Madara({"middlewares": [Retrying, named("a", log), Middleware(onion), Busy]})
    app.route("/")(lambda request: "free")
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.text, response.headers.getlist("x-word")) == ("free", ["onion"])
    assert log == ["a in", "a out 503", "a in", "a out 200"]


async def test_one_layer_may_stand_in_several_lists(client_for):
    log = []
    shared = layer(named("shared", log))
    native, madara, crew = (
        Nacre(middlewares=[shared]),
        Madara({"middlewares": [shared, named("own", log)]}),
        Blueprint("b"),
    )
    group = Group("/group", middlewares=[shared])
    group.get("/")(lambda request: "group")
    native.include(group)
    crew.route("/crew")(lambda request: "crew")
    madara.register_blueprint(crew, middlewares=[shared, madara.middlewares[1]])
    async with client_for(native) as client:
        assert (await client.get("/group/")).text == "group"
    assert log == ["shared in", "shared in", "shared out 200", "shared out 200"]
    log.clear()
    async with client_for(madara) as client:
        assert (await client.get("/crew")).text == "crew"
    assert log[:4] == ["shared in", "own in", "shared in", "own in"]
    assert repr(madara.middlewares[1]) == "<own, a Madara middleware>"


async def test_errors_come_out_of_get_response_as_responses_with_fields(client_for):
    class Mark:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            response = self.get_response(request)
            response.headers["X-Mark"] = type(response).__name__
            return response

    app = Madara({"middlewares": [Mark]})
    app.route("/broken")(lambda request: 1 // 0)
    app.route("/refused", endpoint="refused")(lambda request: (_ for _ in ()).throw(Forbidden("no")))
    async with client_for(app) as client:
        for path, status in (("/broken", 500), ("/nowhere", 404), ("/refused", 403)):
            response = await client.get(path)
            assert (response.status, response.headers["x-mark"]) == (status, "Response")
        assert (await client.post("/broken")).headers["x-mark"] == "Response"


async def test_process_view_runs_in_the_order_of_the_list_and_may_answer(client_for):
    log = []

    def look(self, request, callback, callback_kwargs):
        log.append(f"{type(self).__name__} {callback is view} {callback_kwargs}")
        callback_kwargs["x"] += "!"
        return Response("", 202) if request.args.get("answer") == type(self).__name__ else None

    app = Madara({"middlewares": [named("a", log, process_view=look), named("b", log, process_view=look)]})

    @app.route("/<x>")
    def view(request, x):
        log.append("view")
        return x

    async with client_for(app) as client:
        assert (await client.get("/x")).text == "x!!"
        assert log[2:5] == ["a True {'x': 'x'}", "b True {'x': 'x!'}", "view"]
        log.clear()
        # A response that is false (it is empty) is an answer all the same.
        response = await client.get("/x?answer=a")
        assert (response.status, response.body) == (202, b"")
        assert log == ["a in", "b in", "a True {'x': 'x'}", "b out 202", "a out 202"]
        log.clear()
        await client.get("/x/y")
        assert log == ["a in", "b in", "b out 404", "a out 404"]


async def test_process_view_may_give_a_view_more_than_its_rule_does(client_for):
    def give(self, request, callback, callback_kwargs):
        callback_kwargs["captain"] = "Anna"

    app = Madara({"middlewares": [named("a", [], process_view=give)]})
    app.route("/")(lambda request, captain: captain)
    app.route("/<ship>", endpoint="ship")(lambda request, ship, captain: f"{ship} {captain}")
    async with client_for(app) as client:
        assert (await client.get("/")).text == "Anna"
        assert (await client.get("/gull")).text == "gull Anna"


async def test_process_exception_is_asked_from_the_innermost_outwards_until_one_answers(client_for):
    log = []

    def answer(self, request, exception):
        log.append(f"{type(self).__name__} asked about {type(exception).__name__}")
        return "caught" if isinstance(exception, KeyError) else None

    app = Madara(
        {"middlewares": [named("a", log, process_exception=answer), named("b", log, process_exception=answer)]}
    )

    @app.route("/<kind>")
    def view(request, kind):
        raise {"key": KeyError, "value": ValueError, "http": Forbidden}[kind]

    async with client_for(app) as client:
        response = await client.get("/key")
        assert (response.status, response.text) == (200, "caught")
        assert log[2:] == ["b asked about KeyError", "b out 200", "a out 200"]
        log.clear()
        assert (await client.get("/value")).status == 500
        assert log[2:4] == ["b asked about ValueError", "a asked about ValueError"]
        log.clear()
        assert (await client.get("/http")).status == 403
        assert log == ["a in", "b in", "b out 403", "a out 403"]


async def test_process_exception_is_asked_about_what_middlewares_raise_as_well(client_for):
    log = []

    class Raising:
        def __init__(self, get_response):
            pass

        def __call__(self, request):
            raise RuntimeError("in the middle")

    def answer(self, request, exception):
        log.append(f"{type(self).__name__} asked")
        return Response("caught", 409) if request.args else None

    hooks = {"process_exception": answer}
    app = Madara({"middlewares": [named("a", log, **hooks), Raising, named("c", log, **hooks)]})
    app.route("/")(lambda request: "never")
    async with client_for(app) as client:
        assert (await client.get("/?x=1")).status == 409
        assert log == ["a in", "c asked"]
        log.clear()
        assert (await client.get("/")).status == 500
        assert log == ["a in", "c asked", "a asked"]


async def test_a_hook_that_raises_ends_in_500_and_the_log(client_for):
    def fail(self, request, exception):
        raise RuntimeError("the hook broke")

    records = Records()
    app = Madara({"middlewares": [named("a", [], process_exception=fail)], "logger_handler": records})
    app.route("/")(lambda request: 1 // 0)
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert "the hook broke" in records.text


async def test_a_middleware_may_answer_by_what_a_view_may_or_raise_an_http_error(client_for):
    answers = {"text": "text", "tuple": ({"a": 1}, 201), "error": Forbidden("no")}

    class Answering:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            answer = answers.get(request.path[1:])
            if isinstance(answer, HTTPException):
                raise answer
            return answer

    app = Madara({"middlewares": [Answering]})
    async with client_for(app) as client:
        assert (await client.get("/text")).text == "text"
        assert (await client.get("/tuple")).status == 201
        assert (await client.get("/error")).status == 403
        assert (await client.get("/none")).status == 500


def test_a_middleware_that_cannot_be_built_is_told_at_the_start():
    class Wide:
        def __init__(self, get_response, app, more):
            pass

        def __call__(self, request):
            return None

    def nothing(get_response):
        return None

    for target, word in ((Wide, "missing a required argument: 'app'"), (nothing, "which can't be called")):
        with pytest.raises(ConfigurationError, match=word):
            Madara({"middlewares": [target]}).compile()


def test_a_middleware_that_calls_inwards_while_it_is_built_is_told_so():
    class Early:
        def __init__(self, get_response):
            get_response(Request(create_environ("/")))

        def __call__(self, request):
            return None

    with pytest.raises(RuntimeError, match="for no request"):
        Madara({"middlewares": [Early]}).compile()


@pytest.mark.parametrize("item", [3, type("Mute", (), {})], ids=["number", "mute-class"])
def test_what_is_no_layer_of_any_kind_is_refused(item):
    with pytest.raises(ConfigurationError, match=r"cannot be adapted|let it take \(get_response\)"):
        Madara({"middlewares": [item]}).compile()


class Adding:
    def __init__(self, get_response, app=None, word="plain"):
        self.get_response, self.word = get_response, word

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.add("X-Word", self.word)
        return response


class Making:
    def __call__(self, get_response, app):
        return Adding(get_response, app, "instance")

    def make(self, get_response, app):
        return Adding(get_response, app, "method")


class ByItsClass(type):
    def __call__(cls, get_response, app):
        return Adding(get_response, app, "metaclass")


class Open:
    def __init__(self, *given):
        self.inner = Adding(*given, word="open")

    def __call__(self, *given):
        return self.inner(*given)


def onion(request, call_next):
    response = call_next(request)
    response.headers.add("x-word", "onion")
    return response


async def async_onion(asked, call_next):
    response = await call_next(asked)
    response.headers.add("x-word", "async")
    return response


async def test_whatever_can_be_called_builds_a_middleware_unless_it_is_a_native_layer(client_for):
    made = [Adding, functools.partial(Adding, word="partial"), Making(), Making().make, ByItsClass("C", (), {}), Open]
    app = Madara({"middlewares": [*made, onion, async_onion, Middleware(onion)]})
    app.route("/")(lambda request: "x")
    async with client_for(app) as client:
        words = (await client.get("/")).headers.getlist("x-word")
    assert words == ["onion", "async", "onion", "open", "metaclass", "method", "instance", "partial", "plain"]
    chain = next(chain for chain in app.describe().chains if chain.method == "GET")
    names = [layer.name for layer in chain.layers if layer.dialect]
    assert names == ["Adding", "Adding", "Making", "make", "C", "Open"]


async def test_process_view_may_raise_an_http_error(client_for):
    def refuse(self, request, callback, callback_kwargs):
        raise Forbidden("not this one")

    app = Madara({"middlewares": [named("a", [], process_view=refuse)]})
    app.route("/")(lambda request: "never")
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, "not this one" in response.text) == (403, True)


def test_a_dotted_name_that_leads_nowhere_says_so():
    with pytest.raises(ConfigurationError, match=r"did you mean harbour_layers\.Tug\?"):
        Madara({"middlewares": ["harbour_layers.Tugg"]})


async def test_the_chain_lists_each_middleware_with_its_dialect(client_for):
    log = []
    app = Madara(
        {"middlewares": [named("First", log), Hooks(after=lambda request, response: None), named("Second", log)]}
    )
    app.middlewares.append(named("Third", log))
    app.route("/")(lambda request: "x")
    chain = next(chain for chain in app.describe().chains if chain.method == "GET")
    assert [(layer.name, layer.dialect) for layer in chain.layers if layer.dialect] == [
        ("First", "madara"),
        ("Second", "madara"),
        ("Third", "madara"),
    ]
    async with client_for(app) as client:
        assert (await client.get("/")).text == "x"
    assert log == ["First in", "Second in", "Third in", "Third out 200", "Second out 200", "First out 200"]


async def test_an_async_view_has_its_body_beforehand(client_for):
    app = Madara({"middlewares": [named("a", [])]})

    @app.route("/", methods=["POST"])
    async def view(request):
        return {"got": request.get_json(), "form": request.form}

    @app.route("/refused")
    async def refused(request):
        raise Forbidden

    async with client_for(app) as client:
        assert (await client.request("POST", "/", json=[1])).json() == {"got": [1], "form": {}}
        assert (await client.get("/refused")).status == 403


async def test_an_async_class_in_the_list_is_a_native_layer(client_for):
    class Async:
        def __init__(self, get_response):
            self.get_response = get_response

        async def __call__(self, request):
            response = await self.get_response(request)
            response.headers["x-native"] = str(response.status)
            return response

    log = []
    app = Madara({"middlewares": [named("a", log), Async, named("b", log)]})
    app.route("/")(lambda request: "x")
    async with client_for(app) as client:
        assert (await client.get("/")).headers["x-native"] == "200"
    assert log == ["a in", "b in", "b out 200", "a out 200"]


# Together with others.


async def test_a_madara_middleware_stands_in_a_native_list_and_a_native_layer_in_madaras(client_for):
    class Mark:
        def __init__(self, get_response, word="plain"):
            self.get_response, self.word = get_response, word

        def __call__(self, request):
            assert isinstance(request, Request)
            response = self.get_response(request)
            response.headers["X-Mark"] = f"{self.word if isinstance(self.word, str) else 'app'} {response.status}"
            return response

        def process_view(self, request, callback, callback_kwargs):
            assert callback is pages[-1]

    async def onion(request, call_next):
        response = await call_next(request)
        response.headers["x-onion"] = str(response.status)
        return response

    native = Nacre(middlewares=[layer(Mark, word="given"), layer("harbour_layers.Tug", name="tug", skip="/page")])

    @native.get("/page")
    async def page(request):
        return "native"

    pages = [page]
    async with client_for(native) as client:
        assert (await client.get("/page")).headers["x-mark"] == "given 200 OK"
        assert (await client.get("/nowhere")).headers["x-mark"] == "given 404 NOT FOUND"
    madara = Madara({"middlewares": [Middleware(onion), layer(Mark, "word")]})
    pages.append(madara.route("/page")(lambda request: "x"))
    async with client_for(madara) as client:
        response = await client.get("/page")
        assert (response.headers["x-mark"], response.headers["x-onion"]) == ("word 200 OK", "200")


async def test_a_madara_application_is_mounted_with_its_own_paths_and_pages(client_for):
    inner = Madara()
    inner.route("/here/<x>")(lambda request, x: {"path": request.path, "root": request.root_path, "url": request.url})
    outer = Nacre()
    outer.mount("/madara", inner)
    outer.get("/")(lambda request: "outer")
    async with client_for(outer) as client:
        found = (await client.get("/madara/here/3")).json()
        assert (found["path"], found["root"]) == ("/here/3", "/madara")
        assert found["url"].endswith("/madara/here/3")
        assert "<title>404" in (await client.get("/madara/nowhere")).text
        redirect = await client.request("GET", "/madara/here//3", follow_redirects=False)
        assert redirect.headers["location"] == "/madara/here/3"


async def test_native_groups_and_hooks_work_in_a_madara_application(client_for):
    app = Madara()
    group = Group("/native")

    @group.get("/<int:number>")
    async def number(request, number: int) -> dict[str, int]:
        return {"number": number}

    @dataclasses.dataclass
    class Sum:
        a: int

    @group.post("/sum")
    async def total(body: Sum) -> Sum:
        return body

    app.include(group)

    @app.after_request
    def after(request, response):
        response.headers["x-after"] = "1"

    app.route("/")(lambda request: "x")
    async with client_for(app) as client:
        response = await client.get("/native/-4")
        assert (response.json(), response.headers["x-after"]) == ({"number": -4}, "1")
        refused = await client.request("POST", "/native/sum", json={"a": "x"})
        assert (refused.status, refused.json()["errors"][0]["loc"]) == (422, ["body", "a"])
        assert (await client.get("/")).headers["x-after"] == "1"


# The log.


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))

    @property
    def text(self):
        return "\n".join(self.lines)


@pytest.fixture(autouse=True)
def _no_handlers_stay():
    yield
    logger = logging.getLogger("madara")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)


def test_the_log_is_called_madara_and_says_more_in_debug_mode():
    records = Records()
    layers = [functools.partial(Adding, word="hunter2"), Middleware(Adding, "hunter2")]
    app = Madara({"debug": True, "logger_handler": records, "Secret": "hunter2", "middlewares": layers})
    assert (app.logger.name, app.logger.level, app.logger.propagate) == ("madara", logging.DEBUG, False)
    assert re.match(r"\[D \d{6} \d\d:\d\d:\d\d app:\d+\] madara config \{'debug': True", records.text)
    assert "hunter2" not in records.text
    assert "Adding" in records.text
    assert Madara({"logger_handler": records}).logger.level == logging.INFO
    assert len(records.lines) == 1


async def test_an_unhandled_exception_is_told_to_madaras_log_once(client_for):
    records = Records()
    app = Madara({"logger_handler": records})
    app.route("/")(lambda request: 1 // 0)
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert records.text.count("ZeroDivisionError: integer division") == 1
    assert "Traceback" in records.text


async def test_what_a_middleware_raises_is_told_as_that_ones(client_for):
    class Raising(named("Base", [])):
        def __call__(self, request):
            raise RuntimeError("adrift")

    records = Records()
    app = Madara({"logger_handler": records, "middlewares": [named("First", []), Raising, named("Last", [])]})
    app.route("/")(lambda request: "never")
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert "in layer `Raising`" in records.text


def test_lines_of_the_log_are_coloured_on_terminals_and_indented(monkeypatch):
    record = logging.LogRecord("madara", logging.ERROR, "/x/hold.py", 12, "a %s\nb", ("leak",), None)
    assert re.fullmatch(r"\[E \d{6} \d\d:\d\d:\d\d hold:12\] a leak\n    b", LogFormatter().format(record))
    monkeypatch.setattr("sys.stderr", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})())
    assert LogFormatter().format(record).startswith("\x1b[2;31m[E ")
    assert not LogFormatter(color=False).format(record).startswith("\x1b")
    assert LogFormatter("%(message)s").format(record) == "a leak\n    b"


def test_pretty_logging_writes_to_standard_error_unless_told_otherwise():
    logger = logging.getLogger("madara.harbour")
    assert enable_pretty_logging(logger) is logger
    assert (logger.handlers, logger.level) == ([default_stream_handler], logging.WARNING)
    logger.removeHandler(default_stream_handler)


# Small functions, and what is imported.


def test_import_string_names_what_is_missing():
    assert import_string("uuid.UUID") is uuid.UUID
    for name, word in (("UUID", "dotted"), ("uuid.Nothing", "no 'Nothing'"), ("no_such_module.X", "no_such_module")):
        with pytest.raises(ImportError, match=word):
            import_string(name)


def test_jsonify_takes_one_thing_or_many_but_not_both():
    assert jsonify([1]).get_data() == b"[1]\n"
    assert jsonify(1, "ö").get_data() == b'[1,"\\u00f6"]\n'
    assert jsonify(a=1).get_data() == b'{"a":1}\n'
    assert json.loads(jsonify().get_data()) == {}
    assert jsonify(1).mimetype == "application/json"
    with pytest.raises(TypeError):
        jsonify(1, a=2)


def test_reraise_keeps_the_given_exception():
    error = ValueError("x")
    with pytest.raises(ValueError) as caught:
        reraise(ValueError, error)
    assert caught.value is error


def test_there_is_no_current_request_but_the_one_that_is_passed():
    import nacre.dialects.madara.app as app_module
    import nacre.dialects.madara.wrappers as wrappers_module

    for module in (app_module, wrappers_module):
        assert not any(type(value).__name__ in ("LocalProxy", "ContextVar") for value in vars(module).values())


def test_without_werkzeug_the_extra_is_named(monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "werkzeug" or ".madara" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    with pytest.raises(MissingExtra, match=r"nacre\[madara\]"):
        import nacre.dialects.madara  # noqa: F401


def test_make_response_without_a_value_is_an_empty_one():
    assert Madara().make_response(None, ("x", 201)).status_code == 201
    assert (text_type, string_types) == (str, (str,))
    response = make_response(None)
    assert (response.status_code, response.get_data(), response.mimetype) == (200, b"", "text/plain")


def test_a_layer_says_what_it_is():
    made = layer("harbour_layers.Pilot")
    assert isinstance(made, MadaraMiddleware)
    assert (made.name, made.dialect) == ("Pilot", "madara")
