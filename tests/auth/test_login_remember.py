"""Logins that outlive the session: the cookie, its rotation, theft, expiry and revocation."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
import time
from dataclasses import astuple
from datetime import timedelta
from random import Random
from typing import cast

import pytest
from alone import run_alone

from auth.login_site import Clock, Site
from nacre import Request, Response, StreamingResponse
from nacre.auth.login_marks import login_optional
from nacre.auth.remember import GRACE, MemoryRememberStore, RememberedLogin, RememberMe, SQLiteRememberStore
from nacre.errors import ConfigurationError
from nacre.sessions import Record, SQLiteStore

DAY = 86_400


class AsyncStore:
    """A store whose methods are `async def`, as those of a database on the network are."""

    def __init__(self, **options):
        self._inner = MemoryRememberStore(**options)

    async def add(self, login):
        await asyncio.sleep(0)
        self._inner.add(login)

    async def get(self, series):
        await asyncio.sleep(0)
        return self._inner.get(series)

    async def rotate(self, series, old, new, at):
        await asyncio.sleep(0)
        return self._inner.rotate(series, old, new, at)

    async def revoke(self, series):
        await asyncio.sleep(0)
        self._inner.revoke(series)

    async def revoke_user(self, user_id):
        await asyncio.sleep(0)
        self._inner.revoke_user(user_id)


@pytest.fixture(params=["memory", "sqlite", "async"])
def store(request, tmp_path):
    """A store of each kind, which lives by a clock that the site shares."""
    clock = Clock()
    match request.param:
        case "memory":
            yield MemoryRememberStore(clock=clock)
        case "async":
            yield AsyncStore(clock=clock)
        case _:
            store = SQLiteRememberStore(tmp_path / "remember.db", clock=clock)
            yield store
            store.close()


@pytest.fixture
def site(store):
    inner = store._inner if isinstance(store, AsyncStore) else store
    return Site(remember=store, clock=inner._clock)


@pytest.fixture
def plain():
    return Site(remember=MemoryRememberStore(), session_stamp=lambda user: user.password)


def end_session(client):
    """What closing the browser does."""
    for name in ("session", "__Host-session"):
        client.cookies.pop(name, None)


def set_cookie(response, name="remember"):
    found = [field for field in response.headers.getlist("set-cookie") if field.startswith(f"{name}=")]
    assert len(found) <= 1
    return found[0] if found else None


# The cookie.


async def test_a_login_is_remembered_after_the_session(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        end_session(client)
        assert (await client.get("/account")).text == "account of Ama"


async def test_a_login_is_not_remembered_unless_it_is_asked_for(client_for, site):
    async with client_for(site.app) as client:
        response = await client.post("/login?user=1")
        assert set_cookie(response) is None
        end_session(client)
        assert (await client.get("/")).text == "nobody"


@pytest.mark.parametrize(
    ("scheme", "options", "name", "attributes"),
    [
        ("http", {}, "remember", "HttpOnly; SameSite=Lax"),
        ("https", {}, "__Host-remember", "Secure; HttpOnly; SameSite=Lax"),
        ("http", {"secure": True}, "__Host-remember", "Secure; HttpOnly; SameSite=Lax"),
        ("https", {"remember_cookie": "me"}, "__Host-me", "Secure; HttpOnly; SameSite=Lax"),
    ],
)
async def test_the_cookie_is_as_safe_as_the_scheme_allows(client_for, scheme, options, name, attributes):
    site = Site(remember=MemoryRememberStore(), **options)
    async with client_for(site.app, scheme=scheme) as client:
        field = set_cookie(await client.post("/login?user=1&remember=yes"), name)
    value, _, rest = field.partition("; ")
    assert rest == f"Path=/; Max-Age={30 * DAY}; {attributes}"
    assert len(value) == len(name) + 1 + 22 + 1 + 43


async def test_a_cookie_of_plain_http_is_none_over_https(client_for, plain):
    async with client_for(plain.app, scheme="https") as client:
        await client.post("/login?user=1&remember=yes")
        value = client.cookies.pop("__Host-remember")
        end_session(client)
        client.cookies["remember"] = value
        assert (await client.get("/")).text == "nobody"


@pytest.mark.parametrize(
    "value",
    ["", ".", "a.b", "A" * 22 + "." + "B" * 43, "A" * 22 + "." + "B" * 42 + "%", "A" * 8000, "A" * 22 + ".B\n"],
)
async def test_a_cookie_that_was_never_issued_logs_nobody_in_and_is_deleted(client_for, plain, value):
    async with client_for(plain.app) as client:
        response = await client.get("/", headers=[("cookie", f"remember={value.strip()}")])
    assert (response.status, response.text) == (200, "nobody")
    assert "Max-Age=0" in set_cookie(response)


async def test_what_is_stored_does_not_log_in(client_for):
    store = MemoryRememberStore()
    site = Site(remember=store)
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        series, _, validator = client.cookies["remember"].partition(".")
        kept = store.get(series)
        assert validator not in str(astuple(kept))
        end_session(client)
        client.cookies["remember"] = f"{series}.{kept.validator[:43]}"
        assert (await client.get("/")).text == "nobody"
    assert series not in repr(kept)


async def test_a_cookie_with_any_bit_flipped_logs_nobody_in():
    store, request = MemoryRememberStore(), cast(Request, None)
    remember = RememberMe(store, time.time)
    cookie, _ = await remember.issue(request, 1, 60.0, None)
    (login,) = store._logins.values()
    assert await remember.verify(request, cookie) is not None
    for at in range(len(cookie)):
        for bit in range(8):
            other = cookie[:at] + chr(ord(cookie[at]) ^ (1 << bit)) + cookie[at + 1 :]
            assert await remember.verify(request, other) is None, other
            store.add(login)  # a wrong validator has ended the series
    assert await remember.verify(request, cookie) is not None


async def test_no_mutation_of_a_cookie_is_taken():
    store, request = MemoryRememberStore(), cast(Request, None)
    remember = RememberMe(store, time.time)
    cookies = [(await remember.issue(request, number, 60.0, None))[0] for number in range(20)]
    logins, random = list(store._logins.values()), Random(5)
    for _ in range(20_000):
        one, other = random.sample(cookies, 2)
        at, until = sorted(random.choices(range(len(one) + 1), k=2))
        mutant = one[:at] + random.choice([other[at:until], other[:until], "", ".", one[at:until] * 2]) + one[until:]
        if mutant not in cookies:
            assert await remember.verify(request, mutant) is None, mutant
        for login in logins:
            store._logins.setdefault(login.series, login)


# Rotation and theft.


async def test_each_use_replaces_the_cookie(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        seen = [client.cookies["remember"]]
        for _ in range(3):
            end_session(client)
            await client.get("/")
            seen.append(client.cookies["remember"])
        assert len(set(seen)) == 4
        assert len({value.partition(".")[0] for value in seen}) == 1


async def test_the_cookie_stays_while_the_session_lasts(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        assert set_cookie(await client.get("/")) is None


async def test_a_cookie_that_is_used_twice_ends_the_series_for_both(client_for, site, caplog):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        stolen = client.cookies["remember"]
        end_session(client)
        assert (await client.get("/")).text == "Ama"
        owners = client.cookies["remember"]
        site.clock.now += GRACE
        end_session(client)
        client.cookies["remember"] = stolen
        with caplog.at_level(logging.WARNING, "nacre.auth"):
            response = await client.get("/")
        assert (response.text, "Max-Age=0" in set_cookie(response)) == ("nobody", True)
        client.cookies["remember"] = owners
        assert (await client.get("/")).text == "nobody"
    assert "used twice" in caplog.text
    assert stolen not in caplog.text


async def test_an_older_cookie_than_the_last_ends_the_series_at_once(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        first = client.cookies["remember"]
        for _ in range(2):
            end_session(client)
            await client.get("/")
        end_session(client)
        client.cookies["remember"] = first
        assert (await client.get("/")).text == "nobody"


async def test_requests_at_the_same_time_are_all_logged_in(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        header = [("cookie", f"remember={client.cookies['remember']}")]
        client.cookies.clear()
        answers = [await client.get("/", headers=header) for _ in range(4)]
        assert [answer.text for answer in answers] == ["Ama"] * 4
        assert [set_cookie(answer) is not None for answer in answers] == [True, False, False, False]
        end_session(client)
        client.cookies["remember"] = set_cookie(answers[0]).partition(";")[0].partition("=")[2]
        site.clock.now += GRACE
        assert (await client.get("/")).text == "Ama"


@pytest.mark.parametrize("kind", [MemoryRememberStore, SQLiteRememberStore])
def test_only_one_of_many_threads_replaces_a_validator(kind, tmp_path):
    store = kind() if kind is MemoryRememberStore else kind(tmp_path / "remember.db")
    store.add(RememberedLogin("s" * 22, 1, "0", 4e9))
    barrier, won = threading.Barrier(8), []

    def rotate(number):
        barrier.wait()
        if store.rotate("s" * 22, "0", str(number + 1), 1.0):
            won.append(str(number + 1))

    threads = [threading.Thread(target=rotate, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = store.get("s" * 22)
    assert len(won) == 1
    assert (kept.validator, kept.previous) == (won[0], "0")
    if kind is SQLiteRememberStore:
        store.close()


class Slow(MemoryRememberStore):
    """A store in which another request is always faster."""

    def rotate(self, series, old, new, at):
        return False


async def test_a_loser_of_the_race_is_logged_in_without_a_cookie(client_for):
    site = Site(remember=Slow())
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        end_session(client)
        response = await client.get("/")
    assert (response.text, set_cookie(response)) == ("Ama", None)


# The end.


@pytest.mark.parametrize(("remember", "days"), [("yes", 30), ("7", 7), ("400", 400)])
async def test_using_the_cookie_does_not_prolong_it(client_for, site, remember, days):
    async with client_for(site.app) as client:
        begun = await client.post(f"/login?user=1&remember={remember}")
        assert f"Max-Age={days * DAY};" in set_cookie(begun)
        site.clock.now += DAY
        end_session(client)
        used = await client.get("/")
        assert f"Max-Age={(days - 1) * DAY};" in set_cookie(used)
        value = client.cookies["remember"]
        site.clock.now += (days - 1) * DAY - 1
        end_session(client)
        client.cookies["remember"] = value
        again = await client.get("/")
        assert (again.text, "Max-Age=1;" in set_cookie(again)) == ("Ama", True)
        value = client.cookies["remember"]
        site.clock.now += 1
        end_session(client)
        client.cookies["remember"] = value
        assert (await client.get("/")).text == "nobody"


@pytest.mark.parametrize("remember", [0, -1, 401, timedelta(0), timedelta(days=401)])
async def test_a_time_that_no_browser_keeps_is_an_error(client_for, plain, remember):
    @plain.app.post("/enter")
    async def enter(request: Request):
        with pytest.raises(ValueError, match="more than 0 and at most 400 days"):
            await plain.login.login(request, plain.users[1], remember=remember)
        return "refused" if request.user is None else "in"

    async with client_for(plain.app) as client:
        assert (await client.post("/enter")).text == "refused"


async def test_a_time_may_be_a_timedelta(client_for, plain):
    @plain.app.post("/enter")
    async def enter(request: Request):
        await plain.login.login(request, plain.users[1], remember=timedelta(hours=2))

    async with client_for(plain.app) as client:
        assert "Max-Age=7200;" in set_cookie(await client.post("/enter"))


async def test_remembering_without_a_store_is_an_error_that_says_what_to_do(client_for):
    site = Site()

    @site.app.post("/enter")
    async def enter(request: Request):
        with pytest.raises(RuntimeError, match="Login needs a store"):
            await site.login.login(request, site.users[1], remember=True)

    async with client_for(site.app) as client:
        assert (await client.post("/enter")).status < 400


async def test_logging_out_ends_the_series_and_deletes_the_cookie(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        value = client.cookies["remember"]
        assert "Max-Age=0" in set_cookie(await client.post("/logout"))
        client.cookies["remember"] = value
        assert (await client.get("/")).text == "nobody"


async def test_logging_in_again_ends_the_series_before(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        value = client.cookies["remember"]
        response = await client.post("/login?user=2")
        assert "Max-Age=0" in set_cookie(response)
        end_session(client)
        client.cookies["remember"] = value
        assert (await client.get("/")).text == "nobody"


async def test_all_series_of_a_user_can_be_ended(client_for, site):
    @site.app.post("/forget")
    @login_optional
    async def forget(request: Request):
        await site.login.forget(request, site.users[1])

    async with client_for(site.app) as client:
        values = {}
        for name, user in (("first", 1), ("second", 1), ("other", 2)):
            client.cookies.clear()
            await client.post(f"/login?user={user}&remember=yes")
            values[name] = client.cookies["remember"]
        await client.post("/forget")
        seen = {}
        for name, value in values.items():
            client.cookies.clear()
            client.cookies["remember"] = value
            seen[name] = (await client.get("/")).text
    assert seen == {"first": "nobody", "second": "nobody", "other": "Bo"}


async def test_another_stamp_ends_remembered_logins(client_for, plain):
    async with client_for(plain.app) as client:
        await client.post("/login?user=1&remember=yes")
        plain.users[1].password, cookie = "shell", client.cookies["remember"]
        end_session(client)
        response = await client.get("/")
        assert (response.text, "Max-Age=0" in set_cookie(response)) == ("nobody", True)
        plain.users[1].password, client.cookies["remember"] = "pearl", cookie
        assert (await client.get("/")).text == "nobody"


async def test_a_user_who_is_gone_is_not_remembered(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        gone, cookie = site.users.pop(1), client.cookies["remember"]
        end_session(client)
        assert (await client.get("/")).text == "nobody"
        site.users[1], client.cookies["remember"] = gone, cookie
        assert (await client.get("/")).text == "nobody"


# What it allows, and on which responses it is.


async def test_a_remembered_login_is_not_fresh(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        assert (await client.get("/keys")).text == "keys"
        end_session(client)
        assert (await client.get("/account")).status == 200
        assert (await client.get("/keys")).headers["location"] == "/login?next=/keys"
        await client.post("/login?user=1")
        assert (await client.get("/keys")).text == "keys"


async def test_the_session_of_a_remembered_login_has_a_new_id(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/cart")
        planted = client.cookies["session"]
        await client.post("/login?user=1&remember=yes")
        end_session(client)
        client.cookies["session"] = planted
        await client.get("/")
        assert client.cookies["session"] != planted


async def test_no_shared_cache_keeps_a_response_with_the_cookie(client_for, site):
    @site.app.get("/public")
    async def public():
        return Response("page", headers={"cache-control": "public, max-age=60"})

    async with client_for(site.app) as client:
        response = await client.get("/public", headers={"cookie": "remember=made up"})
        assert (set_cookie(response) is not None, response.headers["cache-control"]) == (True, "private, max-age=60")
        await client.post("/login?user=1&remember=yes")
        end_session(client)
        assert "private" in (await client.get("/public")).headers["cache-control"]


@pytest.mark.parametrize("path", ["/missing", "/logout", "/broken", "/stream", "/refused"])
async def test_every_response_brings_the_new_cookie(client_for, site, path, caplog):
    @site.app.get("/broken")
    async def broken():
        raise LookupError("the net tore")

    @site.app.get("/stream")
    async def stream():
        return StreamingResponse(iter(["one", "two"]))

    @site.app.get("/refused")
    @site.login.fresh
    async def refused():
        return "page"

    async with client_for(site.app) as client:
        await client.post("/login?user=1&remember=yes")
        end_session(client)
        response = await client.get(path)
        assert response.status == {"/missing": 404, "/logout": 405, "/broken": 500, "/refused": 302}.get(path, 200)
        assert f"Max-Age={30 * DAY};" in set_cookie(response)
        end_session(client)
        site.clock.now += GRACE
        assert (await client.get("/")).text == "Ama"


async def test_a_websocket_is_logged_in_and_uses_nothing_up(client_for, site):
    @site.app.websocket("/chat")
    @site.login.required
    async def chat(ws):
        await ws.accept()
        await ws.send(ws.request.user.name)

    async with client_for(site.app) as client:
        await client.post("/login?user=2&remember=yes")
        end_session(client)
        for _ in range(2):
            async with client.websocket("/chat") as ws:
                assert await ws.receive() == "Bo"
            site.clock.now += GRACE
        assert (await client.get("/")).text == "Bo"


# The stores.


@pytest.mark.parametrize("user_id", [1, "1", "ünïcode", 2**62])
def test_a_store_gives_back_what_it_was_given(tmp_path, user_id):
    for store in (MemoryRememberStore(clock=lambda: 0.0), SQLiteRememberStore(tmp_path / "a.db", clock=lambda: 0.0)):
        login = RememberedLogin("series", user_id, "hash", 12.5, stamp="stamp")
        store.add(login)
        assert store.get("series") == login
        assert store.get("other") is None
        assert store.rotate("series", "other", "next", 2.5) is False
        assert store.rotate("series", "hash", "next", 2.5) is True
        assert store.get("series") == RememberedLogin("series", user_id, "next", 12.5, "hash", 2.5, "stamp")
        store.revoke_user("another")
        assert store.get("series") is not None
        store.revoke_user(user_id)
        assert store.get("series") is None
    store.close()


def test_ids_that_look_alike_are_two_users(tmp_path):
    store = SQLiteRememberStore(tmp_path / "a.db", clock=lambda: 0.0)
    for series, user_id in (("a", 1), ("b", "1")):
        store.add(RememberedLogin(series, user_id, "hash", 9.0))
    store.revoke_user(1)
    assert (store.get("a"), store.get("b") is None) == (None, False)
    store.close()


def test_logins_that_have_expired_leave_the_store(tmp_path):
    now = [0.0]
    for store in (
        MemoryRememberStore(clock=lambda: now[0]),
        SQLiteRememberStore(tmp_path / "a.db", clock=lambda: now[0]),
    ):
        now[0] = 0.0
        store.add(RememberedLogin("old", 1, "hash", 5.0))
        now[0] = 5.0
        store.add(RememberedLogin("new", 1, "hash", 9.0))
        assert (store.get("old"), store.get("new") is None) == (None, False)
    store.close()


def test_a_file_is_shared_and_outlives_the_store(tmp_path):
    first, second = (SQLiteRememberStore(tmp_path / "a.db", clock=lambda: 0.0) for _ in range(2))
    first.add(RememberedLogin("series", 1, "hash", 9.0))
    assert second.rotate("series", "hash", "next", 1.0)
    assert not first.rotate("series", "hash", "other", 1.0)
    first.close()
    assert first.get("series").validator == "next"
    first.close()
    second.close()


def test_a_new_file_is_for_its_owner_alone(tmp_path):
    before = os.umask(0)
    try:
        store = SQLiteRememberStore(tmp_path / "a.db")
        store.add(RememberedLogin("series", 1, "hash", 9e9))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        store.close()
    finally:
        os.umask(before)


def test_a_file_that_could_not_be_opened_at_first_is_used_later(tmp_path):
    path = tmp_path / "a.db"
    path.write_text("no database at all, " * 100)
    store = SQLiteRememberStore(path)
    with pytest.raises(sqlite3.DatabaseError):
        store.get("series")
    path.unlink()
    store.add(RememberedLogin("series", 1, "hash", 9e9))
    assert store.get("series").user_id == 1
    store.close()


FORKING = """
import os, sys
from nacre.auth import RememberedLogin, SQLiteRememberStore

store = SQLiteRememberStore(sys.argv[1])
store.add(RememberedLogin("series", 1, "hash", 9e9))
child = os.fork()
if child == 0:
    right = store.rotate("series", "hash", "next", 1.0)
    store.close()
    os._exit(0 if right else 1)
assert os.waitpid(child, 0)[1] == 0
assert store.get("series").validator == "next"
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_was_forked_off_opens_the_file_anew(tmp_path):
    run_alone(FORKING, tmp_path / "a.db")


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="isn't there"):
        SQLiteRememberStore(tmp_path / "nowhere" / "a.db")


def test_the_file_may_be_that_of_the_sessions(tmp_path):
    sessions, remembered = SQLiteStore(tmp_path / "a.db"), SQLiteRememberStore(tmp_path / "a.db")
    remembered.add(RememberedLogin("series", 1, "hash", 9e9))
    assert sessions.write("session-x", Record(b"{}", 1.0, 9e9), None)
    assert remembered.get("series").user_id == 1
    sessions.close()
    remembered.close()
