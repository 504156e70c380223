"""R28: whether the time of a refused login tells why, and the time of a refused token how much of it was right.

The requests of each kind are made in turn, in a changing order, through the whole application in this process, plain
code without an event loop. The password's hash is Argon2id with 1 MiB and one pass, so that a difference beside it
counts as much as it can. Two kinds are told apart by the rank test of Mann and Whitney (two-sided, normal
approximation, ties corrected): p is how often chance alone makes such a difference.
"""

from __future__ import annotations

import gc
import hmac
import itertools
import math
import random
import statistics
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence

from nacre import Nacre
from nacre.auth import APIKey, Authentication, BasicAuth, JWTAuth, Passwords, authenticated
from nacre.testing import TestClient
from reliability.experiment import Finding, Options

GOAL = "p > 0.01, and medians at most 1 % apart, for every two kinds of refusals"

_P_MIN = 0.01
_GAP_MAX = 0.01

Headers = dict[str, str]


def run(options: Options) -> Iterator[Finding]:
    """Compare the times of all kinds, by groups of kinds that must look alike."""
    samples = 2000 if options.full else 400
    for group, (app, kinds) in _groups().items():
        with TestClient(app, "wsgi") as client:
            times = _measure({kind: _ask(client, headers) for kind, headers in kinds.items()}, samples)
        for one, other in itertools.combinations(times, 2):
            yield _finding(f"{group}: {one} / {other}", times[one], times[other])


def _finding(subject: str, one: Sequence[float], other: Sequence[float]) -> Finding:
    p = mann_whitney(one, other)
    first, second = statistics.median(one), statistics.median(other)
    gap = abs(first - second) / first
    figure = f"{first * 1e6:.1f} and {second * 1e6:.1f} µs, {gap:.2%} apart, p = {p:.3f}"
    return Finding(subject, figure, p > _P_MIN and gap <= _GAP_MAX)


def _ask(client: TestClient, headers: Headers) -> Callable[[], None]:
    def ask() -> None:
        answer = client.get("/", headers=headers)
        assert answer.status == 401, answer

    return ask


def _measure(kinds: Mapping[str, Callable[[], None]], samples: int) -> dict[str, list[float]]:
    """The seconds that each kind takes, `samples` times."""
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    order = list(kinds)
    clock = time.perf_counter
    gc.collect()
    gc.disable()
    try:
        for round_number in range(samples + samples // 10):
            random.shuffle(order)
            for kind in order:
                ask = kinds[kind]
                begun = clock()
                ask()
                spent = clock() - begun
                if round_number >= samples // 10:  # the first ones warm up
                    times[kind].append(spent)
    finally:
        gc.enable()
    return times


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """The probability, by chance alone, of ranks as different as those of two samples; for twenty or more of each."""
    ordered = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    rank_sum = ties = 0.0
    below = 0
    for _, same in itertools.groupby(ordered, key=lambda pair: pair[0]):
        members = [which for _, which in same]
        rank_sum += members.count(0) * (below + (len(members) + 1) / 2)
        ties += len(members) ** 3 - len(members)
        below += len(members)
    first, second, total = len(one), len(other), len(ordered)
    variance = first * second / 12 * (total + 1 - ties / (total * (total - 1)))
    if not variance:
        return 1.0
    distance = abs(rank_sum - first * (first + 1) / 2 - first * second / 2) - 0.5
    return math.erfc(max(distance, 0.0) / math.sqrt(2 * variance))


# What is asked of which application.


def _groups() -> dict[str, tuple[Nacre, dict[str, Headers]]]:
    return {"login": _login(), "password of the configuration": _configured(), "API key": _keys(), "JWT": _tokens()}


def _application(authentication: Authentication) -> Nacre:
    app = Nacre(middlewares=[authentication])

    @app.get("/")
    @authenticated
    def index() -> str:
        return "in"

    return app


def _basic(name: str, password: str) -> Headers:
    return {"authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


def _login() -> tuple[Nacre, dict[str, Headers]]:
    from pwdlib.hashers.argon2 import Argon2Hasher

    passwords = Passwords(Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1))
    users = {"known": (passwords.hash_sync("pearl"), True), "quite": (passwords.hash_sync("pearl"), False)}

    def verify(name: str, password: str) -> str | None:
        hash, is_active = users.get(name, (None, False))
        return name if passwords.verify_sync(password, hash) and is_active else None

    return _application(Authentication(BasicAuth(verify))), {
        "wrong password": _basic("known", "shell"),
        "unknown user": _basic("other", "shell"),
        "disabled user": _basic("quite", "pearl"),
    }


def _configured() -> tuple[Nacre, dict[str, Headers]]:
    return _application(Authentication(BasicAuth({"known": "mother-of-pearl-1"}))), {
        "unknown user": _basic("other", "mother-of-pearl-1"),
        "first letter wrong": _basic("known", "Xother-of-pearl-1"),
        "last letter wrong": _basic("known", "mother-of-pearl-X"),
    }


def _keys() -> tuple[Nacre, dict[str, Headers]]:
    key = "k-7f3a9c1e5b2d8046"
    return _application(Authentication(APIKey({key: "ada", "k-0000000000000000": "ben"}))), {
        "first letter wrong": {"x-api-key": "X" + key[1:]},
        "last letter wrong": {"x-api-key": key[:-1] + "X"},
    }


def _tokens() -> tuple[Nacre, dict[str, Headers]]:
    shared = "kelp-7f3a9c1e5b2d8046-anemone-4d0b"
    scheme = JWTAuth(shared, algorithms=["HS256"])
    head, _, end = scheme.encode({"sub": "ada"}).rpartition(".")
    right = hmac.digest(shared.encode(), head.encode(), "sha256")
    assert _text(right) == end

    def token(signature: bytes) -> Headers:
        return {"authorization": f"Bearer {head}.{_text(signature)}"}

    return _application(Authentication(scheme)), {
        "first byte wrong": token(bytes([right[0] ^ 1]) + right[1:]),
        "last byte wrong": token(right[:-1] + bytes([right[-1] ^ 1])),
    }


def _text(data: bytes) -> str:
    return b64encode(data, b"-_").rstrip(b"=").decode()
