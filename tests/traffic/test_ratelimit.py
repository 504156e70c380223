"""RateLimit: what is counted, for whom, and what responses say of it."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre import ConfigurationError, Group, Hooks, Middleware, Nacre
from nacre.openapi import OpenAPI
from nacre.response import Response, StreamingResponse
from nacre.testing import HandshakeDenied, TestClient
from nacre.traffic import Bucket, LimitsStore, MemoryCounts, Rate, RateLimit, Standing, ratelimit
from traffic.clock import Clock


def application(*layers, clock=None, **options):
    app = Nacre(middlewares=layers, **options)

    @app.get("/")
    def index(request):
        return "index"

    @app.get("/async")
    async def on_loop(request):
        return "async"

    return app


def limit(*rates, clock=None, **options):
    return RateLimit(*rates, store=MemoryCounts(clock=clock or Clock()), **options)


async def statuses(client, count, path="/", **options):
    return [(await client.get(path, **options)).status for _ in range(count)]


STRATEGIES = ["sliding", "fixed", "moving"]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_requests_over_the_limit_are_refused_until_the_window_is_over(client_for, strategy):
    clock = Clock(1020.0)  # a multiple of the window
    async with client_for(application(limit("3/minute", strategy=strategy, clock=clock))) as client:
        assert await statuses(client, 5) == [200, 200, 200, 429, 429]
        clock.now += 120
        assert await statuses(client, 4, "/async") == [200, 200, 200, 429]


async def test_a_refusal_says_when_to_try_again(client_for):
    clock = Clock()
    async with client_for(application(limit("1/minute", strategy="fixed", clock=clock))) as client:
        await client.get("/")
        clock.now += 17.5
        refused = await client.get("/")
    assert refused.status == 429
    assert refused.headers["retry-after"] == "43"
    assert refused.text == "too many requests; try again in 43 seconds"


async def test_who_waits_as_long_as_told_is_served(client_for):
    for strategy in STRATEGIES:
        clock = Clock(1003.3)
        async with client_for(application(limit("4/10 seconds", strategy=strategy, clock=clock))) as client:
            for step in (0.0, 1.1, 0.7, 2.9, 0.0, 0.0):
                clock.now += step
                refused = await client.get("/")
            assert refused.status == 429
            clock.now += int(refused.headers["retry-after"])
            assert (await client.get("/")).status == 200, strategy


PATHS = [("/", 200), ("/missing", 404), ("/boom", 500), ("/stream", 200), ("/abort", 418), ("/post-only", 405)]


async def test_every_response_says_what_is_left(client_for):
    app = application(limit("10/minute", "100/hour", clock=Clock(7200.0)))

    @app.get("/boom")
    async def boom(request):
        raise RuntimeError

    @app.get("/abort")
    async def teapot(request):
        return Response("short", 418)

    @app.get("/stream")
    def stream(request):
        return StreamingResponse(iter(["a", "b"]))

    @app.post("/post-only")
    def post(request):
        return ""

    async with client_for(app) as client:
        for left, (path, status) in zip(range(9, -1, -1), PATHS, strict=False):
            response = await client.get(path)
            assert response.status == status
            assert response.headers["ratelimit-policy"] == '"10-per-minute";q=10;w=60, "100-per-hour";q=100;w=3600'
            assert (
                response.headers["ratelimit"] == f'"10-per-minute";r={left};t=60, "100-per-hour";r={90 + left};t=3600'
            )


async def test_a_request_that_one_rate_refuses_is_counted_by_none(client_for):
    clock = Clock(7200.0)
    async with client_for(application(limit("2/second", "3/hour", strategy="fixed", clock=clock))) as client:
        assert await statuses(client, 4) == [200, 200, 429, 429]
        clock.now += 1
        assert await statuses(client, 2) == [200, 429]


async def test_addresses_are_counted_apart_and_headers_are_not_believed(client_for):
    app = application(limit("1/minute"))
    async with client_for(app, client=("192.0.2.1", 1)) as client:
        assert await statuses(client, 1) == [200]
        for name in ("x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"):
            assert await statuses(client, 1, headers={name: "198.51.100.7"}) == [429]
    async with client_for(app, client=("192.0.2.2", 1)) as client:
        assert await statuses(client, 2) == [200, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not an address:", "not an address:2", False),
    ],
)
async def test_an_ipv6_client_is_its_network_of_64_bits(client_for, one, other, same):
    app = application(limit("1/minute"))
    async with client_for(app, client=(one, 1)) as client:
        assert await statuses(client, 1) == [200]
    async with client_for(app, client=(other, 1)) as client:
        assert await statuses(client, 1) == [429 if same else 200]


class GiveUser(Hooks):
    provides = ("user",)

    def __init__(self):
        super().__init__(before=self.give, inline=True)

    def give(self, request):
        name = request.headers.get("x-user")
        request.user = {"int": 1, "str": "1"}.get(name) or (SimpleNamespace(id=name) if name else None)


async def test_users_are_counted_apart_and_who_is_nobody_by_address(client_for):
    async with client_for(application(GiveUser(), limit("1/minute", key="user"))) as client:
        for name in ("ada", "bob", "int", "str"):
            assert await statuses(client, 2, headers={"x-user": name}) == [200, 429]
        assert await statuses(client, 2) == [200, 429]


def test_counting_users_needs_a_layer_that_finds_them():
    with pytest.raises(ConfigurationError, match="requires `user`"):
        application(limit("1/minute", key="user")).compile()


async def test_a_combination_counts_for_each_pair(client_for):
    async with client_for(application(limit("1/minute", key=("address", "route")))) as client:
        assert await statuses(client, 2) == [200, 429]
        assert await statuses(client, 2, "/async") == [200, 429]


async def test_everybody_may_be_counted_together(client_for):
    app = application(limit("1/minute", key="all"))
    for address in ("192.0.2.1", "192.0.2.2"):
        async with client_for(app, client=(address, 1)) as client:
            found = await statuses(client, 1)
    assert found == [429]


async def test_a_function_is_the_key_and_none_is_not_counted(client_for):
    layer = limit("1/minute", key=lambda request: request.headers.get("x-key"))
    async with client_for(application(layer)) as client:
        assert await statuses(client, 3) == [200, 200, 200]
        assert await statuses(client, 2, headers={"x-key": "a" * 5000}) == [200, 429]
        assert await statuses(client, 1, headers={"x-key": "a" * 5000 + "b"}) == [200]
        response = await client.get("/")
    assert "ratelimit" not in response.headers


async def test_what_is_exempt_is_not_counted(client_for):
    layer = limit("1/minute", exempt=lambda request: "x-internal" in request.headers)
    async with client_for(application(layer)) as client:
        assert await statuses(client, 3, headers={"x-internal": ""}) == [200, 200, 200]
        assert await statuses(client, 2) == [200, 429]


@pytest.mark.parametrize("cost", [3, lambda request: int(request.headers["x-cost"])], ids=["number", "function"])
async def test_a_request_may_cost_more(client_for, cost):
    async with client_for(application(limit("7/minute", cost=cost))) as client:
        assert await statuses(client, 3, headers={"x-cost": "3"}) == [200, 200, 429]


async def test_a_cost_above_the_limit_is_refused_and_counted_never(client_for):
    for strategy in STRATEGIES:
        layer = limit("2/minute", cost=lambda request: int(request.headers["x-cost"]), strategy=strategy)
        async with client_for(application(layer)) as client:
            assert await statuses(client, 1, headers={"x-cost": "3"}) == [429]
            assert await statuses(client, 3, headers={"x-cost": "1"}) == [200, 200, 429]


async def test_a_cost_below_0_gives_nothing_back(client_for):
    layer = limit("1/minute", cost=lambda request: int(request.headers.get("x-cost", "1")))
    async with client_for(application(layer)) as client:
        assert await statuses(client, 2) == [200, 429]
        assert await statuses(client, 3, headers={"x-cost": "-5"}) == [200, 200, 200]
        assert await statuses(client, 1) == [429]


class Customer(SimpleNamespace):
    pass


async def test_users_of_two_classes_or_issuers_are_two_users(client_for):
    users = iter([SimpleNamespace(id=1), Customer(id=1), {"sub": "1", "iss": "a"}, {"sub": "1", "iss": "b"}, "1", 1])

    class Next(Hooks):
        provides = ("user",)

        def __init__(self):
            super().__init__(before=self.give, inline=True)

        def give(self, request):
            request.user = next(users)

    async with client_for(application(Next(), limit("1/minute", key="user"))) as client:
        assert await statuses(client, 6) == [200] * 6


async def test_only_true_exempts(client_for):
    async with client_for(application(limit("1/minute", exempt=lambda request: "yes"))) as client:
        assert await statuses(client, 2) == [200, 429]


# Marks.


async def test_a_handler_has_rates_of_its_own_at_any_place_among_decorators(client_for):
    app = application(limit("1/minute"))

    @ratelimit.limit("2/minute")
    @app.get("/above")
    def above(request):
        return ""

    @app.get("/below")
    @ratelimit.limit("2/minute")
    async def below(request):
        return ""

    async with client_for(app) as client:
        assert await statuses(client, 3, "/above") == [200, 200, 429]
        assert await statuses(client, 3, "/below") == [200, 200, 429]
        assert await statuses(client, 2) == [200, 429]


async def test_head_counts_with_get_and_methods_of_their_own_apart(client_for):
    app = application(limit("9/minute"))
    for method in ("GET", "POST"):
        app.route("/own", methods=[method])(ratelimit.limit("2/minute")(lambda request: ""))
    async with client_for(app) as client:
        found = [(await client.request(method, "/own")).status for method in ("GET", "HEAD", "HEAD", "GET", "POST")]
    assert found == [200, 200, 429, 429, 200]


async def test_rates_of_a_handler_may_come_on_top(client_for):
    app = application(limit("3/minute"))

    @app.get("/login")
    @ratelimit.limit("1/minute", replace=False)
    def login(request):
        return ""

    async with client_for(app) as client:
        assert await statuses(client, 2, "/login") == [200, 429]
        assert await statuses(client, 3) == [200, 200, 429]


async def test_an_exempt_handler_passes_all_layers(client_for):
    app = application(limit("1/minute"), limit("2/minute"))

    @app.get("/health")
    @ratelimit.exempt
    def health(request):
        return ""

    async with client_for(app) as client:
        assert await statuses(client, 4, "/health") == [200] * 4
        assert "ratelimit" not in (await client.get("/health")).headers
        assert await statuses(client, 2) == [200, 429]


async def test_a_mark_speaks_to_the_innermost_layer(client_for):
    app = application(limit("3/minute", name="outer"))
    group = Group("/inner", middlewares=[limit("9/minute", name="inner")])

    @group.get("/one")
    @ratelimit.limit("1/minute")
    def one(request):
        return ""

    app.include(group)
    async with client_for(app) as client:
        assert await statuses(client, 2, "/inner/one") == [200, 429]
        assert await statuses(client, 2) == [200, 429]  # the outer one has counted all three


def test_a_mark_without_a_layer_is_found_at_startup():
    app = Nacre()

    @app.get("/")
    @ratelimit.limit("1/minute")
    def index(request):
        return ""

    with pytest.raises(ConfigurationError, match="rate limit"):
        app.compile()


# Once.


async def test_a_layer_that_stands_twice_in_a_chain_counts_once(client_for):
    layer = limit("2/minute")
    app = Nacre(middlewares=[layer])
    group = Group("/g", middlewares=[layer])

    @group.get("/")
    def index(request):
        return ""

    app.include(group)
    async with client_for(app) as client:
        assert await statuses(client, 3, "/g/") == [200, 200, 429]


async def test_a_layer_that_stands_twice_counts_what_a_handler_says(client_for):
    layer = limit("100/minute")
    app, mounted = Nacre(middlewares=[layer]), Nacre(middlewares=[layer])
    group = Group("/group", middlewares=[limit("50/minute", name="between"), layer])
    for owner in (group, mounted):
        owner.get("/login")(ratelimit.limit("1/minute")(lambda request: ""))
    app.include(group)
    app.mount("/mounted", mounted)
    async with client_for(app) as client:
        for path in ("/group/login", "/mounted/login"):
            answers = [await client.get(path) for _ in range(3)]
            assert [one.status for one in answers] == [200, 429, 429]
            policies = ",".join(answers[0].headers.getlist("ratelimit-policy"))
            assert [policies.count(quota) for quota in ("q=1;", "q=100;", "q=50;")] == [1, path[1] == "g", 0]


async def test_a_layer_outside_that_tries_again_is_counted_once(client_for):
    async def twice(request, call_next):
        try:
            return await call_next(request)
        except ValueError:
            return await call_next(request)

    failed = []

    async def flaky(request, call_next):
        if not failed:
            failed.append(1)
            raise ValueError
        return await call_next(request)

    async with client_for(application(twice, limit("1/minute"), flaky)) as client:
        assert await statuses(client, 2) == [200, 429]


async def test_a_refused_request_stays_refused_when_a_layer_outside_tries_again(client_for):
    async def stubborn(request, call_next):
        for _ in range(5):
            try:
                return await call_next(request)
            except Exception as error:
                failure = error
        raise failure

    async with client_for(application(stubborn, limit("1/minute"))) as client:
        assert await statuses(client, 3) == [200, 429, 429]


async def test_a_handler_has_the_cost_and_strategy_of_the_layer_unless_it_says_otherwise(client_for):
    clock = Clock(1030.0)
    app = application(limit("9/minute", cost=2, strategy="fixed", clock=clock))
    app.get("/like")(ratelimit.limit("5/minute")(lambda request: ""))
    app.get("/own")(ratelimit.limit("5/minute", cost=5, strategy="moving")(lambda request: ""))
    async with client_for(app) as client:
        assert await statuses(client, 3, "/like") == [200, 200, 429]
        assert await statuses(client, 2, "/own") == [200, 429]
        assert (await client.get("/like")).headers["retry-after"] == "60"


async def test_handshakes_count(client_for):
    app = application(limit("2/minute"))

    @app.websocket("/ws")
    async def ws(ws):
        await ws.send("hello")

    async with client_for(app) as client:
        async with client.websocket("/ws") as ws:
            assert await ws.receive() == "hello"
        assert await statuses(client, 2) == [200, 429]


async def test_a_handshake_over_the_limit_is_refused(client_for):
    app = application(limit("1/minute"))

    @app.websocket("/ws")
    async def session(ws):
        await ws.accept()

    async with client_for(app) as client:
        await client.get("/")
        with pytest.raises(HandshakeDenied) as caught:
            async with client.websocket("/ws"):
                pass
    assert caught.value.response.status == 429


# Memory.


def test_what_is_over_is_dropped():
    clock = Clock()
    counts = MemoryCounts(clock=clock)
    for strategy in STRATEGIES:
        rate = Rate(5, 10, strategy, strategy)
        for number in range(100):
            counts.hit_now([Bucket(rate, f"old {number}")], 1)
    assert len(counts) == 300
    clock.now += 20
    for strategy in STRATEGIES:
        for number in range(100):
            counts.hit_now([Bucket(Rate(5, 10, strategy, strategy), f"new {number}")], 1)
    assert len(counts) == 300


def test_the_keys_are_bounded_and_who_keeps_asking_stays_limited():
    counts = MemoryCounts(max_keys=100, clock=Clock())
    rate = Rate(1, 60, "one")
    counts.hit_now([Bucket(rate, "attacker")], 1)
    for number in range(1000):
        counts.hit_now([Bucket(rate, f"spoofed {number}")], 1)
        [standing] = counts.hit_now([Bucket(rate, "attacker")], 1)
        assert standing.wait > 0
    assert len(counts) == 100


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 4)), max_size=60), st.sampled_from(STRATEGIES))
@settings(max_examples=150, deadline=None)
def test_no_strategy_lets_more_through_than_it_says(steps, strategy):
    clock = Clock(0.0)
    counts = MemoryCounts(clock=clock)
    bucket = Bucket(Rate(5, 10, "five", strategy), "key")
    allowed = []
    for step, cost in steps:
        clock.now += step
        [standing] = counts.hit_now([bucket], cost)
        assert 0 <= standing.remaining <= 5
        assert standing.reset >= 0
        if standing.wait == 0:
            allowed += [clock.now] * cost
        elif cost <= 5:
            later = clock.now
            clock.now += standing.wait + 0.001
            [after] = counts.hit_now([bucket], cost)
            assert after.wait == 0
            allowed += [clock.now] * cost
            assert clock.now >= later
    # Two fixed windows meet within ten seconds, and so may the most of two weighted ones.
    most = {"fixed": 10, "sliding": 10, "moving": 5}[strategy]
    for at in allowed:
        assert sum(at <= one < at + 10 - 0.01 for one in allowed) <= most


def test_a_rounded_time_lets_nothing_more_through():
    counts = MemoryCounts(clock=(clock := Clock(2.2e-313)))
    bucket = Bucket(Rate(5, 10, "five", "moving"), "key")
    for _ in range(3):
        counts.hit_now([bucket], 1)
    clock.now = 10.0
    [standing] = counts.hit_now([bucket], 3)
    assert (standing.remaining, standing.wait) == (2, 0.0)


# Other stores.


class AsyncStore:
    needs_loop = True

    def __init__(self):
        self.inner = MemoryCounts(clock=Clock())

    async def hit(self, buckets, cost):
        await asyncio.sleep(0)
        return await self.inner.hit(buckets, cost)


class BlockingStore(AsyncStore):
    needs_loop = False

    async def hit(self, buckets, cost):
        return await self.inner.hit(buckets, cost)


@pytest.mark.parametrize("store", [AsyncStore, BlockingStore])
async def test_a_store_may_be_another_one(client_for, store):
    async with client_for(application(RateLimit("2/minute", store=store()))) as client:
        assert await statuses(client, 3) == [200, 200, 429]


async def test_layers_of_one_store_are_told_apart_by_name(client_for):
    store = MemoryCounts(clock=Clock())
    layers = [RateLimit("2/minute", store=store, name=name) for name in ("a", "b")]
    async with client_for(application(*layers)) as client:
        assert await statuses(client, 3) == [200, 200, 429]


LIMITS = LimitsStore("memory://")  # the library reads files when it is imported


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_the_library_limits_keeps_counts_too(strategy):
    bucket = Bucket(Rate(2, 3600, "two", strategy), "key")
    standings = [(await LIMITS.hit([bucket], 1))[0] for _ in range(3)]
    assert [one.remaining for one in standings] == [1, 0, 0]
    assert [one.wait > 0 for one in standings] == [False, False, True]
    assert all(isinstance(one, Standing) and 0 <= one.reset <= 3600 for one in standings)
    for _ in range(200):
        if len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.01)  # the library's own task that drops what is over


async def test_a_store_may_derive_from_the_one_in_memory(client_for):
    class Generous(MemoryCounts):
        async def hit(self, buckets, cost):
            return [Standing(9, 60.0) for _ in buckets]

    async with client_for(application(RateLimit("1/minute", store=Generous()))) as client:
        assert await statuses(client, 3) == [200] * 3


async def test_the_library_sees_digests_of_keys(monkeypatch):
    seen = []

    async def hit(self, item, *names, cost=1):
        seen.extend(names)
        return True

    monkeypatch.setattr("limits.aio.strategies.FixedWindowRateLimiter.hit", hit)
    await LIMITS.hit([Bucket(Rate(2, 3600, "two", "fixed"), "8:ada\r\nset ")], 1)
    [name, key] = seen
    assert (name, len(key), key.isalnum()) == ("two", 32, True)


def test_what_a_store_was_given_is_not_shown():
    assert repr(LimitsStore("memory://user:secret@host")) == "LimitsStore(memory)"


# Configuration.


async def asynchronous(request):
    return True


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RateLimit(), "RateLimit has no rate"),
        (lambda: RateLimit("100"), "has the rate '100'"),
        (lambda: RateLimit("0/minute"), "has the rate '0/minute'"),
        (lambda: RateLimit("5/0 minutes"), "has the rate '5/0 minutes'"),
        (lambda: RateLimit("5/fortnight"), '"100/minute", "5/10 seconds"'),
        (lambda: RateLimit("٥/minute"), "has the rate"),
        (lambda: RateLimit("5/minute", key="adress"), "did you mean 'address'"),
        (lambda: RateLimit("5/minute", key=()), "has no key"),
        (lambda: RateLimit("5/minute", key=[3]), "has the key 3"),
        (lambda: RateLimit("5/minute", strategy="leaky"), "has the strategy 'leaky'"),
        (lambda: RateLimit("99999/minute", strategy="moving"), "would remember each request"),
        (lambda: RateLimit("5/minute", cost=0), "has the cost 0"),
        (lambda: RateLimit("5/minute", "5/minute"), "has a rate twice"),
        (lambda: RateLimit("5/minute", exempt=asynchronous), "the exempt of RateLimit, `asynchronous`, is async"),
        (lambda: RateLimit("5/minute", exempt=True), "RateLimit has exempt=True"),
        (lambda: RateLimit("5/minute", cost=asynchronous), "the cost of RateLimit"),
        (lambda: RateLimit("5/minute", key=asynchronous), "has the key <function asynchronous"),
        (lambda: RateLimit("5/minute", name='a"b'), "has the name"),
        (lambda: ratelimit.limit("nonsense"), r"ratelimit.limit\(\) has the rate 'nonsense'"),
        (lambda: MemoryCounts(max_keys=0), "max_keys"),
    ],
)
def test_mistakes_are_told_at_once(make, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        make()
    assert caught.value.problems[0].where.file == __file__


def test_all_mistakes_are_told_together():
    with pytest.raises(ConfigurationError) as caught:
        RateLimit("x", key="y", strategy="z", cost=-1)
    assert len(caught.value.problems) == 4


async def test_the_document_says_429():
    app = application(limit("1/minute"))
    app.include(OpenAPI(title="t", version="1"))
    async with TestClient(app) as client:
        document = (await client.get("/openapi.json")).json()
    assert "Too many requests" in document["paths"]["/async"]["get"]["responses"]["429"]["description"]


def test_it_may_be_placed_by_middleware():
    app = Nacre(middlewares=[Middleware(RateLimit, "1/minute", only="/")])
    app.get("/")(lambda request: "")
    app.compile()
