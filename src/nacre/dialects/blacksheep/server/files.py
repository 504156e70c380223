"""Folders of files, of which those with known extensions are served."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from nacre.errors import NotFound
from nacre.request import Request
from nacre.response import Response
from nacre.static import StaticFiles

DEFAULT_EXTENSIONS = frozenset(
    {
        *(".css", ".eot", ".html", ".ico", ".jpeg", ".jpg", ".js", ".mp3", ".mp4", ".png", ".svg", ".ttf", ".txt"),
        *(".webm", ".webp", ".woff", ".woff2"),
    }
)
"""The extensions that are served unless others are named."""


class ListedFiles(StaticFiles):
    """The files of a directory whose extension is listed."""

    def __init__(
        self, directory: str | os.PathLike[str], *, extensions: Iterable[str] | None = None, **options: Any
    ) -> None:
        super().__init__(directory, **options)
        self.extensions = DEFAULT_EXTENSIONS if extensions is None else frozenset(map(str.lower, extensions))

    def look_up(self, path: str, joined: str, request: Request, response: Response) -> None:
        extension = os.path.splitext(path)[1].lower()
        # SECURITY: what isn't listed isn't there, also where a fallback answers for what isn't.
        if path and extension not in self.extensions and os.path.isfile(joined):
            raise NotFound
        super().look_up(path, joined, request, response)
