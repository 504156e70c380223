"""The machine and the packages that figures were taken on, and running things on one core of it."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("nacre", "granian", "uvicorn", "uvloop", "msgspec", "blacksheep", "starlette")


def describe() -> dict[str, str]:
    """What stands above the tables."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu_model(),
        "cores": str(cores),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "packages": ", ".join(f"{name} {version}" for name in PACKAGES if (version := version_of(name))),
    }


def version_of(package: str) -> str | None:
    """The version of an installed package; for Nacre run from its sources, its own word."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        if package != "nacre":
            return None
    from nacre import __version__

    return __version__


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def environment(**more: str) -> dict[str, str]:
    """The environment of a measured process.

    The order of sets of text shall not differ from process to process, and bytecode is kept, as where an application
    is installed.
    """
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONHASHSEED": "0", **more}


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started meanwhile stay on this core, where the system and the number of cores allow it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    if core in allowed:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
