"""Sessions as files in one directory."""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from nacre.errors import ConfigurationError, Location, Problem
from nacre.sessions.records import Record
from nacre.sessions.sweeping import Sweep

_SWEEP = 3600.0  # seconds
_LOCK = "lock"
_NEW = ".new-"
_OWN = re.compile(r"session-[0-9a-f]{64}|\.new-[0-9a-f]{16}")


class FileStore:
    """Keeps sessions in a directory, a file each, for all processes of one machine.

    The directory is made with mode 0700, the files with 0600. A file is written whole under another name and then put
    in its place, so a reader sees one version or the next. Files of sessions that have expired are deleted, once an
    hour at most. It suits some ten thousand sessions; `SQLiteStore` suits more.

    Raises ConfigurationError for a directory that others may enter, that isn't one or can't be made, and on systems
    without POSIX file locks.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        self._directory = Path(path).absolute()
        self._sweep = Sweep(_SWEEP, self._expire, clock)
        what = _prepare(self._directory)
        if what is not None:
            raise ConfigurationError(
                Problem(what, Location.of_caller(), "name a directory of its own, which the store makes if need be")
            )

    def __repr__(self) -> str:
        return f"FileStore({str(self._directory)!r})"

    def read(self, key: str) -> Record | None:
        try:
            with open(self._directory / key, "rb") as file:
                return _decode(file.read())
        except FileNotFoundError:
            return None

    def write(self, key: str, record: Record, replaces: int | None) -> bool:
        with self._locked():
            present = self.read(key)
            if (None if present is None else present.version) != replaces:
                return False
            self._put(key, record)
        self._sweep.run_if_due()
        return True

    def delete(self, key: str, version: int | None = None) -> bool:
        with self._locked():
            if version is not None:
                present = self.read(key)
                if present is None or present.version != version:
                    return False
            try:
                os.unlink(self._directory / key)
            except FileNotFoundError:
                return False
            return True

    def _put(self, key: str, record: Record) -> None:
        # It isn't synced: after a power failure the last changes may be missing, and a damaged file is no record.
        new = self._directory / f"{_NEW}{secrets.token_hex(8)}"
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(_encode(record))
            os.utime(new, (record.expires, record.expires))  # what a sweep looks at
            os.replace(new, self._directory / key)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(new)
            raise

    def _expire(self, now: float) -> None:
        """Delete what has expired, and what a process that was killed has left half written; no file of others."""
        with os.scandir(self._directory) as entries:
            names = [entry.name for entry in entries if _OWN.fullmatch(entry.name)]
        for name in names:
            with self._locked(), suppress(FileNotFoundError):
                path = self._directory / name
                # One that is being written is of now, and its writer has the lock.
                if name.startswith(_NEW) or path.stat().st_mtime <= now:
                    os.unlink(path)

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Keep all other writers out, of this process and of others."""
        from fcntl import LOCK_EX, flock

        descriptor = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            flock(descriptor, LOCK_EX)  # for this opening of the file, so it holds between threads too
            yield
        finally:
            os.close(descriptor)


def _prepare(directory: Path) -> str | None:
    """Make the directory; what is wrong with it, or None."""
    if find_spec("fcntl") is None:
        return "FileStore needs POSIX file locks, which this system doesn't have"
    try:
        directory.mkdir(0o700, parents=True, exist_ok=True)
        status = directory.stat()
    except OSError as error:
        return f"the directory {directory} for sessions can't be made: {error.strerror}"
    # SECURITY: who may write there plants sessions; /tmp is everybody's, and so is what others have made in it.
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        return f"the directory {directory} for sessions belongs to others, or they may enter it"
    return None


def _encode(record: Record) -> bytes:
    """A line of numbers, then the content."""
    numbers = f"{record.version} {record.created!r} {record.expires!r} {len(record.data)}\n"
    return numbers.encode("ascii") + record.data


def _decode(content: bytes) -> Record | None:
    """None for a file that isn't whole."""
    line, _, data = content.partition(b"\n")
    try:
        version, created, expires, length = line.split()
        record = Record(data, float(created), float(expires), int(version))
        return record if int(length) == len(data) else None
    except ValueError:
        return None
