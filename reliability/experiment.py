"""What an experiment is: it is asked for figures on some servers, and says of each whether it reaches its goal."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

EXPERIMENTS = {
    "slow-readers": "reliability.slow_readers",
    "held-uploads": "reliability.held_uploads",
    "big-uploads": "reliability.big_uploads",
    "departures": "reliability.departures",
    "leaks": "reliability.leaks",
    "decompression": "reliability.decompression",
    "isolation": "reliability.isolation",
    "logs": "reliability.logs",
    "timing": "reliability.timing",
    "soak": "reliability.soak",
    "quadratic": "reliability.quadratic",
    "autobahn": "reliability.autobahn",
}
"""Each experiment and its module, whose docstring says what is measured and how."""


@dataclass(frozen=True)
class Options:
    """How an experiment is to be run."""

    full: bool = False
    """With the counts and sizes of the specification; else a short form that keeps their proportions."""

    servers: tuple[str, ...] = ()
    """Only these; none given means all that the experiment knows."""

    baseline: bool = False
    """Serve a bare application of the protocol in place of Nacre's, to tell what is the server's own doing."""

    minutes: float = 30.0
    """How long the soak lasts in its full form."""

    def chosen(self, known: Iterable[str]) -> list[str]:
        """Those of the experiment's servers that were asked for."""
        return [name for name in known if not self.servers or name in self.servers]


@dataclass(frozen=True)
class Finding:
    """One line of an experiment's report."""

    subject: str
    """What was measured: a server, a protocol, or a part of either."""

    figure: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.subject}: {self.figure} {'PASS' if self.passed else 'FAIL'}"


class Experiment(Protocol):
    """A module that can be run."""

    GOAL: str
    """The figure to reach, in one line."""

    def run(self, options: Options) -> Iterator[Finding]:
        """Measure, and give each finding as soon as there is one."""


def load(name: str) -> Experiment:
    """The experiment of this name."""
    module: Experiment = importlib.import_module(EXPERIMENTS[name])
    return module
