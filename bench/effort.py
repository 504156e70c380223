"""How much time a run takes, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """The default fills half an hour with all views. `QUICK` fills three minutes at most: it shows that everything
    works, and the order of magnitude.

    In process, `generations` times fresh processes measure `rounds` rounds of `seconds` each; on servers there are
    `server_rounds` of `server_seconds`, `peer_rounds` of these for peers. Memory is looked at with so many
    `connections`, and over a life of so many requests (`lifetime`). `core` is where the measured runs, `load_core`
    where the load comes from.
    """

    generations: int = 3
    rounds: int = 3
    seconds: float = 0.04
    layer_rounds: int = 7
    part_rounds: int = 7
    compile_runs: int = 3
    server_rounds: int = 4
    peer_rounds: int = 2
    server_seconds: int = 1
    all_servers: bool = True
    starts: int = 15
    cold_starts: int = 5
    connections: int = 500
    lifetime: int = 1_000_000
    core: int = 0
    load_core: int = 1


FULL = Effort()
QUICK = Effort(
    generations=1,
    rounds=3,
    seconds=0.01,
    layer_rounds=3,
    part_rounds=3,
    compile_runs=1,
    server_rounds=1,
    peer_rounds=1,
    all_servers=False,
    starts=5,
    cold_starts=2,
    connections=100,
    lifetime=60_000,
)
