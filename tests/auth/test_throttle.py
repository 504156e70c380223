"""The limit on failed logins: what is counted, for whom, and until when."""

import asyncio
import logging

import pytest

from nacre import Nacre
from nacre.auth import Authentication, BasicAuth, BearerAuth, FailureLimit, MemoryFailures
from nacre.errors import ConfigurationError, Forbidden, ServiceUnavailable, TooManyRequests, Unauthorized
from nacre.threads import run_at_once, wait


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class From:
    """A request, as far as the limit looks at it."""

    def __init__(self, host="192.0.2.1"):
        self.client = None if host is None else (host, 40000)
        self.headers = {"x-forwarded-for": "198.51.100.7"}


def limit(clock=None, **options):
    return FailureLimit(store=MemoryFailures(clock=clock or Clock()), **options)


def attempt(given, account="ada", host="192.0.2.1"):
    """Make one attempt; says after how many seconds the next one makes sense, or gives the attempt."""
    try:
        return run_at_once(given.begin(From(host), account))
    except TooManyRequests as error:
        return int(dict(error.headers)["retry-after"])


def failures(given, count, **who):
    for _ in range(count):
        assert not isinstance(attempt(given, **who), int)


def test_an_account_is_locked_after_its_failures_and_open_again_in_time():
    clock = Clock()
    given = limit(clock, attempts=3, per=60)
    failures(given, 3)
    assert attempt(given) == 60
    assert attempt(given, host="192.0.2.2") == 60
    assert not isinstance(attempt(given, account="ben", host="192.0.2.2"), int)
    clock.now += 30
    assert attempt(given) == 30
    clock.now += 30
    failures(given, 3)
    assert attempt(given) == 60


def test_a_success_forgets_the_account_and_not_the_others_of_the_address():
    given = limit(attempts=3, address_attempts=5)
    failures(given, 2)
    run_at_once(attempt(given).succeeded())
    failures(given, 3, account="ben")
    assert isinstance(attempt(given), int)  # five failures of the address, and the success is none


def test_an_address_is_locked_for_all_accounts():
    given = limit(attempts=3, address_attempts=4)
    for name in "abcd":
        failures(given, 1, account=name)
    assert isinstance(attempt(given, account="e"), int)
    assert not isinstance(attempt(given, account="e", host="192.0.2.9"), int)


def test_who_is_locked_out_cant_lock_out_an_account():
    given = limit(attempts=3, address_attempts=1)
    failures(given, 1, account="mallory")
    for _ in range(10):
        assert isinstance(attempt(given, account="ada"), int)
    assert not isinstance(attempt(given, account="ada", host="192.0.2.9"), int)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("unix:", "unix:", True),
    ],
)
def test_what_counts_as_one_address(one, other, same):
    given = limit(attempts=100, address_attempts=1)
    failures(given, 1, host=one)
    assert isinstance(attempt(given, host=other), int) == same


def test_where_no_address_is_known_accounts_are_counted_alone():
    given = limit(attempts=2, address_attempts=1)
    failures(given, 2, host=None)
    assert isinstance(attempt(given, host=None), int)
    failures(given, 2, host=None, account="ben")


SPELLINGS = {
    "case": "ADA",
    "a compatible letter": "\uff41da",
    "a space behind": "ada ",
    "a space that isn't one": "\u2003ada",
    "an accent": "ad\u00e1",
    "an accent that is composed": "ada\u0301",
    "nothing that is seen": "a\u200bda",
    "a soft hyphen": "a\u00adda",
    "a zero": "a\0da",
    "several": "\u00c1\u200bD\uff21 ",
}


@pytest.mark.parametrize("other", SPELLINGS.values(), ids=SPELLINGS)
def test_names_that_a_database_may_take_for_one_are_one_account(other):
    given = limit(attempts=1)
    failures(given, 1)
    assert isinstance(attempt(given, account=other, host="192.0.2.9"), int)


@pytest.mark.parametrize("other", ["a da", "adb", "ad", "", "\u0430da", "a-da"])
def test_other_names_are_other_accounts(other):
    given = limit(attempts=1)
    failures(given, 1)
    assert not isinstance(attempt(given, account=other, host="192.0.2.9"), int)


def test_of_a_long_name_the_beginning_counts():
    given = limit(attempts=1)
    failures(given, 1, account="a" * 512 + "b")
    assert isinstance(attempt(given, account="a" * 512 + "c", host="192.0.2.9"), int)


async def test_a_file_in_place_of_a_name_is_a_400(client_for):
    app = Nacre()

    @app.post("/login")
    async def log_in(request):
        form = await request.form()
        await limit().begin(request, form["name"])

    async with client_for(app) as client:
        answer = await client.post("/login", files={"name": ("a.txt", "ada", "text/plain")})
    assert answer.status == 400


def test_memory_is_bounded_and_the_oldest_count_makes_room():
    store = MemoryFailures(3, clock=Clock())
    for key in "abcd":
        run_at_once(store.count(key, 60))
    assert len(store) == 3
    assert run_at_once(store.count("d", 60)) == (2, 60)
    assert run_at_once(store.count("a", 60)) == (1, 60)


def test_what_is_taken_back_leaves_no_entry():
    store = MemoryFailures(clock=Clock())
    run_at_once(store.count("a", 60))
    run_at_once(store.count("a", 60))
    run_at_once(store.take_back("a"))
    assert run_at_once(store.count("a", 60)) == (2, 60)
    for _ in range(3):
        run_at_once(store.take_back("a"))
    assert len(store) == 0


async def test_many_attempts_at_once_are_no_way_around(client_for):
    looked_at = []

    async def verify(name, password):
        looked_at.append(password)
        await asyncio.sleep(0)

    app = Nacre(middlewares=[Authentication(BasicAuth(verify), failures=FailureLimit(5))])
    app.get("/")(lambda: "in")
    async with client_for(app) as client:
        requests = [client.get("/", headers={"authorization": "Basic YWRhOnBlYXJs"}) for _ in range(20)]
        statuses = [answer.status for answer in await asyncio.gather(*requests)]
    assert sorted(statuses) == [401] * 5 + [429] * 15
    assert len(looked_at) == 5


async def test_header_fields_dont_change_the_address(client_for):
    app = Nacre(middlewares=[Authentication(BearerAuth({"t": "ada"}), failures=FailureLimit(1, address_attempts=2))])
    app.get("/")(lambda: "in")
    async with client_for(app) as client:
        statuses = []
        for number in range(4):
            spoofed = {"x-forwarded-for": f"198.51.100.{number}", "forwarded": f"for=198.51.100.{number}"}
            statuses.append((await client.get("/", headers={"authorization": "Bearer x", **spoofed})).status)
    assert statuses == [401, 401, 429, 429]


async def test_a_guess_is_counted_though_other_credentials_are_right(client_for):
    class Both(BearerAuth):
        def credentials(self, request):
            return ("t",) if "x-key" in request.headers else None

    app = Nacre(
        middlewares=[
            Authentication(
                BasicAuth({"ada": "pearl"}), Both({"t": "mallory"}), failures=FailureLimit(2, address_attempts=50)
            )
        ]
    )
    app.get("/")(lambda request: request.user)
    async with client_for(app) as client:
        guess = {"authorization": "Basic YWRhOnNhbmQ=", "x-key": "1"}
        statuses = [(await client.get("/", headers=guess)).status for _ in range(4)]
    assert statuses == [200, 200, 429, 429]


class Elsewhere:
    """A store that must be waited for, as one in another process."""

    in_memory = False

    def __init__(self):
        self.inner = MemoryFailures()
        self.keys = []

    async def count(self, key, per):
        await asyncio.sleep(0)
        self.keys.append(key)
        return await self.inner.count(key, per)

    async def take_back(self, key):
        await asyncio.sleep(0)
        await self.inner.take_back(key)

    async def forget(self, key):
        await asyncio.sleep(0)
        await self.inner.forget(key)


async def test_counts_may_be_kept_elsewhere_and_hold_no_names(client_for):
    store = Elsewhere()
    app = Nacre(middlewares=[Authentication(BasicAuth({"ada": "pearl"}), failures=FailureLimit(1, store=store))])
    app.get("/")(lambda: "in")
    async with client_for(app) as client:
        wrong, right = ({"authorization": f"Basic {text}"} for text in ("YWRhOnNhbmQ=", "YWRhOnBlYXJs"))
        assert [(await client.get("/", headers=one)).status for one in (right, wrong, right)] == [200, 401, 429]
    assert not [key for key in store.keys if "ada" in key]


@pytest.mark.parametrize(
    "options",
    [{"attempts": 0}, {"per": 0}, {"per": float("inf")}, {"address_attempts": -1}, {"attempts": True}, {"per": "60"}],
)
def test_limits_that_mean_nothing_are_refused(options):
    with pytest.raises(ConfigurationError, match="no positive number"):
        FailureLimit(**options)


def test_a_store_that_keeps_nothing_is_refused():
    with pytest.raises(ConfigurationError, match="nothing would be limited"):
        MemoryFailures(0)


@pytest.mark.parametrize(("error", "status"), [(Unauthorized("no"), 401), (Forbidden("no"), 403)], ids=["401", "403"])
async def test_a_refusal_by_an_http_error_is_a_failure(client_for, error, status):
    def verify(name, password):
        raise error

    app = Nacre(middlewares=[Authentication(BasicAuth(verify), failures=FailureLimit(2))])
    app.get("/")(lambda: "in")
    async with client_for(app) as client:
        answers = [await client.get("/", headers={"authorization": "Basic YWRhOnNhbmQ="}) for _ in range(3)]
    assert [answer.status for answer in answers] == [status, status, 429]


async def test_an_error_of_the_server_is_no_failure_of_the_client(client_for, caplog):
    caplog.set_level(logging.CRITICAL, "nacre.error")
    answers = [RuntimeError("no database"), ServiceUnavailable("no database"), "ada"]

    def verify(name, password):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    limit = FailureLimit(1, address_attempts=1)
    app = Nacre(middlewares=[Authentication(BasicAuth(verify), failures=limit)])
    app.get("/")(lambda: "in")
    async with client_for(app) as client:
        headers = {"authorization": "Basic YWRhOnBlYXJs"}
        assert [(await client.get("/", headers=headers)).status for _ in range(3)] == [500, 503, 200]


async def test_a_login_form_uses_the_same_limit(client_for):
    limit = FailureLimit(2, per=60)
    app = Nacre()

    @app.post("/login")
    async def log_in(request):
        form = await request.form()
        attempt = await limit.begin(request, form["name"])
        if form["password"] != "pearl":
            return "wrong", 401
        await attempt.succeeded()
        return "in"

    @app.post("/plain")
    def log_in_plainly(request):
        wait(limit.begin(request, "ben"))
        return "wrong", 401

    async with client_for(app) as client:
        given = ["sand", "pearl", "sand", "sand", "pearl"]
        answers = [await client.post("/login", form={"name": "ada", "password": one}) for one in given]
        plain = [await client.post("/plain") for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 200, 401, 401, 429]
    assert answers[-1].headers["retry-after"] == "60"
    assert [answer.status for answer in plain] == [401, 401, 429]
