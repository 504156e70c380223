"""What is remembered of cookies that were verified: genuine text only, so much of it, and never past its end."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.session import Session
from nacre.sessions import in_cookie
from nacre.sessions.in_cookie import InCookie
from nacre.sessions.keeping import Held
from nacre.sessions.records import Lifetime
from nacre.signing import BadSignature, Signer
from sessions.kinds import OTHER, SECRET

NOW = 1_800_000_000.0


class Clocked:
    """A keeper at a time that is set."""

    def __init__(self, *secrets: str, max_age: float = 100.0, idle: float | None = None) -> None:
        self.now = NOW
        self.asked: list[str] = []
        signer = Signer(secrets or SECRET, purpose="test", clock=lambda: self.now)
        self.keeper = InCookie(signer, Lifetime(max_age, idle, lambda: self.now))
        genuine = signer.unsign

        def unsign(text: str, max_age: float | None = None) -> bytes:
            self.asked.append(text)
            return genuine(text, max_age)

        signer.unsign = unsign  # type: ignore[method-assign]

    def save(self, data: bytes, held: Held | None = None) -> str:
        change = self.keeper.save(Session(None, held or Held(self.keeper, None)), data)
        assert change is not None
        assert change.value is not None
        return change.value

    def load(self, text: str) -> bytes | None:
        return self.keeper.load(Held(self.keeper, text))


def test_text_is_verified_once() -> None:
    site = Clocked()
    text = site.save(b'{"a":1}')
    assert [site.load(text) for _ in range(3)] == [b'{"a":1}'] * 3
    assert site.asked == [text]


def test_text_that_was_remembered_ends_when_it_ends() -> None:
    site = Clocked(max_age=100.0)
    text = site.save(b'{"a":1}')
    site.now += 99.9
    assert site.load(text) == b'{"a":1}'
    site.now += 0.1
    assert site.load(text) is None
    site.now -= 0.1
    assert site.load(text) == b'{"a":1}'


def test_a_use_is_counted_from_what_the_text_says() -> None:
    site = Clocked(max_age=100.0, idle=10.0)
    first = site.save(b'{"a":1}')
    site.now += 9
    held = Held(site.keeper, first)
    assert site.keeper.load(held) == b'{"a":1}'
    second = site.save(b'{"a":1}', held)
    site.now += 9
    assert site.load(first) is None
    assert site.load(second) == b'{"a":1}'
    site.now = NOW + 100
    assert site.load(second) is None


def test_text_that_is_not_genuine_is_looked_at_each_time_and_pushes_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_cookie, "_KNOWN_MAX", 2)
    site = Clocked()
    genuine = site.save(b'{"a":1}')
    assert site.load(genuine) is not None
    for number in range(10):
        assert site.load(f"{genuine}{number}") is None
    assert site.load("x") is site.load("x") is None
    assert site.asked.count("x") == 2
    assert site.load(genuine) is not None
    assert site.asked.count(genuine) == 1


def test_no_more_texts_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_cookie, "_KNOWN_MAX", 3)
    site = Clocked()
    texts = [site.save(b'{"a":%d}' % number) for number in range(20)]
    for number, text in enumerate(texts):
        assert site.load(text) == b'{"a":%d}' % number
        assert 0 < len(site.keeper._known) <= 3
    assert site.load(texts[0]) == b'{"a":0}'


@pytest.mark.parametrize(("length", "verifications"), [(-1, 1), (0, 1), (1, 2)])
def test_long_text_is_not_remembered(length: int, verifications: int, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Clocked()
    text = site.save(b'{"a":1}')
    monkeypatch.setattr(in_cookie, "_KNOWN_LENGTH_MAX", len(text) - length)
    assert site.load(text) == site.load(text) == b'{"a":1}'
    assert len(site.asked) == verifications


def test_two_keepers_know_nothing_of_each_other() -> None:
    old, both, new = Clocked(OTHER), Clocked(SECRET, OTHER), Clocked(SECRET)
    text = old.save(b'{"a":1}')
    assert old.load(text) == both.load(text) == b'{"a":1}'
    assert new.load(text) is None


def signatures() -> list[Any]:
    lengths = [*range(70), 119, 120, 127, 128, 1000]
    return [pytest.param(bytes(range(256)) * 4, length, id=str(length)) for length in lengths]


@pytest.mark.parametrize(("data", "length"), signatures())
def test_first_key_signs_as_the_library_does(data: bytes, length: int) -> None:
    signer = Signer(SECRET, purpose="test")
    text = signer.sign(data[:length])
    value, _, _ = text.rpartition(".")
    assert signer._signer.sign(value).decode() == text
    assert signer.unsign(text) == data[:length]


@pytest.mark.parametrize("value", ["AaMYXFH0cGVhcmx=", "AaMYXFH0cGVhcmx", "A", "AaMY$XFH0cGVhcm", "AaMYXFH0cGVhcn"])
@pytest.mark.parametrize("secrets", [[SECRET], [OTHER, SECRET]], ids=["first key", "second key"])
def test_signed_text_that_is_not_written_as_ours_is_refused(value: str, secrets: list[str]) -> None:
    text = Signer(SECRET, purpose="test")._signer.sign(value).decode()
    with pytest.raises(BadSignature):
        Signer(secrets, purpose="test").unsign(text)
