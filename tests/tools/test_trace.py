"""Which layer an exception was raised in: in the log, in `layer_of`, and in what the debug page draws."""

import asyncio
import functools
import logging

import pytest

from nacre import ASGIMiddleware, DjangoMiddleware, Hooks, Middleware, Nacre, WSGIMiddleware, wait


class Boom(Exception):
    pass


def fail():
    raise Boom


def failing_handler(request):
    fail()


def fine_handler(request):
    return "fine"


async def outer(request, call_next):
    return await call_next(request)


async def before(request, call_next):
    fail()


async def after(request, call_next):
    await call_next(request)
    raise Boom


async def checked_after(request, call_next):
    response = await call_next(request)
    if response.status == 200:
        fail()
    return "other"


def plain_before(request, call_next):
    fail()


def plain_after(request, call_next):
    call_next(request)
    fail()


def plain_waiting(request, call_next):
    async def later():
        fail()

    return wait(later())


async def awaiting(request, call_next):
    async def later():
        await asyncio.sleep(0)
        fail()

    await asyncio.create_task(later())


async def returns_nothing(request, call_next):
    await call_next(request)


class Instance:
    async def __call__(self, request, call_next):
        await self.help()
        return await call_next(request)

    async def help(self):
        fail()


class Passer(Instance):
    async def __call__(self, request, call_next):
        return await call_next(request)


class Parent:
    def __init__(self, fails=True):
        self.fails = fails

    async def __call__(self, request, call_next):
        if self.fails:
            fail()
        return await call_next(request)


class Child(Parent):
    pass


class Django:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        self.process_request(request)
        return self.get_response(request)

    def process_request(self, request):
        fail()


def django_factory(get_response):
    def middleware(request):
        get_response(request)
        fail()

    return middleware


class ASGI:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        fail()


class ASGISend:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def counted(message):
            fail()

        await self.app(scope, receive, counted)


class ASGIAwaiting:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, Boom())
        await future


class WSGI:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        list(self.app(environ, start_response))
        fail()


def logged_decorator(function):
    @functools.wraps(function)
    async def wrapper(request, call_next):
        return await function(request, call_next)

    return wrapper


async def hook_before(request):
    fail()


def hook_after(request, response):
    fail()


def finalize(request, response):
    fail()


async def failing_in_log(client_for, app, caplog):
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="nacre.error"):
        async with client_for(app) as client:
            response = await client.get("/")
    assert response.status == 500
    [record] = [record for record in caplog.records if record.name == "nacre.error"]
    return record.getMessage()


LAYERS = {
    "onion-before": (before, "before"),
    "onion-after": (after, "after"),
    "onion-after-checked": (checked_after, "checked_after"),
    "plain-onion-before": (plain_before, "plain_before"),
    "plain-onion-after": (plain_after, "plain_after"),
    "plain-onion-in-wait": (plain_waiting, "plain_waiting"),
    "onion-in-a-task": (awaiting, "awaiting"),
    "onion-that-returns-None": (returns_nothing, "returns_nothing"),
    "instance-helper": (Instance(), "Instance"),
    "inherited-call": (Middleware(Child), "Child"),
    "django-helper": (Django, "Django"),
    "django-factory": (DjangoMiddleware(django_factory), "django_factory"),
    "asgi": (ASGIMiddleware(ASGI, name="ASGI"), "ASGI"),
    "asgi-send": (ASGISend, "ASGISend"),
    "asgi-await": (ASGIAwaiting, "ASGIAwaiting"),
    "wsgi": (WSGIMiddleware(WSGI), "WSGI"),
    "decorated": (logged_decorator(before), "before"),
    "hook-before": (Hooks(before=hook_before), "hook_before"),
    "hook-after": (Hooks(after=hook_after), "hook_after"),
    "finalizer": (Hooks(finalize=finalize), "finalize"),
}


@pytest.mark.parametrize(("layer", "name"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("around", [[], [outer], [outer, outer]], ids=["alone", "inside-one", "inside-two"])
async def test_log_names_the_layer_that_raised(client_for, caplog, layer, name, around):
    app = Nacre(middlewares=[Hooks(before=lambda request: None), *around, layer, outer])
    app.get("/")(fine_handler)
    message = await failing_in_log(client_for, app, caplog)
    assert message.startswith(f"GET / (route /) failed in layer `{name}` (")


class PassingDjango(Django):
    def process_request(self, request):
        pass


class PassingASGI(ASGI):
    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class PassingWSGI(WSGI):
    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


PASSING = {"onion": outer, "django": PassingDjango, "asgi": PassingASGI, "wsgi": WSGIMiddleware(PassingWSGI)}


@pytest.mark.parametrize("layer", PASSING.values(), ids=PASSING)
async def test_log_names_no_layer_when_the_handler_raised(client_for, caplog, layer):
    app = Nacre(middlewares=[Hooks(before=lambda request: None), outer, layer, outer])
    app.get("/")(failing_handler)
    assert await failing_in_log(client_for, app, caplog) == "GET / (route /) failed: Boom"


async def test_log_names_no_layer_when_a_before_request_hook_raised(client_for, caplog):
    app = Nacre(middlewares=[outer])
    app.before_request(hook_before)
    app.get("/")(fine_handler)
    assert await failing_in_log(client_for, app, caplog) == "GET / (route /) failed: Boom"


async def test_handler_that_calls_a_function_of_a_layer_is_not_taken_for_it(client_for, caplog):
    app = Nacre(middlewares=[Passer()])

    @app.get("/")
    async def handler(request):
        await Passer().help()

    assert await failing_in_log(client_for, app, caplog) == "GET / (route /) failed: Boom"


async def test_handler_that_returns_nonsense_is_not_blamed_on_a_layer(client_for, caplog):
    app = Nacre(middlewares=[outer, Passer()])
    app.get("/")(lambda request: object())
    assert await failing_in_log(client_for, app, caplog) == "GET / (route /) failed: TypeError"


async def test_second_of_two_layers_of_one_class_is_told_from_the_first(client_for, caplog):
    app = Nacre(middlewares=[Middleware(Parent, fails=False, name="first"), Middleware(Parent, name="second")])
    app.get("/")(fine_handler)
    assert "layer `second`" in await failing_in_log(client_for, app, caplog)


async def test_layer_is_named_where_no_route_answers(client_for, caplog):
    app = Nacre(middlewares=[outer, before])
    message = await failing_in_log(client_for, app, caplog)
    assert message.startswith("GET / failed in layer `before` (")


async def test_layer_of_a_mounted_application_is_named(client_for, caplog):
    inner = Nacre(middlewares=[before])
    inner.get("/")(fine_handler)
    app = Nacre(middlewares=[outer])
    app.mount("", inner)
    assert "layer `before`" in await failing_in_log(client_for, app, caplog)


async def test_error_handler_that_raises_the_same_error_again_is_logged(client_for, caplog):
    app = Nacre()
    app.get("/")(failing_handler)

    @app.error_handler(Boom)
    async def again(request, error):
        raise error

    assert await failing_in_log(client_for, app, caplog) == "GET / (route /) failed: Boom"


class Unhelpful:
    """Raises for whoever looks at its attributes, as unbound proxies do."""

    def __getattribute__(self, name):
        raise RuntimeError(name)


async def test_layer_may_hold_objects_that_raise_when_looked_at(client_for):
    layer = Passer()
    layer.proxy = Unhelpful()
    app = Nacre(middlewares=[layer])
    app.get("/")(fine_handler)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "fine"
