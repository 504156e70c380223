"""The application that `nacre run` and `nacre dev` serve, as `nacre.cli.served:app`.

Worker processes import it from here, so that they find it as the command did: with factories, and with debug on.
"""

from __future__ import annotations

import functools
import os

from nacre import Nacre
from nacre.cli.discovery import compile_app

_TARGET = "NACRE_SERVED_APP"
_DEBUG = "NACRE_SERVED_DEBUG"

REFERENCE = f"{__name__}:app"


def serve_from_here(target: str, *, debug: bool) -> str:
    """Have `app` of this module, here and in processes begun from here, be this one; answers its reference."""
    os.environ[_TARGET] = target
    os.environ[_DEBUG] = "1" if debug else ""
    _load.cache_clear()
    return REFERENCE


@functools.cache
def _load() -> Nacre:
    app = compile_app(os.environ[_TARGET])
    if os.environ.get(_DEBUG):
        app.debug = True
    return app


def __getattr__(name: str) -> Nacre:
    if name == "app":
        return _load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
