"""Compressed responses."""

from __future__ import annotations

from typing import Any

from nacre.compression import Compression
from nacre.dialects.blacksheep.middlewares import MiddlewareCategory


def use_gzip_compression(app: Any, handler: Compression | None = None) -> Compression:
    """Compress the answers of an application; returns the layer that does so."""
    layer = GzipMiddleware() if handler is None else handler
    app.middlewares.append(layer, MiddlewareCategory.INIT)
    return layer


class GzipMiddleware(Compression):
    """Compresses bodies of `min_size` bytes and more, with gzip at this level; streams and `Vary` as Nacre does."""

    def __init__(self, min_size: int = 500, comp_level: int = 5) -> None:
        super().__init__(minimum_size=min_size, algorithms=("gzip",), levels={"gzip": comp_level})
