"""One-time passwords and recovery codes."""

from __future__ import annotations

import sys

import pytest

from auth.login_site import Clock
from nacre import Nacre, Request
from nacre.auth.throttle import FailureLimit
from nacre.auth.totp import TOTP, hash_recovery_code, match_recovery_code, new_recovery_codes
from nacre.errors import ConfigurationError, MissingExtra

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class Site:
    """A site with one account, which keeps the last interval that was used."""

    def __init__(self, asynchronous=False, **options):
        self.clock = Clock()
        self.totp = TOTP("Shop", clock=self.clock, **options)
        self.last = 0
        self.app = Nacre()

        async def use_async(step):
            return self.use(step)

        @self.app.post("/code")
        async def check(request: Request, code: str, account: str = "ama"):
            use = use_async if asynchronous else self.use
            return await self.totp.verify(request, code, account=account, secret=SECRET, use_step=use)

    def use(self, step):
        if step <= self.last:
            return False
        self.last = step
        return True

    def code(self, steps=0):
        import pyotp

        return pyotp.TOTP(SECRET).at(int(self.clock()) + steps * self.totp.interval)


async def post(client, code, account="ama"):
    return await client.post("/code", query={"code": code, "account": account})


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1234567890, "89005924"), (20000000000, "65353130")],
)
def test_the_codes_are_those_of_rfc_6238(seconds, code):
    totp = TOTP("Shop", digits=8, window=0, clock=lambda: seconds)
    assert totp.find_step(SECRET, code) == seconds // 30
    assert totp.find_step(SECRET, code[:-1] + str((int(code[-1]) + 1) % 10)) is None


@pytest.mark.parametrize(("steps", "found"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_codes_are_good_a_little_before_and_after_their_time(steps, found):
    site = Site()
    assert (site.totp.find_step(SECRET, site.code(steps)) is not None) is found


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_code_is_good_once(client_for, asynchronous):
    site = Site(asynchronous)
    async with client_for(site.app) as client:
        code = site.code()
        assert [(await post(client, code)).json() for _ in range(3)] == [True, False, False]


async def test_a_code_before_one_that_was_used_is_refused(client_for):
    site = Site()
    async with client_for(site.app) as client:
        assert (await post(client, site.code())).json() is True
        assert (await post(client, site.code(-1))).json() is False
        assert (await post(client, site.code(1))).json() is True


@pytest.mark.parametrize(
    "code",
    [
        "",
        "12345",
        "1234567",
        "abcdef",
        "12 34",
        "-12345",
        "１２３４５６",
        "12345\n",
        "٣٤٥٦٧٨",
        "0" * 10_000,
        None,
        123456,
        b"123456",
    ],
    ids=lambda code: ascii(code)[:12],
)
def test_what_is_no_code_is_refused(code):
    assert TOTP("Shop").find_step(SECRET, code) is None


def test_spaces_do_not_count():
    site = Site()
    code = site.code()
    assert site.totp.find_step(SECRET, f"{code[:3]} {code[3:]}") is not None


async def test_guessing_is_stopped(client_for):
    site = Site()
    async with client_for(site.app) as client:
        statuses = [(await post(client, "abcdef")).status for _ in range(7)]
        right = await post(client, site.code())
        other = await post(client, site.code(), account="bo")
    assert statuses == [200] * 5 + [429] * 2
    assert (right.status, "retry-after" in right.headers) == (429, True)
    assert other.json() is True


async def test_a_success_forgets_failures_and_a_replay_is_one(client_for):
    site = Site(limit=FailureLimit(3, per=60))
    async with client_for(site.app) as client:
        for steps in (-1, 0, 1):
            await post(client, "abcdef")
            await post(client, "abcdef")
            assert (await post(client, site.code(steps))).json() is True
        replays = [(await post(client, site.code(1))).status for _ in range(4)]
    assert replays == [200, 200, 200, 429]


def test_a_secret_has_160_bits_and_each_is_another():
    totp = TOTP("Shop")
    secrets = {totp.new_secret() for _ in range(10)}
    assert len(secrets) == 10
    assert {len(secret) for secret in secrets} == {32}


def test_the_uri_is_what_apps_read():
    uri = TOTP("Shop & Co").uri(SECRET, "ama@example.com")
    assert uri == f"otpauth://totp/Shop%20%26%20Co:ama%40example.com?secret={SECRET}&issuer=Shop%20%26%20Co"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"issuer": ""}, "a name without a colon"),
        ({"issuer": "a:b"}, "a name without a colon"),
        ({"digits": 5}, "has 6, 7 or 8 digits, not 5"),
        ({"interval": 0}, "interval is 15 to 300 seconds, not 0"),
        ({"window": -1}, "window is 0 to 10 intervals, not -1"),
        ({"window": 11}, "window is 0 to 10 intervals, not 11"),
    ],
)
def test_options_are_checked_when_they_are_given(options, message):
    options = {"issuer": "Shop"} | options
    with pytest.raises(ConfigurationError) as caught:
        TOTP(options.pop("issuer"), **options)
    assert message in str(caught.value)
    assert caught.value.problems[0].where.file == __file__


def test_a_missing_library_is_told_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyotp", None)
    with pytest.raises(MissingExtra, match=r"pip install 'nacre\[totp\]'"):
        TOTP("Shop")


# Recovery codes.


def test_recovery_codes_are_long_and_all_others():
    codes = new_recovery_codes(100)
    assert len(set(codes)) == 100
    assert {len(code.replace("-", "")) for code in codes} == {20}


def test_a_recovery_code_is_found_among_the_hashes_of_an_account():
    codes = new_recovery_codes()
    hashes = [hash_recovery_code(code) for code in codes]
    assert [match_recovery_code(code, hashes) for code in codes] == hashes
    assert match_recovery_code(codes[3].upper().replace("-", " "), hashes) == hashes[3]
    assert match_recovery_code(codes[3], hashes[:3]) is None


@pytest.mark.parametrize("code", ["", "-", "abcde", "\ud800", "é" * 1000, None, b"abcde"])
def test_what_is_no_recovery_code_is_none(code):
    assert match_recovery_code(code, [hash_recovery_code(one) for one in new_recovery_codes()]) is None


def test_the_hash_holds_nothing_of_the_code():
    (code,) = new_recovery_codes(1)
    assert code.replace("-", "") not in hash_recovery_code(code)
