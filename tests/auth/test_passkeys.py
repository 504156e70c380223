"""Passkeys, with real keys of an authenticator in software."""

from __future__ import annotations

import copy
import sys

import pytest

from auth.authenticator import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED, Authenticator, decode, encode
from auth.login_site import Clock
from nacre import Nacre, Request
from nacre.auth.passkeys import MemoryPasskeyStore, Passkeys, PasskeyUser
from nacre.errors import ConfigurationError, MissingExtra
from nacre.sessions import MemoryStore, Sessions

REFUSED = "this passkey isn't accepted; try again"
SOUND = {"rp_id": "shop.example", "rp_name": "Shop", "origins": ["https://shop.example", "https://www.shop.example"]}


class AsyncStore:
    """A store whose methods are `async def`."""

    def __init__(self):
        self._inner = MemoryPasskeyStore()

    async def get(self, credential_id):
        return self._inner.get(credential_id)

    async def of_user(self, user_id):
        return self._inner.of_user(user_id)

    async def add(self, passkey):
        return self._inner.add(passkey)

    async def use(self, credential_id, before, after):
        return self._inner.use(credential_id, before, after)


class Site:
    """A site that registers passkeys for the user whose id the client gives, and logs in with them."""

    def __init__(self, store=None, **options):
        self.clock = Clock()
        self.store = store or MemoryPasskeyStore()
        self.passkeys = Passkeys(store=self.store, clock=self.clock, **(SOUND | options))
        self.app = Nacre(middlewares=[Sessions(store=MemoryStore())])
        passkeys = self.passkeys

        @self.app.post("/register/options")
        async def registration_options(request: Request, user: int = 1):
            return await passkeys.registration_options(request, PasskeyUser(user, "ama@example.com", "Ama"))

        @self.app.post("/register")
        async def register(request: Request):
            passkey = await passkeys.register(request)
            return {"user": passkey.user_id, "transports": passkey.transports, "backed_up": passkey.backed_up}

        @self.app.post("/login/options")
        async def login_options(request: Request, user: int | None = None):
            return await passkeys.login_options(request, user)

        @self.app.post("/login")
        async def login(request: Request, second_factor_of: int | None = None):
            passkey = await passkeys.verify(request, second_factor_of)
            return {"user": passkey.user_id, "count": passkey.sign_count}


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def key():
    return Authenticator()


async def register(client, key, user=1):
    options = (await client.post(f"/register/options?user={user}")).json()
    return await client.post("/register", json=key.create(options))


async def log_in(client, key, path="/login/options"):
    options = (await client.post(path)).json()
    return await client.post("/login", json=key.get(options))


@pytest.mark.parametrize("store", [MemoryPasskeyStore, AsyncStore])
async def test_a_passkey_is_registered_and_logs_in(client_for, key, store):
    site = Site(store())
    async with client_for(site.app) as client:
        registered = await register(client, key)
        answers = [await log_in(client, key) for _ in range(2)]
    assert registered.json() == {"user": 1, "transports": ["internal"], "backed_up": False}
    assert [answer.json() for answer in answers] == [{"user": 1, "count": 1}, {"user": 1, "count": 2}]


async def test_the_options_say_what_is_wanted(client_for, site, key):
    async with client_for(site.app) as client:
        await register(client, key)
        options = (await client.post("/register/options")).json()
        login = (await client.post("/login/options")).json()
        second = (await client.post("/login/options?user=1")).json()
        other = (await client.post("/login/options?user=2")).json()
    assert options["rp"] == {"id": "shop.example", "name": "Shop"}
    assert (options["user"]["name"], options["user"]["displayName"]) == ("ama@example.com", "Ama")
    assert decode(options["user"]["id"]) == site.passkeys.handle_of(1) != site.passkeys.handle_of(2)
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == login["userVerification"] == "required"
    assert [one["id"] for one in options["excludeCredentials"]] == [encode(key.credential_id)]
    assert (login["rpId"], login["allowCredentials"]) == ("shop.example", [])
    assert [one["id"] for one in second["allowCredentials"]] == [encode(key.credential_id)]
    assert other["allowCredentials"] == []
    challenges = {one["challenge"] for one in (options, login, second, other)}
    assert len(challenges) == 4
    assert min(len(decode(one)) for one in challenges) >= 16


async def test_a_passkey_without_a_count_logs_in_again_and_again(client_for, site, key):
    key.counts = False
    async with client_for(site.app) as client:
        await register(client, key)
        assert [(await log_in(client, key)).status for _ in range(2)] == [200, 200]


async def test_a_subdomain_may_use_the_passkey_if_it_is_listed(client_for, site):
    key = Authenticator("https://www.shop.example")
    async with client_for(site.app) as client:
        await register(client, key)
        assert (await log_in(client, key)).status == 200


async def test_a_passkey_that_is_synchronised_says_so(client_for, site, key):
    key.flags |= ELIGIBLE | BACKED_UP
    async with client_for(site.app) as client:
        assert (await register(client, key)).json()["backed_up"] is True


async def test_a_passkey_that_is_registered_already_is_refused(client_for, site, key):
    async with client_for(site.app) as client:
        await register(client, key)
        again = await register(client, key, user=2)
        assert (again.status, again.text) == (400, REFUSED)
        assert (await log_in(client, key)).status == 400  # the authenticator has taken over the other user's handle
    assert site.store.get(key.credential_id).user_id == 1


# What is wrong with an answer.

WRONG = {
    "another origin": lambda key: setattr(key, "origin", "https://evil.example"),
    "a subdomain that isn't listed": lambda key: setattr(key, "origin", "https://a.shop.example"),
    "the origin without encryption": lambda key: setattr(key, "origin", "http://shop.example"),
    "another site": lambda key: setattr(key, "rp_id", "evil.example"),
    "another challenge": lambda key: key.client_data.update(challenge=encode(b"another challenge")),
    "another type": lambda key: key.client_data.update(type="payment.get"),
    "a frame of another site": lambda key: key.client_data.update(crossOrigin=True),
    "a user who isn't present": lambda key: setattr(key, "flags", VERIFIED),
    "a user who isn't verified": lambda key: setattr(key, "flags", PRESENT),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
async def test_a_registration_that_is_wrong_is_refused(client_for, site, key, change):
    change(key)
    async with client_for(site.app) as client:
        response = await register(client, key)
    assert (response.status, response.text) == (400, REFUSED)
    assert site.store.of_user(1) == []


def another_key(key):
    key.key = Authenticator().key


def count_back(key):
    key.count -= 1


@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param(change, id=name) for name, change in WRONG.items()),
        pytest.param(another_key, id="another key"),
        pytest.param(count_back, id="a count that was there before"),
        pytest.param(lambda key: setattr(key, "credential_id", b"unknown"), id="an unknown credential"),
        pytest.param(lambda key: setattr(key, "user_handle", b"another"), id="another user"),
    ],
)
async def test_a_login_that_is_wrong_is_refused(client_for, site, key, change):
    async with client_for(site.app) as client:
        await register(client, key)
        await log_in(client, key)
        count = site.store.of_user(1)[0].sign_count
        change(key)
        response = await log_in(client, key)
    assert (response.status, response.text) == (400, REFUSED)
    assert site.store.of_user(1)[0].sign_count == count


async def test_an_unverified_user_is_taken_where_that_is_configured(client_for, key):
    site = Site(user_verification="preferred")
    key.flags = PRESENT
    async with client_for(site.app) as client:
        await register(client, key)
        assert (await log_in(client, key)).status == 200


async def test_a_passkey_of_another_user_is_no_second_factor(client_for, site, key):
    other = Authenticator()
    async with client_for(site.app) as client:
        await register(client, key, user=1)
        await register(client, other, user=2)
        assert (await log_in(client, other, "/login/options?user=1")).status == 400
        assert (await log_in(client, key, "/login/options?user=1")).status == 200


async def test_ones_own_passkey_is_no_second_factor_of_another_user(client_for, site, key):
    async with client_for(site.app) as client:
        await register(client, key, user=2)
        for begin in ("/login/options", "/login/options?user=2"):
            options = (await client.post(begin)).json()
            answer = await client.post("/login?second_factor_of=1", json=key.get(options))
            assert answer.status == 400
        options = (await client.post("/login/options?user=2")).json()
        assert (await client.post("/login?second_factor_of=2", json=key.get(options))).json()["user"] == 2


async def test_a_key_that_knows_no_users_is_a_second_factor_only(client_for, site, key):
    async with client_for(site.app) as client:
        await register(client, key)
        key.user_handle = b""
        assert (await log_in(client, key, "/login/options?user=1")).status == 200
        assert (await log_in(client, key)).status == 400


# Challenges.


async def test_an_answer_counts_once(client_for, site, key):
    key.counts = False
    async with client_for(site.app) as client:
        await register(client, key)
        answer = key.get((await client.post("/login/options")).json())
        assert (await client.post("/login", json=answer)).status == 200
        assert (await client.post("/login", json=answer)).status == 400


async def test_a_challenge_is_used_up_by_a_wrong_answer(client_for, site, key):
    async with client_for(site.app) as client:
        await register(client, key)
        answer = key.get((await client.post("/login/options")).json())
        assert (await client.post("/login", json={})).status == 400
        assert (await client.post("/login", json=answer)).status == 400


async def test_a_challenge_counts_for_five_minutes(client_for, site, key):
    async with client_for(site.app) as client:
        await register(client, key)
        for seconds, status in ((299, 200), (300, 400)):
            answer = key.get((await client.post("/login/options")).json())
            site.clock.now += seconds
            assert (await client.post("/login", json=answer)).status == status


async def test_a_challenge_of_another_browser_is_refused(client_for, site, key):
    async with client_for(site.app) as client:
        await register(client, key)
        answer = key.get((await client.post("/login/options")).json())
        client.cookies.clear()
        await client.post("/login/options")
        assert (await client.post("/login", json=answer)).status == 400


async def test_a_challenge_for_logging_in_registers_nothing(client_for, site, key):
    async with client_for(site.app) as client:
        options = (await client.post("/register/options")).json()
        challenge = (await client.post("/login/options")).json()["challenge"]
        assert (await client.post("/register", json=key.create(options | {"challenge": challenge}))).status == 400
    assert site.store.of_user(1) == []


async def test_two_logins_with_one_count_are_one_too_many(client_for, key):
    class Slow(MemoryPasskeyStore):
        def use(self, credential_id, before, after):
            return False

    site = Site(Slow())
    async with client_for(site.app) as client:
        await register(client, key)
        assert (await log_in(client, key)).status == 400


# What a client may send.

JUNK = [None, 0, "", "text", [], {}, {"rawId": 7}, {"rawId": "AA"}, {"id": "AA", "rawId": "AA", "type": "public-key"}]


@pytest.mark.parametrize("path", ["/register", "/login"])
@pytest.mark.parametrize("junk", JUNK, ids=repr)
async def test_junk_is_a_400(client_for, site, path, junk):
    async with client_for(site.app) as client:
        await client.post(f"{path}/options")
        assert (await client.post(path, json=junk)).status == 400


@pytest.mark.parametrize("junk", [None, 7, "", "\u00e9", "A", "A" * 4000, [], {}], ids=lambda junk: repr(junk)[:10])
@pytest.mark.parametrize("name", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
async def test_junk_in_a_field_of_a_login_is_a_400(client_for, site, key, name, junk):
    async with client_for(site.app) as client:
        await register(client, key)
        answer = key.get((await client.post("/login/options")).json())
        answer["response"][name] = junk
        assert (await client.post("/login", json=answer)).status == 400


@pytest.mark.parametrize("name", ["clientDataJSON", "attestationObject"])
async def test_every_part_of_a_registration_is_read_with_care(client_for, site, key, name):
    async with client_for(site.app) as client:
        options = (await client.post("/register/options")).json()
        whole = key.create(options)
        for length in (0, 1, 20, 60, 100):
            await client.post("/register/options")
            answer = copy.deepcopy(whole)
            answer["response"][name] = encode(decode(whole["response"][name])[:length])
            assert (await client.post("/register", json=answer)).status == 400


async def test_an_attestation_nested_without_end_is_a_400(client_for, site, key):
    async with client_for(site.app) as client:
        answer = key.create((await client.post("/register/options")).json())
        answer["response"]["attestationObject"] = encode(b"\x81" * 30_000)
        assert (await client.post("/register", json=answer)).status == 400


async def test_a_body_that_is_too_long_is_a_413_and_a_form_a_415(client_for, site, key):
    async with client_for(site.app) as client:
        answer = key.create((await client.post("/register/options")).json())
        assert (await client.post("/register", json=answer | {"x": "y" * 70_000})).status == 413
        assert (await client.post("/register", form={"id": "x"})).status == 415


# Configuration.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rp_id": "https://shop.example"}, "rp_id is a domain"),
        ({"rp_id": "Shop.example"}, "rp_id is a domain"),
        ({"rp_id": "shop.example:443"}, "rp_id is a domain"),
        ({"rp_id": ""}, "rp_id is a domain"),
        ({"origins": []}, "origins is a list with at least one origin"),
        ({"origins": "https://shop.example"}, "origins is a list with at least one origin"),
        ({"origins": ["https://evil.example"]}, "is no origin whose pages can use passkeys"),
        ({"origins": ["https://eshop.example"]}, "is no origin whose pages can use passkeys"),
        ({"origins": ["http://shop.example"]}, "is no origin whose pages can use passkeys"),
        ({"origins": ["shop.example"]}, "is no origin whose pages can use passkeys"),
        ({"user_verification": "discouraged"}, "user_verification is 'required' or 'preferred'"),
    ],
)
def test_options_are_checked_when_they_are_given(options, message):
    with pytest.raises(ConfigurationError) as caught:
        Passkeys(store=MemoryPasskeyStore(), **(SOUND | options))
    assert message in str(caught.value)
    assert caught.value.problems[0].where.file == __file__


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigurationError) as caught:
        Passkeys(rp_id="", rp_name="", origins=[], store=MemoryPasskeyStore(), user_verification="")
    assert len(caught.value.problems) == 3


def test_a_missing_library_is_told_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "webauthn.helpers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'nacre\[passkeys\]'"):
        Passkeys(store=MemoryPasskeyStore(), **SOUND)


def test_nothing_secret_is_shown():
    assert repr(Passkeys(store=MemoryPasskeyStore(), **SOUND)) == "Passkeys('shop.example')"


def test_http_is_for_localhost():
    made = Passkeys(rp_id="localhost", rp_name="Shop", origins=["http://localhost:8000"], store=MemoryPasskeyStore())
    assert made.origins == ["http://localhost:8000"]
