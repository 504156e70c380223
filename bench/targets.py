"""What is measured: an application, a protocol, and the peers it is compared with."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bench.workloads import WORKLOADS, Setting

Protocol = Literal["asgi", "rsgi", "wsgi", "own"]
"""`own` is that of a program that serves itself."""


@dataclass(frozen=True)
class Target:
    """One application on one protocol. `needs` is the package without which it is left out.

    `without` names the workloads that it has no answer to. In a process of its own it is run by the interpreter
    `python`, which finds modules in `folder` too.
    """

    name: str
    module: str
    protocol: Protocol
    setting: Setting = field(default_factory=Setting)
    needs: str | None = None
    python: str = sys.executable
    folder: Path | None = None
    without: tuple[str, ...] = ()

    @property
    def present(self) -> bool:
        return self.needs is None or importlib.util.find_spec(self.needs) is not None

    def answers(self, workload: str) -> bool:
        """Whether it has an answer to this workload."""
        return workload not in self.without

    def search_path(self) -> dict[str, str]:
        """The variable for its process that has modules in `folder` found."""
        if self.folder is None:
            return {}
        others = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join([str(self.folder), *([others] if others else [])])}

    def build(self, setting: Setting) -> Any:
        """Its application, built for a setting."""
        return importlib.import_module(self.module).build(setting)


# A hook is the shortest layer that adds a header, and so what stands beside the peers, each in its own best style.
# Default headers would be shorter still, but are no calls at all: they have a row of their own, as other styles have.
NACRE_ASGI = Target("nacre asgi", "bench.apps.nacre", "asgi", Setting(style="after hook"))
NACRE_RSGI = Target("nacre rsgi", "bench.apps.nacre", "rsgi", Setting(style="after hook"))
NACRE_WSGI = Target("nacre wsgi", "bench.apps.nacre", "wsgi", Setting(style="after hook", plain=True))
RAW_ASGI = Target("raw asgi", "bench.apps.raw_asgi", "asgi")
RAW_MSGSPEC = Target("raw asgi, msgspec", "bench.apps.raw_asgi", "asgi", Setting(codec="msgspec"), "msgspec")
RAW_RSGI = Target("raw rsgi", "bench.apps.raw_rsgi", "rsgi")
RAW_WSGI = Target("raw wsgi", "bench.apps.raw_wsgi", "wsgi")
BLACKSHEEP = Target("blacksheep", "bench.apps.blacksheep", "asgi", needs="blacksheep")
STARLETTE = Target("starlette", "bench.apps.starlette", "asgi", needs="starlette", without=("providers",))
# With 5000 routes, these take from some seconds to minutes to be built.
_SLOW_TO_BUILD = ("routes5000",)
FASTAPI = Target("fastapi", "bench.apps.fastapi", "asgi", needs="fastapi", without=_SLOW_TO_BUILD)
LITESTAR = Target("litestar", "bench.apps.litestar", "asgi", needs="litestar", without=_SLOW_TO_BUILD)
_FALCON_LACKS = ("providers", *_SLOW_TO_BUILD)
FALCON = Target("falcon", "bench.apps.falcon", "asgi", needs="falcon", without=_FALCON_LACKS)
FALCON_WSGI = Target("falcon wsgi", "bench.apps.falcon_wsgi", "wsgi", needs="falcon", without=_FALCON_LACKS)

OURS = (NACRE_ASGI, NACRE_RSGI, NACRE_WSGI)
PEERS = (BLACKSHEEP, STARLETTE, FASTAPI, LITESTAR, FALCON, FALCON_WSGI)

LAYERED = ("layers5", "layers20")
_STYLES = {
    NACRE_ASGI: ("onion", "default headers", "ASGI class inside", "ASGI class at the head"),
    NACRE_RSGI: ("onion", "default headers"),
    NACRE_WSGI: ("onion, plain def", "default headers", "Django class"),
}
STYLED = tuple(
    replace(
        target,
        name=f"{target.name}, {style}",
        setting=replace(target.setting, style=style),
        without=tuple(name for name in WORKLOADS if name not in LAYERED),
    )
    for target, styles in _STYLES.items()
    for style in styles
)
"""Nacre with layers of its other styles."""

TARGETS = {target.name: target for target in (*OURS, RAW_ASGI, RAW_MSGSPEC, RAW_RSGI, RAW_WSGI, *PEERS, *STYLED)}
