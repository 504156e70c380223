"""Signed and sealed data: what comes back, what is refused, and what is said of secrets."""

from __future__ import annotations

import os
import random
import string
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from nacre.errors import ConfigurationError, MissingExtra
from nacre.signing import BadSignature, Sealer, SignatureExpired, Signer, check_secrets

SECRET = "9ByQ2-o7uYkf0aVnPz4LwXsTgEhJcRm1"
OTHER = "fN3_dK8qZtB6yWvA5xHrUeCpMjGi0oS2"
FIX = "secrets.token_urlsafe(32)"

BOTH = pytest.mark.parametrize("make", [Signer, Sealer], ids=["signed", "sealed"])
Make = Callable[..., Any]


@BOTH
@pytest.mark.parametrize("data", [b"", b"pearl", bytes(range(256)) * 20], ids=["nothing", "a word", "all bytes"])
def test_what_was_signed_comes_back(make: Make, data: bytes) -> None:
    signer = make(SECRET, purpose="test")
    text = signer.sign(data)
    assert signer.unsign(text) == data
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.")


@BOTH
def test_every_bit_of_it_counts(make: Make) -> None:
    signer = make(SECRET, purpose="test")
    text = signer.sign(b"user=7")
    for position, letter in enumerate(text):
        for bit in range(8):
            changed = text[:position] + chr(ord(letter) ^ (1 << bit)) + text[position + 1 :]
            with pytest.raises(BadSignature):
                signer.unsign(changed)


@BOTH
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: "", id="nothing"),
        pytest.param(lambda text: ".", id="a dot"),
        pytest.param(lambda text: text[:-1], id="cut off"),
        pytest.param(lambda text: text + "=", id="padded"),
        pytest.param(lambda text: text + "A", id="longer"),
        pytest.param(lambda text: " " + text, id="space in front"),
        pytest.param(lambda text: text + "\n", id="line feed"),
        pytest.param(lambda text: text.replace(text[5], f"{text[5]}!", 1), id="a letter outside the alphabet"),
        pytest.param(lambda text: text + "é", id="not ASCII"),
        pytest.param(lambda text: text + "\ud800", id="half of a surrogate pair"),
        pytest.param(lambda text: f"{text}.{text}", id="twice"),
        pytest.param(lambda text: text[20:], id="its end alone"),
        pytest.param(lambda text: "A" * 10_000, id="long"),
    ],
)
def test_other_text_is_refused(make: Make, change: Callable[[str], str]) -> None:
    signer = make(SECRET, purpose="test")
    text = signer.sign(b"user=7")
    with pytest.raises(BadSignature):
        signer.unsign(change(text))


@BOTH
def test_none_of_many_mutations_is_taken(make: Make) -> None:
    # 1,000,000 with NACRE_MUTATIONS=1000000, as R27 wants it: written down in docs/reliability.md.
    count = int(os.environ.get("NACRE_MUTATIONS", "20000"))
    dice = random.Random(27)
    signer = make(SECRET, purpose="test")
    genuine = [signer.sign(b"user=%d" % number) for number in range(8)]
    letters = string.ascii_letters + string.digits + "-_."
    taken = []
    for _ in range(count):
        text = list(dice.choice(genuine))
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(text))
            match dice.randrange(5):
                case 0:
                    text[at] = dice.choice(letters)
                case 1:
                    text.insert(at, dice.choice(letters))
                case 2 if len(text) > 1:
                    del text[at]
                case 3:
                    text = text[:at] + list(dice.choice(genuine))[at:]
                case _:
                    other = dice.randrange(len(text))
                    text[at], text[other] = text[other], text[at]
        mutated = "".join(text)
        if mutated in genuine:
            continue
        try:
            signer.unsign(mutated)
        except BadSignature:
            continue
        taken.append(mutated)
    assert taken == []


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (Signer, "AaMYXFH0cGVhcmw.MNyzC_dG1Qte7RMBL2BRs_xfKn7hTOdMQ6veDZ5cnac"),
        (Sealer, "ZKp6Jj48g-B-JCZNolNKlhcxzLDwKjWlGk0_DFFfsIDtojs-8dL5QfA6NfQzRAHzS_3vFx4hwQ"),
    ],
)
def test_what_an_earlier_release_has_signed_stays_good(make: Make, text: str) -> None:
    signer = make(SECRET, purpose="test", clock=lambda: 1_800_000_010.5)
    assert signer.unsign(text, max_age=10) == b"pearl"


@BOTH
def test_age_is_measured_from_the_signing(make: Make) -> None:
    now = 1_800_000_000.0
    signer = make(SECRET, purpose="test", clock=lambda: now)
    text = signer.sign(b"x")
    now += 10
    assert signer.unsign(text, max_age=10) == b"x"
    now += 0.1
    assert signer.unsign(text) == b"x"
    with pytest.raises(SignatureExpired, match="too long ago"):
        signer.unsign(text, max_age=10)


@BOTH
def test_a_server_whose_clock_goes_ahead_a_little_is_believed(make: Make) -> None:
    def at(second: float) -> Any:
        return make(SECRET, purpose="test", clock=lambda: second)

    text = at(1_800_000_060.0).sign(b"x")
    assert at(1_800_000_000.0).unsign(text, max_age=10) == b"x"
    with pytest.raises(SignatureExpired):
        at(1_799_999_999.9).unsign(text, max_age=10)


@BOTH
def test_first_secret_signs_and_all_are_good(make: Make) -> None:
    old, both, new = (make(secret, purpose="test") for secret in (OTHER, [SECRET, OTHER], SECRET))
    assert both.unsign(old.sign(b"old")) == b"old"
    assert new.unsign(both.sign(b"new")) == b"new"
    with pytest.raises(BadSignature):
        old.unsign(both.sign(b"new"))
    with pytest.raises(BadSignature):
        new.unsign(old.sign(b"old"))


@BOTH
@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "b"), ("a", "ab"), ("", "a"), ("session", "session "), ("sign", "seal")],
)
def test_purposes_are_kept_apart(make: Make, one: str, other: str) -> None:
    with pytest.raises(BadSignature):
        make(SECRET, purpose=other).unsign(make(SECRET, purpose=one).sign(b"x"))


def test_signed_data_is_not_sealed_data() -> None:
    signer, sealer = Signer(SECRET, purpose="test"), Sealer(SECRET, purpose="test")
    with pytest.raises(BadSignature):
        sealer.unsign(signer.sign(b"x"))
    with pytest.raises(BadSignature):
        signer.unsign(sealer.sign(b"x"))


def test_sealed_data_can_not_be_read_and_never_looks_the_same() -> None:
    from base64 import urlsafe_b64decode

    sealer = Sealer(SECRET, purpose="test")
    texts = {sealer.sign(b"a secret of mine") for _ in range(100)}
    assert len(texts) == 100
    assert all(b"secret" not in urlsafe_b64decode(text + "==") for text in texts)


@BOTH
def test_nothing_shows_the_secret(make: Make) -> None:
    assert SECRET not in repr(make(SECRET, purpose="test"))
    assert "test" in repr(make(SECRET, purpose="test"))


@BOTH
def test_refusing_takes_time_in_proportion_to_the_length(make: Make) -> None:
    signer = make(SECRET, purpose="test")

    def seconds(text: str) -> float:
        best = 1.0
        for _ in range(5):
            begun = time.perf_counter()
            with pytest.raises(BadSignature):
                signer.unsign(text)
            best = min(best, time.perf_counter() - begun)
        return best

    for piece in ("A", ".", "A.", "=", "é"):
        assert seconds(piece * 65_536) <= 24 * max(seconds(piece * 4_096), 20e-6), piece


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        pytest.param(None, "the secret of X is missing", id="None"),
        pytest.param("", "the secret of X is missing", id="empty"),
        pytest.param([], "the secret of X is missing", id="an empty list"),
        pytest.param("short", "the secret of X has 5 bytes, and must have 32 or more", id="short"),
        pytest.param("ä" * 15, "the secret of X has 30 bytes", id="short, not ASCII"),
        pytest.param("x" * 32, "the secret of X repeats itself", id="one letter"),
        pytest.param("changeme" * 5, "the secret of X is a placeholder", id="changeme"),
        pytest.param("please-CHANGE_me-0123456789abcdef", "the secret of X is a placeholder", id="change me"),
        pytest.param("django-insecure-0123456789abcdefghijkl", "the secret of X is a placeholder", id="django's"),
        pytest.param("0123abcd" * 4, "the secret of X repeats itself", id="repeated"),
        pytest.param("0101001101011101101000110101101100", "the secret of X repeats itself", id="few letters"),
        pytest.param([SECRET, "short"], "the secret of X (number 2) has 5 bytes", id="one of a list"),
        pytest.param([SECRET, 5], "the secret of X (number 2) is of type int", id="a number"),
    ],
)
def test_weak_secrets_are_named_and_not_shown(secret: Any, said: str) -> None:
    problems = check_secrets(secret, "the secret of X", None)
    assert len(problems) == 1
    assert problems[0].what.startswith(said)
    assert FIX in str(problems[0].fix)
    if isinstance(secret, str) and secret:
        assert secret not in str(problems[0])
    if isinstance(secret, str):
        for make in (Signer, Sealer):
            with pytest.raises(ConfigurationError, match="purpose-x"):
                make(secret, purpose="purpose-x")


GOOD = [SECRET, SECRET.encode(), [SECRET], (SECRET, OTHER.encode()), bytes(range(200, 232))]


@pytest.mark.parametrize("secret", GOOD)
def test_good_secrets_are_taken(secret: Any) -> None:
    assert check_secrets(secret, "the secret of X", None) == []


@pytest.mark.parametrize(
    ("make", "library", "extra"), [(Signer, "itsdangerous", "sessions"), (Sealer, "cryptography.exceptions", "crypto")]
)
def test_missing_library_is_named_when_the_object_is_made(
    make: Make, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"nacre\[{extra}\]"):
        make(SECRET, purpose="test")
