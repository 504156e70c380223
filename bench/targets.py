"""What is measured: an application, a protocol, and the peers it is compared with."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.workloads import Setting

Protocol = Literal["asgi", "rsgi", "wsgi"]


@dataclass(frozen=True)
class Target:
    """One application on one protocol. `needs` is the package without which it is left out.

    In a process of its own it is run by the interpreter `python`, which finds modules in `folder` too.
    """

    name: str
    module: str
    protocol: Protocol
    setting: Setting = field(default_factory=Setting)
    needs: str | None = None
    python: str = sys.executable
    folder: Path | None = None

    @property
    def present(self) -> bool:
        return self.needs is None or importlib.util.find_spec(self.needs) is not None

    def search_path(self) -> dict[str, str]:
        """The variable for its process that has modules in `folder` found."""
        if self.folder is None:
            return {}
        others = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join([str(self.folder), *([others] if others else [])])}

    def build(self, setting: Setting) -> Any:
        """Its application, built for a setting."""
        return importlib.import_module(self.module).build(setting)


NACRE_ASGI = Target("nacre asgi", "bench.apps.nacre", "asgi")
NACRE_RSGI = Target("nacre rsgi", "bench.apps.nacre", "rsgi")
NACRE_WSGI = Target("nacre wsgi", "bench.apps.nacre", "wsgi", Setting(style="Django class", plain=True))
RAW_ASGI = Target("raw asgi", "bench.apps.raw_asgi", "asgi")
RAW_MSGSPEC = Target("raw asgi, msgspec", "bench.apps.raw_asgi", "asgi", Setting(codec="msgspec"), "msgspec")
RAW_RSGI = Target("raw rsgi", "bench.apps.raw_rsgi", "rsgi")
RAW_WSGI = Target("raw wsgi", "bench.apps.raw_wsgi", "wsgi")
BLACKSHEEP = Target("blacksheep", "bench.apps.blacksheep", "asgi", needs="blacksheep")
STARLETTE = Target("starlette", "bench.apps.starlette", "asgi", needs="starlette")

TARGETS = {
    target.name: target
    for target in (
        NACRE_ASGI,
        NACRE_RSGI,
        NACRE_WSGI,
        RAW_ASGI,
        RAW_MSGSPEC,
        RAW_RSGI,
        RAW_WSGI,
        BLACKSHEEP,
        STARLETTE,
    )
}
