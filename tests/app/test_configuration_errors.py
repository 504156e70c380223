"""Every mistake in a declaration is told at startup: what it is, where it stands, what to change."""

import re
import sys
import types

import pytest

import nacre
from nacre import (
    ASGIMiddleware,
    ConfigurationError,
    DjangoMiddleware,
    Group,
    Hooks,
    Middleware,
    Nacre,
    Response,
    WSGIMiddleware,
    middleware,
)

ACCEPTED = """\
      accepted are: a function or instance called with (request, call_next);
      a class built with (get_response) and called with (request);
      a class built with (app, …) and called with (scope, receive, send);
      WSGIMiddleware(…), DjangoMiddleware(…) or ASGIMiddleware(…) around a factory; Hooks(…)"""


def here(offset=0):
    """The place of the caller as messages write it, `offset` lines further down."""
    return f"{nacre.errors.Location.of_caller()}".rpartition(":")[0] + f":{sys._getframe(1).f_lineno + offset}"


def at(function):
    """Where a function of this file was written."""
    return str(nacre.errors.Location.of(function))


def message_of(app):
    """The text of the error that compiling raises."""
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    return str(caught.value)


async def handler(request):
    return "OK"


async def onion(request, call_next):
    return await call_next(request)


class TestHandlers:
    def test_parameter_without_a_source(self):
        app = Nacre()

        @app.get("/dives/<int:number>")
        async def dive(request, nummer):
            return "down"

        assert message_of(app) == (
            f"handler `{dive.__qualname__}` takes `nummer`, and nothing gives it a value ({at(dive)})\n"
            "      did you mean `number`? Rename the parameter, annotate its type, or give it a default"
        )

    def test_parameter_that_is_like_no_variable(self):
        app = Nacre()

        @app.get("/dives")
        async def dive(request, depth):
            return "down"

        assert message_of(app) == (
            f"handler `{dive.__qualname__}` takes `depth`, and nothing gives it a value ({at(dive)})\n"
            "      annotate its type, name a path variable `depth` (the path has none), or give it a default"
        )

    def test_all_parameters_without_a_source_are_told(self):
        app = Nacre()

        @app.get("/<a>/<b>")
        async def dive(request, x1, y2, a):
            return "down"

        assert message_of(app) == (
            f"handler `{dive.__qualname__}` takes `x1` and `y2`, and nothing gives them values ({at(dive)})\n"
            "      annotate their types, name path variables so (the path has `a`, `b`), or give them defaults"
        )

    def test_class_without_a_method(self):
        app = Nacre()

        class Jar:
            def fill(self, request): ...

        with pytest.raises(ConfigurationError) as caught:
            app.route("/jar")(Jar)
        assert str(caught.value) == (
            f"class `{Jar.__qualname__}` handles no method ({at(Jar)})\n"
            "      define get(self, request), post(self, request) or another method's name in lower case"
        )

    def test_handler_that_is_not_callable(self):
        app = Nacre()
        with pytest.raises(ConfigurationError) as caught:
            app.add_route("/", "handler")
        assert str(caught.value) == (
            f"the handler of `/` is a str, which can't be called ({here(-2)})\n"
            "      give a function, or a class with a method per HTTP method"
        )


class TestRoutes:
    def test_methods_as_one_str(self):
        app = Nacre()
        with pytest.raises(ConfigurationError) as caught:
            app.route("/", methods="POST")(handler)
        assert str(caught.value) == f"methods='POST' is a str ({here(-1)})\n      write methods=['POST']"

    def test_methods_as_one_str_without_an_application(self):
        declared = nacre.route("/", "POST")(handler)
        place = here(-1)
        with pytest.raises(ConfigurationError) as caught:
            Nacre(routes=[declared])
        assert str(caught.value) == f"methods='POST' is a str ({place})\n      write methods=['POST']"

    def test_undeclared_function_in_routes(self):
        with pytest.raises(ConfigurationError) as caught:
            Group(routes=[handler])
        assert str(caught.value) == (
            f"`handler` in `routes` was declared for no path ({at(handler)})\n"
            "      decorate it with @nacre.get(path), @nacre.route(path, methods=[…]) or their like"
        )

    def test_no_methods(self):
        app = Nacre()
        with pytest.raises(ConfigurationError) as caught:
            app.add_route("/", handler, methods=[])
        assert str(caught.value) == f'route `/` has no methods ({here(-1)})\n      name some, e.g. `methods=["GET"]`'

    def test_path_without_a_slash(self):
        app = Nacre()
        app.add_route("reef", handler)
        assert message_of(app) == f"path `reef` does not start with a slash ({here(-1)})\n      write `/reef`"

    def test_unknown_converter(self):
        app = Nacre()
        app.add_route("/<itn:number>", handler)
        assert message_of(app) == (
            f"path `/<itn:number>` uses the unknown converter `itn` ({here(-2)})\n      did you mean `int`?"
        )

    def test_same_route_twice_names_both_places(self):
        app = Nacre()
        app.add_route("/pearls/<int:id>", lambda request, id: "")
        app.add_route("/pearls/<int:number>", lambda request, number: "")
        assert message_of(app) == (
            f"`GET /pearls/<int:number>` and `GET /pearls/<int:id>` match the same paths ({here(-2)})\n"
            f"      the first one, declared at {here(-4)}, always wins: remove one, or change its path or methods"
        )

    def test_same_text_twice_names_both_places(self):
        app, group = Nacre(), Group("/reef")
        app.add_route("/reef/map", handler)
        group.add_route("/map", handler)
        app.include(group)
        assert message_of(app) == (
            f"`GET /reef/map` is declared twice ({here(-3)})\n"
            f"      the first one, declared at {here(-5)}, always wins: remove one, or change its path or methods"
        )

    def test_same_name_twice_names_both_places(self):
        app = Nacre()
        app.add_route("/a", handler, name="map")
        app.add_route("/b", onion_handler, name="map")
        assert message_of(app) == (
            f"two routes are named `map`: `/a` and `/b` ({here(-2)})\n"
            f"      give one of them another name (it is also at {here(-4)})"
        )

    def test_unknown_slash_policy(self):
        app = Nacre()
        app.add_route("/a", handler, slashes="loose")
        assert message_of(app) == (
            f"route `/a` has the unknown slash policy `loose` ({here(-2)})\n      use `strict`, `redirect` or `ignore`"
        )

    def test_bad_host(self):
        app = Nacre()
        app.add_route("/", handler, host="a_b:80")
        assert message_of(app) == (
            f"host `a_b:80` has the label `a_b:80`, which no host can have ({here(-2)})\n"
            "      write labels like `example.com`, `*.example.com` or `<name>.example.com`, without a port"
        )

    def test_prefix_without_a_slash(self):
        with pytest.raises(ConfigurationError) as caught:
            Group("reef")
        assert str(caught.value) == f"prefix 'reef' doesn't begin with a slash ({here(-1)})\n      write '/reef'"

    def test_included_prefix_without_a_slash(self):
        with pytest.raises(ConfigurationError) as caught:
            Nacre().include(Group(), prefix="reef")
        assert str(caught.value) == f"prefix 'reef' doesn't begin with a slash ({here(-1)})\n      write '/reef'"

    @pytest.mark.parametrize("depth", [0, 1, 2])
    def test_group_within_itself(self, depth):
        group = inner = Group("/a")
        for _ in range(depth):
            inner, outer = Group("/b"), inner
            outer.include(inner)
        with pytest.raises(ConfigurationError) as caught:
            inner.include(group)
        assert str(caught.value) == f"a group can't include itself ({here(-1)})\n      include another group"
        assert inner.declarations == []

    def test_including_what_is_no_group(self):
        with pytest.raises(ConfigurationError) as caught:
            Nacre().include(handler)
        assert str(caught.value) == (
            f"`handler` is no Group ({here(-2)})\n"
            "      include a Group; another application is mounted: app.mount(prefix, application)"
        )

    def test_application_mounted_in_itself(self):
        app = Nacre(name="whole")
        with pytest.raises(ConfigurationError) as caught:
            app.mount("/again", app)
        assert str(caught.value) == f"<Nacre whole> can't be mounted in itself ({here(-1)})\n      mount another one"

    def test_mounting_what_is_no_application(self):
        with pytest.raises(ConfigurationError) as caught:
            Nacre().mount("/x", "application")
        assert str(caught.value) == (
            f"a str is mounted at '/x', which can't be called ({here(-2)})\n"
            "      mount a Nacre, an ASGI or a WSGI application, or a Group"
        )

    def test_converter_registered_twice(self):
        app = Nacre()
        app.register_converter("hex", int)
        with pytest.raises(ConfigurationError) as caught:
            app.register_converter("hex", float)
        assert str(caught.value) == (
            f"converter `hex` is registered twice ({here(-2)})\n      choose another name for one of them"
        )


async def onion_handler(request):
    return "OK"


class TestErrorHandlers:
    @pytest.mark.parametrize(
        "function",
        [lambda: "none", lambda a, b, c, d: "four", lambda *, request: "by name"],
        ids=["none", "four", "by name"],
    )
    def test_wrong_number_of_arguments(self, function):
        app = Nacre()
        app.error_handler(404)(function)
        app.add_route("/", handler)
        assert message_of(app) == (
            f"error handler `{function.__qualname__}` takes the wrong number of arguments ({at(function)})\n"
            "      it may take (request), (request, error) or (app, request, error)"
        )

    def test_wrong_number_of_arguments_at_a_route(self):
        def wrong():
            return ""

        app = Nacre()
        app.add_route("/", handler, error_handlers={404: wrong})
        assert message_of(app) == (
            f"error handler `{wrong.__qualname__}` takes the wrong number of arguments ({at(wrong)})\n"
            "      it may take (request), (request, error) or (app, request, error)"
        )

    @pytest.mark.parametrize(
        "keys", [(), (200,), ("404",), (True,), (404, BaseException), (KeyboardInterrupt,)], ids=str
    )
    def test_key_that_is_no_error(self, keys):
        app = Nacre()
        with pytest.raises(ConfigurationError) as caught:
            app.error_handler(*keys)
        assert str(caught.value) == (
            f"error_handler takes statuses from 400 to 599 and exception classes ({here(-2)})\n"
            "      write @app.error_handler(404) or @app.error_handler(ZeroDivisionError)"
        )

    def test_forgotten_parentheses(self):
        app = Nacre()
        with pytest.raises(ConfigurationError) as caught:

            @app.error_handler
            def oops(request): ...

        assert "write @app.error_handler(404)" in str(caught.value)

    def test_key_that_is_no_error_at_a_route(self):
        app = Nacre()
        with pytest.raises(ConfigurationError) as caught:
            app.add_route("/", handler, error_handlers={"404": handler})
        assert str(caught.value) == (
            f"error_handlers of `/` takes statuses from 400 to 599 and exception classes, not '404' ({here(-2)})\n"
            "      write error_handlers={404: function} or {ZeroDivisionError: function}"
        )


class TestHooks:
    @pytest.mark.parametrize(
        ("kind", "count", "takes"),
        [
            ("before_request", 2, "(request)"),
            ("after_request", 1, "(request, response)"),
            ("after_error", 3, "(request, response)"),
        ],
    )
    def test_hook_with_the_wrong_number_of_arguments(self, kind, count, takes):
        functions = {1: lambda one: None, 2: lambda one, two: None, 3: lambda one, two, three: None}
        hook = functions[count]
        with pytest.raises(ConfigurationError) as caught:
            getattr(Nacre(), kind)(hook)
        assert str(caught.value) == (
            f"{kind} hook `{hook.__qualname__}` takes the wrong number of arguments ({at(hook)})\n"
            f"      it is called with {takes}"
        )


class Plain:
    def __init__(self, get_response, *, limit=1):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


class Pure:
    def __init__(self, app, limit=1):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class Nothing:
    pass


class Five:
    def __call__(self, a, b, c, d):
        return None


WANTS_MORE = (
    "layer `audit` takes `db`, and nothing gives it a value ({where})\n"
    "      annotate its type, name a path variable `db` (the path has none), or give it a default"
)


class TestLayerShapes:
    def refused(self, layer):
        app = Nacre(middlewares=[layer])
        app.add_route("/", handler)
        return message_of(app)

    def test_function_of_one_argument(self):
        def half(request):
            return None

        assert self.refused(half) == (
            f"middleware `{half.__qualname__}` cannot be adapted: it takes (request) ({at(half)})\n{ACCEPTED}"
        )

    def test_function_that_wants_more(self):
        async def audit(request, call_next, db):
            return await call_next(request)

        assert self.refused(audit) == WANTS_MORE.format(where=at(audit))

    def test_function_that_wants_more_by_name(self):
        async def audit(request, call_next, *, db):
            return await call_next(request)

        assert self.refused(audit) == WANTS_MORE.format(where=at(audit))

    def test_asgi_application_instead_of_its_class(self):
        assert self.refused(Pure(None)) == (
            f"middleware an instance of `Pure` cannot be adapted: it is an ASGI application, which has nothing inside "
            f"it ({at(Pure)})\n      give the class: Pure, or Middleware(Pure, …) with options"
        )

    def test_asgi_function_instead_of_a_class(self):
        async def application(scope, receive, send): ...

        assert self.refused(application) == (
            f"middleware `{application.__qualname__}` cannot be adapted: it is an ASGI application, which has nothing "
            f"inside it ({at(application)})\n"
            "      give a class that is built with the next application, or mount this one"
        )

    def test_class_whose_instances_cannot_be_called(self):
        app = Nacre(middlewares=[Nothing])
        assert message_of(app) == (
            f"middleware `Nothing` cannot be adapted: its instances can't be called ({here(-2)})\n{ACCEPTED}"
        )

    def test_class_called_with_too_much(self):
        assert self.refused(Five) == (
            f"middleware `Five` cannot be adapted: its instances are called with (a, b, c, d) ({at(Five)})\n{ACCEPTED}"
        )

    @pytest.mark.parametrize("layer", [None, 7, Response("constant")], ids=["None", "int", "Response"])
    def test_something_else(self, layer):
        kind = type(layer).__name__
        app = Nacre(middlewares=[layer])
        app.add_route("/", handler)
        assert message_of(app) == (
            f"middleware an instance of `{kind}` cannot be adapted: a {kind} can't be called ({here(-3)})\n{ACCEPTED}"
        )

    @pytest.mark.parametrize(
        ("layer", "complaint"),
        [
            (
                Middleware(Pure, limmit=3),
                "layer `Pure` ({}) can't be built: got an unexpected keyword argument 'limmit'",
            ),
            (Middleware(Pure, 1, 2), "layer `Pure` ({}) can't be built: too many positional arguments"),
            (
                Middleware(Plain, limit=1, more=2),
                "layer `Plain` ({}) can't be built: got an unexpected keyword argument 'more'",
            ),
        ],
        ids=["misspelt", "too many", "one too many"],
    )
    def test_wrong_options_for_a_class(self, layer, complaint):
        cls = layer.target
        options = {Pure: "(app, limit=1)", Plain: "(get_response, *, limit=1)"}[cls]
        assert self.refused(layer) == (
            f"{complaint.format(layer.where)} ({at(cls)})\n      `{cls.__name__}` takes {options}"
        )

    def test_options_for_a_function(self):
        layer = Middleware(onion, limit=3)
        assert self.refused(layer) == (
            f"middleware `onion` cannot be adapted: options are given to `onion`, which is built already "
            f"({at(onion)})\n"
            "      options are for classes; give a function its values with functools.partial"
        )

    def test_class_that_fails_to_build_says_so_itself(self):
        class Picky:
            def __init__(self, app, size):
                raise OSError("no more room")

            async def __call__(self, scope, receive, send): ...

        app = Nacre(middlewares=[onion, Middleware(Picky, size=1)])
        app.add_route("/", handler)
        with pytest.raises(OSError, match="no more room"):
            app.compile()

    @pytest.mark.parametrize("kind", [ASGIMiddleware, DjangoMiddleware, WSGIMiddleware])
    def test_factory_that_returns_nothing(self, kind):
        def factory(inner):
            return None

        assert self.refused(kind(factory)) == (
            f"layer `factory` ({here(-1)}) can't be built: it returned None, which can't be called ({at(factory)})\n"
            "      return what is to be called for each request"
        )


class TestDottedNames:
    def refused(self, name):
        self.place = here(1)
        app = Nacre(middlewares=[name])
        app.add_route("/", handler)
        return message_of(app)

    def test_single_word(self):
        assert self.refused("onion") == (
            f"middleware 'onion' is no dotted name ({self.place})\n      write it as 'package.module.Name'"
        )

    def test_unknown_module(self):
        assert self.refused("nacre.no_such.Name") == (
            f"middleware 'nacre.no_such.Name': there is no module 'nacre.no_such' ({self.place})\n"
            "      check the dotted name"
        )

    def test_near_miss_of_a_module(self):
        assert self.refused("nacre.mediaa.Name") == (
            f"middleware 'nacre.mediaa.Name': there is no module 'nacre.mediaa' ({self.place})\n"
            "      did you mean 'nacre.media'?"
        )

    def test_near_miss_of_an_attribute(self, monkeypatch):
        module = types.ModuleType("pearl_layers")
        module.Timing = Plain
        monkeypatch.setitem(sys.modules, "pearl_layers", module)
        assert self.refused("pearl_layers.Timeing") == (
            f"middleware 'pearl_layers.Timeing': the module has no 'Timeing' ({self.place})\n"
            "      did you mean pearl_layers.Timing?"
        )

    def test_unlike_any_attribute(self, monkeypatch):
        module = types.ModuleType("pearl_layers")
        monkeypatch.setitem(sys.modules, "pearl_layers", module)
        assert self.refused("pearl_layers.Timing") == (
            f"middleware 'pearl_layers.Timing': the module has no 'Timing' ({self.place})\n"
            "      check what pearl_layers defines"
        )

    def test_module_that_fails_shows_its_own_failure(self, tmp_path, monkeypatch):
        (tmp_path / "pearl_broken.py").write_text("import there_is_no_such_module\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        app = Nacre(middlewares=["pearl_broken.Layer"])
        with pytest.raises(ModuleNotFoundError, match="there_is_no_such_module"):
            app.compile()

    async def test_right_name_is_followed(self, monkeypatch, client_for):
        module = types.ModuleType("pearl_layers")
        module.Timing = Plain
        monkeypatch.setitem(sys.modules, "pearl_layers", module)
        app = Nacre(middlewares=["pearl_layers.Timing", Middleware("pearl_layers.Timing", limit=2)])
        app.add_route("/", handler)
        async with client_for(app) as client:
            assert (await client.get("/")).text == "OK"


class TestSelectors:
    @pytest.mark.parametrize("kind", ["only", "skip"])
    def test_word_that_selects_nothing(self, kind):
        layer = Middleware(onion, **{kind: ["/shells/*", "GET"]})
        app = Nacre(middlewares=[layer])
        app.add_route("/boats", handler)
        assert message_of(app) == (
            f"layer `onion` ({layer.where}): {kind} '/shells/*' matches no route ({layer.where})\n"
            "      write a path pattern of a route, a method in capitals, or a route's name or tag"
        )

    @pytest.mark.parametrize(
        ("word", "near"), [("get", "GET"), ("/shels", "/shells"), ("shel", "shell"), ("publik", "public")]
    )
    def test_near_miss(self, word, near):
        layer = Middleware(onion, skip=word)
        app = Nacre(middlewares=[layer])
        app.add_route("/shells", handler, name="shell", tags=["public"])
        assert message_of(app) == (
            f"layer `onion` ({layer.where}): skip {word!r} matches no route ({layer.where})\n"
            f"      did you mean {near!r}?"
        )

    def test_route_level_word_is_checked_too(self):
        layer = Middleware(onion, only="/others")
        app = Nacre()
        app.add_route("/", handler, middlewares=[layer])
        app.add_route("/other", handler)
        assert f"layer `onion` ({layer.where}): only '/others' matches no route" in message_of(app)


class TestOrder:
    def test_nothing_provides_what_is_required(self):
        @middleware(requires="session")
        async def login(request, call_next):
            return await call_next(request)

        @middleware(provides="sessions")
        async def store(request, call_next):
            return await call_next(request)

        app = Nacre(middlewares=[store, login])
        app.add_route("/", handler, methods=["POST"])
        assert message_of(app) == (
            f"layer `login` ({login.where}) requires `session` on POST /, and no layer outside of it provides that; "
            f"did you mean `sessions`? ({login.where})\n"
            "      add a layer that provides `session` before it"
        )

    def test_provider_stands_further_in(self):
        @middleware(requires="session")
        async def login(request, call_next):
            return await call_next(request)

        @middleware(provides="session")
        async def store(request, call_next):
            return await call_next(request)

        app = Nacre(middlewares=[login])
        app.add_route("/me", handler, middlewares=[store])
        assert message_of(app) == (
            f"layer `login` ({login.where}) requires `session` on GET /me, but layer `store` ({store.where}) provides "
            f"it further in ({login.where})\n"
            "      put `store` before `login`"
        )

    def test_layer_that_must_stand_before_another(self):
        @middleware(before="inner")
        async def outer(request, call_next):
            return await call_next(request)

        inner = Middleware(onion, name="inner")
        app = Nacre(middlewares=[inner, outer])
        app.add_route("/", handler)
        assert message_of(app) == (
            f"layer `outer` ({outer.where}) must stand outside of layer `inner` ({inner.where}) on GET / "
            f"({outer.where})\n      move `outer` before `inner` in the list of middlewares"
        )

    def test_layer_that_must_stand_after_another(self):
        class Inner:
            after = "outer"

            def __init__(self, get_response):
                self.get_response = get_response

            def __call__(self, request):
                return self.get_response(request)

        inner, outer = Middleware(Inner), Middleware(onion, name="outer")
        app = Nacre(middlewares=[inner, outer])
        app.add_route("/", handler)
        assert message_of(app) == (
            f"layer `Inner` ({inner.where}) must stand inside of layer `outer` ({outer.where}) on GET / "
            f"({inner.where})\n      move `Inner` after `outer` in the list of middlewares"
        )

    def test_each_problem_is_told_once_with_its_first_route(self):
        @middleware(requires="session")
        async def login(request, call_next):
            return await call_next(request)

        app = Nacre(middlewares=[login])
        app.add_route("/a", handler)
        app.add_route("/b", handler)
        assert message_of(app).count("requires") == 1
        assert "GET /a" in message_of(app)

    def test_satisfied_needs_are_silent(self):
        @middleware(provides=["session", "user"], before="login")
        async def store(request, call_next):
            return await call_next(request)

        @middleware(requires=["user", "store"], after="session")
        async def login(request, call_next):
            return await call_next(request)

        app = Nacre(middlewares=[store, login])
        app.add_route("/", handler)
        app.compile()


class TestTogether:
    def test_all_problems_are_told_at_once(self):
        def half(request): ...

        app = Nacre(middlewares=[half, "nowhere"])
        app.add_route("/<b", handler)
        app.error_handler(500)(lambda: "")
        assert self.told(app, 4) == ["cannot be adapted", "no dotted name", "path `/<b`", "error handler"]

    def test_all_problems_of_what_fits_together_are_told_at_once(self):
        @middleware(requires="session", only="nothing")
        async def login(request, call_next):
            return await call_next(request)

        @middleware(requires="session")
        async def basket(request, call_next):
            return await call_next(request)

        app = Nacre(middlewares=[login, basket])
        app.add_route("/a", lambda request, depth: "", name="a")
        app.add_route("/b", handler, name="a")
        app.add_route("/b", handler)
        app.add_route("/c", handler, slashes="loose")
        expected = ["takes `depth`", "only 'nothing'", "requires `session`", "slash policy", "declared twice"]
        assert self.told(app, 6) == [*expected, "two routes are named"]

    def told(self, app, count):
        """Which of the known words the problems have, in their order."""
        with pytest.raises(ConfigurationError) as caught:
            app.compile()
        assert str(caught.value).startswith(f"{count} problems\n  - ")
        assert all(problem.where is not None and problem.fix for problem in caught.value.problems)
        words = (
            "cannot be adapted",
            "no dotted name",
            "path `/<b`",
            "error handler",
            "takes `depth`",
            "only 'nothing'",
        )
        words += ("requires `session`", "slash policy", "declared twice", "two routes are named")
        whats = [problem.what for problem in caught.value.problems]
        return sorted((word for word in words if any(word in what for what in whats)), key=words.index)

    def test_it_is_a_value_error(self):
        with pytest.raises(ValueError, match=re.escape("prefix 'x'")):
            Group("x")

    def test_hooks_object_needs_no_call(self):
        app = Nacre(middlewares=[Hooks(before=lambda request: None)])
        app.add_route("/", handler)
        app.compile()
