"""What signing says, word for word, and its limits to the byte: a change to either is noticed."""

from __future__ import annotations

import re
import sys
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from nacre.errors import ConfigurationError, Location, MissingExtra
from nacre.signing import BadSignature, Sealer, SignatureExpired, Signer, check_secrets

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
KINDS: list[Any] = [Signer, Sealer]

kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize(
    ("kind", "text", "what"),
    [
        (Signer, "", "the signature doesn't match"),
        (Signer, "AAAA.AAAA", "the signature doesn't match"),
        (Signer, "A.A.A", "it isn't in the alphabet of signed data"),
        (Signer, "AAAA.\xe9", "it isn't in the alphabet of signed data"),
        (Signer, "AAAA.AAAA$$$$", "it isn't written as signed data is"),
        (Signer, "AAAA.AB", "it isn't written as signed data is"),
        (Sealer, "", "it is too short to be sealed data"),
        (Sealer, "A" * 100, "the seal doesn't match"),
        (Sealer, "\xe9", "it isn't in the alphabet of signed data"),
        (Sealer, "AB", "it isn't written as signed data is"),
    ],
)
def test_a_text_that_nobody_signed_is_told_by_what_is_wrong(kind: Any, text: str, what: str) -> None:
    with pytest.raises(BadSignature) as raised:
        kind(SECRET, purpose="test").unsign(text)
    assert str(raised.value) == what


def test_what_is_as_long_as_the_shortest_that_was_sealed_is_looked_at() -> None:
    one = Sealer(SECRET, purpose="test")
    shortest = len(one.sign(b"")) * 3 // 4
    for size, what in ((shortest - 1, "it is too short to be sealed data"), (shortest, "the seal doesn't match")):
        with pytest.raises(BadSignature) as raised:
            one.unsign(urlsafe_b64encode(bytes(size)).decode().rstrip("="))
        assert str(raised.value) == what


@kinds
def test_every_beginning_of_what_was_signed_is_refused(kind: Any) -> None:
    one = kind(SECRET, purpose="test")
    for data in (b"", b"x", b"\0" * 7):
        text = one.sign(data)
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", text)
        for end in range(len(text)):
            with pytest.raises(BadSignature):
                one.unsign(text[:end])


@kinds
def test_the_sealed_and_the_signed_of_nothing_are_the_shortest(kind: Any) -> None:
    one = kind(SECRET, purpose="test")
    shortest = len(one.sign(b""))
    assert one.unsign(one.sign(b"")) == b""
    assert all(len(one.sign(bytes(size))) >= shortest for size in range(5))


@kinds
def test_what_is_too_old_says_so_and_the_limit_counts(kind: Any) -> None:
    now = 1_000_000.0
    one = kind(SECRET, purpose="test", clock=lambda: now)
    text = one.sign(b"x")
    now += 10
    assert one.unsign(text, 10) == b"x"
    now += 0.001
    with pytest.raises(SignatureExpired) as raised:
        one.unsign(text, 10)
    assert str(raised.value) == "it was signed too long ago"
    assert one.unsign(text) == b"x"


@kinds
def test_a_secret_is_refused_at_the_place_of_the_user(kind: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        kind("short", purpose="test")
    [problem] = raised.value.problems
    assert problem.what == "the secret for 'test' has 5 bytes, and must have 32 or more"
    assert problem.where is not None
    assert problem.where.file == __file__


def test_all_that_is_wrong_with_secrets_has_its_place() -> None:
    where = Location("settings.py", 7)
    assert [problem.where for problem in check_secrets(None, "the secret", where)] == [where]
    problems = check_secrets(["short", 7, SECRET], "the secret", where)  # type: ignore[list-item]
    assert [problem.where for problem in problems] == [where, where]
    assert [problem.what.split(" ", 5)[2:4] for problem in problems] == [["(number", "1)"], ["(number", "2)"]]


@pytest.mark.parametrize(
    ("secret", "is_sound"),
    [
        ("a" * 32, False),
        ("abcdefg" * 5, False),
        ("abcdefgabcdefgabcdefg" + "bcabcdefgeda", False),
        ("abcdefgh" + "hgfedcba" + "acegbdfh" + "hfdbgeca", True),
        ("ab" * 16, False),
    ],
)
def test_a_secret_has_at_least_eight_bytes_that_differ_and_no_period(secret: str, is_sound: bool) -> None:
    assert (check_secrets(secret, "the secret", None) == []) is is_sound


@pytest.mark.parametrize(
    ("kind", "module", "feature", "extra"),
    [(Signer, "itsdangerous", "signing", "sessions"), (Sealer, "cryptography", "encryption", "crypto")],
)
def test_a_missing_library_is_told_at_construction(
    kind: Any, module: str, feature: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra) as raised:
        kind(SECRET, purpose="test")
    assert str(raised.value) == str(MissingExtra(feature, extra))
