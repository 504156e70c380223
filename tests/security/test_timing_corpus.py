"""Entries of classes timing and password_dos of the security corpus, and what logins must not tell.

What takes the same time is tested by what is computed: as many hashes, of as many bytes, and comparisons that look at
all bytes. `python -m reliability timing` measures the rest (R28).
"""

from __future__ import annotations

import hmac
import logging
import time
from base64 import b64encode

import pytest
from auth.hashers import CountingHasher

from nacre import Nacre
from nacre.auth import (
    APIKey,
    Authentication,
    BasicAuth,
    BearerAuth,
    FailureLimit,
    InvalidPassword,
    Passwords,
    authenticated,
    requires,
)


class User:
    def __init__(self, name, password, is_active=True, roles=()):
        self.name, self.password, self.is_active, self.roles = name, password, is_active, roles


HASHER = CountingHasher()
PASSWORDS = Passwords(HASHER)
USERS = {
    user.name: user
    for user in (
        User("ada", HASHER.hash("pearl")),
        User("locked", HASHER.hash("pearl"), is_active=False),
        User("oauth only", "!"),
        User("oauth too", ""),
        User("imported", "md5$1$2"),
    )
}


async def verify(name, password):
    """As the guide writes it."""
    user = USERS.get(name)
    is_right = await PASSWORDS.verify(password, user.password if user else None)
    return user if user and is_right and user.is_active else None


def application(scheme=None, **options):
    app = Nacre(middlewares=[Authentication(scheme or BasicAuth(verify), **options)])
    app.get("/")(authenticated(lambda request: getattr(request.user, "name", str(request.user))))
    return app


def basic(name, password):
    return {"authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


REFUSED = [
    pytest.param("ada", "sand", id="wrong password"),
    pytest.param("nobody", "pearl", id="CVE-2021-29621 / CVE-2022-21659, CVE-2023-41885-unknown user"),
    pytest.param("locked", "pearl", id="CVE-2018-6188-disabled user, right password"),
    pytest.param("locked", "sand", id="CVE-2018-6188-disabled user, wrong password"),
    pytest.param("oauth only", "pearl", id="CVE-2024-39329 / CVE-2025-13473-unusable hash"),
    pytest.param("oauth too", "pearl", id="CVE-2024-39329 / CVE-2025-13473-empty hash"),
    pytest.param("imported", "pearl", id="CVE-2024-39329 / CVE-2025-13473-foreign hash"),
    pytest.param("ada", "", id="empty password"),
    pytest.param("ada", "x" * 5000, id="CVE-2013-1443-long password"),
    pytest.param("nobody", "x" * 5000, id="CVE-2013-1443-long password of nobody"),
]


@pytest.mark.parametrize(("name", "password"), REFUSED)
async def test_every_refused_login_computes_one_hash_and_says_the_same(client_for, name, password):
    async with client_for(application()) as client:
        HASHER.computed.clear()
        wrong = await client.get("/", headers=basic("ada", "other"))
        assert len(HASHER.computed) == 1
        answer = await client.get("/", headers=basic(name, password))
        assert len(HASHER.computed) == 2
    assert max(HASHER.computed) <= 16
    assert (answer.status, answer.body) == (401, wrong.body)
    assert answer.headers.pairs() == wrong.headers.pairs()


async def test_a_login_that_succeeds_computes_one_too(client_for):
    async with client_for(application()) as client:
        HASHER.computed.clear()
        assert (await client.get("/", headers=basic("ada", "pearl"))).text == "ada"
    assert HASHER.computed == [5]


@pytest.mark.parametrize("length", [4097, 2**20, 2**24])
async def test_a_password_that_is_too_long_is_never_hashed(length):
    """CVE-2013-1443, CVE-2021-45115: neither for a login nor for a new account."""
    password = "x" * length
    HASHER.computed.clear()
    begun = time.process_time()
    assert not await PASSWORDS.verify(password, USERS["ada"].password)
    with pytest.raises(InvalidPassword):
        await PASSWORDS.hash(password)
    assert time.process_time() - begun < 0.05
    assert HASHER.computed == [16]


def test_a_password_that_grows_in_its_normal_form_costs_no_more():
    """CVE-2021-45115: what is looked at is bounded before it is looked at."""
    begun = time.process_time()
    for text in ("\ufdfa" * 10**6, "a" + "\u0301\u0323" * 10**6):
        assert not PASSWORDS.verify_sync(text, None)
    assert time.process_time() - begun < 0.05


# Comparisons.


@pytest.fixture
def compared(monkeypatch):
    lengths, equal = [], hmac.compare_digest

    def watched(one, other):
        lengths.append((len(one), len(other)))
        return equal(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    return lengths


@pytest.mark.parametrize("name", ["ada", "nobody", "a"])
@pytest.mark.parametrize("password", ["pearl", "pearX", "Xearl", "p", "", "pearls" * 20])
async def test_a_password_of_the_configuration_is_compared_in_constant_time(compared, name, password, client_for):
    """CVE-2021-33880: once, by digests of one length, whether the name exists or not."""
    async with client_for(application(BasicAuth({"ada": "pearl", "ben": "shell"}))) as client:
        answer = await client.get("/", headers=basic(name, password))
    assert answer.status == (200 if (name, password) == ("ada", "pearl") else 401)
    assert compared == [(32, 32)]


@pytest.mark.parametrize("key", ["k-right-1", "k-right-2", "k-right-X", "X-right-1", "k", "k-right-1" * 50])
@pytest.mark.parametrize("kind", [APIKey, BearerAuth])
async def test_a_key_of_the_configuration_is_compared_in_constant_time(compared, kind, key, client_for):
    """CVE-2016-7036, CVE-2021-33880: with all that there are, by digests of one length."""
    headers = {"x-api-key": key} if kind is APIKey else {"authorization": f"Bearer {key}"}
    async with client_for(application(kind({"k-right-1": "one", "k-right-2": "two"}))) as client:
        answer = await client.get("/", headers=headers)
    assert answer.status == (200 if key in ("k-right-1", "k-right-2") else 401)
    assert compared == [(32, 32)] * 2


@pytest.mark.parametrize("key", ["known.wrong", "unknown.wrong", "known.", "known", ".", "unknown"])
async def test_a_key_of_an_id_and_a_secret_computes_one_hash(client_for, key):
    """CVE-2026-23996: an unknown id costs what a wrong secret does."""
    stored = {"known": HASHER.hash("right")}

    async def look_up(given):
        key_id, _, secret = given.partition(".")
        return key_id if await PASSWORDS.verify(secret, stored.get(key_id)) else None

    async with client_for(application(APIKey(look_up))) as client:
        HASHER.computed.clear()
        assert (await client.get("/", headers={"x-api-key": key})).status == 401
        assert len(HASHER.computed) == 1
        assert (await client.get("/", headers={"x-api-key": "known.right"})).status == 200


# What an answer tells.


async def test_a_limit_tells_nothing_of_whether_an_account_exists(client_for):
    """CVE-2018-6188: accounts that don't exist are locked like those that do."""
    async with client_for(application(failures=FailureLimit(2, per=60))) as client:
        found = []
        for name in ("ada", "nobody", "locked"):
            answers = [await client.get("/", headers=basic(name, "sand")) for _ in range(3)]
            found.append([(answer.status, answer.body) for answer in answers])
    assert found[0] == found[1] == found[2]
    assert [status for status, _ in found[0]] == [401, 401, 429]


async def test_an_error_in_the_look_up_shows_nothing_of_it(client_for, caplog):
    """CVE-2023-34110: a fixed text, outside of debug."""
    caplog.set_level(logging.CRITICAL, "nacre.error")

    def fail(name, password):
        raise RuntimeError("UPDATE users SET password='$argon2id$v=19$m=65536$c2FsdA'")

    async with client_for(application(BasicAuth(fail))) as client:
        answer = await client.get("/", headers=basic("ada", "pearl"))
    assert answer.status == 500
    assert not [word for word in ("argon2", "UPDATE", "users", "Runtime") if word in answer.text]


@pytest.mark.parametrize(
    "name", ["mıke@example.org", "MIKE@example.org", "ｍike@example.org", "mike@example.org\u200b"]
)
async def test_a_name_that_only_looks_like_another_is_another(client_for, name):
    """CVE-2019-19844: names are compared as they are; no mapping of letters makes two of them one."""
    async with client_for(application(BasicAuth({"mike@example.org": "pearl"}))) as client:
        assert (await client.get("/", headers=basic("mike@example.org", "pearl"))).status == 200
        assert (await client.get("/", headers=basic(name, "pearl"))).status == 401


async def test_what_follows_the_response_doesnt_change_it(client_for, caplog):
    """CVE-2024-45231: a mail that can't be sent is no other answer than that there is no such address."""
    caplog.set_level(logging.CRITICAL)
    app = Nacre()

    @app.post("/reset")
    async def reset(request):
        address = (await request.json())["address"]

        def send():
            if address == "ada@example.org":
                raise OSError("mailbox full")

        request.after_response(send)
        return {"sent": "if there is such an account"}

    async with client_for(app) as client:
        known = await client.post("/reset", json={"address": "ada@example.org"})
        unknown = await client.post("/reset", json={"address": "nobody@example.org"})
    assert (known.status, known.body, known.headers.pairs()) == (unknown.status, unknown.body, unknown.headers.pairs())


@pytest.mark.parametrize(
    "form", [{"_method": "GET"}, {"role": "admin"}, {"roles": "admin"}, {"_save": "1", "user": "root"}, {"policy": ""}]
)
async def test_a_form_says_nothing_of_what_its_sender_may_do(client_for, form):
    """CVE-2026-4277 / CVE-2026-4292: the route decides, before anything of the body is read."""
    app = Nacre(middlewares=[Authentication(BasicAuth({"ada": "pearl"}))])
    app.get("/pearls")(lambda: "seen")
    app.post("/pearls")(requires(roles=["admin"])(lambda: "made"))
    async with client_for(app) as client:
        answer = await client.post(
            "/pearls",
            form=form,
            params=form,
            headers={**basic("ada", "pearl"), "x-http-method-override": "GET", "x-original-url": "/"},
        )
    assert answer.status == 403
