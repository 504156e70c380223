"""What goes wrong with a template, on any engine."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class TemplateError(Exception):
    """A template can't be rendered as it is written, or not with the values that it got.

    `template` is its name, `line` counts from 1 and is None where the engine doesn't tell; `detail` is the engine's
    sentence. What a function called from a template raises is not wrapped: `abort(404)` there is a 404.
    """

    def __init__(self, template: str, line: int | None, detail: str) -> None:
        self.template = template
        self.line = line
        self.detail = detail
        place = f"template {template!r}" if line is None else f"template {template!r}, line {line}"
        super().__init__(f"{place}: {detail}")


class TemplateNotFound(TemplateError, LookupError):
    """No template has this name; `template` and `line` say where it was asked for, if that was in a template."""

    def __init__(self, name: str, known: Iterable[str], searched: str, asked: tuple[str, int | None] | None) -> None:
        self.name = name
        detail = f"there is no template {name!r} in {searched}{did_you_mean(name, known)}"
        super().__init__(*(asked or (name, None)), detail)
        if asked is None:
            self.args = (detail,)


class BlockNotFound(TemplateError, LookupError):
    """A template has no block of this name."""

    def __init__(self, template: str, block: str, known: Iterable[str]) -> None:
        self.block = block
        super().__init__(template, None, f"it has no block {block!r}{did_you_mean(block, known)}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that isn't there: those that are near."""
    near: Sequence[str] = difflib.get_close_matches(name, list(known), n=2, cutoff=0.75)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def note(error: Exception, text: str) -> None:
    """Add a note to an exception, once: the same object may be raised for many requests."""
    if text not in getattr(error, "__notes__", ()):
        error.add_note(text)
