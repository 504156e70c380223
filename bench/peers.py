"""Peers of the view `server` with environments of their own: the systems that Nacre has dialects of, and others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench.environments import ORIGINALS, PEERS, Environments, version_at
from bench.servers import GRANIAN_ASGI, GRANIAN_WSGI, OWN, ServerKind, Serving
from bench.targets import Protocol, Target
from bench.workloads import BASIC, FURTHER

# What has no layers is `json`; a refused request and a file are left to the peers in our environment, for the time.
WORKLOADS = tuple(name for name in (*BASIC, *FURTHER) if name not in ("layers0", "routes5000", "error", "file"))

_PROTOCOLS: dict[ServerKind, Protocol] = {GRANIAN_ASGI: "asgi", GRANIAN_WSGI: "wsgi"}
# Sanic isn't among them: it rewrites its own code when it starts, for one application in a process.
_CALLED_BY: dict[str, Protocol] = {"microdot": "asgi", "madara": "wsgi", "flama": "asgi"}

_ROBYN = ServerKind(OWN.name, "", (*OWN.arguments, "--log-level", "WARN", "--disable-openapi"))
_BOLT = ServerKind(
    OWN.name,
    "",
    (
        *("-m", "django", "runbolt", "--settings", "{module}_settings", "--no-admin"),
        *("--host", "127.0.0.1", "--port", "{port}"),
    ),
)


@dataclass(frozen=True)
class Peer:
    """A program of `apps/`, the environment of its name, and how it is served.

    `without` names the workloads that the system has nothing for; `package` is its distribution, if that has another
    name.
    """

    name: str
    environments: Environments
    kind: ServerKind
    without: tuple[str, ...] = ()
    package: str = ""

    @property
    def python(self) -> Path | None:
        return self.environments.python_of(self.name)

    @property
    def how_to_get(self) -> str:
        return f"{self.name} is not installed: make {self.environments.kind}"

    def version(self, python: Path) -> str:
        return version_at(python, self.package or self.name)

    def serving(self, python: Path) -> Serving:
        """It, run by that interpreter."""
        protocol = _PROTOCOLS.get(self.kind, "own")
        target = Target(self.name, f"bench.apps.{self.name}", protocol, python=str(python), without=self.without)
        return Serving(target, self.kind)


ALL = (
    Peer("aiohttp", PEERS, OWN, without=("providers",)),
    Peer("sanic", PEERS, OWN, without=("providers",)),
    # Its form data are those of multipart bodies.
    Peer("robyn", PEERS, _ROBYN, without=("providers", "form")),
    # What it lacks is told in its program.
    Peer("django_bolt", PEERS, _BOLT, ("layers5", "layers20", "providers", "form", "multipart"), "django-bolt"),
    Peer("microdot", ORIGINALS, GRANIAN_ASGI, without=("providers",)),
    Peer("microdot", ORIGINALS, OWN, without=("providers",)),
    Peer("madara", ORIGINALS, GRANIAN_WSGI, without=("providers",)),
    # 5000 routes take these two longer than a server may need to start.
    Peer("flama", ORIGINALS, GRANIAN_ASGI, without=("routes5000",)),
    Peer("rapidy", ORIGINALS, OWN, without=("routes5000",)),
)


def served() -> dict[Serving, tuple[str, ...]]:
    """Those whose environments are built, each with the workloads that it answers."""
    servings = [peer.serving(python) for peer in ALL if (python := peer.python)]
    return {serving: tuple(filter(serving.target.answers, WORKLOADS)) for serving in servings}


def in_process() -> dict[str, Target]:
    """Those that can be called without a server, by the interpreters that have them; for the view `inproc`."""
    return {
        peer.name: replace(peer.serving(python).target, protocol=_CALLED_BY[peer.name])
        for peer in ALL
        if peer.name in _CALLED_BY and (python := peer.python)
    }


def missing() -> list[str]:
    """A word for each that isn't there."""
    return list(dict.fromkeys(peer.how_to_get for peer in ALL if peer.python is None))


def versions() -> dict[str, str]:
    """Of those that are there."""
    return {peer.name: peer.version(python) for peer in ALL if (python := peer.python)}
