"""Where the text of templates comes from: folders, a mapping, or a function."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nacre.errors import ConfigurationError, Location, Problem

StrPath = str | os.PathLike[str]
TemplateSource = StrPath | Sequence[StrPath] | Mapping[str, str] | Callable[[str], str | None]
"""A folder or several; texts by name; or a function that gives the text of a name, or None."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a template, and the file it is from; `<name>` where there is none, as Python calls such code."""

    text: str
    file: str


class Sources(Protocol):
    """The texts of templates, by name: path segments with slashes between them."""

    def get(self, name: str) -> Source | None:
        """The text of this name; None if there is none."""
        ...

    def names(self) -> Iterable[str]:
        """All names there are, as far as that can be known."""
        ...

    def name_of(self, file: str) -> str:
        """The name of the template with this `Source.file`."""
        ...

    def refresh(self) -> bool:
        """Read again what has been given and has changed since; says whether anything has."""
        ...


def sources_of(given: TemplateSource, where: Location) -> Sources:
    """Open what a user names. Raises ConfigurationError for folders that aren't there."""
    if isinstance(given, Mapping):
        return Texts(given.get, given, "the mapping")
    if isinstance(given, str | os.PathLike):
        return Folders([given], where)
    if callable(given):
        return Texts(given, (), "what the function finds")
    return Folders(given, where)


class Texts:
    """Templates that aren't files: what a mapping holds, or a function finds."""

    def __init__(self, find: Callable[[str], str | None], known: Iterable[str], description: str) -> None:
        self._find = find
        self._known = known
        self._description = description
        self._given: dict[str, str] = {}

    def get(self, name: str) -> Source | None:
        text = self._find(name)
        if text is None:
            return None
        self._given[name] = text
        return Source(text, f"<{name}>")

    def names(self) -> Iterable[str]:
        return list(self._known)

    def name_of(self, file: str) -> str:
        return file.removeprefix("<").removesuffix(">")

    def refresh(self) -> bool:
        changed = [name for name, text in list(self._given.items()) if self._find(name) != text]
        for name in changed:
            self._given.pop(name, None)
            self.get(name)
        return bool(changed)

    def __str__(self) -> str:
        return self._description


class Folders:
    """Templates in files of UTF-8 text; of two with one name that of the first folder counts.

    SECURITY: a name may come from a client (`f"{page}.html"`). It is taken apart at its slashes, and none of the parts
    may lead upwards, be empty, or hold what separates paths on some system. Symbolic links are followed: who can make
    one in a folder of templates can write a template.
    """

    def __init__(self, folders: Sequence[StrPath], where: Location) -> None:
        here = _folder_of(where)
        self._folders = [here / folder for folder in folders]
        problems = [_missing(folder, where) for folder in self._folders if not folder.is_dir()]
        if not folders:
            problems.append(Problem("templates are to be read from no folder", where, "name one"))
        if problems:
            raise ConfigurationError(problems)
        self._read: dict[str, tuple[Source, Path, tuple[int, int]]] = {}

    def get(self, name: str) -> Source | None:
        """Reads a file once, so that none is read on an event loop. Raises ValueError for one that isn't UTF-8."""
        read = self._read.get(name)
        if read is not None:
            return read[0]
        parts = name.split("/")
        if any(part in ("", ".", "..") or not _FORBIDDEN.isdisjoint(part) for part in parts):
            return None
        for folder in self._folders:
            path = folder.joinpath(*parts)
            try:
                stamp = _stamp(path)
                text = path.read_text(encoding="utf-8")
            except OSError:  # it isn't there, is a folder, or its name is too long
                continue
            source = Source(text, str(path))
            self._read[name] = source, path, stamp
            return source
        return None

    def names(self) -> Iterable[str]:
        found: dict[str, None] = {}
        for folder in self._folders:
            for path in _files_in(folder):
                found[path.relative_to(folder).as_posix()] = None
        return found

    def name_of(self, file: str) -> str:
        for folder in self._folders:
            if Path(file).is_relative_to(folder):
                return Path(file).relative_to(folder).as_posix()
        return file

    def refresh(self) -> bool:
        changed = [name for name, (_, path, stamp) in list(self._read.items()) if _changed(path, stamp)]
        for name in changed:
            self._read.pop(name, None)
            self.get(name)
        return bool(changed)

    def __str__(self) -> str:
        return " or ".join(str(folder) for folder in self._folders)


_FORBIDDEN = frozenset("\\:\0")


def _folder_of(where: Location) -> Path:
    """The folder of the file that a place is in; the working directory for code that no file holds."""
    folder = Path(where.file).parent
    return folder.absolute() if Path(where.file).suffix and folder.is_dir() else Path.cwd()


def _missing(folder: Path, where: Location) -> Problem:
    fix = "a relative path begins at the folder of the file that names it"
    elsewhere = Path.cwd() / folder.name
    if elsewhere.is_dir() and elsewhere != folder:
        fix += f'; the working directory has one, which is `Path.cwd() / "{folder.name}"`'
    return Problem(f"the folder of templates {folder} doesn't exist", where, fix)


def _files_in(folder: Path) -> Iterator[Path]:
    """All files but those that editors and systems leave behind."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(files) if not name.startswith(".") and name[-1] != "~")


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _changed(path: Path, stamp: tuple[int, int]) -> bool:
    try:
        return _stamp(path) != stamp
    except OSError:
        return True
