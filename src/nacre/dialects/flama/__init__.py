"""Flama's names and conventions over Nacre: its programs run after their imports are changed.

`from flama import Flama, http, types` becomes `from nacre.dialects.flama import Flama, http, types`; see
docs/dialects/flama.md for what differs.
"""

from nacre.dialects.flama.applications import Flama
from nacre.dialects.flama.background import (
    BackgroundProcessTask,
    BackgroundTask,
    BackgroundTasks,
    BackgroundThreadTask,
    Concurrency,
)
from nacre.dialects.flama.injection import Component, Components
from nacre.dialects.flama.middleware import layer
from nacre.dialects.flama.modules import Module
from nacre.dialects.flama.serving import run

__all__ = [
    "BackgroundProcessTask",
    "BackgroundTask",
    "BackgroundTasks",
    "BackgroundThreadTask",
    "Component",
    "Components",
    "Concurrency",
    "Flama",
    "Module",
    "layer",
    "run",
]
