"""Passwords: hashed beside the event loop, verified in one time for all, and never if they are too long."""

import asyncio
import os
import sys
import threading

import pytest
from alone import run_alone
from pwdlib.hashers.argon2 import Argon2Hasher

from auth.hashers import CountingHasher
from nacre import Nacre
from nacre.auth import Authentication, BasicAuth, InvalidPassword, Passwords
from nacre.errors import ConfigurationError, MissingExtra, ServiceUnavailable

FAST = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def passwords():
    made = Passwords(FAST)
    yield made
    made.close()


async def test_a_password_is_verified_by_its_hash(passwords):
    hash = await passwords.hash("correct horse")
    assert hash.startswith("$argon2id$v=19$")
    assert "correct" not in hash
    assert await passwords.verify("correct horse", hash) is True
    assert await passwords.verify("correct horsf", hash) is False
    assert await passwords.verify("", hash) is False
    assert hash != await passwords.hash("correct horse")


def test_plain_code_has_the_same(passwords):
    hash = passwords.hash_sync("correct horse")
    assert passwords.verify_sync("correct horse", hash)
    assert not passwords.verify_sync("wrong", hash)
    assert not passwords.verify_sync("wrong", None)


async def test_plain_forms_dont_block_the_loop(passwords):
    for call in (lambda: passwords.hash_sync("x"), lambda: passwords.verify_sync("x", None)):
        with pytest.raises(RuntimeError, match="would block the event loop"):
            call()


UNUSABLE = {
    "nobody": None,
    "nothing": "",
    "a lock": "!",
    "text": "no hash at all",
    "a scheme without parts": "$argon2id$",
    "no digest": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
    "no salt": "$argon2id$v=19$m=8,t=1,p=1",
    "another scheme": "$2b$12$KIXQJ1Yz8Yz8Yz8Yz8Yz8O",
    "surrogates": "\ud800",
    "a zero": "$argon2id$\0",
    "a salt that isn't ASCII": "$argon2id$v=19$m=8,t=1,p=1$c\u00e9FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
}


@pytest.mark.parametrize("hash", UNUSABLE.values(), ids=UNUSABLE)
async def test_what_is_no_hash_verifies_nothing(passwords, hash):
    assert await passwords.verify("no such password", hash) is False
    assert await passwords.verify("", hash) is False


@pytest.mark.parametrize("hash", [None, "", "!", "fast$", "fast$a$b", "other"], ids=repr)
@pytest.mark.parametrize("password", ["pearl", "", "x" * 5000, "\ud800"], ids=["right", "empty", "long", "surrogate"])
async def test_whatever_is_asked_one_hash_is_computed(password, hash):
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    right = await passwords.hash("pearl")
    for given in (hash, right):
        hasher.computed.clear()
        await passwords.verify(password, given)
        assert len(hasher.computed) == 1
        assert hasher.computed[0] <= 16
    passwords.close()


LENGTHS = [
    pytest.param("x" * 4096, True, id="4,096 bytes"),
    pytest.param("x" * 4097, False, id="one more"),
    pytest.param("é" * 2048, True, id="4,096 bytes of two each"),
    pytest.param("é" * 2049, False, id="more bytes than that"),
    pytest.param("\ufdfa" * 4096, False, id="eighteen times as long in NFKC"),
    pytest.param("x" * 2**20, False, id="a megabyte"),
    pytest.param("", False, id="nothing"),
    pytest.param("\ud800", False, id="half a letter"),
]


@pytest.mark.parametrize(("password", "accepted"), LENGTHS)
async def test_what_can_be_a_password(passwords, password, accepted):
    if accepted:
        assert await passwords.verify(password, await passwords.hash(password))
        return
    with pytest.raises(InvalidPassword) as raised:
        await passwords.hash(password)
    assert raised.value.status == 422
    assert isinstance(raised.value, ValueError)
    assert await passwords.verify(password, await passwords.hash("x")) is False


@pytest.mark.parametrize("given", [None, 5, b"pearl", ["pearl"], {}, object()], ids=lambda value: type(value).__name__)
async def test_what_is_no_text_is_no_password(passwords, given):
    """As a number in JSON, or a file in a form."""
    assert await passwords.verify(given, await passwords.hash("pearl")) is False
    with pytest.raises(InvalidPassword):
        await passwords.hash(given)


async def test_passwords_are_compared_in_one_normal_form(passwords):
    hash = await passwords.hash("caf\u00e9 \ufb01n")
    assert await passwords.verify("cafe\u0301 fin", hash)
    assert not await passwords.verify("CAFE\u0301 fin", hash)


async def test_a_hash_of_other_parameters_is_verified_and_wants_to_be_renewed(passwords):
    stronger = Passwords(Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1), CountingHasher())
    old, foreign = await passwords.hash("pearl"), CountingHasher().hash("pearl")
    for hash in (old, foreign):
        assert await stronger.verify("pearl", hash)
        assert stronger.needs_rehash(hash)
    assert not stronger.needs_rehash(await stronger.hash("pearl"))
    stronger.close()


async def test_only_so_many_are_computed_at_once_and_only_so_many_wait():
    entered, go_on, running = threading.Semaphore(0), threading.Event(), []

    class Slow(CountingHasher):
        def verify(self, password, hash):
            running.append(threading.current_thread().name)
            entered.release()
            go_on.wait(10)
            return False

    passwords = Passwords(Slow(), at_once=2, waiting=3)
    waiting = [asyncio.create_task(passwords.verify("x", None)) for _ in range(5)]
    await asyncio.sleep(0)
    for _ in range(2):
        await asyncio.to_thread(entered.acquire)
    with pytest.raises(ServiceUnavailable) as refused:
        await passwords.verify("x", None)
    assert dict(refused.value.headers)["retry-after"] == "1"
    assert len(running) == 2
    go_on.set()
    assert await asyncio.gather(*waiting) == [False] * 5
    assert await passwords.verify("x", None) is False
    assert len(set(running)) == 2
    passwords.close()


FORKING = """
import gc, os, signal, warnings
from pwdlib.hashers.argon2 import Argon2Hasher
from nacre.auth import Passwords

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads, which are the point here

def in_child(work):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if work() else 1)
    assert os.waitpid(child, 0)[1] == 0

fast = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
passwords = Passwords(fast)
hash = passwords.hash_sync("pearl")
in_child(lambda: passwords.verify_sync("pearl", hash))
assert passwords.verify_sync("pearl", hash)
passwords.close()
del passwords
gc.collect()
in_child(lambda: True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_is_forked_has_threads_of_its_own():
    """A server that loads the application first, as `gunicorn --preload` does, has none of the parent's threads."""
    run_alone(FORKING)


def test_places_stay_though_no_thread_can_be_had(monkeypatch):
    passwords = Passwords(FAST, at_once=1, waiting=0)

    def fail(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="new thread"):
                passwords.verify_sync("x", None)
    assert passwords.verify_sync("x", None) is False
    passwords.close()


async def test_a_request_that_is_cancelled_gives_its_place_back():
    go_on = threading.Event()

    class Slow(CountingHasher):
        def verify(self, password, hash):
            go_on.wait(10)
            return False

    passwords = Passwords(Slow(), at_once=1, waiting=1)
    tasks = [asyncio.create_task(passwords.verify("x", None)) for _ in range(2)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    go_on.set()
    for task in tasks:
        assert task.cancelled()
    while True:
        try:
            assert await passwords.verify("x", None) is False
            break
        except ServiceUnavailable:
            await asyncio.sleep(0.001)  # the one that was being computed isn't over
    passwords.close()


async def test_they_serve_plain_and_async_code_on_all_transports(client_for, passwords):
    users = {"ada": FAST.hash("pearl")}

    def plain(name, password):
        return name if passwords.verify_sync(password, users.get(name)) else None

    async def later(name, password):
        return name if await passwords.verify(password, users.get(name)) else None

    for verify in (plain, later):
        app = Nacre(middlewares=[Authentication(BasicAuth(verify))])
        app.get("/")(lambda request: request.user or "nobody")
        async with client_for(app) as client:
            right, wrong, unknown = "YWRhOnBlYXJs", "YWRhOnNhbmQ=", "Y3k6cGVhcmw="
            answers = [
                await client.get("/", headers={"authorization": f"Basic {one}"}) for one in (right, wrong, unknown)
            ]
        assert [answer.status for answer in answers] == [200, 401, 401]
        assert answers[1].body == answers[2].body


@pytest.mark.parametrize("options", [{"max_length": 8}, {"at_once": 0}, {"waiting": -1}])
def test_limits_that_mean_nothing_are_refused(options):
    with pytest.raises(ConfigurationError, match="it is a number from"):
        Passwords(FAST, **options)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pwdlib.hashers.argon2", None)
    with pytest.raises(MissingExtra, match=r"Passwords needs an optional package: pip install 'nacre\[passwords\]'"):
        Passwords()


def test_argon2id_is_the_default_and_nothing_of_it_is_shown():
    passwords = Passwords()
    assert repr(passwords) == "Passwords(Argon2Hasher)"
    assert passwords.hash_sync("pearl").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    passwords.close()
