"""The files of two OpenAPI user interfaces, Swagger UI and Stoplight Elements."""

from __future__ import annotations

from importlib.resources import files

NAMES = ("swagger-ui.js", "swagger-ui.css", "swagger-ui.png", "elements.js", "elements.css")
"""What `read` has."""


def read(name: str) -> bytes:
    """Return a file of `NAMES`, compressed with gzip; raises KeyError for every other name."""
    if name not in NAMES:
        raise KeyError(name)
    return (files(__package__) / "files" / f"{name}.gz").read_bytes()
