"""The statistics of `python -m reliability timing`: what counts as a difference, and what as chance."""

from __future__ import annotations

import random

import pytest
from reliability.timing import mann_whitney

CHANCE = random.Random(20261121)


def samples(count: int, shift: float = 0.0) -> list[float]:
    return [CHANCE.gauss(1.0, 0.1) + shift for _ in range(count)]


def test_samples_of_one_kind_are_seldom_told_apart() -> None:
    found = [mann_whitney(samples(200), samples(200)) for _ in range(200)]
    assert sum(p < 0.01 for p in found) <= 8
    assert 60 <= sum(p < 0.5 for p in found) <= 140


@pytest.mark.parametrize(("count", "shift"), [(200, 0.1), (2000, 0.02), (2000, -0.02)])
def test_samples_that_differ_are_told_apart(count: int, shift: float) -> None:
    assert mann_whitney(samples(count), samples(count, shift)) < 0.01


# The two-sided values with continuity correction, by the formula of the textbooks.
@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0], 0.01219),
        ([1.0, 2.0, 2.0, 4.0, 5.0], [2.0, 7.0, 8.0, 9.0, 10.0], 0.05701),
        ([1.0] * 30, [1.0] * 30, 1.0),
    ],
    ids=["apart", "ties", "all equal"],
)
def test_known_values(one: list[float], other: list[float], p: float) -> None:
    assert mann_whitney(one, other) == pytest.approx(p, abs=2e-4)
    assert mann_whitney(other, one) == pytest.approx(p, abs=2e-4)
