"""IdempotencyKey: done once, answered as often as it is asked."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre import ConfigurationError, Hooks, Nacre, wait
from nacre.compression import Compression
from nacre.errors import BadRequest
from nacre.response import JSONResponse, Response, StreamingResponse
from nacre.testing import TestClient
from nacre.traffic import Attempt, IdempotencyKey, KeptResponse, MemoryResponses, idempotency
from traffic.clock import Clock


class GiveUser(Hooks):
    provides = ("user",)

    def __init__(self):
        super().__init__(before=self.give, inline=True)

    def give(self, request):
        name = request.headers.get("x-user")
        request.user = SimpleNamespace(id=int(name) if name.isdigit() else name) if name else None


def application(*layers):
    app = Nacre(middlewares=[*layers])
    app.runs = 0

    def count():
        app.runs += 1
        return app.runs

    @app.route("/", methods=["GET", "POST", "PATCH", "PUT"])
    async def index(request):
        return JSONResponse({"run": count()}, 201, {"x-own": "yes"})

    @app.post("/plain")
    def plain(request):
        return f"{count()} {wait(request.text())}"

    @app.post("/fails")
    async def fails(request):
        count()
        raise RuntimeError

    @app.post("/refuses")
    async def refuses(request):
        count()
        raise BadRequest("not so")

    @app.post("/busy")
    async def busy(request):
        return Response(f"{count()}", 429)

    @app.post("/stream")
    async def stream(request):
        return StreamingResponse(iter([f"{count()}"]))

    @app.post("/large")
    async def large(request):
        return f"{count()}" + "x" * 1000

    @app.post("/cookie")
    async def cookie(request):
        response = Response(f"{count()}")
        response.set_cookie("session", "secret")
        return response

    return app


KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def test_a_repetition_gets_the_same_response_and_is_not_run(client_for):
    app = application(IdempotencyKey())
    async with client_for(app) as client:
        first = await client.post("/", headers=KEY, json={"a": 1})
        again = await client.post("/", headers=KEY, json={"a": 1})
    assert (first.status, first.json(), "idempotent-replayed" in first.headers) == (201, {"run": 1}, False)
    assert (again.status, again.json(), again.headers["idempotent-replayed"]) == (201, {"run": 1}, "true")
    assert again.headers["x-own"] == "yes"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert app.runs == 1


async def test_all_plain_chains_work_too(client_for):
    app = application(IdempotencyKey())
    async with client_for(app) as client:
        found = [(await client.post("/plain", headers=KEY, content=b"body")).text for _ in range(2)]
    assert found == ["1 body", "1 body"]


async def test_the_layers_outside_do_their_part_for_each(client_for):
    made = iter("12")
    stamp = Hooks(finalize=lambda request, response: response.headers.add("x-stamp", next(made)), inline=True)
    app = application(stamp, IdempotencyKey())
    async with client_for(app) as client:
        found = [(await client.post("/", headers=KEY)).headers.getlist("x-stamp") for _ in range(2)]
    assert found == [["1"], ["2"]]


OTHERS = [
    ("another body", "POST", "/", {"content": b"b"}),
    ("another type", "POST", "/", {"content": b"a", "headers": {**KEY, "content-type": "text/css"}}),
    ("another path", "POST", "/plain", {"content": b"a"}),
    ("another query", "POST", "/?q=1", {"content": b"a"}),
    ("another method", "PATCH", "/", {"content": b"a"}),
]


@pytest.mark.parametrize(("method", "path", "options"), [one[1:] for one in OTHERS], ids=[one[0] for one in OTHERS])
async def test_the_key_with_another_request_is_refused(client_for, method, path, options):
    app = application(IdempotencyKey())
    async with client_for(app) as client:
        await client.post("/", headers=KEY, content=b"a")
        refused = await client.request(method, path, **{"headers": KEY, **options})
        assert (refused.status, refused.text) == (422, "this Idempotency-Key was used for another request")
        assert (await client.post("/", headers=KEY, content=b"a")).status == 201
    assert app.runs == 1


async def test_a_repetition_while_the_first_one_runs_is_a_conflict():
    app = application(IdempotencyKey())
    began, go_on = asyncio.Event(), asyncio.Event()

    @app.post("/slow")
    async def slow(request):
        began.set()
        await go_on.wait()
        return "done"

    async def ask():
        return await client.post("/slow", headers=KEY)

    async with TestClient(app) as client:
        first = asyncio.create_task(ask())
        await began.wait()
        again = await client.post("/slow", headers=KEY)
        other = await client.post("/slow", headers=KEY, content=b"other")
        go_on.set()
        assert (await first).text == "done"
        assert (again.status, again.headers["retry-after"], other.status) == (409, "1", 422)
        assert (await client.post("/slow", headers=KEY)).headers["idempotent-replayed"] == "true"


async def test_without_a_key_and_for_other_methods_requests_run_as_ever(client_for):
    app = application(IdempotencyKey())
    async with client_for(app) as client:
        for method, headers in [("POST", {}), ("POST", {}), ("GET", KEY), ("GET", KEY), ("PUT", KEY), ("PUT", KEY)]:
            assert (await client.request(method, "/", headers=headers)).status == 201
    assert app.runs == 6


FREED = [("/fails", 500), ("/busy", 429)]


@pytest.mark.parametrize(("path", "status"), FREED)
async def test_what_failed_may_be_tried_again(client_for, path, status, caplog):
    app = application(IdempotencyKey())
    async with client_for(app) as client:
        for _ in range(2):
            assert (await client.post(path, headers=KEY)).status == status
    assert app.runs == 2


async def test_a_refusal_of_the_handler_is_a_response_like_any_other(client_for):
    app = application(IdempotencyKey())
    async with client_for(app) as client:
        for _ in range(2):
            response = await client.post("/refuses", headers=KEY)
            assert (response.status, response.text) == (400, "not so")
    assert app.runs == 1


@pytest.mark.parametrize("path", ["/stream", "/large"])
async def test_what_is_not_kept_is_not_run_again_either(client_for, path):
    app = application(IdempotencyKey(max_response=100))
    async with client_for(app) as client:
        assert (await client.post(path, headers=KEY)).text[0] == "1"
        again = await client.post(path, headers=KEY)
    assert (again.status, app.runs) == (409, 1)
    assert again.text == "the request with this Idempotency-Key was processed; its response wasn't kept"


async def test_a_layer_outside_may_try_again_what_failed(client_for):
    async def twice(request, call_next):
        try:
            return await call_next(request)
        except RuntimeError:
            return await call_next(request)

    failed = []

    async def flaky(request, call_next):
        if len(failed) < 1:
            failed.append(True)
            raise RuntimeError
        return await call_next(request)

    async with client_for(application(twice, IdempotencyKey(), flaky)) as client:
        found = [(await client.post("/", headers=KEY)).json() for _ in range(2)]
    assert found == [{"run": 1}, {"run": 1}]


async def test_an_application_that_is_mounted_may_have_a_layer_of_its_own(client_for):
    outer, inner = MemoryResponses(), MemoryResponses()
    app, mounted = application(IdempotencyKey(store=outer)), application(IdempotencyKey(store=inner))
    app.mount("/inner", mounted)
    async with client_for(app) as client:
        assert [(await client.post("/inner/", headers=KEY)).json() for _ in range(2)] == [{"run": 1}] * 2
    assert (len(outer), len(inner)) == (1, 0)  # the outer one keeps it


async def test_cookies_are_never_kept(client_for):
    async with client_for(application(IdempotencyKey())) as client:
        first = await client.post("/cookie", headers=KEY)
        client.cookies.clear()
        again = await client.post("/cookie", headers=KEY)
    assert "set-cookie" in first.headers
    assert "set-cookie" not in again.headers
    assert again.text == "1"


async def test_a_key_is_one_clients_own(client_for):
    app = application(GiveUser(), IdempotencyKey())
    senders = [
        {"x-user": "1"},
        {"x-user": "a"},
        {"authorization": "Bearer a"},
        {"authorization": "Bearer b"},
        {"cookie": "s=1"},
        {"cookie": "s=2"},
        {"authorization": "s=1"},
        {"host": "other.test"},
        {},
    ]
    async with client_for(app) as client:
        for number, sender in enumerate(senders, 1):
            for _ in range(2):
                assert (await client.post("/", headers={**KEY, **sender})).json() == {"run": number}
    async with client_for(app, client=("192.0.2.9", 1)) as client:
        assert (await client.post("/", headers=KEY)).json() == {"run": len(senders) + 1}


async def test_a_user_keeps_the_key_with_another_cookie_and_address(client_for):
    app = application(GiveUser(), IdempotencyKey())
    for number in range(3):
        async with client_for(app, client=(f"192.0.2.{number}", 1)) as client:
            headers = {**KEY, "x-user": "7", "cookie": f"c={number}", "authorization": f"Bearer {number}"}
            assert (await client.post("/", headers=headers)).json() == {"run": 1}


class Customer(SimpleNamespace):
    pass


async def test_users_of_one_id_whose_class_or_issuer_differs_are_two_clients(client_for):
    users = {
        "clerk": SimpleNamespace(id=1),
        "customer": Customer(id=1),
        "text": SimpleNamespace(id="1"),
        "a": {"sub": "1", "iss": "a"},
        "b": {"sub": "1", "iss": "b"},
        "pk": SimpleNamespace(pk=1),
    }

    class Give(GiveUser):
        def give(self, request):
            request.user = users[request.headers["x-user"]]

    async with client_for(application(Give(), IdempotencyKey())) as client:
        for number, name in enumerate(users, 1):
            for _ in range(2):
                assert (await client.post("/", headers={**KEY, "x-user": name})).json() == {"run": number}


async def test_the_scope_may_be_chosen(client_for):
    app = application(IdempotencyKey(scope=lambda request: request.headers["x-tenant"]))
    async with client_for(app) as client:
        for tenant, run in [("a", 1), ("b", 2), ("a", 1)]:
            assert (await client.post("/", headers={**KEY, "x-tenant": tenant})).json() == {"run": run}


KEYS = [
    ('"abc"', 201),
    ("abc", 201),
    ('"a b"', 201),
    (r'"a\"b"', 201),
    ("a" * 255, 201),
    ('"' + "a" * 255 + '"', 201),
    ("a" * 256, 400),
    ('"' + "a" * 256 + '"', 400),
    ("", 400),
    ('""', 400),
    ('"abc', 400),
    (r'"a\b"', 400),
    ("a b", 400),
    ("a, b", 400),
    ('"a"; p=1', 400),
    ("a{b}", 400),
    ("?1", 400),
]


@pytest.mark.parametrize(("key", "status"), KEYS)
async def test_keys_are_strings(client_for, key, status):
    async with client_for(application(IdempotencyKey())) as client:
        response = await client.post("/", headers={"idempotency-key": key})
    assert response.status == status
    assert not key or len(key) < 3 or key not in response.text


async def test_quoted_or_not_it_is_the_same_key_and_two_are_none(client_for):
    app = application(IdempotencyKey())
    async with client_for(app) as client:
        for key in ('"abc"', "abc", ' "abc" '):
            assert (await client.post("/", headers={"idempotency-key": key})).json() == {"run": 1}
        twice = await client.post("/", headers=[("idempotency-key", "a"), ("idempotency-key", "b")])
    assert twice.status == 400


async def test_a_key_may_be_required_and_handlers_taken_out(client_for):
    app = application(IdempotencyKey())

    @idempotency.required
    @app.post("/pay")
    async def pay(request):
        return "paid"

    @app.post("/free")
    @idempotency.exempt
    async def free(request):
        app.runs += 1
        return f"{app.runs}"

    async with client_for(app) as client:
        missing = await client.post("/pay")
        assert (missing.status, missing.text) == (400, "this request needs the header field idempotency-key")
        assert (await client.post("/pay", headers=KEY)).text == "paid"
        assert [(await client.post("/free", headers=KEY)).text for _ in range(2)] == ["1", "2"]
    async with client_for(application(IdempotencyKey(required=True))) as client:
        assert (await client.post("/")).status == 400
        assert (await client.get("/")).status == 201


async def test_keys_are_forgotten_after_their_time(client_for):
    clock = Clock()
    app = application(IdempotencyKey(ttl=60, store=MemoryResponses(clock=clock)))
    async with client_for(app) as client:
        await client.post("/", headers=KEY)
        clock.now += 59
        assert (await client.post("/", headers=KEY)).json() == {"run": 1}
        clock.now += 1
        assert (await client.post("/", headers=KEY)).json() == {"run": 2}


async def test_a_cancelled_request_frees_its_key():
    store = MemoryResponses()
    app = application(IdempotencyKey(store=store))
    began = asyncio.Event()

    @app.post("/begins")
    async def begins(request):
        began.set()
        await asyncio.Event().wait()

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        raise AssertionError("nothing is sent")

    headers = [(b"host", b"x"), (b"idempotency-key", b"k")]
    scope = {"type": "http", "method": "POST", "path": "/begins", "headers": headers, "query_string": b""}
    task = asyncio.create_task(app(scope, receive, send))
    await began.wait()
    assert len(store) == 1
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), len(store)) == (True, 0)


class AsyncStore(MemoryResponses):
    needs_loop = True

    async def begin(self, key, attempt):
        await asyncio.sleep(0)
        return await super().begin(key, attempt)

    async def finish(self, key, attempt, ttl):
        await asyncio.sleep(0)
        await super().finish(key, attempt, ttl)

    async def release(self, key, token):
        await asyncio.sleep(0)
        await super().release(key, token)


async def test_a_store_may_need_the_event_loop(client_for, caplog):
    store = AsyncStore()
    app = application(IdempotencyKey(store=store))
    async with client_for(app) as client:
        for path, texts in [("/plain", ["1 a", "1 a"]), ("/busy", ["2", "3"])]:
            headers = {"idempotency-key": path}
            assert [(await client.post(path, headers=headers, content=b"a")).text for _ in range(2)] == texts
    assert len(store) == 1


async def test_a_key_that_could_not_be_kept_is_free(client_for, caplog):
    class Failing(MemoryResponses):
        async def finish(self, key, attempt, ttl):
            raise OSError("the disk is full")

    for store in (Failing(), type("FailingOnLoop", (Failing,), {"needs_loop": True})()):
        async with client_for(application(IdempotencyKey(store=store))) as client:
            for _ in range(2):
                assert (await client.post("/plain", headers=KEY)).status == 500
        assert len(store) == 0


async def test_a_store_that_could_not_free_a_key_is_asked_again(client_for, caplog):
    class Failing(AsyncStore):
        failures = 1

        async def release(self, key, token):
            self.failures -= 1
            if self.failures == 0:
                raise OSError
            await super().release(key, token)

    store = Failing()
    async with client_for(application(IdempotencyKey(store=store))) as client:
        await client.post("/fails", headers=KEY)
    assert len(store) == 0


async def test_layers_of_one_store_may_keep_keys_for_different_times():
    clock = Clock()
    store = MemoryResponses(clock=clock)
    for key, ttl in [("long", 100), ("short", 10)]:
        await store.begin(key, Attempt(key, "f"))
        await store.finish(key, Attempt(key, "f", is_over=True), ttl)
    clock.now += 10
    assert await store.begin("short", Attempt("x", "f")) is None
    assert await store.begin("long", Attempt("x", "f")) is not None
    await store.finish("short", Attempt("x", "f", is_over=True), 10)
    assert len(store) == 2


async def keep(store, names, size):
    for name in names:
        assert await store.begin(name, Attempt(name, "f")) is None
        response = KeptResponse(200, (("x-a", "b"),), b"x" * size)
        await store.finish(name, Attempt(name, "f", is_over=True, response=response), 60)


async def test_memory_is_bounded():
    store = MemoryResponses(max_size=10_000)
    await keep(store, map(str, range(100)), 1000)
    assert len(store) == 10_000 // 512
    assert await store.begin("99", Attempt("x", "f")) is not None
    assert await store.begin("0", Attempt("x", "f")) is None


async def test_large_responses_drive_out_those_of_others_but_not_their_keys():
    store = MemoryResponses(max_size=100_000)
    await keep(store, ["order"], 100)
    await keep(store, map(str, range(50)), 50_000)
    known = await store.begin("order", Attempt("x", "f"))
    assert (known.is_over, known.response, len(store)) == (True, None, 51)
    newest = await store.begin("49", Attempt("x", "f"))
    assert len(newest.response.body) == 50_000


async def test_nothing_is_left_of_what_is_over():
    clock = Clock()
    store = MemoryResponses(max_size=10_000, clock=clock)
    for turn in range(5):
        await keep(store, (f"{turn} {number}" for number in range(8)), 2000)
        clock.now += 60
    await keep(store, map(str, range(4)), 1700)
    assert len(store) == 4
    known = [await store.begin(str(number), Attempt("x", "f")) for number in range(4)]
    assert all(one.response is not None for one in known)


async def test_only_the_attempt_that_has_a_key_ends_or_frees_it():
    store = MemoryResponses()
    await store.begin("k", Attempt("mine", "f"))
    await store.release("k", "other")
    await store.finish("k", Attempt("other", "f", is_over=True), 60)
    assert await store.begin("k", Attempt("other", "f")) == Attempt("mine", "f")
    await store.finish("k", Attempt("mine", "f", is_over=True), 60)
    await store.release("k", "mine")
    assert await store.begin("k", Attempt("other", "f")) == Attempt("mine", "f", is_over=True)


async def asynchronous(request):
    return "everybody"


async def test_the_document_says_how_requests_are_refused():
    app = application(IdempotencyKey())
    app.post("/pay")(idempotency.required(lambda request: ""))
    routes = app.describe().routes
    said = {one.path: layer.responses for one in routes for chain in one.chains for layer in chain.layers}
    assert said["/plain"][400] == "The Idempotency-Key is malformed"
    assert said["/pay"][400] == "There is no Idempotency-Key, or a malformed one"


def test_it_stands_inside_of_what_finds_the_user_and_of_compression():
    for outer in (GiveUser(), Compression()):
        app = application(IdempotencyKey(), outer)
        with pytest.raises(ConfigurationError, match="IdempotencyKey"):
            app.compile()


def test_a_required_key_without_a_layer_is_found_at_startup():
    app = Nacre()
    app.post("/")(idempotency.required(lambda request: ""))
    with pytest.raises(ConfigurationError, match="idempotency key"):
        app.compile()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": "POST"}, "the methods of IdempotencyKey are 'POST'"),
        ({"methods": ()}, "the methods of IdempotencyKey"),
        ({"ttl": 0}, "a ttl of 0 seconds"),
        ({"max_response": -1}, "max_response of -1 bytes"),
        ({"header": "a b"}, "the header of IdempotencyKey"),
        ({"scope": asynchronous}, "the scope of IdempotencyKey, `asynchronous`, is async"),
    ],
)
def test_mistakes_are_told_at_once(options, message):
    with pytest.raises(ConfigurationError, match=message):
        IdempotencyKey(**options)


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
@settings(max_examples=200)
def test_no_two_lists_of_parts_have_one_digest(one, other):
    assert (idempotency._digest(*one) == idempotency._digest(*other)) is (one == other)
