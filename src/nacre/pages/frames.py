"""An exception as data to show: its message, notes and frames with the source around them, and those it came from.

Everything is bounded, and nothing here raises: neither a `__str__` that does nor a source file that is gone.
"""

from __future__ import annotations

import itertools
import linecache
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from traceback import TracebackException
from types import CodeType, TracebackType
from typing import Literal

from nacre.pages.markup import shorten

FrameKind = Literal["app", "library", "nacre"]
Relation = Literal["cause", "context", "member"]

_MESSAGE_MAX = 4000
_NOTES_MAX = 20
_ERRORS_MAX = 20
_FRAMES_MAX = 40
_LINES_AROUND = 5
_LINE_MAX = 240

_PACKAGE = str(Path(__file__).parents[1])
_LIBRARIES = tuple(sorted({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}))


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of source; of the line that ran, `start` and `end` are the columns of what did, if that is known."""

    number: int
    text: str
    is_current: bool = False
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class FrameView:
    """One frame of a traceback."""

    file: str
    line: int
    function: str
    kind: FrameKind
    source: tuple[SourceLine, ...]


@dataclass(frozen=True, slots=True)
class ErrorView:
    """One exception; its frames from the outermost to the innermost, `omitted` more in their middle.

    `related` are the exceptions it came from, or those in it if it is a group.
    """

    type: str
    message: str
    notes: tuple[str, ...]
    frames: tuple[FrameView, ...]
    omitted: int
    related: tuple[tuple[Relation, ErrorView], ...]


def view_error(error: BaseException) -> ErrorView:
    """Look at an exception and at those it came from."""
    return _Viewer().view(error)


class _Viewer:
    """One look, at each exception once."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def view(self, error: BaseException) -> ErrorView:
        self._seen.add(id(error))
        frames, omitted = _frames(error.__traceback__)
        return ErrorView(
            type_name(error), message_of(error), _notes(error), frames, omitted, tuple(self._related(error))
        )

    def _related(self, error: BaseException) -> Iterator[tuple[Relation, ErrorView]]:
        for relation, other in _relations(error):
            if id(other) not in self._seen and len(self._seen) < _ERRORS_MAX:
                yield relation, self.view(other)


def _relations(error: BaseException) -> Iterator[tuple[Relation, BaseException]]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield "member", member
    if error.__cause__ is not None:
        yield "cause", error.__cause__
    elif error.__context__ is not None and not error.__suppress_context__:
        yield "context", error.__context__


def type_name(error: BaseException) -> str:
    """The name of an exception's class, with its module unless that is builtins."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


def message_of(error: BaseException) -> str:
    """The text of an exception, with Python's "did you mean" where it has one."""
    try:
        text = str(
            TracebackException(type(error), error, error.__traceback__, limit=0, lookup_lines=False, compact=True)
        )
    except Exception:
        text = "<the exception has no text: its __str__ raised>"
    return shorten(text, _MESSAGE_MAX)


def _notes(error: BaseException) -> tuple[str, ...]:
    notes = getattr(error, "__notes__", ())
    if not isinstance(notes, list | tuple):
        return ()
    return tuple(shorten(note, _MESSAGE_MAX) for note in notes[:_NOTES_MAX] if isinstance(note, str))


def _frames(traceback: TracebackType | None) -> tuple[tuple[FrameView, ...], int]:
    steps: list[TracebackType] = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    omitted = max(0, len(steps) - _FRAMES_MAX)
    if omitted:  # where it began and where it ended say most
        steps = steps[: _FRAMES_MAX // 2] + steps[-_FRAMES_MAX // 2 :]
    return tuple(_frame(step) for step in steps), omitted


def _frame(step: TracebackType) -> FrameView:
    code = step.tb_frame.f_code
    # COMPAT: a frame's line may be None while it is being traced.
    line = step.tb_lineno or code.co_firstlineno
    return FrameView(
        shorten(_shown_path(code.co_filename), _LINE_MAX),
        line,
        shorten(code.co_qualname, _LINE_MAX),
        _kind(code.co_filename),
        _source(code, line, step),
    )


def _kind(file: str) -> FrameKind:
    if file.startswith(_PACKAGE):
        return "nacre"
    path = str(Path(file))
    is_library = path.startswith((*_LIBRARIES, "<frozen ")) or "site-packages" in path or "dist-packages" in path
    return "library" if is_library else "app"


def _shown_path(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _source(code: CodeType, line: int, step: TracebackType) -> tuple[SourceLine, ...]:
    try:
        linecache.checkcache(code.co_filename)
        lines = linecache.getlines(code.co_filename, step.tb_frame.f_globals)
        first = max(1, line - _LINES_AROUND)
        shown = lines[first - 1 : line + _LINES_AROUND]
        return tuple(
            _current(text, number, code, step.tb_lasti) if number == line else SourceLine(number, _cut(text))
            for number, text in enumerate(shown, first)
        )
    except Exception:
        return ()  # a loader of the user's, or a file that changes under our eyes


def _current(text: str, number: int, code: CodeType, instruction: int) -> SourceLine:
    line, end_line, start, end = next(
        itertools.islice(code.co_positions(), instruction // 2, None), (None, None, None, None)
    )
    cut = _cut(text)
    # The frame of a template stands for its line, and its columns are those of what the library compiled.
    is_python = code.co_filename.endswith((".py", ".pyw"))
    if not is_python or line != number or start is None or end is None:
        return SourceLine(number, cut, is_current=True)
    start = _characters(text, start)
    end = _characters(text, end) if end_line == line else len(text)
    if start >= len(cut) or text[start:end].strip() == text.strip():
        return SourceLine(number, cut, is_current=True)
    return SourceLine(number, cut, True, start, min(end, len(cut)))


def _characters(text: str, offset: int) -> int:
    """The column of a byte offset, as code objects count."""
    return len(text.encode("utf-8", "replace")[:offset].decode("utf-8", "replace"))


def _cut(text: str) -> str:
    text = text.rstrip("\r\n")
    return text if len(text) <= _LINE_MAX else text[:_LINE_MAX] + "…"
